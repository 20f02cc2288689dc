"""What the reader of roles learns from at each build: messages with their figures marked, and the slots of the tools'
ways to ask."""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from kb.catalogue.names import Names
from kb.chat.reading.asks import SLOT, expanded, slots
from kb.chat.reading.mentions import spans
from kb.chat.reading.one_form import in_one_form
from kb.chat.reading.roles import NONE, Place, after_role, described_figures, places_of
from kb.search.tags import Tagged, Taught, told_sha256
from kb.text.figures import FigureFound
from kb.text.figures import read as read_figures
from kb.tools import TOOLS, Registry
from kb.tools.asks import read_form

WRITTEN = 5.0
"""How much a figure of a message that was marked by hand weighs beside one in a slot."""
_MARKED = re.compile(r"\[([^\[\]|]+)\|(\w+)\]")


def lessons(names: Names, tools: Registry = TOOLS) -> list[Tagged]:
    """What the reader learns from; names are told by ``names``."""
    written = (one for by_author in marked().values() for text in by_author for one in of_message(text, names))
    return [*written, *of_templates(tools)]


def of_templates(tools: Registry = TOOLS) -> Iterator[Tagged]:
    for tool in tools.names():
        for templates in tools.ways(tool).values():
            for template in templates:
                rng = random.Random(template)  # another way to ask changes nothing in what is learned of this one
                yield from of_template(expanded(template, rng), rng)


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
    places = places_of(names, spans(plain, names, figures))
    for lesson in _lessons(plain, figures, places, _roles(figures, marks)):
        yield replace(lesson, weight=WRITTEN)


def of_template(template: str, rng: random.Random) -> Iterator[Tagged]:
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
        end = length + len(value)
        places += [Place(length, end, slot.kind)] if slot and slot.kind else []
        marks += [Mark(length, end, slot.role)] if slot and slot.role else []
        length, behind = end, found.end()
    text = "".join(parts) + template[behind:]
    figures = read_figures(text)
    yield from (one for one in _lessons(text, figures, places, _roles(figures, marks)) if one.tag != NONE)


def _lessons(
    text: str, figures: Sequence[FigureFound], places: Sequence[Place], roles: Mapping[int, str]
) -> Iterator[Tagged]:
    before = ""
    for figure, features in described_figures(text, figures, places):
        role = roles.get(figure.start, NONE)
        yield Tagged(frozenset({*features, after_role(before)}), role, figure.dimension)
        before = role
