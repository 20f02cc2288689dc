"""What a machine's electricity costs."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from kb.calc.power import energy_cost_per_year, energy_kwh_per_year
from kb.catalogue import Catalogue
from kb.catalogue.names import DEVICE_KINDS
from kb.catalogue.records import Accelerator, SourceRef
from kb.errors import InvalidArgument
from kb.tools.base import Arguments, Name, Real, Result, cite, tool
from kb.tools.shared.fitting import DeviceCount
from kb.tools.shared.power import Watts, board_power
from kb.tools.shared.prices import Currency, HoursPerDay, PricePerKwh
from kb.tools.shared.resolve import split_count

WAITING_W = {"computer": 60.0, "small": 10.0}
"""Of a computer with a graphics card that waits for work, and of a Mac or mini PC: 40 to 80 W and 4 to 15 W are
measured."""
WAITING_CARD_W = 15.0
"""Of each further card."""


class PowerCostArguments(Arguments):
    watts: Watts | None = Field(None, description="sustained draw at the wall; or name a device")
    device: Name | None = None
    """Whose draw is counted; or give `watts`."""
    device_count: DeviceCount = 1
    devices: Annotated[tuple[Name, ...], Field(min_length=1, max_length=32)] | None = Field(
        None, description="several different ones by name, `2x` before it for two"
    )
    power_limit_w: Watts | None = Field(None, description="what each card is limited to, if it is")
    rest_w: Annotated[Real, Field(ge=0, le=10_000, description="the rest of the machine while the cards work")] = 0.0
    price_per_kwh: PricePerKwh = 0.15
    currency: Currency = "USD"
    hours_per_day: HoursPerDay = 24
    days_per_week: Annotated[Real, Field(ge=0.1, le=7)] = 7
    """On how many it runs."""


class PowerCostAnswer(Result):
    watts: float
    """What is drawn while it runs, in W."""
    kwh_per_year: float
    """Kilowatt-hours a year."""
    cost_per_year: float
    """In `currency`."""
    cost_per_month: float
    """In `currency`."""
    without_the_rest_per_year: float | None
    """What the named devices alone cost, where `rest_w` was given."""
    hours_per_day: float
    days_per_week: float = 7
    """On how many it runs."""
    waiting_w: float | None = None
    """What it draws while it only waits; assumed, and only where it is on day and night."""
    waiting_cost_per_month: float | None = None
    """In `currency`, if it waits nearly all of the time."""
    price_per_kwh: float
    price_assumed: bool
    """Nobody gave a price."""
    currency: str
    formula: str
    assumptions: tuple[str, ...]


def run(catalogue: Catalogue, arguments: PowerCostArguments) -> PowerCostAnswer:
    named = arguments.devices or ((arguments.device,) if arguments.device else ())
    if (arguments.watts is None) == (not named) or (arguments.device and arguments.devices):
        raise InvalidArgument("watts", arguments.watts, "one of `watts`, `device` and `devices`")
    references: dict[str, tuple[SourceRef, ...]] = {}
    assumptions: list[str] = []
    watts = arguments.watts or 0.0
    for written in named:
        count, name = split_count(written) if arguments.device_count == 1 else (arguments.device_count, written)
        label, each, found = board_power(catalogue, name)
        each = min(each, arguments.power_limit_w or each)
        watts += each * count
        references |= found
        assumptions.append(f"{label} at {each:g} W while it works; idle hours cost less")
    watts += arguments.rest_w
    if arguments.rest_w:
        assumptions.append(f"{arguments.rest_w:g} W for the rest of the machine")
    if "price_per_kwh" not in arguments.model_fields_set:
        assumptions.append(f"{arguments.price_per_kwh:g} {arguments.currency} per kWh, as nothing was given")
    waiting = _waiting(catalogue, arguments, named) if named and arguments.hours_per_day == MOST_HOURS else None
    if waiting:
        assumptions.append(f"{waiting:g} W while it only waits, as such computers are measured")
    hours = arguments.hours_per_day * arguments.days_per_week / 7
    kwh = energy_kwh_per_year(watts, hours)
    cost = energy_cost_per_year(watts, arguments.price_per_kwh, hours)
    days = 365 if arguments.days_per_week == 7 else round(365 * arguments.days_per_week / 7, 1)
    return PowerCostAnswer(
        watts=watts,
        kwh_per_year=round(kwh, 1),
        cost_per_year=round(cost, 2),
        cost_per_month=round(cost / 12, 2),
        without_the_rest_per_year=round(cost * (1 - arguments.rest_w / watts), 2)
        if named and arguments.rest_w
        else None,
        hours_per_day=arguments.hours_per_day,
        days_per_week=arguments.days_per_week,
        waiting_w=waiting,
        waiting_cost_per_month=round(energy_cost_per_year(waiting, arguments.price_per_kwh, hours) / 12, 2)
        if waiting
        else None,
        price_per_kwh=arguments.price_per_kwh,
        price_assumed="price_per_kwh" not in arguments.model_fields_set,
        currency=arguments.currency,
        formula=(
            f"{watts:,.0f} W × {arguments.hours_per_day:g} h × {days:g} ÷ 1000 = {kwh:,.0f} kWh; "
            f"× {arguments.price_per_kwh:g} {arguments.currency} = {cost:,.0f} {arguments.currency} a year"
        ),
        assumptions=tuple(assumptions),
        citations=cite(catalogue, references),
    )


MOST_HOURS = 24


def _waiting(catalogue: Catalogue, arguments: PowerCostArguments, named: Sequence[str]) -> float | None:
    """What it draws while nothing is asked of it; None of what nobody has measured here: servers, CUDA boxes."""
    cards = 0
    for written in named:
        count, name = split_count(written) if arguments.device_count == 1 else (arguments.device_count, written)
        match = catalogue.names.resolve(DEVICE_KINDS, name, "device")
        record = catalogue.known.specs[match.kind][match.slug]
        if not isinstance(record, Accelerator):
            return None
        if record.unified_memory:
            return WAITING_W["small"] * count if len(named) == 1 and record.backend != "cuda" else None
        if record.segment not in ("consumer", "workstation"):
            return None
        cards += count
    return WAITING_W["computer"] + WAITING_CARD_W * (cards - 1)


TOOL = tool(run, "What a machine's electricity costs per year.")
