"""Combinations that do not work, or not as they seem: an answer that says so, or a refusal that names the limit."""

from typing import Any

import pytest

from kb.search.live import Index
from kb.tools import TOOLS, InvalidArguments
from kb.tools.check_fit.tool import FitAnswer

FIT: dict[str, Any] = {"model": "llama 3.1 8b", "quantization": "q4_k_m", "device": "RTX 4090"}


def fit(index: Index, **changed: Any) -> FitAnswer:
    answer = TOOLS["check_fit"].call(index, FIT | changed)
    assert isinstance(answer, FitAnswer)
    return answer


@pytest.mark.parametrize(
    ("quantization", "device", "native"),
    [
        ("nvfp4", "RTX 5090", True), ("nvfp4", "RTX 4090", False), ("nvfp4", "MI355X", False),
        ("mxfp4", "MI355X", True), ("mxfp4", "RTX 4090", False),
        ("fp8", "RTX 4090", True), ("fp8", "RTX 3090", False), ("fp8", "A100 80GB PCIe", False),
        ("fp8", "H100 PCIe", True), ("fp8", "MI300X", True),
        ("fp8", "RX 7900 XTX", False), ("fp8", "RX 9070 XT", True), ("fp8", "M4 Max", False),
        ("f16", "RX 7900 XTX", True), ("f16", "Ryzen 9 9950X", True), ("f16", "M4 Max", True),
        ("bf16", "RTX 2080 Ti", False), ("q4_k_m", "RTX 3090", True),
    ],
)  # fmt: skip
def test_formats_that_the_hardware_does_not_compute_in(
    index: Index, quantization: str, device: str, native: bool
) -> None:
    answer = fit(index, quantization=quantization, device=device, system_memory_gb=64)
    warned = [line for line in answer.warnings if "no native" in line]
    assert bool(warned) is not native


@pytest.mark.parametrize(
    ("quantization", "device", "says"),
    [("exl2-4.0bpw", "RX 7900 XTX", "needs an NVIDIA GPU"), ("mlx-4bit", "RTX 4090", "runs on Apple Silicon only")],
)
def test_formats_of_one_maker(index: Index, quantization: str, device: str, says: str) -> None:
    assert any(says in line for line in fit(index, quantization=quantization, device=device).warnings)


def test_context_over_the_models_limit(index: Index) -> None:
    over = fit(index, context=200_000)
    assert any("200,000 is over the model's limit of 131,072" in line for line in over.warnings)
    assert not any("limit" in line for line in fit(index, context=131_072).warnings)


FIELDS = {
    "check_fit": ("context", "concurrency", "device_count", "system_memory_gb"),
    "estimate_speed": ("context", "concurrency", "device_count"),
    "max_context": ("concurrency", "device_count"),
    "best_quantization": ("context", "concurrency"),
    "what_runs_on": ("context", "limit"),
}


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), 1e30, 10**30, True, "many"])
@pytest.mark.parametrize(("tool", "field"), [(tool, field) for tool, fields in FIELDS.items() for field in fields])
def test_figures_that_are_none_are_refused_at_the_schema(index: Index, tool: str, field: str, value: Any) -> None:
    known = {name: FIT[name] for name in FIT if name in TOOLS[tool].input_model.model_fields}
    with pytest.raises(InvalidArguments) as caught:
        TOOLS[tool].call(index, known | {field: value})
    assert caught.value.problems[0].field == field


@pytest.mark.parametrize("value", [0, -1, float("nan"), 1e30])
@pytest.mark.parametrize("figure", ["memory_gib", "memory_bandwidth_gb_per_s", "fp16_dense_tflops"])
def test_figures_of_a_given_device(index: Index, figure: str, value: float) -> None:
    device = {"memory_gib": 24, "memory_bandwidth_gb_per_s": 900, figure: value}
    with pytest.raises(InvalidArguments):
        fit(index, device=device)
