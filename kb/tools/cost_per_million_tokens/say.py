"""What a million tokens cost."""

from collections.abc import Iterator

from kb.text.statements import Quantity, Said, state
from kb.tools.asks import Asked
from kb.tools.cost_per_million_tokens.tool import TokenCostAnswer
from kb.tools.shared.saying import notes


def say(result: TokenCostAnswer, asked: Asked) -> Iterator[Said]:
    cost = Quantity(result.cost_per_million_tokens)
    yield state("answer", "A million tokens cost {cost}, in the currency of the hourly price.", cost=cost)
    yield state("reason", "The sum: {formula}.", formula=result.formula)
    yield from notes("reason", result.assumptions)
