"""PCIe lanes: who gets how many, and what that costs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from kb.calc.device import pcie_bytes_per_s
from kb.calc.lanes import NVME_LANES, Attached, Link, Platform, Wish, connect, desktop_sockets, platform_of, spelled
from kb.calc.transfer import layer_split_bytes_per_token, load_seconds, tensor_parallel_bytes_per_token
from kb.catalogue import Catalogue
from kb.catalogue.names import Match
from kb.catalogue.records import Accelerator, Cpu, Motherboard, Record, SourceRef
from kb.catalogue.units import GB, GIB
from kb.errors import InvalidArgument
from kb.tools.base import Arguments, Name, Real, Result, Whole, cite, tool
from kb.tools.shared.resolve import ModelArgument, ResolvedModel, resolve_model, split_count

Width = Literal[1, 2, 4, 8, 16]


Generation = Annotated[Real, Field(ge=1, le=6)]


ALL_REDUCE_S = 20e-6
"""About what one small all-reduce over PCIe takes, whatever its size (estimate)."""


class PlatformFigures(Arguments):
    """A processor that the database does not know, by its lanes."""

    name: Name = "the given platform"
    pcie_generation: Generation
    pcie_lanes: Annotated[Whole, Field(ge=1, le=1024, description="of the processor")]
    socket: Name = Field("", min_length=0, description="`AM5`, `LGA 1700`: desktop sockets have 16 lanes for cards")
    chipset_pcie_lanes: Annotated[Whole, Field(ge=0, le=1024)] | None = None
    """Further ones behind the chipset; null where that is not known."""


class LaneRequest(Arguments):
    """A device that the database does not know, or one in a narrower slot."""

    name: Name = "the given device"
    lanes: Width
    """The width that it wants, or has."""
    pcie_generation: Generation = 4.0


class LanesArguments(Arguments):
    platform: Name | PlatformFigures = Field(description="a processor or a mainboard")
    devices: Annotated[tuple[Name | LaneRequest, ...], Field(min_length=1, max_length=32)] = Field(
        description="cards by name, `2x` before it for two, or objects with `lanes`"
    )
    nvme_drives: Annotated[Whole, Field(ge=0, le=32)] = 1
    """How many, of four lanes each."""
    model: ModelArgument = Field("70b", description="whose split over the cards is priced")


class DeviceLink(Record):
    """What one device gets. ``bandwidth_gb_per_s`` is one way; 0 where no lanes are left."""

    device: str
    wanted_lanes: int
    """The width that it is made for."""
    lanes: int
    """The width that it gets."""
    pcie_generation: float
    attached_to: Attached
    """What its lanes come from."""
    bandwidth_gb_per_s: float
    """One way; 0 where no lanes are left."""
    share_of_full_percent: float
    """Of what it is made for."""
    fill_memory_s: float | None
    """Seconds to fill a card's memory over this link, the drive being no slower; None for drives."""


class LanesAnswer(Result):
    """``layer_split_ms`` and ``tensor_parallel_ms`` per token over the slowest card's link; None for one card."""

    platform: str
    """Processor or mainboard, as it was understood."""
    cpu_lanes: int
    """Of the processor, all together."""
    slot_lanes: int
    """Of the processor, those that go to cards."""
    m2_lanes: int
    """Of the processor, those that go to drives."""
    chipset_lanes: int | None
    """Behind the chipset; null where that is not known."""
    split: str
    """How the lanes are shared out, in words."""
    verdict: Literal["full", "shared", "too_few"]
    """Whether each card gets its full width, shares it, or there are too few."""
    links: tuple[DeviceLink, ...]
    """What each device gets."""
    layer_split_ms: float | None
    """Milliseconds a token over the slowest link, layers split; null for one card."""
    tensor_parallel_ms: float | None
    """The same with every layer split over all cards."""
    inference: tuple[str, ...]
    """What it means for running models."""
    formula: str
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Found:
    """A platform as it was understood."""

    label: str
    cpu_lanes: int
    platform: Platform
    references: dict[str, tuple[SourceRef, ...]]
    notes: tuple[str, ...] = ()
    slots: int | None = None


@dataclass(frozen=True)
class _Asked:
    label: str
    wish: Wish
    memory_bytes: float = 0.0


def run(catalogue: Catalogue, arguments: LanesArguments) -> LanesAnswer:
    found = _platform(catalogue, arguments.platform)
    references = dict(found.references)
    cards = [card for device in arguments.devices for card in _cards(catalogue, device, references)]
    drive = _Asked("NVMe drive", Wish(NVME_LANES, found.platform.generation, is_drive=True))
    asked = [*cards, *[drive] * arguments.nvme_drives]
    links = connect([entry.wish for entry in asked], found.platform)
    model = resolve_model(catalogue, arguments.model)
    per_card = links[: len(cards)]
    split = spelled([link.lanes for link in per_card])
    layer_ms, tensor_ms = _split_costs(model, per_card)
    wanted = " + ".join(f"x{entry.wish.lanes}" for entry in asked)
    return LanesAnswer(
        platform=found.label,
        cpu_lanes=found.cpu_lanes,
        slot_lanes=found.platform.slot_lanes,
        m2_lanes=found.platform.m2_lanes,
        chipset_lanes=found.platform.chipset_lanes,
        split=split,
        verdict=_verdict(asked, links),
        links=tuple(_described(entry, link) for entry, link in zip(asked, links, strict=True)),
        layer_split_ms=layer_ms,
        tensor_parallel_ms=tensor_ms,
        inference=tuple(_inference(cards, per_card, model, layer_ms, tensor_ms)),
        formula=(
            f"wanted {wanted} = {sum(entry.wish.lanes for entry in asked)} lanes; "
            f"{found.label} has {_lanes_of(found.platform)}: cards at {split}"
        ),
        assumptions=(
            *found.notes,
            *model.notes,
            "the board has these slots and splits them so (bifurcation): its manual decides",
            f"bandwidth one way after line coding; x{NVME_LANES} for an NVMe drive",
        ),
        warnings=tuple(_warnings(found, asked, links)),
        citations=cite(catalogue, references),
    )  # fmt: skip


def _platform(catalogue: Catalogue, platform: str | PlatformFigures) -> _Found:
    if isinstance(platform, PlatformFigures):
        if platform.socket and platform.socket not in desktop_sockets():
            raise InvalidArgument("platform.socket", platform.socket, f"{', '.join(desktop_sockets())}, or none")
        given = platform_of(
            platform.pcie_generation, platform.pcie_lanes, platform.socket, chipset_lanes=platform.chipset_pcie_lanes
        )
        return _Found(platform.name, platform.pcie_lanes, given, {})
    match = catalogue.names.resolve(("cpus", "motherboards"), platform, "processor or mainboard")
    if match.kind == Motherboard.kind:
        return _board(catalogue, catalogue.known.of(Motherboard)[match.slug], match)
    return _cpu(catalogue.known.of(Cpu)[match.slug], match.note)


def _cpu(cpu: Cpu, note: str = "") -> _Found:
    if cpu.pcie_lanes is None or cpu.pcie_generation is None:
        raise InvalidArgument("platform", cpu.name, "a processor whose PCIe lanes are known, or an object of figures")
    usable, chipset = cpu.usable_pcie_lanes, cpu.chipset_pcie_lanes
    found = platform_of(
        cpu.pcie_generation.value,
        cpu.pcie_lanes.value,
        cpu.socket.value if cpu.socket else "",
        usable.value if usable else None,
        chipset.value if chipset else None,
    )
    references = {f"PCIe lanes of {cpu.name}": cpu.pcie_lanes.sources}
    if chipset:
        references["PCIe lanes of its chipset"] = chipset.sources
    return _Found(cpu.name, cpu.pcie_lanes.value, found, references, (note,) if note else ())


def _board(catalogue: Catalogue, board: Motherboard, match: Match) -> _Found:
    """By a processor of the board's socket with as many memory channels: those of one socket and platform agree."""
    fitting = [
        cpu
        for cpu in catalogue.known.of(Cpu).values()
        if cpu.pcie_lanes and board.socket and _value(cpu.socket) == board.socket.value
        and _value(cpu.memory_channels) == _value(board.memory_channels)
    ]  # fmt: skip
    fitting.sort(key=lambda cpu: (cpu.chipset_pcie_lanes is None, cpu.slug))
    if not fitting:
        raise InvalidArgument("platform", board.name, "a board whose processor is known: name the processor instead")
    found = _cpu(fitting[0], match.note)
    generation = board.pcie_generation.value if board.pcie_generation else found.platform.generation
    platform = Platform(
        min(generation, found.platform.generation), found.platform.slot_lanes, found.platform.m2_lanes,
        found.platform.pooled, found.platform.chipset, found.platform.chipset_lanes,
    )  # fmt: skip
    notes = [*found.notes, f"lanes of the {fitting[0].name} in the {board.name}"]
    references = dict(found.references)
    if board.slot_layout:
        notes.append(f"{board.name}: {board.slot_layout.value}")
        references[f"slots of {board.name}"] = board.slot_layout.sources
    slots = board.pcie_x16_slots.value if board.pcie_x16_slots else None
    return _Found(board.name, found.cpu_lanes, platform, references, tuple(notes), slots)


def _value(figure: object) -> object:
    return getattr(figure, "value", None)


def _cards(
    catalogue: Catalogue, device: str | LaneRequest, references: dict[str, tuple[SourceRef, ...]]
) -> list[_Asked]:
    if isinstance(device, LaneRequest):
        return [_Asked(device.name, Wish(device.lanes, device.pcie_generation))]
    count, name = split_count(device)
    card, _ = catalogue.find(Accelerator, name, "card")
    if card.pcie_lanes is None or card.pcie_generation is None:
        raise InvalidArgument("devices", name, "a card in a PCIe slot, or an object with `lanes`")
    references[f"PCIe lanes of {card.name}"] = card.pcie_lanes.sources
    memory = card.memory_gib.value * GIB if card.memory_gib else 0.0
    return [_Asked(card.name, Wish(card.pcie_lanes.value, card.pcie_generation.value), memory)] * min(count, 32)


def _lanes_of(platform: Platform) -> str:
    if platform.pooled:
        return f"{platform.slot_lanes} for slots and drives"
    return f"{platform.slot_lanes} for slots and {platform.m2_lanes} for M.2"


def _verdict(asked: list[_Asked], links: tuple[Link, ...]) -> Literal["full", "shared", "too_few"]:
    if any(not link.lanes for link in links):
        return "too_few"
    cut = any(link.lanes < entry.wish.lanes for entry, link in zip(asked, links, strict=True))
    return "shared" if cut else "full"


def _described(entry: _Asked, link: Link) -> DeviceLink:
    full = pcie_bytes_per_s(entry.wish.generation, entry.wish.lanes)
    fills = bool(entry.memory_bytes and link.bytes_per_s)
    return DeviceLink(
        device=entry.label,
        wanted_lanes=entry.wish.lanes,
        lanes=link.lanes,
        pcie_generation=link.generation,
        attached_to=link.attached,
        bandwidth_gb_per_s=round(link.bytes_per_s / GB, 2),
        share_of_full_percent=round(link.bytes_per_s / full * 100, 1),
        fill_memory_s=round(load_seconds(entry.memory_bytes, float("inf"), link.bytes_per_s), 2) if fills else None,
    )


def _split_costs(model: ResolvedModel, cards: tuple[Link, ...]) -> tuple[float | None, float | None]:
    """Milliseconds per token over the slowest link: of a layer split at all boundaries, of tensor parallelism."""
    slowest = min(link.bytes_per_s for link in cards)
    if len(cards) < 2 or not slowest:
        return None, None
    a = model.architecture
    layer = layer_split_bytes_per_token(a.hidden_size) * (len(cards) - 1) / slowest
    tensor = tensor_parallel_bytes_per_token(a.hidden_size, a.num_hidden_layers, len(cards)) / slowest
    return round(layer * 1000, 4), round((tensor + 2 * a.num_hidden_layers * ALL_REDUCE_S) * 1000, 3)


def _inference(
    cards: list[_Asked], links: tuple[Link, ...], model: ResolvedModel, layer_ms: float | None, tensor_ms: float | None
) -> Iterator[str]:
    yield "weights that lie in a card's memory are read there: lanes do not change the decode speed of one card"
    slowest = min(zip(cards, links, strict=True), key=lambda pair: pair[1].bytes_per_s)
    if slowest[0].memory_bytes and slowest[1].bytes_per_s:
        full = pcie_bytes_per_s(slowest[0].wish.generation, slowest[0].wish.lanes)
        here, best = (
            load_seconds(slowest[0].memory_bytes, float("inf"), rate) for rate in (slowest[1].bytes_per_s, full)
        )
        yield f"filling a {slowest[0].label} over x{slowest[1].lanes} takes {here:.1f} s at least" + (
            f", {best:.1f} s at x{slowest[0].wish.lanes}" if here > best
            else f", as long as at x{slowest[0].wish.lanes}: one process hands over about 12 GB/s"
        )  # fmt: skip
    if layer_ms is not None and tensor_ms is not None:
        yield f"{model.label} split by layers: {layer_ms:.3g} ms per token on the links, which nobody notices"
        yield (
            f"{model.label} in tensor parallel: {tensor_ms:.3g} ms per token on the links, most of it "
            f"{2 * model.architecture.num_hidden_layers} exchanges of about {ALL_REDUCE_S * 1e6:.0f} µs"
        )


def _warnings(found: _Found, asked: list[_Asked], links: tuple[Link, ...]) -> Iterator[str]:
    cards = [entry for entry in asked if not entry.wish.is_drive]
    if found.slots is not None and len(cards) > found.slots:
        yield f"{found.label} has {found.slots} slots for {len(cards)} cards"
    without = [entry.label for entry, link in zip(asked, links, strict=True) if not link.lanes]
    if without:
        yield f"no lanes are left for {', '.join(without)}"
    behind = [entry.label for entry, link in zip(asked, links, strict=True) if link.attached == "chipset"]
    if behind and found.platform.chipset:
        link = found.platform.chipset
        yield (
            f"{', '.join(behind)} behind the chipset: all that hangs there shares {link.bytes_per_s / GB:.1f} GB/s "
            f"(PCIe {link.generation:.1f} x{link.lanes}) to the processor"
        )


TOOL = tool(
    run,
    "How a processor's or mainboard's PCIe lanes are shared among cards and NVMe drives (x16, x8/x8, chipset), the "
    "bandwidth each gets, and what that costs inference.",
)
