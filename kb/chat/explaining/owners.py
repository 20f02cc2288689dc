"""Whose figure is whose: a figure of one thing is not said of another."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from kb.chat.explaining.ground import Evidence
from kb.text.figures import FigureFound, read
from kb.text.name_finder import NameFinder
from kb.text.numerals import in_western_digits

_PIECE = re.compile(r"[;\n]|[.!?] ")
_CLAUSE = re.compile(r"[,;:](?!\d)|\n|[.!?] | (?:and|but|while|whereas|or|against|than|versus) ")


class Owners:
    """Reads which figures the evidence gives to which name: where one name alone stands with them."""

    def __init__(self, texts: Iterable[str], names: NameFinder) -> None:
        self._names = names
        pieces: dict[str, list[str]] = defaultdict(list)
        for text in texts:
            for name, piece in self._alone(text, _PIECE):
                pieces[name].append(piece)
        self._evidence = {name: Evidence(of_it, names, strict=True) for name, of_it in pieces.items()}
        self._measured = {
            name: {found.dimension for piece in of_it for found in read(piece, names)} for name, of_it in pieces.items()
        }

    def swapped(self, sentence: str) -> bool:
        """Whether ``sentence`` gives one name a figure that the evidence gives to others alone."""
        return any(
            self._is_others(name, found)
            for name, clause in self._alone(sentence, _CLAUSE)
            for found in read(clause, self._names)
            if found.dimension
        )

    def _is_others(self, name: str, found: FigureFound) -> bool:
        own = [key for key in self._evidence if _same(key, name)]
        if not any(found.dimension in self._measured[key] for key in own):
            return False
        others = self._evidence.keys() - set(own)
        return not any(self._evidence[key].supports(found) for key in own) and any(
            self._evidence[key].supports(found) for key in others
        )

    def _alone(self, text: str, ends: re.Pattern[str]) -> Iterator[tuple[str, str]]:
        """The pieces in which one name stands, with it."""
        for piece in ends.split(in_western_digits(text)):
            found = {piece[start:end].casefold() for start, end in self._names.spans(piece)}
            longest = max(found, key=len, default="")
            if longest and all(_same(name, longest) for name in found):
                yield longest, piece


def _same(one: str, other: str) -> bool:
    """``RTX 4090`` and ``GeForce RTX 4090``."""
    return one.endswith(other) or other.endswith(one)
