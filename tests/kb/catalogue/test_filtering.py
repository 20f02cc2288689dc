"""Specs filtered and sorted by their figures."""

from collections.abc import Mapping

import pytest

from kb.catalogue import Catalogue
from kb.catalogue.filtering import Bound, list_specs
from kb.catalogue.records import Spec

CARDS = Mapping[str, Spec]


@pytest.fixture(scope="module")
def cards() -> CARDS:
    return Catalogue.load().known.specs["accelerators"]


def value(record: Spec, key: str) -> float | None:
    figure = getattr(record, key)
    return None if figure is None else float(figure.value)


def test_by_bounds(cards: CARDS) -> None:
    bounds = [Bound("memory_gib", low=24, high=32), Bound("memory_bandwidth_gb_per_s", low=900)]
    found = {record.slug for record in list_specs(cards, bounds=bounds)}
    expected = {
        slug
        for slug, record in cards.items()
        if 24 <= (value(record, "memory_gib") or 0) <= 32 and (value(record, "memory_bandwidth_gb_per_s") or 0) >= 900
    }
    assert found == expected
    assert {"rtx-4090", "rtx-5090"} <= found


def test_by_price(cards: CARDS) -> None:
    found = {record.slug for record in list_specs(cards, bounds=[Bound("price_list_usd", 1999, 1999)])}
    assert "rtx-5090" in found
    assert "rtx-4090" not in found


def test_by_text_and_vendor(cards: CARDS) -> None:
    found = {record.slug for record in list_specs(cards, texts={"memory_type": "gddr7"}, vendor="nVidia")}
    assert "rtx-5090" in found
    assert "rtx-4090" not in found
    assert "rtx-5090" in {record.slug for record in list_specs(cards, texts={"nvlink": "false"})}
    assert list_specs(cards, texts={"memory_type": "%"}) == []
    assert list_specs(cards, vendor="nobody") == []


@pytest.mark.parametrize("sort", ["memory_bandwidth_gb_per_s", "-memory_bandwidth_gb_per_s"])
def test_sorting_puts_the_unknown_last(cards: CARDS, sort: str) -> None:
    found = [value(record, "memory_bandwidth_gb_per_s") for record in list_specs(cards, sort=sort)]
    known = [figure for figure in found if figure is not None]
    assert len(found) == len(cards)
    assert known == sorted(known, reverse=sort.startswith("-"))
    assert all(figure is None for figure in found[len(known) :])


def test_by_name(cards: CARDS) -> None:
    names = [record.name.casefold() for record in list_specs(cards)]
    assert names == sorted(names)
