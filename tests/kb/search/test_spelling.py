import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.search.spelling import Spelling

SPELLING = Spelling(["Quantization of a Blackwell card", "memory bandwidth bandwidth", "Threadripper cooling"])


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("qantization", "quantization"),
        ("blakwell card", "blackwell card"),
        ("memmory bandwith", "memory bandwidth"),
        ("trheadripper coolling", "threadripper cooling"),
        ("two 5090s", "two 5090"),
    ],
)
def test_slips_are_mended(typed: str, meant: str) -> None:
    assert SPELLING.mended(typed) == meant


@pytest.mark.parametrize("query", ["Quantization", "cards", "rtx5090", "RTX-5090x", "q4_k_m", "lasagne", "gpu", ""])
def test_what_is_known_short_a_name_or_foreign_stays(query: str) -> None:
    assert SPELLING.mended(query) == query


@given(st.text(max_size=60))
def test_mending_twice_changes_nothing(query: str) -> None:
    once = SPELLING.mended(query)
    assert SPELLING.mended(once) == once
