"""The tools, the glossary and the specs for other agents: a Model Context Protocol server, over HTTP and stdio."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import mcp_types as types
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from pydantic import TypeAdapter

import kb
from kb.catalogue import Catalogue
from kb.catalogue.records import Record
from kb.errors import InvalidArgument, KnowledgeBaseError
from kb.text import markdown
from kb.tools import TOOLS, InvalidArguments, Tool
from kb.tools.asks import Asked, read_form
from kb.tools.small_schema import small_schema

PAGE = 200
"""Resources of one list."""
_CURSOR = re.compile(r"[0-9]{1,6}")
MOST_COMPLETIONS = 20
TERM, SPEC = "hardware-kb://terms/", "hardware-kb://specs/"
READ_ONLY = types.ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)


class _Prompt(Record):
    title: str
    description: str
    arguments: dict[str, str]
    """All are needed; with what each is."""
    text: str


class _Said(Record):
    instructions: str
    prompts: dict[str, _Prompt]


SAID = read_form(Path(__file__).with_suffix(".yaml"), TypeAdapter(_Said))
Context = ServerRequestContext[Any]


CatalogueFor = Callable[[str], Catalogue]
"""What a tool works with, by its name: searching needs the index, the others do not."""


InThread = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Does what takes time beside the event loop."""


def make_server(catalogue_for: CatalogueFor, in_thread: InThread = asyncio.to_thread) -> Server[Any]:
    """``catalogue_for`` raises :class:`kb.errors.IndexUnusable` while nothing is known."""
    resources = _Resources(catalogue_for, in_thread)
    return Server(
        "hardware-kb",
        title="Hardware KB",
        version=kb.__version__,
        instructions=SAID.instructions,
        on_list_tools=_list_tools,
        on_call_tool=_Calls(catalogue_for, in_thread).call,
        on_list_resources=resources.listed,
        on_list_resource_templates=_templates,
        on_read_resource=resources.read,
        on_list_prompts=_list_prompts,
        on_get_prompt=_get_prompt,
        on_completion=resources.completed,
    )


async def serve_stdio(catalogue_for: CatalogueFor) -> None:
    """Until the client closes the input."""
    server = make_server(catalogue_for)
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


def definitions() -> list[types.Tool]:
    """All tools, small enough for a model to load."""
    return [
        types.Tool(
            name=tool.name, description=_asks(tool), input_schema=small_schema(tool.input_model), annotations=READ_ONLY
        )
        for tool in TOOLS
    ]


def _asks(tool: Tool[Any, Any]) -> str:
    asks = TOOLS.asks(tool.name)
    text = asks.asks if asks else tool.description
    return text[:1].upper() + text[1:]


async def _list_tools(context: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
    return types.ListToolsResult(tools=definitions())


class _Calls:
    def __init__(self, catalogue_for: CatalogueFor, in_thread: InThread) -> None:
        self.catalogue_for, self.in_thread = catalogue_for, in_thread

    async def call(self, context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        """Errors are results that a model can mend its call by."""
        name, arguments = params.name, params.arguments or {}
        if name not in TOOLS:
            near = get_close_matches(name[:100], TOOLS.names(), n=3)
            others = f"Nearest: {', '.join(near)}" if near else f"There are {', '.join(TOOLS.names())}"
            return _failed(f"There is no tool {name[:100]!r}. {others}.")
        tool = TOOLS[name]
        try:
            result: types.CallToolResult = await self.in_thread(lambda: self._called(tool, arguments))
        except KnowledgeBaseError as error:
            return _failed(_told(tool, error))
        return result

    def _called(self, tool: Tool[Any, Any], arguments: dict[str, Any]) -> types.CallToolResult:
        name = tool.name
        result = tool.call(self.catalogue_for(name), arguments)
        stated = Asked(tool=name, stated=frozenset(arguments), arguments=arguments)
        words = markdown.brief(list(TOOLS.say(name)(result, stated)), lambda basis: 0)
        found = result.model_dump(mode="json", exclude_none=True)
        last = {key: found.pop(key) for key in ("assumptions", "citations") if key in found}
        figures = found | last
        content = [types.TextContent(text=words), types.TextContent(text=json.dumps(figures, ensure_ascii=False))]
        return types.CallToolResult(content=content, structured_content=figures)


def _told(tool: Tool[Any, Any], error: KnowledgeBaseError) -> str:
    """What was wrong, and how it is called right."""
    example = ""
    if isinstance(error, InvalidArguments | InvalidArgument):
        example = f" An example: {json.dumps(dict(tool.example), ensure_ascii=False)}"
    return f"{str(error).rstrip('.')}.{example}"


def _failed(text: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=text)], is_error=True)


class _Resources:
    """Terms and specs; a list has the terms, the specs stand under templates."""

    def __init__(self, catalogue_for: CatalogueFor, in_thread: InThread) -> None:
        self.catalogue_for, self.in_thread = catalogue_for, in_thread

    async def listed(self, context: Context, params: types.PaginatedRequestParams | None) -> types.ListResourcesResult:
        cursor = (params.cursor if params else None) or "0"
        if not _CURSOR.fullmatch(cursor):
            raise MCPError(types.INVALID_PARAMS, "This cursor is none of ours: take `nextCursor` of the list before.")
        start = int(cursor)
        terms = list(self.catalogue_for("").known.terms.values())
        resources = [
            types.Resource(uri=f"{TERM}{term.slug}", name=term.pref_label, mime_type="application/json")
            for term in terms[start : start + PAGE]
        ]
        following = str(start + PAGE) if start + PAGE < len(terms) else None
        return types.ListResourcesResult(resources=resources, next_cursor=following)

    async def read(self, context: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        uri = str(params.uri)
        tool, arguments = _lookup_of(uri)
        try:
            text = await self.in_thread(
                lambda: TOOLS[tool].call(self.catalogue_for(tool), arguments).model_dump_json(exclude_none=True)
            )
        except KnowledgeBaseError as error:
            raise MCPError(types.INVALID_PARAMS, str(error)) from None
        return types.ReadResourceResult(
            contents=[types.TextResourceContents(uri=uri, mime_type="application/json", text=text)]
        )

    async def completed(self, context: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        values = list(self._names(params))
        shown = values[:MOST_COMPLETIONS]
        return types.CompleteResult(
            completion=types.Completion(values=shown, total=len(values), has_more=len(values) > len(shown))
        )

    def _names(self, params: types.CompleteRequestParams) -> Iterator[str]:
        known, argument = self.catalogue_for("").known, params.argument
        uri = str(getattr(params.ref, "uri", ""))
        begun = argument.value.casefold()
        kind = (params.context.arguments or {}).get("kind", "") if params.context else ""
        names: Sequence[str] = ()
        if argument.name == "kind":
            names = list(known.specs)
        elif uri.startswith(TERM):
            names = list(known.terms)
        elif uri.startswith(SPEC):
            names = list(known.specs.get(kind, {}))
        elif argument.name == "model":
            names = list(known.specs["models"])
        elif argument.name == "machine":
            names = [*known.specs["accelerators"], *known.specs["machines"]]
        yield from (name for name in names if name.startswith(begun))
        yield from (name for name in names if begun in name and not name.startswith(begun))


async def _templates(
    context: Context, params: types.PaginatedRequestParams | None
) -> types.ListResourceTemplatesResult:
    form = "application/json"
    return types.ListResourceTemplatesResult(
        resource_templates=[
            types.ResourceTemplate(uri_template=TERM + "{name}", name="term", title="A glossary term", mime_type=form),
            types.ResourceTemplate(
                uri_template=SPEC + "{kind}/{name}", name="spec", title="A device, part or model", mime_type=form
            ),
        ]
    )


def _lookup_of(uri: str) -> tuple[str, dict[str, str]]:
    """The look-up that a resource is."""
    if uri.startswith(TERM):
        return "lookup_term", {"name": unquote(uri.removeprefix(TERM))}
    kind, _, name = uri.removeprefix(SPEC).partition("/")
    if not uri.startswith(SPEC) or not name:
        raise MCPError(types.INVALID_PARAMS, f"No resource {uri[:200]!r}: {TERM}{{name}} or {SPEC}{{kind}}/{{name}}.")
    return "lookup_spec", {"kind": unquote(kind), "name": unquote(name)}


async def _list_prompts(context: Context, params: types.PaginatedRequestParams | None) -> types.ListPromptsResult:
    prompts = [
        types.Prompt(
            name=name,
            title=prompt.title,
            description=prompt.description,
            arguments=[
                types.PromptArgument(name=argument, description=what, required=True)
                for argument, what in prompt.arguments.items()
            ],
        )
        for name, prompt in SAID.prompts.items()
    ]
    return types.ListPromptsResult(prompts=prompts)


async def _get_prompt(context: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
    prompt = SAID.prompts.get(params.name)
    if prompt is None:
        raise MCPError(types.INVALID_PARAMS, f"No prompt {params.name[:100]!r}: {' or '.join(SAID.prompts)}.")
    given = params.arguments or {}
    missing = [name for name in prompt.arguments if not given.get(name)]
    if missing:
        raise MCPError(types.INVALID_PARAMS, f"{params.name} needs {' and '.join(missing)}.")
    text = prompt.text.format(**{name: given[name] for name in prompt.arguments})
    return types.GetPromptResult(
        description=prompt.description,
        messages=[types.PromptMessage(role="user", content=types.TextContent(text=text))],
    )
