"""The command itself, and what its parts share."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kb import __version__
from kb.settings import settings
from kb.terminal import out, plain_errors, show_json

if TYPE_CHECKING:
    from kb.catalogue import Catalogue
    from kb.search.live import LiveIndex

SEARCHING = frozenset({"search_passages", "lookup_dispute"})
"""The tools that need the index."""
app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Hardware KB: what runs on which hardware, and how fast; every figure sourced or calculated.",
)


def open_live() -> "LiveIndex":
    from kb.search.embed import Embedder
    from kb.search.live import LiveIndex

    return LiveIndex(settings().data_dir, Embedder(settings().embedding_model))


def call_tool(name: str, arguments: dict[str, Any], as_json: bool, show: Callable[[Any], None]) -> None:
    """One tool's result, as JSON or by ``show``."""
    from kb.tools import TOOLS

    with plain_errors():
        given = {key: value for key, value in arguments.items() if value is not None}
        result = TOOLS[name].call(catalogue_for(name), given)
    show_result(result, as_json, show)


def catalogue_for(tool: str) -> "Catalogue":
    """The files as they are; the index only for what searches it, since opening it takes seconds."""
    from kb.catalogue import Catalogue

    return open_live().get() if tool in SEARCHING else Catalogue.load(settings().knowledge_dir)


def show_result(result: Any, as_json: bool, show: Callable[[Any], None]) -> None:
    if as_json:
        show_json(result.model_dump(mode="json"))
    else:
        show(result)


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if show:
        out.print(__version__)
        raise typer.Exit
