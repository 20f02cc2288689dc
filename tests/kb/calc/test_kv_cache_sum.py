"""The sum that is shown comes to the size that is told."""

import re

import pytest

from kb.calc.memory.kv_cache import kv_cache_bytes, kv_cache_sum
from kb.catalogue import Catalogue
from kb.tools.shared.resolve import resolve_model


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load()


@pytest.mark.parametrize("model", ["deepseek v3", "kimi k2", "glm 4.5 air", "gemma 3 27b", "mimo v2 flash"])
@pytest.mark.parametrize("stored", ["f16", "q8_0", "q8_0/q4_0", "q5_1/f16"])
def test_the_products_come_to_the_size(catalogue: Catalogue, model: str, stored: str) -> None:
    architecture = resolve_model(catalogue, model).architecture
    total = 0.0
    shown = re.sub(r"\([^()]*\)", "", kv_cache_sum(architecture, 40960, stored, 2))
    for term in shown.split(" + "):
        product = 1.0
        for factor in term.split(" × "):
            number = re.match(r"[\d,.]+", factor.strip())
            assert number, factor
            product *= float(number[0].replace(",", ""))
        total += product
    assert total == pytest.approx(kv_cache_bytes(architecture, 40960, stored, 2), rel=1e-4)
