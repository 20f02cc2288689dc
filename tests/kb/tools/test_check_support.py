"""``check_support``: what is said follows from the records of programs and devices."""

import re
from typing import Any

import pytest

from kb.catalogue import Catalogue
from kb.catalogue.records import Accelerator, Engine
from kb.errors import UnknownName
from kb.tools import TOOLS
from kb.tools.check_support.tool import SupportAnswer
from tests.kb.tools.said import brief, first_sentence


def supported(catalogue: Catalogue, **arguments: Any) -> SupportAnswer:
    answer = TOOLS["check_support"].call(catalogue, arguments)
    assert isinstance(answer, SupportAnswer)
    return answer


def test_cuda_decides_by_compute_capability(catalogue: Catalogue) -> None:
    (cuda,) = (way for way in catalogue.known.of(Engine)["vllm"].runs_on if way.backend == "cuda")
    assert cuda.least_compute_capability
    for slug, card in catalogue.known.of(Accelerator).items():
        if card.compute_capability:
            (one,) = supported(catalogue, program="vllm", device=card.name).programs
            new_enough = float(card.compute_capability.value) >= cuda.least_compute_capability
            assert one.support == ("yes" if new_enough else "no"), slug


@pytest.mark.parametrize(
    ("program", "device", "first"),
    [
        ("vllm", "rtx 3090", r"Yes: vLLM runs on the GeForce RTX 3090 with CUDA, on Linux"),
        ("vllm", "tesla p40", r"No: vLLM needs compute capability [\d.]+ or newer, and the NVIDIA Tesla P40 has 6.1"),
        ("mlx-vlm", "rtx 3090", r"No: MLX-VLM runs with Metal alone"),
        ("mlx", "macbook air m4", r"Yes: MLX runs on .* with Metal, on macOS"),
        ("ollama", "rx 6600", r"Yes: Ollama runs on the AMD Radeon RX 6600 with (ROCm|Vulkan)"),
        ("tgi", "rtx 3090", r"(Yes: Text Generation|My sources do not say what)"),
    ],
)
def test_the_first_sentence_answers(catalogue: Catalogue, program: str, device: str, first: str) -> None:
    arguments = {"program": program, "device": device}
    assert re.match(first, first_sentence(brief(catalogue, "check_support", arguments)))


def test_a_program_that_does_not_run_is_told_with_others_that_do(catalogue: Catalogue) -> None:
    answer = supported(catalogue, program="vllm", device="tesla p40")
    engines = {engine.name: engine for engine in catalogue.known.of(Engine).values()}
    assert answer.instead
    for name in answer.instead:
        (one,) = supported(catalogue, program=engines[name].slug, device="tesla p40").programs
        assert one.support == "yes"
    assert not supported(catalogue, program="vllm", device="rtx 3090").instead


def test_the_system_counts(catalogue: Catalogue) -> None:
    (here,) = supported(catalogue, program="vllm", device="rtx 3090", system="linux").programs
    (there,) = supported(catalogue, program="vllm", device="rtx 3090", system="windows").programs
    assert (here.support, there.support) == ("yes", "no")
    text = brief(catalogue, "check_support", {"program": "vllm", "device": "rtx 3090", "system": "windows"})
    assert text.startswith("Not on Windows: ")


def test_without_a_program_all_are_listed(catalogue: Catalogue) -> None:
    answer = supported(catalogue, device="rtx 3060 12gb")
    assert {one.slug for one in answer.programs} == {
        engine.slug for engine in catalogue.known.of(Engine).values() if engine.runs_on
    }
    assert answer.programs[0].support == "yes"


def test_names_that_nobody_has_are_refused(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownName):
        supported(catalogue, program="frobnicator", device="rtx 3090")
    with pytest.raises(UnknownName):
        supported(catalogue, program="vllm", device="frobnicator 9000")
