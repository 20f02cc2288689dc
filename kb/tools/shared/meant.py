"""A device as a person names it in a form or a command: where the name leaves something open, the likeliest is taken,
and it is said which.

Programs that call a tool are refused such a name instead, with the candidates.
"""

from dataclasses import replace

from kb.catalogue import Catalogue
from kb.catalogue.names import DEVICE_KINDS, Match, Names
from kb.catalogue.records import Record
from kb.catalogue.typed import memory_stated
from kb.text.wording import joined
from kb.tools.shared.resolve import split_count


class Reading(Record):
    """How a name was read that leaves something open."""

    typed: str
    """The name."""
    name: str
    """What it was read as."""
    note: str
    """What was taken, and of what."""
    others: tuple[str, ...]
    """Names of what it may be too, the likeliest first."""


def meant(catalogue: Catalogue, device: str, ram_gib: float | None = None) -> tuple[str, tuple[Reading, ...]]:
    """The device by names that leave nothing open, and what was taken for that; ``2x`` and ``+`` stay as they are. What
    nobody knows is left for the calculator to refuse. ``ram_gib`` is the memory of a machine that is sold with so much.
    """
    parts, readings = [], []
    for part in device.split(" + "):
        reading = _read(catalogue.names, part, ram_gib)
        parts.append(part.replace(reading.typed, reading.name) if reading else part)
        readings += [reading] if reading else []
    return " + ".join(parts), tuple(one for one in readings if one.note)


def _read(names: Names, part: str, ram_gib: float | None) -> Reading | None:
    for typed in dict.fromkeys((part.strip(), split_count(part)[1].strip())):
        if found := names.find(DEVICE_KINDS, typed) or names.misspelt(DEVICE_KINDS, typed):
            return _reading(names, typed, names.likeliest(found), ram_gib)
    return None


def _reading(names: Names, typed: str, found: list[Match], ram_gib: float | None) -> Reading:
    first, *rest = found
    sizes = sorted(names.memory_options(first)) if first.memory_gib is None else []
    if typed.casefold() != first.label.casefold() and memory_stated(typed) in sizes:
        sizes = []
    others = [match.name for match in rest]
    notes = []
    if len(sizes) > 1:
        # Without a size the smallest: what it holds, all of them hold. A slug is what links of the chat have, and of it
        # the calculators take the largest.
        size = next((size for size in sizes if size == ram_gib), sizes[-1 if typed == first.slug else 0])
        first = replace(first, memory_gib=int(size))
        if size != ram_gib:
            sold = joined([f"{size:g}" for size in sizes], "or")
            notes.append(f"{first.label} is sold with {sold} GB; no size was named, so {size:g} GB was taken.")
            others = [*(replace(first, memory_gib=int(other)).name for other in sizes if other != size), *others]
    if rest or first.note:
        notes.insert(0, f"“{typed}” was read as {first.name}.")
    if not notes and first == found[0]:
        return Reading(typed=typed, name=typed, note="", others=())
    return Reading(typed=typed, name=first.name, note=" ".join(notes), others=tuple(others))
