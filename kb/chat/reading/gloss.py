"""A message of another language as English, word by word: enough for names, figures and what is asked to be read."""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from kb.catalogue.names import DEVICE_KINDS, Names
from kb.chat.reading.gloss_files import GlossFile, gloss_files
from kb.chat.reading.lexicon import lexicon
from kb.text.figures import UNITS
from kb.text.numerals import COUNTS

LONGEST = 16
"""Words of a phrase, or characters where words are not told apart."""
SHORTEST_PART = 4
"""Letters of a word that is joined to another."""
JOINTS = ("", "s", "n", "en", "es", "e")
"""What joins two words into one."""
MOST_DECIMALS = 2
"""Behind a point, where a point groups thousands: ``1.024`` is 1024, and ``3.5`` what it is everywhere."""

_NUMERALS = "〇零一二三四五六七八九十百千万萬億亿两"
UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
"""Characters of the scripts whose words are not told by spaces."""
_TOKEN = re.compile(
    rf"(?P<kept>`[^`\n]*`|https?://\S+|(?<!\S)--?[A-Za-z][\w=-]*|[{_NUMERALS}]{{2,}}"
    r"|[A-Za-z]*\d(?:[A-Za-z\d]|[.,:]\d)*(?:[._][A-Za-z\d]+)*|[A-Za-z\d]+(?:[._][A-Za-z\d]+)+)"
    rf"|(?P<word>[{UNSPACED}]|(?:(?![{UNSPACED}])[^\W\d_])+(?:['’](?=[^\W\d_]|$))?)"
    r"|(?P<other>[^\s\w]|_)"
)
_NUMBER = re.compile(r"(\d+(?:[.,]\d+)*)([A-Za-z]*)")
_GROUPED = re.compile(rf"(?!0)\d{{1,3}}(?:\.\d{{{MOST_DECIMALS + 1}}})+(?:,\d+)?")
_DECIMALS = re.compile(r"(?<!\d)\d{1,18},\d{1,18}")
_STOPS = frozenset(".,?!;:")
_NAMES = ("name", "kept")
"""Kinds of what stays as it is."""
_SEVERAL = re.compile(r"\d|\w[\s-]\w")
_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "ß": "ss"})
"""Those that Unicode does not take apart."""
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


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
    return [_Token(found.start(), found.end(), found[0], found.lastgroup or "") for found in _TOKEN.finditer(text)]


def keys_of(phrase: str) -> tuple[str, ...]:
    """The words of a phrase as they are looked up; each keeps the ``*`` behind it.

    >>> keys_of("L'alimentation"), keys_of("kart* graficzn*")
    (("l'", 'alimentation'), ('kart*', 'graficzn*'))
    """
    keys: list[str] = []
    for token in _tokens(unicodedata.normalize("NFC", phrase.removeprefix("#"))):
        if token.text == "*":
            keys[-1] += "*"
        else:
            keys.append(token.key)
    return (f"#{keys[0]}", *keys[1:]) if phrase.startswith("#") else tuple(keys)


@lru_cache(maxsize=4096)
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
        scales = "|".join(given.scales)
        self._scaled = re.compile(rf"(\d+(?:\.\d+)?) ?({scales})(?: ?(\d)(?![\d.,A-Za-z]))?") if scales else None

    def english(self, text: str, names: Names) -> Glossed:
        """``text`` with its words in English, where there is a word for them."""
        text = unicodedata.normalize("NFC", text)
        return _Sentence(self, self._scaled.sub(self._multiplied, text) if self._scaled else text, names).read()

    def find(self, keys: Sequence[str]) -> tuple[int, str] | None:
        """How many of ``keys`` are a phrase, and its English; of Latin letters with some marks, none were left out."""
        exact = self._exact.find(keys)
        typed = self._folded.find([key if folded(key).isascii() else folded(key) for key in keys])
        if typed is not None and typed[0] > (exact[0] if exact else 0):
            return typed
        return exact or (self._joined(folded(keys[0])) if self.given.compounds else None)

    def _joined(self, word: str) -> tuple[int, str] | None:
        """``speicherbandbreite``: two words in one."""
        for end in range(len(word) - SHORTEST_PART, SHORTEST_PART - 1, -1):
            second = self._folded.find([word[end:]])
            for joint in JOINTS if second and second[1] else ():
                begin = word[:end].removesuffix(joint)
                first = self._folded.find([begin]) if len(begin) + len(joint) == end else None
                if first and first[1] and second and len(begin) >= SHORTEST_PART:
                    return 1, f"{first[1]} {second[1]}"
        return None

    def number(self, written: str) -> str:
        """As it is written in English."""
        if self.given.decimal == ",":
            if _GROUPED.fullmatch(written):
                return written.replace(".", "").replace(",", ".")
            if _DECIMALS.fullmatch(written):
                return written.replace(",", ".")
        return written

    def _multiplied(self, found: re.Match[str]) -> str:
        scale = self.given.scales[found[2]]
        return f"{float(found[1]) * scale + int(found[3] or 0) * scale / 10:.0f} "


class _Sentence:
    """One message."""

    def __init__(self, gloss: Gloss, text: str, names: Names) -> None:
        self.gloss, self.text = gloss, text
        self.lexicon = lexicon(names)
        named = places_of_names(text, names)
        self.tokens = [replace(token, kind="name") if token.start in named else token for token in _tokens(text)]
        self.keys = [token.key for token in self.tokens]
        self.pieces: list[_Piece] = []
        self.words = self.known = 0

    def read(self) -> Glossed:
        at = end = 0
        while at < len(self.tokens):
            begin = at
            gap = self.text[end : self.tokens[at].start]
            at += self._phrase(at, gap) or self._alone(at, gap)
            end = self.tokens[max(begin, at - 1)].end
        return Glossed(_written(self.pieces), self.known / self.words if self.words else 1.0)

    def _phrase(self, at: int, gap: str) -> int:
        """How many tokens the phrase has that begins here."""
        token = self.tokens[at]
        number = at > 0 and self.tokens[at - 1].text[-1].isdigit()
        if token.kind == "name" or (number and token.text != token.key and token.key in UNITS):
            return 0
        if number and not gap and (letters := self.gloss.find([f"#{token.key}"])):
            self.pieces.append(_Piece(letters[1], "", "kept"))
            return 1
        found = self.gloss.find(self.keys[at : at + LONGEST])
        if found is None:
            return 0
        if token.kind == "word":
            self.words, self.known = self.words + found[0], self.known + found[0]
        if found[1].startswith("~"):
            self._put_before(found[1][1:], gap)
        else:
            self.pieces.append(_Piece(found[1], gap, "gloss"))
        return found[0]

    def _alone(self, at: int, gap: str) -> int:
        """A name or a sign as it is; a number as English has it; of another script's words nothing."""
        token = self.tokens[at]
        text, kind = token.text, token.kind
        if kind == "word" and text[-1] in "'’":
            token = self._split(at)
            text = token.text
        if kind == "word":
            self.words += not self._is_everywhere(token)
            if not folded(text).isascii():
                is_number = unicodedata.numeric(text[0], None) is not None
                text, kind = (text, "kept") if is_number else ("", "lost")
        elif kind == "kept" and (number := _NUMBER.fullmatch(text)):
            letters = self.gloss.find([f"#{number[2].casefold()}"]) if number[2] else None
            text = self.gloss.number(number[1]) + (letters[1] if letters else number[2])
        self.pieces.append(_Piece(text, gap, kind))
        return 1

    def _split(self, at: int) -> _Token:
        """An apostrophe that ends a word begins the ending behind it."""
        token, end = self.tokens[at], self.tokens[at].end - 1
        sign = _Token(end, token.end, token.text[-1], "other")
        self.tokens[at : at + 1] = [replace(token, end=end, text=token.text[:-1]), sign]
        self.keys[at : at + 1] = [self.tokens[at].key, sign.key]
        return self.tokens[at]

    def _is_everywhere(self, token: _Token) -> bool:
        """A word that people of all languages use: of this field, of names, or of English."""
        known = self.lexicon
        return token.text.isupper() or known.is_ordinary(token.key) or token.key in known.model_families

    def _put_before(self, english: str, gap: str) -> None:
        """Before the word that was written last, or the name or the number, with how many there are."""
        written = [at for at, piece in enumerate(self.pieces) if piece.text]
        if not written:
            self.pieces.append(_Piece(english, gap, "gloss"))
            return
        at = written.pop()
        while written and self.pieces[at].kind in _NAMES and self._belongs_to_a_name(self.pieces[written[-1]]):
            at = written.pop()
        self.pieces.insert(at, _Piece(english, self.pieces[at].gap, "gloss"))
        self.pieces[at + 1].gap = " "

    @staticmethod
    def _belongs_to_a_name(piece: _Piece) -> bool:
        return piece.kind in _NAMES or piece.text in COUNTS


def places_of_names(text: str, names: Names) -> Collection[int]:
    """A word alone may be one of the language."""
    named = names.scan(text, (*DEVICE_KINDS, "models", "engines"))
    return {at for one in named if _SEVERAL.search(one.text) for at in range(one.start, one.end)}


def _written(pieces: Sequence[_Piece]) -> str:
    """English words set apart, and no hyphen between them and what they were joined to; a comma between names where a
    word is lost."""
    parts: list[str] = []
    gap, before = "", _Piece("", "", "")
    for at, piece in enumerate(pieces):
        gap += piece.gap
        behind = pieces[at + 1] if at + 1 < len(pieces) else before
        if piece.text == "-" and not gap and not behind.gap and "gloss" in (before.kind, behind.kind):
            gap = " "
        elif not piece.text:
            gap += ", " if piece.kind == "lost" and before.kind in _NAMES else " "
        elif not (piece.text == before.text == "?"):
            inside = piece.kind != "other" and (before.kind != "other" or before.text in _STOPS)
            apart = inside and "gloss" in (piece.kind, before.kind)
            between = "\n" if "\n" in gap else ", " if "," in gap and piece.kind in _NAMES else " "
            parts += [between if parts and (gap or apart) else "", piece.text]
            gap, before = "", piece
    return "".join(parts)


@cache
def glosses() -> Mapping[str, Gloss]:
    """By language. Raises :class:`kb.errors.InvalidKnowledge` naming the file."""
    return {code: Gloss(given) for code, given in gloss_files().items()}


_NOBODYS = Gloss(GlossFile(name=""))


def in_english(text: str, language: str, names: Names) -> Glossed:
    return glosses().get(language, _NOBODYS).english(text, names)
