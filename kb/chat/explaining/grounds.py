"""What the composed answer stands on: results, records and passages themselves, never the composer's words for them."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from kb.catalogue.records import Build, Dispute, Figure, Spec, Term, ends
from kb.catalogue.units import unit_of
from kb.chat.answering.answer import Answer
from kb.chat.answering.talking import talks
from kb.chat.explaining.ground import figures_with_units
from kb.chat.reading.situation import Quantities, Situation
from kb.chat.reply import Citation
from kb.search.live import Index
from kb.tools import TOOLS

_NO_MARKS = str.maketrans("[]", "  ")


def grounds(index: Index, answer: Answer) -> Iterator[str]:
    """Texts that hold every figure which the answer may have."""
    yield from answer.problems
    yield from _users(answer.situation)
    if not answer.tool_calls:
        yield from (reply for talk in talks().values() for reply in talk.replies.values())
    for call in answer.tool_calls:
        yield figures_with_units(call.arguments)
        yield figures_with_units(call.result)
        if asks := TOOLS.asks(call.name):
            yield from (slot.because for slot in asks.slots.values())
    for citation in answer.citations:
        yield from _cited(index, answer.situation, citation)


def _users(situation: Situation) -> Iterator[str]:
    """What the answer repeats of the question as the user's own."""
    yield from situation.unknown
    yield situation.unknown_processor
    yield from situation.notes
    for claim in situation.claims:
        yield f"{claim.value} {unit_of(claim.key)}"
    for named in (*situation.models, *situation.devices):
        yield named.name
    stated = {field.name: getattr(situation, field.name) for field in fields(Quantities)}
    yield figures_with_units({name: value for name, value in stated.items() if value is not None})
    if situation.budget is not None:
        yield f"{situation.budget} {situation.currency or 'USD'}"


def _cited(index: Index, situation: Situation, citation: Citation) -> Iterator[str]:
    known = index.known
    if citation.spec:
        kind, _, slug = citation.spec.partition("/")
        record = known.specs[kind][slug]
        yield from _of_spec(record)
        counts = {named.count for named in situation.devices for match in named.candidates if match.slug == slug}
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
    spans = [ends(part.price_usd) for part in record.parts]
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
