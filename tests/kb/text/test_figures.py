"""A number with its unit, however people and language models write it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.text.figures import Kind, read
from kb.text.name_finder import NameFinder
from kb.text.numerals import western


@pytest.mark.parametrize(
    ("text", "base", "dimension"),
    [
        ("twenty-four gigs", 24e9, "bytes"),
        ("a 24-gig card", 24e9, "bytes"),
        ("24G of VRAM", 24e9, "bytes"),
        ("3,5 GB", 3.5e9, "bytes"),
        ("24 GiB", 24 * 2**30, "bytes"),
        ("one terabyte", 1e12, "bytes"),
        ("４５ ＧＢ", 45e9, "bytes"),
        ("4 MBps", 4e6, "bytes/s"),
        ("4 Mbps", 4e6, "bits/s"),
        ("10 GbE", 1e10, "bits/s"),
        ("10G switch", 1e10, "bits/s"),
        ("2.5G LAN", 2.5e9, "bits/s"),
        ("10G of RAM", 1e10, "bytes"),
        ("30,000 characters", 3e4, "characters"),
        ("1,008 GB per second", 1008e9, "bytes/s"),
        ("4-bit", 4, "bits"),
        ("4.85 bpw", 4.85, "bits"),
        ("350W", 350, "w"),
        ("1 600 W", 1600, "w"),
        ("one kilowatt-hour", 1000, "wh"),
        ("DDR5-6000", 6e9, "transfers/s"),
        ("6400 MT/s", 6.4e9, "transfers/s"),
        ("40 t/s", 40, "tokens/s"),
        ("12.5 tok/s", 12.5, "tokens/s"),
        ("50 tokens a second", 50, "tokens/s"),
        ("32k tokens", 32_000, "tokens"),
        ("two hundred thousand tokens", 200_000, "tokens"),
        ("128k ctx", 128_000, ""),
        ("7B", 7e9, "parameters"),
        ("70 b", 70e9, "parameters"),
        ("70 billion parameters", 70e9, "parameters"),
        ("7 bytes", 7, "bytes"),
        ("€0.35", 0.35, "eur"),
        ("0,35 €", 0.35, "eur"),
        ("EUR 0.35", 0.35, "eur"),
        ("$2k", 2000, "usd"),
        ("2 grand", 2000, "usd"),
        ("1,600 dollars", 1600, "usd"),
        ("15k euro", 15_000, "eur"),
        ("32 cents", 32, "cents"),
        ("5 ms", 0.005, "s"),
        ("3 min", 180, "s"),
        ("8 h", 28_800, "s"),
        ("half of it", 0.5, "times"),
    ],
)
def test_value_and_dimension(text: str, base: float, dimension: str) -> None:
    figure = read(text)[-1]
    assert (pytest.approx(base), dimension) == (figure.base, figure.dimension)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("2x 3090", ["count", "bare"]),
        ("3090 x2", ["bare", "count"]),
        ("4x24GB", ["count", "quantity"]),
        ("3× faster, 2x as fast", ["multiple", "multiple"]),
        ("80 layers", ["count"]),
        ("a budget of 2000", ["bare"]),
        ("in 2026", ["date"]),
        ("2026-01-31 and January 2026", ["date", "date", "date", "date"]),
        ("in 2000 tokens", ["quantity"]),
        ("Q4_K_M on DDR4 and M.2, driver 550.54.15", ["name", "name", "name", "name"]),
        ("$5 and 24 GB", ["money", "quantity"]),
        ("PCIe 4.0 x16", ["bare", "count"]),
    ],
)
def test_kinds_are_told_apart(text: str, kinds: list[Kind]) -> None:
    assert [figure.kind for figure in read(text)] == kinds


@pytest.mark.parametrize(
    ("text", "per"),
    [
        ("€0.35/kWh", "kWh"),
        ("32 cents a kilowatt-hour", "kWh"),
        ("$2.5 hourly", "hour"),
        ("$1.6 the hour", "hour"),
        ("2.42 an hour", "hour"),
        ("$2 for an hour", "hour"),
        ("1500 for a card", ""),
        ("$0.20 per 1M tokens", "million tokens"),
        ("8 h/day", "day"),
        ("24 hours daily", "day"),
        ("302/s", "second"),
        ("40 tokens/s", ""),
    ],
)
def test_what_it_is_counted_by(text: str, per: str) -> None:
    assert read(text)[0].per == per


@pytest.mark.parametrize(
    ("text", "ends", "dimension"),
    [
        ("8-12 GB", (8, 12), "bytes"),
        ("90 to 150 GB/s", (90, 150), "bytes/s"),
        ("between eight and twelve gigs", (8, 12), "bytes"),
        ("2-3k dollars", (2000, 3000), "usd"),
        ("$1,999–2,499", (1999, 2499), "usd"),
        ("500 to 1k dollars", (500, 1000), "usd"),
        ("800 GB to 1 TB", (800, 1000), "bytes"),
    ],
)
def test_both_ends_of_a_range(text: str, ends: tuple[float, float], dimension: str) -> None:
    low, high = read(text)
    assert low.ends == ends
    assert high.ends == pytest.approx([end * low.factor / high.factor for end in ends])
    assert {low.dimension, high.dimension} == {dimension}


@pytest.mark.parametrize("text", ["8 or 12 GB", "8, 12 and 16 GB", "8/12 GB"])
def test_figures_of_one_row_share_the_unit(text: str) -> None:
    assert {figure.dimension for figure in read(text)[-2:]} == {"bytes"}


@pytest.mark.parametrize("text", ["8 or 12 GB", "8 and 12 GB", "24/7", "24 GB and 12 W", "2026-01-31", "12 to 8 GB"])
def test_no_range(text: str) -> None:
    assert {figure.ends for figure in read(text)} == {None}


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("I pay €0.35/kWh for 2x 3090", ["€0.35/kWh", "2x", "3090"]),
        ("it’s 3½ GB – or ４５ ＧＢ/s", ["3½ GB", "４５ ＧＢ/s"]),
        ("四十五 GB, a couple of hundred watts", ["四十五 GB", "couple of hundred watts"]),
        ("1 600 W on **24** GB", ["1 600 W", "24** GB"]),
        ("$8-$12", ["$8", "$12"]),
    ],
)
def test_the_span_is_all_that_belongs_to_it(text: str, spans: list[str]) -> None:
    assert [text[figure.start : figure.end] for figure in read(text)] == spans


def test_names_and_marks_are_no_figures() -> None:
    assert read("an RTX 4090 has 24 GB [2]", NameFinder(["RTX 4090"]))[0].text == "24"


def test_a_row_of_digits_is_no_quantity() -> None:
    assert math.isnan(read("9" * 5_000)[0].value)
    assert read("hundred " * 200)


@given(st.text("0123456789 .,x×½²五$€kGB/s-to", max_size=40))
def test_spans_are_within_the_text_and_in_order(text: str) -> None:
    figures = read(text)
    assert all(0 <= figure.start < figure.end <= len(text) for figure in figures)
    assert [figure.start for figure in figures] == sorted(figure.start for figure in figures)
    plain, places = western(text)
    assert len(places) == len(plain) + 1
