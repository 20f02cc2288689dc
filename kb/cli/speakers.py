"""Who answers ``kb ask`` and ``kb chat``: a running server where one is, else this process."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Literal, Protocol

import httpx2

from kb.chat.reply import (
    DoneEvent,
    ErrorEvent,
    Event,
    EvidenceEvent,
    Message,
    Reply,
    TokenEvent,
    ToolEvent,
)
from kb.cli.base import open_live
from kb.errors import KnowledgeBaseError
from kb.search.manifest import MANIFEST, current_link
from kb.settings import settings

NO_SERVER = "none"
LOOK_FOR_S = 2.0
"""How long a server may take to say that it is there."""

Detail = Literal["brief", "full"]
_EVENTS: dict[str, type[Event]] = {
    model.model_fields["event"].default: model for model in (EvidenceEvent, ToolEvent, TokenEvent, ErrorEvent)
}


class Speaker(Protocol):
    """Answers a conversation."""

    def stream(self, messages: Sequence[Message], detail: Detail = "brief") -> Iterator[Event]:
        """As :meth:`kb.chat.assistant.Assistant.stream`. Raises :class:`kb.errors.KnowledgeBaseError`."""
        ...

    def close(self) -> None: ...


class Served:
    """A running server: nothing has to be opened here."""

    def __init__(self, url: str) -> None:
        self.url = url

    def stream(self, messages: Sequence[Message], detail: Detail = "brief") -> Iterator[Event]:
        body = {"messages": [message.model_dump() for message in messages], "stream": True, "detail": detail}
        key, timeout = settings().api_key, settings().llm_deadline_s + 10
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            with httpx2.stream("POST", f"{self.url}/chat", json=body, headers=headers, timeout=timeout) as answer:
                if answer.status_code != 200:
                    answer.read()
                    raise KnowledgeBaseError(str(answer.json().get("detail", answer.text))[:500])
                yield from _events(answer.iter_lines())
        except httpx2.HTTPError as error:
            raise KnowledgeBaseError(f"The server at {self.url} did not answer ({type(error).__name__}).") from None

    def close(self) -> None:
        pass


def _events(lines: Iterator[str]) -> Iterator[Event]:
    """Of a stream of server-sent events, each of which has one line of data; what is not known is passed over."""
    name = ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data" and name in _EVENTS:
            yield _EVENTS[name].model_validate_json(value)
        elif field == "data" and name == "done":
            yield DoneEvent(reply=Reply.model_validate_json(value))


class Here:
    """Index and language model opened in this process."""

    def __init__(self) -> None:
        from kb.chat.assistant import Assistant
        from kb.chat.earned import earned
        from kb.llm import make_engine

        self._engine = make_engine(settings())
        self._live = open_live()
        self._assistant = Assistant(self._live, self._engine, settings(), earned(settings()))

    def stream(self, messages: Sequence[Message], detail: Detail = "brief") -> Iterator[Event]:
        self._live.follow()
        return self._assistant.stream(messages, detail=detail)

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()


def speaker() -> Speaker:
    url = settings().server_url.rstrip("/")
    return Served(url) if url != NO_SERVER and _serves_ours(url) else Here()


def _serves_ours(url: str) -> bool:
    """Whether a server is there, with the index that would be opened here, or any where there is none."""
    with suppress(httpx2.HTTPError, ValueError):
        ready = httpx2.get(f"{url}/health/ready", timeout=LOOK_FOR_S)
        built = ready.json().get("build_id") if ready.status_code == 200 else None
        manifest = current_link(settings().data_dir) / MANIFEST
        own = json.loads(manifest.read_text("utf-8")).get("build_id") if manifest.exists() else built
        return built is not None and built == own
    return False
