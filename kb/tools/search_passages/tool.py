"""Passages that answer a question."""

from typing import Annotated

from pydantic import Field

from kb.catalogue import Catalogue
from kb.catalogue.records import Record, SourceRef
from kb.errors import IndexUnusable
from kb.tools.base import Arguments, Result, Tool, Whole, cite


class SearchArguments(Arguments):
    query: Annotated[str, Field(min_length=1, max_length=2000)]
    k: Annotated[Whole, Field(ge=1, le=50)] = 5


class PassageHit(Record):
    passage_id: str
    source: str
    section: str
    title: str
    text: str
    score: float


class SearchAnswer(Result):
    hits: tuple[PassageHit, ...]


def run(catalogue: Catalogue, arguments: SearchArguments) -> SearchAnswer:
    """Raises :class:`IndexUnusable` where there is none: the other tools need only the catalogue."""
    from kb.search.live import Index  # slow to import; imported already where there is an index

    if not isinstance(catalogue, Index):
        raise IndexUnusable("Passages are found by the index, and there is none yet. Run `kb build`.")
    findings = catalogue.searcher.search(arguments.query, arguments.k)
    return SearchAnswer(
        hits=tuple(
            PassageHit(**hit.passage.model_dump(include=set(PassageHit.model_fields) - {"score"}), score=hit.score)
            for hit in findings.hits
        ),
        citations=cite(
            catalogue,
            {
                hit.passage.title: (SourceRef(source=hit.passage.source, section=hit.passage.section),)
                for hit in findings.hits
            },
        ),
    )


TOOL = Tool(
    "search_passages",
    "Passages of the documents and the glossary that answer a question, best first.",
    SearchArguments,
    SearchAnswer,
    run,
    {"query": "why does memory bandwidth limit token generation?", "k": 3},
)
