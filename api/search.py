"""``/search``: passages that answer a question."""

from typing import Annotated

from litestar import Response
from pydantic import Field

from api.deps import JSON, AnyRequest, json_response, parsed_query, serving
from api.document import reads
from api.html import HTML, prefers_page
from api.links import named_in
from api.pages import VARIES, page
from kb.catalogue.records import Record
from kb.tools.base import Arguments, Whole
from kb.tools.search_passages.tool import PassageHit


class SearchQuery(Arguments):
    q: Annotated[
        str, Field(min_length=1, max_length=2000, description="a question or words", examples=["why is decode slow?"])
    ]
    k: Annotated[Whole, Field(ge=1, le=50, description="how many")] = 5
    explain: Annotated[bool, Field(description="add each ranker's rank and score")] = False


class RankerView(Record):
    """Where one ranker put a passage: rank from 1, and its own score (BM25, or cosine similarity)."""

    rank: int
    """From 1."""
    score: float
    """BM25, or cosine similarity."""


class SearchHit(PassageHit):
    rankers: dict[str, RankerView] | None = None
    """Each ranker's own place and score, with `explain=1`."""


class SearchResult(Record):
    hits: tuple[SearchHit, ...]
    """Best first."""


@reads(
    "/search",
    "Passages of the documents and the glossary, best first",
    "search",
    answer=SearchResult,
    media=(JSON, HTML),
    query=SearchQuery,
)
async def search(request: AnyRequest) -> Response[bytes]:
    """BM25, dense similarity and named terms, fused by a weighted sum of scores.

    The page for browsers has the terms and specs of that name too.
    """
    query = parsed_query(request, SearchQuery)
    searcher = serving(request).index.searcher
    findings = await serving(request).in_thread(lambda: searcher.search(query.q, query.k))
    hits = tuple(
        SearchHit(
            **hit.passage.model_dump(include=set(PassageHit.model_fields)),
            score=hit.score,
            rankers={name: RankerView(rank=own.rank, score=own.score) for name, own in hit.rankers.items()}
            if query.explain
            else None,
        )
        for hit in findings.hits
    )
    if prefers_page(request):
        catalogue = serving(request).catalogue
        return await serving(request).in_thread(
            lambda: page(
                request, "search.html", q=query.q, hits=hits, named=named_in(query.q, catalogue), catalogue=catalogue
            )
        )
    response = json_response(SearchResult(hits=hits), exclude_none=True)
    response.headers.update(VARIES)
    return response
