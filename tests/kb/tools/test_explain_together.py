"""explain_speed of several conversations at once: the total is held against the total."""

from typing import Any

import pytest

from kb.catalogue import Catalogue
from kb.tools import TOOLS
from kb.tools.explain_speed.tool import ExplainAnswer
from tests.kb.tools.said import brief, first_sentence

SERVED = {"model": "llama 3.3 70b", "quantization": "fp8", "device": "4x L40S", "tensor_parallel": True}


def explain(catalogue: Catalogue, **arguments: Any) -> ExplainAnswer:
    answer = TOOLS["explain_speed"].call(catalogue, arguments)
    assert isinstance(answer, ExplainAnswer)
    return answer


def test_a_total_stands_against_the_total_of_so_many(catalogue: Catalogue) -> None:
    asked = SERVED | {"concurrency": 16}
    usual = explain(catalogue, **asked)
    assert usual.aggregate_tokens_per_s
    assert usual.aggregate_ceiling_tokens_per_s
    assert usual.aggregate_tokens_per_s.typical == pytest.approx(16 * usual.decode_tokens_per_s.typical, rel=0.01)
    total = usual.aggregate_tokens_per_s.typical
    assert total > explain(catalogue, **SERVED).ceiling_tokens_per_s  # of one: it could not be
    normal = explain(catalogue, **asked, measured_tokens_per_s=total)
    assert (normal.standing, normal.times_above_ceiling) == ("as_expected", None)
    assert normal.share_of_ceiling_percent == pytest.approx(100 * total / usual.aggregate_ceiling_tokens_per_s, abs=1)
    too_fast = explain(catalogue, **asked, measured_tokens_per_s=1.5 * usual.aggregate_ceiling_tokens_per_s)
    assert (too_fast.standing, too_fast.times_above_ceiling) == ("above_ceiling", 1.5)
    assert explain(catalogue, **asked, measured_tokens_per_s=total / 5).standing == "far_below"


def test_what_one_alone_gets_is_told_apart(catalogue: Catalogue) -> None:
    one = explain(catalogue, **SERVED)
    among = explain(catalogue, **SERVED, concurrency=16)
    assert one.alone is None
    assert among.alone is not None
    assert among.alone.decode_tokens_per_s.typical == one.decode_tokens_per_s.typical
    assert among.alone.ceiling_tokens_per_s == one.ceiling_tokens_per_s > among.ceiling_tokens_per_s


@pytest.mark.parametrize(
    "asked",
    [
        SERVED | {"concurrency": 64},
        {"model": "qwen3 32b", "quantization": "fp8", "device": "2x RTX 5090", "concurrency": 48},
        {"model": "gemma 3 27b", "quantization": "q8_0", "device": "M3 Ultra", "concurrency": 4},
        {"model": "llama 3.1 8b", "quantization": "f16", "device": "RTX 4090", "context": 4096},
    ],
)
def test_no_way_is_offered_that_is_slower_or_taken(catalogue: Catalogue, asked: dict[str, Any]) -> None:
    answer = explain(catalogue, **asked)
    for help in answer.helps:
        if help.decode_tokens_per_s is not None:
            assert help.decode_tokens_per_s > answer.decode_tokens_per_s.typical
        assert help.help != "all_cards_at_once" or not asked.get("tensor_parallel")


def test_cards_that_cannot_share_the_heads_are_not_offered_to(catalogue: Catalogue) -> None:
    three = explain(catalogue, model="llama 3.1 8b", quantization="q4_k_m", device="3x RTX 3090")
    assert three.ceiling_all_at_once_tokens_per_s is None
    assert "all_cards_at_once" not in {help.help for help in three.helps}
    two = explain(catalogue, model="llama 3.1 8b", quantization="q4_k_m", device="2x RTX 3090")
    assert "all_cards_at_once" in {help.help for help in two.helps}


@pytest.mark.parametrize(
    ("times", "told"), [(1.0, "is normal"), (0.2, "far below"), (9.0, "cannot be"), (None, "get about")]
)
def test_the_first_sentence_is_of_all_together(catalogue: Catalogue, times: float | None, told: str) -> None:
    asked = {"model": "qwen3 14b", "quantization": "q8_0", "device": "RTX 5090", "concurrency": 6}
    usual = explain(catalogue, **asked).aggregate_tokens_per_s
    assert usual
    given = {"measured_tokens_per_s": round(usual.typical * times)} if times else {}
    text = brief(catalogue, "explain_speed", asked | given)
    assert told in first_sentence(text)
    assert "6 conversations" in first_sentence(text)
    assert "One conversation alone" in text
