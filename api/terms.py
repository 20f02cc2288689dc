"""``/terms``: the glossary, as JSON, Markdown, schema.org ``DefinedTerm`` or a page."""

import re
from typing import Annotated, Any

from litestar import Response
from litestar.params import FromPath
from pydantic import Field

from api.accept import best_match
from api.deps import JSON, AnyRequest, cacheable, parsed_query, serving, to_json
from api.document import reads
from api.html import HTML, POLICY, rendered
from api.lists import ListQuery, Page, listed, part
from api.pages import VARIES
from api.problems import refuse
from kb.catalogue import Catalogue
from kb.catalogue.records import Record, Source, Term
from kb.catalogue.records.glossary import Level, Topic
from kb.tools.shared.views import TermView, term_view

MARKDOWN, JSON_LD = "text/markdown", "application/ld+json"
OFFERED = (JSON, MARKDOWN, JSON_LD, HTML)

_LINK = re.compile(r"\[([^\]]{1,300})\]\([^)]{1,500}\)")


class TermQuery(ListQuery):
    q: Annotated[str, Field(max_length=200, description="words in the name or the definition", examples=["kv"])] = ""
    level: Level | None = None
    topic: Topic | None = None


class TermSummary(Record):
    """A term in a list; the whole of it is at ``/terms/{slug}``."""

    slug: str
    pref_label: str
    alt_labels: tuple[str, ...]
    level: str
    topic: str
    definition: str


@reads("/terms", "Terms, best match first", "terms", answer=Page[TermSummary], media=(JSON, HTML), query=TermQuery)
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
        request, query, part(Page[TermSummary], request, query, summaries), "terms.html", terms=summaries, q=query.q
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
    media_type = best_match(request.headers.get("accept", "*/*"), OFFERED)
    if media_type is None:
        raise refuse(406, f"A term is offered as {', '.join(OFFERED)}.")
    view = term_view(catalogue, catalogue.known.terms[match.slug])
    headers = VARIES | {"Content-Location": f"/terms/{view.slug}"}
    if media_type == HTML:
        body = rendered(request, "term.html", term=view, catalogue=catalogue)
        return cacheable(request, body, media_type, POLICY | headers)
    if media_type == MARKDOWN:
        body = to_markdown(view, catalogue).encode()
    else:
        body = to_json(view if media_type == JSON else to_json_ld(view, catalogue))
    return cacheable(request, body, media_type, headers)


def to_markdown(view: TermView, catalogue: Catalogue) -> str:
    """The term as a page; links to other terms are relative to ``/terms/``."""
    parts = [f"# {view.pref_label}"]
    if view.alt_labels:
        parts.append(f"*Also: {', '.join(view.alt_labels)}*")
    parts += [view.definition, "## In practice", view.in_practice, "## Pitfalls", view.pitfalls]
    if view.figures:
        lines = [
            f"- {figure.label}: {_value(figure.value)} {figure.unit}".rstrip()
            + (f" (as of {figure.as_of})" if figure.as_of else "")
            + (f". {figure.note}" if figure.note else "")
            for figure in view.figures
        ]
        parts += ["## Figures", "\n".join(lines)]
    relations = {"Broader": view.broader, "Narrower": view.narrower, "Related": view.related}
    lines = [f"- {kind}: {_links(slugs, catalogue)}" for kind, slugs in relations.items() if slugs]
    if lines:
        parts += ["## See also", "\n".join(lines)]
    if view.disputes:
        lines = [f"- [{note.title}](/disputes/{note.slug}): {note.ruling}" for note in view.disputes]
        parts += ["## Disputed", "\n".join(lines)]
    lines = [
        f"- {_source(catalogue, ref.source).title}{f', {ref.section}' if ref.section else ''}" for ref in view.sources
    ]
    return "\n\n".join([*parts, "## Sources", "\n".join(lines)]) + "\n"


def _value(value: float | tuple[float, float] | str) -> str:
    if isinstance(value, tuple):
        return f"{value[0]:g} to {value[1]:g}"
    return value if isinstance(value, str) else f"{value:,g}"


def _links(slugs: tuple[str, ...], catalogue: Catalogue) -> str:
    return ", ".join(f"[{catalogue.names.label('terms', slug)}]({slug})" for slug in slugs)


def _source(catalogue: Catalogue, slug: str) -> Source:
    return catalogue.known.sources[slug]


def to_json_ld(view: TermView, catalogue: Catalogue) -> dict[str, Any]:
    """https://schema.org/DefinedTerm, with SKOS for what schema.org has no word for."""
    relations = {"broader": view.broader, "narrower": view.narrower, "related": view.related}
    return {
        "@context": ["https://schema.org", {"skos": "http://www.w3.org/2004/02/skos/core#"}],
        "@type": "DefinedTerm",
        "@id": f"/terms/{view.slug}",
        "name": view.pref_label,
        "alternateName": list(view.alt_labels),
        "termCode": view.slug,
        "description": _LINK.sub(r"\1", view.definition),
        "inDefinedTermSet": {"@type": "DefinedTermSet", "@id": "/terms", "name": "Hardware KB"},
        "subjectOf": [
            {
                "@type": "CreativeWork",
                "@id": f"/sources/{source.slug}",
                "name": source.title,
                "publisher": {"@type": "Organization", "name": source.publisher},
            }
            | ({"url": source.url} if source.url else {})
            for source in (_source(catalogue, slug) for slug in dict.fromkeys(ref.source for ref in view.sources))
        ],
        **{f"skos:{kind}": [{"@id": f"/terms/{slug}"} for slug in slugs] for kind, slugs in relations.items()},
    }
