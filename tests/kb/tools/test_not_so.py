"""What is asked for and cannot be is said, and not priced as if it could."""

from typing import Any

import pytest

from kb.catalogue import Catalogue
from kb.tools import TOOLS
from kb.tools.estimate_speed.tool import SpeedAnswer
from tests.kb.tools.said import brief, first_sentence


def speed(catalogue: Catalogue, **arguments: Any) -> SpeedAnswer:
    answer = TOOLS["estimate_speed"].call(catalogue, arguments)
    assert isinstance(answer, SpeedAnswer)
    return answer


@pytest.mark.parametrize(
    ("model", "draft", "doubted"),
    [
        ("gemma 3 27b", "mtp", True),
        ("qwen3 32b", "mtp", True),
        ("glm 4.5 air", "mtp", False),
        ("qwen3.6 27b", "mtp", False),
        ("qwen3 32b", "llama 3.2 1b", True),
        ("llama 3.1 70b", "llama 3.2 1b", False),
        ("qwen2.5 72b", "qwen2.5 0.5b", False),
        ("gemma 3 27b", "ngram", False),
    ],
)
def test_a_draft_that_may_not_go_is_doubted(catalogue: Catalogue, model: str, draft: str, doubted: bool) -> None:
    asked = {"model": model, "quantization": "q4_k_m", "device": "2x RTX A6000", "draft": draft}
    answer = speed(catalogue, **asked)
    assert answer.drafting
    assert bool(answer.drafting.warnings) == doubted
    assert set(answer.drafting.warnings) <= set(answer.warnings)
    first = first_sentence(brief(catalogue, "estimate_speed", asked))
    assert ("not known to have heads" in first or "another vocabulary" in first) == doubted


@pytest.mark.parametrize(
    ("model", "cards", "divides"), [("qwen3 32b", 3, False), ("qwen3 32b", 4, True), ("qwen2.5 14b", 6, False)]
)
def test_cards_that_do_not_divide_the_heads_are_no_tensor_parallel(
    catalogue: Catalogue, model: str, cards: int, divides: bool
) -> None:
    asked = {"model": model, "quantization": "q4_k_m", "device": f"{cards}x RTX 3090"}
    told, layers = speed(catalogue, **asked, tensor_parallel=True), speed(catalogue, **asked)
    assert told.at_once == divides
    assert any("cannot be divided" in line for line in told.warnings) != divides
    assert (told.decode_tokens_per_s == layers.decode_tokens_per_s) != divides
    assert not any("cannot be divided" in line for line in layers.warnings)


@pytest.mark.parametrize(("model", "warned"), [("qwen3 8b", True), ("gemma 3 12b", False), ("8b", False)])
def test_images_that_are_not_counted_are_warned_of(catalogue: Catalogue, model: str, warned: bool) -> None:
    for tool in ("check_fit", "estimate_speed"):
        answer = TOOLS[tool].call(catalogue, {"model": model, "device": "RTX 3090", "images": 3})
        assert any("not known to read images" in line for line in answer.warnings) == warned
