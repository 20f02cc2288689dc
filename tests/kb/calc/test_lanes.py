"""Sharing lanes: nobody gets more than there is, and more lanes never give a device less."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.calc.lanes import Wish, connect, platform_of, share_lanes

widths = st.sampled_from((4, 8, 16))


@given(st.lists(widths, min_size=1, max_size=12), st.integers(0, 256))
def test_shares_stay_within_what_there_is(wanted: list[int], available: int) -> None:
    given_lanes = share_lanes(wanted, available)
    assert sum(given_lanes) <= available
    assert all(lanes in (0, 4, 8, 16) and lanes <= wish for lanes, wish in zip(given_lanes, wanted, strict=True))


@given(st.lists(widths, min_size=1, max_size=8), st.integers(0, 128), st.integers(0, 128))
def test_more_lanes_never_give_less_in_all(wanted: list[int], available: int, more: int) -> None:
    assert sum(share_lanes(wanted, available + more)) >= sum(share_lanes(wanted, available))


@given(st.lists(widths, min_size=1, max_size=8), st.integers(0, 6), st.sampled_from(("", "AM5", "LGA 1200")))
def test_no_link_is_faster_than_the_device_or_than_the_lanes(cards: list[int], drives: int, socket: str) -> None:
    platform = platform_of(4, 28, socket, chipset_lanes=8)
    wishes = [Wish(lanes, 5) for lanes in cards] + [Wish(4, 5, is_drive=True)] * drives
    links = connect(wishes, platform)
    assert len(links) == len(wishes)
    assert sum(link.lanes for link in links if link.attached == "cpu") <= platform.slot_lanes + platform.m2_lanes
    assert sum(link.lanes for link in links if link.attached == "chipset") <= 8
    for wish, link in zip(wishes, links, strict=True):
        assert link.lanes <= wish.lanes
        assert link.generation <= 4
        assert (link.bytes_per_s > 0) == (link.attached != "nothing")


@pytest.mark.parametrize(
    ("cards", "drives", "expected"),
    [
        (1, 1, [(16, "cpu"), (4, "cpu")]),
        (2, 3, [(8, "cpu"), (8, "cpu"), (4, "cpu"), (4, "cpu"), (4, "chipset")]),
        (5, 0, [(4, "cpu"), (4, "cpu"), (4, "cpu"), (4, "cpu"), (4, "chipset")]),
    ],
)
def test_am5(cards: int, drives: int, expected: list[tuple[int, str]]) -> None:
    """28 lanes, 24 of them usable: 16 for cards and two drives; the rest hangs on the chipset."""
    wishes = [Wish(16, 5)] * cards + [Wish(4, 4, is_drive=True)] * drives
    assert [(link.lanes, link.attached) for link in connect(wishes, platform_of(5, 28, "AM5", 24, 20))] == expected


def test_devices_behind_the_chipset_are_no_faster_than_its_link() -> None:
    """LGA 1200: DMI 3.0 x4 carries 3.94 GB/s (8 GT/s x 128/130 / 8 x 4)."""
    *_, last = connect([Wish(16, 3), Wish(4, 4, is_drive=True)], platform_of(3, 16, "LGA 1200", chipset_lanes=24))
    assert last.attached == "chipset"
    assert last.bytes_per_s == pytest.approx(3.938e9, rel=1e-3)
