"""``/specs``: devices, parts, models, formats, engines and builds, every figure with its sources."""

import math
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Literal, get_args

from litestar import Response
from litestar.params import FromPath
from pydantic import Field

from api.accept import best_match
from api.deps import AnyRequest, parsed_query, query_values, serving
from api.document import reads
from api.html import HTML
from api.json_ld import of_spec
from api.lists import ListQuery, Page, listed, page_of, part
from api.representations import IN_WORDS, JSON_LD, represented, whole_address
from kb.catalogue import Catalogue
from kb.catalogue.filtering import DATE, Bound, dates_of, list_specs
from kb.catalogue.records import Figure, Record, Spec, kinds
from kb.errors import InvalidArgument, UnknownName
from kb.tools import TOOLS, InvalidArguments
from kb.tools.base import FieldProblem, parse_query
from kb.tools.shared.views import SpecKind, SpecView, spec_view

_NAME = TOOLS["lookup_spec"].example["name"]

PRICE_KEYS = tuple(
    f"price_{kind}_{currency}" for kind in ("list", "street", "used", "rent") for currency in ("usd", "eur")
)


class SpecQuery(ListQuery):
    vendor: Annotated[str | None, Field(max_length=100, description="exactly, in any case")] = None
    sort: Annotated[
        str,
        Field(
            max_length=100,
            description="`name`, `date` (of release) or any figure; `-` before it descends; records without it last",
            examples=["-memory_gib"],
        ),
    ] = "name"


class SpecSearchQuery(ListQuery):
    q: Annotated[str, Field(min_length=1, max_length=200, description="a name or words", examples=[_NAME])]


class KindSummary(Record):
    """A kind of spec: how many there are, and what they can be filtered by."""

    kind: SpecKind
    count: int
    """How many records there are."""
    number_filters: tuple[str, ...]
    """Each as ``<key>=``, ``<key>_min=`` and ``<key>_max=``."""
    text_filters: tuple[str, ...]
    """Each as ``<key>=``, a part of the text."""
    sorts: tuple[str, ...]
    """What ``sort=`` takes."""


class KindList(Record):
    kinds: tuple[KindSummary, ...]
    """All there are."""


class SpecSummary(Record):
    """A spec in a search's result; the whole of it is at ``/specs/{kind}/{slug}``."""

    kind: SpecKind
    slug: str
    name: str
    vendor: str
    summary: str


@reads("/specs", "The kinds of specs, and their filters", "specs", answer=KindList, media=IN_WORDS)
def list_spec_kinds(request: AnyRequest) -> Response[bytes]:
    specs = serving(request).catalogue.known.specs
    summaries = tuple(
        KindSummary(
            kind=kind,
            count=len(specs[kind]),
            number_filters=_keys(kind, "number"),
            text_filters=_keys(kind, "text"),
            sorts=_sorts(kind),
        )
        for kind in kinds
    )
    return represented(request, KindList(kinds=summaries), "specs", path="/specs")


@reads(
    "/specs/search",
    "Specs of any kind by name or words",
    "specs",
    answer=Page[SpecSummary],
    media=IN_WORDS,
    query=SpecSearchQuery,
    is_long=True,
)
def search_specs(request: AnyRequest) -> Response[bytes]:
    """Names first, slips of spelling allowed; then specs in which every word stands."""
    query = parsed_query(request, SpecSearchQuery)
    found = list(_search(serving(request).catalogue, query.q))
    return listed(request, query, part(Page[SpecSummary], request, query, found), "found_specs", q=query.q)


def _search(catalogue: Catalogue, question: str) -> Iterator[SpecSummary]:
    named = catalogue.names.scan(question, tuple(kinds))
    named += catalogue.names.misspelt_mentions(question, tuple(kinds), named)
    found = {(match.kind, match.slug): None for mention in named for match in mention.matches}
    words = question.casefold().split()
    for kind, records in catalogue.known.specs.items():
        for slug, record in records.items():
            text = " ".join((record.name, *record.aliases, record.vendor, record.summary)).casefold()
            if all(word in text for word in words):
                found.setdefault((kind, slug))
    for kind, slug in found:
        record = catalogue.known.specs[kind][slug]
        yield SpecSummary(kind=kind, slug=slug, name=record.name, vendor=record.vendor, summary=record.summary)


@reads(
    "/specs/{kind:str}",
    "Specs of one kind, filtered and sorted",
    "specs",
    operation_id="list_specs",
    answer=Page[SpecView],
    media=IN_WORDS,
    path={"kind": "accelerators"},
    choices={"kind": tuple(kinds)},
    query=SpecQuery,
    more_query="any figure of the kind: `<key>_min` and `<key>_max` for numbers, `<key>` for a number or a part "
    "of a text; GET /specs lists them",
    is_long=True,
)
def list_kind(request: AnyRequest, kind: FromPath[str]) -> Response[bytes]:
    """For example `/specs/accelerators?memory_gib_min=24&sort=-memory_bandwidth_gb_per_s`.

    The page for browsers has all that match.
    """
    catalogue = serving(request).catalogue
    _known_kind(kind)
    values = query_values(request)
    filters = {key: value for key, value in values.items() if key not in SpecQuery.model_fields}
    query = parse_query(SpecQuery, {key: value for key, value in values.items() if key not in filters})
    bounds, texts = _filters(kind, filters)
    if query.sort.removeprefix("-") not in _sorts(kind):
        raise InvalidArgument("sort", query.sort, f"{', '.join(_sorts(kind))}; with - before it, descending")

    found = list_specs(catalogue.known.specs[kind], bounds=bounds, texts=texts, vendor=query.vendor, sort=query.sort)
    is_page = best_match(request.headers.get("accept", "*/*"), IN_WORDS) == HTML  # which shows the records, and all
    window = () if is_page else found[query.window]
    views = (spec_view(catalogue, record) for record in window)
    page = page_of(Page[SpecView], request, query, views, len(found))
    return listed(
        request,
        query,
        page,
        "kind",
        brief=tuple(SpecSummary.model_fields),
        within={"figures": _figures(kind)},
        kind=kind,
        records=found,
    )


@reads(
    "/specs/{kind:str}/{name:path}",
    "A spec by slug, name or alias",
    "specs",
    answer=SpecView,
    media=(*IN_WORDS, JSON_LD),
    path={"kind": "accelerators", "name": _NAME},
    choices={"kind": tuple(kinds)},
)
def get_spec(request: AnyRequest, kind: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """A name that several records answer to is refused with the candidates."""
    catalogue = serving(request).catalogue
    _known_kind(kind)
    slug = name.removeprefix("/")  # a record's own, though others may have it for a name
    match = catalogue.names.named(kind, slug) or catalogue.names.resolve_record((kind,), slug)
    view = spec_view(catalogue, catalogue.known.specs[kind][match.slug])
    path = f"/specs/{kind}/{view.slug}"
    response = represented(
        request,
        view,
        "spec",
        path=path,
        json_ld=lambda: of_spec(view, catalogue, lambda ours: whole_address(request, ours)),
        catalogue=catalogue,
    )
    response.headers["Content-Location"] = path
    return response


def _known_kind(kind: str) -> None:
    if kind not in kinds:
        raise UnknownName("kind of spec", kind, tuple(kinds))


@cache
def _keys(kind: str, what: Literal["number", "text"]) -> tuple[str, ...]:
    """The figures of a kind by what their values are; prices are numbers."""
    found = [key for key, sort in _figure_fields(kinds[kind]) if sort == what]
    return (*found, *PRICE_KEYS) if what == "number" else tuple(found)


@cache
def _figures(kind: str) -> tuple[str, ...]:
    return tuple(key for key, _ in _figure_fields(kinds[kind]))


@cache
def _sorts(kind: str) -> tuple[str, ...]:
    dated = (DATE,) if dates_of(kinds[kind]) else ()
    return ("name", *dated, *_keys(kind, "number"), *_keys(kind, "text"))


def _figure_fields(cls: type[Spec]) -> Iterator[tuple[str, Literal["number", "text"]]]:
    for key, info in cls.model_fields.items():
        for annotation in (info.annotation, *get_args(info.annotation)):
            if isinstance(annotation, type) and issubclass(annotation, Figure):
                value = annotation.model_fields["value"].annotation
                yield key, "text" if value in (str, bool, tuple[str, ...]) else "number"


def _filters(kind: str, values: Mapping[str, Any]) -> tuple[list[Bound], dict[str, str]]:
    """Raises :class:`InvalidArguments` naming each parameter that is no filter of the kind or has no fit value."""
    numbers, texts = _keys(kind, "number"), _keys(kind, "text")
    bounds: list[Bound] = []
    wanted: dict[str, str] = {}
    problems: list[FieldProblem] = []
    for name, value in values.items():
        key = name.removesuffix("_min").removesuffix("_max")
        number = _number(value)
        if name in texts and isinstance(value, str) and value:
            wanted[name] = value[:200]
        elif key in numbers and number is not None:
            low = None if name == f"{key}_max" else number
            high = None if name == f"{key}_min" else number
            bounds.append(Bound(key, low, high))
        else:
            known = key in numbers or name in texts
            problems.append(
                FieldProblem(
                    field=name[:100],
                    value=str(value)[:80],
                    problem="is not accepted" if known else f"is no filter of {kind}",
                    accepted=("a number" if key in numbers else "a text") if known else _accepted(kind),
                )
            )
    if problems:
        raise InvalidArguments("query", problems)
    return bounds, wanted


def _accepted(kind: str) -> str:
    numbers = ", ".join(f"{key}[_min|_max]" for key in _keys(kind, "number"))
    return ", ".join(part for part in (*SpecQuery.model_fields, *_keys(kind, "text"), numbers) if part)


def _number(value: object) -> float | None:
    try:
        number = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None
