"""What the chat asks of a language model."""

from collections.abc import Generator
from dataclasses import dataclass, field
from threading import Event
from time import monotonic
from typing import Literal, Protocol


@dataclass(frozen=True)
class Grammar:
    """What the text must be: in llguidance's Lark for the local model; for a server in GBNF, or as a JSON Schema."""

    lark: str
    gbnf: str = ""
    schema: str = ""


@dataclass(frozen=True)
class Prompt:
    """System instructions, and the user's message with the evidence in it.

    ``evidence`` is ordered by rank: an engine whose context is too short drops items from the end. ``grammar``: an
    engine that can holds the model to it. ``purpose``: to write about the evidence, if any; or to say whether
    ``question``, which is a sentence, follows from it.
    """

    system: str
    question: str
    evidence: tuple[str, ...]
    max_tokens: int
    grammar: Grammar | None = None
    purpose: Literal["write", "check"] = "write"


@dataclass
class Run:
    """One request: set ``cancelled`` to stop it; the engine fills in the counts while it writes.

    ``deadline_s`` counts from here, for all that the request asks of a model together; ``limit_s`` is its end on the
    monotonic clock. ``log_probability`` is that of all tokens written so far, in nats, and ``figure_log_probability``
    the lowest of a token with a digit since whoever judges the text last took it away; None where the engine does not
    tell.
    """

    deadline_s: float
    cancelled: Event = field(default_factory=Event)
    limit_s: float = field(init=False)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    log_probability: float | None = None
    figure_log_probability: float | None = None

    def __post_init__(self) -> None:
        self.limit_s = monotonic() + self.deadline_s

    @property
    def left_s(self) -> float:
        return max(0.0, self.limit_s - monotonic())


class Engine(Protocol):
    """A writer of explanations.

    ``write`` yields text as it comes. It raises :class:`kb.errors.EngineBusy` where the queue is full and
    :class:`kb.errors.EngineUnavailable` where the model fails, dies or passes the deadline; text yielded before stands.
    A cancelled run just ends; closing the generator stops the model too.
    """

    @property
    def name(self) -> str: ...

    def write(self, prompt: Prompt, run: Run) -> Generator[str, None, None]: ...

    def status(self) -> str:
        """``ready``, ``loading``, or why it cannot answer."""
        ...

    def close(self) -> None: ...
