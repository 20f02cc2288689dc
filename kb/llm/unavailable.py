"""An engine that was asked for and cannot be had: the server runs on with composed answers."""

from collections.abc import Generator
from dataclasses import dataclass

from kb.errors import EngineUnavailable
from kb.llm.base import Prompt, Run


@dataclass(frozen=True)
class UnavailableEngine:
    name: str
    reason: str

    def write(self, prompt: Prompt, run: Run) -> Generator[str, None, None]:
        raise EngineUnavailable(self.reason)

    def status(self) -> str:
        return self.reason

    def close(self) -> None:
        """Nothing to close."""
