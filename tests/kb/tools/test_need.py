"""What a model needs: the sums that are shown, worked out again."""

import re
from math import prod

import pytest

from kb.errors import InvalidArgument
from kb.search.live import Index
from kb.tools import TOOLS
from kb.tools.kv_cache_size.tool import KvCacheAnswer
from kb.tools.shared.resolve import resolve_model

CONTEXTS = (1, 1000, 8192, 131072)


def kv_cache(index: Index, **arguments: object) -> KvCacheAnswer:
    answer: KvCacheAnswer = TOOLS["kv_cache_size"].call(index, arguments)
    return answer


def worked_out_gb(formula: str) -> float:
    """A sum of products as a person reads it: what stands in brackets explains, a product's numbers come first."""
    terms = re.sub(r"\([^)]*\)", "", formula.partition(" = ")[0]).split(" + ")
    return sum(prod(float(part.split()[0].replace(",", "")) for part in term.split("×")) for term in terms) / 1e9


def models(index: Index) -> list[str]:
    found = []
    for slug in index.known.specs["models"]:
        try:
            resolve_model(index, slug)
        except InvalidArgument:
            continue
        found.append(slug)
    assert len(found) > 100
    return found


@pytest.mark.parametrize(("cache", "users"), [("f16", 1), ("q8_0", 3), ("q4_0", 1)])
def test_every_models_formula_gives_its_total(index: Index, cache: str, users: int) -> None:
    for slug in models(index):
        for context in CONTEXTS:
            answer = kv_cache(index, model=slug, context=context, kv_cache_type=cache, concurrency=users)
            assert worked_out_gb(answer.formula) == pytest.approx(answer.kv_cache_gb, abs=2e-4), (slug, answer.formula)


def test_layers_that_see_everything_show_their_own_heads(index: Index) -> None:
    answer = kv_cache(index, model="gemma 4 31b", context=131072)
    assert "2 (K and V) × 10 layers × 4 KV heads × 512 × 131,072 tokens" in answer.formula
    assert "2 (K and V) × 50 layers × 16 KV heads × 256 × 1,536 tokens (window 1,024 + batch)" in answer.formula


@pytest.mark.parametrize("context", [1, 100, 8192])
def test_a_token_takes_the_same_in_a_short_context(index: Index, context: int) -> None:
    """What is allocated comes in steps of 256 tokens; that is no token's size."""
    answer = kv_cache(index, model="llama 3.1 8b", context=context)
    assert answer.kb_per_token == pytest.approx(2 * 32 * 8 * 128 * 2 / 1000, abs=0.01)


def test_a_full_window_takes_no_more(index: Index) -> None:
    short, long = (kv_cache(index, model="gemma 4 31b", context=context).kb_per_token for context in (256, 131072))
    assert long == pytest.approx(10 * 2 * 4 * 512 * 2 / 1000, abs=0.01)
    assert short == pytest.approx(long + 50 * 2 * 16 * 256 * 2 / 1000, abs=0.01)


def test_every_fits_formula_adds_up(index: Index) -> None:
    for slug in models(index):
        asked = {"model": slug, "quantization": "q4_k_m", "device": "RTX 4090"}
        formula = TOOLS["check_fit"].call(index, asked).formula
        parts = [float(part) for part in re.findall(r"([\d.]+) GB (?:weights|KV|compute|runtime)", formula)]
        (total,) = (float(found) for found in re.findall(r"= ([\d.]+) GB against", formula))
        assert len(parts) == 4
        assert sum(parts) == pytest.approx(total, abs=0.021), (slug, formula)


def test_every_speeds_formula_adds_up(index: Index) -> None:
    for slug in models(index):
        asked = {"model": slug, "quantization": "q4_k_m", "device": "RTX 4090"}
        formula = TOOLS["estimate_speed"].call(index, asked).formula
        if found := re.search(r"; ([^;=]+) = ([\d.]+) ms per token = ([\d.,]+) tokens/s$", formula):
            parts = [float(part) for part in re.findall(r"([\d.]+) ms", found[1])]
            assert sum(parts) == pytest.approx(float(found[2]), abs=0.031), (slug, formula)
            assert 1000 / float(found[2]) == pytest.approx(float(found[3].replace(",", "")), rel=0.02, abs=0.06)
