"""No figure leaves that is not in the evidence."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kb.units import unit_of

_ONES = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11,
    "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18,
    "nineteen": 19,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_NUMBER_WORDS = {**_ONES, **_TENS, **_SCALES}
_SPELLED = re.compile(
    rf"\b(?:a\s+)?(?:{'|'.join(_NUMBER_WORDS)})(?:[\s-]+(?:and\s+)?(?:{'|'.join(_NUMBER_WORDS)}|one))*\b", re.I
)
_MULTIPLES = {"double": 2.0, "twice": 2.0, "triple": 3.0, "thrice": 3.0, "half": 0.5, "quarter": 0.25}
_MULTIPLE = re.compile(r"\b(double|twice|triple|thrice|half|quarter)\b", re.I)
_MARK = re.compile(r"\[\d{1,3}\](?!\()")
_UNIT = re.compile(
    r"^(?:[^\S\n]|-)*(gib|gb|tib|tb|mib|mb|kb|gbit|gbps|mbps|tokens?|tok|t/s|w\b|watts?|kwh|%|per ?cent|tflops|tops|"
    r"layers?|bits?|gigabytes?|billion|b\b|hours?|seconds?|s\b|ms\b|usd|dollars?|sek|eur)",
    re.I,
)
_UNIT_NAMES = {
    "gib": "gb", "gigabyte": "gb", "gigabytes": "gb", "tib": "tb", "mib": "mb", "token": "tokens", "tok": "tokens",
    "t/s": "tokens", "watt": "w", "watts": "w", "per cent": "%", "percent": "%", "layer": "layers", "bit": "bits",
    "hour": "hours", "second": "s", "seconds": "s", "dollars": "usd", "dollar": "usd", "billion": "b",
}  # fmt: skip
SMALL = 3
"""Counts up to this many are words of ordinary speech ("two cards") and claim nothing."""


@dataclass(frozen=True)
class Found:
    """A figure as it stands in a text: its digits, its value, and the unit's first word behind it."""

    text: str
    value: float
    decimals: int
    unit: str


def figures(text: str, names: re.Pattern[str] | None = None) -> list[Found]:
    """The figures of a text; citation marks, and names that hold digits are none.

    >>> [f.value for f in figures("It needs 42.5 GB [1] on an RTX 4090.", re.compile("RTX 4090"))]
    [42.5]
    >>> [f.value for f in figures("about twenty-four gigabytes")]
    [24.0]
    """
    masked = _MARK.sub(" ", text)
    if names is not None:
        masked = names.sub(" ", masked)
    found = [_spelled(match, masked) for match in _SPELLED.finditer(masked)]
    masked = _SPELLED.sub(" ", masked)
    found += [Found(match[0], _MULTIPLES[match[0].lower()], 2, "times") for match in _MULTIPLE.finditer(masked)]
    for match in re.finditer(r"(?<![\w.,])(\d[\d,]*(?:\.\d+)?)", masked):
        digits = match[1].rstrip(",")
        tail = masked[match.start() + len(digits) :]
        value = float(digits.replace(",", ""))
        scale = re.match(r"(k|m)\b", tail, re.I)
        if scale:
            value *= 1000 if scale[1].lower() == "k" else 1_000_000
        found.append(Found(digits, value, len(digits.partition(".")[2]), _unit(tail)))
    # Digits inside a word ("24GB", "x2") are figures as well, unless the word is a known name.
    for match in re.finditer(r"(?<=[A-Za-z_])\d[\d,]*(?:\.\d+)?", masked):
        digits = match[0].rstrip(",")
        found.append(Found(digits, float(digits.replace(",", "")), len(digits.partition(".")[2]), ""))
    return found


def _spelled(match: re.Match[str], text: str) -> Found:
    total, part = 0.0, 0.0  # "hundred" often enough is more than an integer may become
    for word in re.findall(r"[a-z]+", match[0].lower()):
        if word in _SCALES:
            part = max(part, 1.0) * _SCALES[word]
            if _SCALES[word] >= 1000:
                total, part = total + part, 0.0
        else:
            part += _NUMBER_WORDS.get(word, 1 if word == "one" else 0)
    return Found(match[0], total + part, 0, _unit(text[match.end() :]))


def _unit(tail: str) -> str:
    found = _UNIT.match(tail)
    if not found:
        return ""
    word = found[1].lower()
    return _UNIT_NAMES.get(word, word)


def figures_with_units(value: Any, key: str = "") -> str:
    """A tool's result as text in which each number carries the unit of its key.

    >>> figures_with_units({"required_gb": 45.7, "breakdown": {"kv_cache_gb": 2.7}, "device_count": 2})
    '45.7 GB; 2.7 GB; 2'
    """
    if isinstance(value, dict):
        return "; ".join(filter(None, (figures_with_units(item, name) for name, item in value.items())))
    if isinstance(value, (list, tuple)):
        return "; ".join(filter(None, (figures_with_units(item, key) for item in value)))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value} {unit_of(key)}".strip()
    return value if isinstance(value, str) else ""


class Evidence:
    """Everything that figures may stand on, read once.

    ``strict``: a figure with a unit needs the same unit in the evidence; else a bare number will do.
    """

    def __init__(self, texts: Iterable[str], names: re.Pattern[str] | None = None, *, strict: bool = False) -> None:
        self._names = names
        self._strict = strict
        self._known: dict[str, set[float]] = {}
        for text in texts:
            for found in figures(text, self._names):
                self._known.setdefault(found.unit, set()).add(found.value)
        self._values = set().union(*self._known.values()) if self._known else set()

    def supports(self, found: Found) -> bool:
        """Whether the evidence has this figure: a value that prints so when rounded, and no other unit."""
        if found.unit == "times":
            return found.value in self._known.get("times", set())
        if not found.unit and found.decimals == 0 and found.value <= SMALL:
            return True
        values = self._values
        if found.unit:
            values = self._known.get(found.unit, set())
            if not self._strict:
                values = values | self._known.get("", set())
        half = 0.5 * 10.0**-found.decimals * (1 + 1e-9)
        return any(abs(value - found.value) <= half for value in values)

    def unsupported(self, text: str) -> list[str]:
        """The figures of ``text`` that nothing supports."""
        return [found.text for found in figures(text, self._names) if not self.supports(found)]


_SENTENCE = re.compile(r".+?(?:[.!?](?=[\s\"”)\]]|$)[\"”)\]]*\s*|\n+|$)", re.S)


def sentences(text: str) -> list[str]:
    """Sentences with the space behind them; together they are the text.

    >>> sentences("It has 4.5 bits. Good! Yes")
    ['It has 4.5 bits. ', 'Good! ', 'Yes']
    """
    return [match[0] for match in _SENTENCE.finditer(text) if match[0]]
