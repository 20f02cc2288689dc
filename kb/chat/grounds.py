"""What the composed answer stands on: results, records and passages themselves, never the composer's words for them."""

from collections.abc import Iterator
from typing import Any

from kb.catalogue.records import Build, Dispute, Figure, Spec, Term
from kb.catalogue.units import unit_of
from kb.chat.compose import CLAIMED, Composed
from kb.chat.ground import figures_with_units
from kb.chat.question import Question
from kb.chat.reply import Citation
from kb.search.live import Index

_NO_MARKS = str.maketrans("[]", "  ")

OWN_FIGURES = (
    "the 80 % rule of power supplies",
    "4 bits or more",
    "at least 5 tokens/s for each user",
)
"""Figures of the composer's own sentences: rules of thumb that it names as such."""


def grounds(index: Index, question: Question, composed: Composed) -> Iterator[str]:
    """Texts that hold every figure which the composed answer may have."""
    yield from OWN_FIGURES
    yield from composed.problems
    yield from _users(question)
    for call in composed.tool_calls:
        yield figures_with_units(call.arguments)
        yield figures_with_units(call.result)
    for citation in composed.citations:
        yield from _cited(index, question, citation)


def _users(question: Question) -> Iterator[str]:
    """What the answer repeats of the question as the user's own."""
    yield from question.unknown
    yield from question.notes
    for claim in question.claims:
        unit = CLAIMED[claim.key][0] if claim.key in CLAIMED else ""
        yield f"{claim.value} {unit}"
    for thing in (*question.models, *question.devices):
        if thing.ambiguous:
            yield thing.name
    if question.budget is not None:
        yield f"{question.budget} {question.currency or 'USD'}"


def _cited(index: Index, question: Question, citation: Citation) -> Iterator[str]:
    known = index.known
    if citation.spec:
        kind, _, slug = citation.spec.partition("/")
        record = known.specs[kind][slug]
        yield from _of_spec(record)
        counts = {thing.count for thing in question.devices for match in thing.candidates if match.slug == slug}
        memory = getattr(record, "memory_gib", None)
        if isinstance(memory, Figure):
            yield from (f"{memory.value * count} GiB" for count in counts)
    if citation.term:
        yield from _of_term(known.terms[citation.term])
    if citation.dispute:
        yield from _of_dispute(index, known.disputes[citation.dispute])
    if citation.passage_id:
        passage = known.passages[citation.passage_id]
        # Brackets in a passage are no marks of ours: what is in them is its own.
        yield from (passage.title, passage.text.translate(_NO_MARKS), known.sources[passage.source].title)


def _of_spec(record: Spec) -> Iterator[str]:
    yield record.summary
    for key, figure in record.figures():
        yield figures_with_units({key: figure.value})
        yield f"{figure.note}; {figure.as_of}"
        if unit_of(key) == "" and isinstance(figure.value, str):
            yield figure.value
    for price in record.prices:
        yield f"{price.low} {price.currency}; {price.high} {price.currency}; {price.note}; {price.as_of}"
    if isinstance(record, Build):
        yield from _of_build(record)
    for file in getattr(record, "files", ()):
        yield f"{file.size_bytes} bytes"


def _of_build(record: Build) -> Iterator[str]:
    spans = [part.price_usd if isinstance(part.price_usd, tuple) else (part.price_usd,) * 2 for part in record.parts]
    yield from (f"{part.component}; {part.selection}; {part.note}" for part in record.parts)
    yield from (f"{low} USD; {high} USD" for low, high in spans)
    yield f"{sum(low for low, _ in spans)} USD; {sum(high for _, high in spans)} USD; {record.price_as_of}"


def _of_term(term: Term) -> Iterator[str]:
    yield from (term.pref_label, term.definition, term.in_practice, term.pitfalls)
    for figure in term.figures:
        values: tuple[Any, ...] = figure.value if isinstance(figure.value, tuple) else (figure.value,)
        yield from (f"{figure.label}: {value} {figure.unit}" for value in values)


def _of_dispute(index: Index, dispute: Dispute) -> Iterator[str]:
    yield from (dispute.title, dispute.ruling, dispute.reason, *dispute.arithmetic)
    yield from (claim.says for claim in dispute.claims)
    yield from (index.known.sources[claim.source].title for claim in dispute.claims)
