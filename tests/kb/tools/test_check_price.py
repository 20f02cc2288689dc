"""``check_price``: the verdict follows from the records' own prices."""

from typing import Any

import pytest

from kb.catalogue import Catalogue
from kb.catalogue.records import Accelerator
from kb.errors import InvalidArgument
from kb.tools import TOOLS
from kb.tools.check_price.tool import CheckPriceAnswer
from tests.kb.tools.said import brief


def priced(catalogue: Catalogue, **arguments: Any) -> CheckPriceAnswer:
    answer = TOOLS["check_price"].call(catalogue, arguments)
    assert isinstance(answer, CheckPriceAnswer)
    return answer


def used_range(catalogue: Catalogue, slug: str) -> tuple[float, float]:
    prices = catalogue.known.of(Accelerator)[slug].prices
    newest = max((price for price in prices if price.kind == "used"), key=lambda price: price.as_of)
    return newest.low, newest.high


def test_a_price_is_held_against_what_others_paid(catalogue: Catalogue) -> None:
    low, high = used_range(catalogue, "rtx-3090")
    verdicts = [priced(catalogue, device="rtx 3090", price=price).verdict for price in (low - 1, low, high, high + 1)]
    assert verdicts == ["low", "fair", "fair", "high"]


def test_a_list_price_alone_makes_no_price_fair(catalogue: Catalogue) -> None:
    known = priced(catalogue, device="rtx 3060 12gb").known
    assert [one.kind for one in known] == ["list"]
    listed = known[0].amount[1]
    verdicts = [priced(catalogue, device="rtx 3060 12gb", price=price).verdict for price in (listed, listed + 1)]
    assert verdicts == ["below_list", "above_list"]


def test_what_costs_less_is_no_worse(catalogue: Catalogue) -> None:
    asked = catalogue.known.of(Accelerator)["rtx-3060-12gb"]
    answer = priced(catalogue, device="rtx 3060 12gb", price=1000)
    assert answer.cheaper is not None
    assert answer.cheaper_price is not None
    other = next(one for one in catalogue.known.of(Accelerator).values() if one.name == answer.cheaper)
    assert answer.cheaper_price.amount[1] < 1000
    for key in ("memory_gib", "memory_bandwidth_gb_per_s"):
        assert getattr(other, key).value >= 0.9 * getattr(asked, key).value


def test_no_price_is_known_of_everything(catalogue: Catalogue) -> None:
    answer = priced(catalogue, device="tesla p40", price=250)
    assert (answer.known, answer.verdict) == ((), None)
    assert brief(catalogue, "check_price", {"device": "tesla p40"}).startswith(
        "I have no price for the NVIDIA Tesla P40"
    )


def test_euros_are_taken_as_dollars_and_crowns_are_not(catalogue: Catalogue) -> None:
    assert priced(catalogue, device="rtx 3090", price=650, currency="EUR").taken_as == "USD"
    with pytest.raises(InvalidArgument, match="EUR, GBP, CHF"):
        priced(catalogue, device="rtx 3090", price=6500, currency="NOK")
