"""No figure leaves that is not in the evidence."""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from kb.catalogue.units import GIB, unit_of
from kb.chat.numerals import SCALES, in_western_digits, spelled

_DIMENSIONS: dict[str, dict[str, float]] = {
    "bytes": {
        "byte": 1, "bytes": 1, "kb": 1e3, "kilobyte": 1e3, "kilobytes": 1e3, "mb": 1e6, "megabyte": 1e6,
        "megabytes": 1e6, "gb": 1e9, "gig": 1e9, "gigs": 1e9, "gigabyte": 1e9, "gigabytes": 1e9, "tb": 1e12,
        "terabyte": 1e12, "terabytes": 1e12, "pb": 1e15, "kib": 2**10, "mib": 2**20, "gib": GIB, "gibibyte": GIB,
        "gibibytes": GIB, "tib": 2**40,
    },
    "bits": {"bit": 1, "bits": 1, "kbit": 1e3, "mbit": 1e6, "gbit": 1e9, "gigabit": 1e9, "gigabits": 1e9, "tbit": 1e12},
    "bits/s": {"kbps": 1e3, "mbps": 1e6, "gbps": 1e9, "tbps": 1e12},
    "tokens": {"token": 1, "tokens": 1, "tok": 1, "toks": 1},
    "tokens/s": {"t/s": 1, "tps": 1},
    "w": {"w": 1, "watt": 1, "watts": 1, "kw": 1e3, "kilowatt": 1e3, "kilowatts": 1e3},
    "wh": {"wh": 1, "kwh": 1e3, "mwh": 1e6},
    "v": {"v": 1, "volt": 1, "volts": 1},
    "a": {"amp": 1, "amps": 1, "ampere": 1, "amperes": 1},
    "%": {"%": 1, "percent": 1, "per cent": 1},
    "flops": {"gflops": 1e9, "tflop": 1e12, "tflops": 1e12, "teraflop": 1e12, "teraflops": 1e12, "pflops": 1e15},
    "ops": {"tops": 1e12},
    "transfers": {"mt": 1e6, "gt": 1e9},
    "s": {
        "s": 1, "sec": 1, "secs": 1, "second": 1, "seconds": 1, "ms": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
        "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9, "min": 60, "mins": 60, "minute": 60, "minutes": 60, "h": 3600,
        "hr": 3600, "hrs": 3600, "hour": 3600, "hours": 3600, "day": 86400, "days": 86400,
    },
    "weeks": {"week": 1, "weeks": 1}, "months": {"month": 1, "months": 1}, "years": {"year": 1, "years": 1},
    "hz": {"hz": 1, "khz": 1e3, "mhz": 1e6, "ghz": 1e9},
    "usd": {"usd": 1, "dollar": 1, "dollars": 1}, "eur": {"eur": 1, "euro": 1, "euros": 1},
    "gbp": {"gbp": 1, "pounds": 1}, "sek": {"sek": 1, "kronor": 1, "kr": 1}, "cents": {"cent": 1, "cents": 1},
    "°c": {"°c": 1}, "m": {"nm": 1e-9, "mm": 1e-3, "cm": 1e-2},
    "times": {"times": 1, "fold": 1},
    "layers": {"layer": 1, "layers": 1}, "heads": {"head": 1, "heads": 1}, "experts": {"expert": 1, "experts": 1},
    "cores": {"core": 1, "cores": 1}, "threads": {"thread": 1, "threads": 1}, "lanes": {"lane": 1, "lanes": 1},
    "slots": {"slot": 1, "slots": 1}, "users": {"user": 1, "users": 1}, "cards": {"card": 1, "cards": 1},
    "parameters": {"parameter": 1, "parameters": 1, "params": 1},
}  # fmt: skip
"""What units measure, and how many of the first one is."""
_UNITS = {word: (dimension, factor) for dimension, words in _DIMENSIONS.items() for word, factor in words.items()}
COUNTS = frozenset({"layers", "heads", "experts", "cores", "threads", "lanes", "slots", "users", "cards", "parameters"})
"""Of these a result says the number alone."""
_RATES = frozenset({"bytes", "bits", "tokens", "transfers"})
_CURRENCIES = {"$": "usd", "€": "eur", "£": "gbp", "¥": "jpy"}

_MARK = re.compile(r"\[\d{1,3}\](?!\()")
_NUMBER = re.compile(r"(?:(?<!\w)\.(?=\d))?\d[\d.,'’]*")
_GROUPED = re.compile(r"\d{1,3}(?:[,'’]\d{3})+(?:\.\d+)?")
_PLAIN = re.compile(r"\d*\.?\d+")
_DECIMAL_COMMA = re.compile(r"\d{1,20},\d{1,20}")
_EXPONENT = re.compile(r"e([+-]?\d{1,2})(?!\w)", re.I)
_SPLIT = re.compile(r"(?<![\w.,])\d(?: \d)+(?: ?[.,] ?\d(?: \d)*)?(?![\w.,])")
_SPACED = re.compile(r"(?<![\w.,])\d{1,3}(?: \d{3})+(?![\w,])")
_SCALE = re.compile(rf"(?:[ -]?({'|'.join(SCALES)})| ?(k)|(bn|[mbtg]))(?!\w)", re.I)
_LETTERS = {"k": 1e3, "m": 1e6, "b": 1e9, "bn": 1e9, "t": 1e12}
_UNIT = re.compile(
    rf"[ \t*-]{{0,3}}({'|'.join(re.escape(word) for word in sorted(_UNITS, key=len, reverse=True))})(?![^\W\d_])", re.I
)
_AMPERE = re.compile(r" ?A(?![\w/])")
_PER_SECOND = re.compile(r"/s(?:ec(?:ond)?)?(?!\w)| (?:per|a|each|every) sec(?:ond)?(?!\w)", re.I)
_OR = re.compile(r" ?(?:to|or|[–—/-]) ?[$€£~]?", re.I)
_TIMES_AS = re.compile(r" ?[x×] (?:as|the|more|less|faster|slower|larger|smaller|bigger)\b", re.I)
SMALL = 3
"""Counts up to this many are words of ordinary speech ("two cards") and claim nothing."""


@dataclass(frozen=True)
class Found:
    """A figure as it stands in a text: its digits, its value in its own unit, what that measures, and how fine it is.

    ``factor`` is the unit's size in the first unit of its dimension, ``step`` one of the last decimal.
    """

    text: str
    value: float
    unit: str
    step: float = 1.0
    factor: float = 1.0

    @property
    def base(self) -> float:
        return self.value * self.factor


def figures(text: str, names: re.Pattern[str] | None = None) -> list[Found]:
    """The figures of a text, in any script and in words; citation marks, and names that hold digits, are none.

    >>> [f.value for f in figures("It needs 42.5 GB [1] on an RTX 4090.", re.compile("RTX 4090"))]
    [42.5]
    >>> [(f.value, f.unit) for f in figures("about twenty-four gigabytes, read at 1,008 GB/s")]
    [(24.0, 'bytes'), (1008.0, 'bytes/s')]
    """
    masked = _MARK.sub(_blanks, in_western_digits(text))
    if names is not None:
        masked = names.sub(_blanks, masked)
    found = []
    for words in spelled(masked):
        unit, factor = _unit(masked, words.end)
        if words.unit == "roman" and not unit:
            continue
        said = masked[words.start : words.end]
        if words.unit in ("times", "many"):
            unit, factor = words.unit, 1.0
        found.append(Found(said, words.value, unit, words.step, factor))
    return found + list(_in_digits(_joined(masked)))


def _blanks(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _joined(text: str) -> str:
    """Digits set apart (``4 5 . 7``, ``1 008``) are one number."""
    return _SPACED.sub(lambda found: found[0].replace(" ", ""), _SPLIT.sub(lambda m: m[0].replace(" ", ""), text))


def _in_digits(text: str) -> Iterator[Found]:
    before: tuple[Found, int] | None = None
    for match in _NUMBER.finditer(text):
        one, end = _read(text, match)
        if before is not None:
            earlier, behind = before
            if not earlier.unit and _OR.fullmatch(text, behind, match.start()):
                earlier = replace(earlier, unit=one.unit, factor=one.factor)
            yield earlier
        before = (one, end)
    if before is not None:
        yield before[0]


def _read(text: str, match: re.Match[str]) -> tuple[Found, int]:
    """The number at ``match`` with its scale and unit, and where its digits end."""
    digits = match[0].rstrip(".,'’")
    end = match.start() + len(digits)
    value, step = _value(digits)
    currency = _CURRENCIES.get(text[max(0, match.start() - 2) : match.start()].strip()[-1:], "")
    if exponent := _EXPONENT.match(text, end):
        value, step, end = value * 10.0 ** int(exponent[1]), step * 10.0 ** int(exponent[1]), exponent.end()
    unit, factor = _unit(text, end)
    if not unit and (scale := _SCALE.match(text, end)):
        word = (scale[1] or scale[2] or scale[3]).lower()
        if word == "g":
            unit, factor = "bytes", 1e9
        else:
            size = SCALES.get(word) or _LETTERS[word]
            value, step = value * size, step * size
            unit, factor = _unit(text, scale.end())
    return Found(digits, value, currency or unit, step, factor), end


def _value(digits: str) -> tuple[float, float]:
    """What the digits are worth, and one of their last decimal; nothing is worth what cannot be read."""
    if _DECIMAL_COMMA.fullmatch(digits) and not _GROUPED.fullmatch(digits):
        digits = digits.replace(",", ".")
    elif _GROUPED.fullmatch(digits):
        digits = re.sub("[,'’]", "", digits)
    elif not _PLAIN.fullmatch(digits):
        return math.nan, 0.0
    return float(digits), 10.0 ** -len(digits.partition(".")[2])


def _unit(text: str, at: int) -> tuple[str, float]:
    """What stands behind a number: the dimension, and the unit's size in it."""
    found = _UNIT.match(text, at)
    if found is None:
        return ("a", 1.0) if _AMPERE.match(text, at) else ("times", 1.0) if _TIMES_AS.match(text, at) else ("", 1.0)
    dimension, factor = _UNITS[found[1].lower()]
    if dimension in _RATES and _PER_SECOND.match(text, found.end()):
        return f"{dimension}/s", factor
    return dimension, factor


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

    ``strict``: a figure with a unit needs one that measures the same in the evidence; else a bare number will do.
    """

    def __init__(self, texts: Iterable[str], names: re.Pattern[str] | None = None, *, strict: bool = False) -> None:
        self._names = names
        self._strict = strict
        self._known: dict[str, set[float]] = {}
        self._bare: set[float] = set()
        self._unread: set[str] = set()
        for text in texts:
            for found in figures(text, self._names):
                self._add(found)

    def _add(self, found: Found) -> None:
        if math.isnan(found.value):
            self._unread.add(found.text)
            return
        self._known.setdefault(found.unit, set()).add(found.base)
        self._bare.add(found.value)
        if found.factor == GIB and found.unit == "bytes":  # a card's printed "24 GB" is 24 GiB
            self._known["bytes"].add(found.value * 1e9)

    def supports(self, found: Found) -> bool:
        """Whether the evidence has this figure: a value that prints so when rounded, of what is measured so."""
        if math.isnan(found.value):
            return found.text in self._unread
        counted = not found.unit or found.unit in COUNTS
        if counted and found.step == 1 and found.value <= SMALL:
            return True
        if not found.unit and _has(self._bare, found.value, found.step):
            return True
        if _has(self._known.get(found.unit, set()), found.base, found.step * found.factor):
            return True
        if found.unit == "times" or (self._strict and not counted):
            return False
        bare = self._known.get("", set())
        return _has(bare, found.value, found.step) or _has(bare, found.base, found.step * found.factor)

    def unsupported(self, text: str) -> list[str]:
        """The figures of ``text`` that nothing supports."""
        return [found.text for found in figures(text, self._names) if not self.supports(found)]


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
