"""``kb ask`` and ``kb chat``: questions in plain words, answered by a running server where one is, else here."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Protocol

import typer
from rich.markdown import Markdown

from kb.chat.reply import MAX_MESSAGE, ChatRequest, DoneEvent, ErrorEvent, Message, Reply
from kb.cli.base import app, open_live
from kb.errors import KnowledgeBaseError
from kb.settings import settings
from kb.terminal import Json, err, out, plain_errors, show_json, shown

if TYPE_CHECKING:
    from kb.llm.base import Engine

NO_SERVER = "none"
LOOK_FOR_S = 0.3
"""How long a server may take to say that it is there."""
HELP = (
    "/full: the arithmetic and all assumptions. /sources: what the answer stands on. /new: another conversation. /quit."
)


class Speaker(Protocol):
    """Answers a conversation."""

    def answer(self, messages: Sequence[Message]) -> Reply:
        """Raises :class:`kb.errors.KnowledgeBaseError` saying what is wrong."""
        ...

    def close(self) -> None: ...


class Served:
    """A running server: nothing has to be opened here."""

    def __init__(self, url: str) -> None:
        self.url = url

    def answer(self, messages: Sequence[Message]) -> Reply:
        import httpx2

        body = {"messages": [message.model_dump() for message in messages], "stream": True}
        key, timeout = settings().api_key, settings().llm_deadline_s + 10
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            with httpx2.stream("POST", f"{self.url}/chat", json=body, headers=headers, timeout=timeout) as answer:
                if answer.status_code != 200:
                    answer.read()
                    raise KnowledgeBaseError(str(answer.json().get("detail", answer.text))[:500])
                return _last(answer.iter_lines())
        except httpx2.HTTPError as error:
            raise KnowledgeBaseError(f"The server at {self.url} did not answer ({type(error).__name__}).") from None

    def close(self) -> None:
        pass


def _last(lines: Iterator[str]) -> Reply:
    """The whole reply, with which a stream of events ends."""
    event, failed = "", ""
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "event":
            event = value
        elif name == "data" and event == DoneEvent.model_fields["event"].default:
            return Reply.model_validate_json(value)
        elif name == "data" and event == ErrorEvent.model_fields["event"].default:
            failed = str(json.loads(value).get("message", ""))
    raise KnowledgeBaseError(failed or "The server's answer ended early.")


class Here:
    """Index and language model opened in this process."""

    def __init__(self) -> None:
        from kb.chat.assistant import Assistant
        from kb.llm import make_engine

        self._engine: Engine | None = make_engine(settings())
        self._assistant = Assistant(open_live(), self._engine, settings())

    def answer(self, messages: Sequence[Message]) -> Reply:
        return self._assistant.answer(messages)

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()


def speaker() -> Speaker:
    url = settings().server_url.rstrip("/")
    return Served(url) if url != NO_SERVER and _serves_ours(url) else Here()


def _serves_ours(url: str) -> bool:
    """Whether a server is there, with the index that would be opened here, or any where there is none."""
    import httpx2

    from kb.search.manifest import MANIFEST, current_link

    with suppress(httpx2.HTTPError, ValueError):
        ready = httpx2.get(f"{url}/health/ready", timeout=LOOK_FOR_S)
        built = ready.json().get("build_id") if ready.status_code == 200 else None
        manifest = current_link(settings().data_dir) / MANIFEST
        own = json.loads(manifest.read_text("utf-8")).get("build_id") if manifest.exists() else built
        return built is not None and built == own
    return False


@app.command()
def ask(
    question: list[str],
    full: Annotated[bool, typer.Option("--full", help="With the arithmetic, all assumptions and commands.")] = False,
    as_json: Json = False,
) -> None:
    """Ask a question; several quoted questions are one conversation."""
    # A question without quotes comes as words; one with blanks in a word was quoted.
    turns = question if any(" " in part for part in question) else [" ".join(question)]
    with plain_errors():
        messages = _messages([{"role": "user", "content": turn} for turn in turns])
        with closing(speaker()) as answering:
            reply = answering.answer(messages)
    if as_json:
        show_json(reply.model_dump(mode="json"))
        return
    _show(reply, full=full, more="" if full else "--full")
    _sources(reply, everything=full)


@app.command()
def chat() -> None:
    """Ask on and on; /full, /sources, /new and /quit are understood."""
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
                    out.print(Markdown(shown(reply.details or "There is nothing more to this answer.")))
                else:
                    _sources(reply, everything=True)
            elif line.startswith("/"):
                out.print(HELP, style="dim")
            elif line:
                asked = {"role": "user", "content": line}
                try:
                    reply = answering.answer(_messages([*said, asked]))
                except KnowledgeBaseError as error:
                    err.print(str(error), soft_wrap=True)
                    continue
                said += [asked, {"role": "assistant", "content": reply.answer[:MAX_MESSAGE]}]
                _show(reply, more="/full")


def _lines() -> Iterator[str]:
    while True:
        try:
            yield input("> " if sys.stdin.isatty() else "").strip()
        except (EOFError, KeyboardInterrupt):
            return


def _messages(said: Sequence[Mapping[str, str]]) -> Sequence[Message]:
    """Raises :class:`kb.errors.KnowledgeBaseError` where a message or all of them are too long."""
    from kb.tools.base import parse_arguments

    return parse_arguments("ask", ChatRequest, {"messages": list(said)}).messages


def _show(reply: Reply, *, full: bool = False, more: str = "") -> None:
    text = f"{reply.answer}\n\n{reply.details}".rstrip() if full else reply.answer
    out.print(Markdown(shown(text)))
    if reply.question and reply.question.text not in reply.answer:
        out.print(shown(reply.question.text), soft_wrap=True)
    if reply.reason and not reply.abstained:
        err.print(reply.reason, soft_wrap=True)
    if not full and reply.details:
        out.print(
            "(more with --full)" if not sys.stdin.isatty() else "(more with --full, or /full in kb chat)", style="dim"
        )


def _sources(reply: Reply, *, everything: bool) -> None:
    """What was cited; ``everything``: what a calculator's figures stand on, too."""
    for one in reply.citations:
        if everything or one.tool or one.spec or one.term or one.passage_id or one.dispute:
            where = f", {one.section}" if one.section else ""
            out.print(f"[{one.id}] {one.title} ({one.source}{where})", soft_wrap=True)
