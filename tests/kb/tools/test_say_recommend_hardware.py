"""What to buy: one recommendation within the budget, what is owned not billed, the nearest price where nothing fits."""

from typing import Any

import pytest

from kb.catalogue import Catalogue
from kb.catalogue.records import LanguageModel
from kb.tools import TOOLS
from kb.tools.recommend_hardware.tool import RecommendAnswer
from kb.tools.shared.hardware import HardwareChoice
from tests.kb.tools.said import brief, first_sentence

ASKED = {"near_usd": True, "use": "any"}


def answer(catalogue: Catalogue, **arguments: Any) -> RecommendAnswer:
    result = TOOLS["recommend_hardware"].call(catalogue, arguments)
    assert isinstance(result, RecommendAnswer)
    return result


def _of(catalogue: Catalogue, slug: str, owned: list[str]) -> HardwareChoice:
    choices = answer(catalogue, models=["llama 3.3 70b"], owned=owned, limit=50).choices
    return next(choice for choice in choices if choice.slug == slug)


@pytest.mark.parametrize(
    ("arguments", "starts", "has"),
    [
        ({"models": ["llama 3.3 70b"]}, "For Llama 3.3 70B I would take 2× GeForce RTX 3090: about", "used price of"),
        ({"models": ["llama 3.3 70b"], "budget": 500}, "Nothing for $500 holds Llama 3.3 70B whole; the nearest is 2×",
         "$1,100 to $1,700"),
        ({"models": ["llama 3.3 70b"], "owned": ["RTX 3090"]}, "I would add one more of the card that you have,",
         "2× GeForce RTX 3090 run Llama 3.3 70B"),
        ({"models": ["qwen3 8b"], "owned": ["RTX 3090"]}, "Nothing has to be bought: the GeForce RTX 3090", "Qwen3"),
        ({"budget": 1500, "currency": "EUR"}, "For €1,500 I would take the ", "as that many US dollars"),
        ({"budget": 2000, "use": "coding"}, "For $2,000 I would take the ", "For less, the "),
        ({"budget": 9000, "currency": "NOK"}, "How much is 9,000 NOK in US dollars or euros?", "dollars"),
        ({"budget": 2500, "vendor": "Apple"}, "For $2,500 I would take the Apple Mac", "| choice | memory |"),
        ({"budget": 50}, "Nothing for $50 holds", "the nearest is"),
    ],
)  # fmt: skip
def test_first_sentence(catalogue: Catalogue, arguments: dict[str, Any], starts: str, has: str) -> None:
    text = brief(catalogue, "recommend_hardware", ASKED | arguments)
    assert first_sentence(text).startswith(starts)
    assert has in text


def test_what_is_owned_is_not_billed(catalogue: Catalogue) -> None:
    one, none = (_of(catalogue, "rtx-3090", owned) for owned in (["RTX 3090"], []))
    assert (one.count, one.owned, none.owned) == (2, 1, 0)
    assert none.price == (2 * one.price[0], 2 * one.price[1])
    budget = sum(one.price) / 2 + 1
    within = answer(catalogue, models=["llama 3.3 70b"], owned=["RTX 3090"], budget=budget).choices
    assert [choice.slug for choice in within] == ["rtx-3090"]


def test_nothing_in_budget_names_the_cheapest_at_any_price(catalogue: Catalogue) -> None:
    result = answer(catalogue, models=["llama 3.3 70b"], budget=500)
    dearer = answer(catalogue, models=["llama 3.3 70b"], limit=50).choices
    assert not result.choices
    assert result.nearest is not None
    assert result.nearest.price[0] == min(choice.price[0] for choice in dearer) > 500


def test_a_memory_size_is_bought_for_the_largest_that_it_holds(catalogue: Catalogue) -> None:
    sizes = []
    for memory in (8, 12, 24, 48, 96):
        result = answer(catalogue, min_memory_gib=memory)
        held = TOOLS["what_runs_on"].call(
            catalogue, {"device": {"memory_gib": memory}, "models": result.models, "quantization": "q4_k_m"}
        )
        assert held.count == 1
        record = next(one for one in catalogue.known.specs["models"].values() if one.name == result.models[0])
        assert isinstance(record, LanguageModel)
        assert record.representative
        sizes.append(held.models[0].params_billions)
    assert sizes == sorted(set(sizes))


def test_one_choice_is_counted_as_one(catalogue: Catalogue) -> None:
    result = answer(catalogue, models=["deepseek r1"], budget=9600)
    assert len(result.choices) == 1
    assert result.formula.startswith("1 choice up to 9,600 USD holds")


def test_a_model_by_its_figures(catalogue: Catalogue) -> None:
    figures = {
        "name": "a 70B model", "params_total": 70553706496, "num_hidden_layers": 80, "hidden_size": 8192,
        "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 128256,
    }  # fmt: skip
    text = brief(catalogue, "recommend_hardware", {"models": [figures]})
    assert text.startswith("For a 70B model I would take 2×")
    text = brief(catalogue, "choose_upgrade", {"device": "RTX 3090", "considered": ["2x RTX 3090"], "model": figures})
    assert "a 70B model runs at about" in first_sentence(text)
    text = brief(catalogue, "compare_devices", {"devices": ["2x RTX 3090", "RTX 5090"], "model": figures})
    assert "it holds a 70B model" in first_sentence(text)
