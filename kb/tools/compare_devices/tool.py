"""Devices side by side."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from kb.calc.device import gpus_on
from kb.calc.results import Range
from kb.catalogue import Catalogue
from kb.catalogue.names import DEVICE_KINDS, Match
from kb.catalogue.records import Accelerator, Price, Record, SourceRef, Spec
from kb.catalogue.records.base import PriceKind
from kb.errors import InvalidArgument, UnknownName
from kb.tools.base import Arguments, Name, Result, cite, tool
from kb.tools.shared.fitting import Context
from kb.tools.shared.given import DeviceFigures
from kb.tools.shared.naming import several
from kb.tools.shared.prices import newest_of, priced_sizes
from kb.tools.shared.resolve import DeviceArgument, ModelArgument, resolve_devices, split_count
from kb.tools.shared.running import Machine, Run, Wanted, models_for, run_whole, start_with, usual_type, wanted_model

ALIKE_RATIO = 1.1
"""Times as fast up to which nobody notices."""
MOST_ALONE = 3
"""Models that are named of those that fit on one and not on the other."""

Why = Literal["holds_the_model", "speed_and_memory", "speed", "memory", "trade", "alike", "unknown"]
Unless = Literal["power", "warranty", "price"]


class CompareArguments(Arguments):
    devices: Annotated[tuple[DeviceArgument, ...], Field(min_length=2, max_length=8)]
    """Two to eight, by name, `2x` before it for two, or as objects of figures."""
    model: ModelArgument | None = Field(
        None, description="what is to run on them; without it, one that fits on all of them"
    )
    quantization: Name | None = None
    """Of the model; without it, the usual type."""
    context: Context = 8192


class ComparedDevice(Record):
    """One column of the comparison; None where a figure is not known.

    Where it is sold with several sizes of memory, the price is of the size named in ``price_memory_gib``. Where
    programs see several ``gpus`` on one card, the bandwidth is that of one. Of several equal cards memory, power and
    price are of all, the bandwidth of one.
    """

    name: str
    kind: str
    slug: str
    gpus: int
    """How many of them programs see on one card."""
    memory_gib: float | None
    """Of all together."""
    memory_bandwidth_gb_per_s: float | None
    """Of one."""
    fp16_dense_tflops: float | None
    tdp_w: float | None
    """Of all together."""
    price_usd: tuple[float, float] | None
    """The lowest and the highest of all together."""
    price_kind: PriceKind | None
    """Whose price it is: list, street or used."""
    price_as_of: str | None
    price_memory_gib: float | None
    """The memory that the price is of."""
    gb_per_s_per_watt: float | None
    """Bandwidth for each watt, in GB/s."""
    gb_per_s_per_usd: float | None
    """Bandwidth for each dollar, in GB/s."""
    usd_per_gib: float | None
    """Price of each GiB of memory."""
    holds_the_model: bool | None = None
    """Whole; None without a model, or where the memory is not known."""
    decode_tokens_per_s: Range | None = None
    """Of the model, where it is held whole."""
    usd_per_token_per_s: float | None = None
    """Of the price's middle and the typical speed, where the price is of the memory that is compared."""
    largest_model: str | None = None
    """The current model that one would start with there."""


class CompareAnswer(Result):
    devices: tuple[ComparedDevice, ...]
    """One column each."""
    model: str | None = None
    """The one that was named, or the largest current one that all of them hold whole."""
    quantization: str | None = None
    """Of the model."""
    model_named: bool = False
    """Whether it was named, and not chosen."""
    better: int
    """Index of the one to take for generating text."""
    other: int
    """Index of the one it is held against: the next best."""
    why: Why
    """What decides."""
    times_as_fast: float | None = None
    """The better one against the other, with the model, else by bandwidth."""
    other_times_as_fast: float | None = None
    """The other way round."""
    prices_known: bool = False
    """Of both, for the memory that is compared; under ``alike`` the better one is then the cheaper."""
    unless: tuple[Unless, ...] = ()
    """What speaks for the other one."""
    only_on_better: tuple[str, ...] = ()
    """Current models, the largest first, that of all devices only the better one holds whole."""
    only_on_other: tuple[str, ...] = ()
    """The same of the other one."""
    formula: str

    def recommends(self) -> Sequence[str]:
        return [self.model] if self.model and not self.model_named else []


def run(catalogue: Catalogue, arguments: CompareArguments) -> CompareAnswer:
    found = [_column(catalogue, named) for named in arguments.devices]
    references = {about: refs for _, used in found for about, refs in used.items()}
    machines = [_machine(catalogue, named) for named in arguments.devices]
    runs = [_runs(catalogue, arguments, machine) for machine in machines]
    reference = _reference(catalogue, arguments, runs)
    columns: list[ComparedDevice] = []
    called = Counter(column.name for column, _ in found)
    for (column, _), machine, held in zip(found, machines, runs, strict=True):
        first, shown = start_with(held.values()), dict[str, object]()
        if machine and reference is not None:
            one = run_whole(catalogue, reference, machine, arguments.context, _types(arguments, reference))
            speed = one.speed if one else None
            shown = {"holds_the_model": one is not None, "decode_tokens_per_s": speed}
            shown["usd_per_token_per_s"] = _per_speed(column, speed)
        shown["largest_model"] = first.parts.model.label if first else None
        if called[column.name] > 1 and column.memory_gib:
            shown["name"] = f"{column.name} with {column.memory_gib:g} GB"
        columns.append(column.model_copy(update=shown))
    better, other, why = _choice(columns, arguments.model is not None)
    return CompareAnswer(
        devices=tuple(columns),
        model=reference.name if reference else None,
        quantization=_quantization(arguments, reference),
        model_named=arguments.model is not None,
        better=better,
        other=other,
        why=why,
        times_as_fast=_ratio(columns[better], columns[other]),
        other_times_as_fast=_ratio(columns[other], columns[better]),
        prices_known=all(_own_price(columns[index]) for index in (better, other)),
        unless=_unless(columns[better], columns[other]),
        only_on_better=_alone(runs, better),
        only_on_other=_alone(runs, other),
        formula=_sums(columns),
        citations=cite(catalogue, references),
    )


def _sums(columns: Sequence[ComparedDevice]) -> str:
    known = [column for column in columns if column.memory_bandwidth_gb_per_s]
    ranked = sorted(known, key=lambda column: -(column.memory_bandwidth_gb_per_s or 0))
    sums = "; ".join(
        f"{column.name} {column.memory_bandwidth_gb_per_s:,.0f} GB/s"
        + (f" on each of its {column.gpus} GPUs" if column.gpus > 1 else "")
        for column in ranked
    )
    if len(ranked) > 1:
        ratio = (ranked[0].memory_bandwidth_gb_per_s or 0) / (ranked[-1].memory_bandwidth_gb_per_s or 1)
        sums += f": the first reads {ratio:.2f} times as fast as the last, which bounds its decode speed alike"
    return sums or "the memory bandwidth of none is known"


def _machine(catalogue: Catalogue, named: DeviceArgument) -> Machine | None:
    """What a model could run on; None where its memory is not known."""
    try:
        devices = resolve_devices(catalogue, named)
    except InvalidArgument:  # its figures are not known
        return None
    return None if devices.memory_asked else Machine(named, devices)


def _runs(catalogue: Catalogue, arguments: CompareArguments, machine: Machine | None) -> dict[str, Run]:
    """The current models that it holds whole, the largest first."""
    found: dict[str, Run] = {}
    for record in models_for(catalogue) if machine else ():
        assert machine is not None
        one = run_whole(catalogue, record, machine, arguments.context, _types(arguments, record))
        if one is not None:
            found[record.slug] = one
    return found


def _types(arguments: CompareArguments, record: Wanted) -> tuple[str, ...]:
    return (arguments.quantization or usual_type(record),)


def _quantization(arguments: CompareArguments, record: Wanted | None) -> str | None:
    return _types(arguments, record)[0].upper() if record else None


def _reference(catalogue: Catalogue, arguments: CompareArguments, runs: Sequence[dict[str, Run]]) -> Wanted | None:
    if arguments.model is not None:
        return wanted_model(catalogue, arguments.model)
    return next((one.model for slug, one in runs[0].items() if all(slug in other for other in runs)), None)


def _speed(column: ComparedDevice) -> float:
    """Comparable within one comparison: of the model where it is known, else the bandwidth."""
    return column.decode_tokens_per_s.typical if column.decode_tokens_per_s else 0.0


def _ratio(better: ComparedDevice, other: ComparedDevice) -> float | None:
    if _speed(better) and _speed(other):
        return round(_speed(better) / _speed(other), 2)
    if better.memory_bandwidth_gb_per_s and other.memory_bandwidth_gb_per_s:
        return round(better.memory_bandwidth_gb_per_s / other.memory_bandwidth_gb_per_s, 2)
    return None


def _choice(columns: Sequence[ComparedDevice], model_named: bool) -> tuple[int, int, Why]:
    """The one to take, the one it is held against, and what decides."""
    if model_named and len({column.holds_the_model for column in columns}) > 1:
        ranked = sorted(range(len(columns)), key=lambda i: (not columns[i].holds_the_model, -_speed(columns[i]), i))
        if not columns[ranked[1]].holds_the_model:
            return ranked[0], ranked[1], "holds_the_model"
    else:
        by_bandwidth = not all(_speed(column) for column in columns)

        def fast(i: int) -> float:
            return (columns[i].memory_bandwidth_gb_per_s or 0.0) if by_bandwidth else _speed(columns[i])

        ranked = sorted(range(len(columns)), key=lambda i: (-fast(i), -(columns[i].memory_gib or 0.0), i))
    first, second = columns[ranked[0]], columns[ranked[1]]
    ratio = _ratio(first, second)
    have, other = first.memory_gib, second.memory_gib
    if have is None or other is None:
        return ranked[0], ranked[1], "unknown" if ratio is None else "alike" if ratio < ALIKE_RATIO else "speed"
    if ratio is None:
        more = max(ranked, key=lambda i: columns[i].memory_gib or 0.0)
        less = next(i for i in ranked if i != more)
        return more, less, "memory" if columns[more].memory_gib != columns[less].memory_gib else "unknown"
    if ratio < ALIKE_RATIO:
        if have == other:
            return (*_cheaper_first(columns, ranked[0], ranked[1]), "alike")
        return (ranked[0], ranked[1], "memory") if have > other else (ranked[1], ranked[0], "memory")
    if have < other and not model_named:
        slower = [i for i in ranked[1:] if _ratio(first, columns[i]) is not None]
        return max(slower, key=lambda i: columns[i].memory_gib or 0.0), ranked[0], "trade"
    return ranked[0], ranked[1], "speed_and_memory" if have > other else "speed"


def _cheaper_first(columns: Sequence[ComparedDevice], first: int, second: int) -> tuple[int, int]:
    prices = _own_price(columns[first]), _own_price(columns[second])
    return (second, first) if prices[0] and prices[1] and sum(prices[1]) < sum(prices[0]) else (first, second)


def _own_price(column: ComparedDevice) -> tuple[float, float] | None:
    """Where it is of the memory that is compared."""
    return column.price_usd if column.price_memory_gib == column.memory_gib else None


def _per_speed(column: ComparedDevice, speed: Range | None) -> float | None:
    price = _own_price(column)
    return round(sum(price) / 2 / speed.typical, 2) if price and speed and speed.typical else None


def _unless(better: ComparedDevice, other: ComparedDevice) -> tuple[Unless, ...]:
    found: list[Unless] = []
    if better.tdp_w and other.tdp_w and better.tdp_w > ALIKE_RATIO * other.tdp_w:
        found.append("power")
    if better.price_kind == "used" and other.price_kind != "used":
        found.append("warranty")
    mine, others = _own_price(better), _own_price(other)
    if mine and others and sum(mine) > ALIKE_RATIO * sum(others):
        found.append("price")
    return tuple(found)


def _alone(runs: Sequence[Mapping[str, Run]], index: int) -> tuple[str, ...]:
    elsewhere = {slug for place, held in enumerate(runs) if place != index for slug in held}
    return tuple(one.parts.model.label for slug, one in runs[index].items() if slug not in elsewhere)[:MOST_ALONE]


def _priced(record: Spec, memory: float | None) -> tuple[Price | None, float | None]:
    """The price of what has so much memory, else of the nearest size, and which that is."""
    newest = {size: newest_of(prices) for size, prices in priced_sizes(record).items()}
    found = {size: price for size, price in newest.items() if price is not None}
    if not found:
        return None, None
    nearest = min(found, key=lambda size: abs((size or 0) - (memory or 0)))
    return found[nearest], nearest or memory


def _resolved(catalogue: Catalogue, name: str) -> tuple[int, Match]:
    try:
        return 1, catalogue.names.resolve(DEVICE_KINDS, name, "device")
    except UnknownName:
        count, rest = split_count(name)
        if rest == name:
            raise
        return count, catalogue.names.resolve(DEVICE_KINDS, rest, "device")


def _given(figures: DeviceFigures) -> ComparedDevice:
    return ComparedDevice(
        name=figures.name, kind="", slug="", gpus=1, memory_gib=figures.memory_gib,
        memory_bandwidth_gb_per_s=figures.memory_bandwidth_gb_per_s, fp16_dense_tflops=figures.fp16_dense_tflops,
        tdp_w=None, price_usd=None, price_kind=None, price_as_of=None, price_memory_gib=None, gb_per_s_per_watt=None,
        gb_per_s_per_usd=None, usd_per_gib=None,
    )  # fmt: skip


def _column(catalogue: Catalogue, named: DeviceArgument) -> tuple[ComparedDevice, dict[str, tuple[SourceRef, ...]]]:
    if isinstance(named, DeviceFigures):
        return _given(named), {}
    count, match = _resolved(catalogue, named)
    kind, slug = match.kind, match.slug
    record = catalogue.known.specs[kind][slug]
    references: dict[str, tuple[SourceRef, ...]] = {}
    accelerator = catalogue.known.of(Accelerator).get(getattr(record, "accelerator", None) or "")

    def value(key: str) -> float | None:
        for holder in (record, accelerator):
            figure = getattr(holder, key, None) if holder is not None else None
            if figure is not None:
                references[f"{key} of {record.name}"] = figure.sources
                return float(figure.value)
        return None

    memory = match.memory_gib or value("memory_gib")
    bandwidth, tdp = value("memory_bandwidth_gb_per_s"), value("tdp_w")
    price, priced_memory = _priced(record, memory)
    if price:
        references[f"price of {record.name}"] = price.sources
    chip = record if isinstance(record, Accelerator) else accelerator
    gpus = gpus_on(chip) if chip else 1
    middle = (price.low + price.high) / 2 if price else None
    column = ComparedDevice(
        name=several(count, record.name),
        kind=kind,
        slug=slug,
        gpus=gpus,
        memory_gib=memory * count if memory else None,
        memory_bandwidth_gb_per_s=round(bandwidth / gpus, 1) if bandwidth else None,
        fp16_dense_tflops=value("fp16_dense_tflops"),
        tdp_w=tdp * count if tdp else None,
        price_usd=price.times(count) if price else None,
        price_kind=price.kind if price else None,
        price_as_of=price.as_of if price else None,
        price_memory_gib=priced_memory * count if priced_memory else None,
        gb_per_s_per_watt=round(bandwidth / tdp, 2) if bandwidth and tdp else None,
        gb_per_s_per_usd=round(bandwidth / middle, 3) if bandwidth and middle else None,
        usd_per_gib=round(middle / priced_memory, 2) if middle and priced_memory else None,
    )
    return column, references


TOOL = tool(
    run,
    "Two to eight devices side by side: memory, bandwidth, rate, power, price, what a unit of each buys, the speed of "
    "a model on each, and which one to take for generating text.",
)
