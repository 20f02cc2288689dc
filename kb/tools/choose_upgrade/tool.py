"""What a second card, another card or more memory would change for someone who has a machine."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field

from kb.calc.power import recommended_psu_w
from kb.calc.results import Range
from kb.catalogue import Catalogue
from kb.catalogue.records import Accelerator, Cpu, Price, Record
from kb.catalogue.units import GB, GIB
from kb.errors import InvalidArgument
from kb.text.wording import joined
from kb.tools.base import Arguments, Name, Result, Whole, cite, tool
from kb.tools.choose_upgrade.offered import bigger, price_of
from kb.tools.shared.fitting import (
    MOST_DEVICES,
    MOST_SYSTEM_GB,
    Context,
    DeviceCount,
    SystemBandwidth,
    SystemMemory,
)
from kb.tools.shared.given import DeviceFigures
from kb.tools.shared.naming import several
from kb.tools.shared.power import DEFAULT_CPU_W, DEFAULT_OTHER_W
from kb.tools.shared.resolve import DeviceArgument, ModelArgument, ResolvedDevices, resolve_devices, split_count
from kb.tools.shared.running import (
    COMFORTABLE_TOKENS_PER_S,
    READABLE_TOKENS_PER_S,
    VISION,
    Machine,
    Run,
    Wanted,
    models_for,
    run_at_all,
    start_with,
    usual_type,
    wanted_model,
)

WORTH_RATIO = 1.3
"""Times as fast from which on a change is noticed."""
MOST_NEW = 3
"""Models that are named of those that newly run."""
ROOMY_SYSTEM_GB = 64.0
"""System memory that holds the experts of most mixtures that people run."""

Kind = Literal["second_card", "other_device", "beside", "more_ram", "more_channels"]
Held = Literal["whole", "partly", "no"]


WORTH_A_SECOND_GIB = 12
"""Of a card, below which nobody buys another of it: one larger card holds as much in one slot."""


class UpgradeArguments(Arguments):
    device: DeviceArgument = Field(description="what is there now: a card (`2x` before it for two) or a machine")
    device_count: DeviceCount = 1
    considered: Annotated[tuple[DeviceArgument, ...], Field(max_length=4)] = Field(
        (), description="what to change to or add"
    )
    considered_system_memory_gb: SystemMemory | None = Field(None, description="RAM then, as printed")
    considered_memory_channels: Annotated[Whole, Field(ge=2, le=24)] | None = Field(
        None, description="channels of RAM then, of a machine with one: a second module"
    )
    system_memory_gb: SystemMemory | None = Field(None, description="RAM now, as printed")
    system_bandwidth_gb_per_s: SystemBandwidth | None = None
    model: ModelArgument | None = Field(None, description="what is to run; without it, what one would start with")
    use: Name = Field("any", description="chat, coding, writing, documents, agents, vision, or `any`")
    context: Context = 8192


class Upgrade(Record):
    """One change, and what it brings. Speeds are of the reference model, None where it does not run or the bandwidth
    is not known; prices of what is bought, without what is there already."""

    kind: Kind
    """What kind of change it is."""
    bought: str
    """What is to be bought."""
    after: str
    """The machine's devices with it."""
    memory_gib: float
    """Of all devices together then."""
    memory_gained_gib: float
    """What it adds."""
    memory_bandwidth_gb_per_s: float | None
    """Of one device."""
    price: tuple[float, float] | None
    """The lowest and the highest for what is bought; null where none is known."""
    currency: str
    price_as_of: str
    model_held: Held
    """How the reference model is held then."""
    decode_tokens_per_s: Range | None
    """Of the reference model then; null where it does not run or the bandwidth is not known."""
    times_as_fast: float | None
    """Against now."""
    newly_runs: tuple[str, ...]
    """Current models, the largest first, that run at a usable speed with it and not without."""
    newly_runs_count: int
    """How many they are in all."""
    start_with: str | None
    """The model one would start with then."""
    start_with_tokens_per_s: Range | None
    """How fast that is."""
    psu_w: float | None
    """The supply that all cards together ask for."""
    worthwhile: bool
    """Whether it brings enough to notice."""


class UpgradeAnswer(Result):
    device: str
    memory_gib: float
    """Of all devices together now."""
    memory_bandwidth_gb_per_s: float | None
    """Of one device; null where it is not known."""
    system_memory_gb: float | None
    """RAM now, as printed: 64 means 64 GiB; null where nobody named it."""
    model: str | None
    """The reference: the model that was named, or what one would start with now."""
    too_slow_everywhere: str | None = None
    """A model that was named and is slower than people read now and with every change: it is no reference."""
    quantization: str | None
    """Of the reference."""
    model_held: Held
    """How the reference is held now."""
    decode_tokens_per_s: Range | None
    """Of the reference now."""
    ram_could_help: bool
    """It was not given, and models may run partly from there."""
    memory_is_fixed: bool
    """Whether its memory is a part of the chip's package: none can be added."""
    takes_no_card: bool
    """A laptop, a mini PC or a phone."""
    options: tuple[Upgrade, ...]
    """Changes that were tried."""
    best: int | None
    """Index of the option that brings most; None where all bring too little to notice."""
    formula: str
    assumptions: tuple[str, ...]

    def recommends(self) -> Sequence[str]:
        best = [] if self.best is None else [self.options[self.best]]
        return [one.bought for one in (*best, *(one for one in self.options if one not in best))]


@dataclass(frozen=True)
class _Change:
    kind: Kind
    bought: str
    machine: Machine
    price: Price | None = None
    count: int = 1


def run(catalogue: Catalogue, arguments: UpgradeArguments) -> UpgradeAnswer:
    answer = _measured_by(catalogue, arguments)
    speeds = [answer.decode_tokens_per_s, *(option.decode_tokens_per_s for option in answer.options)]
    known = [speed.typical for speed in speeds if speed]
    if arguments.model is None or not known or max(known) >= READABLE_TOKENS_PER_S:
        return answer
    without = _measured_by(catalogue, arguments.model_copy(update={"model": None}))
    return without.model_copy(update={"too_slow_everywhere": answer.model})


def _measured_by(catalogue: Catalogue, arguments: UpgradeArguments) -> UpgradeAnswer:
    devices = resolve_devices(catalogue, arguments.device, arguments.device_count, arguments.system_memory_gb)
    devices.require_memory()
    now = Machine(
        arguments.device, devices, arguments.device_count, arguments.system_memory_gb,
        arguments.system_bandwidth_gb_per_s, images=int(arguments.use == VISION),
    )  # fmt: skip
    beside = None if arguments.considered else _with_the_weaker(catalogue, now)
    if beside is not None:
        now, devices = beside.without, beside.without.devices
    runs_now = _runs(catalogue, arguments, now)
    reference = _reference(catalogue, arguments, runs_now)
    before = _run_reference(catalogue, arguments, now, reference)
    changes = [beside.change] if beside else list(_considered(catalogue, arguments, now))
    changes = changes or list(_usual(catalogue, arguments, now))
    options = tuple(_option(catalogue, arguments, change, now, runs_now, reference, before) for change in changes)
    references = {about: refs for change in changes for about, refs in change.machine.devices.references.items()}
    references |= {f"price of {change.bought}": change.price.sources for change in changes if change.price}
    return UpgradeAnswer(
        device=devices.label,
        memory_gib=_memory_gib(devices),
        memory_bandwidth_gb_per_s=_bandwidth(devices),
        system_memory_gb=arguments.system_memory_gb,
        model=reference.name if reference else None,
        quantization=before.parts.quantization.record.name if before else None,
        model_held=_held(before),
        decode_tokens_per_s=before.speed if before else None,
        ram_could_help=arguments.system_memory_gb is None and not devices.each.unified_memory,
        memory_is_fixed=devices.each.unified_memory,
        takes_no_card=_takes_no_card(catalogue, devices, arguments.device),
        options=options,
        best=best_of(options),
        formula="; ".join(_sum(option) for option in options) or "nothing that is sold was found to change to",
        assumptions=tuple(_assumptions(arguments, devices, changes)),
        citations=cite(catalogue, devices.references | references),
    )


@dataclass(frozen=True)
class _Beside:
    """Unequal cards in one machine, as the strongest and what the others add to it."""

    without: Machine
    change: _Change


def _with_the_weaker(catalogue: Catalogue, now: Machine) -> _Beside | None:
    """Of cards that are there side by side, whether the weaker ones help is the question."""
    names = now.device.split(" + ") if isinstance(now.device, str) else []
    parts = [(name, resolve_devices(catalogue, name)) for name in names] if len(names) > 1 else []
    if not parts or any(_bandwidth(devices) is None for _, devices in parts):
        return None
    strongest = max(parts, key=lambda part: (_bandwidth(part[1]) or 0.0, part[1].memory_bytes))
    others = joined([devices.label for part in parts if (devices := part[1]) is not strongest[1]])
    without = replace(now, device=strongest[0], devices=strongest[1], count=1)
    return _Beside(without, _Change("beside", others, now))


def _runs(catalogue: Catalogue, arguments: UpgradeArguments, machine: Machine) -> dict[str, Run]:
    """Current models that run there at a usable speed."""
    found = {}
    for record in models_for(catalogue, arguments.use):
        one = run_at_all(catalogue, record, machine, arguments.context, (usual_type(record),))
        if one is not None and one.is_at_least(READABLE_TOKENS_PER_S):
            found[record.slug] = one
    return found


def _reference(catalogue: Catalogue, arguments: UpgradeArguments, runs: dict[str, Run]) -> Wanted | None:
    """The model by which speeds are compared."""
    if arguments.model is None:
        first = start_with(runs.values())
        return first.model if first else None
    return wanted_model(catalogue, arguments.model)


def _run_reference(
    catalogue: Catalogue, arguments: UpgradeArguments, machine: Machine, reference: Wanted | None
) -> Run | None:
    if reference is None:
        return None
    return run_at_all(catalogue, reference, machine, arguments.context, (usual_type(reference),))


def _considered(catalogue: Catalogue, arguments: UpgradeArguments, now: Machine) -> Iterator[_Change]:
    """What was named: more of the same card, or another instead, and beside the old one where both are cards; RAM."""
    if channels := arguments.considered_memory_channels:
        yield from _with_channels(catalogue, now, channels)
    if size := arguments.considered_system_memory_gb:
        yield _Change("more_ram", f"{size:g} GB of RAM", _with_ram(catalogue, now, size))
    for named in arguments.considered:
        devices = resolve_devices(catalogue, named, 1, arguments.system_memory_gb)
        devices.require_memory()
        same = devices.slug is not None and devices.slug == now.devices.slug
        if same and _is_card(catalogue, devices):
            had = len(now.devices.devices)
            yield _more_of_it(catalogue, now, max(len(devices.devices) - had, 1))
            continue
        price = price_of(catalogue, named, devices)
        yield _Change("other_device", devices.label, _with_device(now, named, devices), price)
        if _is_card(catalogue, devices) and _is_card(catalogue, now.devices) and isinstance(named, str):
            beside = _beside(catalogue, now, named)
            if beside is not None:
                yield _Change("beside", devices.label, beside, price)


def _usual(catalogue: Catalogue, arguments: UpgradeArguments, now: Machine) -> Iterator[_Change]:
    """What people think of: a second card, a larger one, more RAM."""
    worth = now.devices.each.memory_bytes >= WORTH_A_SECOND_GIB * GIB and now.count < MOST_DEVICES
    if worth and _is_card(catalogue, now.devices):
        yield _more_of_it(catalogue, now, 1)
    for offer in () if _takes_no_card(catalogue, now.devices, now.device) else bigger(catalogue, now.devices):
        devices = resolve_devices(catalogue, offer.device)
        yield _Change("other_device", offer.label, _with_device(now, offer.device, devices), offer.price)
    if arguments.system_memory_gb is not None and not now.devices.each.unified_memory:
        size = max(arguments.system_memory_gb * 2, ROOMY_SYSTEM_GB)
        if now.devices.each.backend != "cpu" and size <= MOST_SYSTEM_GB:
            yield _Change("more_ram", f"{size:g} GB of RAM", replace(now, system_memory_gb=size))


def _with_device(now: Machine, device: DeviceArgument, devices: ResolvedDevices) -> Machine:
    """In the place of what is there; of a processor its RAM stays, and how fast that is."""
    bandwidth = now.system_bandwidth_gb_per_s
    if now.devices.each.backend == "cpu" and bandwidth is None:
        bandwidth = _bandwidth(now.devices)
    return replace(now, device=device, devices=devices, count=1, system_bandwidth_gb_per_s=bandwidth)


def _with_channels(catalogue: Catalogue, now: Machine, channels: int) -> Iterator[_Change]:
    """A processor with so many channels of RAM in the place of one reads so many times as much."""
    figures = now.device
    if isinstance(figures, DeviceFigures) and figures.backend == "cpu" and figures.memory_bandwidth_gb_per_s:
        rate = figures.memory_bandwidth_gb_per_s * channels
        named = figures.model_copy(update={"memory_bandwidth_gb_per_s": rate})
        devices = resolve_devices(catalogue, named, 1, now.system_memory_gb)
        machine = replace(now, device=named, devices=devices, system_bandwidth_gb_per_s=None)
        yield _Change("more_channels", f"RAM in {channels} channels", machine)


def _with_ram(catalogue: Catalogue, now: Machine, size: float) -> Machine:
    """A processor runs models from it, a card keeps there what it does not hold."""
    figures = now.device
    if isinstance(figures, DeviceFigures) and figures.backend == "cpu":
        named = figures.model_copy(update={"memory_gib": size})
        return replace(now, device=named, devices=resolve_devices(catalogue, named, 1, size), system_memory_gb=size)
    devices = resolve_devices(catalogue, now.device, now.count, size)
    return replace(now, devices=devices, system_memory_gb=size)


def _more_of_it(catalogue: Catalogue, now: Machine, more: int) -> _Change:
    name, had = _name_and_count(now)
    devices = resolve_devices(catalogue, name, had + more)
    label = devices.label.removeprefix(f"{had + more}× ")
    machine = replace(now, device=name, devices=devices, count=had + more)
    return _Change("second_card", several(more, label), machine, price_of(catalogue, name, devices), more)


def _name_and_count(now: Machine) -> tuple[str, int]:
    assert isinstance(now.device, str)
    count, name = split_count(now.device)
    if count > 1 and len(now.devices.devices) == count * now.count:
        return name, count * now.count
    return now.device, now.count


def _beside(catalogue: Catalogue, now: Machine, named: str) -> Machine | None:
    assert isinstance(now.device, str)
    name, count = _name_and_count(now)
    joined = f"{count}x {name} + {named}" if count > 1 else f"{name} + {named}"
    try:
        return replace(now, device=joined, devices=resolve_devices(catalogue, joined), count=1)
    except InvalidArgument:  # of two makers
        return None


SOLDERED = ("BGA", "FP", "FL")
"""What the sockets of processors in laptops and mini PCs begin with."""


def _takes_no_card(catalogue: Catalogue, devices: ResolvedDevices, device: DeviceArgument) -> bool:
    """Whether it is a laptop or a mini PC, or a processor of one."""
    if devices.each.segment == "laptop" or (isinstance(device, DeviceFigures) and device.portable):
        return True
    record = catalogue.known.of(Cpu).get(devices.slug or "") if devices.kind == "cpus" else None
    return record is not None and record.socket is not None and record.socket.value.startswith(SOLDERED)


def _is_card(catalogue: Catalogue, devices: ResolvedDevices) -> bool:
    """In a slot of which there may be another; several different ones have no record of their own."""
    record = catalogue.known.of(Accelerator).get(devices.slug or "")
    return record is not None and not record.unified_memory and record.segment not in ("laptop", "integrated")


def _option(
    catalogue: Catalogue,
    arguments: UpgradeArguments,
    change: _Change,
    now: Machine,
    runs_now: dict[str, Run],
    reference: Wanted | None,
    before: Run | None,
) -> Upgrade:
    devices = change.machine.devices
    after = _run_reference(catalogue, arguments, change.machine, reference)
    runs = _runs(catalogue, arguments, change.machine)
    new = [one for slug, one in runs.items() if slug not in runs_now]
    first = start_with(runs.values())
    ratio = None
    if before and after and before.typical and after.typical:
        ratio = round(after.typical / before.typical, 2)
    price = change.price
    # A card that goes into a computer without one: its RAM stays.
    into_it = now.devices.each.backend == "cpu" and _is_card(catalogue, devices)
    gained_reference = before is None and after is not None and after.is_at_least(READABLE_TOKENS_PER_S)
    worthwhile = gained_reference or (ratio or 0.0) >= WORTH_RATIO or (arguments.model is None and bool(new))
    return Upgrade(
        kind=change.kind,
        bought=change.bought,
        after=devices.label,
        memory_gib=_memory_gib(devices),
        memory_gained_gib=round(_memory_gib(devices) - (0.0 if into_it else _memory_gib(now.devices)), 1),
        memory_bandwidth_gb_per_s=_bandwidth(devices),
        price=price.times(change.count) if price else None,
        currency=price.currency if price else "USD",
        price_as_of=price.as_of if price else "",
        model_held=_held(after),
        decode_tokens_per_s=after.speed if after else None,
        times_as_fast=ratio,
        newly_runs=tuple(one.parts.model.label for one in new[:MOST_NEW]),
        newly_runs_count=len(new),
        start_with=first.parts.model.label if first else None,
        start_with_tokens_per_s=first.speed if first else None,
        psu_w=_supply(devices),
        worthwhile=worthwhile,
    )


def _held(run: Run | None) -> Held:
    if run is None:
        return "no"
    return "partly" if run.offload else "whole"


def best_of(options: Sequence[Upgrade]) -> int | None:
    """Of what is noticed: first what replaces (two unequal cards are for who has room and power for both), then what
    is fast enough for the reference, then what newly runs, then the speed."""
    worth = [index for index, option in enumerate(options) if option.worthwhile]

    def brings(index: int) -> tuple[bool, bool, int, float]:
        option = options[index]
        speed = option.decode_tokens_per_s
        fast = speed is not None and speed.typical >= COMFORTABLE_TOKENS_PER_S
        return option.kind != "beside", fast, option.newly_runs_count, option.times_as_fast or 0.0

    return max(worth, key=brings, default=None)


def _memory_gib(devices: ResolvedDevices) -> float:
    return round(devices.memory_bytes / GIB, 1)


def _bandwidth(devices: ResolvedDevices) -> float | None:
    return round(devices.each.bandwidth_bytes_per_s / GB, 1) if devices.bandwidth_known else None


def _supply(devices: ResolvedDevices) -> float | None:
    """As `size_power_supply` takes it; for cards whose power is known."""
    if devices.kind == "machines" or any(device.unified_memory or not device.tdp_w for device in devices.devices):
        return None
    return recommended_psu_w(sum(device.tdp_w for device in devices.devices) + DEFAULT_CPU_W + DEFAULT_OTHER_W)


def _sum(option: Upgrade) -> str:
    faster = f", {option.times_as_fast:g} times as fast" if option.times_as_fast else ""
    new = f", {option.newly_runs_count} more models" if option.newly_runs_count > 1 else ""
    return f"{option.after}: {option.memory_gib:g} GiB{faster}{new}"


def _assumptions(arguments: UpgradeArguments, devices: ResolvedDevices, changes: Sequence[_Change]) -> Iterator[str]:
    yield from devices.notes
    yield f"a context of {arguments.context:,} tokens, at 4 bits or more"
    if arguments.system_memory_gb is None:
        yield "everything in the devices' own memory, as no RAM was given"
    if any(change.machine.devices.kind == "accelerators" for change in changes):
        yield (
            f"supplies for a processor of {DEFAULT_CPU_W:g} W and {DEFAULT_OTHER_W:g} W for the rest, loaded to 80 % "
            "at most"
        )
    yield "a faster drive shortens loading, not answers; a second slot of few lanes is enough for a split by layers"


TOOL = tool(
    run,
    "What a second card, another card or machine, or more RAM would change: what newly runs, the speed before and "
    "after, the price, the supply it asks for, and which brings most.",
)
