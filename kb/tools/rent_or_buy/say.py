"""What the break-even says: from when on buying was cheaper."""

from collections.abc import Iterator

from kb.text.statements import Quantity, Said, state
from kb.tools.asks import Asked
from kb.tools.rent_or_buy.tool import RentOrBuyAnswer
from kb.tools.shared.saying import notes


def say(result: RentOrBuyAnswer, asked: Asked) -> Iterator[Said]:
    if result.break_even_hours is None or result.break_even_days is None:
        yield state("answer", "Rent: an hour costs less than your own electricity would.")
    else:
        hours, days = Quantity(result.break_even_hours, "hours", 1), Quantity(result.break_even_days, "days", 1)
        text = "Buying pays after about {hours} of use, which is {days} at that rate; below that, rent."
        yield state("answer", text, hours=hours, days=days)
    yield state("reason", "The sum: {formula}.", formula=result.formula)
    yield from notes("detail", result.assumptions)
