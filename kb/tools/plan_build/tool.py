"""A bill of parts for a machine, on the platforms of the published builds."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from kb.calc.power import recommended_psu_w, sold
from kb.calc.results import Range
from kb.catalogue import Catalogue
from kb.catalogue.records import Accelerator, Build, Cpu, Part, PowerSupply, Record, SourceRef, Spec, ends
from kb.errors import InvalidArgument
from kb.tools.base import Arguments, Name, Real, Result, Whole, cite, tool
from kb.tools.shared.fitting import Context
from kb.tools.shared.hardware import HardwareChoice, Offer, RecommendArguments, find_choices
from kb.tools.shared.naming import several
from kb.tools.shared.power import DEFAULT_OTHER_W
from kb.tools.shared.prices import Money, newest_of
from kb.tools.shared.resolve import ModelArgument, split_count
from kb.tools.shared.views import DisputeNote, disputes_about, note_of


class BuildArguments(Arguments):
    """Exactly one of ``models``, ``accelerator`` and ``build``."""

    models: Annotated[tuple[ModelArgument, ...], Field(min_length=1, max_length=4)] | None = None
    """What is to run on it."""
    accelerator: Name | None = Field(None, description="the card, `2x` before it for two")
    accelerator_count: Annotated[Whole, Field(ge=1, le=16)] = 1
    """How many cards."""
    accelerator_price_usd: Money | None = Field(None, description="of one card, where the database holds no price")
    build: Name | None = Field(None, description="a published build by name, part by part")
    quantization: Name = "q4_k_m"
    context: Context = 8192
    users: Annotated[Whole, Field(ge=1, le=1000)] = 1
    min_tokens_per_s: Annotated[Real, Field(ge=0.001, le=100_000)] | None = None
    budget_usd: Money | None = Field(None, description="for the whole machine")
    used: bool = True


class BillLine(Record):
    """One line; the price is for all of it."""

    component: str
    """What it is for."""
    part: str
    """What is bought."""
    count: int
    """How many."""
    price_usd: tuple[float, float]
    """The lowest and the highest for all of the line."""
    price_as_of: str
    from_build: str | None
    """The published build whose line and price this is; None where chosen from the catalogue."""


class BuildPlan(Result):
    """``total_usd`` is the sum of the lines, the lower and the upper prices each."""

    name: str
    """Of the build."""
    lines: tuple[BillLine, ...]
    """The bill of parts."""
    total_usd: tuple[float, float]
    """The sum of the lines: of the lowest and of the highest prices."""
    stated_total_usd: tuple[float, float] | None
    """What the published build's document prints, where ``build`` was asked for."""
    within_budget: bool | None
    """Null where no budget was given."""
    sustained_w: float | None
    recommended_psu_w: float | None
    decode_tokens_per_s: Range | None
    """Of the model that is to run; null where none was named."""
    formula: str
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]
    disputes: tuple[DisputeNote, ...]


@dataclass(frozen=True)
class _Cards:
    record: Accelerator
    count: int
    price: tuple[float, float]
    as_of: str
    sources: tuple[SourceRef, ...]

    @property
    def label(self) -> str:
        return several(self.count, self.record.name)


@dataclass(frozen=True)
class _Power:
    sustained_w: float
    recommended_w: float


def run(catalogue: Catalogue, arguments: BuildArguments) -> BuildPlan:
    asked = [arguments.models, arguments.accelerator, arguments.build]
    if sum(value is not None for value in asked) != 1:
        raise InvalidArgument("models", arguments.models, "exactly one of `models`, `accelerator` and `build`")
    if arguments.build is not None:
        return _published(catalogue, arguments, arguments.build)
    if arguments.accelerator is not None:
        return _around(catalogue, arguments, _named_cards(catalogue, arguments, arguments.accelerator))
    return _for_models(catalogue, arguments)


def _published(catalogue: Catalogue, arguments: BuildArguments, name: str) -> BuildPlan:
    build, _ = catalogue.find(Build, name, "build")
    if not build.parts:
        with_parts = ", ".join(entry.name for entry in _builds(catalogue))
        raise InvalidArgument("build", name, f"a build with a bill of parts: {with_parts}")
    cards = _cards_of(catalogue, build)
    warnings = []
    power = _power(catalogue, build, *cards) if cards else None
    held = _supply_w(catalogue, build)
    if power and held and held < power.recommended_w:
        warnings.append(
            f"its supply gives {held:,.0f} W; {power.sustained_w:,.0f} W of sustained draw ask for "
            f"{power.recommended_w:,.0f} W by the 80 % rule"
        )
    return _plan(catalogue, arguments, build.name, [_line(build, part) for part in build.parts], build, power, warnings)


def _for_models(catalogue: Catalogue, arguments: BuildArguments) -> BuildPlan:
    """Of everything that holds the models: the most speed for the money of the whole machine, within the budget."""
    assert arguments.models is not None
    wanted = RecommendArguments(
        models=arguments.models, quantization=arguments.quantization, context=arguments.context,
        users=arguments.users, min_tokens_per_s=arguments.min_tokens_per_s, used=arguments.used,
        budget_usd=arguments.budget_usd,
    )  # fmt: skip
    choices = find_choices(catalogue, wanted, arguments.models)
    if not choices:
        names = [model if isinstance(model, str) else model.name for model in arguments.models]
        accepted = f"limits that something in the catalogue meets: nothing holds {' and '.join(names)}"
        raise InvalidArgument("budget_usd", arguments.budget_usd, accepted)
    plans = [_around_choice(catalogue, arguments, choice, offer) for choice, offer in choices]
    affordable = [plan for plan in plans if plan.within_budget is not False]
    if not affordable:
        return min(plans, key=lambda plan: (plan.total_usd, plan.name))
    return max(affordable, key=_speed_for_money)


def _speed_for_money(plan: BuildPlan) -> float:
    assert plan.decode_tokens_per_s is not None
    return plan.decode_tokens_per_s.typical / max(sum(plan.total_usd), 1.0)


def _around_choice(catalogue: Catalogue, arguments: BuildArguments, choice: HardwareChoice, offer: Offer) -> BuildPlan:
    price = offer.price
    if isinstance(offer.record, Accelerator):
        cards = _Cards(offer.record, choice.count, choice.price, price.as_of, price.sources)
        return _around(catalogue, arguments, cards, choice.decode_tokens_per_s)
    line = _bought("Complete machine", choice.hardware, 1, choice.price, price.as_of)
    plan = _plan(
        catalogue, arguments, choice.hardware, [line], None, None, [], {f"price of {choice.hardware}": price.sources}
    )
    return plan.model_copy(update={"decode_tokens_per_s": choice.decode_tokens_per_s})


def _named_cards(catalogue: Catalogue, arguments: BuildArguments, name: str) -> _Cards:
    count, rest = split_count(name)
    record, _ = catalogue.find(Accelerator, rest, "card")
    if record.pcie_lanes is None or record.unified_memory or record.segment in ("laptop", "integrated"):
        raise InvalidArgument("accelerator", name, "a card for a PCIe slot")
    count *= arguments.accelerator_count
    if arguments.accelerator_price_usd is not None:
        total = arguments.accelerator_price_usd * count
        return _Cards(record, count, (total, total), "as given", ())
    price = newest_of(record.prices, used=arguments.used)
    if price is None:
        raise InvalidArgument("accelerator", name, "a card whose price is known, or give `accelerator_price_usd`")
    return _Cards(record, count, price.times(count), price.as_of, price.sources)


def _around(catalogue: Catalogue, arguments: BuildArguments, cards: _Cards, decode: Range | None = None) -> BuildPlan:
    """The published platform with the fewest slots that gives every card 16 lanes, with these cards in it."""
    template = _platform_for(catalogue, cards.count)
    power = _power(catalogue, template, cards.record, cards.count)
    lines: list[BillLine] = []
    references: dict[str, tuple[SourceRef, ...]] = {}
    warnings: list[str] = []
    for part in template.parts:
        if part.component == "GPU":
            same = _answers(part, cards.record) and part.count == cards.count and not arguments.accelerator_price_usd
            own = _bought("GPU", cards.label, cards.count, cards.price, cards.as_of)
            lines.append(_line(template, part, cards.label) if same else own)
            references |= {} if same else {f"price of {cards.record.name}": cards.sources}
        elif part.component == "PSU":
            lines.append(_supply(catalogue, template, part, cards, power, references, warnings))
        else:
            lines.append(_line(template, part))
    name = f"{cards.label} on the platform of {template.name}"
    plan = _plan(catalogue, arguments, name, lines, template, power, warnings, references)
    notes = (f"all but cards and supply is that of {template.name}; smaller cards would do with a cheaper computer",)
    return plan.model_copy(
        update={
            "decode_tokens_per_s": decode, "assumptions": (*notes, *plan.assumptions), "stated_total_usd": None,
            "disputes": (),
        }
    )  # fmt: skip


def _builds(catalogue: Catalogue) -> list[Build]:
    """Published builds whose whole bill is known, processor and supply included."""
    whole = {"GPU", "CPU", "PSU"}
    builds = catalogue.known.of(Build).values()
    return [build for build in builds if whole <= {part.component for part in build.parts}]


def _platform_for(catalogue: Catalogue, count: int) -> Build:
    fitting = []
    for build in _builds(catalogue):
        slots = [cpu.max_gpus_x16.value for cpu in _processors(catalogue, build) if cpu.max_gpus_x16]
        if slots and min(slots) >= count:
            fitting.append((min(slots), build.slug, build))
    if not fitting:
        raise InvalidArgument("accelerator_count", count, "as many cards as a published platform gives x16 lanes")
    return min(fitting)[2]


def _answers(part: Part, record: Spec) -> bool:
    return f"{record.kind}/{record.slug}" in part.refs


def _holds(build: Build, record: Spec) -> bool:
    return any(_answers(part, record) for part in build.parts)


def _processors(catalogue: Catalogue, build: Build) -> list[Cpu]:
    found = (_record(catalogue, ref) for part in build.parts if part.component == "CPU" for ref in part.refs)
    return [record for record in found if isinstance(record, Cpu)]


def _record(catalogue: Catalogue, ref: str) -> Spec | None:
    kind, _, slug = ref.partition("/")
    return catalogue.known.specs[kind].get(slug)


def _cards_of(catalogue: Catalogue, build: Build) -> tuple[Accelerator, int] | None:
    for part in build.parts:
        for ref in part.refs:
            record = _record(catalogue, ref)
            if part.component == "GPU" and isinstance(record, Accelerator):
                return record, part.count
    return None


def _power(catalogue: Catalogue, build: Build, card: Accelerator, count: int) -> _Power | None:
    """Cards at their TDP, the hungriest of the build's processors, and the rest."""
    if card.tdp_w is None:
        return None
    figures = [cpu.max_power_w or cpu.tdp_w for cpu in _processors(catalogue, build)]
    processor = max((figure.value for figure in figures if figure), default=0.0)
    sustained = card.tdp_w.value * count + processor + DEFAULT_OTHER_W
    return _Power(sustained, recommended_psu_w(sustained))


def _supply_w(catalogue: Catalogue, build: Build) -> float | None:
    for part in build.parts:
        for ref in part.refs:
            record = _record(catalogue, ref)
            if part.component == "PSU" and isinstance(record, PowerSupply) and record.power_w:
                return record.power_w.value * part.count
    return None


def _supply(
    catalogue: Catalogue,
    template: Build,
    part: Part,
    cards: _Cards,
    power: _Power | None,
    references: dict[str, tuple[SourceRef, ...]],
    warnings: list[str],
) -> BillLine:
    """The published supply where the published cards are asked for and it suffices, else the cheapest that does."""
    held = _supply_w(catalogue, template)
    published = _cards_of(catalogue, template)
    if power is None:
        warnings.append(f"the power of the {cards.record.name} is not known: check the supply")
        return _line(template, part)
    same_cards = published is not None and published[1] == cards.count and _holds(template, cards.record)
    if same_cards and held and held >= power.recommended_w:
        return _line(template, part)
    number = 1 if power.recommended_w <= sold().largest_common_supply_w else 2
    each = power.recommended_w if number == 1 else recommended_psu_w(power.sustained_w / number)
    offers = [
        (price.high * number, record.slug, record, price)
        for record in catalogue.known.of(PowerSupply).values()
        if record.power_w and record.power_w.value >= each
        for price in [newest_of(record.prices, used=False)]
        if price
    ]
    if not offers:
        raise InvalidArgument("accelerator_count", cards.count, f"cards that two common supplies feed ({each:,.0f} W)")
    _, _, record, price = min(offers, key=lambda offer: offer[:2])
    references[f"price of {record.name}"] = price.sources
    if number > 1:
        warnings.append(f"{number} supplies must start together: they need an adapter, and a case with room for them")
    return _bought("PSU", several(number, record.name), number, price.times(number), price.as_of)


def _bought(component: str, part: str, count: int, price: tuple[float, float], as_of: str) -> BillLine:
    return BillLine(component=component, part=part, count=count, price_usd=price, price_as_of=as_of, from_build=None)


def _line(build: Build, part: Part, label: str | None = None) -> BillLine:
    return BillLine(
        component=part.component, part=label or part.selection, count=part.count, price_usd=ends(part.price_usd),
        price_as_of=build.price_as_of or "", from_build=build.slug,
    )  # fmt: skip


def _plan(
    catalogue: Catalogue,
    arguments: BuildArguments,
    name: str,
    lines: list[BillLine],
    build: Build | None,
    power: _Power | None,
    warnings: list[str],
    references: dict[str, tuple[SourceRef, ...]] | None = None,
) -> BuildPlan:
    total = (sum(line.price_usd[0] for line in lines), sum(line.price_usd[1] for line in lines))
    budget = arguments.budget_usd
    affordable = None if budget is None else total[0] <= budget
    stated = build.stated_total_usd if build else None
    if affordable is False and budget is not None:
        warnings = [*warnings, f"the lower total is {total[0] - budget:,.0f} USD above the budget of {budget:,.0f} USD"]
    cited = dict(references or {})
    if build:
        cited[f"parts of {build.name}"] = build.sources
    return BuildPlan(
        name=name,
        lines=tuple(lines),
        total_usd=total,
        stated_total_usd=ends(stated.value) if stated else None,
        within_budget=affordable,
        sustained_w=power.sustained_w if power else None,
        recommended_psu_w=power.recommended_w if power else None,
        decode_tokens_per_s=None,
        formula="; ".join(_sum(lines, side) for side in (0, 1)) + " USD",
        assumptions=(
            "prices at the dates of their lines, without tax and shipping; each is the source's, so ask a shop",
            *((f"{power.sustained_w:,.0f} W sustained ÷ 0.8 asks for {power.recommended_w:,.0f} W",) if power else ()),
        ),
        warnings=tuple(warnings),
        disputes=tuple(note_of(entry) for entry in disputes_about(catalogue, "builds", build.slug, "stated_total_usd"))
        if build
        else (),
        citations=cite(catalogue, cited),
    )


def _sum(lines: list[BillLine], side: int) -> str:
    prices = [line.price_usd[side] for line in lines]
    return " + ".join(f"{price:,.0f}" for price in prices) + f" = {sum(prices):,.0f}"


TOOL = tool(
    run,
    "A bill of parts with its total, low to high: for models within a budget, around a card, or of a published build.",
)
