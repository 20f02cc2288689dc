"""What a language model is good enough for, tried once: choosing what is asked, and telling whether a sentence follows
from facts."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files

import yaml
from pydantic import Field

from kb.catalogue.records import Record
from kb.chat.earned import LETS_PASS, Trial
from kb.chat.explaining.checking import certainty
from kb.chat.reading.choosing import chosen
from kb.chat.reading.situation import Situation
from kb.llm.base import Engine, Run

SECONDS = 120.0
"""Of one task; a model that needs longer is of no use here."""


class Question(Record):
    asked: str
    is_: str = Field(alias="is")
    offered: tuple[str, ...]


class Sentence(Record):
    sentence: str
    follows: bool
    facts: tuple[str, ...]


class Tasks(Record):
    questions: tuple[Question, ...]
    sentences: tuple[Sentence, ...]


@cache
def tasks() -> Tasks:
    return Tasks.model_validate(
        yaml.safe_load(files(__package__).joinpath("examination.yaml").read_text(encoding="utf-8"))
    )


def examine(engine: Engine, done: Callable[[int, int], None] = lambda _, __: None) -> Trial:
    """Some minutes with a model of billions of parameters on a processor. ``done`` hears how many of all tasks are.

    Raises :class:`kb.errors.EngineUnavailable` where the model fails.
    """
    given = tasks()
    total, right = len(given.questions) + len(given.sentences), 0
    for number, question in enumerate(given.questions):
        situation = Situation(text=question.asked, asks=dict.fromkeys(question.offered, 1 / len(question.offered)))
        right += chosen(engine, situation, Run(SECONDS), SECONDS).asks == {question.is_: 1.0}
        done(number + 1, total)
    sure: dict[bool, list[float]] = {True: [], False: []}
    for number, sentence in enumerate(given.sentences, start=len(given.questions)):
        sure[sentence.follows].append(certainty(engine, sentence.sentence, sentence.facts, Run(SECONDS)))
        done(number + 1, total)
    least = _least(sure[False])
    return Trial(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        chosen=right,
        questions=len(given.questions),
        kept=sum(one >= least for one in sure[True]),
        right=len(sure[True]),
        passed=sum(one >= least for one in sure[False]),
        broken=len(sure[False]),
        least=least,
    )


def _least(of_broken: list[float]) -> float:
    """How sure a model must be, for no more than :data:`LETS_PASS` of the broken sentences to pass.

    >>> _least([0.0] * 19 + [0.9]), _least([1.0] * 20)
    (0.01, 1.01)
    """
    passing = sorted(of_broken, reverse=True)[int(LETS_PASS * len(of_broken))]
    return round(passing + 0.01, 2)
