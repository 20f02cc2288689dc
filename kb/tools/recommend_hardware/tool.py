"""What to buy for a model: devices that hold it, by speed and price."""

from collections.abc import Iterator

from kb.catalogue import Catalogue
from kb.errors import InvalidArgument
from kb.tools.base import Result, Tool, cite
from kb.tools.recommend_hardware.rules import BuildRule, decision_rules, rule_sources
from kb.tools.shared.fitting import Parts, fit_of
from kb.tools.shared.hardware import (
    HardwareChoice,
    Load,
    Offer,
    RecommendArguments,
    budget_in,
    find_choices,
    fit_arguments,
    offers,
    resolve_loads,
)
from kb.tools.shared.resolve import resolve_devices

SIZES_TO_TRY = ("llama-3-1-70b", "qwen2-5-32b", "qwen2-5-14b", "llama-3-1-8b", "llama-3-2-3b")
"""When no model is named: the largest of these that the limits allow."""


class RecommendAnswer(Result):
    models: tuple[str, ...]
    quantization: str
    choices: tuple[HardwareChoice, ...]
    rules: tuple[BuildRule, ...]
    formula: str
    assumptions: tuple[str, ...]


def run(catalogue: Catalogue, arguments: RecommendArguments) -> RecommendAnswer:
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


def _for_models(catalogue: Catalogue, arguments: RecommendArguments, models: tuple[str, ...]) -> RecommendAnswer:
    found = find_choices(catalogue, arguments, models)
    loads = resolve_loads(catalogue, arguments, models)
    shown = found[: arguments.limit]
    users = arguments.users if "users" in arguments.model_fields_set else None
    rules = decision_rules(catalogue, budget_in(arguments, "USD"), users)
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
    unknown = sum(offer.power_w is None for offer in offers(catalogue, arguments)) if arguments.max_power_w else 0
    if unknown:
        yield f"{unknown} priced devices of unknown power were left out"
    if arguments.quiet:
        yield (
            "no noise levels are held: quiet leaves out blowers and cards without a fan of their own; power is what "
            "fans must carry away"
        )


def _limits(arguments: RecommendArguments, found: list[tuple[HardwareChoice, Offer]]) -> str:
    currency = _currency(arguments, found)
    budget = budget_in(arguments, currency)
    limits = [f"up to {budget:,.0f} {currency}" if budget else "at any price"]
    if arguments.max_power_w:
        limits.append(f"up to {arguments.max_power_w:,.0f} W")
    return " and ".join(limits)


def _currency(arguments: RecommendArguments, found: list[tuple[HardwareChoice, Offer]]) -> str:
    """That of the choices ranked first: the one asked for where any price is in it."""
    return found[0][0].currency if found else arguments.currency


def _with_reasons(
    catalogue: Catalogue, arguments: RecommendArguments, loads: list[Load], choice: HardwareChoice, offer: Offer
) -> HardwareChoice:
    devices = resolve_devices(catalogue, offer.device, choice.count)
    why = []
    for load in loads:
        parts = Parts(load.model, load.quantization, devices, load.weights)
        fit = fit_of(parts, fit_arguments(arguments, load, offer, choice.count))
        why.append(f"holds {load.model.label} in {fit.required_gb:.1f} of {fit.available_gb:.1f} GB")
    speed = choice.decode_tokens_per_s.typical
    why.append(f"{speed:g} tokens/s, {choice.tokens_per_s_per_1000:g} for each 1,000 {choice.currency}")
    budget = budget_in(arguments, choice.currency)
    if budget is not None:
        why.append(f"leaves {budget - choice.price[0]:,.0f} {choice.currency} of the budget at the lower price")
    if choice.power_w:
        why.append(f"{choice.power_w:,.0f} W at full load, {speed / choice.power_w:.2g} tokens/s per watt")
    return choice.model_copy(update={"why": tuple(why)})


TOOL = Tool(
    "recommend_hardware",
    "Which cards or machines hold the given models whole, ranked by speed for the money, within limits of budget, "
    "power and noise; with reasons, and the long guide's rules for whole machines.",
    RecommendArguments,
    RecommendAnswer,
    run,
    {"models": ["llama 3.1 70b"], "budget_usd": 3000},
)
