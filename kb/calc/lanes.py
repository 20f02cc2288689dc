"""How PCIe lanes are shared among cards and drives, and what the share costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from kb.calc.device import pcie_bytes_per_s
from kb.catalogue.files import read_mapping

NARROWEST_SLOT = 4
"""Slots of a processor are split down to x4; narrower ones hang on the chipset."""

NVME_LANES = 4
GRAPHICS_LANES = 16
"""What a desktop processor gives to its graphics slots; its other lanes end in M.2 slots."""

CHIPSET_SLOT_LANES = 4
"""The widest slot that desktop chipsets usually feed."""

Attached = Literal["cpu", "chipset", "nothing"]


@dataclass(frozen=True)
class ChipsetLink:
    """What joins the chipset to the processor; all that hangs on the chipset shares it."""

    generation: float
    lanes: int
    taken_from_cpu: int = 0
    """How many of the lanes that the processor's data sheet counts the link takes."""

    @property
    def bytes_per_s(self) -> float:
        return pcie_bytes_per_s(self.generation, self.lanes)


@cache
def desktop_sockets() -> Mapping[str, ChipsetLink]:
    """By name, as ``sockets.yaml`` has them."""
    return TypeAdapter(dict[str, ChipsetLink]).validate_python(read_mapping(Path(__file__).with_name("sockets.yaml")))


@dataclass(frozen=True)
class Platform:
    """Lanes of a processor and its chipset, by PCIe generation."""

    generation: float
    slot_lanes: int
    """For cards; where ``pooled``, for drives as well."""
    m2_lanes: int = 0
    """Of the processor and for drives alone."""
    pooled: bool = False
    chipset: ChipsetLink | None = None
    chipset_lanes: int | None = None
    """None where not known."""


@dataclass(frozen=True)
class Wish:
    """A device and the lanes it could use."""

    lanes: int
    generation: float
    is_drive: bool = False


@dataclass(frozen=True)
class Link:
    """What a device gets; ``bytes_per_s`` one way, at most."""

    lanes: int
    generation: float
    attached: Attached
    bytes_per_s: float


def platform_of(
    generation: float,
    lanes: int,
    socket: str = "",
    usable_lanes: int | None = None,
    chipset_lanes: int | None = None,
) -> Platform:
    """Desktop: 16 lanes for slots, the rest of the usable ones for M.2. Workstation and server: one pool.

    >>> p = platform_of(5, 28, "AM5", usable_lanes=24)   # 24 = 16 for slots + 8 for two M.2 drives
    >>> p.slot_lanes, p.m2_lanes
    (16, 8)
    >>> platform_of(5, 48, "sTR5").slot_lanes
    48
    """
    link = desktop_sockets().get(socket)
    if link is None:
        return Platform(generation, lanes, pooled=True, chipset_lanes=chipset_lanes)
    usable = usable_lanes if usable_lanes is not None else lanes - link.taken_from_cpu
    slots = min(GRAPHICS_LANES, usable)
    return Platform(generation, slots, usable - slots, False, link, chipset_lanes)


def share_lanes(wanted: Sequence[int], available: int) -> tuple[int, ...]:
    """Lanes per slot: the widest slot is halved, the last of equals first, until the sum is not above ``available``;
    a slot that is at x4 already loses all (PCIe bifurcation: a x16 port splits into x8/x8, x8/x4/x4, x4/x4/x4/x4).

    >>> share_lanes([16], 16), share_lanes([16, 16], 16), share_lanes([16, 16, 16], 16)
    ((16,), (8, 8), (8, 4, 4))
    >>> share_lanes([16] * 4, 48), share_lanes([16] * 5, 16)   # 16 + 16 + 8 + 8 = 48; the fifth gets none
    ((16, 16, 8, 8), (4, 4, 4, 4, 0))
    """
    given = list(wanted)
    while sum(given) > available:
        widest = max(given)
        last = max(place for place, lanes in enumerate(given) if lanes == widest)
        if widest <= NARROWEST_SLOT:
            last = max(place for place, lanes in enumerate(given) if lanes)
            given[last] = 0
        else:
            given[last] = widest // 2
    return tuple(given)


def connect(wishes: Sequence[Wish], platform: Platform) -> tuple[Link, ...]:
    """The link of each device, in order. Drives take the M.2 lanes first, then the pool of a workstation, then the
    chipset; cards share the slots by :func:`share_lanes`, and what finds none goes to the chipset, whose
    devices are none faster than its link to the processor.

    >>> am5 = platform_of(5, 28, "AM5", 24, 20)
    >>> [(l.lanes, l.attached) for l in connect([Wish(16, 5), Wish(16, 5), Wish(4, 4, True)], am5)]
    [(8, 'cpu'), (8, 'cpu'), (4, 'cpu')]
    """
    drives = [place for place, wish in enumerate(wishes) if wish.is_drive]
    cards = [place for place, wish in enumerate(wishes) if not wish.is_drive]
    links: dict[int, Link] = {}
    direct, slots = platform.m2_lanes, platform.slot_lanes
    chipset_left = _chipset_capacity(platform)
    for place in drives:
        wish = wishes[place]
        if direct >= wish.lanes:
            direct -= wish.lanes
            links[place] = _link(wish, wish.lanes, platform.generation, "cpu")
        elif platform.pooled and slots - wish.lanes >= NARROWEST_SLOT * len(cards):
            slots -= wish.lanes
            links[place] = _link(wish, wish.lanes, platform.generation, "cpu")
    shares = share_lanes([wishes[place].lanes for place in cards], slots)
    for place, lanes in zip(cards, shares, strict=True):
        if lanes:
            links[place] = _link(wishes[place], lanes, platform.generation, "cpu")
    for place in (place for place in (*drives, *cards) if place not in links):
        lanes = min(wishes[place].lanes, CHIPSET_SLOT_LANES, chipset_left)
        chipset_left -= lanes
        links[place] = _behind_chipset(wishes[place], lanes, platform)
    return tuple(links[place] for place in range(len(wishes)))


def _chipset_capacity(platform: Platform) -> int:
    if platform.chipset is None:
        return 0
    return platform.chipset.lanes if platform.chipset_lanes is None else platform.chipset_lanes


def _link(wish: Wish, lanes: int, generation: float, attached: Attached) -> Link:
    common = min(wish.generation, generation)
    return Link(lanes, common, attached, pcie_bytes_per_s(common, lanes))


def _behind_chipset(wish: Wish, lanes: int, platform: Platform) -> Link:
    if not lanes or platform.chipset is None:
        return Link(0, min(wish.generation, platform.generation), "nothing", 0.0)
    link = _link(wish, lanes, platform.chipset.generation, "chipset")
    return Link(lanes, link.generation, "chipset", min(link.bytes_per_s, platform.chipset.bytes_per_s))


def spelled(lanes: Sequence[int]) -> str:
    """
    >>> spelled([16]), spelled([8, 8]), spelled([])
    ('x16', 'x8/x8', 'none')
    """
    return "/".join(f"x{count}" for count in lanes) or "none"
