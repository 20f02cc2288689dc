"""What a build says: what it costs, its parts with their prices, and what to watch."""

from collections.abc import Iterator

from kb.text.statements import Quantity, Said, Table, state
from kb.tools.asks import Asked
from kb.tools.plan_build.tool import BuildPlan
from kb.tools.shared.naming import several
from kb.tools.shared.saying import notes


def say(result: BuildPlan, asked: Asked) -> Iterator[Said]:
    total = Quantity(result.total_usd, "USD")
    yield state("answer", "{name}: {total} in all.", name=result.name, total=total)
    if result.within_budget is False:
        yield state("reason", "That is more than the budget; nothing whole is cheaper in the sources.")
    if result.decode_tokens_per_s is not None:
        speed = Quantity(result.decode_tokens_per_s.typical, "tokens/s")
        yield state("reason", "It writes about {speed} with the model in question.", speed=speed)
    if result.recommended_psu_w is not None and result.sustained_w is not None:
        draw, supply = Quantity(result.sustained_w, "W"), Quantity(result.recommended_psu_w, "W")
        yield state("detail", "It draws {draw} under load; plan a supply of {supply}.", draw=draw, supply=supply)
    rows = tuple(
        (one.component, several(one.count, one.part), Quantity(one.price_usd, "USD"), one.price_as_of)
        for one in result.lines
    )
    yield Table("answer", ("part", "which", "price", "as of"), rows)
    yield from notes("reason", result.warnings)
    yield state("detail", "The sum: {formula}.", formula=result.formula)
    yield from notes("detail", result.assumptions)
