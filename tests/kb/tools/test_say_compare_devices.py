"""A comparison ends in a recommendation, by figures that hold for what is compared."""

from typing import Any

import pytest

from kb.catalogue import Catalogue
from kb.text.statements import Table
from kb.tools import TOOLS
from kb.tools.compare_devices.tool import CompareAnswer
from tests.kb.tools.said import brief, first_sentence, said

EIGHT = {"name": "an 8 GB graphics card", "memory_gib": 8}
TWELVE = {"name": "a 12 GB graphics card", "memory_gib": 12}


def answer(catalogue: Catalogue, *devices: Any, **arguments: Any) -> CompareAnswer:
    result = TOOLS["compare_devices"].call(catalogue, {"devices": devices, **arguments})
    assert isinstance(result, CompareAnswer)
    return result


@pytest.mark.parametrize(
    ("devices", "model", "first"),
    [
        (["RTX 3090", "RTX 4070 Ti Super"], None,
         "For text generation the GeForce RTX 3090 is about 1.23 times as fast as the GeForce RTX 4070 Ti Super and "
         "has more memory; take it unless power or warranty matter more."),
        (["mac studio m3 ultra", "RTX 5090"], None, "take the Apple Mac Studio (M3 Ultra, 2025) for large models and"),
        (["RTX 3090", "RTX 3090 Ti"], None, "are alike; take the GeForce RTX 3090, which is cheaper."),
        (["RTX 3090", "mac studio m3 ultra 96gb"], "llama 3.3 70b", "Take the Apple Mac Studio (M3 Ultra, 2025): it"),
        ([EIGHT, TWELVE], None, "A 12 GB graphics card holds larger models; take it if"),
        (["Ryzen 9 9950X", "Ryzen 9 7950X"], None, "the AMD Ryzen 9 9950X and the AMD Ryzen 9 7950X are alike"),
        (["mac studio m4 max", "DGX Spark", "Framework Desktop"], None, "as the NVIDIA DGX Spark (the next best);"),
    ],
)  # fmt: skip
def test_first_sentence(catalogue: Catalogue, devices: list[Any], model: str | None, first: str) -> None:
    arguments: dict[str, Any] = {"devices": devices} | ({"model": model} if model else {})
    assert first in first_sentence(brief(catalogue, "compare_devices", arguments))


def test_speed_and_what_fits_are_those_of_the_other_tools(catalogue: Catalogue) -> None:
    result = answer(catalogue, "RTX 3090", "RTX 3060 12GB", model="gemma 3 27b")
    (big, small) = result.devices
    fit = {"model": "gemma 3 27b", "quantization": "q4_k_m"}
    assert (
        big.decode_tokens_per_s
        == TOOLS["estimate_speed"].call(catalogue, {**fit, "device": "RTX 3090"}).decode_tokens_per_s
    )
    assert (big.holds_the_model, small.holds_the_model, small.decode_tokens_per_s) == (True, False, None)
    assert result.why == "holds_the_model"
    for name in result.only_on_better:
        assert TOOLS["check_fit"].call(catalogue, {**fit, "model": name, "device": "RTX 3060 12GB"}).verdict != "fits"


def test_a_price_stands_beside_its_own_memory_only(catalogue: Catalogue) -> None:
    """The Mac Studio's M4 Max costs $1,999 with 36 GB, and 128 GB are compared."""
    statements = said(catalogue, "compare_devices", {"devices": ["mac studio m4 max", "DGX Spark"]})
    (table,) = [one for one in statements if isinstance(one, Table)]
    assert len(table.rows) <= 6
    (price,) = [row for row in table.rows if row[0] == "price"]
    assert price[1] == "not known"


def test_several_cards_cost_and_draw_as_many(catalogue: Catalogue) -> None:
    two, one = answer(catalogue, "2x RTX 3090", "RTX 3090").devices
    assert (two.memory_gib, one.memory_gib) == (48, 24)
    assert (two.tdp_w, one.tdp_w) == (700, 350)
    assert two.price_usd == tuple(2 * amount for amount in one.price_usd or ())
    assert two.memory_bandwidth_gb_per_s == one.memory_bandwidth_gb_per_s


def test_images_go_by_the_rate_of_arithmetic(catalogue: Catalogue) -> None:
    arguments = {"devices": ["RTX 4060 Ti 16GB", "RTX 3060 12GB"]}
    assert "For images the rate of arithmetic" in brief(catalogue, "compare_devices", arguments, use="images")
    assert "rate of arithmetic" not in brief(catalogue, "compare_devices", arguments)


def test_of_three_what_one_alone_holds_no_other_holds(catalogue: Catalogue) -> None:
    """The fastest two are not all: the slowest has the most memory."""
    result = answer(catalogue, "RTX 4090", "2x RTX 3090", "M2 Ultra")
    better, other = result.devices[result.better], result.devices[result.other]
    assert (better.name.split(" (")[0], other.name, result.why) == ("Apple M2 Ultra", "GeForce RTX 4090", "trade")
    assert result.only_on_better
    for name in result.only_on_better:
        for device in ("RTX 4090", "2x RTX 3090"):
            fit = {"model": name, "quantization": "q4_k_m", "device": device}
            assert TOOLS["check_fit"].call(catalogue, fit).verdict != "fits", name
    assert not result.only_on_other
