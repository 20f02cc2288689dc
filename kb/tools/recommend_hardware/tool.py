"""What to buy for a model: devices that hold it, by speed and price."""

from collections.abc import Iterator, Sequence

from kb.catalogue import Catalogue
from kb.catalogue.records import LanguageModel
from kb.errors import InvalidArgument
from kb.tools.base import Result, cite, tool
from kb.tools.recommend_hardware.rules import BuildRule, decision_rules, rule_sources
from kb.tools.shared.fitting import Parts, fit_of
from kb.tools.shared.given import DeviceFigures
from kb.tools.shared.hardware import (
    HardwareChoice,
    Load,
    Offer,
    RecommendArguments,
    budget_in,
    find_choices,
    fit_arguments,
    is_near_usd,
    offers,
    resolve_loads,
)
from kb.tools.shared.resolve import ModelArgument, resolve_devices
from kb.tools.shared.running import COMFORTABLE_TOKENS_PER_S, Machine, models_for, run_whole

BOUGHT_TOKENS_PER_S = 1.5 * COMFORTABLE_TOKENS_PER_S
"""What is bought is to be more than bearable."""

USUAL_MOST = 40e9
"""Parameters of the largest model that is thought of where neither a model nor a budget is named."""


class RecommendAnswer(Result):
    models: tuple[str, ...]
    """What is to run, as it was understood."""
    quantization: str
    choices: tuple[HardwareChoice, ...]
    """The recommended one first."""
    for_less: HardwareChoice | None = None
    """Where no model was named, and there is one choice or the first is several cards: what runs a smaller model,
    cheaper and at least as fast."""
    for_less_model: str | None = None
    """That smaller model."""
    nearest: HardwareChoice | None
    """Where nothing within the limits holds the models: the cheapest that does at any price."""
    model_named: bool
    """Not so where the largest was taken that the limits allow."""
    budget: float | None
    """As it was given; null where none was."""
    budget_currency: str
    """Its currency."""
    budget_applied: bool
    """Whether the first choice's price could be held against it."""
    budget_taken_as: str
    """The currency of the prices that the budget was held against as if it were in it; empty where it is its own."""
    rules: tuple[BuildRule, ...]
    """What a published guide would say."""
    formula: str
    assumptions: tuple[str, ...]

    def recommends(self) -> Sequence[str]:
        return [*(one.device for one in (self.choices or filter(None, [self.nearest]))), *self.models]


def run(catalogue: Catalogue, arguments: RecommendArguments) -> RecommendAnswer:
    if arguments.budget is not None and arguments.budget_usd is not None:
        raise InvalidArgument("budget", arguments.budget, "either `budget` with its `currency`, or `budget_usd`")
    if arguments.models:
        return _for_models(catalogue, arguments, arguments.models)
    wanted = arguments.model_copy(update={"min_tokens_per_s": arguments.min_tokens_per_s or BOUGHT_TOKENS_PER_S})
    largest = _largest_that_runs(catalogue, wanted)
    answer = _for_models(catalogue, wanted, (largest,))
    few = len(answer.choices) == 1 or (answer.choices and answer.choices[0].count > 1)
    return _with_less(catalogue, wanted, answer, largest) if few else answer


def _with_less(
    catalogue: Catalogue, arguments: RecommendArguments, answer: RecommendAnswer, largest: str
) -> RecommendAnswer:
    first = answer.choices[0]
    sizes = _sizes_to_try(catalogue, arguments)
    for slug in sizes[sizes.index(largest) + 1 :]:
        for choice, offer in find_choices(catalogue, arguments, (slug,)):
            faster = choice.decode_tokens_per_s.typical >= first.decode_tokens_per_s.typical
            cheaper = choice.currency == first.currency and choice.price[1] < first.price[0]
            if cheaper and faster and choice.count == 1:
                cited = cite(catalogue, {f"price of {choice.hardware}": offer.price.sources})
                more = tuple(citation for citation in cited if citation not in answer.citations)
                label = catalogue.known.specs["models"][slug].name
                changed = {"for_less": choice, "for_less_model": label, "citations": (*answer.citations, *more)}
                return answer.model_copy(update=changed)
    return answer


def _largest_that_runs(catalogue: Catalogue, arguments: RecommendArguments) -> str:
    """On one device within the limits, else on several, else the smallest."""
    sizes = _sizes_to_try(catalogue, arguments)
    if not sizes:
        raise InvalidArgument("models", None, "models by name, as the catalogue has none that people run now")
    if not any(_is_budgeted(arguments, offer.price.currency) for offer in offers(catalogue, arguments)):
        return sizes[-1]
    on_several = ""
    for slug in sizes:
        choices = [choice for choice, _ in find_choices(catalogue, arguments, (slug,))]
        if any(choice.count == 1 and _is_budgeted(arguments, choice.currency) for choice in choices):
            return slug
        if choices and not on_several:
            on_several = slug
    return on_several or sizes[-1]


def _is_budgeted(arguments: RecommendArguments, currency: str) -> bool:
    """Whether prices in it can be held against the budget, where there is one."""
    given = arguments.budget is not None or arguments.budget_usd is not None
    return not given or budget_in(arguments, currency) is not None


def _sizes_to_try(catalogue: Catalogue, arguments: RecommendArguments) -> list[str]:
    """What people run now, the largest first; where a size of memory is asked for, the largest that it holds."""
    current = [record for record in models_for(catalogue, arguments.use) if _is_long_enough(record, arguments.context)]
    if arguments.min_memory_gib is None and arguments.budget is None and arguments.budget_usd is None:
        # nothing bounds it: what most people run, and not the largest that money can buy
        usual = [record for record in current if record.params_total and record.params_total.value <= USUAL_MOST]
        current = usual or current
    if arguments.min_memory_gib is None:
        return [record.slug for record in current]
    figures = DeviceFigures(memory_gib=arguments.min_memory_gib)
    machine = Machine(figures, resolve_devices(catalogue, figures))
    types = (arguments.quantization,)
    held = (record for record in current if run_whole(catalogue, record, machine, arguments.context, types))
    return [record.slug for record in held][:1] or [record.slug for record in current[-1:]]


def _is_long_enough(record: LanguageModel, context: int) -> bool:
    limit = record.max_position_embeddings
    return limit is None or limit.value >= context


def _for_models(
    catalogue: Catalogue, arguments: RecommendArguments, models: tuple[ModelArgument, ...]
) -> RecommendAnswer:
    found = find_choices(catalogue, arguments, models)
    if arguments.owned and arguments.models is None:
        # Asked what to buy, what is there already is no answer.
        found = [(choice, offer) for choice, offer in found if choice.owned < choice.count]
    loads = resolve_loads(catalogue, arguments, models)
    shown = found[: arguments.limit]
    users = arguments.users if "users" in arguments.model_fields_set else None
    rules = decision_rules(catalogue, budget_in(arguments, "USD"), users)
    references = {f"price of {choice.hardware}": offer.price.sources for choice, offer in shown}
    nearest = None if shown else _nearest(catalogue, arguments, models)
    if nearest:
        references[f"price of {nearest[0].hardware}"] = nearest[1].price.sources
    references |= {f"when to choose {rule.build}": rule_sources(catalogue, rule.slug) for rule in rules}
    labels = tuple(load.model.label for load in loads)
    by = "price" if arguments.min_memory_gib else f"tokens per second for each 1,000 {_currency(arguments, found)}"
    return RecommendAnswer(
        models=labels,
        quantization=loads[0].quantization.record.name,
        choices=tuple(_with_reasons(catalogue, arguments, loads, choice, offer) for choice, offer in shown),
        nearest=nearest[0] if nearest else None,
        model_named=arguments.models is not None,
        budget=arguments.budget_usd if arguments.budget is None else arguments.budget,
        budget_currency="USD" if arguments.budget is None else arguments.currency,
        budget_applied=not shown or _is_budgeted(arguments, shown[0][0].currency),
        budget_taken_as="USD" if is_near_usd(arguments) else "",
        rules=rules,
        formula=(
            f"{_counted(len(found))} {_limits(arguments, found)} {'holds' if len(found) == 1 else 'hold'} "
            f"{' and '.join(labels)} whole at "
            f"{arguments.context:,} tokens for {arguments.users} at once; ranked by {by}"
        ),
        assumptions=tuple(_assumptions(catalogue, arguments, [choice for choice, _ in found])),
        citations=cite(catalogue, references),
    )  # fmt: skip


def _counted(choices: int) -> str:
    return "1 choice" if choices == 1 else f"{choices} choices"


def _nearest(
    catalogue: Catalogue, arguments: RecommendArguments, models: tuple[ModelArgument, ...]
) -> tuple[HardwareChoice, Offer] | None:
    """What a larger budget would buy, the cheapest first."""
    free = arguments.model_copy(update={"budget": None, "budget_usd": None})
    return min(
        find_choices(catalogue, free, models),
        key=lambda entry: (entry[0].currency != arguments.currency, entry[0].price[0], entry[0].slug),
        default=None,
    )


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
        if is_near_usd(arguments):
            budget = f"; the budget of {arguments.budget:,.0f} {arguments.currency} was taken as that many dollars"
        elif arguments.budget is not None:
            budget = f"; the budget of {arguments.budget:,.0f} {arguments.currency} was not applied to them"
        which = "the price of the only choice is" if len(choices) == 1 else f"prices of {which} choices are"
        yield f"{which} held in USD only, and there is no exchange rate here{budget}"
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


TOOL = tool(
    run,
    "Which cards or machines hold the given models whole, ranked by speed for the money, within limits of budget, "
    "power and noise; with reasons, and the long guide's rules for whole machines.",
)
