"""The figure lock: a grammar of free text in which every number is one of the evidence's own.

It is a finite automaton over characters. From it come the two notations that engines take: one regular expression in
llguidance's Lark (its states eliminated, so that nothing hangs on how a lexer cuts the text), and GBNF for servers.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from kb.llm.base import Grammar
from kb.text import figures
from kb.text.name_finder import NameFinder
from kb.text.numerals import SCALES

LATIN = "À-ÖØ-öø-ÿ"
LETTERS = "A-Za-zµ" + LATIN
OPENERS = '("“‘*~≈|`'
"""What may stand right before a figure; a sign, a point or a slash there would make another number of it."""
CLOSERS = '*`)"”'
"""What may stand between a figure and the word behind it."""
OTHERS = "!#&'+,./:;=>?@[\\]^_{}–—‘’“…≈×→≤≥·•÷"
"""The rest of the alphabet. Other digits, signs of currency and percent, and ``<`` of tags have no place in it."""
STOPS = ";:?!…'’|"

_COUNTED = "b k bn t m x pin pins request requests weight weights value values"
_CONTINUATIONS = "per ti super xt xtx gre laptop mobile max pro ultra ada sxm pcie nvl"
UNITS = tuple(word for word in (*figures.UNITS, *SCALES, *_COUNTED.split()) if re.fullmatch("[a-zµ]{1,20}", word))
"""Words that say what a figure is of: they stay with the figures that have them, and come to no others."""
CONTINUATIONS = tuple(_CONTINUATIONS.split())
"""Words that would make another figure or another name of what stands before them."""

_CURRENCY = r"(?:[$€£¥] ?|(?:USD|EUR|GBP|SEK|CHF) )"
_TOKEN = re.compile(rf"{_CURRENCY}?\w+(?:(?:[/–−-]|[.,:'’^×](?=\d))\w+)*")
_UNIT = re.compile(
    rf"(?:×|[ -]?(?:%|°C|A\b|(?i:{'|'.join(sorted(UNITS, key=len, reverse=True))})(?!\w)))"
    r"(?:/[A-Za-z]+\b|(?: per| a| an) (?:[a-z]+)\b)*"
)
_TAIL = re.compile(rf"(?:/[A-Za-z]+|[ -](?i:per [a-z]+|{'|'.join(CONTINUATIONS)}))(?!\w)")
"""What the evidence itself has behind a name, of that which may not be put there."""
_SPACES = re.compile(r"[\s\u00a0\u2007\u2009\u202f]+")


@dataclass(frozen=True)
class Locked:
    """What may be written of numbers: figures without a unit, figures with theirs, names and words that hold digits."""

    bare: frozenset[str]
    united: frozenset[str]
    names: frozenset[str]


def locked(texts: Iterable[str], names: NameFinder) -> Locked:
    """The figures and names of ``texts``, as they stand there; ``names`` finds the names that hold digits.

    >>> found = locked(["The RTX 4090 reads 1,008 GB/s (24GB, 80 layers of 8192) [1]."], NameFinder(["RTX 4090"]))
    >>> sorted(found.bare), sorted(found.united), sorted(found.names)
    (['8192'], ['1,008 GB/s', '24GB', '80 layers'], ['RTX 4090'])
    """
    bare, united, known = set[str](), set[str](), set[str]()
    for text in texts:
        plain = figures.MARK.sub("\n", text.replace("**", "").replace("`", ""))
        plain = "\n".join(_SPACES.sub(" ", line) for line in plain.splitlines())
        for start, end in names.spans(plain):
            name = plain[start:end]
            for spoken in _tails(name, names):
                (bare if spoken.isnumeric() else known).add(spoken)
            if tail := _TAIL.match(plain, end):
                known.add(name + tail[0])
        rest = names.without(plain, "\n")
        for token in _TOKEN.finditer(rest):
            if not _has_number(token[0]):
                continue
            unit = _UNIT.match(rest, token.end()) if token[0][-1].isnumeric() else None
            if unit:
                united.add(token[0] + unit[0])
            elif token[0][0].isalpha():
                known.add(token[0])
            else:
                (bare if token[0][-1].isnumeric() else united).add(token[0])
    return Locked(frozenset(bare), frozenset(united), frozenset(known))


def _tails(name: str, names: NameFinder) -> Iterable[str]:
    """A name, and what is left of it without its first words where that is a name too (RTX 4090, 4090)."""
    words = name.split(" ")
    for start in range(len(words)):
        tail = " ".join(words[start:])
        if _has_number(tail) and (start == 0 or names.is_name(tail)):
            yield tail


def _has_number(text: str) -> bool:
    return any(character.isnumeric() for character in text)


def lock(allowed: Locked, marks: Iterable[int]) -> Grammar:
    """The grammar of texts whose numbers are ``allowed`` and whose citation marks are among ``marks``."""
    return Grammar(lark=_lark(allowed, marks), gbnf=_gbnf(allowed, marks))


# The automaton. Every state accepts: the text may end anywhere.

Edges = tuple[tuple[str, str], ...]
_START = "open"
_FIGURES: Edges = (("BARE", "bare"), ("UNITED", "figure"), ("NAME", "figure"))
_STATES: Mapping[str, Edges] = {
    # A figure may begin here: at the start, behind white space or an opener.
    "open": (
        ("LETTER", "closed"), ("BLANK", "open"), ("LINE", "open"), ("OPENER", "open"), ("OTHER", "closed"),
        ("HYPHEN", "closed"), ("SHUT", "closed"), ("ANGLE", "angle"), ("MARK", "marked"), *_FIGURES,
    ),
    "closed": (
        ("LETTER", "closed"), ("BLANK", "open"), ("LINE", "open"), ("OPENER", "closed"), ("CLOSER", "closed"),
        ("OTHER", "closed"), ("HYPHEN", "closed"), ("ANGLE", "angle"), ("MARK", "marked"),
    ),
    "angle": (("BLANK", "open"), ("LINE", "open"), ("EQUALS", "closed")),
    # A mark with a bracket behind it would be a link.
    "marked": (
        ("LETTER", "closed"), ("BLANK", "open"), ("LINE", "open"), ("CLOSER", "closed"), ("OTHER", "closed"),
        ("HYPHEN", "closed"), ("MARK", "marked"),
    ),
    # Behind a figure without a unit there comes no unit, and no other figure right away.
    "bare": (
        ("CLOSER", "bare"), ("LINE", "open"), ("BLANK", "unitless"), ("HYPHEN", "unitless"), ("STOP", "closed"),
        ("POINT", "point"), ("MARK", "bare"),
    ),
    "unitless": (
        ("BLANK", "unitless"), ("OPENER", "unitless"), ("HYPHEN", "unitless"), ("LINE", "open"), ("OTHER", "closed"),
        ("SHUT", "closed"), ("NOUNIT", "word"), ("NAME", "figure"), ("MARK", "bare"),
    ),
    "point": (
        ("BLANK", "open"), ("LINE", "open"), ("CLOSER", "closed"), ("POINT", "closed"), ("MARK", "marked"),
    ),
    # Behind one with a unit, and behind a name, comes nothing that would change it.
    "figure": (
        ("CLOSER", "figure"), ("LINE", "open"), ("BLANK", "behind"), ("HYPHEN", "hyphen"), ("STOP", "closed"),
        ("POINT", "point"), ("MARK", "figure"),
    ),
    "behind": (
        ("BLANK", "behind"), ("OPENER", "behind"), ("LINE", "open"), ("OTHER", "closed"), ("HYPHEN", "closed"),
        ("SHUT", "closed"), ("ANGLE", "angle"), ("NOCONTINUATION", "word"), ("MARK", "figure"), *_FIGURES,
    ),
    "hyphen": (("NOCONTINUATION", "word"),),
    "word": (
        ("BLANK", "open"), ("LINE", "open"), ("OPENER", "closed"), ("CLOSER", "closed"), ("OTHER", "closed"),
        ("HYPHEN", "closed"), ("ANGLE", "angle"), ("MARK", "marked"),
    ),
}  # fmt: skip


_Characters = Callable[[str], str]
"""How a class of characters is written; literals are the same in both notations."""


def _terminals(allowed: Locked, marks: Iterable[int], characters_of: _Characters) -> dict[str, str]:
    """What the edges are, by name; an edge that nothing can pass is left out."""
    one_of = {
        "LETTER": LETTERS, "BLANK": " ", "LINE": "\n", "HYPHEN": "-", "POINT": ".,", "EQUALS": "=",
        "ANGLE": "<", "OPENER": OPENERS, "CLOSER": CLOSERS, "OTHER": OTHERS, "STOP": STOPS, "SHUT": ")”",
    }  # fmt: skip
    terminals = {name: characters_of(characters) for name, characters in one_of.items()}
    names = allowed.names | {f"{name}s" for name in allowed.names if name[-1].isalnum()}
    literals = {
        "BARE": allowed.bare,
        "UNITED": allowed.united,
        "NAME": names,
        "MARK": {f"[{mark}]" for mark in marks},
    }
    for name, texts in literals.items():
        if texts:
            terminals[name] = _any_of(map(_quoted, sorted(texts)))
    terminals["NOUNIT"] = _no_word((*UNITS, *CONTINUATIONS), characters_of)
    terminals["NOCONTINUATION"] = _no_word(CONTINUATIONS, characters_of)
    return terminals


def _any_of(alternatives: Iterable[str]) -> str:
    return f"({' | '.join(alternatives)})"


@cache
def _no_word(words: tuple[str, ...], characters_of: _Characters) -> str:
    """Whole words of letters that are none of ``words``, in upper case or lower."""
    spelled = set(words)
    letters = characters_of(LETTERS)

    def rest(stem: str) -> str:
        following = sorted({word[len(stem)] for word in spelled if word.startswith(stem) and word != stem})
        if not following:
            return f"{letters} {letters}*"
        others = characters_of(_letters_without(following))
        ways = [f"{others} {letters}*"]
        ways += [f"{characters_of(letter + letter.upper())} {rest(stem + letter)}" for letter in following]
        return _any_of(ways) + ("?" if stem and stem not in spelled else "")

    return rest("")


def _letters_without(letters: Iterable[str]) -> str:
    left = [letter for letter in "abcdefghijklmnopqrstuvwxyzµ" if letter not in set(letters)]
    return "".join(left) + "".join(letter.upper() for letter in left if letter.isascii()) + LATIN


def _lark(allowed: Locked, marks: Iterable[int]) -> str:
    terminals = _terminals(allowed, marks, _lark_class)
    rules = [f"{name}: {expression}" for name, expression in terminals.items()]
    return "\n".join(("start: TEXT", f"TEXT: {_eliminated(terminals)}", *rules, ""))


def _gbnf(allowed: Locked, marks: Iterable[int]) -> str:
    terminals = _terminals(allowed, marks, _gbnf_class)
    rules = [f"root ::= {_START}-state"]
    for state, edges in _STATES.items():
        ways = _any_of(f"{edge.lower()} {target}-state" for edge, target in edges if edge in terminals)
        rules.append(f"{state}-state ::= {ways}?")
    rules += [f"{name.lower()} ::= {expression}" for name, expression in terminals.items()]
    return "\n".join((*rules, ""))


def _lark_class(body: str) -> str:
    return "/" + _gbnf_class(body).replace("/", r"\/") + "/"


def _gbnf_class(body: str) -> str:
    """Ranges of letters stay, and what has a meaning there is escaped."""
    escaped = re.sub(r"([\\\[\]])", r"\\\1", body)
    return f"[{escaped}]".replace("\n", r"\n")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _eliminated(terminals: Mapping[str, str]) -> str:
    """The automaton as one regular expression over the names of its edges: states go one by one, the start last."""
    ways: dict[str, dict[str, str]] = {}
    for state, edges in _STATES.items():
        ways[state] = {}
        for edge, target in edges:
            if edge in terminals:
                known = ways[state].get(target)
                ways[state][target] = f"{known} | {edge}" if known else edge
    ends = dict.fromkeys(ways, "")
    order = [state for state in reversed(ways) if state != _START]
    for gone in order:
        out = ways.pop(gone)
        loop = f"({out.pop(gone)})*" if gone in out else ""
        for state, others in ways.items():
            if gone not in others:
                continue
            reach = f"({others.pop(gone)}) {loop}".strip()
            for target, expression in out.items():
                step = f"{reach} ({expression})"
                others[target] = f"{others[target]} | {step}" if target in others else step
            last = f"{reach} ({ends[gone]})?" if ends[gone] else reach
            ends[state] = f"{ends[state]} | {last}" if ends[state] else last
    loop = ways[_START][_START]
    return f"({loop})* ({ends[_START]})?"
