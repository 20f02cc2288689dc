"""Devices side by side."""

import pytest

from kb.catalogue.records import Machine
from kb.search.live import Index
from kb.tools import TOOLS
from kb.tools.compare_devices.tool import ComparedDevice
from kb.tools.shared.prices import priced_sizes


def compared(index: Index, *devices: str) -> list[ComparedDevice]:
    return list(TOOLS["compare_devices"].call(index, {"devices": devices}).devices)


def test_the_price_is_of_the_memory_that_it_buys(index: Index) -> None:
    """A price "from" is that of the smallest configuration, and buys no more."""
    ultra, max_chip = compared(index, "mac studio m3 ultra", "mac studio m4 max")
    assert (ultra.memory_gib, ultra.price_memory_gib, ultra.price_usd) == (512, 512, (9499, 9499))
    assert ultra.usd_per_gib == pytest.approx(9499 / 512, abs=0.01)
    assert (max_chip.memory_gib, max_chip.price_memory_gib, max_chip.price_usd) == (128, 36, (1999, 1999))
    assert max_chip.usd_per_gib == pytest.approx(1999 / 36, abs=0.01)


def test_the_memory_that_was_asked_for_has_its_own_price(index: Index) -> None:
    small, _ = compared(index, "mac studio m3 ultra 96gb", "RTX 5090")
    assert (small.memory_gib, small.price_memory_gib, small.price_usd) == (96, 96, (3999, 3999))


def test_no_machines_price_stands_beside_another_size(index: Index) -> None:
    for slug, record in index.known.specs["machines"].items():
        assert isinstance(record, Machine)
        column, _ = compared(index, slug, "RTX 5090")
        if column.price_usd is not None:
            sold = {(price.low, price.high) for price in priced_sizes(record).get(column.price_memory_gib, ())}
            assert column.price_usd in sold or set(priced_sizes(record)) == {None}, slug


def test_a_card_of_two_gpus_reads_as_one_of_them(index: Index) -> None:
    double, single = compared(index, "MI250X", "MI210")
    assert (double.gpus, single.gpus) == (2, 1)
    assert double.memory_gib == 128
    assert double.memory_bandwidth_gb_per_s == single.memory_bandwidth_gb_per_s == pytest.approx(1638.4)
