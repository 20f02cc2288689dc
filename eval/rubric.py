"""How much of the asked *why* an answer explains, by points that hold for a class of questions.

It is applied blind: all that it sees is the class and the answer's text, never who wrote it. The points were written
before any model's answers were read. A point counts once, however often and in whatever words it is made.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, ValidationError

from eval.samples import EvaluationDataInvalid, name_problems, read_entries
from kb.catalogue.records import Record
from kb.catalogue.records.base import Slug
from kb.text.figures import MARK, read

RUBRIC = Path(__file__).parent / "rubric"
WORDS = "words.yaml"

Phrasing = Annotated[str, Field(min_length=3)]
"""Patterns joined by `` & ``: each must occur in the sentence, in any order; ``<name>`` is a group of synonyms."""

_WORD = re.compile(r"<(\w+)>")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|(?<!\s)\s*\n\s*")
_SIGNS = frozenset("+=×÷/–-")
MOST_FIGURES = 1 / 3
"""Of a sentence's words. A row of more figures than that states, and explains nothing."""


class Point(Record):
    """One thing that a patient expert would say; any of the phrasings makes it."""

    id: Slug
    says: str
    any: Annotated[tuple[Phrasing, ...], Field(min_length=1)]
    unless: tuple[str, ...] = ()
    """A sentence with one of these does not make the point."""
    sentences: Annotated[int, Field(ge=1, le=3)] = 1
    """How many sentences in a row the parts of a phrasing may stand in."""
    arithmetic: bool = False
    """A line of arithmetic makes it too; any other point has to be made in words."""
    makes: Annotated[tuple[str, ...], Field(min_length=2)]
    misses: Annotated[tuple[str, ...], Field(min_length=2)]

    @cached_property
    def _patterns(self) -> tuple[tuple[re.Pattern[str], ...], ...]:
        return tuple(tuple(_compiled(piece) for piece in phrasing.split(" & ")) for phrasing in self.any)

    def made_by(self, answer: str) -> bool:
        refused = [_compiled(pattern) for pattern in self.unless]
        return any(
            all(piece.search(passage) for piece in phrasing)
            for passage in _passages(answer, self.sentences)
            if (self.arithmetic or _in_words(passage)) and not any(pattern.search(passage) for pattern in refused)
            for phrasing in self._patterns
        )


class QuestionClass(Record):
    """The points of one class of questions; ``asks`` is the *why* and *what now* behind such a question."""

    id: Slug
    asks: str
    points: Annotated[tuple[Point, ...], Field(min_length=2)]

    def missing(self, answer: str) -> tuple[str, ...]:
        return tuple(point.id for point in self.points if not point.made_by(answer))

    def coverage(self, answer: str) -> float:
        """The share of the points that the answer makes, 0 to 1."""
        return 1 - len(self.missing(answer)) / len(self.points)


def read_rubric(folder: Path = RUBRIC) -> Mapping[str, QuestionClass]:
    """The classes by id. Raises :class:`EvaluationDataInvalid`."""
    classes: dict[str, QuestionClass] = {}
    for path in sorted(folder.glob("*.yaml")):
        if path.name != WORDS:
            classes |= {found.id: found for found in _read(path)}
    return classes


def _read(path: Path) -> Iterator[QuestionClass]:
    for number, entry in enumerate(read_entries(path), start=1):
        try:
            yield QuestionClass.model_validate(entry)
        except ValidationError as error:
            raise EvaluationDataInvalid(name_problems(path, number, error)) from None


@cache
def _words() -> dict[str, str]:
    groups: dict[str, list[str]] = yaml.safe_load((RUBRIC / WORDS).read_text("utf-8"))
    return {name: f"(?:{'|'.join(forms)})" for name, forms in groups.items()}


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """A pattern that begins where a word does."""
    try:
        return re.compile(rf"(?<!\w)(?:{_WORD.sub(lambda name: _words()[name[1]], pattern)})", re.I)
    except (KeyError, re.error) as error:
        raise EvaluationDataInvalid(f"rubric: the pattern {pattern!r} cannot be read ({error})") from None


def _passages(answer: str, length: int) -> list[str]:
    """Every run of ``length`` sentences; an item of a list and a row of a table are sentences too."""
    plain = MARK.sub("", answer).replace("*", "").replace("`", "").replace("’", "'")
    sentences = [sentence for sentence in _SENTENCE.split(plain) if sentence.strip()]
    return [" ".join(sentences[at : at + length]) for at in range(max(1, len(sentences) - length + 1))]


def _in_words(passage: str) -> bool:
    """
    >>> _in_words("The weights take 42.5 GB, more than the card's 24 GB."), _in_words("4.9 GB + 1.1 GB = 6.0 GB")
    (True, False)
    """
    words = passage.split()
    return sum(word in _SIGNS or _holds_figure(word) for word in words) <= MOST_FIGURES * len(words)


def _holds_figure(word: str) -> bool:
    return any(figure.text[0].isdigit() for figure in read(word))
