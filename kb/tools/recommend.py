"""What to buy for a model: devices that hold it, by speed and price."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from kb.calc.results import Range
from kb.errors import InvalidArgument
from kb.index.live import Index
from kb.records import Accelerator, Build, Machine, Price, Record, SourceRef, Spec
from kb.tools.base import Arguments, Name, Real, Result, Tool, Whole, cite
from kb.tools.lookup import newest_price
from kb.tools.memory import Context, FitArguments, fit_of, resolve_parts
from kb.tools.resolve import resolve_quantization
from kb.tools.speed import decode_speed

COUNTS = (1, 2, 4)
"""How many equal cards are considered; more need a server."""

SIZES_TO_TRY = ("llama-3-1-70b", "qwen2-5-32b", "qwen2-5-14b", "llama-3-1-8b", "llama-3-2-3b")
"""When no model is named: the largest of these that the limits allow."""


class RecommendArguments(Arguments):
    models: Annotated[tuple[Name, ...], Field(min_length=1, max_length=4)] | None = None
    quantization: Name = "q4_k_m"
    context: Context = 8192
    users: Annotated[Whole, Field(ge=1, le=1000)] = 1
    min_tokens_per_s: Annotated[Real, Field(gt=0, le=100_000)] | None = None
    budget_usd: Annotated[Real, Field(gt=0, le=1e9)] | None = Field(None, description="for the device or devices alone")
    budget: Annotated[Real, Field(gt=0, le=1e9)] | None = Field(None, description="the same in `currency`")
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "USD"
    max_power_w: Annotated[Real, Field(gt=0, le=1_000_000)] | None = Field(
        None, description="of the cards, or of the whole machine, at full load"
    )
    quiet: bool = Field(False, description="no blower cards, and none that need a server's fans")
    min_memory_gib: Annotated[Real, Field(gt=0, le=1_000_000)] | None = Field(
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


class BuildRule(Record):
    """One rule of the long guide's decision framework; ``applies`` is None where nothing given decides it."""

    build: str
    slug: str
    choose_if: tuple[str, ...]
    headline_price_usd: tuple[float, float] | None
    concurrent_users: tuple[float, float] | None
    applies: bool | None
    why: str


class RecommendAnswer(Result):
    models: tuple[str, ...]
    quantization: str
    choices: tuple[HardwareChoice, ...]
    rules: tuple[BuildRule, ...]
    formula: str
    assumptions: tuple[str, ...]


@dataclass(frozen=True)
class _Offer:
    """A record with what is paid for one of it."""

    record: Spec
    price: Price
    power_w: float | None


def run_recommend(index: Index, arguments: RecommendArguments) -> RecommendAnswer:
    if arguments.budget is not None and arguments.budget_usd is not None:
        raise InvalidArgument("budget", arguments.budget, "either `budget` with its `currency`, or `budget_usd`")
    if arguments.models:
        return _for_models(index, arguments, arguments.models)
    answers = [_for_models(index, arguments, (slug,)) for slug in SIZES_TO_TRY if slug in index.known.specs["models"]]
    return next((answer for answer in answers if answer.choices), answers[-1])


def _budget(arguments: RecommendArguments, currency: str) -> float | None:
    """The budget in that currency; no exchange rates are held, so none for another."""
    if currency == "USD" and arguments.budget_usd is not None:
        return arguments.budget_usd
    return arguments.budget if currency == arguments.currency else None


def _for_models(index: Index, arguments: RecommendArguments, models: tuple[str, ...]) -> RecommendAnswer:
    found: list[tuple[HardwareChoice, _Offer]] = []
    offers, without_power = _offers(index, arguments)
    labels = tuple(_label(index, model) for model in models)
    for offer in offers:
        budget = _budget(arguments, offer.price.currency)
        for count in COUNTS if isinstance(offer.record, Accelerator) else (1,):
            if budget is not None and offer.price.low * count > budget:
                break
            if arguments.max_power_w and (offer.power_w or 0.0) * count > arguments.max_power_w:
                break
            choice = _choice(index, arguments, models, offer, count)
            if choice:
                found.append((choice, offer))
                break
    if any(choice.count <= 2 for choice, _ in found):
        # Four cards need a board, a supply and a case that few have; they are for models that fewer do not hold.
        found = [entry for entry in found if entry[0].count <= 2]
    wanted = arguments.min_tokens_per_s or 0.0
    found = [entry for entry in found if entry[0].decode_tokens_per_s.typical >= wanted]
    found.sort(key=lambda entry: _rank(arguments, entry[0]))
    shown = found[: arguments.limit]
    rules = _rules(index, arguments)
    references = {f"price of {choice.hardware}": offer.price.sources for choice, offer in shown}
    references |= {f"when to choose {rule.build}": _rule_sources(index, rule.slug) for rule in rules}
    return RecommendAnswer(
        models=labels,
        quantization=_quantization_label(index, arguments.quantization),
        choices=tuple(_with_reasons(index, arguments, models, choice) for choice, _ in shown),
        rules=rules,
        formula=(
            f"{len(found)} choices {_limits(arguments)} hold {' and '.join(labels)} whole at {arguments.context:,} "
            f"tokens for {arguments.users} at once; ranked by "
            + ("price" if arguments.min_memory_gib else f"tokens per second for each 1,000 {arguments.currency}")
        ),
        assumptions=(
            "prices are those of the sources, at their dates, for the cards or the machine alone: a computer around cards "
            "costs extra",
            "nothing offloaded; several cards split the model by layers",
            *(() if arguments.used else ("no used prices",)),
            *_currency_notes(arguments, [choice for choice, _ in found]),
            *((f"{without_power} priced devices of unknown power were left out",) if without_power else ()),
            *(
                ("no noise levels are held: quiet leaves out blowers and cards without a fan of their own, and power is "
                 "what fans must carry away",)
                if arguments.quiet else ()
            ),
        ),
        citations=cite(index, references),
    )  # fmt: skip


def _offers(index: Index, arguments: RecommendArguments) -> tuple[list[_Offer], int]:
    """Priced devices within the limits that need no model, and how many were left out for want of a power figure."""
    offers: list[_Offer] = []
    without_power = 0
    for record in (*index.known.specs["accelerators"].values(), *index.known.specs["machines"].values()):
        price = newest_price(record, used=arguments.used, currency=arguments.currency)
        price = price or newest_price(record, used=arguments.used)
        if price is None or (arguments.vendor and arguments.vendor.casefold() not in record.vendor.casefold()):
            continue
        memory = getattr(record, "memory_gib", None)
        if arguments.min_memory_gib and (memory is None or memory.value < arguments.min_memory_gib):
            continue
        if arguments.quiet and isinstance(record, Accelerator) and record.cooling and _is_loud(record.cooling.value):
            continue
        power = _power_w(index, record)
        if arguments.max_power_w and power is None:
            without_power += 1
            continue
        offers.append(_Offer(record, price, power))
    return offers, without_power


def _is_loud(cooling: str) -> bool:
    return "blower" in cooling or "passive" in cooling


def _power_w(index: Index, record: Spec) -> float | None:
    """A card's TDP; a machine's own rated power, else that of the accelerators in it."""
    if isinstance(record, Accelerator):
        return record.tdp_w.value if record.tdp_w else None
    assert isinstance(record, Machine)
    if record.power_w:
        value = record.power_w.value
        return max(value) if isinstance(value, tuple) else value
    inside = index.known.specs["accelerators"].get(record.accelerator or "")
    known = isinstance(inside, Accelerator) and inside.tdp_w
    return known.value * record.accelerator_count if known else None


def _rank(arguments: RecommendArguments, choice: HardwareChoice) -> tuple[bool, float, str]:
    """What is priced in the currency asked for comes first: amounts of two currencies do not compare."""
    by = choice.price[0] if arguments.min_memory_gib else -choice.tokens_per_s_per_1000
    return choice.currency != arguments.currency, by, choice.slug


def _limits(arguments: RecommendArguments) -> str:
    budget, currency = arguments.budget, arguments.currency
    if arguments.budget_usd is not None:
        budget, currency = arguments.budget_usd, "USD"
    limits = [f"up to {budget:,.0f} {currency}" if budget else "at any price"]
    if arguments.max_power_w:
        limits.append(f"up to {arguments.max_power_w:,.0f} W")
    return " and ".join(limits)


def _currency_notes(arguments: RecommendArguments, choices: list[HardwareChoice]) -> Iterator[str]:
    other = sum(choice.currency != arguments.currency for choice in choices)
    if not other:
        return
    unapplied = arguments.budget is not None
    budget = f", so the budget of {arguments.budget:,.0f} {arguments.currency} was not applied to them" * unapplied
    which = "all" if other == len(choices) else f"{other} of {len(choices)}"
    yield f"prices of {which} choices are held in USD only, and no exchange rate is{budget}"


def _rules(index: Index, arguments: RecommendArguments) -> tuple[BuildRule, ...]:
    """The decision framework, the cheapest first; what a budget and a number of users rule out does not apply."""
    rules = []
    for build in index.known.specs["builds"].values():
        assert isinstance(build, Build)
        if build.choose_if is None or not any("Decision Framework" in ref.section for ref in build.choose_if.sources):
            continue
        price = _pair(build.headline_price_usd.value) if build.headline_price_usd else None
        users = _pair(build.concurrent_users.value) if build.concurrent_users else None
        applies, why = _applies(arguments, price, users)
        rules.append(
            BuildRule(
                build=build.name, slug=build.slug, choose_if=build.choose_if.value, headline_price_usd=price,
                concurrent_users=users, applies=applies, why=why,
            )
        )  # fmt: skip
    return tuple(sorted(rules, key=lambda rule: (rule.headline_price_usd or (1e12,), rule.slug)))


def _applies(
    arguments: RecommendArguments, price: tuple[float, float] | None, users: tuple[float, float] | None
) -> tuple[bool | None, str]:
    budget = _budget(arguments, "USD")
    reasons = []
    if budget is not None and price is not None:
        if budget < price[0]:
            return False, f"{budget:,.0f} USD are less than its {price[0]:,.0f} USD"
        reasons.append(f"its {price[0]:,.0f} USD are within {budget:,.0f} USD")
    if "users" in arguments.model_fields_set and users is not None:
        if arguments.users > users[1]:
            return False, f"{arguments.users} at once are more than its {users[1]:g}"
        reasons.append(f"it serves up to {users[1]:g} at once")
    return (True, "; ".join(reasons)) if reasons else (None, "neither a budget nor a number of users decides it")


def _pair(value: float | tuple[float, float]) -> tuple[float, float]:
    return value if isinstance(value, tuple) else (value, value)


def _rule_sources(index: Index, slug: str) -> tuple[SourceRef, ...]:
    build = index.known.specs["builds"][slug]
    assert isinstance(build, Build)
    assert build.choose_if is not None
    return build.choose_if.sources


def _label(index: Index, model: str) -> str:
    return index.names.resolve(("models",), model, "model").label


def _quantization_label(index: Index, name: str) -> str:
    return resolve_quantization(index, name).record.name


def _asked(arguments: RecommendArguments, model: str, slug: str, count: int) -> FitArguments:
    return FitArguments(
        model=model, quantization=arguments.quantization, device=slug, device_count=count, context=arguments.context,
        concurrency=arguments.users,
    )  # fmt: skip


def _choice(
    index: Index, arguments: RecommendArguments, models: tuple[str, ...], offer: _Offer, count: int
) -> HardwareChoice | None:
    record, price = offer.record, offer.price
    speeds: list[Range] = []
    for name in models:
        asked = _asked(arguments, name, record.slug, count)
        try:
            parts = resolve_parts(index, asked)
        except InvalidArgument:
            return None
        if not parts.holds(asked):
            return None
        speeds.append(decode_speed(parts, asked))
    slowest = min(speeds, key=lambda speed: speed.typical)
    total = (price.low * count, price.high * count)
    middle = (total[0] + total[1]) / 2
    return HardwareChoice(
        hardware=record.name if count == 1 else f"{count}× {record.name}",
        slug=record.slug,
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
    index: Index, arguments: RecommendArguments, models: tuple[str, ...], choice: HardwareChoice
) -> HardwareChoice:
    return choice.model_copy(update={"why": tuple(_reasons(index, arguments, models, choice))})


def _reasons(
    index: Index, arguments: RecommendArguments, models: tuple[str, ...], choice: HardwareChoice
) -> Iterator[str]:
    for name in models:
        asked = _asked(arguments, name, choice.slug, choice.count)
        parts = resolve_parts(index, asked)
        fit = fit_of(parts, asked)
        yield (
            f"holds {parts.model.label} in {fit.required_gb:g} of {fit.available_gb:g} GB, "
            f"{fit.headroom_gb:g} GB to spare"
        )
    per_1000 = choice.tokens_per_s_per_1000
    yield f"{choice.decode_tokens_per_s.typical:g} tokens/s, {per_1000:g} for each 1,000 {choice.currency}"
    budget = _budget(arguments, choice.currency)
    if budget is not None:
        yield f"{budget - choice.price[0]:,.0f} {choice.currency} of the budget left at the lower price"
    if choice.power_w:
        per_watt = choice.decode_tokens_per_s.typical / choice.power_w
        yield f"{choice.power_w:,.0f} W at full load, {per_watt:.2g} tokens/s per watt"


RECOMMEND_HARDWARE = Tool(
    "recommend_hardware",
    "Which cards or machines hold the given models whole, ranked by speed for the money, within limits of budget, "
    "power and noise; with reasons, and the long guide's rules for whole machines.",
    RecommendArguments,
    RecommendAnswer,
    run_recommend,
    {"models": ["llama 3.1 70b"], "budget_usd": 3000},
)
