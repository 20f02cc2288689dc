"""What electricity costs: per month and year, for the hours that were said."""

from collections.abc import Iterator

from kb.text.statements import Quantity, Said, state
from kb.tools.asks import Asked
from kb.tools.estimate_power_cost.tool import PowerCostAnswer
from kb.tools.shared.saying import notes


def say(result: PowerCostAnswer, asked: Asked) -> Iterator[Said]:
    month, year = Quantity(result.cost_per_month, result.currency), Quantity(result.cost_per_year, result.currency)
    hours, watts = Quantity(result.hours_per_day, "hours"), Quantity(result.watts, "W")
    week = "" if result.days_per_week == 7 else " on {days} a week"
    text = f"About {{month}} a month, {{year}} a year, for {{watts}} and {{hours}} a day{week}."
    days = Quantity(result.days_per_week, "days")
    yield state("answer", text, month=month, year=year, watts=watts, hours=hours, days=days)
    if result.waiting_w and result.waiting_cost_per_month is not None:
        text = "That is if it works all the time. If it mostly waits, at about {waiting}, it is {cost} a month."
        cost = Quantity(result.waiting_cost_per_month, result.currency)
        yield state("answer", text, waiting=Quantity(result.waiting_w, "W"), cost=cost)
    if result.price_assumed:
        price = f"{result.price_per_kwh:g} {result.currency}"
        yield state("assumption", "{price} per kWh, as no price was given", price=price)
    yield state("detail", "{formula}.", formula=result.formula)
    yield from notes("detail", result.assumptions)
    if result.without_the_rest_per_year is not None:
        alone = Quantity(result.without_the_rest_per_year, result.currency)
        text = "That is the whole machine at work, {alone} of it for graphics alone; idle hours cost much less."
        if result.waiting_w:
            text = "Of the year at work, {alone} are for graphics alone."
        yield state("reason", text, alone=alone)
    elif "watts" not in asked.arguments and not result.waiting_w:
        yield state("reason", "That is at work; idle hours cost much less.")
