"""What passages say, in an answer's words."""

from collections.abc import Sequence

from kb.catalogue.records import Passage
from kb.chat.evidence import Desk, Section
from kb.chat.wording import first_sentences, quoted

FIRST_WORDS, OTHER_WORDS = 110, 45


def told(desk: Desk, passages: Sequence[Passage]) -> list[Section]:
    """Of ours the first at length, the others beside it in short; the user's own documents each as what they say."""
    ours = [passage for passage in passages if not desk.is_users(passage)]
    sections = [_told(desk, ours)] if ours else []
    quotes = [_quote(desk, passage) for passage in passages if desk.is_users(passage)]
    return [*sections, *quotes] if passages and passages[0] in ours else [*quotes, *sections]


def _told(desk: Desk, passages: Sequence[Passage]) -> Section:
    first, *others = passages
    section = Section(_said(desk, first, FIRST_WORDS))
    section.lines = [
        f"{other.title}: {_said(desk, other, OTHER_WORDS)}" for other in others if other.title != first.title
    ]
    return section


def _quote(desk: Desk, passage: Passage) -> Section:
    """Whatever stands there, orders and markup included, is shown as a text and taken for nothing else."""
    name = desk.index.known.sources[passage.source].title
    quote = f"Your document {quoted(name)} says: {quoted(passage.text, FIRST_WORDS)}"
    return Section(f"{quote} {desk.passage(passage)}", users=True)


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
