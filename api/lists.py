"""Lists: which part of one is wanted, which keys of its items, and where the next part is."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import parse_qsl, quote, urlencode

from litestar import Response
from pydantic import Field

from api.deps import AnyRequest
from api.representations import add_link, address, represented
from kb.catalogue.records import Record
from kb.tools import InvalidArguments
from kb.tools.base import Arguments, FieldProblem, Whole

Item = TypeVar("Item", bound=Record)
Include = dict[str, Any]
BRIEF = "brief"


class Page(Record, Generic[Item]):
    """A part of a list."""

    items: Annotated[tuple[Item, ...], Field(description="with `fields`, each has those keys alone")]
    total: Annotated[int, Field(description="how many there are in all")]
    limit: Annotated[int, Field(description="how many a part has at most")]
    offset: Annotated[int, Field(description="how many come before this part")]
    next: Annotated[str | None, Field(description="address of the next part; null after the last")]


class ListQuery(Arguments):
    """Which part of a list is wanted, and what of its items."""

    limit: Annotated[Whole, Field(ge=1, le=1000, description="how many at most")] = 50
    offset: Annotated[Whole, Field(ge=0, le=1_000_000, description="how many to skip")] = 0
    fields: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=1000,
            description="keys of an item, with commas: items have these alone, whatever their schema requires; "
            "`figures.memory_gib` is a key within a key, and `brief` stands for the short ones where items are long",
        ),
    ] = None

    @property
    def window(self) -> slice:
        return slice(self.offset, self.offset + self.limit)


def listed(
    request: AnyRequest,
    query: ListQuery,
    page: Page[Item],
    template: str,
    *,
    brief: Sequence[str] = (),
    within: Mapping[str, Sequence[str]] | None = None,
    **shown: Any,
) -> Response[bytes]:
    """``page`` as JSON, whole or the fields asked for, in words or as a page; ``brief`` are the fields of a summary,
    ``within`` has the keys of those that are objects. Where the next part is stands in the body and in ``Link``."""
    include = _chosen(query.fields, page, brief, within or {}) if query.fields is not None else None
    chosen = page.model_dump(mode="json", include=include) if include is not None else None
    response = represented(request, page, template, path=request.scope["path"], as_json=chosen, **shown)
    if page.next is not None:
        add_link(response, f'<{page.next}>; rel="next"')
    return response


def part(form: type[Page[Item]], request: AnyRequest, query: ListQuery, found: Sequence[Item]) -> Page[Item]:
    return page_of(form, request, query, found[query.window], len(found))


def page_of(
    form: type[Page[Item]], request: AnyRequest, query: ListQuery, items: Iterable[Item], total: int
) -> Page[Item]:
    """``items`` are those of the query's window, of ``total``."""
    end = query.window.stop
    return form(
        items=tuple(items),
        total=total,
        limit=query.limit,
        offset=query.offset,
        next=_next(request, end) if end < total else None,
    )


def _next(request: AnyRequest, offset: int) -> str:
    query = request.scope["query_string"].decode("latin-1")
    asked = [(key, value) for key, value in parse_qsl(query, keep_blank_values=True) if key != "offset"]
    return address(request, f"{quote(request.scope['path'])}?{urlencode([*asked, ('offset', offset)])}")


def _chosen(fields: str, page: Page[Any], brief: Sequence[str], within: Mapping[str, Sequence[str]]) -> Include:
    """What pydantic is to write. Raises :class:`InvalidArguments` naming each field that items do not have."""
    known = _keys_of_items(page)
    wanted: Include = {}
    problems: list[FieldProblem] = []
    for field in dict.fromkeys(name.strip() for name in fields.split(",")):
        key, dot, inner = field.partition(".")
        if field == BRIEF and brief:
            wanted |= dict.fromkeys(brief, True)
        elif not dot and key in known:
            wanted[key] = True
        elif inner in within.get(key, ()):
            held = wanted.setdefault(key, {})
            if isinstance(held, dict):  # else it is wanted whole
                held[inner] = True
        else:
            inner_keys = (f"{outer}.{name}" for outer, names in within.items() for name in names)
            accepted = [*known, *([BRIEF] if brief else []), *inner_keys]
            problems.append(
                FieldProblem(
                    field="fields", value=field[:80], problem="is no field of an item", accepted=", ".join(accepted)
                )
            )
    if problems:
        raise InvalidArguments("query", problems)
    return {**dict.fromkeys(type(page).model_fields, True), "items": {"__all__": wanted}}


def _keys_of_items(page: Page[Any]) -> Sequence[str]:
    (item,) = type(page).__pydantic_generic_metadata__["args"]
    return tuple(item.model_fields)
