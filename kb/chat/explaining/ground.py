"""No figure leaves that is not in the evidence."""

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

from kb.catalogue.units import GIB, unit_of
from kb.text.figures import COUNTS, FigureFound, read
from kb.text.name_finder import NameFinder

SMALL = 3
"""Counts up to this many are words of ordinary speech ("two cards") and claim nothing; *one*, of whatever, neither."""


def figures_with_units(value: Any, key: str = "") -> str:
    """A tool's result as text in which each number carries the unit of its key; without the user's own documents.

    >>> figures_with_units({"required_gb": 45.7, "breakdown": {"kv_cache_gb": 2.7}, "device_count": 2})
    '45.7 GB; 2.7 GB; 2'
    """
    if isinstance(value, dict):
        own = {} if value.get("users_own") else value
        return "; ".join(filter(None, (figures_with_units(item, name) for name, item in own.items())))
    if isinstance(value, (list, tuple)):
        return "; ".join(filter(None, (figures_with_units(item, key) for item in value)))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value} {unit_of(key)}".strip()
    return value if isinstance(value, str) else ""


def figures_of_names(value: Any) -> Iterator[str]:
    """What a result says of each thing that it names, in a line each.

    >>> list(figures_of_names({"devices": [{"name": "A", "tdp_w": 350}, {"name": "B", "tdp_w": 450}]}))
    ['A: 350 W', 'B: 450 W']
    """
    if isinstance(value, dict):
        if isinstance(value.get("name"), str):
            own = {key: item for key, item in value.items() if isinstance(item, (int, float))}
            yield f"{value['name']}: {figures_with_units(own).replace('; ', ', ')}"
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from figures_of_names(item)


class Evidence:
    """Everything that figures may stand on, each text read once: the shortest first, and no more of them than it takes
    to find a figure, for what is read only ever supports more.

    ``strict``: a figure with a unit needs one that measures the same in the evidence; else a bare number will do.
    """

    def __init__(self, texts: Iterable[str], names: NameFinder | None = None, *, strict: bool = False) -> None:
        self._names = names
        self._strict = strict
        self._known: dict[str, set[float]] = {}
        self._bare: set[float] = set()
        self._unread: set[str] = set()
        self._to_read = sorted(dict.fromkeys(texts), key=len, reverse=True)

    def _add(self, found: FigureFound) -> None:
        if math.isnan(found.value):
            self._unread.add(found.text)
            return
        self._known.setdefault(found.dimension, set()).add(found.base)
        self._bare.add(found.value)
        if found.factor == GIB and found.dimension == "bytes":  # a card's printed "24 GB" is 24 GiB
            self._known["bytes"].add(found.value * 1e9)

    def supports(self, found: FigureFound) -> bool:
        """Whether the evidence has this figure: a value that prints so when rounded, of what is measured so."""
        while not (has := self._has(found)) and self._to_read:
            for one in read(self._to_read.pop(), self._names):
                self._add(one)
        return has

    def _has(self, found: FigureFound) -> bool:
        if math.isnan(found.value):
            return found.text in self._unread
        if found.text.lower() == "one":
            return True
        counted = not found.dimension or found.dimension in COUNTS
        if counted and found.step == 1 and found.value <= SMALL:
            return True
        if not found.dimension and _has(self._bare, found.value, found.step):
            return True
        if _has(self._known.get(found.dimension, set()), found.base, found.step * found.factor):
            return True
        if found.dimension == "times" or (self._strict and not counted):
            return False
        bare = self._known.get("", set())
        return _has(bare, found.value, found.step) or _has(bare, found.base, found.step * found.factor)

    def unsupported(self, text: str) -> list[str]:
        """The figures of ``text`` that nothing supports."""
        return self.check(text)[1]

    def check(self, text: str) -> tuple[int, list[str]]:
        """How many figures ``text`` has, and those that nothing supports."""
        found = read(text, self._names)
        return len(found), [figure.text for figure in found if not self.supports(figure)]


def _has(values: set[float], wanted: float, step: float) -> bool:
    half = 0.5 * step * (1 + 1e-9) + 1e-12 * abs(wanted)
    return any(abs(value - wanted) <= half for value in values)


_SENTENCE = re.compile(r".+?(?:[.!?](?=[\s\"”)\]]|$)[\"”)\]]*\s*|\n+|$)", re.S)


def sentences(text: str) -> list[str]:
    """Sentences with the space behind them; together they are the text.

    >>> sentences("It has 4.5 bits. Good! Yes")
    ['It has 4.5 bits. ', 'Good! ', 'Yes']
    """
    return [match[0] for match in _SENTENCE.finditer(text) if match[0]]
