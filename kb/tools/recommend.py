"""What to buy for a model: devices that hold it, by speed and price."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from kb.calc.memory.weights import Weights
from kb.calc.results import Range
from kb.catalogue import Catalogue
from kb.catalogue.records import Accelerator, Machine, Price, Record, Spec
from kb.errors import InvalidArgument
from kb.tools.base import Arguments, Name, Real, Result, Tool, Whole, cite
from kb.tools.lookup import newest_of, priced_sizes
from kb.tools.memory import Context, FitArguments, Parts, fit_of
from kb.tools.resolve import (
    ResolvedModel,
    ResolvedQuantization,
    resolve_devices,
    resolve_model,
    resolve_quantization,
    resolve_weights,
)
from kb.tools.rules import BuildRule, decision_rules, rule_sources
from kb.tools.speed import decode_speed

COUNTS = (1, 2, 4)
"""How many equal cards are considered; more need a server."""

SIZES_TO_TRY = ("llama-3-1-70b", "qwen2-5-32b", "qwen2-5-14b", "llama-3-1-8b", "llama-3-2-3b")
"""When no model is named: the largest of these that the limits allow."""


Money = Annotated[Real, Field(ge=0.0001, le=1e9)]


class RecommendArguments(Arguments):
    models: Annotated[tuple[Name, ...], Field(min_length=1, max_length=4)] | None = None
    quantization: Name = "q4_k_m"
    context: Context = 8192
    users: Annotated[Whole, Field(ge=1, le=1000)] = 1
    min_tokens_per_s: Annotated[Real, Field(ge=0.001, le=100_000)] | None = None
    budget_usd: Annotated[Real, Field(ge=0.0001, le=1e9)] | None = Field(
        None, description="for the device or devices alone"
    )
    budget: Annotated[Real, Field(ge=0.0001, le=1e9)] | None = Field(None, description="the same in `currency`")
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "USD"
    max_power_w: Annotated[Real, Field(ge=0.001, le=1_000_000)] | None = Field(
        None, description="of the cards, or of the whole machine, at full load"
    )
    quiet: bool = Field(False, description="no blower cards, and none that need a server's fans")
    min_memory_gib: Annotated[Real, Field(ge=0.001, le=1_000_000)] | None = Field(
        None, description="memory of one card or machine; ranks by price then"
    )
    used: bool = True
    vendor: Name | None = Field(None, description="only of this maker: NVIDIA, AMD, Apple, Intel")
    limit: Annotated[Whole, Field(ge=1, le=50)] = 5


class HardwareChoice(Record):
    """Cards or a machine that hold every model whole; the price is for all of them."""

    hardware: str
    slug: str
    count: int
    price: tuple[float, float]
    currency: str
    price_usd: tuple[float, float] | None
    """The same where it is in USD; None where it is in another currency."""
    price_kind: str
    price_as_of: str
    power_w: float | None
    decode_tokens_per_s: Range
    tokens_per_s_per_1000: float
    """Of ``currency``."""
    why: tuple[str, ...] = ()


class RecommendAnswer(Result):
    models: tuple[str, ...]
    quantization: str
    choices: tuple[HardwareChoice, ...]
    rules: tuple[BuildRule, ...]
    formula: str
    assumptions: tuple[str, ...]


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


def run_recommend(catalogue: Catalogue, arguments: RecommendArguments) -> RecommendAnswer:
    if arguments.budget is not None and arguments.budget_usd is not None:
        raise InvalidArgument("budget", arguments.budget, "either `budget` with its `currency`, or `budget_usd`")
    if arguments.models:
        return _for_models(catalogue, arguments, arguments.models)
    known = [slug for slug in SIZES_TO_TRY if slug in catalogue.known.specs["models"]]
    answers = []
    for slug in known:
        answer = _for_models(catalogue, arguments, (slug,))
        if any(choice.count == 1 for choice in answer.choices):
            return answer
        answers.append(answer)
    if answers:
        return next((answer for answer in answers if answer.choices), answers[-1])
    raise InvalidArgument("models", None, "models by name, as the catalogue has none of the usual sizes")


def _budget(arguments: RecommendArguments, currency: str) -> float | None:
    """The budget in that currency; no exchange rates are held, so none for another."""
    if currency == "USD" and arguments.budget_usd is not None:
        return arguments.budget_usd
    return arguments.budget if currency == arguments.currency else None


def find_choices(
    catalogue: Catalogue, arguments: RecommendArguments, models: tuple[str, ...]
) -> list[tuple[HardwareChoice, Offer]]:
    """Everything within the limits that holds all models, ranked, without reasons."""
    found: list[tuple[HardwareChoice, Offer]] = []
    loads = _loads(catalogue, arguments, models)
    for offer in _offers(catalogue, arguments):
        if arguments.max_power_w and offer.power_w is None:
            continue
        budget = _budget(arguments, offer.price.currency)
        for count in COUNTS if isinstance(offer.record, Accelerator) else (1,):
            if budget is not None and offer.price.low * count > budget:
                break
            if arguments.max_power_w and (offer.power_w or 0.0) * count > arguments.max_power_w:
                break
            choice = _choice(catalogue, arguments, loads, offer, count)
            if choice:
                found.append((choice, offer))
                break
    if any(choice.count <= 2 for choice, _ in found):
        # Four cards need a board, a supply and a case that few have; they are for models that fewer do not hold.
        found = [entry for entry in found if entry[0].count <= 2]
    wanted = arguments.min_tokens_per_s or 0.0
    found = [entry for entry in found if entry[0].decode_tokens_per_s.typical >= wanted]
    return sorted(found, key=lambda entry: _rank(arguments, entry[0]))


def _for_models(catalogue: Catalogue, arguments: RecommendArguments, models: tuple[str, ...]) -> RecommendAnswer:
    found = find_choices(catalogue, arguments, models)
    loads = _loads(catalogue, arguments, models)
    shown = found[: arguments.limit]
    users = arguments.users if "users" in arguments.model_fields_set else None
    rules = decision_rules(catalogue, _budget(arguments, "USD"), users)
    references = {f"price of {choice.hardware}": offer.price.sources for choice, offer in shown}
    references |= {f"when to choose {rule.build}": rule_sources(catalogue, rule.slug) for rule in rules}
    labels = tuple(load.model.label for load in loads)
    by = "price" if arguments.min_memory_gib else f"tokens per second for each 1,000 {_currency(arguments, found)}"
    return RecommendAnswer(
        models=labels,
        quantization=loads[0].quantization.record.name,
        choices=tuple(_with_reasons(catalogue, arguments, loads, choice, offer) for choice, offer in shown),
        rules=rules,
        formula=(
            f"{len(found)} choices {_limits(arguments, found)} hold {' and '.join(labels)} whole at "
            f"{arguments.context:,} tokens for {arguments.users} at once; ranked by {by}"
        ),
        assumptions=tuple(_assumptions(catalogue, arguments, [choice for choice, _ in found])),
        citations=cite(catalogue, references),
    )  # fmt: skip


def _assumptions(catalogue: Catalogue, arguments: RecommendArguments, choices: list[HardwareChoice]) -> Iterator[str]:
    yield (
        "prices are those of the sources, at their dates, for the cards or the machine alone: "
        "a computer around cards costs extra"
    )
    yield "nothing offloaded; several cards split the model by layers"
    if not arguments.used:
        yield "no used prices"
    other = sum(choice.currency != arguments.currency for choice in choices)
    if other:
        which = "all" if other == len(choices) else f"{other} of {len(choices)}"
        budget = ""
        if arguments.budget is not None:
            budget = f"; the budget of {arguments.budget:,.0f} {arguments.currency} was not applied to them"
        yield f"prices of {which} choices are held in USD only, and there is no exchange rate here{budget}"
    unknown = sum(offer.power_w is None for offer in _offers(catalogue, arguments)) if arguments.max_power_w else 0
    if unknown:
        yield f"{unknown} priced devices of unknown power were left out"
    if arguments.quiet:
        yield (
            "no noise levels are held: quiet leaves out blowers and cards without a fan of their own; power is what "
            "fans must carry away"
        )


def _offers(catalogue: Catalogue, arguments: RecommendArguments) -> Iterator[Offer]:
    """What is priced, and within the limits that need no model."""
    for record in (*catalogue.known.specs["accelerators"].values(), *catalogue.known.specs["machines"].values()):
        if arguments.vendor and arguments.vendor.casefold() not in record.vendor.casefold():
            continue
        if arguments.quiet and isinstance(record, Accelerator) and record.cooling and _is_loud(record.cooling.value):
            continue
        figure = getattr(record, "memory_gib", None)
        for memory, price in _configurations(record, arguments):
            size = memory or (figure.value if figure else 0.0)
            if not arguments.min_memory_gib or size >= arguments.min_memory_gib:
                yield Offer(record, price, _power_w(catalogue, record), memory)


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
        value = record.power_w.value
        return max(value) if isinstance(value, tuple) else value
    inside = catalogue.known.specs["accelerators"].get(record.accelerator or "")
    known = isinstance(inside, Accelerator) and inside.tdp_w
    return known.value * record.accelerator_count if known else None


def _rank(arguments: RecommendArguments, choice: HardwareChoice) -> tuple[bool, float, str]:
    """What is priced in the currency asked for comes first: amounts of two currencies do not compare."""
    by = choice.price[0] if arguments.min_memory_gib else -choice.tokens_per_s_per_1000
    return choice.currency != arguments.currency, by, choice.slug


def _limits(arguments: RecommendArguments, found: list[tuple[HardwareChoice, Offer]]) -> str:
    currency = _currency(arguments, found)
    budget = _budget(arguments, currency)
    limits = [f"up to {budget:,.0f} {currency}" if budget else "at any price"]
    if arguments.max_power_w:
        limits.append(f"up to {arguments.max_power_w:,.0f} W")
    return " and ".join(limits)


def _currency(arguments: RecommendArguments, found: list[tuple[HardwareChoice, Offer]]) -> str:
    """That of the choices ranked first: the one asked for where any price is in it."""
    return found[0][0].currency if found else arguments.currency


@dataclass(frozen=True)
class _Load:
    """A model at the quantization asked for, looked up once for all devices."""

    model: ResolvedModel
    quantization: ResolvedQuantization
    weights: Weights


def _loads(catalogue: Catalogue, arguments: RecommendArguments, models: tuple[str, ...]) -> list[_Load]:
    quantization = resolve_quantization(catalogue, arguments.quantization)
    resolved = [resolve_model(catalogue, name) for name in models]
    return [_Load(model, quantization, resolve_weights(catalogue, model, quantization)) for model in resolved]


def _asked(arguments: RecommendArguments, load: _Load, offer: Offer, count: int) -> FitArguments:
    return FitArguments(
        model=load.model.label, quantization=arguments.quantization, device=offer.device, device_count=count,
        context=arguments.context, concurrency=arguments.users,
    )  # fmt: skip


def _choice(
    catalogue: Catalogue, arguments: RecommendArguments, loads: list[_Load], offer: Offer, count: int
) -> HardwareChoice | None:
    try:
        devices = resolve_devices(catalogue, offer.device, count)
    except InvalidArgument:  # its bandwidth is not known
        return None
    speeds: list[Range] = []
    for load in loads:
        parts, asked = (
            Parts(load.model, load.quantization, devices, load.weights),
            _asked(arguments, load, offer, count),
        )
        if not parts.holds(asked):
            return None
        speeds.append(decode_speed(parts, asked))
    slowest = min(speeds, key=lambda speed: speed.typical)
    price = offer.price
    total = (price.low * count, price.high * count)
    middle = (total[0] + total[1]) / 2
    return HardwareChoice(
        hardware=offer.label if count == 1 else f"{count}× {offer.label}",
        slug=offer.record.slug,
        count=count,
        price=total,
        currency=price.currency,
        price_usd=total if price.currency == "USD" else None,
        price_kind=price.kind,
        price_as_of=price.as_of,
        power_w=offer.power_w * count if offer.power_w is not None else None,
        decode_tokens_per_s=slowest,
        tokens_per_s_per_1000=round(slowest.typical * 1000 / middle, 3) if middle else 0.0,
    )


def _with_reasons(
    catalogue: Catalogue, arguments: RecommendArguments, loads: list[_Load], choice: HardwareChoice, offer: Offer
) -> HardwareChoice:
    devices = resolve_devices(catalogue, offer.device, choice.count)
    why = []
    for load in loads:
        parts = Parts(load.model, load.quantization, devices, load.weights)
        fit = fit_of(parts, _asked(arguments, load, offer, choice.count))
        why.append(f"holds {load.model.label} in {fit.required_gb:.1f} of {fit.available_gb:.1f} GB")
    speed = choice.decode_tokens_per_s.typical
    why.append(f"{speed:g} tokens/s, {choice.tokens_per_s_per_1000:g} for each 1,000 {choice.currency}")
    budget = _budget(arguments, choice.currency)
    if budget is not None:
        why.append(f"leaves {budget - choice.price[0]:,.0f} {choice.currency} of the budget at the lower price")
    if choice.power_w:
        why.append(f"{choice.power_w:,.0f} W at full load, {speed / choice.power_w:.2g} tokens/s per watt")
    return choice.model_copy(update={"why": tuple(why)})


RECOMMEND_HARDWARE = Tool(
    "recommend_hardware",
    "Which cards or machines hold the given models whole, ranked by speed for the money, within limits of budget, "
    "power and noise; with reasons, and the long guide's rules for whole machines.",
    RecommendArguments,
    RecommendAnswer,
    run_recommend,
    {"models": ["llama 3.1 70b"], "budget_usd": 3000},
)
