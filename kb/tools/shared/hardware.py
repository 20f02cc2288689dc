"""Cards and machines on offer that hold models whole, by speed and price."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from kb.calc.memory.weights import Weights
from kb.calc.results import Range
from kb.catalogue import Catalogue
from kb.catalogue.names import DEVICE_KINDS
from kb.catalogue.records import Accelerator, Machine, Price, Record, Spec, ends
from kb.catalogue.records.base import PriceKind
from kb.catalogue.units import GIB
from kb.errors import InvalidArgument
from kb.tools.base import Arguments, Name, Real, Whole
from kb.tools.shared.fitting import Context, FitArguments, Parts
from kb.tools.shared.naming import several
from kb.tools.shared.prices import Currency, Money, newest_of, priced_sizes
from kb.tools.shared.resolve import (
    ModelArgument,
    ResolvedModel,
    ResolvedQuantization,
    resolve_devices,
    resolve_model,
    resolve_quantization,
    resolve_weights,
    split_count,
)
from kb.tools.shared.speed import decode_speed

NEAR_USD = ("EUR", "GBP", "CHF")
"""Currencies of which an amount buys about what the same number of US dollars does."""
COUNTS = (1, 2, 4)
"""How many equal cards are considered; more need a server."""
SEVERAL_CARDS = 0.6
"""What speed for the money is worth where it takes several cards: they want slots, a larger supply and more care."""


class RecommendArguments(Arguments):
    models: Annotated[tuple[ModelArgument, ...], Field(min_length=1, max_length=4)] | None = None
    """What is to run; without any, the largest that the limits allow."""
    quantization: Name = "q4_k_m"
    context: Context = 8192
    users: Annotated[Whole, Field(ge=1, le=1000)] = 1
    min_tokens_per_s: Annotated[Real, Field(ge=0.001, le=100_000)] | None = None
    budget_usd: Money | None = Field(None, description="for the device or devices alone")
    budget: Money | None = Field(None, description="the same in `currency`")
    currency: Currency = "USD"
    max_power_w: Annotated[Real, Field(ge=0.001, le=1_000_000)] | None = Field(
        None, description="of cards or machine, at full load"
    )
    quiet: bool = Field(False, description="no blower and no server cards")
    min_memory_gib: Annotated[Real, Field(ge=0.001, le=1_000_000)] | None = Field(
        None, description="memory of one card or machine; ranks by price then"
    )
    used: bool = True
    form: Literal["any", "card", "computer", "laptop"] = Field("any", description="only these")
    vendor: Name | None = Field(None, description="only NVIDIA, AMD, Apple or Intel")
    limit: Annotated[Whole, Field(ge=1, le=50)] = 5
    owned: Annotated[tuple[Name, ...], Field(max_length=16)] = Field(
        (), description="cards that are there and not billed, `2x` before two"
    )
    use: Name = Field("any", description="without models: chat, coding, writing, documents, agents, `any`")
    near_usd: bool = Field(False, description="count a budget in EUR, GBP or CHF as that many dollars")


class HardwareChoice(Record):
    """Cards or a machine that hold every model whole; the price is for all of them that are not ``owned``."""

    hardware: str
    """What it is."""
    slug: str
    count: int
    """How many of it."""
    price: tuple[float, float]
    """The lowest and the highest for all of them that are not there already."""
    currency: str
    price_usd: tuple[float, float] | None
    """The same where it is in USD; None where it is in another currency."""
    price_kind: PriceKind
    """Whose price it is: list, street or used."""
    price_as_of: str
    power_w: float | None
    """Of all together, at full load; null where it is not known."""
    decode_tokens_per_s: Range
    """Of the slowest of the models."""
    tokens_per_s_per_1000: float
    """Of ``currency``; 0 where nothing is to be paid."""
    owned: int = 0
    """How many of them are there already."""
    device: str = ""
    """All of it as other tools take it, with its number and its size of memory."""
    memory_gib: float | None = None
    """Of all together; null where it is not known."""
    is_machine: bool = False
    """A whole computer; cards need one around them."""
    why: tuple[str, ...] = ()
    """What speaks for it."""


@dataclass(frozen=True)
class Offer:
    """A record with what is paid for one of it; ``memory_gib`` where it is sold with several sizes."""

    record: Spec
    price: Price
    power_w: float | None
    memory_gib: float | None = None

    @property
    def device(self) -> str:
        return f"{self.record.slug} {self.memory_gib:g}gb" if self.memory_gib else self.record.slug

    @property
    def label(self) -> str:
        return f"{self.record.name} with {self.memory_gib:g} GB" if self.memory_gib else self.record.name


def budget_in(arguments: RecommendArguments, currency: str) -> float | None:
    """The budget in that currency; no exchange rates are held, so none for another."""
    if currency == "USD" and arguments.budget_usd is not None:
        return arguments.budget_usd
    if currency == "USD" and is_near_usd(arguments):
        return arguments.budget
    return arguments.budget if currency == arguments.currency else None


def is_near_usd(arguments: RecommendArguments) -> bool:
    return arguments.near_usd and arguments.budget is not None and arguments.currency in NEAR_USD


def find_choices(
    catalogue: Catalogue, arguments: RecommendArguments, models: tuple[ModelArgument, ...]
) -> list[tuple[HardwareChoice, Offer]]:
    """Everything within the limits that holds all models, ranked, without reasons."""
    found: list[tuple[HardwareChoice, Offer]] = []
    loads = resolve_loads(catalogue, arguments, models)
    owned = _owned(catalogue, arguments)
    for offer in offers(catalogue, arguments):
        if arguments.max_power_w and offer.power_w is None:
            continue
        budget = budget_in(arguments, offer.price.currency)
        for count in COUNTS if isinstance(offer.record, Accelerator) else (1,):
            had = min(owned.get(offer.record.slug, 0), count)
            if budget is not None and sum(offer.price.times(count - had)) / 2 > budget:
                break
            if arguments.max_power_w and (offer.power_w or 0.0) * count > arguments.max_power_w:
                break
            choice = _choice(catalogue, arguments, loads, offer, count, had)
            if choice:
                found.append((choice, offer))
                break
    if any(choice.count <= 2 for choice, _ in found):
        # Four cards need a board, a supply and a case that few have; they are for models that fewer do not hold.
        found = [entry for entry in found if entry[0].count <= 2]
    wanted = arguments.min_tokens_per_s or 0.0
    found = [entry for entry in found if entry[0].decode_tokens_per_s.typical >= wanted]
    return sorted(found, key=lambda entry: _rank(arguments, entry[0]))


def offers(catalogue: Catalogue, arguments: RecommendArguments) -> Iterator[Offer]:
    """What is priced, and within the limits that need no model."""
    sold: tuple[Accelerator | Machine, ...] = (
        *catalogue.known.of(Accelerator).values(), *catalogue.known.of(Machine).values(),
    )  # fmt: skip
    for record in sold:
        if not _is_of_form(record, arguments.form):
            continue
        if arguments.vendor and arguments.vendor.casefold() not in record.vendor.casefold():
            continue
        if arguments.quiet and isinstance(record, Accelerator) and record.cooling and _is_loud(record.cooling.value):
            continue
        figure = getattr(record, "memory_gib", None)
        for memory, price in _configurations(record, arguments):
            size = memory or (figure.value if figure else 0.0)
            if not arguments.min_memory_gib or size >= arguments.min_memory_gib:
                yield Offer(record, price, _power_w(catalogue, record), memory)


def _is_of_form(record: Accelerator | Machine, form: str) -> bool:
    if isinstance(record, Accelerator):
        return form in ("any", "card")
    return form in ("any", record.form) or (form == "computer" and record.form in ("desktop", "laptop"))


def _configurations(record: Spec, arguments: RecommendArguments) -> Iterator[tuple[float | None, Price]]:
    for size, prices in priced_sizes(record).items():
        newest = newest_of(prices, used=arguments.used, currency=arguments.currency)
        newest = newest or newest_of(prices, used=arguments.used)
        if newest is not None:
            yield size, newest


def _is_loud(cooling: str) -> bool:
    return "blower" in cooling or "passive" in cooling


def _power_w(catalogue: Catalogue, record: Spec) -> float | None:
    """A card's TDP; a machine's own rated power, else that of the accelerators in it."""
    if isinstance(record, Accelerator):
        return record.tdp_w.value if record.tdp_w else None
    assert isinstance(record, Machine)
    if record.power_w:
        return ends(record.power_w.value)[1]
    inside = catalogue.known.of(Accelerator).get(record.accelerator or "")
    return inside.tdp_w.value * record.accelerator_count if inside and inside.tdp_w else None


def _owned(catalogue: Catalogue, arguments: RecommendArguments) -> Counter[str]:
    """By slug, how many are there."""
    counted: Counter[str] = Counter()
    for name in arguments.owned:
        count, rest = split_count(name)
        counted[catalogue.names.resolve(DEVICE_KINDS, rest, "device").slug] += count
    return counted


def _rank(arguments: RecommendArguments, choice: HardwareChoice) -> tuple[bool, bool, float, str]:
    """What is priced in the currency asked for comes first: amounts of two currencies do not compare."""
    worth = choice.tokens_per_s_per_1000 * (SEVERAL_CARDS if choice.count > 1 else 1.0)
    by = choice.price[0] if arguments.min_memory_gib else -worth
    return choice.currency != arguments.currency, choice.price[1] > 0, by, choice.slug


@dataclass(frozen=True)
class Load:
    """A model at the quantization asked for, looked up once for all devices."""

    model: ResolvedModel
    quantization: ResolvedQuantization
    weights: Weights


def resolve_loads(catalogue: Catalogue, arguments: RecommendArguments, models: tuple[ModelArgument, ...]) -> list[Load]:
    quantization = resolve_quantization(catalogue, arguments.quantization)
    resolved = [resolve_model(catalogue, name) for name in models]
    return [Load(model, quantization, resolve_weights(catalogue, model, quantization)) for model in resolved]


def fit_arguments(arguments: RecommendArguments, load: Load, offer: Offer, count: int) -> FitArguments:
    return FitArguments(
        model=load.model.label, quantization=arguments.quantization, device=offer.device, device_count=count,
        context=arguments.context, concurrency=arguments.users,
    )  # fmt: skip


def _is_too_small(offer: Offer, count: int, load: Load) -> bool:
    """By the weights alone: most offers are, and need no closer look."""
    figure = offer.record.memory_gib if isinstance(offer.record, Accelerator) else None
    size = offer.memory_gib or (figure.value if figure else None)
    return size is not None and size * count * GIB < sum(load.weights.layer_bytes)


def _choice(
    catalogue: Catalogue, arguments: RecommendArguments, loads: list[Load], offer: Offer, count: int, owned: int
) -> HardwareChoice | None:
    if any(_is_too_small(offer, count, load) for load in loads):
        return None
    try:
        devices = resolve_devices(catalogue, offer.device, count)
    except InvalidArgument:  # its bandwidth is not known
        return None
    speeds: list[Range] = []
    for load in loads:
        parts, asked = (
            Parts(load.model, load.quantization, devices, load.weights),
            fit_arguments(arguments, load, offer, count),
        )
        if not parts.holds(asked):
            return None
        speeds.append(decode_speed(parts, asked))
    slowest = min(speeds, key=lambda speed: speed.typical)
    price = offer.price
    total = price.times(count - owned)
    middle = (total[0] + total[1]) / 2
    return HardwareChoice(
        hardware=several(count, offer.label),
        slug=offer.record.slug,
        count=count,
        device=f"{count}x {offer.device}" if count > 1 else offer.device,
        price=total,
        currency=price.currency,
        price_usd=total if price.currency == "USD" else None,
        price_kind=price.kind,
        price_as_of=price.as_of,
        power_w=offer.power_w * count if offer.power_w is not None else None,
        decode_tokens_per_s=slowest,
        tokens_per_s_per_1000=round(slowest.typical * 1000 / middle, 3) if middle else 0.0,
        owned=owned,
        memory_gib=round(devices.memory_bytes / GIB, 1),
        is_machine=isinstance(offer.record, Machine),
    )
