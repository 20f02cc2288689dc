"""What the figures of records are called, and the words by which people ask for them (``figures.yaml`` beside)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from kb.catalogue.files import read_mapping
from kb.catalogue.records import Record
from kb.catalogue.units import label_of


class FigureName(Record):
    """See the head of the file for what each key means."""

    label: str = ""
    words: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    main: int | None = None
    adds: bool = False
    """Several together have several times as much."""


@dataclass(frozen=True)
class FigureNames:
    by_key: Mapping[str, FigureName]

    def asked_in(self, text: str) -> tuple[str, ...]:
        """The figures that a text asks for, the longest words first; words within others ask for nothing more.

        >>> words = {"cores": ("cores",), "cuda_cores": ("cuda cores",)}
        >>> FigureNames({key: FigureName(words=w) for key, w in words.items()}).asked_in("how many CUDA cores?")
        ('cuda_cores',)
        """
        asked: dict[str, None] = {}
        for found in self._words.finditer(text.casefold()):
            asked |= dict.fromkeys(self._keys[found[0]])
        return tuple(asked)

    @cached_property
    def _keys(self) -> Mapping[str, list[str]]:
        keys: dict[str, list[str]] = {}
        for key, name in self.by_key.items():
            for word in name.words:
                keys.setdefault(word.casefold(), []).append(key)
        return keys

    @cached_property
    def _words(self) -> re.Pattern[str]:
        words = sorted(self._keys, key=len, reverse=True)
        return re.compile(rf"(?<![\w])(?:{'|'.join(map(re.escape, words))})(?![\w])" if words else r"(?!)")

    def label(self, key: str) -> str:
        name = self.by_key.get(key)
        return name.label if name and name.label else label_of(key)

    def shown_for(self, asked: str, known: Iterable[str]) -> list[str]:
        """The figure that was asked for and those beside it, as far as a record has them."""
        name = self.by_key.get(asked, FigureName())
        there = set(known)
        return [key for key in (asked, *name.beside) if key in there]

    def main(self, known: Iterable[str], most: int) -> list[str]:
        """What a record is known by: its first figures in the file's order."""
        ranked = [(name.main, key) for key in known if (name := self.by_key.get(key)) and name.main is not None]
        return [key for _, key in sorted(ranked)[:most]]


@cache
def figure_names() -> FigureNames:
    """Of the fields of the record classes, and so a part of them and not of anybody's knowledge folder."""
    content = read_mapping(Path(__file__).with_name("figures.yaml"))
    return FigureNames({str(key): FigureName.model_validate(body) for key, body in content.items()})
