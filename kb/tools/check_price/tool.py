"""What a device costs, and whether a price that is asked for it is a good one."""

from typing import Literal

from pydantic import Field

from kb.catalogue import Catalogue
from kb.catalogue.names import DEVICE_KINDS
from kb.catalogue.records import Accelerator, Price, Record
from kb.errors import InvalidArgument
from kb.tools.base import Arguments, Name, Result, cite, tool
from kb.tools.shared.hardware import NEAR_USD, RecommendArguments, offers
from kb.tools.shared.prices import Currency, Money, newest_of, priced_sizes

Verdict = Literal["low", "fair", "high", "below_list", "above_list"]
KINDS: tuple[Literal["used", "street", "list"], ...] = ("used", "street", "list")
"""What others pay, the nearest to a private sale first."""
AS_FAST = 0.9
"""Of the memory's rate, what another card must have to stand for this one."""


class CheckPriceArguments(Arguments):
    device: Name
    price: Money | None = Field(None, description="for one of it, in `currency`; without it, the known prices are told")
    currency: Currency = "USD"


class KnownPrice(Record):
    kind: Literal["used", "street", "list"]
    """Used, as shops ask, or as the maker lists it."""
    amount: tuple[float, float]
    """The lowest and the highest."""
    currency: str
    as_of: str
    note: str = ""


class CheckPriceAnswer(Result):
    device: str
    spec: str
    """Of the record that holds its prices: `machines/dgx-spark`."""
    price: float | None
    """The one asked about; null where none was given."""
    currency: str
    known: tuple[KnownPrice, ...]
    """The newest of each kind, used ones first; empty where none is known."""
    verdict: Verdict | None = None
    """Against what others pay; against the list price where nothing else is known."""
    taken_as: str = ""
    """The currency of the known prices, where the price is in one of about the same worth."""
    price_per_gib: float | None = None
    """Of the price that is asked, in `currency` for each GiB."""
    cheaper: str | None = None
    """What has as much memory, is about as fast and costs less; where no price is known, what has as much memory."""
    cheaper_price: KnownPrice | None = None
    """What that costs."""


def run(catalogue: Catalogue, arguments: CheckPriceArguments) -> CheckPriceAnswer:
    match = catalogue.names.resolve(DEVICE_KINDS, arguments.device, "device")
    record = catalogue.known.specs[match.kind][match.slug]
    sizes = priced_sizes(record)
    prices = sizes.get(float(match.memory_gib) if match.memory_gib else None) or next(iter(sizes.values()), [])
    held_in = _held_in(prices, arguments.currency)
    newest = (newest_of((one for one in prices if one.kind == kind), currency=held_in) for kind in KINDS)
    known = [one for one in newest if one is not None]
    references = {f"price of {record.name}": tuple(source for one in known for source in one.sources)}
    memory = getattr(record, "memory_gib", None)
    found = CheckPriceAnswer(
        device=f"{record.name} with {match.memory_gib} GB" if match.memory_gib else record.name,
        spec=f"{match.kind}/{match.slug}",
        price=arguments.price,
        currency=arguments.currency,
        known=tuple(map(_shown, known)),
        taken_as=held_in if held_in != arguments.currency and arguments.price and known else "",
        citations=(),
    )
    if arguments.price is not None and known:
        price_per_gib = round(arguments.price / memory.value, 2) if memory else None
        less = _cheaper(catalogue, record, arguments.price, AS_FAST) if isinstance(record, Accelerator) else None
        changed: dict[str, object] = {
            "verdict": _verdict(arguments.price, found.known[0]),
            "price_per_gib": price_per_gib,
        }
        if less is not None:
            other, price = less
            references[f"price of {other.name}"] = price.sources
            changed |= {"cheaper": other.name, "cheaper_price": _shown(price)}
        found = found.model_copy(update=changed)
    elif not known and isinstance(record, Accelerator) and (alike := _cheaper(catalogue, record, float("inf"), 0.0)):
        references[f"price of {alike[0].name}"] = alike[1].sources
        found = found.model_copy(update={"cheaper": alike[0].name, "cheaper_price": _shown(alike[1])})
    return found.model_copy(update={"citations": cite(catalogue, references)})


def _held_in(prices: list[Price], currency: str) -> str:
    """No exchange rates are held: a price in euros is held against dollars where none in euros is known."""
    if currency != "USD" and not any(price.currency == currency for price in prices):
        if currency not in NEAR_USD:
            raise InvalidArgument("currency", currency, f"USD, or one of about the same worth: {', '.join(NEAR_USD)}")
        return "USD"
    return currency


def _shown(price: Price) -> KnownPrice:
    assert price.kind != "rent"
    return KnownPrice(
        kind=price.kind, amount=(price.low, price.high), currency=price.currency, as_of=price.as_of, note=price.note
    )


def _verdict(price: float, known: KnownPrice) -> Verdict:
    low, high = known.amount
    if known.kind == "list":
        return "below_list" if price <= high else "above_list"
    return "low" if price < low else "fair" if price <= high else "high"


def _cheaper(
    catalogue: Catalogue, record: Accelerator, price: float, as_fast: float
) -> tuple[Accelerator, Price] | None:
    """The cheapest card with as much memory at ``as_fast`` times the rate or more whose upper price is less, too."""
    memory, rate = record.memory_gib, record.memory_bandwidth_gb_per_s
    if memory is None or rate is None:
        return None
    found = [
        (other, offer.price)
        for offer in offers(catalogue, RecommendArguments(min_memory_gib=memory.value, vendor=record.vendor))
        if isinstance(other := offer.record, Accelerator)
        and other.slug != record.slug
        and other.segment == record.segment
        and other.memory_bandwidth_gb_per_s is not None
        and other.memory_bandwidth_gb_per_s.value >= as_fast * rate.value
        and offer.price.currency == "USD"
        and offer.price.high < price
    ]
    return min(found, key=lambda one: (one[1].high, one[0].slug), default=None)


TOOL = tool(
    run, "What a card or a computer costs by dated sources, and whether a price asked for it is low, fair or high."
)
