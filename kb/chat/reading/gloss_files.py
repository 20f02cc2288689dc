"""The words of other languages with their English: ``glosses/<language>.yaml``.

One meaning a line: ``graphics card = grafikkarte*, graka``. A ``*`` stands for any ending; nothing before the ``=`` is the
English of a word that says nothing; ``~`` marks English that stands before what the word stands behind; ``#`` letters that
stand at a number.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, field_validator

from kb.catalogue.records import Record
from kb.tools.asks import read_form

HERE = Path(__file__).parent / "glosses"


class GlossFile(Record):
    name: str
    """Of the language, in English."""
    decimal: Literal[".", ","] = ","
    """What stands before the decimals of a number."""
    compounds: bool = False
    """Words are joined into one."""
    scales: Mapping[str, int] = {}
    """Words by which the number before them is multiplied, and by a tenth of it the digit behind them."""
    words: str = ""

    @field_validator("words")
    @classmethod
    def _is_read(cls, words: str) -> str:
        for line in words.splitlines():
            if line.strip() and (line.count("=") != 1 or not all(map(str.strip, line.split("=")[1].split(",")))):
                raise ValueError(f"{line!r} is not of the form: English = word, word")
        return words

    def meanings(self) -> Iterator[tuple[str, str]]:
        """Each phrase with its English."""
        for line in filter(str.strip, self.words.splitlines()):
            english, _, phrases = line.partition("=")
            yield from ((phrase.strip(), english.strip()) for phrase in phrases.split(","))


@cache
def gloss_files() -> Mapping[str, GlossFile]:
    """By language. Raises :class:`kb.errors.InvalidKnowledge` naming the file."""
    form = TypeAdapter(GlossFile)
    return {path.stem: read_form(path, form) for path in sorted(HERE.glob("*.yaml"))}


@cache
def english_words() -> frozenset[str]:
    """Of the English side, without proper names."""
    told = (word for given in gloss_files().values() for _, english in given.meanings() for word in english.split())
    return frozenset(part for word in told for part in word.strip("~?").split("-") if part.isalpha() and part.islower())
