"""What passages say, in an answer's words."""

from collections.abc import Sequence

from kb.chat.evidence import Desk, Section
from kb.chat.wording import first_sentences
from kb.records import Passage

FIRST_WORDS, OTHER_WORDS = 110, 45


def told(desk: Desk, passages: Sequence[Passage]) -> list[Section]:
    """The first passage at length, the others beside it in short."""
    if not passages:
        return []
    first, *others = passages
    section = Section(_said(desk, first, FIRST_WORDS))
    section.lines = [
        f"{other.title}: {_said(desk, other, OTHER_WORDS)}" for other in others if other.title != first.title
    ]
    return [section]


def _said(desk: Desk, passage: Passage, words: int) -> str:
    """A passage's text with its mark; terms and disputes by their own records."""
    kind, _, slug = passage.passage_id.partition(".")
    known = desk.index.known
    if kind == "term" and slug in known.terms:
        term = known.terms[slug]
        return f"{first_sentences(term.definition, words)} {desk.term(term)}"
    if kind == "dispute" and slug in known.disputes:
        dispute = known.disputes[slug]
        return f"{first_sentences(dispute.ruling, words)} {desk.dispute(dispute)}"
    desk.told.append(passage)
    return f"{first_sentences(passage.text, words)} {desk.passage(passage)}"
