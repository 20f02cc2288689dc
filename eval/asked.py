"""Questions that other people asked, and what a program can check of how they are understood and answered."""

import argparse
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from kb.catalogue.names import DEVICE_KINDS, Names
from kb.catalogue.records import Record
from kb.chat.answering.answer import Answer, answer
from kb.chat.reading.asks import AskReader
from kb.chat.reading.reader import read
from kb.chat.reading.roles import RoleReader
from kb.chat.reading.situation import Named, Situation
from kb.errors import AmbiguousName, UnknownName
from kb.search.embed import Embedder
from kb.search.live import Index, LiveIndex
from kb.settings import settings

HERE = Path(__file__).parent / "asked_questions"
LONG, VERY_LONG = 120, 200
"""Words of a brief answer."""
_COUNTED = re.compile(r"\([^()]*\)")


class AskedQuestion(Record):
    """``facts`` is what the question states, ``checks`` expressions that a right answer matches."""

    id: str
    turns: tuple[str, ...]
    asks: tuple[str, ...]
    good_answer: str
    facts: dict[str, Any] | None = None
    checks: dict[str, Any] | None = None


@dataclass(frozen=True)
class Tally:
    """Of names: found and meant, found and not meant, meant and not found."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.right + other.right, self.wrong + other.wrong, self.missed + other.missed)

    @property
    def f1(self) -> float:
        return 2 * self.right / max(1, 2 * self.right + self.wrong + self.missed)


def questions(path: Path = HERE / "judging.jsonl") -> list[AskedQuestion]:
    return [AskedQuestion.model_validate_json(line) for line in path.read_text("utf-8").splitlines() if line]


def answered(index: Index, turns: Sequence[str]) -> Answer:
    return answer(index, read(turns, index.names, AskReader(index.asks), RoleReader(index.roles)))


def mentions(names: Names, question: AskedQuestion, situation: Situation) -> Tally:
    """Models and devices that the facts name and the catalogue has, against those that were read."""
    facts = question.facts or {}
    tally = Tally()
    for kinds, meant, found in (
        (("models",), facts.get("models", ()), situation.models),
        (DEVICE_KINDS, [device["name"] for device in facts.get("devices", ())], situation.devices),
    ):
        wanted = {slug for name in meant if (slug := _slug(names, kinds, name))}
        slugs = [{match.slug for match in named.candidates} for named in found if named.candidates]
        right = sum(bool(each & wanted) for each in slugs)
        covered = {slug for each in slugs for slug in each} & wanted
        tally += Tally(right, len(slugs) - right, len(wanted - covered))
    return tally


def _slug(names: Names, kinds: Sequence[str], name: str) -> str | None:
    try:
        return names.resolve(kinds, _COUNTED.sub("", name).strip()).slug
    except (AmbiguousName, UnknownName):
        return None


def quantities(question: AskedQuestion, situation: Situation) -> Tally:
    """Context, system memory and budget, where the facts have them."""
    facts = question.facts or {}
    tally = Tally()
    for key, value in (
        ("context", situation.context),
        ("system_memory_gb", situation.system_memory_gb),
        ("budget", situation.budget),
    ):
        meant = facts.get(key)
        if not isinstance(meant, (int, float)):
            continue
        near = value is not None and abs(float(value) - float(meant)) <= 0.03 * float(meant)
        tally += Tally(int(near), int(value is not None and not near), int(value is None))
    return tally


def report(index: Index) -> Iterator[str]:
    asked = questions()
    words: list[int] = []
    named, stated = Tally(), Tally()
    passed = checked = 0
    for question in asked:
        reply = answered(index, question.turns)
        words.append(len(reply.text.split()))
        named += mentions(index.names, question, reply.situation)
        stated += quantities(question, reply.situation)
        if question.checks:
            checked += 1
            passed += _passes(question.checks, f"{reply.text}\n{reply.details}")
    lengths = sorted(words)
    yield f"questions                {len(asked)}"
    yield f"words, median and 95 %   {median(lengths):.0f}, {lengths[int(0.95 * len(lengths))]}"
    yield f"names read, F1           {named.f1:.3f} ({named})"
    yield f"quantities read, F1      {stated.f1:.3f} ({stated})"
    yield f"loose checks passed      {passed} of {checked}"
    others = list(answered_for_another(index))
    yield f"answered for another     {len(others)} {others[:5]}"


def _passes(checks: Mapping[str, Any], text: str) -> bool:
    must = all(re.search(pattern, text, re.I) for pattern in checks.get("must", ()))
    return must and not any(re.search(pattern, text, re.I) for pattern in checks.get("must_not", ()))


def answered_for_another(index: Index) -> Iterator[str]:
    """Unknown names in whose place a record of another name was read."""
    for name in (HERE / "unknown_models.txt").read_text("utf-8").splitlines():
        if not name or name.startswith("#") or _slug(index.names, ("models",), name):
            continue
        situation = read([f"can a 3090 run {name} at Q4?"], index.names, None)
        if any(not _is_size(model) for model in situation.models):
            yield name


def _is_size(model: Named) -> bool:
    return not model.candidates or bool(model.match.size)


def answers(index: Index, asked: Iterable[AskedQuestion]) -> Iterator[str]:
    """For a reader: each question, its answer, and what an expert would say."""
    for question in asked:
        reply = answered(index, question.turns)
        yield f"## {question.id}\n\nQUESTION: {' || '.join(question.turns)}\n\nANSWER:\n\n{reply.text}\n"
        yield f"EXPERT: {question.good_answer}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=Path, help="write questions and answers to this file")
    given = parser.parse_args()
    chosen = settings()
    index = LiveIndex(chosen.data_dir, Embedder(chosen.embedding_model)).get()
    if given.answers:
        given.answers.write_text("\n".join(answers(index, questions())), "utf-8")
        print(json.dumps({"written": str(given.answers)}))
        return
    for line in report(index):
        print(line)


if __name__ == "__main__":
    main()
