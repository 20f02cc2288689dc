"""What a term says: what it is, what it means in practice, and what is often got wrong."""

from collections.abc import Iterator, Sequence

from kb.catalogue.records.glossary import TermFigure
from kb.text.statements import Basis, Quantity, Said, Slot, state
from kb.text.wording import first_paragraph, first_sentences
from kb.tools.asks import Asked
from kb.tools.shared.views import TermView

BRIEF_WORDS, DETAIL_WORDS = 45, 90


def say(result: TermView, asked: Asked) -> Iterator[Said]:
    basis = Basis("term", result.slug)
    about = (f"terms/{result.slug}",)
    definition = first_sentences(first_paragraph(result.definition), BRIEF_WORDS)
    yield state("answer", "{definition}", basis, about=about, definition=_named(result, definition))
    yield state("reason", "{practice}", basis, practice=first_sentences(result.in_practice, BRIEF_WORDS))
    rest = " ".join(result.definition.split("\n\n")[1:])
    if rest:
        yield state("detail", "{rest}", basis, rest=first_sentences(rest, DETAIL_WORDS))
    yield state("detail", "{practice}", basis, practice=first_sentences(result.in_practice, DETAIL_WORDS))
    yield state("detail", "{pitfalls}", basis, pitfalls=first_sentences(result.pitfalls, DETAIL_WORDS))
    for figure in result.figures:
        yield state("detail", "{label}: {value}", basis, label=figure.label, value=_value(figure))


def side_by_side(results: Sequence[TermView], asked: Asked) -> Iterator[Said]:
    """Each in a sentence; what is more, in the details."""
    for result in results:
        basis = Basis("term", result.slug)
        text = first_sentences(first_paragraph(result.definition), BRIEF_WORDS)
        yield state("answer", "{text}", basis, about=(f"terms/{result.slug}",), text=_named(result, text))
        yield state("detail", "{practice}", basis, practice=first_sentences(result.in_practice, DETAIL_WORDS))


def _named(result: TermView, definition: str) -> str:
    """Definitions begin with the term, mostly; where one does not, it is put before."""
    begins = result.pref_label.casefold() in definition.casefold()[: len(result.pref_label) + 40]
    return definition if begins else f"{result.pref_label}: {definition}"


def _value(figure: TermFigure) -> Slot:
    if isinstance(figure.value, str):
        return f"{figure.value} {figure.unit}".strip()
    return Quantity(figure.value, figure.unit or "")
