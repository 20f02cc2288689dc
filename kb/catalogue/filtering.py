"""Specs of one kind, filtered by their figures and sorted by one of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kb.catalogue.records import Spec


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
    """``sort`` is ``name`` or a figure; ``-key`` descends, and records without the figure come last."""
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
    lowest = {
        record.slug: min((low for name, low, _ in _numbers(record) if name == key), default=None) for record in found
    }
    with_figure = [(low, record) for record in found if (low := lowest[record.slug]) is not None]
    with_figure.sort(key=lambda pair: -pair[0] if descending else pair[0])
    return [*(record for _, record in with_figure), *(record for record in found if lowest[record.slug] is None)]


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
