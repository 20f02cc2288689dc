"""Questions that other people asked, and what a program can check of how they are understood and answered."""

import argparse
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from eval.understood import report as understood_report
from kb.catalogue.names import Names
from kb.catalogue.records import Record
from kb.chat.answering.answer import Answer, answer
from kb.chat.reading.asks import AskReader
from kb.chat.reading.reader import read
from kb.chat.reading.roles import RoleReader
from kb.chat.reading.situation import Named
from kb.errors import AmbiguousName, UnknownName
from kb.search.embed import Embedder
from kb.search.live import Index, LiveIndex
from kb.settings import settings

HERE = Path(__file__).parent / "asked_questions"
_COUNTED = re.compile(r"\([^()]*\)")


class AskedQuestion(Record):
    """``facts`` is what the question states, ``checks`` expressions that a right answer matches."""

    id: str
    turns: tuple[str, ...]
    asks: tuple[str, ...] = ()
    good_answer: str
    source: str = ""
    facts: dict[str, Any] | None = None
    checks: dict[str, Any] | None = None


def questions(path: Path = HERE / "judging.jsonl") -> list[AskedQuestion]:
    return [AskedQuestion.model_validate_json(line) for line in path.read_text("utf-8").splitlines() if line]


def answered(index: Index, turns: Sequence[str]) -> Answer:
    return answer(index, read(turns, index.names, AskReader(index.asks), RoleReader(index.roles)))


def _slug(names: Names, kinds: Sequence[str], name: str) -> str | None:
    try:
        return names.resolve(kinds, _COUNTED.sub("", name).strip()).slug
    except (AmbiguousName, UnknownName):
        return None


def report(index: Index) -> Iterator[str]:
    asked = questions()
    words: list[int] = []
    passed = checked = 0
    for question in asked:
        reply = answered(index, question.turns)
        words.append(len(reply.text.split()))
        if question.checks:
            checked += 1
            passed += _passes(question.checks, f"{reply.text}\n{reply.details}")
    lengths = sorted(words)
    yield f"questions                {len(asked)}"
    yield f"words, median and 95 %   {median(lengths):.0f}, {lengths[int(0.95 * len(lengths))]}"
    yield from understood_report(index)
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
    parser.add_argument("--fresh", action="store_true", help="those of fresh.jsonl, not those of judging.jsonl")
    given = parser.parse_args()
    chosen = settings()
    index = LiveIndex(chosen.data_dir, Embedder(chosen.embedding_model)).get()
    if given.answers:
        asked = questions(HERE / "fresh.jsonl") if given.fresh else questions()
        given.answers.write_text("\n".join(answers(index, asked)), "utf-8")
        print(json.dumps({"written": str(given.answers)}))
        return
    for line in report(index):
        print(line)


if __name__ == "__main__":
    main()
