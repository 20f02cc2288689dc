"""When buying a machine is cheaper than renting one."""

from typing import Annotated

from pydantic import Field

from kb.calc.cost import break_even_hours
from kb.catalogue import Catalogue
from kb.tools.base import Arguments, Real, Result, tool
from kb.tools.shared.prices import HoursPerDay, Money, PricePerKwh


class RentOrBuyArguments(Arguments):
    purchase: Money
    """What it costs to buy, in any currency."""
    rent_per_hour: Money
    """What renting the same costs, in the same currency."""
    own_watts: Annotated[Real, Field(ge=0, le=100_000)] = 0.0
    """What one's own would draw, in W."""
    price_per_kwh: PricePerKwh = 0.15
    hours_per_day: HoursPerDay = 8.0


class RentOrBuyAnswer(Result):
    """``break_even_hours`` is None where renting never costs more than one's own electricity."""

    break_even_hours: float | None
    """Of use after which buying is cheaper; null where renting never costs more than one's own electricity."""
    break_even_days: float | None
    """The same at the hours a day."""
    formula: str
    assumptions: tuple[str, ...]


def run(catalogue: Catalogue, arguments: RentOrBuyArguments) -> RentOrBuyAnswer:
    own = arguments.own_watts / 1000 * arguments.price_per_kwh
    hours = break_even_hours(arguments.purchase, arguments.rent_per_hour, own)
    sums = f"{arguments.purchase:,.0f} ÷ ({arguments.rent_per_hour:g} − {own:.3g} per hour)"
    return RentOrBuyAnswer(
        break_even_hours=round(hours, 1) if hours is not None else None,
        break_even_days=round(hours / arguments.hours_per_day, 1) if hours is not None else None,
        formula=f"{sums} = {hours:,.0f} hours" if hours is not None else f"{sums}: renting stays cheaper",
        assumptions=(
            f"{arguments.hours_per_day:g} hours of use a day; one currency throughout",
            "no resale value, repairs, or the rest of the computer",
        ),
    )


TOOL = tool(run, "After how many hours of use buying a machine was cheaper than renting one.")
