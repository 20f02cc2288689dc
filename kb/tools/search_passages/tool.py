"""Passages that answer a question."""

from typing import Annotated

from pydantic import Field

from kb.catalogue import Catalogue
from kb.catalogue.names import DEVICE_KINDS
from kb.catalogue.records import Passage, Record, SourceRef
from kb.errors import IndexUnusable
from kb.tools.base import Arguments, Name, Result, Tool, Whole, cite

STRANGE = 0.2
"""Of a query's words, the share that no passage uses, from which on it may be about something else."""


NAMED_COSINE = 0.36
"""What is enough instead of :data:`kb.search.searcher.ABSTAIN_BELOW_COSINE` where a device or a model is named."""


class SearchArguments(Arguments):
    query: Annotated[str, Field(min_length=1, max_length=2000)]
    """A question or words."""
    k: Annotated[Whole, Field(ge=1, le=50)] = 5
    """How many at most."""
    leave_out: Annotated[tuple[Name, ...], Field(max_length=20)] = Field((), description="ids of passages known before")


class PassageHit(Record):
    passage_id: str
    source: str
    section: str
    title: str
    """What it is about."""
    text: str
    """The passage itself."""
    score: float
    """Higher is nearer; only the order means anything."""
    answers: float | None = None
    """How likely it answers the query outright; None where that was not asked."""
    source_title: str = ""
    users_own: bool = False
    """Of a document that the user added: shown as what it says, and evidence of nothing."""


class SearchAnswer(Result):
    hits: tuple[PassageHit, ...]
    """Best first."""
    near: bool = True
    """Whether the query is near enough to any passage to be about what they are about."""
    strange: bool = False
    """Whether several of its words are in no passage, too."""


def run(catalogue: Catalogue, arguments: SearchArguments) -> SearchAnswer:
    """Raises :class:`IndexUnusable` where there is none: the other tools need only the catalogue."""
    from kb.search.live import Index  # slow to import; imported already where there is an index

    if not isinstance(catalogue, Index):
        raise IndexUnusable("Passages are found by the index, and there is none yet. Run `kb build`.")
    findings = catalogue.searcher.search(arguments.query, arguments.k + len(arguments.leave_out))
    scores = {hit.passage.passage_id: hit.score for hit in findings.hits}
    answering = catalogue.searcher.answering(arguments.query)
    likely = {one.passage.passage_id: one for one in answering}
    is_ours = _is_ours(catalogue, arguments.query, findings.best_cosine)
    ranked = [one.passage for one in likely.values()]
    ranked += [hit.passage for hit in findings.hits if hit.passage.passage_id not in likely]
    found = [one for one in ranked if one.passage_id not in arguments.leave_out][: arguments.k]
    return SearchAnswer(
        hits=tuple(
            _hit(
                catalogue,
                one,
                scores.get(one.passage_id, 0.0),
                likely[one.passage_id].probability if one.passage_id in likely else 0.0,
            )
            for one in found
        ),
        near=bool(found) and (findings.reaches() or is_ours or any(one.is_heard for one in answering[:1])),
        strange=findings.share_unknown >= STRANGE,
        citations=cite(
            catalogue,
            {one.title: (SourceRef(source=one.source, section=one.section),) for one in found},
        ),
    )


def _is_ours(catalogue: Catalogue, query: str, best_cosine: float) -> bool:
    """Whether it names something of ours: what would be too far off otherwise is near enough then."""
    return best_cosine >= NAMED_COSINE and bool(catalogue.names.scan(query, (*DEVICE_KINDS, "models", "engines")))


def _hit(catalogue: Catalogue, passage: Passage, score: float, answers: float) -> PassageHit:
    """A term's or a dispute's passage is its whole record run together; what is told of it is its first words."""
    known = catalogue.known
    kind, _, slug = passage.passage_id.partition(".")
    text = passage.text
    if kind == "term" and slug in known.terms:
        text = known.terms[slug].definition
    elif kind == "dispute" and slug in known.disputes:
        text = known.disputes[slug].ruling
    source = known.sources[passage.source]
    return PassageHit(
        passage_id=passage.passage_id, source=passage.source, section=passage.section, title=passage.title, text=text,
        score=score, answers=round(answers, 3), source_title=source.title, users_own=source.kind == "user",
    )  # fmt: skip


TOOL = Tool(
    "search_passages",
    "Passages of the documents and the glossary that answer a question, best first.",
    SearchArguments,
    SearchAnswer,
    run,
)
