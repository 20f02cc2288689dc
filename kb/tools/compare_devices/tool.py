"""Devices side by side."""

from typing import Annotated

from pydantic import Field

from kb.calc.device import gpus_on
from kb.catalogue import Catalogue
from kb.catalogue.names import DEVICE_KINDS, Match
from kb.catalogue.records import Accelerator, Price, Record, SourceRef, Spec
from kb.tools.base import Arguments, Name, Result, Tool, cite
from kb.tools.shared.prices import newest_of, priced_sizes


class CompareArguments(Arguments):
    devices: Annotated[tuple[Name, ...], Field(min_length=2, max_length=8)]


class ComparedDevice(Record):
    """One column of the comparison; None where a figure is not known.

    Where it is sold with several sizes of memory, the price is of the size named in ``price_memory_gib``. Where
    programs see several ``gpus`` on one card, the bandwidth is that of one.
    """

    name: str
    slug: str
    gpus: int
    memory_gib: float | None
    memory_bandwidth_gb_per_s: float | None
    fp16_dense_tflops: float | None
    tdp_w: float | None
    price_usd: tuple[float, float] | None
    price_kind: str | None
    price_as_of: str | None
    price_memory_gib: float | None
    gb_per_s_per_watt: float | None
    gb_per_s_per_usd: float | None
    usd_per_gib: float | None


class CompareAnswer(Result):
    devices: tuple[ComparedDevice, ...]
    formula: str


def run(catalogue: Catalogue, arguments: CompareArguments) -> CompareAnswer:
    columns: list[ComparedDevice] = []
    references: dict[str, tuple[SourceRef, ...]] = {}
    for name in arguments.devices:
        match = catalogue.names.resolve(DEVICE_KINDS, name, "device")
        column, used = _column(catalogue, match)
        columns.append(column)
        references |= used
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
    return CompareAnswer(devices=tuple(columns), formula=sums, citations=cite(catalogue, references))


def _priced(record: Spec, memory: float | None) -> tuple[Price | None, float | None]:
    """The price of what has so much memory, else of the nearest size, and which that is."""
    newest = {size: newest_of(prices) for size, prices in priced_sizes(record).items()}
    found = {size: price for size, price in newest.items() if price is not None}
    if not found:
        return None, None
    nearest = min(found, key=lambda size: abs((size or 0) - (memory or 0)))
    return found[nearest], nearest or memory


def _column(catalogue: Catalogue, match: Match) -> tuple[ComparedDevice, dict[str, tuple[SourceRef, ...]]]:
    kind, slug = match.kind, match.slug
    record = catalogue.known.specs[kind][slug]
    references: dict[str, tuple[SourceRef, ...]] = {}
    accelerator = catalogue.known.specs["accelerators"].get(getattr(record, "accelerator", None) or "")

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
    gpus = gpus_on(chip) if isinstance(chip, Accelerator) else 1
    middle = (price.low + price.high) / 2 if price else None
    column = ComparedDevice(
        name=record.name,
        slug=slug,
        gpus=gpus,
        memory_gib=memory,
        memory_bandwidth_gb_per_s=round(bandwidth / gpus, 1) if bandwidth else None,
        fp16_dense_tflops=value("fp16_dense_tflops"),
        tdp_w=tdp,
        price_usd=(price.low, price.high) if price else None,
        price_kind=price.kind if price else None,
        price_as_of=price.as_of if price else None,
        price_memory_gib=priced_memory,
        gb_per_s_per_watt=round(bandwidth / tdp, 2) if bandwidth and tdp else None,
        gb_per_s_per_usd=round(bandwidth / middle, 3) if bandwidth and middle else None,
        usd_per_gib=round(middle / priced_memory, 2) if middle and priced_memory else None,
    )
    return column, references


TOOL = Tool(
    "compare_devices",
    "Two to eight devices side by side: memory, bandwidth, rate, power, price, and what a unit of each buys.",
    CompareArguments,
    CompareAnswer,
    run,
    {"devices": ["RTX 4090", "RTX 3090"]},
)
