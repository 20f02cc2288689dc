"""``/tools``: the registry of typed calculators and look-ups, over HTTP."""

from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, Literal

from litestar import Response, post
from litestar.params import FromPath
from pydantic import Field

from api.deps import AnyRequest, cacheable, json_response, parsed_body, parsed_query, serving, to_json
from api.document import documented, reads
from kb.catalogue.records import Record
from kb.errors import UnknownName
from kb.tools import TOOLS, Tool
from kb.tools.base import Arguments


class ToolsQuery(Arguments):
    format: Annotated[
        Literal["openai"] | None, Field(description="as OpenAI function definitions", examples=["openai"])
    ] = None
    strict: Annotated[bool, Field(description="with `format=openai`: by OpenAI's strict rules")] = False


class ToolView(Record):
    """A tool and the JSON Schemas of what goes in and comes out."""

    name: str
    """By which it is called."""
    description: str
    """What it does."""
    input_schema: dict[str, Any]
    """JSON Schema of its arguments."""
    output_schema: dict[str, Any]
    """JSON Schema of its result."""


@reads("/tools", "The tools, with JSON Schemas", "tools", query=ToolsQuery)
def list_tools(request: AnyRequest) -> Response[bytes]:
    """A list of `{name, description, input_schema, output_schema}`; with `format=openai`, of function definitions."""
    asked = parsed_query(request, ToolsQuery)
    return cacheable(request, _definitions(asked.format, asked.strict))


@cache
def _definitions(form: Literal["openai"] | None, strict: bool) -> bytes:
    return to_json([tool.openai_schema(strict=strict) if form else tool.schema() for tool in TOOLS])


@reads("/tools/{name:path}", "A tool by name", "tools", answer=ToolView, path={"name": "check_fit"})
def get_tool(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
    return cacheable(request, to_json(_tool(name).schema()))


@post(
    "/tools/{name:path}",
    operation_id="call_tool",
    summary="Call a tool by name",
    tags=["tools"],
    opt=documented(path={"name": "kv_cache_size"}, body_example=TOOLS["kv_cache_size"].example),
    status_code=200,
)
async def call_tool(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
    """The body is the tool's arguments; each tool's own operation gives their schema."""
    tool = _tool(name)
    arguments = await parsed_body(request)
    catalogue = serving(request).catalogue
    return json_response(await serving(request).in_thread(lambda: tool.call(catalogue, arguments)))


def _tool(path: str) -> Tool[Any, Any]:
    name = path.removeprefix("/")
    if name not in TOOLS:
        raise UnknownName("tool", name, get_close_matches(name[:100], TOOLS.names(), n=3) or TOOLS.names())
    return TOOLS[name]
