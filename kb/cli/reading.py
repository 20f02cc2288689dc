"""``kb term`` and ``kb search``: what is known, to read."""

from typing import Annotated, Any

import typer

from kb.cli import completing
from kb.cli.base import app, call_tool
from kb.terminal import Json, out, print_markdown


@app.command()
def term(name: Annotated[str, typer.Argument(autocompletion=completing.terms)], as_json: Json = False) -> None:
    """A glossary term, by any of its names."""

    def show(view: Any) -> None:
        parts = [f"# {view.pref_label}", view.definition, "## In practice", view.in_practice]
        parts += ["## Pitfalls", view.pitfalls]
        print_markdown("\n\n".join(parts))
        for note in view.disputes:
            out.print(f"Disputed: {note.title}. {note.ruling}")

    call_tool("lookup_term", {"name": name}, as_json, show)


@app.command()
def search(
    query: str,
    k: Annotated[int, typer.Option("-k", help="How many passages.", min=1, max=50)] = 5,
    as_json: Json = False,
) -> None:
    """Passages of the documents and the glossary, best first."""

    def show(result: Any) -> None:
        for hit in result.hits:
            out.print(hit.title, style="bold")
            out.print(f"{hit.passage_id}, {hit.answers or 0:.0%} likely to answer", style="dim")
            out.print(f"{hit.text}\n")

    call_tool("search_passages", {"query": query, "k": k}, as_json, show)
