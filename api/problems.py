"""Every error as ``application/problem+json`` (RFC 9457), as a page, or in OpenAI's shape; mapped in this one place."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from pydantic import Field

from api.html import HTML, POLICY, prefers_page, rendered
from api.logs import request_id
from kb.catalogue.records import Record
from kb.errors import (
    AmbiguousName,
    EngineBusy,
    EngineUnavailable,
    IndexUnusable,
    InvalidArgument,
    KnowledgeBaseError,
    UnknownName,
    UnreadableModel,
)
from kb.tools import InvalidArguments
from kb.tools.base import FieldProblem

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
MAX_BODY_BYTES = 1_000_000

log = structlog.get_logger(__name__)


class Problem(Record):
    """RFC 9457, with what helps to mend the request."""

    type: str = "about:blank"
    """The kind of problem; `about:blank` where the status says all."""
    title: str
    """The kind in words."""
    status: int
    """The HTTP status."""
    detail: str
    """What was wrong, what is accepted, what to do."""
    instance: str
    """The path that was asked for."""
    suggestions: tuple[str, ...] | None = None
    """The nearest names, where a name is unknown."""
    candidates: tuple[str, ...] | None = None
    """The records that an ambiguous name may mean."""
    errors: tuple[FieldProblem, ...] | None = None
    """Field by field: the value, what is wrong with it and what is accepted."""
    request_id: str | None = Field(default_factory=request_id)
    """By which the server's log names the request; the header `X-Request-ID` too."""


class ErrorSaid(Record):
    message: str
    """What was wrong, what is accepted, what to do."""
    type: str
    """The kind of error."""
    param: str | None = None
    """The field that is wrong."""
    code: str | None = None
    """The error in one word."""


class ErrorBody(Record):
    """An error in OpenAI's shape."""

    error: ErrorSaid
    """What happened."""


class Loading(IndexUnusable):
    """The server has just started and its index is not open yet."""


@dataclass(frozen=True)
class _Kind:
    """How one class of error is shown."""

    error: type[KnowledgeBaseError]
    name: str
    title: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


_FOLDERS = re.compile(r"(?<![\w/:.])/(?:[^\s/'\"]+/)+")

_RETRY = {"Retry-After": str(RETRY_AFTER_S)}

# The first that an error is an instance of holds.
_KINDS = (
    _Kind(UnknownName, "unknown-name", "Unknown name", 404),
    _Kind(AmbiguousName, "ambiguous-name", "Ambiguous name", 422),
    _Kind(InvalidArguments, "invalid-arguments", "Invalid arguments", 422),
    _Kind(InvalidArgument, "invalid-arguments", "Invalid arguments", 422),
    _Kind(UnreadableModel, "unreadable-model", "Unreadable model file", 422),
    _Kind(Loading, "loading", "Loading", 503, {"Retry-After": "1"}),
    _Kind(IndexUnusable, "index-unusable", "Index unusable", 503, _RETRY),
    _Kind(EngineBusy, "engine-busy", "Language model busy", 503, _RETRY),
    _Kind(EngineUnavailable, "engine-unavailable", "Language model unavailable", 503, _RETRY),
    _Kind(KnowledgeBaseError, "failed", "Failed", 500),
)


def refuse(status: int, detail: str, headers: dict[str, str] | None = None) -> HTTPException:
    """A plain HTTP error to raise."""
    return HTTPException(detail=detail, status_code=status, headers=headers)


def problem_of(error: KnowledgeBaseError, instance: str) -> tuple[Problem, Mapping[str, str]]:
    """What a user is told of ``error``, and the headers that go with it."""
    kind = next(kind for kind in _KINDS if isinstance(error, kind.error))
    suggestions = error.suggestions if isinstance(error, UnknownName) else None
    candidates = error.candidates if isinstance(error, AmbiguousName) else None
    problem = Problem(
        type=f"/problems/{kind.name}",
        title=kind.title,
        status=kind.status,
        detail=without_folders(str(error)) if kind.status >= 500 else str(error),
        instance=instance,
        suggestions=suggestions,
        candidates=candidates,
        errors=_field_problems(error),
    )
    return problem, kind.headers


def without_folders(text: str) -> str:
    """Files by their names alone: where they lie is for the log, not for whoever asks.

    >>> without_folders("There is no index at /srv/kb/data. /srv/kb/a.sqlite3 is damaged; see https://example.org/a/b")
    'There is no index at data. a.sqlite3 is damaged; see https://example.org/a/b'
    """
    return _FOLDERS.sub("", text)


def _field_problems(error: KnowledgeBaseError) -> Sequence[FieldProblem] | None:
    if isinstance(error, InvalidArguments):
        return error.problems
    if isinstance(error, InvalidArgument):
        value = str(error.value)[:80]
        return (FieldProblem(field=error.field, value=value, problem="is not accepted", accepted=error.accepted),)
    return None


def instance_of(request: Request[Any, Any, Any]) -> str:
    """The path asked for, as a URI reference; what is absurdly long is cut."""
    return quote(unquote(request.scope["raw_path"].decode("latin-1"))[:200])


def _respond(request: Request[Any, Any, Any], problem: Problem, headers: Mapping[str, str]) -> Response[bytes]:
    """Programs that speak OpenAI's API get its shape; browsers that ask for a page get one that says the same."""
    said = {"Cache-Control": "no-store", "Vary": "Accept", **headers}
    if problem.instance.startswith("/v1/"):
        body, media = as_openai(problem).model_dump_json().encode(), "application/json"
    elif prefers_page(request):
        body, media = rendered(request, "problem.html", problem=problem, address=_page_of(request)), HTML
        said |= POLICY
    else:
        body, media = problem.model_dump_json(exclude_none=True).encode(), MEDIA_TYPE
    return Response(body, status_code=problem.status, media_type=media, headers=said)


def _page_of(request: Request[Any, Any, Any]) -> str:
    """Where a reader wanted to go."""
    if request.scope["method"] != "GET":
        return "/"
    query = request.scope["query_string"].decode("latin-1")
    return instance_of(request) + (f"?{query}" if query else "")


def as_openai(problem: Problem) -> ErrorBody:
    kind = "server_error" if problem.status >= 500 else "invalid_request_error"
    return ErrorBody(error=ErrorSaid(message=problem.detail, type=kind, code=_OPENAI_CODES.get(problem.status)))


_OPENAI_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded"}


def on_known_error(request: Request[Any, Any, Any], error: KnowledgeBaseError) -> Response[bytes]:
    return _respond(request, *problem_of(error, instance_of(request)))


def on_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Errors of the protocol: no such route, wrong method, body too large, malformed body."""
    problem = _http_problem(error, instance_of(request), request.scope["method"])
    return _respond(request, problem, error.headers or {})


def _http_problem(error: HTTPException, instance: str, method: str) -> Problem:
    status = error.status_code
    detail = error.detail
    if status == 404:
        detail = "There is no such route; GET / lists them."
    elif status == 405:
        detail = f"{method[:20]} is not allowed here; allowed: {(error.headers or {}).get('allow')}."
    elif status == 413:
        detail = f"The body is larger than {MAX_BODY_BYTES:,} bytes."
    return Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, instance=instance)


def on_unexpected_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """A bug: the log gets the traceback, the client does not."""
    path = instance_of(request)
    log.error("unexpected error", path=path, method=request.scope["method"], exc_info=error)
    return _respond(
        request,
        Problem(
            title=HTTPStatus.INTERNAL_SERVER_ERROR.phrase,
            status=500,
            detail="Something went wrong here; the server's log says what.",
            instance=path,
        ),
        {},
    )
