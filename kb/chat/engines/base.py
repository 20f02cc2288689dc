"""What the chat asks of a language model."""

from collections.abc import Generator
from dataclasses import dataclass, field
from threading import Event
from typing import Protocol


@dataclass(frozen=True)
class Prompt:
    """System instructions, and the user's message with the evidence in it.

    ``evidence`` is ordered by rank: an engine whose context is too short drops items from the end.
    """

    system: str
    question: str
    evidence: tuple[str, ...]
    max_tokens: int


@dataclass
class Run:
    """One request: set ``cancelled`` to stop it; the engine fills in the counts."""

    deadline_s: float
    cancelled: Event = field(default_factory=Event)
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Engine(Protocol):
    """A writer of explanations.

    ``write`` yields text as it comes. It raises :class:`kb.errors.EngineBusy` where the queue is full and
    :class:`kb.errors.EngineUnavailable` where the model fails, dies or passes the deadline; text yielded before stands.
    The deadline counts from the call. A cancelled run just ends; closing the generator stops the model too.
    """

    @property
    def name(self) -> str: ...

    def write(self, prompt: Prompt, run: Run) -> Generator[str, None, None]: ...

    def status(self) -> str:
        """``ready``, ``loading``, or why it cannot answer."""
        ...

    def close(self) -> None: ...
