"""What a dispute says: the ruling, who claims what, and the arithmetic."""

from collections.abc import Iterator

from kb.text.statements import Basis, Said, state
from kb.text.wording import first_sentences
from kb.tools.asks import Asked
from kb.tools.lookup_dispute.tool import DisputeAnswer

RULING_WORDS, REASON_WORDS = 60, 90


def say(result: DisputeAnswer, asked: Asked) -> Iterator[Said]:
    basis = Basis("dispute", result.slug)
    yield state("answer", "{ruling}", basis, ruling=first_sentences(result.ruling, RULING_WORDS))
    yield state("reason", "Sources disagree here: {title}.", title=result.title.rstrip("."))
    for claim in result.claims:
        yield state("detail", "{source} says: {claim}.", source=claim.source_title, claim=claim.says.rstrip("."))
    yield state("detail", "{reason}", basis, reason=first_sentences(result.reason, REASON_WORDS))
    if result.arithmetic:
        yield state("detail", "Arithmetic: {sums}.", basis, sums="; ".join(result.arithmetic))
