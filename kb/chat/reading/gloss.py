"""A message of another language as English, word by word: enough for names, figures and what is asked to be read.

The words are in ``glosses/<language>.yaml``, one meaning a line: ``graphics card = grafikkarte*, graka``. A ``*`` stands
for any ending; nothing before the ``=`` is the English of a word that says nothing; ``~`` marks English that stands before
what the word stands behind; ``#`` letters that stand at a number. Names, numbers and code stay as they are.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, field_validator

from kb.catalogue.names import DEVICE_KINDS, Names
from kb.catalogue.records import Record
from kb.tools.asks import read_form

HERE = Path(__file__).parent / "glosses"
SHORTEST_PART = 4
"""Letters of a word that is joined to another."""
JOINTS = ("", "s", "n", "en", "es", "e")
"""What joins two words into one."""
MOST_DECIMALS = 2
"""Behind a point, where a point groups thousands: ``1.024`` is 1024, and ``3.5`` what it is everywhere."""

UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
"""Characters of the scripts whose words are not told by spaces."""
_TOKEN = re.compile(
    r"(?P<kept>`[^`\n]*`|https?://\S+|(?<!\S)--?[A-Za-z][\w=-]*"
    r"|[A-Za-z]*\d(?:[A-Za-z\d]|[.,:]\d)*(?:[._][A-Za-z\d]+)*|[A-Za-z\d]+(?:[._][A-Za-z\d]+)+)"
    rf"|(?P<word>[{UNSPACED}]|(?:(?![{UNSPACED}])[^\W\d_])+(?:['’](?=[^\W\d_]))?)"
    r"|(?P<other>[^\s\w]|_)"
)
_NUMBER = re.compile(r"(\d+(?:[.,]\d+)*)([A-Za-z]*)")
_GROUPED = re.compile(rf"(?!0)\d{{1,3}}(?:\.\d{{{MOST_DECIMALS + 1}}})+(?:,\d+)?")
_DECIMALS = re.compile(r"\d+,\d+")
_SEVERAL = re.compile(r"\d|\w[\s-]\w")
_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "ß": "ss"})
"""Those that Unicode does not take apart."""
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


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


@dataclass(frozen=True)
class Glossed:
    text: str
    known: float
    """Of the words that are no names, the share that was understood."""


@dataclass(frozen=True)
class _Token:
    start: int
    end: int
    text: str
    kind: str

    @property
    def key(self) -> str:
        return self.text.casefold().replace("’", "'")


@dataclass
class _Piece:
    """What is written, with what stands before it."""

    text: str
    gap: str
    kind: str


def _tokens(text: str) -> list[_Token]:
    return [
        _Token(found.start(), found.end(), found[0], found.lastgroup or "")
        for found in _TOKEN.finditer(unicodedata.normalize("NFC", text))
    ]


def keys_of(phrase: str) -> tuple[str, ...]:
    """The words of a phrase as they are looked up; each keeps the ``*`` behind it.

    >>> keys_of("L'alimentation"), keys_of("kart* graficzn*")
    (("l'", 'alimentation'), ('kart*', 'graficzn*'))
    """
    keys: list[str] = []
    for token in _tokens(phrase.removeprefix("#")):
        if token.text == "*":
            keys[-1] += "*"
        else:
            keys.append(token.key)
    return (f"#{keys[0]}", *keys[1:]) if phrase.startswith("#") else tuple(keys)


def folded(word: str) -> str:
    """As people type it who leave the marks out.

    >>> folded("größe"), folded("łącze"), folded("メモリ")
    ('grosse', 'lacze', 'メモリ')
    """
    if word.isascii() or any(character >= "\u3040" for character in word):
        return word
    apart = unicodedata.normalize("NFKD", word.translate(_LETTERS))
    return "".join(character for character in apart if not unicodedata.combining(character))


class _Phrases:
    """Finds the longest phrase at a place, and of those of one length the one whose first word is whole."""

    def __init__(self) -> None:
        self._by_first: dict[str, dict[tuple[str, ...], str]] = {}
        self._stems = range(0)
        """How long the first words with any ending are."""

    def add(self, keys: tuple[str, ...], english: str) -> None:
        self._by_first.setdefault(keys[0], {}).setdefault(keys, english)
        if keys[0].endswith("*"):
            length = len(keys[0]) - 1
            least, most = (self._stems.start, self._stems.stop) if self._stems else (length, length + 1)
            self._stems = range(min(least, length), max(most, length + 1))

    def find(self, keys: Sequence[str]) -> tuple[int, str] | None:
        """How many of ``keys`` the phrase at their begin has, and its English."""
        first = keys[0]
        stems = (f"{first[:end]}*" for end in reversed(self._stems) if end <= len(first))
        best: tuple[int, str] | None = None
        for begin in (first, *stems):
            for phrase, english in self._by_first.get(begin, {}).items():
                if len(phrase) > (best[0] if best else 0) and _begins(keys, phrase):
                    best = len(phrase), english
        return best


def _begins(keys: Sequence[str], phrase: Sequence[str]) -> bool:
    return len(phrase) <= len(keys) and all(
        key.startswith(part[:-1]) if part.endswith("*") else key == part
        for key, part in zip(keys, phrase, strict=False)
    )


class Gloss:
    """One language's words."""

    def __init__(self, given: GlossFile) -> None:
        self.given = given
        self._exact, self._folded = _Phrases(), _Phrases()
        for phrase, english in given.meanings():
            keys = keys_of(phrase)
            self._exact.add(keys, english)
            for typed in {tuple(map(folded, keys)), tuple(folded(key.translate(_UMLAUTS)) for key in keys)}:
                self._folded.add(typed, english)
        self._scaled = re.compile(rf"(\d+(?:\.\d+)?) ?({'|'.join(given.scales)})(?: ?(\d)(?![\d.,A-Za-z]))?")

    def english(self, text: str, names: Names) -> Glossed:
        """``text`` with its words in English, where there is a word for them."""
        text = self._scaled.sub(self._multiplied, text) if self.given.scales else text
        tokens = _tokens(text)
        named = _places_of_names(text, names)
        tokens = [_Token(one.start, one.end, one.text, "name") if one.start in named else one for one in tokens]
        keys = [token.key for token in tokens]
        plain = [folded(key) for key in keys]
        pieces: list[_Piece] = []
        words = known = at = end = 0
        while at < len(tokens):
            token = tokens[at]
            gap = text[end : token.start]
            found = self._find(keys[at:], plain[at:]) if token.kind in ("word", "other") else None
            if found is not None:
                at += found[0]
                words, known = words + found[0], known + found[0]
                self._put(pieces, found[1], gap)
            else:
                at += 1
                words += token.kind == "word" and not token.text.isupper()
                pieces.append(self._as_it_is(token, gap))
            end = tokens[at - 1].end
        return Glossed(_written(pieces), known / words if words else 1.0)

    def _find(self, keys: Sequence[str], plain: Sequence[str]) -> tuple[int, str] | None:
        exact = self._exact.find(keys)
        typed = self._folded.find(plain)
        if typed is not None and typed[0] > (exact[0] if exact else 0):
            return typed
        return exact or (self._joined(plain[0]) if self.given.compounds else None)

    def _joined(self, word: str) -> tuple[int, str] | None:
        """``speicherbandbreite``: two words in one."""
        for end in range(len(word) - SHORTEST_PART, SHORTEST_PART - 1, -1):
            second = self._folded.find([word[end:]])
            for joint in JOINTS if second and second[1] else ():
                first = self._folded.find([word[:end].removesuffix(joint)]) if word[:end].endswith(joint) else None
                if first and first[1] and second and len(word[:end]) - len(joint) >= SHORTEST_PART:
                    return 1, f"{first[1]} {second[1]}"
        return None

    def _as_it_is(self, token: _Token, gap: str) -> _Piece:
        """A name or a sign; a number as it is written in English; of another script's words nothing."""
        if token.kind == "kept" and (number := _NUMBER.fullmatch(token.text)):
            letters = self._folded.find([f"#{number[2].casefold()}"]) if number[2] else None
            return _Piece(self._number(number[1]) + (letters[1] if letters else number[2]), gap, token.kind)
        if token.kind == "word" and not folded(token.text).isascii():
            is_number = unicodedata.numeric(token.text[0], None) is not None
            return _Piece(token.text, gap, "kept") if is_number else _Piece("", gap, token.kind)
        return _Piece(token.text, gap, token.kind)

    def _number(self, written: str) -> str:
        if self.given.decimal == ",":
            if _GROUPED.fullmatch(written):
                return written.replace(".", "").replace(",", ".")
            if _DECIMALS.fullmatch(written):
                return written.replace(",", ".")
        return written

    def _multiplied(self, found: re.Match[str]) -> str:
        scale = self.given.scales[found[2]]
        return f"{float(found[1]) * scale + int(found[3] or 0) * scale / 10:.0f} "

    @staticmethod
    def _put(pieces: list[_Piece], english: str, gap: str) -> None:
        if not english.startswith("~"):
            pieces.append(_Piece(english, gap, "gloss"))
            return
        at = len(pieces) - 1
        while at > 0 and pieces[at].kind in ("kept", "name") and pieces[at - 1].kind in ("kept", "name"):
            at -= 1
        at = max(at, 0)
        before = pieces[at].gap if at < len(pieces) else gap
        if at < len(pieces):
            pieces[at].gap = " "
        pieces.insert(at, _Piece(english[1:].strip(), before, "gloss"))


def _places_of_names(text: str, names: Names) -> Collection[int]:
    """A word alone may be one of the language."""
    named = names.scan(text, (*DEVICE_KINDS, "models", "engines"))
    return {at for one in named if _SEVERAL.search(one.text) for at in range(one.start, one.end)}


def _written(pieces: Sequence[_Piece]) -> str:
    """Words set apart; a hyphen stands between words that are no English ones alone."""
    parts: list[str] = []
    gap, before = "", ""
    for at, piece in enumerate(pieces):
        gap += piece.gap
        if not piece.text:
            gap += " "
            continue
        joins = piece.text == "-" and not gap and 0 < at < len(pieces) - 1 and not pieces[at + 1].gap
        if joins and "gloss" in (pieces[at - 1].kind, pieces[at + 1].kind):
            gap, before = " ", "gloss"
            continue
        apart = "gloss" in (piece.kind, before) and piece.kind != "other" and before != "other"
        parts += ["\n" if "\n" in gap else " " if gap.strip(" ") != gap or (apart and parts) else "", piece.text]
        gap, before = "", piece.kind
    return "".join(parts).strip()


@cache
def glosses() -> Mapping[str, Gloss]:
    """By language. Raises :class:`kb.errors.InvalidKnowledge` naming the file."""
    form = TypeAdapter(GlossFile)
    return {path.stem: Gloss(read_form(path, form)) for path in sorted(HERE.glob("*.yaml"))}


_NOBODYS = Gloss(GlossFile(name=""))


def in_english(text: str, language: str, names: Names) -> Glossed:
    return glosses().get(language, _NOBODYS).english(text, names)
