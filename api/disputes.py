"""``/disputes``, ``/sources`` and ``/passages``: what is contradicted, by whom, and what the documents say."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Literal, TypeVar

from litestar import Response
from litestar.params import FromPath
from pydantic import Field

from api.deps import AnyRequest, parsed_query, serving
from api.document import reads
from api.lists import ListQuery, Page, listed, part
from api.representations import IN_WORDS, represented
from kb.catalogue.records import Dispute, Passage, Record, Source
from kb.catalogue.records.glossary import DisputeKind, SourceKind
from kb.errors import UnknownName

Kept = TypeVar("Kept", bound=Record)

BRIEF = ("slug", "title", "kind", "about", "ruling")
"""Of a dispute."""


class DisputeQuery(ListQuery):
    q: Annotated[str, Field(max_length=200, description="words in it", examples=["nvlink"])] = ""
    about: Annotated[
        str,
        Field(
            max_length=200, description="a record or figure: `terms/vram`, `accelerators/SLUG#tdp_w`, or a slug alone"
        ),
    ] = ""
    kind: DisputeKind | None = None
    """Only such."""


class SourceQuery(ListQuery):
    q: Annotated[str, Field(max_length=200, description="words in title or publisher", examples=["nvidia"])] = ""
    kind: SourceKind | None = None
    """Only such."""
    sort: Annotated[
        Literal["date", "-date", "title", "-title"] | None,
        Field(description="by title or date of publication; `-` before it descends; sources without a date are last"),
    ] = None


class PassageNote(Record):
    """A passage in short; the whole of it is at ``/passages/{passage_id}``."""

    passage_id: str
    section: str
    title: str
    """What it is about."""


class SourceView(Source):
    """A source, and the passages that were made from it."""

    passages: tuple[PassageNote, ...]


@reads(
    "/disputes",
    "Contradictions, with claims, ruling and reason",
    "disputes",
    answer=Page[Dispute],
    media=IN_WORDS,
    query=DisputeQuery,
    is_long=True,
)
def list_disputes(request: AnyRequest) -> Response[bytes]:
    """The page for browsers has all that match."""
    query = parsed_query(request, DisputeQuery)
    found = [
        dispute
        for dispute in serving(request).catalogue.known.disputes.values()
        if query.kind in (None, dispute.kind) and _is_about(dispute, query.about) and _says(dispute, query.q)
    ]
    page = part(Page[Dispute], request, query, found)
    return listed(request, query, page, "disputes", brief=BRIEF, disputes=found, q=query.q)


def _is_about(dispute: Dispute, wanted: str) -> bool:
    """By a figure, a record with all its figures, or a slug alone."""
    return not wanted or any(
        wanted in (target, target.partition("#")[0], target.partition("#")[0].rpartition("/")[2])
        for target in dispute.about
    )


def _says(dispute: Dispute, words: str) -> bool:
    text = " ".join((dispute.title, dispute.ruling, dispute.reason, *(claim.says for claim in dispute.claims)))
    return all(word in text.casefold() for word in words.casefold().split())


@reads(
    "/disputes/{slug:path}",
    "A contradiction by slug",
    "disputes",
    answer=Dispute,
    media=IN_WORDS,
    path={"slug": "nvlink-pools-memory"},
)
def get_dispute(request: AnyRequest, slug: FromPath[str]) -> Response[bytes]:
    catalogue = serving(request).catalogue
    dispute = _one(catalogue.known.disputes, "dispute", slug)
    return represented(request, dispute, "dispute", path=f"/disputes/{dispute.slug}", catalogue=catalogue)


@reads(
    "/sources",
    "The sources that figures are cited from",
    "sources",
    answer=Page[Source],
    media=IN_WORDS,
    query=SourceQuery,
    is_long=True,
)
def list_sources(request: AnyRequest) -> Response[bytes]:
    """The page for browsers has all that match."""
    query = parsed_query(request, SourceQuery)
    words = query.q.casefold().split()
    found = [
        public(source)
        for source in serving(request).index.known.sources.values()
        if query.kind in (None, source.kind)
        and all(word in f"{source.title} {source.publisher}".casefold() for word in words)
    ]
    found = _sorted(found, query.sort)
    return listed(request, query, part(Page[Source], request, query, found), "sources", sources=found, q=query.q)


def _sorted(found: list[Source], by: str | None) -> list[Source]:
    if by is None:
        return found
    descending = by.startswith("-")
    if by.removeprefix("-") == "title":
        return sorted(found, key=lambda source: source.title.casefold(), reverse=descending)
    dated = sorted(
        (source for source in found if source.published), key=lambda source: source.published or "", reverse=descending
    )
    return [*dated, *(source for source in found if not source.published)]


@reads(
    "/sources/{slug:path}",
    "A source by slug, with its passages",
    "sources",
    answer=SourceView,
    media=IN_WORDS,
    path={"slug": "hardware-behind-ai"},
)
def get_source(request: AnyRequest, slug: FromPath[str]) -> Response[bytes]:
    known = serving(request).index.known
    source = public(_one(known.sources, "source", slug))
    notes = tuple(
        PassageNote(passage_id=passage.passage_id, section=passage.section, title=passage.title)
        for passage in known.passages.values()
        if passage.source == source.slug
    )
    view = SourceView(**source.model_dump(), passages=notes)
    return represented(request, view, "source", path=f"/sources/{source.slug}")


def public(source: Source) -> Source:
    """Without the folder that a user's own document lies in."""
    return source.model_copy(update={"note": ""}) if source.kind == "user" else source


@reads(
    "/passages/{id:path}",
    "A passage by id",
    "sources",
    answer=Passage,
    media=IN_WORDS,
    path={"id": "term.vram"},
)
def get_passage(request: AnyRequest, id: FromPath[str]) -> Response[bytes]:
    known = serving(request).index.known
    passage = _one(known.passages, "passage", id)
    source = known.sources[passage.source]
    return represented(request, passage, "passage", path=f"/passages/{passage.passage_id}", source=source)


def _one(table: Mapping[str, Kept], what: str, path: str) -> Kept:
    name = path.removeprefix("/")
    if name not in table:
        raise UnknownName(what, name, get_close_matches(name[:200], table, n=5, cutoff=0.4))
    return table[name]
