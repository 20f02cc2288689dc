"""Whether an engine writes, by having it write."""

from kb.errors import EngineUnavailable
from kb.llm.base import Engine, Prompt, Run

PROMPT = Prompt("Answer in a few words.", "Is 24 more than 16?", (), 8)
LOADING_AND_WRITING_S = 300.0


def problem_of(engine: Engine) -> str | None:
    """Why it cannot write; None where it can."""
    try:
        for _ in engine.write(PROMPT, Run(LOADING_AND_WRITING_S)):
            pass
    except EngineUnavailable as error:
        return str(error)
    return None
