"""Tools that look up what is known: terms, specs, passages, and devices side by side."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from kb.calc.device import gpus_on
from kb.catalogue import Catalogue
from kb.catalogue.names import DEVICE_KINDS, Match
from kb.catalogue.records import Accelerator, Machine, Price, Record, SourceRef, Spec, kinds
from kb.errors import IndexUnusable, InvalidArgument
from kb.tools.base import Arguments, Name, Result, Tool, Whole, cite
from kb.tools.views import SpecView, TermView, spec_view, term_view

SPEC_KINDS = tuple(kinds)


class TermArguments(Arguments):
    name: Name


def run_lookup_term(catalogue: Catalogue, arguments: TermArguments) -> TermView:
    match = catalogue.names.resolve(("terms",), arguments.name, "term")
    return term_view(catalogue, catalogue.known.terms[match.slug])


class SpecArguments(Arguments):
    name: Name
    kind: Name | None = Field(None, description=f"one of {', '.join(SPEC_KINDS)}; without it, all are searched")


def run_lookup_spec(catalogue: Catalogue, arguments: SpecArguments) -> SpecView:
    if arguments.kind is not None and arguments.kind not in SPEC_KINDS:
        raise InvalidArgument("kind", arguments.kind, ", ".join(SPEC_KINDS))
    searched = (arguments.kind,) if arguments.kind else SPEC_KINDS
    match = catalogue.names.resolve(searched, arguments.name, "spec")
    return spec_view(catalogue, catalogue.known.specs[match.kind][match.slug])


class SearchArguments(Arguments):
    query: Annotated[str, Field(min_length=1, max_length=2000)]
    k: Annotated[Whole, Field(ge=1, le=50)] = 5


class PassageHit(Record):
    passage_id: str
    source: str
    section: str
    title: str
    text: str
    score: float


class SearchAnswer(Result):
    hits: tuple[PassageHit, ...]


def run_search(catalogue: Catalogue, arguments: SearchArguments) -> SearchAnswer:
    """Raises :class:`IndexUnusable` where there is none: the other tools need only the catalogue."""
    from kb.search.live import Index  # slow to import; imported already where there is an index

    if not isinstance(catalogue, Index):
        raise IndexUnusable("Passages are found by the index, and there is none yet. Run `kb build`.")
    findings = catalogue.searcher.search(arguments.query, arguments.k)
    return SearchAnswer(
        hits=tuple(
            PassageHit(**hit.passage.model_dump(include=set(PassageHit.model_fields) - {"score"}), score=hit.score)
            for hit in findings.hits
        ),
        citations=cite(
            catalogue,
            {
                hit.passage.title: (SourceRef(source=hit.passage.source, section=hit.passage.section),)
                for hit in findings.hits
            },
        ),
    )


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


def run_compare(catalogue: Catalogue, arguments: CompareArguments) -> CompareAnswer:
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


def newest_price(record: Spec, *, used: bool = True, currency: str = "USD") -> Price | None:
    """What one pays by the newest of the sources."""
    return newest_of(record.prices, used=used, currency=currency)


def newest_of(prices: Iterable[Price], *, used: bool = True, currency: str = "USD") -> Price | None:
    """Of one date a street price goes before a used one and a list price."""
    rank = {"street": 2, "used": 1, "list": 0}
    offered = [
        price
        for price in prices
        if price.currency == currency and price.per in ("unit", "system") and price.kind in rank
        and (used or price.kind != "used")
    ]  # fmt: skip
    return max(offered, key=lambda price: (price.as_of[:4], rank[price.kind], price.as_of), default=None)


def priced_sizes(record: Spec) -> dict[float | None, list[Price]]:
    """The prices for each size of memory, where a machine is sold with several; one that names none is that of the
    smallest ("from")."""
    options = record.memory_options_gib if isinstance(record, Machine) else None
    sizes: tuple[float | None, ...] = options.value if options and len(options.value) > 1 else (None,)
    priced: dict[float | None, list[Price]] = {}
    for price in record.prices:
        named = next((size for size in sizes if size and f"{size:g} GB" in price.note), sizes[0])
        priced.setdefault(named, []).append(price)
    return priced


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


LOOKUP_TERM = Tool(
    "lookup_term",
    "A glossary term by any of its names: definition, practice, pitfalls, figures, sources, disputes.",
    TermArguments,
    TermView,
    run_lookup_term,
    {"name": "NVFP4"},
)
LOOKUP_SPEC = Tool(
    "lookup_spec",
    "The specification of a device, part, model, format, engine or build by name, every figure with its sources.",
    SpecArguments,
    SpecView,
    run_lookup_spec,
    {"name": "RTX 5090", "kind": "accelerators"},
)
SEARCH_PASSAGES = Tool(
    "search_passages",
    "Passages of the documents and the glossary that answer a question, best first.",
    SearchArguments,
    SearchAnswer,
    run_search,
    {"query": "why does memory bandwidth limit token generation?", "k": 3},
)
COMPARE_DEVICES = Tool(
    "compare_devices",
    "Two to eight devices side by side: memory, bandwidth, rate, power, price, and what a unit of each buys.",
    CompareArguments,
    CompareAnswer,
    run_compare,
    {"devices": ["RTX 4090", "RTX 3090"]},
)
