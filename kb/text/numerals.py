"""Numbers that are not written with the digits 0 to 9: other scripts, fractions, words, Roman numerals.

What a check cannot read it cannot refuse, so everything that stands for a number is read as one. Each expression is
linear: no repeat touches another, and all have an end.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

# --- other scripts -----------------------------------------------------------------------------------------------

_POINTS = {"٫": ".", "٬": ",", "٪": "%", "点": ".", "點": "."}
"""Signs of other scripts within a number."""
_POWERS = frozenset({100.0, 1000.0, 10_000.0, 100_000_000.0})
"""Of characters (百, 千, 万, 億) that multiply the digits before them."""
_LONGEST_FACTOR = 12
_ASCII_OR_ONE = re.compile(r"[\x00-\x7f]+|[^\x00-\x7f]")
"""What is written as it is, and each of the characters that may be a number."""
_RAISED = ("<super>", "<sub>")


def in_western_digits(text: str) -> str:
    """``text`` with the numbers of all scripts as 0 to 9, and without characters that cannot be seen.

    >>> in_western_digits("٤٥ GB, ４５．７ ＧＢ, 四十五 GB, 3½ GB, ⅩⅬⅤ GB, ㊺ GB, 10⁹")
    '45 GB, 45.7 GB, 45 GB, 3.5 GB, XLV GB, 45 GB, 10^9'
    >>> in_western_digits("10万, 1.5万元, 3億")
    '100000, 15000元, 300000000'
    """
    return western(text)[0]


def western(text: str) -> tuple[str, Sequence[int]]:
    """The same, and where in ``text`` each of its characters comes from (and its end).

    >>> western("€½ GB")
    ('€0.5 GB', [0, 1, 1, 1, 2, 3, 4, 5])
    """
    if text.isascii():
        return text, range(len(text) + 1)
    written: list[str] = []
    places: list[int] = []
    run: list[float] = []
    begun, power = 0, False

    def write(piece: str, place: int) -> None:
        written.extend(piece)
        places.extend([place] * len(piece))

    for part in _ASCII_OR_ONE.finditer(text):
        at, character = part.start(), part[0]
        if character.isascii():
            write(_closed(run, written), begun)
            written.extend(character)
            places.extend(range(at, part.end()))
            power = False
            continue
        if unicodedata.category(character) in ("Cf", "Mn", "Me"):
            continue
        value = unicodedata.numeric(character, None)
        roman = unicodedata.category(character) == "Nl" and "ROMAN" in unicodedata.name(character, "")
        raised = unicodedata.decomposition(character).startswith(_RAISED)
        if not run and value in _POWERS and _raise_to(value, written, places):
            continue
        if value is not None and unicodedata.decimal(character, None) is None and not roman and not raised:
            begun = begun if run else at
            run.append(value)
            continue
        write(_closed(run, written), begun)
        if value is not None and not roman:
            if raised and not power and written and written[-1].isdecimal():
                write("^", at)
            write(f"{value:.0f}", at)
        else:
            write(_POINTS.get(character) or unicodedata.normalize("NFKC", character), at)
        power = raised
    write(_closed(run, written), begun)
    return "".join(written), [*places, len(text)]


def _raise_to(power: float, written: list[str], places: list[int]) -> bool:
    """``10万`` is 100,000: the number that was written last times ``power``; false where none was."""
    start = len(written)
    while start > max(0, len(written) - _LONGEST_FACTOR) and (
        written[start - 1].isdecimal() or written[start - 1] == "."
    ):
        start -= 1
    try:
        product = f"{Decimal(''.join(written[start:])) * int(power):f}"
    except InvalidOperation:
        return False
    number = product.rstrip("0").rstrip(".") if "." in product else product
    places[start:] = [places[start]] * len(number)
    written[start:] = number
    return True


def _closed(run: list[float], written: list[str]) -> str:
    """The characters of ``run`` as one number: digits side by side, units times tens, or a fraction."""
    if not run:
        return ""
    if len(run) == 1 and not run[0].is_integer():
        decimals = f"{run[0]:.4f}".rstrip("0")
        number = decimals[1:] if written and written[-1].isdecimal() and run[0] < 1 else decimals
    elif all(value < 10 for value in run):
        number = "".join(f"{value:.0f}" for value in run)
    else:
        number = f"{_multiplied(run):.0f}"
    run.clear()
    return number


def _multiplied(run: list[float]) -> float:
    """Chinese and Tamil numbers: four-ten-five is 45, three-thousand-two-hundred 3,200."""
    total = part = number = 0.0
    for value in run:
        if value >= 10_000:
            total, part, number = total + (part + number or 1) * value, 0.0, 0.0
        elif value in (10, 100, 1000):
            part, number = part + (number or 1) * value, 0.0
        else:
            number += value
    return total + part + number


def foreign(text: str) -> bool:
    """Whether something in ``text`` is neither Latin letters nor 0 to 9: an English sentence has none of it.

    >>> foreign("It takes 4 µs – “no” more."), foreign("It takes ٤٥ GB."), foreign("4\\u200b5 GB")
    (False, True, True)
    """
    return not text.isascii() and any(_foreign(character) for character in text if not character.isascii())


def _foreign(character: str) -> bool:
    category = unicodedata.category(character)
    if character in "µμΩ":
        return False
    if category[0] == "L":
        return not unicodedata.name(character, "").startswith("LATIN")
    return category[0] in "NMC"


# --- words -------------------------------------------------------------------------------------------------------

_ONES = {
    "zero": 0, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
    "eighteen": 18, "nineteen": 19, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "eleventh": 11, "twelfth": 12, "twentieth": 20, "hundredth": 100, "couple": 2,
}  # fmt: skip
COUNTS = {
    "a": 1, "an": 1, "one": 1, "single": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "ten": 10, "twelve": 12, "sixteen": 16, "dual": 2, "twin": 2, "a pair": 2, "pair of": 2, "both": 2,
    "double": 2, "quad": 4, "triple": 3, "couple of": 2,
}  # fmt: skip
"""How many there are of a thing that is named behind it."""


def counted(word: str) -> int:
    """A count in digits or as one of :data:`COUNTS`.

    >>> counted("12"), counted("Dual"), counted("a pair")
    (12, 2, 2)
    """
    return COUNTS.get(word.casefold()) or int(word)


_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fourty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90,
}  # fmt: skip
SCALES = {
    "hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000, "trillion": 1_000_000_000_000,
    "lakh": 100_000, "crore": 10_000_000, "dozen": 12,
}  # fmt: skip
_MANY = {"tens": 10, **{f"{word}s": value for word, value in SCALES.items()}}
_VALUES = {**_ONES, **_TENS}
_NUMBER_WORDS = {**_VALUES, **SCALES, **_MANY}
_OF_BEFORE = {"couple", "dozen", *_MANY}
"""Words that take another number behind an ``of``: a couple of hundred."""
_MULTIPLES = {
    "twice": 2.0, "double": 2.0, "doubles": 2.0, "doubled": 2.0, "doubling": 2.0, "twofold": 2.0,
    "triple": 3.0, "triples": 3.0, "tripled": 3.0, "thrice": 3.0, "threefold": 3.0,
    "quadruple": 4.0, "quadruples": 4.0, "quadrupled": 4.0, "fourfold": 4.0, "fivefold": 5.0, "tenfold": 10.0,
    "hundredfold": 100.0, "half": 0.5, "halves": 0.5, "halved": 0.5, "quarter": 0.25, "quarters": 0.25,
}  # fmt: skip
_PARTS = {
    "half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fifth": 5, "fifths": 5, "sixth": 6,
    "sixths": 6, "eighth": 8, "eighths": 8, "tenth": 10, "tenths": 10, "hundredth": 100, "hundredths": 100,
}  # fmt: skip
_WORD = re.compile(r"[A-Za-z]+")
_BETWEEN = re.compile(r"[\s-]{1,3}")
_ROMAN_NUMBER = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


@dataclass(frozen=True)
class Spelled:
    """A number in words: where it stands, its value, the size of its last decimal, and what it counts if that is
    part of the word (``times``, ``many``)."""

    start: int
    end: int
    value: float
    step: float = 1.0
    unit: str = ""


def spelled(text: str) -> Iterator[Spelled]:
    """The numbers that ``text`` has in words; a lone *one* too, which mostly counts nothing.

    >>> [(found.value, found.unit) for found in spelled("forty-five point seven, a couple of hundred, two thirds")]
    [(45.7, ''), (200.0, ''), (0.667, 'times')]
    """
    words = list(_WORD.finditer(text))
    at = 0
    while at < len(words):
        found = _fraction(text, words, at) or _number(text, words, at) or _roman(words[at])
        if found is None:
            at += 1
            continue
        yield found
        while at < len(words) and words[at].start() < found.end:
            at += 1


def _next_to(text: str, words: list[re.Match[str]], at: int) -> bool:
    """Whether only a space or a hyphen is between this word and the one before."""
    return at < len(words) and bool(_BETWEEN.fullmatch(text, words[at - 1].end(), words[at].start()))


def _fraction(text: str, words: list[re.Match[str]], at: int) -> Spelled | None:
    """``two thirds``, ``a quarter of``, ``twice``."""
    word = words[at][0].lower()
    counted = {"a": 1, "an": 1, "one": 1}.get(word) or _ONES.get(word)
    if counted and _next_to(text, words, at + 1):
        part = words[at + 1][0].lower()
        followed = at + 2 < len(words) and words[at + 2][0].lower() == "of"
        if part in _PARTS and (part.endswith("s") or part in ("half", "quarter") or followed):
            return Spelled(words[at].start(), words[at + 1].end(), round(counted / _PARTS[part], 3), 0.01, "times")
    if word in _MULTIPLES:
        return Spelled(words[at].start(), words[at].end(), _MULTIPLES[word], 0.01, "times")
    return None


def _number(text: str, words: list[re.Match[str]], at: int) -> Spelled | None:
    first = words[at][0].lower()
    if (first not in _NUMBER_WORDS and first != "one") or (first in SCALES and _digit_before(text, words[at].start())):
        return None  # the scale belongs to the digits before it
    said, end = [first], at + 1
    if first == "one":
        behind = words[end][0].lower() if _next_to(text, words, end) else ""
        if behind not in SCALES and behind != "point":
            return Spelled(words[at].start(), words[at].end(), 1.0)
    while _next_to(text, words, end):
        word = words[end][0].lower()
        following = words[end + 1][0].lower() if _next_to(text, words, end + 1) else ""
        if (
            word in _NUMBER_WORDS
            or word == "one"
            or (
                (word == "of" and said[-1] in _OF_BEFORE and following in _NUMBER_WORDS)
                or (word == "and" and said[-1] in SCALES and following in {*_VALUES, "one"})
                or (word == "point" and following in {*_ONES, *_TENS, "one"})
            )
        ):
            said.append(word)
            end += 1
        elif word == "and" and following == "a" and end + 2 < len(words) and words[end + 2][0].lower() in _PARTS:
            said.append(words[end + 2][0].lower())
            end += 3
        else:
            break
    value, step = _value(said)
    start, stop = words[at].start(), words[end - 1].end()
    return Spelled(start, stop, value, step, "many" if said[0] in _MANY else "")


def _value(said: list[str]) -> tuple[float, float]:
    total, part, step = 0.0, 0.0, 1.0
    decimals: str | None = None
    for word in said:
        number = 1 if word == "one" else _VALUES.get(word)
        if word == "point":
            decimals = ""
        elif decimals is not None and number is not None:
            decimals += str(number)
        elif word in _PARTS and word not in _VALUES:
            part, step = part + 1 / _PARTS[word], 0.01
        elif word in SCALES or word in _MANY:
            part = max(part, 1.0) * (SCALES.get(word) or _MANY[word])
            if part >= 1000:
                total, part = total + part, 0.0
        elif number is not None:
            placed = part == 0 or part % 100 == 0 or (part % 10 == 0 and number < 10)
            part = part + number if placed else part * 10 ** len(str(number)) + number
    value = total + part
    if decimals:
        value, step = value + float(f"0.{decimals}"), 10.0 ** -len(decimals)
    return value, step


def _roman(word: re.Match[str]) -> Spelled | None:
    """``XLV``; whether it counts anything, only the unit behind it tells."""
    letters = word[0]
    if not 2 <= len(letters) <= 15 or not _ROMAN_NUMBER.fullmatch(letters):
        return None
    values = [_ROMAN[letter] for letter in letters]
    value = sum(-one if one < max(values[at:]) else one for at, one in enumerate(values))
    return Spelled(word.start(), word.end(), float(value), 1.0, "roman")


def _digit_before(text: str, at: int) -> bool:
    return text[max(0, at - 3) : at].rstrip(" -")[-1:].isdigit()
