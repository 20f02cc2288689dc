"""What the figures of a message are for: learned at each build from messages with their figures marked, and from the
slots of the tools' ways to ask; kept with the index."""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isnan, log2
from pathlib import Path

from pydantic import TypeAdapter

from kb.catalogue.names import Match, Names
from kb.catalogue.records import Accelerator, Machine
from kb.chat.reading.asks import SLOT, expanded, slots
from kb.chat.reading.mentions import spans
from kb.chat.reading.one_form import in_one_form
from kb.chat.reading.spans import Span
from kb.search.tags import Tagged, Tagger, Taught, told_sha256
from kb.text.figures import FigureFound
from kb.text.figures import read as read_figures
from kb.tools import TOOLS, Registry
from kb.tools.asks import read_form

NONE = "none"
"""The role of a figure that is nobody's request: a version, a line of a log, an age."""
OF_SLOTS = {
    "context": "context", "sequence_length": "context", "users": "users", "concurrency": "users", "budget": "budget",
    "ram": "ram", "watts": "draw", "own_watts": "draw", "psu": "psu", "psu_w": "psu",
    "kwh_price": "kwh", "price_per_kwh": "kwh", "hours": "hours", "hours_per_day": "hours", "rent": "rent",
    "rent_per_hour": "rent", "cost_per_hour": "rent", "read_mb_per_s": "read", "batch_size": "batch",
}  # fmt: skip
"""What a slot of ``ways.yaml`` says of the figure in it."""
DEVICES = frozenset({"card", "unified", "processor"})
"""Kinds of names that run a model."""
WRITTEN = 5.0
"""How much a figure of a message that was marked by hand weighs beside one in a slot."""
NEAR, FAR = 4, 9
"""Words on either side whose places count, and those that count at all."""
LETTERS = (3, 4)
MOST_FIGURES = 256
"""Of one message that are read."""

_MARKED = re.compile(r"\[([^\[\]|]+)\|(\w+)\]")
_TOKEN = re.compile(r"[^\W\d_\u3040-\u9fff]+|[\u3040-\u9fff]|\d[\d.,]*|[^\w\s]")
_BORDERS = frozenset(".?!;,()\n:/") | {"and", "und", "et", "y", "but", "then", "or"}
_KINDS = {
    "models": "model", "cpus": "processor", "quantizations": "quantization", "storage": "drive",
    "motherboards": "board", "engines": "engine",
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
            before = self.learned.tag({*features, f"before={before}"})
            found.append(Roled(before, figure))
        return [one for one in found if one.role != NONE]


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
        if figure.kind != "name" and not isnan(figure.value)
        and figure.start not in covered and figure.end - 1 not in covered
    ][:MOST_FIGURES]  # fmt: skip
    tokens, at_figure = _tokens(text, free, places)
    kinds = {place.kind for place in places}
    for number, figure in enumerate(free):
        features = set(_of_figure(figure))
        features |= set(_around(tokens, at_figure[number]))
        features |= {f"has {kind}" for kind in kinds}
        features.add(f"long {min(4, len(tokens) // 8)}")
        features |= {f"{figure.dimension}|{feature}" for feature in features}
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


def lessons(names: Names, tools: Registry = TOOLS) -> list[Tagged]:
    """What the reader learns from; names are told by ``names``."""
    rng = random.Random(0)
    known = [one for by_author in marked().values() for text in by_author for one in of_message(text, names)]
    for tool in tools.names():
        for templates in tools.ways(tool).values():
            for template in templates:
                known += of_template(expanded(template, rng), tool, rng)
    return known


def taught(tools: Registry = TOOLS) -> Taught:
    """For a build. Raises :class:`kb.errors.InvalidKnowledge` naming the file."""
    told = [marked(), *(tools.ways(tool) for tool in tools.names())]
    return Taught(told_sha256(told), lambda names: lessons(names, tools))


def marked() -> Mapping[str, Sequence[str]]:
    """The messages with their figures marked, by voice."""
    known = read_form(Path(__file__).with_name("roles.yaml"), TypeAdapter(dict[str, str]))
    return {voice: tuple(line for line in text.splitlines() if line.strip()) for voice, text in known.items()}


@dataclass(frozen=True)
class Mark:
    start: int
    end: int
    role: str


def unmarked(text: str) -> tuple[str, list[Mark]]:
    """
    >>> unmarked("only [6 tok/s|measured] on it")
    ('only 6 tok/s on it', [Mark(start=5, end=12, role='measured')])
    """
    parts: list[str] = []
    marks: list[Mark] = []
    behind = length = 0
    for found in _MARKED.finditer(text):
        parts += [text[behind : found.start()], found[1]]
        length += len(parts[-2])
        marks.append(Mark(length, length + len(found[1]), found[2]))
        length, behind = length + len(found[1]), found.end()
    return "".join(parts) + text[behind:], marks


def _roles(figures: Sequence[FigureFound], marks: Sequence[Mark]) -> dict[int, str]:
    """Where a figure stands, its role: a mark is for the first in it, and those that measure the same."""
    found: dict[int, str] = {}
    for mark in marks:
        inside = [figure for figure in figures if mark.start < figure.end and figure.start < mark.end]
        found |= {figure.start: mark.role for figure in inside if figure.dimension == inside[0].dimension}
    return found


def of_message(text: str, names: Names) -> Iterator[Tagged]:
    plain, marks = unmarked(in_one_form(text))
    figures = read_figures(plain)
    roles = _roles(figures, marks)
    places = places_of(names, spans(plain, names, figures))
    before = ""
    for figure, features in described_figures(plain, figures, places):
        role = roles.get(figure.start, NONE)
        yield Tagged(frozenset({*features, f"before={before}"}), role, WRITTEN)
        before = role


_KIND_OF_SLOT = {
    "model": "model", "model_2": "model", "device": "card", "accelerator": "card", "device_2": "card",
    "cpu": "processor", "quantization": "quantization", "drive": "drive", "board": "board", "platform": "board",
    "engine": "engine",
}  # fmt: skip


def of_template(template: str, tool: str, rng: random.Random) -> Iterator[Tagged]:
    """Only of figures in slots it is known what they are for."""
    parts: list[str] = []
    places: list[Place] = []
    marks: list[Mark] = []
    behind = length = 0
    for found in SLOT.finditer(template):
        slot = slots().get(found[1])
        value = rng.choice(slot.values) if slot else "2"
        parts += [template[behind : found.start()], value]
        length += len(parts[-2])
        if found[1] in _KIND_OF_SLOT:
            places.append(Place(length, length + len(value), _KIND_OF_SLOT[found[1]]))
        elif role := OF_SLOTS.get(found[1]):
            marks.append(Mark(length, length + len(value), role))
        length, behind = length + len(value), found.end()
    text = "".join(parts) + template[behind:]
    figures = read_figures(text)
    roles = _roles(figures, marks)
    before = ""
    for figure, features in described_figures(text, figures, places):
        role = roles.get(figure.start, NONE)
        if role != NONE:
            yield Tagged(frozenset({*features, f"before={before}"}), role)
        before = role
