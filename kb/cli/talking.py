"""``kb ask`` and ``kb chat``: questions in plain words. What an answer is made of is imported when one is wanted."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

from kb.cli.base import app
from kb.errors import KnowledgeBaseError
from kb.terminal import Json, err, out, plain_errors, print_markdown, show_json

if TYPE_CHECKING:
    from kb.chat.reply import Event, Message, Reply
    from kb.cli.speakers import Detail

HELP = (
    "/full: the arithmetic and all assumptions. /sources: what the answer stands on. /new: another conversation. /quit."
)


@app.command()
def ask(
    question: list[str],
    full: Annotated[bool, typer.Option("--full", help="With the arithmetic, all assumptions and commands.")] = False,
    as_json: Json = False,
) -> None:
    """Ask a question; several quoted questions are one conversation."""
    from kb.cli.speakers import speaker

    # A question without quotes comes as words; one with blanks in a word was quoted.
    turns = question if any(" " in part for part in question) else [" ".join(question)]
    with plain_errors():
        messages = _messages([{"role": "user", "content": turn} for turn in turns])
        with closing(speaker()) as answering:
            detail: Detail = "full" if full and not as_json else "brief"
            reply = _told(answering.stream(messages, detail), silently=as_json)
    if as_json:
        show_json(reply.model_dump(mode="json"))
        return
    _after(reply, "" if full else "--full")
    _sources(reply, everything=full)


@app.command()
def chat() -> None:
    """Ask on and on; /full, /sources, /new and /quit are understood."""
    from kb.chat.reply import MAX_MESSAGE
    from kb.cli.speakers import speaker

    with suppress(ImportError):
        import_module("readline")  # line editing and history of what ``input`` reads
    with plain_errors(), closing(speaker()) as answering:
        if sys.stdin.isatty():
            out.print(HELP, style="dim")
        said: list[Mapping[str, str]] = []
        reply: Reply | None = None
        for line in _lines():
            if line == "/quit":
                break
            if line == "/new":
                said, reply = [], None
            elif line in ("/full", "/sources") and reply is not None:
                if line == "/full":
                    print_markdown(reply.details or "There is nothing more to this answer.")
                else:
                    _sources(reply, everything=True)
            elif line.startswith("/"):
                out.print(HELP, style="dim")
            elif line:
                asked = {"role": "user", "content": line}
                try:
                    reply = _told(answering.stream(_messages([*said, asked])))
                except KnowledgeBaseError as error:
                    err.print(str(error), soft_wrap=True)
                    continue
                said += [asked, {"role": "assistant", "content": reply.answer[:MAX_MESSAGE]}]
                _after(reply, "/full")


def _lines() -> Iterator[str]:
    while True:
        try:
            yield input("> " if sys.stdin.isatty() else "").strip()
        except (EOFError, KeyboardInterrupt):
            return


def _messages(said: Sequence[Mapping[str, str]]) -> Sequence["Message"]:
    """Raises :class:`kb.errors.KnowledgeBaseError` where a message or all of them are too long."""
    from kb.chat.reply import ChatRequest
    from kb.tools.base import parse_arguments

    return parse_arguments("ask", ChatRequest, {"messages": list(said)}).messages


def _told(events: Iterable["Event"], *, silently: bool = False) -> "Reply":
    """The reply, printed as it comes: the composed answer first, then what a language model writes, sentence by
    sentence. Raises :class:`kb.errors.KnowledgeBaseError` where it ends early."""
    from kb.chat.reply import DoneEvent, ErrorEvent, TokenEvent

    failed, told = "", 0
    for event in events:
        if isinstance(event, DoneEvent):
            if event.reply.explanation and not silently:
                out.print()
            return event.reply
        if isinstance(event, ErrorEvent):
            failed = event.message
        elif isinstance(event, TokenEvent) and not silently:
            if told == 0:
                print_markdown(event.text)
            else:  # the line break that ends the composed answer is printed already
                out.print(event.text.removeprefix("\n" if told == 1 else ""), end="", soft_wrap=True)
            told += 1
    raise KnowledgeBaseError(failed or "The server's answer ended early.")


def _after(reply: "Reply", more: str) -> None:
    """What stands under an answer; ``more`` is how its details are asked for."""
    if reply.question and reply.question.text not in reply.answer:
        out.print(reply.question.text, soft_wrap=True)
    if reply.reason and not reply.abstained:
        err.print(reply.reason, soft_wrap=True)
    if more and reply.details:
        out.print(f"(more with {more})", style="dim")


def _sources(reply: "Reply", *, everything: bool) -> None:
    """What was cited; ``everything``: what a calculator's figures stand on, too."""
    for one in reply.citations:
        if everything or one.tool or one.spec or one.term or one.passage_id or one.dispute:
            where = f", {one.section}" if one.section else ""
            out.print(f"[{one.id}] {one.title} ({one.source}{where})", soft_wrap=True)
