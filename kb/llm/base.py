"""What the chat asks of a language model."""

from collections.abc import Callable, Generator
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
    engine that can holds the model to it. ``purpose``: to write about the evidence, to choose a
    name, or to say whether ``question``, which is a sentence, follows from the evidence.
    """

    system: str
    question: str
    evidence: tuple[str, ...]
    max_tokens: int
    grammar: Grammar | None = None
    purpose: Literal["write", "choose", "check"] = "write"


@dataclass
class Run:
    """One request: set ``cancelled`` to stop it; the engine fills in the counts while it writes.

    ``deadline_s`` counts from here, for all that the request asks of a model together; ``limit_s`` is its end on the
    monotonic clock. ``log_probability`` is that of all tokens written so far, in nats, and ``figure_log_probability``
    the lowest of a token with a digit since whoever judges the text last took it away; None where the engine does not
    tell. ``whole``: nobody sees anything before the end, so that it is not waited for much longer than the engine
    expects. ``told_ahead`` is called with the number of requests that are served before this one, when there are any
    and when it changes.
    """

    deadline_s: float
    cancelled: Event = field(default_factory=Event)
    whole: bool = False
    told_ahead: Callable[[int], object] = lambda _: None
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

    def part(self) -> "Run":
        """One of several things that the request asks of the model, in what is left of its time."""
        return Run(self.left_s, self.cancelled, self.whole, self.told_ahead)

    def add(self, part: "Run") -> None:
        self.prompt_tokens += part.prompt_tokens
        self.completion_tokens += part.completion_tokens

    def end_within(self, seconds: float) -> None:
        """The deadline comes so soon, if not sooner."""
        sooner = max(0.0, self.left_s - seconds)
        self.limit_s -= sooner
        self.deadline_s -= sooner


class Engine(Protocol):
    """A writer of explanations.

    ``write`` yields text as it comes. It raises :class:`kb.errors.EngineBusy` where too many wait, or for too long, and
    :class:`kb.errors.EngineUnavailable` where the model fails, dies, passes the deadline or would pass it; text yielded
    before stands.
    A cancelled run just ends; closing the generator stops the model too.
    """

    @property
    def name(self) -> str: ...

    def write(self, prompt: Prompt, run: Run) -> Generator[str, None, None]: ...

    def status(self) -> str:
        """``ready``, ``loading``, or why it cannot answer."""
        ...

    def close(self) -> None: ...
