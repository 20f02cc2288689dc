"""The language models that an evaluation can be run with."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from kb.errors import KnowledgeBaseError
from kb.llm import make_engine
from kb.llm.base import Engine
from kb.settings import Settings

NONE = "none"
LONGEST_LOAD_S = 600.0
POLL_S = 0.05


class EngineMissing(KnowledgeBaseError):
    """An engine that was named for the evaluation and cannot be had; says what is wrong and what is accepted."""


@contextmanager
def open_engine(wanted: str, settings: Settings) -> Iterator[Engine | None]:
    """``none``, the path of a GGUF file, or the URL of an OpenAI-compatible server.

    It is ready when it comes: the first question's time is not the load's. Raises :class:`EngineMissing`.
    """
    engine = None if wanted == NONE else make_engine(settings_for(wanted, settings))
    try:
        if engine is not None:
            _wait_until_ready(engine, wanted)
        yield engine
    finally:
        if engine is not None:
            engine.close()


def settings_for(wanted: str, settings: Settings) -> Settings:
    """The settings that ask for this engine and no other. Raises :class:`EngineMissing`."""
    if wanted.startswith(("http://", "https://")):
        return settings.model_copy(update={"model": None, "llm_url": wanted})
    path = Path(wanted)
    if not path.is_file():
        raise EngineMissing(
            f"There is no engine {wanted!r}. Accepted: none, the path of a GGUF file, or the URL of a server."
        )
    return settings.model_copy(update={"model": path, "llm_url": None})


def _wait_until_ready(engine: Engine, wanted: str) -> None:
    limit_s = monotonic() + LONGEST_LOAD_S
    while engine.status() == "loading" and monotonic() < limit_s:
        sleep(POLL_S)
    if engine.status() != "ready":
        raise EngineMissing(f"The engine {wanted!r} cannot be asked: {engine.status()}")
