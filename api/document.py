"""The OpenAPI 3.1 document, from the routes, their pydantic models and their examples.

Our own rather than the framework's: the schemas are exactly those that pydantic validates and writes by, and each
tool stands in it as an operation with its own input and output.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Literal

from litestar import Litestar, get
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import kb
from api.deps import AnyRequest, serving
from api.problems import MEDIA_TYPE, Problem
from kb.catalogue.described import Described, described
from kb.tools import TOOLS

Schema = dict[str, Any]
Mode = Literal["validation", "serialization"]
_Found = Mapping[tuple[type[BaseModel], Mode], Schema]
"""A reference to the schema of each model, as input or as output."""

_REF = "#/components/schemas/{model}"


@dataclass(frozen=True)
class Doc:
    """What the document says of a handler beyond its name and summary."""

    answer: type[BaseModel] | None = None
    many: bool = False
    """The answer is a bare list of ``answer``."""
    media: tuple[str, ...] = ("application/json",)
    path: Mapping[str, str] = field(default_factory=dict)
    """An example of each path parameter."""
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What a path parameter takes, where that is all."""
    query: type[BaseModel] | None = None
    more_query: str = ""
    """What further query parameters mean, where any are taken."""
    error: type[BaseModel] | None = None
    """What an error is told in, as JSON; without it, problem details."""
    body: type[BaseModel] | None = None
    body_example: Mapping[str, Any] | None = None


def documented(**said: Any) -> dict[str, Any]:
    """For a handler's ``opt``."""
    return {"doc": Doc(**said)}


def reads(
    path: str,
    summary: str,
    tag: str,
    /,
    *,
    operation_id: str | None = None,
    exception_handlers: Mapping[int | type[Exception], Callable[..., Any]] | None = None,
    is_long: bool = False,
    **said: Any,
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """A handler of GET: quick, or a coroutine, or ``is_long``, and then it holds up nobody; its operation is called as
    it is unless said. ``said``: see `Doc`."""

    def handler(function: Callable[..., Any]) -> HTTPRouteHandler:
        if is_long:
            function = _in_thread(function)
        return get(
            path,
            operation_id=operation_id or function.__name__,
            summary=summary,
            tags=[tag],
            opt=documented(**said),
            exception_handlers=dict(exception_handlers) if exception_handlers else None,
            sync_to_thread=None if iscoroutinefunction(function) else False,
        )(function)

    return handler


def _in_thread(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    async def answered(request: AnyRequest, **values: Any) -> Any:
        return await serving(request).in_thread(lambda: function(request, **values))

    return answered


@dataclass(frozen=True)
class _Operation:
    path: str
    method: str
    operation_id: str
    summary: str
    description: str
    tags: tuple[str, ...]
    doc: Doc


def openapi_document(app: Litestar) -> Schema:
    """Every route that has a :class:`Doc`."""
    operations = [*_routes(app), *_tool_operations()]
    wanted: dict[tuple[type[BaseModel], Mode], None] = {(Problem, "serialization"): None}
    for operation in operations:
        doc = operation.doc
        wanted |= {(model, "validation"): None for model in (doc.query, doc.body) if model is not None}
        wanted |= {(model, "serialization"): None for model in (doc.answer, doc.error) if model is not None}
    generated, definitions = models_json_schema(list(wanted), ref_template=_REF, schema_generator=Described)
    found: _Found = {key: generated[key] for key in wanted}
    schemas: Schema = definitions.get("$defs", {})
    paths: dict[str, Schema] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = _described(operation, found, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Hardware KB",
            "version": kb.__version__,
            "description": "Hardware for running AI models locally: every figure is sourced or calculated. "
            "Errors are RFC 9457 problem details. The server keeps no session.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": schemas, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "security": [{}, {"key": []}],
    }


def _routes(app: Litestar) -> Iterator[_Operation]:
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for handler in route.route_handlers:
            doc = handler.opt.get("doc")
            if isinstance(doc, Doc):
                yield from _of_handler(route, handler, doc)


def _of_handler(route: HTTPRoute, handler: HTTPRouteHandler, doc: Doc) -> Iterator[_Operation]:
    for method in handler.http_methods:
        yield _Operation(
            path=route.path_format or "/",
            method=method.lower(),
            operation_id=str(handler.operation_id),
            summary=handler.summary or "",
            description=(handler.fn.__doc__ or "").strip(),
            tags=tuple(handler.resolve_tags()),
            doc=doc,
        )


def _tool_operations() -> Iterator[_Operation]:
    """Each tool's own path: its call, and its schema, which ``Allow`` names there too."""
    for tool in TOOLS:
        shown = f"The schema of {tool.name}"
        yield _Operation(f"/tools/{tool.name}", "get", f"{tool.name}_schema", shown, shown, ("tools",), Doc())
        doc = Doc(answer=tool.output_model, body=tool.input_model, body_example=tool.example)
        summary = tool.description.split(":")[0].split(". ")[0].removesuffix(".")
        yield _Operation(f"/tools/{tool.name}", "post", tool.name, summary, tool.description, ("tools",), doc)


def _described(operation: _Operation, found: _Found, schemas: Mapping[str, Schema]) -> Schema:
    doc = operation.doc
    answer: Schema = dict(found[doc.answer, "serialization"]) if doc.answer else {}
    if doc.many:
        answer = {"type": "array", "items": answer}
    error, told_in = (doc.error, "application/json") if doc.error else (Problem, MEDIA_TYPE)
    problem = {"content": {told_in: {"schema": found[error, "serialization"]}}}
    said: Schema = {
        "operationId": operation.operation_id,
        "summary": operation.summary,
        "description": operation.description,
        "tags": list(operation.tags),
        "parameters": [
            *(_path_parameter(name, example, doc.choices.get(name)) for name, example in doc.path.items()),
            *(_query_parameters(doc.query, found, schemas) if doc.query else ()),
        ],
        "responses": {
            "200": {
                "description": "The answer.",
                "content": {media: {"schema": _schema_of(media, answer)} for media in doc.media},
            },
            "4XX": {"description": "The request cannot be met; says why and what would be.", **problem},
            "503": {"description": "Not ready, or busy; ask again after `Retry-After` seconds.", **problem},
        },
    }
    if doc.more_query:
        said["parameters"].append(
            {
                "name": "filters",
                "in": "query",
                "description": doc.more_query,
                "style": "form",
                "explode": True,
                "schema": {"type": "object", "additionalProperties": {"type": "string"}},
            }
        )
    if doc.body_example is not None:
        schema = found[doc.body, "validation"] if doc.body else {"type": "object"}
        said["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema, "examples": {"example": {"value": doc.body_example}}}},
        }
    return said


def _schema_of(media: str, answer: Schema) -> Schema:
    if media == "application/json":
        return answer
    if media == "text/event-stream":
        return {}
    return {"type": "object"} if media.endswith("json") else {"type": "string"}


def _path_parameter(name: str, example: str, choices: Sequence[str] | None) -> Schema:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": described(name, given=True),
        "schema": {"type": "string", "enum": list(choices)} if choices else {"type": "string", "minLength": 1},
        "examples": {"example": {"value": example}},
    }


def _query_parameters(model: type[BaseModel], found: _Found, schemas: Mapping[str, Schema]) -> Iterator[Schema]:
    schema = schemas[found[model, "validation"]["$ref"].rpartition("/")[2]]
    for name, part in schema["properties"].items():
        shown = dict(part)
        examples = shown.pop("examples", [])
        parameter = {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "description": shown.pop("description", ""),
            "schema": _never_null(shown),
        }
        if examples:
            parameter["examples"] = {"example": {"value": examples[0]}}
        yield parameter


def _never_null(schema: Schema) -> Schema:
    """A query leaves out what has no value."""
    said = {key: value for key, value in schema.items() if key != "anyOf" and (key, value) != ("default", None)}
    branches = [branch for branch in schema.get("anyOf", ()) if branch.get("type") != "null"]
    return said | (branches[0] if len(branches) == 1 else {"anyOf": branches} if branches else {})
