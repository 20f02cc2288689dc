"""What a message asks for: learned at each build from the ways to ask in the tools' folders, kept with the index."""

import random
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from pydantic import Field, TypeAdapter

from kb.catalogue.records import Record
from kb.search.classify import Classifier, Lesson
from kb.text.clauses import clauses
from kb.tools import TOOLS, Registry
from kb.tools.asks import read_form, read_ways

HERE = Path(__file__).parent
TALK_WAYS = HERE.parent / "answering" / "ways"
TALK = tuple(sorted(path.stem for path in TALK_WAYS.glob("*.yaml")))
"""Asks that no tool answers."""

CALLED = {
    "models": "model", "media-models": "model", "accelerators": "graphics card", "machines": "graphics card", "cpus": "processor",
    "quantizations": "Q4", "storage": "SSD", "motherboards": "motherboard",
}  # fmt: skip
"""What stands for a name of each kind, so that sense is learned and not names; ``slots.yaml`` has the same."""

READINGS = 2
"""Of each way to ask with choices in it, so many are learned."""
IN_WORDS = "_in_words"
"""Ends a slot whose number is spelled out."""
CLAUSE = 0.6
"""How much a clause's asks count beside those of the whole message: of 0, 0.6, 0.8 and 1 this reads best what people
asked, when authors are left out in turn."""
WEIGHTS = {"asked": 3.0, "found": 2.0}
"""How much a question that somebody asked in public weighs beside one that was written for the reader, by its place in
``asked.yaml``: of 1, 2 and 3 for the second this reads the first best, a part of them left out in turn."""

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
SLOT = re.compile(r"\{(\w+)\}")


class _Slot(Record):
    values: tuple[str, ...] = Field(validation_alias="as")
    role: str = ""
    kind: str = ""
    means: str = ""
    """What a message with this slot holds, one of those that :meth:`AskReader.probabilities` is told."""


class _Question(Record):
    text: str
    asks: tuple[str, ...] = Field(min_length=1)


@dataclass(frozen=True)
class AskReader:
    """Tells the asks of a message by what the index learned."""

    learned: Classifier

    def probabilities(self, text: str, present: Collection[str] = ()) -> dict[str, float]:
        """How likely each ask is one of those of the message, likeliest first; empty where nothing was learned.

        Names in ``text`` stand as :data:`CALLED` has them. ``present`` says what it holds, by the words after ``means``
        in ``slots.yaml``. A message may ask for several things, so that the sum may be more than 1.
        """
        if not self.learned.labels:
            return {}
        parts = clauses(text)
        whole, *apart = self.learned.probabilities([text, *parts] if len(parts) > 1 else [text], present)
        if apart:
            whole = whole.clip(min=CLAUSE * np.max(apart, axis=0))
        ranked = sorted(zip(self.learned.labels, whole.tolist(), strict=True), key=lambda pair: -pair[1])
        return dict(ranked)


def lessons(tools: Registry = TOOLS) -> list[Lesson]:
    """What the reader learns from: the ways to ask for each tool and each :data:`TALK`, and what people asked.

    Raises :class:`kb.errors.InvalidKnowledge` naming the file.
    """
    ways = {name: tools.ways(name) for name in tools.names()}
    ways |= {name: read_ways(TALK_WAYS / f"{name}.yaml") for name in TALK}
    taught = [
        _lesson(reading, (ask,), random.Random(reading))
        for ask, by_author in ways.items()
        for templates in by_author.values()
        for reading in _readings(templates)
    ]
    for place, questions in _asked().items():
        for question in questions:
            asks = tuple(ask for ask in question.asks if ways.get(ask))
            if asks:
                lesson = _lesson(question.text, asks, random.Random(question.text))
                taught.append(replace(lesson, weight=WEIGHTS[place]))
    return taught


@cache
def slots() -> Mapping[str, _Slot]:
    return read_form(HERE / "slots.yaml", TypeAdapter(dict[str, _Slot]))


def _asked() -> Mapping[str, Sequence[_Question]]:
    return read_form(HERE / "asked.yaml", TypeAdapter(dict[str, list[_Question]]))


def _readings(templates: Sequence[str]) -> Iterator[str]:
    for template in templates:
        rng = random.Random(template)  # another way to ask changes nothing in what is learned of this one
        for _ in range(READINGS if "|" in template else 1):
            yield expanded(template, rng)


def _lesson(template: str, labels: tuple[str, ...], rng: random.Random) -> Lesson:
    known = slots()
    present = {known[slot].means for slot in SLOT.findall(template) if slot in known} - {""}
    text = SLOT.sub(lambda found: _filled(found[1], rng), template)
    return Lesson(text, labels, frozenset(present))


def _filled(slot: str, rng: random.Random) -> str:
    if slot.endswith(IN_WORDS):
        return "two"
    known = slots().get(slot)
    return rng.choice(known.values) if known else "2"


def expanded(template: str, rng: random.Random) -> str:
    """One reading of a template: of each ``[a|b]`` one side, the innermost first.

    >>> expanded("[a|a] cat", random.Random(0))
    'a cat'
    """
    while _CHOICE.search(template):
        template = _CHOICE.sub(lambda found: rng.choice(found[1].split("|")), template)
    return re.sub(r"  +", " ", template).strip()
