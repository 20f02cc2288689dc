"""What a machine's electricity costs."""

from typing import Annotated

from pydantic import Field

from kb.calc.power import energy_cost_per_year, energy_kwh_per_year
from kb.catalogue import Catalogue
from kb.catalogue.records import SourceRef
from kb.errors import InvalidArgument
from kb.tools.base import Arguments, Name, Real, Result, Tool, cite
from kb.tools.shared.fitting import DeviceCount
from kb.tools.shared.power import Watts, board_power


class PowerCostArguments(Arguments):
    watts: Watts | None = Field(None, description="sustained draw at the wall; or name a device")
    device: Name | None = None
    device_count: DeviceCount = 1
    price_per_kwh: Annotated[Real, Field(ge=0.0001, le=100)] = 0.15
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "USD"
    hours_per_day: Annotated[Real, Field(ge=0.001, le=24)] = 24


class PowerCostAnswer(Result):
    watts: float
    kwh_per_year: float
    cost_per_year: float
    currency: str
    formula: str
    assumptions: tuple[str, ...]


def run(catalogue: Catalogue, arguments: PowerCostArguments) -> PowerCostAnswer:
    if (arguments.watts is None) == (arguments.device is None):
        raise InvalidArgument("watts", arguments.watts, "either `watts` or `device`, one of the two")
    references: dict[str, tuple[SourceRef, ...]] = {}
    assumptions: list[str] = []
    if arguments.device is not None:
        label, watts, references = board_power(catalogue, arguments.device)
        watts *= arguments.device_count
        assumptions.append(f"{label} at its full rated power of {watts:g} W while it runs; idle hours cost less")
    else:
        watts = arguments.watts or 0.0
    if "price_per_kwh" not in arguments.model_fields_set:
        assumptions.append(f"{arguments.price_per_kwh:g} {arguments.currency} per kWh, as nothing was given")
    kwh = energy_kwh_per_year(watts, arguments.hours_per_day)
    cost = energy_cost_per_year(watts, arguments.price_per_kwh, arguments.hours_per_day)
    return PowerCostAnswer(
        watts=watts,
        kwh_per_year=round(kwh, 1),
        cost_per_year=round(cost, 2),
        currency=arguments.currency,
        formula=(
            f"{watts:,.0f} W × {arguments.hours_per_day:g} h × 365 ÷ 1000 = {kwh:,.0f} kWh; "
            f"× {arguments.price_per_kwh:g} {arguments.currency} = {cost:,.0f} {arguments.currency} a year"
        ),
        assumptions=tuple(assumptions),
        citations=cite(catalogue, references),
    )


TOOL = Tool(
    "estimate_power_cost",
    "What a machine's electricity costs per year.",
    PowerCostArguments,
    PowerCostAnswer,
    run,
    {"watts": 2000, "price_per_kwh": 0.15, "hours_per_day": 24},
)
