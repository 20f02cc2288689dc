"""What generated tokens cost."""

from typing import Annotated

from pydantic import Field

from kb.calc.cost import cost_per_million_tokens
from kb.catalogue import Catalogue
from kb.tools.base import Arguments, Real, Result, tool
from kb.tools.shared.prices import Money


class TokenCostArguments(Arguments):
    cost_per_hour: Money
    """Of the machine, rented or in electricity, in any currency."""
    tokens_per_s: Annotated[Real, Field(ge=0.001, le=1e9)]
    """What it writes, all conversations together."""


class TokenCostAnswer(Result):
    cost_per_million_tokens: float
    """In the currency of the cost."""
    formula: str
    assumptions: tuple[str, ...]


def run(catalogue: Catalogue, arguments: TokenCostArguments) -> TokenCostAnswer:
    cost = cost_per_million_tokens(arguments.cost_per_hour, arguments.tokens_per_s)
    return TokenCostAnswer(
        cost_per_million_tokens=round(cost, 4),
        formula=f"{arguments.cost_per_hour:g} ÷ ({arguments.tokens_per_s:g} × 3600) × 1,000,000 = {cost:,.2f}",
        assumptions=("the machine is busy all the time; idle hours raise the cost of a token",),
    )


TOOL = tool(run, "What a million generated tokens cost at an hourly cost and a speed.")
