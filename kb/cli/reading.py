"""``kb ask``, ``kb term`` and ``kb search``: what is known, to read."""

from typing import Annotated, Any

import typer
from rich.markdown import Markdown

from kb.cli.base import app, call_tool, open_live
from kb.settings import settings
from kb.terminal import Json, err, out, plain_errors, show_json, shown


@app.command()
def ask(
    question: list[str],
    full: Annotated[bool, typer.Option("--full", help="With the arithmetic, all assumptions and commands.")] = False,
    as_json: Json = False,
) -> None:
    """Ask a question; several quoted questions are one conversation."""
    from kb.chat.assistant import Assistant
    from kb.chat.reply import ChatRequest
    from kb.llm import make_engine
    from kb.tools.base import parse_arguments

    # A question without quotes comes as words; one with blanks in a word was quoted.
    turns = question if any(" " in part for part in question) else [" ".join(question)]
    with plain_errors():
        asked = parse_arguments("ask", ChatRequest, {"messages": [{"role": "user", "content": turn} for turn in turns]})
    engine = make_engine(settings())
    try:
        with plain_errors():
            reply = Assistant(open_live(), engine, settings()).answer(
                asked.messages, detail="full" if full else "brief"
            )
    finally:
        if engine is not None:
            engine.close()
    if as_json:
        show_json(reply.model_dump(mode="json"))
        return
    out.print(Markdown(shown(reply.answer)))
    if reply.reason and not reply.abstained:
        err.print(reply.reason, soft_wrap=True)
    if not full and reply.details:
        out.print("(more with --full)", style="dim")
    for citation in reply.citations:
        if not (full or citation.tool or citation.spec or citation.term or citation.passage_id or citation.dispute):
            continue  # what a calculator's figures stand on
        where = f", {citation.section}" if citation.section else ""
        out.print(f"[{citation.id}] {citation.title} ({citation.source}{where})", soft_wrap=True)


@app.command()
def term(name: str, as_json: Json = False) -> None:
    """A glossary term, by any of its names."""

    def show(view: Any) -> None:
        parts = [f"# {view.pref_label}", view.definition, "## In practice", view.in_practice]
        parts += ["## Pitfalls", view.pitfalls]
        out.print(Markdown(shown("\n\n".join(parts))))
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
            out.print(f"{hit.score:.4f}  {hit.passage_id}  {hit.title}", style="bold")
            out.print(f"        {hit.text}\n")

    call_tool("search_passages", {"query": query, "k": k}, as_json, show)
