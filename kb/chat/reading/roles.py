"""What the figures of a message are for, by the words, figures and names around each: told by what a build learned of
the lessons in :mod:`kb.chat.reading.role_lessons`."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isnan, log2

from kb.catalogue.names import Match, Names
from kb.catalogue.records import Accelerator, Machine
from kb.chat.reading.spans import Span
from kb.search.tags import Tagger
from kb.text.figures import FigureFound

CLEAR = 0.1
"""How far a role must lead: more, and what is meant is missed more often than nonsense is kept out."""
NONE = "none"
"""The role of a figure that is nobody's request: a version, a line of a log, an age."""
DEVICES = frozenset({"card", "unified", "processor"})
"""Kinds of names that run a model."""
ENGINE = "engine"
"""The kind of names of programs."""
NEAR, FAR = 4, 9
"""Words on either side whose places count, and those that count at all."""
LETTERS = (3, 4)
NO_ROLES = frozenset({"%", "bits", "bits/s", "flops", "ops", "hz", "°c", "m", "v", "a", "wh", "cores", "threads", "heads",
    "experts", "lanes", "cards", "parameters", "characters", "transfers", "transfers/s"})  # fmt: skip
"""Dimensions of figures that nothing is asked with."""
MOST_FIGURES = 128
"""Of one message that are read."""

_TOKEN = re.compile(r"[^\W\d_\u3040-\u9fff]+|[\u3040-\u9fff]|\d[\d.,]*|[^\w\s]")
_BORDERS = frozenset(".?!;,()\n:/") | {"and", "but", "then", "or"}
_KINDS = {
    "models": "model", "media-models": "model", "cpus": "processor", "quantizations": "quantization", "storage": "drive",
    "motherboards": "board", "engines": ENGINE,
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A name at ``[start, end)`` by its kind: model, card, unified (a machine whose memory is the card's too) …"""

    start: int
    end: int
    kind: str


@dataclass(frozen=True)
class Roled:
    """A figure with its role."""

    role: str
    figure: FigureFound


class RoleReader:
    """Tells the roles of a message's figures by what the index learned."""

    def __init__(self, learned: Tagger) -> None:
        self.learned = learned

    def roles(self, text: str, figures: Sequence[FigureFound], places: Sequence[Place]) -> list[Roled]:
        """Of the figures that are no part of a name and have a role. None where nothing was learned."""
        if not self.learned.tags:
            return []
        found: list[Roled] = []
        before = ""
        for figure, features in described_figures(text, figures, places):
            before, lead = self.learned.tag({*features, after_role(before)}, figure.dimension)
            if before != NONE and lead >= CLEAR:
                found.append(Roled(before, figure))
        return found


def after_role(role: str) -> str:
    """The feature of a figure that stands behind another of this role."""
    return f"after {role}"


def places_of(names: Names, found: Sequence[Span]) -> list[Place]:
    """Terms and links are words like others here."""
    return [
        Place(span.start, span.end, _kind(names, span)) for span in found if span.kind not in ("terms", "interconnects")
    ]


def _kind(names: Names, span: Span) -> str:
    record = names.record(span.matches[0]) if span.matches else None
    if isinstance(record, Machine) and record.accelerator:
        record = names.record(Match("accelerators", record.accelerator, ""))
    if isinstance(record, Accelerator) and record.unified_memory:
        return "unified"
    return _KINDS.get(span.kind, "card")


def described_figures(
    text: str, figures: Sequence[FigureFound], places: Sequence[Place]
) -> Iterator[tuple[FigureFound, set[str]]]:
    """Each figure that may have a role, with what stands around it."""
    covered = {at for place in places for at in range(place.start, place.end)}
    free = [
        figure
        for figure in figures
        if figure.kind not in ("name", "multiple", "date") and not isnan(figure.value)
        and figure.dimension not in NO_ROLES
        and figure.start not in covered and figure.end - 1 not in covered
    ][:MOST_FIGURES]  # fmt: skip
    tokens, at_figure = _tokens(text, free, places)
    kinds = {place.kind for place in places}
    for number, figure in enumerate(free):
        features = set(_of_figure(figure))
        features |= set(_around(tokens, at_figure[number]))
        features |= {f"has {kind}" for kind in kinds}
        features.add(f"long {min(4, len(tokens) // 8)}")
        yield figure, features


def _tokens(text: str, figures: Sequence[FigureFound], places: Sequence[Place]) -> tuple[list[str], list[int]]:
    """The words of a text, in which names and figures stand as what they are, and where each figure stands."""
    things = [(place.start, place.end, f"<{place.kind}>", False) for place in places]
    things += [(figure.start, figure.end, f"<{figure.dimension or figure.kind}>", True) for figure in figures]
    tokens: list[str] = []
    at_figure: list[int] = []
    behind = 0
    for start, end, token, is_figure in sorted(things):
        tokens += _TOKEN.findall(text[behind:start].lower()) if start > behind else ()
        if is_figure:
            at_figure.append(len(tokens))
        if is_figure or start >= behind:
            tokens.append(token)
        behind = max(behind, end)
    return tokens + _TOKEN.findall(text[behind:].lower()), at_figure


def _of_figure(figure: FigureFound) -> Iterator[str]:
    yield "any"
    yield f"unit {figure.unit.lower()} {figure.scale.lower()} {figure.per}"
    yield f"unit {figure.unit}"
    yield f"per {figure.per}"
    yield f"value {figure.value:g}"
    yield f"about {round(2 * log2(abs(figure.base))) if figure.base else 'nothing'}"
    if figure.value >= 256 and figure.value % 256 == 0:
        yield "of two"
    if "." in figure.text or "," in figure.text:
        yield "decimal"
    if figure.ends:
        yield "range"


def _around(tokens: Sequence[str], at: int) -> Iterator[str]:
    left, right = tokens[max(0, at - FAR) : at][::-1], tokens[at + 1 : at + 1 + FAR]
    if not left:
        yield "first"
    if not right:
        yield "last"
    for side, words in (("<", left), (">", right)):
        border = ""
        for distance, word in enumerate(words):
            if distance < NEAR:
                yield f"{side}{distance} {word}"
                for gram in _grams(word):
                    yield f"{side}{border}~{gram}"
            yield f"{side}{border} {word}"
            if word in _BORDERS:
                border = "|"
        for one, other in pairwise(words[: NEAR + 1]):
            yield f"{side} {one} {other}"
        named = next((f"{side}{word}" for word in words if word.startswith("<")), "")
        yield f"nearest {named}"
    yield f"{left[0] if left else ''} _ {right[0] if right else ''}"


def _grams(word: str) -> Iterator[str]:
    padded = f" {word} "
    for size in LETTERS if word.isalpha() else ():
        for at in range(len(padded) - size + 1):
            yield padded[at : at + size]
