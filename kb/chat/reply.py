"""What the chat answers with, whole and in pieces."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints, field_validator

from kb.catalogue.records import Record
from kb.tools.base import Arguments

MAX_MESSAGE = 8_000
"""Characters of one message; longer ones are refused, not cut."""
MAX_CONVERSATION = 16_000
"""Characters of all messages of the user: each may be read for what the last one leaves open."""


class Message(Arguments):
    role: Literal["user", "assistant", "system"]
    """Who says it."""
    content: Annotated[str, StringConstraints(min_length=1, max_length=MAX_MESSAGE)]
    """What is said; Markdown is read as text."""


class ChatRequest(Arguments):
    """``messages``, oldest first, end with the user's question. The server keeps nothing between requests."""

    messages: Annotated[tuple[Message, ...], Field(min_length=1, max_length=50)]
    """Oldest first; the last is the user's question."""
    stream: bool = False
    """Whether the answer comes in pieces, as server-sent events."""
    detail: Annotated[
        Literal["brief", "full"], Field(description="`full` puts the details into `answer`, below the brief one")
    ] = "brief"

    @field_validator("messages")
    @classmethod
    def _can_be_read(cls, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        said = sum(len(message.content) for message in messages if message.role == "user")
        if said > MAX_CONVERSATION:
            raise ValueError(
                f"the user's messages have {said:,} characters and at most {MAX_CONVERSATION:,} are read; "
                "leave out the oldest, or begin a new conversation"
            )
        return messages


class Citation(Record):
    """What ``[id]`` in the answer stands for: a passage, a term, a spec, a dispute or a tool's result."""

    id: int
    """Stands in the answer as `[id]`."""
    source: str
    """Slug of the source, or whose calculator it is."""
    section: str
    title: str
    passage_id: str | None = None
    """Where a passage is cited."""
    term: str | None = None
    """Slug, where a term is cited."""
    spec: str | None = None
    """`kind/slug`, where a record is cited."""
    dispute: str | None = None
    """Slug, where a dispute is cited."""
    tool: str | None = None
    """Name, where a result is cited."""


class ToolCall(Record):
    name: str
    """Of the tool."""
    arguments: dict[str, Any]
    """As it was called."""
    result: dict[str, Any]
    """What it gave."""


class Grounding(Record):
    """``figures`` in the answer that were held against what it stands on: results, records and passages, and for the
    language model's text the evidence that it was shown, never the text itself.

    ``unsupported_figures`` names those that are not there. Sentences that have one are dropped before, so it is empty
    unless that failed; ``removed_sentences`` counts what the language model wrote in vain.
    """

    figures: int
    """How many were held against the evidence."""
    unsupported_figures: tuple[str, ...] = ()
    """Those that are not in it."""
    removed_sentences: int = 0
    """What the language model wrote in vain."""


class Usage(Record):
    prompt_tokens: int = 0
    """Read by the language model; 0 without one."""
    completion_tokens: int = 0
    """Written by it."""


class UnderstoodName(Record):
    """A model, a device, a format or a term as it was read: ``name`` is the catalogue's, ``text`` the question's."""

    kind: str
    """Of what: `models`, `accelerators`, `terms` …"""
    name: str
    """The catalogue's."""
    text: str
    """The question's."""
    count: int = 1
    """How many of it."""
    standing: Literal["has", "considers", "mentioned"] = "mentioned"
    """Whether the person has it, considers it, or only named it."""


class Understood(Record):
    """What was read of the conversation. ``quantities`` by name with the unit in it (``system_memory_gb``); ``unknown``
    names that no record has; ``from_earlier`` what the last message did not say again."""

    asks: tuple[str, ...] = ()
    """What is asked, by the names of tools and of other ways to answer."""
    names: tuple[UnderstoodName, ...] = ()
    """What the conversation names."""
    quantities: dict[str, float | int | str] = Field(default_factory=dict)
    """Figures of the conversation, with the unit in the key."""
    unknown: tuple[str, ...] = ()
    """Names that no record has."""
    from_earlier: tuple[str, ...] = ()
    """What the last message did not say again."""
    read_as: str = ""
    """The last message in English, where it is in another language."""


class QuestionBack(Record):
    """What has to be known first. ``options`` are answers to choose from, where there are few."""

    text: str
    """The question."""
    slot: str
    """The argument that it is for."""
    options: tuple[str, ...] = ()
    """Answers to choose from; none where any will do."""


class Reply(Record):
    """The answer of ``POST /chat``: ``answer`` is brief Markdown, ``details`` has the arithmetic, further assumptions,
    disputes and commands."""

    answer: str
    """Brief Markdown."""
    details: str = ""
    """Markdown: the arithmetic, further assumptions, disputes, commands."""
    understood: Understood = Understood()
    """How the conversation was read."""
    question: QuestionBack | None = None
    """What has to be known first; null where nothing has."""
    follow_ups: tuple[str, ...] = ()
    """What to ask next."""
    explanation: str = ""
    """What the language model added; it stands at the end of ``answer`` too."""
    citations: tuple[Citation, ...]
    """What `[1]` in the answer stands for."""
    tool_calls: tuple[ToolCall, ...]
    """With their results."""
    abstained: bool
    """Whether nothing known answers this."""
    reason: str | None
    """Why, where it abstained."""
    engine: str
    """Who wrote: ``composed`` (no model), or the model's name; ``composed`` too where the model failed."""
    grounding: Grounding
    """How the figures were held against the evidence."""
    usage: Usage = Usage()
    """Of the language model."""


class EvidenceEvent(Record):
    """Comes first, before the language model has produced anything: the composed answer, complete by itself."""

    event: Literal["evidence"] = "evidence"
    answer: str
    details: str = ""
    understood: Understood = Understood()
    question: QuestionBack | None = None
    follow_ups: tuple[str, ...] = ()
    citations: tuple[Citation, ...]
    tool_calls: tuple[ToolCall, ...]
    abstained: bool
    reason: str | None


class ToolEvent(Record):
    """A tool that the language model called because the question's words did not tell which one; one of ``result``
    and ``error`` is set. ``evidence`` comes again where the calls made another answer."""

    event: Literal["tool"] = "tool"
    name: str
    arguments: dict[str, Any]
    result: dict[str, Any] | None = None
    error: str | None = None


class TokenEvent(Record):
    """Text that has passed the grounding, to be appended; the space around it counts."""

    model_config = ConfigDict(str_strip_whitespace=False)

    event: Literal["token"] = "token"
    text: str


class WaitingEvent(Record):
    """The language model works for others, ``ahead`` of them before this one; 0 when its turn has come."""

    event: Literal["waiting"] = "waiting"
    ahead: int


class DoneEvent(Record):
    """The whole reply; its ``answer`` is what the pieces make."""

    event: Literal["done"] = "done"
    reply: Reply


class ErrorEvent(Record):
    """The language model failed or ran out of time; the composed answer stands."""

    event: Literal["error"] = "error"
    message: str


Event = EvidenceEvent | ToolEvent | WaitingEvent | TokenEvent | DoneEvent | ErrorEvent
