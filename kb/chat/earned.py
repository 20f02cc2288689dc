"""What a language model may do: what it has been tried at, and was good enough for (:mod:`kb.chat.examination`)."""

import json
from collections.abc import Mapping
from math import ceil
from pathlib import Path

from pydantic import ValidationError

from kb.catalogue.records import Record
from kb.disk import write_whole
from kb.llm.default_model import model_file, models_dir
from kb.settings import Settings

FILE = "checked.json"
CHOOSES = 0.7
"""Of the questions: the trained reader, where it is unsure, is right about fewer."""
LETS_PASS = 0.05
"""Of the broken sentences at most, that a model takes for right ones; on others it may be more."""
KEEPS = 2 / 3
"""Of the right sentences at least, at that: a model that doubts more explains nothing."""


class Earned(Record):
    """``least`` is how sure it must be of a sentence for the sentence to leave; None where none is put to it."""

    chooses: bool
    explains: bool
    least: float | None = None


EVERYTHING = Earned(chooses=True, explains=True)
NOTHING = Earned(chooses=False, explains=False)


class Trial(Record):
    """How a model did: the questions for which it chose what is asked, and of right and of broken sentences those of
    which it was as sure as ``least``."""

    at: str
    chosen: int
    questions: int
    kept: int
    right: int
    passed: int
    broken: int
    least: float

    @property
    def earned(self) -> Earned:
        safe = self.passed <= LETS_PASS * self.broken
        return Earned(
            chooses=self.chosen >= CHOOSES * self.questions,
            explains=safe and self.kept >= KEEPS * self.right,
            least=self.least,
        )

    @property
    def says(self) -> tuple[str, str]:
        """For users: what it may do, and why."""
        may = self.earned
        needed, to_keep = ceil(CHOOSES * self.questions), ceil(KEEPS * self.right)
        return (
            f"choose what is asked, where the reader is unsure: {_yes(may.chooses)}. "
            f"It chose rightly in {self.chosen} of {self.questions}; {needed} are needed.",
            f"explain answers: {_yes(may.explains)}. Checking sentences, it dropped {self.broken - self.passed} of "
            f"{self.broken} broken ones and kept {self.kept} of {self.right} right ones; {to_keep} are needed.",
        )


def _yes(may: bool) -> str:
    return "yes" if may else "no"


def earned(settings: Settings) -> Earned:
    """Of the model that the settings name; nothing, where it was never tried."""
    trial = trials(settings.data_dir).get(named(settings))
    return trial.earned if trial else NOTHING


UNTRIED = "not tried yet, and does nothing until it is: `kb model check`"


def may_do(settings: Settings) -> tuple[str, ...]:
    """For users: what the model that the settings name may do."""
    trial = trials(settings.data_dir).get(named(settings))
    return trial.says if trial else (UNTRIED,)


def named(settings: Settings) -> str:
    """The model that the settings ask for: a server's by its address and name, a file by its name and size."""
    if settings.llm_url:
        return f"{settings.llm_model} at {settings.llm_url}"
    file = model_file(settings.model, settings.data_dir)
    return f"{file.name}, {file.stat().st_size} bytes" if file is not None and file.is_file() else ""


def trials(data_dir: Path) -> Mapping[str, Trial]:
    """By model; what cannot be read counts as not there."""
    try:
        kept = json.loads((models_dir(data_dir) / FILE).read_text("utf-8"))
        return {str(name): Trial.model_validate(trial) for name, trial in kept.items()}
    except (OSError, ValueError, ValidationError, AttributeError):
        return {}


def keep(data_dir: Path, name: str, trial: Trial) -> None:
    models_dir(data_dir).mkdir(parents=True, exist_ok=True)
    found = {**trials(data_dir), name: trial}
    text = json.dumps({name: trial.model_dump(mode="json") for name, trial in found.items()}, indent=1)
    write_whole(models_dir(data_dir) / FILE, f"{text}\n".encode())
