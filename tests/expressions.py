"""Every regular expression of the code, and a search for the strings that would make one of them slow.

An expression is slow where the time that it takes grows faster than the text: strings are made from its own parse tree
(what each of its repeats takes, many times, and an ending that makes it fail) and the growth is measured, never the
clock alone.
"""

import ast
import importlib
import math
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from re import _constants as codes
from re import _parser as parser
from types import ModuleType
from typing import Any

LONGEST = 8_000
"""Characters of a message."""
QUICK_S = 0.004
"""At the full length this is no matter, whatever the growth was."""
WORST_GROWTH = 1.5
"""Exponent of the growth that still counts as linear; a square has 2."""
GIVE_UP_S = 0.05
MOST_TRIED = 60
"""Texts for one expression; of more, evenly fewer."""
FAILING = ("", "\0", "\n?")
"""Endings: what the last repeat took is given back piece by piece where none of the rest follows."""

REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT)
ONE = (codes.LITERAL, codes.NOT_LITERAL, codes.ANY, codes.IN)
TYPICAL = ' \n1a-.,_("x+[/$'


@dataclass(frozen=True)
class Expression:
    """``anchored``: only ever matched at a place that the code gives."""

    where: str
    pattern: re.Pattern[str]
    anchored: bool = False

    def apply(self, text: str) -> None:
        if self.anchored:
            self.pattern.match(text)
            return
        for _ in self.pattern.finditer(text):
            pass


@dataclass(frozen=True)
class Slow:
    expression: Expression
    text: str
    growth: float
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.expression.where}: {self.expression.pattern.pattern[:70]!r} takes {self.seconds:.2f} s for "
            f"{len(self.text)} characters like {self.text[:40]!r}, growing with the power {self.growth:.1f}"
        )


def modules(*packages: str) -> Iterator[ModuleType]:
    for package in packages:
        root = importlib.import_module(package)
        yield root
        for found in pkgutil.walk_packages(root.__path__, f"{package}."):
            if not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


def expressions(module: ModuleType) -> Iterator[Expression]:
    """Those that the module keeps, and those that stand in calls of ``re``."""
    for name, value in vars(module).items():
        yield from (Expression(f"{module.__name__}.{name}", pattern) for pattern in _kept(value))
    assert module.__file__ is not None
    with open(module.__file__, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="re"), attr=function),
                args=[ast.Constant(value=str() as pattern), *_],
            ):
                flags = _flags(node, function)
                where = f"{module.__name__}:{node.lineno}"
                yield Expression(where, re.compile(pattern, flags), function in ("match", "fullmatch"))


def _kept(value: Any) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern):
        if isinstance(value.pattern, str):
            yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _kept(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _kept(item)
    elif isinstance(value, type):
        for item in vars(value).values():
            if isinstance(item, re.Pattern):
                yield item


def _flags(call: ast.Call, function: str) -> int:
    names = {"I": re.I, "IGNORECASE": re.I, "M": re.M, "S": re.S, "X": re.X, "UNICODE": re.U}
    found = 0
    places = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "flags")]
    for place in places:
        for part in ast.walk(place):
            if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == "re":
                found |= names.get(part.attr, 0)
    return found


def worst(expression: Expression, longest: int = LONGEST) -> Slow | None:
    """The first text found that it is slow on."""
    tried = list(dict.fromkeys(pumps(expression.pattern)))
    for before, pump, after in tried[:: 1 + len(tried) // MOST_TRIED]:
        slow = _grown(expression, before, pump, after, longest)
        if slow and _grown(expression, before, pump, after, longest):  # not only because the machine was busy
            return slow
    return None


def _grown(expression: Expression, before: str, pump: str, after: str, longest: int) -> Slow | None:
    """A few repeats more each time first, for what doubles with each; then twice as many each time."""
    most = max(2, (longest - len(before) - len(after)) // len(pump))
    counts = [*range(2, min(32, most), 5)]
    while counts[-1] * 2 < most:
        counts.append(counts[-1] * 2)
    times: list[tuple[int, float]] = []
    for count in (*counts, most):
        text = before + pump * count + after
        times.append((len(text), _seconds(expression, text)))
        length, seconds = times[-1]
        if seconds > GIVE_UP_S:
            break
        if count < most and longest / 4 <= length and seconds < QUICK_S / 25:
            return None  # four times the length cannot make it slow: 16 times with the square
    if seconds < QUICK_S:
        return None
    # From half the length, or from less where it grew very fast; what takes microseconds is mostly the call itself.
    earlier = [(at, took) for at, took in times[:-1] if took > 1e-5 and (at <= 0.6 * length or seconds > 4 * took)]
    if not earlier:
        return None
    at, took = earlier[-1]
    growth = math.log(seconds / took) / math.log(length / at)
    return Slow(expression, text, growth, seconds) if growth > WORST_GROWTH else None


def _seconds(expression: Expression, text: str) -> float:
    """CPU time; of two where it counts, for the machine may have been busy."""
    taken = _once(expression, text)
    return taken if taken < QUICK_S / 25 or taken > GIVE_UP_S else min(taken, _once(expression, text))


def _once(expression: Expression, text: str) -> float:
    start = time.thread_time()
    expression.apply(text)
    return time.thread_time() - start


# Texts from a parse tree.


def pumps(pattern: re.Pattern[str]) -> Iterator[tuple[str, str, str]]:
    """What stands before, what is repeated, and what stands behind it."""
    tree = parser.parse(pattern.pattern, pattern.flags)
    letters = "".join(dict.fromkeys(TYPICAL + "".join(_literals(tree))))
    for before, pump in dict.fromkeys(_places(tree, "", letters)):
        for after in FAILING[: 3 if len(pump) == 1 else 2]:
            yield before, pump, after


def _literals(tree: Any) -> Iterator[str]:
    for code, value in tree:
        if code is codes.LITERAL and value > 127:
            yield chr(value)
        for part in _parts(code, value):
            yield from _literals(part)


def _parts(code: Any, value: Any) -> list[Any]:
    if code in REPEATS:
        return [value[2]]
    if code is codes.SUBPATTERN:
        return [value[3]]
    if code is codes.BRANCH:
        return list(value[1])
    if code is codes.ATOMIC_GROUP:
        return [value]
    if code in (codes.ASSERT, codes.ASSERT_NOT):
        return [value[1]]
    return []


def _places(tree: Any, before: str, letters: str) -> Iterator[tuple[str, str]]:
    """For each repeat: what leads to it, and what it takes; and both together, again and again."""
    for code, value in tree:
        if code in REPEATS and value[1] > 8:
            for body in _bodies(value[2], letters):
                yield before, body
                if before:
                    yield "", before + body
        for part in _parts(code, value):
            yield from _places(part, before, letters)
        if code not in (codes.ASSERT, codes.ASSERT_NOT, codes.AT):
            before += _sample([(code, value)])
    if before:
        yield "", before
        yield "", f"{before} "


def _bodies(tree: Any, letters: str) -> list[str]:
    """What a repeat takes: each character of a class, or each branch of a group."""
    if len(tree) == 1 and tree[0][0] in ONE:
        return [letter for letter in letters if _takes(tree[0], letter)][:10]
    return [text for text in dict.fromkeys(_samples(tree)) if text][:12]


def _samples(tree: Any) -> list[str]:
    """Texts that it matches: each branch, and what may be left out both ways."""
    texts = [""]
    for code, value in tree:
        if code in REPEATS:
            least, most, body = value
            ways = [""] if least == 0 else []
            ways += [text * max(1, least) for text in _samples(body)] if most else []
        elif code is codes.BRANCH:
            ways = [text for branch in value[1] for text in _samples(branch)]
        elif code in (codes.SUBPATTERN, codes.ATOMIC_GROUP):
            ways = _samples(_parts(code, value)[0])
        elif code in ONE:
            ways = [_sample([(code, value)])]
        else:
            ways = [""]
        texts = [text + way for text in texts for way in ways[:24]][:24]
    return texts


def _sample(tree: Any) -> str:
    text = ""
    for code, value in tree:
        if code in ONE:
            text += next((letter for letter in "a1 -." + TYPICAL if _takes((code, value), letter)), "") or _any(
                code, value
            )
        elif code in REPEATS:
            text += _sample(value[2]) * max(value[0], 1 if code is not codes.MIN_REPEAT else value[0])
        elif code is codes.BRANCH:
            text += max((_sample(branch) for branch in value[1]), key=len)
        elif code in (codes.SUBPATTERN, codes.ATOMIC_GROUP):
            text += _sample(_parts(code, value)[0])
    return text


def _any(code: Any, value: Any) -> str:
    if code is codes.LITERAL:
        return chr(value)
    return next((chr(point) for point in range(32, 0x10FF) if _takes((code, value), chr(point))), "")


_CATEGORIES: dict[Any, Callable[[str], bool]] = {
    codes.CATEGORY_DIGIT: str.isdigit,
    codes.CATEGORY_NOT_DIGIT: lambda letter: not letter.isdigit(),
    codes.CATEGORY_SPACE: str.isspace,
    codes.CATEGORY_NOT_SPACE: lambda letter: not letter.isspace(),
    codes.CATEGORY_WORD: lambda letter: letter.isalnum() or letter == "_",
    codes.CATEGORY_NOT_WORD: lambda letter: not (letter.isalnum() or letter == "_"),
}


def _takes(one: tuple[Any, Any], letter: str) -> bool:
    code, value = one
    if code is codes.LITERAL:
        return ord(letter) == value
    if code is codes.NOT_LITERAL:
        return ord(letter) != value
    if code is codes.ANY:
        return letter != "\n"
    negated = value[0][0] is codes.NEGATE
    return negated != any(_holds(part, letter) for part in value if part[0] is not codes.NEGATE)


def _holds(part: tuple[Any, Any], letter: str) -> bool:
    code, value = part
    if code is codes.LITERAL:
        return ord(letter) == value
    if code is codes.RANGE:
        return value[0] <= ord(letter) <= value[1]
    return _CATEGORIES[value](letter)
