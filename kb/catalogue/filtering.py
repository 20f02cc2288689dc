"""Specs of one kind, filtered by their figures and sorted by one of them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kb.catalogue.records import Spec

DATE = "date"
_DATES = ("launched", "released")
_DATE = re.compile(r"\d{4}(?:-\d{2}){0,2}")


@dataclass(frozen=True)
class Bound:
    """A filter on one figure: ``low`` ≤ figure ≤ ``high``, either may be open."""

    key: str
    low: float | None = None
    high: float | None = None

    def holds(self, record: Spec) -> bool:
        return any(
            (self.low is None or high >= self.low) and (self.high is None or low <= self.high)
            for key, low, high in _numbers(record)
            if key == self.key
        )


def list_specs(
    records: Mapping[str, Spec],
    *,
    bounds: Sequence[Bound] = (),
    texts: Mapping[str, str] | None = None,
    vendor: str | None = None,
    sort: str = "name",
) -> list[Spec]:
    """``sort`` is ``name``, :data:`DATE` or a figure; ``-key`` descends, and records without it come last."""
    wanted = {key: text.casefold() for key, text in (texts or {}).items()}
    found = [
        record
        for record in records.values()
        if (not vendor or record.vendor.casefold() == vendor.casefold())
        and all(bound.holds(record) for bound in bounds)
        and all(text in _text(record, key) for key, text in wanted.items())
    ]
    found.sort(key=lambda record: record.slug)
    key, descending = sort.removeprefix("-"), sort.startswith("-")
    if key == "name":
        return sorted(found, key=lambda record: record.name.casefold(), reverse=descending)
    places = {record.slug: _place(record, key) for record in found}
    placed = [record for record in found if places[record.slug] is not None]
    placed.sort(key=lambda record: places[record.slug], reverse=descending)
    return [*placed, *(record for record in found if places[record.slug] is None)]


def dates_of(kind: type[Spec]) -> list[str]:
    """The figures of a kind that say when a thing came out."""
    return [key for key in _DATES if key in kind.model_fields]


def _place(record: Spec, key: str) -> Any:
    """What a record is sorted by: the lowest number of a figure, its text, or the first date in it."""
    if key == DATE:
        texts = (_text(record, date) for date in dates_of(type(record)))
        return next((found[0] for text in texts if (found := _DATE.search(text))), None)
    lowest = min((low for name, low, _ in _numbers(record) if name == key), default=None)
    return lowest if lowest is not None else _text(record, key) or None


def _numbers(record: Spec) -> Iterator[tuple[str, float, float]]:
    """Figures that are numbers, ranges and prices: key, lowest and highest; a price is ``price_<kind>_<currency>``."""
    for key, figure in record.figures():
        value = figure.value
        if isinstance(value, (bool, str)):
            continue
        numbers = value if isinstance(value, tuple) else (value,)
        if numbers and not isinstance(numbers[0], str):
            yield key, float(min(numbers)), float(max(numbers))
    for price in record.prices:
        yield f"price_{price.kind}_{price.currency.lower()}", price.low, price.high


def _text(record: Spec, key: str) -> str:
    """A figure that is a text, several, or yes and no."""
    figure = getattr(record, key, None)
    if figure is None:
        return ""
    value = figure.value
    return (", ".join(value) if isinstance(value, tuple) else str(value)).casefold()
