"""What every handler needs: the open index, threads to calculate in, parsed input, cacheable output."""

import asyncio
import hashlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import Event
from typing import Any, TypeVar, cast
from weakref import WeakSet

import structlog
from litestar import Request, Response
from pydantic import BaseModel, TypeAdapter
from pydantic_core import from_json

from api.problems import Loading, refuse
from kb.catalogue import Catalogue
from kb.chat.assistant import Assistant
from kb.chat.earned import earned
from kb.chat.reply import Message
from kb.errors import EngineBusy, IndexUnusable, KnowledgeBaseError
from kb.llm.base import Engine
from kb.search.embed import Embedder
from kb.search.live import Identity, Index, LiveIndex, identity
from kb.search.manifest import MANIFEST, current_link
from kb.settings import Settings
from kb.tools.base import Arguments, FieldProblem, InvalidArguments, parse_query

JSON = "application/json"
MOST_PARAMETERS = 100
"""Of one query; the specs of a kind have some forty filters."""

LOOK_AGAIN_S = 1.0
"""How soon a new build is noticed, and how often the open one is asked."""

TOOL_THREADS = 4
_LOADING = "loading: index and models are being opened; try again in a few seconds"

WARMING_UP = Message(role="user", content="how fast is an 8B model on a 24 GB graphics card?")
"""Asked once before the first client does: what is imported and compiled at the first answer holds everybody up."""
CHATS_WAITING = 64
"""Questions that may wait for a thread; one more gets 503."""

AnyRequest = Request[Any, Any, Any]
Parsed = TypeVar("Parsed", bound=Arguments)
Result = TypeVar("Result")

log = structlog.get_logger(__name__)


class Serving:
    """Index, assistant and threads of one server, opened in the background while ``/health/live`` already answers."""

    def __init__(self, settings: Settings, engine_maker: Callable[[Settings], Engine | None]) -> None:
        self.settings = settings
        self.ready = False
        self.started_at = int(time.time())
        self._make_engine = engine_maker
        self._live: LiveIndex | None = None
        self._catalogue: Catalogue | None = None
        self._engine: Engine | None = None
        self._assistant: Assistant | None = None
        self._failure: IndexUnusable = Loading(_LOADING)
        self._tried: Identity = None
        self._chats = 0
        self._cancellations: WeakSet[Event] = WeakSet()
        self._stopping = False
        self._chat_threads = settings.llm_queue + TOOL_THREADS
        self._index_pool = ThreadPoolExecutor(1, "index")
        self._tool_pool = ThreadPoolExecutor(TOOL_THREADS, "tool")
        self._chat_pool = ThreadPoolExecutor(self._chat_threads, "chat")

    @property
    def engine_name(self) -> str:
        """Of the language model that explains; empty where there is none."""
        return self._engine.name if self._engine is not None else ""

    @property
    def index(self) -> Index:
        """Raises :class:`IndexUnusable` while none is open."""
        if self._live is None or self._live.opened is None:
            raise self._failure
        return self._live.opened

    @property
    def catalogue(self) -> Catalogue:
        """The index's, or before there is one the files': look-ups and calculators need no more.

        Raises :class:`IndexUnusable` in the first second.
        """
        return self._catalogue or self.index

    @property
    def assistant(self) -> Assistant:
        if self._assistant is None:
            raise self._failure
        return self._assistant

    def require_ready(self) -> None:
        """Raises :class:`IndexUnusable` saying what is missing."""
        if not self.ready:
            raise self._failure

    async def keep_open(self) -> None:
        """Open everything, then follow the builds, until cancelled. Nobody else waits for a build to be opened, and
        this for nobody."""
        while True:
            try:
                await _run_in(self._index_pool, self._open)
            except IndexUnusable as error:
                self._failed(error)
            except Exception as error:
                # A torn file can raise anything here; the server must say so, once, and go on.
                failure = IndexUnusable(f"The index cannot be opened ({type(error).__name__}). Run `kb build`.")
                if str(failure) != str(self._failure):
                    log.error("the index cannot be opened", exc_info=error)
                self._failure = failure
                self.ready = False
            await asyncio.sleep(LOOK_AGAIN_S)

    def _failed(self, error: IndexUnusable) -> None:
        if str(error) != str(self._failure):
            log.warning("no index", reason=str(error))
        self._failure = error
        self.ready = False

    def _open(self) -> None:
        if self._live is None:
            try:
                self._catalogue = Catalogue.load(self.settings.knowledge_dir)
            except KnowledgeBaseError as error:  # somebody edits the files: a built index holds records of its own
                log.warning("the files of the knowledge do not load", reason=str(error))
            self._live = LiveIndex(self.settings.data_dir, Embedder(self.settings.embedding_model))
        manifest = identity(current_link(self.settings.data_dir) / MANIFEST)
        if manifest not in (None, self._tried):
            self._tried, self._failure = manifest, Loading(_LOADING)
        self._live.follow()
        self._catalogue = None
        self._failure = Loading(_LOADING)
        if self._assistant is None:
            self._engine = self._make_engine(self.settings)
            self._assistant = Assistant(self._live, self._engine, self.settings, earned(self.settings))
        if not self.ready:
            Assistant(self._live, None, self.settings).answer([WARMING_UP])
            self.ready = True

    async def in_thread(self, work: Callable[[], Result]) -> Result:
        return await _run_in(self._tool_pool, work)

    async def in_chat_thread(self, work: Callable[[], Result]) -> Result:
        """Chats have their own threads, so that a slow model delays no tool. Raises :class:`EngineBusy`."""
        if self._chats >= self._chat_threads + CHATS_WAITING:
            raise EngineBusy("Too many questions are waiting; ask again in a few seconds.")
        self._chats += 1
        try:
            return await _run_in(self._chat_pool, work)
        finally:
            self._chats -= 1

    def cancellation(self) -> Event:
        """An event of a request's own, which :meth:`hurry` sets too."""
        event = Event()
        self._cancellations.add(event)
        if self._stopping:
            event.set()
        return event

    def hurry(self) -> None:
        """End what waits for a language model: the calculated answers, which are complete, go out without it."""
        self._stopping = True
        for event in tuple(self._cancellations):
            event.set()

    def close(self) -> None:
        self.hurry()
        for pool in (self._index_pool, self._tool_pool, self._chat_pool):
            pool.shutdown(wait=False, cancel_futures=True)
        if self._engine is not None:
            self._engine.close()
        if self._live is not None and self._live.opened is not None:
            self._live.opened.close()


async def _run_in(pool: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
    """What is logged there names the request too."""
    return await asyncio.get_running_loop().run_in_executor(pool, copy_context().run, work)


def serving(request: AnyRequest) -> Serving:
    return cast(Serving, request.app.state.serving)


def parsed_query(request: AnyRequest, model: type[Parsed]) -> Parsed:
    """Raises :class:`kb.tools.InvalidArguments` naming each parameter, unknown ones too."""
    return parse_query(model, query_values(request))


def query_values(request: AnyRequest) -> dict[str, str | list[str]]:
    """A parameter given twice is a list, which no model of ours takes for a text."""
    query = request.query_params
    if len(query) > MOST_PARAMETERS:
        many = FieldProblem(
            field="(query)",
            value=f"{len(query):,} parameters",
            problem="are too many",
            accepted=f"at most {MOST_PARAMETERS}",
        )
        raise InvalidArguments("query", [many])
    return {key: values[0] if len(values) == 1 else values for key in query if (values := query.getall(key))}


async def parsed_body(request: AnyRequest) -> Any:
    """The JSON body. Raises 413, 415, or 400 saying where it is malformed; NaN and Infinity are not JSON."""
    content_type, options = request.content_type
    is_json = content_type == JSON or content_type.endswith("+json")
    if not is_json or options.get("charset", "utf-8").casefold() not in ("utf-8", "utf8"):
        raise refuse(415, f"The body must be JSON in UTF-8: send Content-Type: {JSON}.", {"Accept-Post": JSON})
    if request.headers.get("content-encoding", "identity") != "identity":
        raise refuse(415, "The body must not be compressed.", {"Accept-Encoding": "identity"})
    body = await request.body()
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise refuse(400, f"The body is not valid JSON: {error}.") from None


def to_json(value: object, *, exclude_none: bool = False) -> bytes:
    """A record, or a structure of plain values."""
    if isinstance(value, BaseModel):
        return value.model_dump_json(exclude_none=exclude_none).encode()
    return _ANYTHING.dump_json(value)


_ANYTHING: TypeAdapter[object] = TypeAdapter(Any)


def json_response(value: BaseModel, *, exclude_none: bool = False) -> Response[bytes]:
    return Response(to_json(value, exclude_none=exclude_none), media_type=JSON, headers={"Cache-Control": "no-store"})


def cacheable(
    request: AnyRequest, body: bytes, media_type: str = JSON, headers: dict[str, str] | None = None
) -> Response[bytes]:
    """``body`` with an ETag over its bytes, or 304 where the client holds it already (RFC 9110, 13.1.2). The ETag is
    weak: compressed it is the same."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    etag = f"W/{tag}"
    caching = {"ETag": etag, "Cache-Control": "public, max-age=60", **(headers or {})}
    held = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if tag in held or held == ["*"]:
        return Response(b"", status_code=304, media_type=media_type, headers=caching)
    return Response(body, media_type=media_type, headers=caching)
