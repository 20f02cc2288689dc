"""Questions in other languages: whether the chat does for each what it does for its English translation."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import TypeAdapter

from eval.asked import answered
from kb.catalogue.records import Record
from kb.chat.answering.answer import Answer
from kb.search.embed import Embedder
from kb.search.live import Index, LiveIndex
from kb.settings import settings
from kb.tools.asks import read_form

HERE = Path(__file__).parent / "foreign_questions"
PASSAGES = "search_passages"


class ForeignQuestion(Record):
    text: str
    english: str
    """What a good translator writes."""


def questions(half: str = "judging") -> Mapping[str, Sequence[ForeignQuestion]]:
    """By language."""
    return read_form(HERE / f"{half}.yaml", TypeAdapter(dict[str, list[ForeignQuestion]]))


def done(answer: Answer) -> list[object]:
    """The calls with their arguments; of a search what it puts first, and of no call what is said."""
    calls: list[object] = [
        (PASSAGES, call.result["hits"][0]["passage_id"] if call.result["hits"] else "")
        if call.name == PASSAGES
        else (call.name, call.arguments)
        for call in answer.tool_calls
    ]
    return calls or [answer.text]


def is_same(index: Index, question: ForeignQuestion) -> bool:
    return done(answered(index, [question.text])) == done(answered(index, [question.english]))


def report(index: Index, half: str = "judging") -> Iterator[str]:
    right = asked = 0
    for language, each in questions(half).items():
        same = sum(is_same(index, question) for question in each)
        right, asked = right + same, asked + len(each)
        yield f"{language:<24} {same} of {len(each)}"
    yield f"{'as in English':<24} {right} of {asked}"


def apart(index: Index, half: str) -> Iterator[str]:
    """For a reader: what is done otherwise than for the translation."""
    for language, each in questions(half).items():
        for question in each:
            ours, english = (answered(index, [text]) for text in (question.text, question.english))
            if done(ours) != done(english):
                yield f"## {language}: {question.text}\n\nREAD AS: {ours.situation.text}\nENGLISH: {question.english}\n"
                yield f"DONE: {done(ours)}\nFOR ENGLISH: {done(english)}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=("learning", "judging"), default="judging")
    parser.add_argument("--apart", action="store_true", help="print each question for which something else is done")
    given = parser.parse_args()
    chosen = settings()
    index = LiveIndex(chosen.data_dir, Embedder(chosen.embedding_model)).get()
    for line in apart(index, given.half) if given.apart else report(index, given.half):
        print(line)


if __name__ == "__main__":
    main()
