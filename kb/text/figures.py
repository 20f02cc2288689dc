"""The one reader of a number with its unit: in questions, in what a language model writes, in evidence.

It reads every script and number words, and takes no more time than the text is long. What a number is *for* (a budget,
a context) is not said here: the words around its span tell that, and whoever asks reads them.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from kb.text.name_finder import NameFinder
from kb.text.numerals import SCALES, spelled, western
from kb.text.squeezed import MOST_DIGITS

Kind = Literal["quantity", "money", "count", "multiple", "date", "name", "bare"]
"""``count``: of things (``2x``, ``80 layers``). ``multiple``: of an amount (``3x faster``, ``half``). ``name``: digits
within a word (``Q4``, ``DDR5``) or a version. ``bare``: nothing stands behind it."""

_DIMENSIONS: dict[str, dict[str, float]] = {
    "bytes": {
        "byte": 1, "bytes": 1, "kb": 1e3, "kilobyte": 1e3, "kilobytes": 1e3, "mb": 1e6, "megabyte": 1e6, "meg": 1e6,
        "megs": 1e6, "megabytes": 1e6, "gb": 1e9, "gig": 1e9, "gigs": 1e9, "gigabyte": 1e9, "gigabytes": 1e9,
        "tb": 1e12, "terabyte": 1e12, "terabytes": 1e12, "pb": 1e15, "kib": 2**10, "mib": 2**20, "gib": 2**30,
        "gibibyte": 2**30, "gibibytes": 2**30, "tib": 2**40,
    },
    "bits": {
        "bit": 1, "bits": 1, "bpw": 1, "kbit": 1e3, "mbit": 1e6, "gbit": 1e9, "gigabit": 1e9, "gigabits": 1e9,
        "tbit": 1e12,
    },
    "bits/s": {"kbps": 1e3, "mbps": 1e6, "gbps": 1e9, "tbps": 1e12, "gbe": 1e9},
    "tokens": {"token": 1, "tokens": 1, "tok": 1, "toks": 1},
    "tokens/s": {"t/s": 1, "t/sec": 1, "tps": 1},
    "w": {"w": 1, "watt": 1, "watts": 1, "kw": 1e3, "kilowatt": 1e3, "kilowatts": 1e3, "mw": 1e6},
    "wh": {"wh": 1, "kwh": 1e3, "kilowatt-hour": 1e3, "kilowatt-hours": 1e3, "kilowatt hours": 1e3, "mwh": 1e6},
    "v": {"v": 1, "volt": 1, "volts": 1},
    "a": {"amp": 1, "amps": 1, "ampere": 1, "amperes": 1},
    "%": {"%": 1, "percent": 1, "per cent": 1},
    "flops": {
        "flop": 1, "flops": 1, "gflops": 1e9, "tflop": 1e12, "tflops": 1e12, "teraflop": 1e12, "teraflops": 1e12,
        "pflops": 1e15,
    },
    "ops": {"tops": 1e12},
    "transfers": {"mt": 1e6, "gt": 1e9},
    "s": {
        "s": 1, "sec": 1, "secs": 1, "second": 1, "seconds": 1, "ms": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
        "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9, "min": 60, "mins": 60, "minute": 60, "minutes": 60, "h": 3600,
        "hr": 3600, "hrs": 3600, "hour": 3600, "hours": 3600, "day": 86400, "days": 86400,
    },
    "weeks": {"week": 1, "weeks": 1}, "months": {"month": 1, "months": 1}, "years": {"year": 1, "years": 1},
    "hz": {"hz": 1, "khz": 1e3, "mhz": 1e6, "ghz": 1e9},
    "usd": {"usd": 1, "dollar": 1, "dollars": 1, "buck": 1, "bucks": 1, "grand": 1e3, "$": 1},
    "eur": {"eur": 1, "euro": 1, "euros": 1, "€": 1},
    "gbp": {"gbp": 1, "pound": 1, "pounds": 1, "£": 1}, "sek": {"sek": 1, "kronor": 1, "kr": 1},
    "jpy": {"¥": 1, "jpy": 1, "yen": 1}, "cny": {"cny": 1, "yuan": 1, "rmb": 1}, "krw": {"krw": 1},
    "inr": {"inr": 1, "rupees": 1}, "brl": {"brl": 1, "reais": 1}, "try": {"lira": 1, "liras": 1}, "rub": {"rubles": 1},
    "dkk": {"dkk": 1}, "nok": {"nok": 1}, "chf": {"chf": 1}, "pln": {"pln": 1, "zloty": 1}, "czk": {"czk": 1},
    "uah": {"uah": 1}, "cad": {"cad": 1}, "aud": {"aud": 1},
    "cents": {"cent": 1, "cents": 1, "ct": 1, "¢": 1, "öre": 1},
    "°c": {"°c": 1}, "m": {"nm": 1e-9, "mm": 1e-3, "cm": 1e-2},
    "times": {"times": 1, "fold": 1},
    "layers": {"layer": 1, "layers": 1}, "heads": {"head": 1, "heads": 1}, "experts": {"expert": 1, "experts": 1},
    "cores": {"core": 1, "cores": 1}, "threads": {"thread": 1, "threads": 1}, "lanes": {"lane": 1, "lanes": 1},
    "slots": {"slot": 1, "slots": 1}, "users": {"user": 1, "users": 1}, "cards": {"card": 1, "cards": 1},
    "parameters": {"parameter": 1, "parameters": 1, "param": 1, "params": 1},
    "words": {"word": 1, "words": 1}, "pages": {"page": 1, "pages": 1},
    "characters": {"character": 1, "characters": 1, "char": 1, "chars": 1},
}  # fmt: skip
"""What units measure, and how many of the first one is."""
UNITS = {word: (dimension, float(factor)) for dimension, of_it in _DIMENSIONS.items() for word, factor in of_it.items()}
COUNTS = frozenset(
    {"layers", "heads", "experts", "cores", "threads", "lanes", "slots", "users", "cards", "parameters", "words",
     "pages", "characters"}
)  # fmt: skip
MONEY = frozenset(
    {"usd", "eur", "gbp", "sek", "jpy", "cny", "krw", "inr", "brl", "try", "rub", "dkk", "nok", "chf", "pln", "czk",
     "uah", "cad", "aud", "cents"}
)  # fmt: skip
_RATES = frozenset({"bytes", "bits", "tokens", "transfers"})
_CAPITAL = {"KBps": 1e3, "MBps": 1e6, "GBps": 1e9, "TBps": 1e12}
"""Where only the capital tells bytes from bits."""
SLOWEST_MEMORY, MOST_THINGS = 800, 100
"""Less behind ``DDR4`` is no speed, and more before an ``x`` no count (3090 x2)."""
_LETTERS = {"k": 1e3, "m": 1e6, "b": 1e9, "bn": 1e9, "t": 1e12}
_PERIODS = {
    "second": "sec|s", "minute": "min", "hour": "hr|h|hourly", "day": "daily", "week": "weekly", "month": "mo|monthly",
    "year": "yr|yearly", "kWh": "kilowatt[ -]hour", "million tokens": "1? ?(?:m|million)(?: tok(?:en)?s?)?|mtok",
    "token": "tok", "card": "gpu", "user": "person",
}  # fmt: skip
_PERIOD = {name: re.compile(f"{name}|{others}", re.I) for name, others in _PERIODS.items()}

MARK = re.compile(r"\[\d{1,3}\](?!\()")
"""Of a citation; with a parenthesis behind it, it is a link."""
_BEFORE = re.compile(r"(?:[$€£¥]|(?<!\w)(?:USD|EUR|GBP|SEK|CHF|PLN|CNY|JPY|CAD|AUD)|(?<![^\W\d_])[x×]) ?$", re.I)
_NUMBER = re.compile(
    r"\d(?:(?<![\w.,]\d)(?: \d)+(?: ?[.,] ?\d(?: \d)*)?(?![\w.,])"  # set apart: 4 5 . 7
    r"|(?<![\w.,]\d)\d{0,2}(?: \d{3})+(?![\w,])(?:\.\d+)?"  # 1 008
    r"|[\d.,'’]*)|(?<!\w)\.\d[\d.,'’]*"
)
_GROUPED = re.compile(r"\d{1,3}(?:[,'’]\d{3})+(?:\.\d+)?")
_PLAIN = re.compile(r"\d*\.?\d+")
_DECIMAL_COMMA = re.compile(r"\d{1,20},\d{1,20}")
_EXPONENT = re.compile(r"e([+-]?\d{1,2})(?!\w)", re.I)
_SCALE = re.compile(rf"(?:[ -]?({'|'.join(SCALES)})| ?(k|bn|b|g)|([mt]))(?!\w)", re.I)
_SIGNS = re.escape("$€£¥¢")
_UNIT = re.compile(
    rf"[ \t*-]{{0,3}}({'|'.join(re.escape(word) for word in sorted(UNITS, key=len, reverse=True))})"
    rf"(?![^\W\d_])(?<![{_SIGNS}](?= ?\d))(?<![hswv](?=\d))", re.I  # two H100 are no hours
)  # fmt: skip
_OF_A_NETWORK = re.compile(
    r"[ -]?(?:ethernet|lan|network\w*|nics?|switch\w*|sfp|fib(?:er|re)|dac|base-?t|(?:internet|wired) )", re.I
)
"""Behind *10G*: a rate of bits, and no memory."""
_AMPERE = re.compile(r" ?A(?![\w/])")
_PER_SECOND = re.compile(r"/s(?:ec(?:ond)?)?(?!\w)| (?:per|a|each|every) sec(?:ond)?(?!\w)", re.I)
_PER = re.compile(
    r"(?: ?/ ?| per |(?P<article> (?:an?|the|each|every|for (?:an?|the|each|every|one|1)(?= [hkt])) )"
    r"|(?= (?:hour|dai|week|month|year)ly) )(?:gpu[ -])?"
    rf"(?P<period>{'|'.join(way.pattern for way in _PERIOD.values())})(?!\w)", re.I
)  # fmt: skip
_OF_THINGS = re.compile(r" ?[xX×](?=[ (]|\d|$)")
_TIMES_AS = re.compile(r" ?([x×]) (?:as|the|more|less|faster|slower|larger|smaller|bigger|speed\w{0,2})\b", re.I)
_MEMORY = re.compile(r"ddr\d\w?[ -]$", re.I)
_BETWEEN = re.compile(r"between[ ~]{1,2}$", re.I)
_JOIN = re.compile(r" ?(?:(?P<range>to|[–—-]|\.\.)|or|/|->|→|(?P<and>and)) ?~?", re.I)
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_DATE = re.compile(
    rf"(?<!\d)(?:19|20)\d\d-\d\d(?:-\d\d)?(?!\d)"
    rf"|(?:\d\d? )?\b(?:{_MONTHS})[a-z]{{0,6}}\.? (?:\d\d?, )?(?:19|20)\d\d(?!\d)"
    r"|\b(?:in|since|until|during|year|early|late|mid|as of)[ -](?:19|20)[0-3]\d(?![\d.,]*\d)"
    r"|(?<![\d.,])20[0-3]\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?![\d.,]*\d)", re.I
)  # fmt: skip


@dataclass(frozen=True)
class FigureFound:
    """A number as it stands in a text, with what it measures.

    ``text`` is the number alone; ``start`` to ``end`` is all that belongs to it (sign, scale, unit, *per hour*; of *per
    million tokens* the million is also a figure of its own). The ``value`` is in its own unit, which is ``unit`` as
    written and ``factor`` of the dimension's first one; ``step`` is one of its last decimal. Of a range ("8-12 GB")
    both ends are found, and both know it. ``math.nan`` is the value of digits that are no number (57.2.1).
    """

    text: str
    value: float
    dimension: str = ""
    factor: float = 1.0
    step: float = 1.0
    start: int = 0
    end: int = 0
    unit: str = ""
    scale: str = ""
    """As written: ``k``, ``million``; the value has it already (32k is 32,000)."""
    kind: Kind = "bare"
    per: str = ""
    """``hour``, ``kWh``, ``million tokens``, ``day``; what is per second has it in its dimension, unless bare."""
    ends: tuple[float, float] | None = None
    """Of the range that this is an end of: the lower and the higher, in its own unit."""

    @property
    def base(self) -> float:
        """In the dimension's first unit: bytes, tokens/s, W, s, USD."""
        return self.value * self.factor


def read(text: str, names: NameFinder | None = None) -> list[FigureFound]:
    """The figures of a text in their order; citation marks, and ``names`` that hold digits, are none.

    >>> [f.value for f in read("It needs 42.5 GB [1] on an RTX 4090.", NameFinder(["RTX 4090"]))]
    [42.5]
    >>> [(f.value, f.dimension) for f in read("about twenty-four gigs, read at 1,008 GB/s")]
    [(24.0, 'bytes'), (1008.0, 'bytes/s')]
    >>> [(f.value, f.kind, f.per) for f in read("2x 3090 for $1.5k at 0,35 € per kWh")]
    [(2.0, 'count', ''), (3090.0, 'bare', ''), (1500.0, 'money', ''), (0.35, 'money', 'kWh')]
    >>> [(f.value, f.dimension) for f in read("~20 seconds per token, 50 ms/token with the card")]
    [(0.05, 'tokens/s'), (20.0, 'tokens/s')]
    >>> [(f.value, f.kind) for f in read("build 20250325")]
    [(20250325.0, 'date')]
    >>> [(f.value, f.ends, f.unit) for f in read("90 to 150 GB/s")]
    [(90.0, (90.0, 150.0), 'GB/s'), (150.0, (90.0, 150.0), 'GB/s')]
    """
    plain, places = western(text)
    plain = MARK.sub(_blanks, plain)
    if names is not None:
        plain = names.without(plain, " ")
    found = sorted((*_in_words(plain), *_in_digits(plain)), key=lambda figure: figure.start)
    _join(plain, found)
    dated = set[int]()
    if any(figure.kind == "bare" and (1900 <= figure.value < 2100 or 2e7 < figure.value < 2.1e7) for figure in found):
        dated = {at for date in _DATE.finditer(plain) for at in range(*date.span())}
    for at, figure in enumerate(found):
        if figure.kind == "bare" and figure.start in dated:
            figure = replace(figure, kind="date", ends=None)
        if figure.dimension == "s" and figure.per == "token" and figure.value:
            figure = _turned(figure)
        elif figure.dimension == "tokens" and figure.per == "minute":
            figure = replace(figure, dimension="tokens/s", factor=1 / 60, unit=f"{figure.unit}/min", per="")
        if not text.isascii():
            end = max(places[figure.end], places[figure.end - 1] + 1)
            figure = replace(figure, start=places[figure.start], end=end)
        found[at] = figure
    return found


def _turned(figure: FigureFound) -> FigureFound:
    """Seconds per token, as tokens per second."""
    value = 1 / figure.base
    ends = figure.ends and (1 / (figure.ends[1] * figure.factor), 1 / (figure.ends[0] * figure.factor))
    return replace(
        figure, value=value, dimension="tokens/s", factor=1.0, step=value * figure.step / figure.value,
        unit=f"{figure.unit}/token", per="", ends=ends,
    )  # fmt: skip


def _blanks(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _in_words(text: str) -> Iterator[FigureFound]:
    for words in spelled(text):
        figure = _with_unit(text, (words.start, words.end), text[words.start : words.end], words.value, words.step)
        if words.unit in ("times", "many"):
            yield FigureFound(
                figure.text, words.value, words.unit, step=words.step, start=words.start, end=words.end,
                kind=_kind(words.unit),
            )  # fmt: skip
        elif figure.dimension or (words.unit != "roman" and words.value != 1):
            yield figure


def _in_digits(text: str) -> Iterator[FigureFound]:
    behind = 0
    for match in _NUMBER.finditer(text):
        figure = _read(text, match, behind)
        behind = figure.end
        yield figure


def _read(text: str, match: re.Match[str], behind: int) -> FigureFound:
    """The number at ``match`` with its sign, scale and unit; what stands before ``behind`` belongs to another."""
    written = match[0].rstrip(".,'’ ")
    start, end = match.start(), match.start() + len(written)
    digits = written.replace(" ", "")
    value, step = _value(digits)
    if exponent := _EXPONENT.match(text, end):
        value, step, end = value * 10.0 ** int(exponent[1]), step * 10.0 ** int(exponent[1]), exponent.end()
    before = _BEFORE.search(text, max(behind, start - 4), start)
    sign = before[0].strip().lower() if before else ""
    times = sign in ("x", "×")
    whole = (before.start() if before else start, end)
    figure = _with_unit(text, whole, digits, value, step, "" if times else sign)
    if math.isnan(value) or (start > behind and not before and (text[start - 1].isalpha() or text[start - 1] in "._")):
        return replace(figure, kind="name")
    if figure.kind == "bare" and value >= SLOWEST_MEMORY and _MEMORY.search(text, max(0, start - 7), start):
        return replace(figure, dimension="transfers/s", factor=1e6, kind="quantity")
    if figure.kind != "bare":
        return figure
    if times:
        return replace(figure, kind="count", unit="x")
    if step == 1 and value < MOST_THINGS and (things := _OF_THINGS.match(text, figure.end)):
        return replace(figure, kind="count", unit="x", end=things.end())
    return figure


def _value(digits: str) -> tuple[float, float]:
    """What the digits are worth, and one of their last decimal; nothing is worth what cannot be read."""
    if _DECIMAL_COMMA.fullmatch(digits) and not _GROUPED.fullmatch(digits):
        digits = digits.replace(",", ".")
    elif _GROUPED.fullmatch(digits):
        digits = re.sub("[,'’]", "", digits)
    elif not _PLAIN.fullmatch(digits):
        return math.nan, 0.0
    if len(digits) > 2 * MOST_DIGITS:
        return math.nan, 0.0
    return float(digits), 10.0 ** -len(digits.partition(".")[2])


def _with_unit(
    text: str, place: tuple[int, int], number: str, value: float, step: float, sign: str = ""
) -> FigureFound:
    """With the scale and the unit behind it, unless ``sign`` before it is the unit, and what it is counted by."""
    scale = ""
    dimension, factor, unit, end = _unit(text, place[1])
    if not dimension and (found := _SCALE.match(text, end)):
        scale = found[1] or found[2] or found[3]
        value, step = value * _size(scale), step * _size(scale)
        dimension, factor, unit, end = _unit(text, found.end())
        if not dimension and scale in "bB":
            dimension, unit = "parameters", scale
        elif scale in "gG":
            dimension = "bits/s" if _OF_A_NETWORK.match(text, end) else "bytes"
            factor, unit, scale = 1e9, scale, ""
    if sign:
        (dimension, factor), unit = UNITS[sign], sign
    period = ""
    if (per := _PER.match(text, end)) and (dimension or not per["article"] or per["period"][0] in "hkHK"):
        period, end = next(name for name, way in _PERIOD.items() if way.fullmatch(per["period"])), per.end()
    return FigureFound(number, value, dimension, factor, step, place[0], end, unit, scale, _kind(dimension), period)


def _unit(text: str, at: int) -> tuple[str, float, str, int]:
    """What stands behind a number: the dimension, the unit's size in it, the unit as written, and its end."""
    if found := _UNIT.match(text, at):
        (dimension, factor), end = UNITS[found[1].lower()], found.end()
        if found[1] in _CAPITAL:
            dimension, factor = "bytes/s", _CAPITAL[found[1]]
        elif dimension in _RATES and (rate := _PER_SECOND.match(text, end)):
            dimension, end = f"{dimension}/s", rate.end()
        return dimension, factor, text[found.start(1) : end], end
    if found := _AMPERE.match(text, at):
        return "a", 1.0, "A", found.end()
    if found := _TIMES_AS.match(text, at):
        return "times", 1.0, found[1], found.end(1)
    return "", 1.0, "", at


def _kind(dimension: str) -> Kind:
    if dimension in MONEY:
        return "money"
    if dimension in COUNTS:
        return "count"
    return "multiple" if dimension == "times" else "quantity" if dimension else "bare"


def _size(scale: str) -> float:
    return SCALES.get(scale.lower()) or _LETTERS.get(scale.lower(), 1.0)


def _join(text: str, found: list[FigureFound]) -> None:
    """Two figures of one range, or one row, share the unit that stands with one of them."""
    for at in range(len(found) - 2, -1, -1):
        one, other = found[at : at + 2]
        join = _JOIN.fullmatch(text, one.end, other.start)
        if join is None:
            continue
        ranged = join["range"] or (join["and"] and _BETWEEN.search(text, max(0, one.start - 9), one.start))
        if not one.dimension and other.unit:
            size = _size(other.scale)
            if one.scale or one.value >= other.value / size:  # 500 to 1k
                size = 1.0
            one = replace(
                one, value=one.value * size, step=one.step * size, dimension=other.dimension, factor=other.factor,
                unit=other.unit, per=other.per, kind=one.kind if one.kind == "name" else other.kind,
            )  # fmt: skip
        elif one.kind == "money" and not other.dimension:
            other = replace(other, dimension=one.dimension, factor=one.factor, unit=one.unit, kind="money")
        if ranged and one.dimension == other.dimension and one.base < other.base:
            one = replace(one, ends=(one.value, other.base / one.factor))
            other = replace(other, ends=(one.base / other.factor, other.value))
        found[at : at + 2] = one, other
