"""``/terms``: the glossary, as JSON, Markdown, schema.org ``DefinedTerm`` or a page."""

from typing import Annotated

from litestar import Response
from litestar.params import FromPath
from pydantic import Field

from api.accept import best_match
from api.deps import JSON, AnyRequest, parsed_query, serving
from api.document import reads
from api.html import HTML
from api.json_ld import of_term
from api.lists import ListQuery, Page, listed, part
from api.problems import refuse
from api.representations import IN_WORDS, JSON_LD, MARKDOWN, represented, whole_address
from kb.catalogue.records import Record, Term
from kb.catalogue.records.glossary import Level, Topic
from kb.tools.shared.views import TermView, term_view

OFFERED = (JSON, MARKDOWN, JSON_LD, HTML)


class TermQuery(ListQuery):
    q: Annotated[str, Field(max_length=200, description="words in the name or the definition", examples=["kv"])] = ""
    level: Level | None = None
    """Only terms for such readers."""
    topic: Topic | None = None
    """Only terms of it."""


class TermSummary(Record):
    """A term in a list; the whole of it is at ``/terms/{slug}``."""

    slug: str
    pref_label: str
    alt_labels: tuple[str, ...]
    level: Level
    topic: Topic
    definition: str


@reads(
    "/terms",
    "Terms, best match first",
    "terms",
    answer=Page[TermSummary],
    media=IN_WORDS,
    query=TermQuery,
    is_long=True,
)
def list_terms(request: AnyRequest) -> Response[bytes]:
    """By name where no `q` is given. The page for browsers has all that match."""
    query = parsed_query(request, TermQuery)
    found = [
        (place, term.pref_label.casefold(), term)
        for term in serving(request).catalogue.known.terms.values()
        if (place := _place(term, query.q.casefold())) is not None
        and query.level in (None, term.level)
        and query.topic in (None, term.topic)
    ]
    found.sort(key=lambda one: one[:2])
    summaries = [TermSummary(**term.model_dump(include=set(TermSummary.model_fields))) for _, _, term in found]
    return listed(
        request, query, part(Page[TermSummary], request, query, summaries), "terms", terms=summaries, q=query.q
    )


def _place(term: Term, words: str) -> int | None:
    """How near a term is to ``words``: its names before its definition; None where they stand nowhere."""
    label = term.pref_label.casefold()
    names = [label, term.slug, *(name.casefold() for name in term.alt_labels)]
    if words in names:
        return 0
    if label.startswith(words):
        return 1
    if any(words in name for name in names):
        return 2
    return 3 if words in term.definition.casefold() else None


@reads(
    "/terms/{name:path}",
    "A term by slug, label or alias",
    "terms",
    answer=TermView,
    media=OFFERED,
    path={"name": "VRAM"},
)
def get_term(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
    """In any spelling, as JSON, Markdown, schema.org or a page. An unknown name is answered with the nearest."""
    catalogue = serving(request).catalogue
    match = catalogue.names.resolve(("terms",), name.removeprefix("/"), "term")
    if best_match(request.headers.get("accept", "*/*"), OFFERED) is None:
        raise refuse(406, f"A term is offered as {', '.join(OFFERED)}.")
    view = term_view(catalogue, catalogue.known.terms[match.slug])
    path = f"/terms/{view.slug}"
    response = represented(
        request,
        view,
        "term",
        path=path,
        json_ld=lambda: of_term(view, catalogue, lambda ours: whole_address(request, ours)),
        term=view,
        catalogue=catalogue,
    )
    response.headers["Content-Location"] = path
    return response
