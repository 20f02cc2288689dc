"""Which memory is too small, and how much RAM would do: the verdict and its figures agree."""

from typing import Any

import pytest

from kb.catalogue import Catalogue
from kb.tools import TOOLS
from kb.tools.check_fit.tool import FitAnswer
from tests.kb.tools.said import brief

EXPERTS_IN_RAM = {"model": "deepseek v3.1", "quantization": "q4_k_m", "device": "RTX 3090", "options": "--cpu-moe"}
ONE_CARD_FULL = {"model": "llama 3.3 70b", "quantization": "q4_k_m", "device": "3x RTX 3090", "options": "-ts 4,1,1"}
TOO_LARGE = {"model": "glm 4.6", "quantization": "q4_k_m", "device": "RTX 5090"}


def fit(catalogue: Catalogue, **arguments: Any) -> FitAnswer:
    answer = TOOLS["check_fit"].call(catalogue, arguments)
    assert isinstance(answer, FitAnswer)
    return answer


def test_the_ram_is_what_overflows(catalogue: Catalogue) -> None:
    answer = fit(catalogue, **EXPERTS_IN_RAM)
    assert (answer.verdict, answer.required_gb < answer.available_gb) == ("does_not_fit", True)
    assert answer.overflow
    assert answer.overflow.is_system
    assert answer.headroom_gb == pytest.approx(answer.overflow.available_gb - answer.overflow.required_gb)
    assert answer.headroom_gb < 0
    assert not any("another may" in line for line in answer.warnings)
    text = brief(catalogue, "check_fit", EXPERTS_IN_RAM)
    assert "what overflows is the RAM" in text
    assert "card would" not in text


@pytest.mark.parametrize("asked", [EXPERTS_IN_RAM, TOO_LARGE])
def test_so_much_ram_is_enough_and_less_is_not(catalogue: Catalogue, asked: dict[str, Any]) -> None:
    answer = fit(catalogue, **asked)
    enough = answer.system_memory_required_gb
    assert answer.verdict == "does_not_fit"
    assert enough
    assert f"{enough:.0f} GB" in brief(catalogue, "check_fit", asked)
    runs = fit(catalogue, **asked, system_memory_gb=enough)
    assert (runs.verdict, runs.system_memory_required_gb, runs.overflow) == ("fits_with_offload", enough, None)
    assert fit(catalogue, **asked, system_memory_gb=enough - 0.2).verdict == "does_not_fit"


def test_the_card_that_overflows_is_told_with_its_figures(catalogue: Catalogue) -> None:
    answer = fit(catalogue, **ONE_CARD_FULL)
    assert (answer.verdict, answer.required_gb < answer.available_gb) == ("does_not_fit", True)
    first = answer.per_device[0]
    held = first.weights_gb + first.kv_cache_gb + first.compute_buffer_gb + first.runtime_overhead_gb
    assert answer.overflow
    assert answer.overflow.memory == first.device
    assert answer.overflow.required_gb == pytest.approx(held, abs=0.01)
    assert answer.headroom_gb == pytest.approx(first.available_gb - held, abs=0.01)
    assert answer.headroom_gb < 0
    assert answer.system_memory_required_gb is None
    assert f"{answer.overflow.required_gb:.1f} GB" in brief(catalogue, "check_fit", ONE_CARD_FULL)


@pytest.mark.parametrize(
    "asked",
    [
        {"model": "llama 3.1 8b", "device": "RTX 4090"},
        {"model": "gpt-oss 120b", "device": "RTX 4090", "options": "--cpu-moe"},
        {"model": "llama 3.1 8b", "device": "2x RTX 3060 12gb", "options": "-ngl 20"},
        {"model": "llama 3.3 70b", "device": "2x RTX 3090", "context": 24000},
        {"model": "llama 3.3 70b", "device": "M3 Max", "quantization": "f16"},
    ],
)
def test_headroom_says_no_other_thing_than_the_verdict(catalogue: Catalogue, asked: dict[str, Any]) -> None:
    answer = fit(catalogue, **asked)
    if answer.verdict == "fits":
        assert answer.headroom_gb >= 0
    elif not asked.get("options"):  # with them, the rest of what the devices could hold
        assert answer.headroom_gb < 0
    assert answer.overflow is None


def test_a_speed_that_is_asked_about_says_which_memory_it_is(catalogue: Catalogue) -> None:
    assert "the RAM would hold" in brief(catalogue, "explain_speed", EXPERTS_IN_RAM)
