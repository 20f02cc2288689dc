"""Of the prices that a record holds: which is paid, and for what."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from kb.catalogue.records import Machine, Price, Spec
from kb.tools.base import Real

Money = Annotated[Real, Field(ge=0.0001, le=1e9)]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]
PricePerKwh = Annotated[Real, Field(ge=0.0001, le=100)]
HoursPerDay = Annotated[Real, Field(ge=0.001, le=24)]


def newest_of(prices: Iterable[Price], *, used: bool = True, currency: str = "USD") -> Price | None:
    """What one pays by the newest source; of one date a street price goes before a used one and a list price."""
    rank = {"street": 2, "used": 1, "list": 0}
    offered = [
        price
        for price in prices
        if price.currency == currency and price.per in ("unit", "system") and price.kind in rank
        and (used or price.kind != "used")
    ]  # fmt: skip
    return max(offered, key=lambda price: (price.as_of[:4], rank[price.kind], price.as_of), default=None)


def priced_sizes(record: Spec) -> dict[float | None, list[Price]]:
    """The prices for each size of memory, where a machine is sold with several; one that names none is that of the
    smallest ("from")."""
    options = record.memory_options_gib if isinstance(record, Machine) else None
    sizes: tuple[float | None, ...] = options.value if options and len(options.value) > 1 else (None,)
    priced: dict[float | None, list[Price]] = {}
    for price in record.prices:
        named = next((size for size in sizes if size and f"{size:g} GB" in price.note), sizes[0])
        priced.setdefault(named, []).append(price)
    return priced
