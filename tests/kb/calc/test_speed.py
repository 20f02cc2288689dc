"""The speed model: what must hold for any device and model, and what a person can check by hand."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.calc.device import Device
from kb.calc.memory.architecture import Architecture
from kb.calc.memory.families import Config, architecture_of
from kb.calc.memory.weights import weights_of
from kb.calc.results import Offload, Speed
from kb.calc.speed.constants import constants
from kb.calc.speed.decode import cache_bytes_read, split_by_layers, step_of, step_time
from kb.calc.speed.estimate import estimate_speed
from kb.calc.speed.prefill import bytes_read_by
from kb.calc.speed.rates import generation_of, is_server_cpu, unpacking_flops, vector_flops
from kb.catalogue.records import Quantization
from kb.catalogue.units import GB, GIB

LLAMA_8B = architecture_of(
    Config("Llama 3.1 8B", 8_030_261_248, 8_030_261_248, 32, 4096, 32, 8, 128, 128256, intermediate_size=14336)
)
LLAMA_70B = architecture_of(
    Config("Llama 3.3 70B", 70_553_706_496, 70_553_706_496, 80, 8192, 64, 8, 128, 128256, intermediate_size=28672)
)
QWEN_30B_A3B = architecture_of(Config(
    "Qwen3 30B A3B", 30_532_122_624, 3_300_000_000, 48, 2048, 32, 4, 128, 151936,
    num_experts=128, num_experts_per_tok=8, moe_intermediate_size=768,
))  # fmt: skip
GEMMA_12B = architecture_of(Config(
    "Gemma 3 12B", 11_765_788_416, 11_765_788_416, 48, 3840, 16, 8, 256, 262208,
    intermediate_size=15360, tie_word_embeddings=True, sliding_window=1024, num_sliding_layers=40,
))  # fmt: skip
MODELS = (LLAMA_8B, LLAMA_70B, QWEN_30B_A3B, GEMMA_12B)
K_QUANTS = ("Q2_K", "Q3_K_M", "Q4_K_S", "Q4_K_M", "Q5_K_M", "Q6_K")


def quantization(name: str, family: str = "k-quant") -> Quantization:
    return Quantization.model_validate(
        {
            "slug": name.lower().replace("_", "-"),
            "name": name,
            "format": "gguf",
            "family": family,
            "summary": "A format of the tests, as llama.cpp names it.",
            "sources": ["tests"],
        }
    )


def card(bandwidth_gb_per_s: float = 936.2, **changes: Any) -> Device:
    device = Device(
        "RTX 3090", "cuda", 24 * GIB, bandwidth_gb_per_s * GB, fp16_dense_flops=71.2e12, architecture="Ampere"
    )
    return replace(device, **changes)


def speed(
    model: Architecture = LLAMA_8B,
    devices: tuple[Device, ...] = (card(),),
    name: str = "Q4_K_M",
    family: str = "k-quant",
    **arguments: Any,
) -> Speed:
    weights = weights_of(model, quantization(name, family))
    return estimate_speed(model, weights, devices, quantization_family=family, **arguments)


devices = st.builds(
    Device,
    name=st.sampled_from(("A card", "RTX 4090", "GTX 1070", "M3 Max", "RX 7900 XTX", "AMD EPYC 9654")),
    backend=st.sampled_from(("cuda", "rocm", "metal", "vulkan", "sycl", "cpu")),
    memory_bytes=st.integers(4 * GIB, 256 * GIB),
    bandwidth_bytes_per_s=st.floats(20 * GB, 8000 * GB),
    fp16_dense_flops=st.sampled_from((0.0, 10e12, 165e12, 990e12)),
    unified_memory=st.booleans(),
    segment=st.sampled_from(("consumer", "workstation", "datacenter", "laptop")),
    gpu_cores=st.sampled_from((0, 10, 40)),
)
models = st.sampled_from(MODELS)
depths = st.integers(0, 131_072)


@given(model=models, device=devices, count=st.integers(1, 8), depth=depths, tensor_parallel=st.booleans())
def test_no_estimate_passes_its_ceiling(
    model: Architecture, device: Device, count: int, depth: int, tensor_parallel: bool
) -> None:
    result = speed(model, (device,) * count, context=depth, tensor_parallel=tensor_parallel)
    decode = result.decode_tokens_per_s
    assert 0 < decode.low <= decode.typical <= decode.high <= result.ceiling_tokens_per_s
    assert 0 < result.prefill_tokens_per_s.low <= result.prefill_tokens_per_s.high


@given(model=models, device=devices, factor=st.floats(1.0, 10.0), depth=depths)
def test_a_faster_memory_is_never_slower(model: Architecture, device: Device, factor: float, depth: int) -> None:
    faster = replace(device, bandwidth_bytes_per_s=device.bandwidth_bytes_per_s * factor)
    before, after = (speed(model, (each,), context=depth) for each in (device, faster))
    assert after.decode_tokens_per_s.typical >= before.decode_tokens_per_s.typical
    assert after.prefill_tokens_per_s.typical >= before.prefill_tokens_per_s.typical


@given(model=models, device=devices, depth=depths, more=st.integers(0, 100_000))
def test_a_deeper_context_is_never_faster(model: Architecture, device: Device, depth: int, more: int) -> None:
    shallow, deep = (speed(model, (device,), context=at, prompt_tokens=512) for at in (depth, depth + more))
    assert deep.decode_tokens_per_s.typical <= shallow.decode_tokens_per_s.typical


@given(device=devices, model=models, pair=st.tuples(st.integers(0, 5), st.integers(0, 5)))
def test_a_smaller_quantization_of_a_family_is_never_slower(
    device: Device, model: Architecture, pair: tuple[int, int]
) -> None:
    small, large = (speed(model, (device,), K_QUANTS[index]) for index in sorted(pair))
    assert small.decode_tokens_per_s.typical >= large.decode_tokens_per_s.typical


@given(device=devices, model=models, depth=depths)
def test_without_flash_attention_nothing_is_faster(device: Device, model: Architecture, depth: int) -> None:
    with_it, without = (speed(model, (device,), context=depth, flash_attention=on) for on in (True, False))
    assert without.decode_tokens_per_s.typical <= with_it.decode_tokens_per_s.typical


@given(device=devices, model=models, users=st.integers(2, 64))
def test_more_users_get_less_each_and_more_together(device: Device, model: Architecture, users: int) -> None:
    one, many = speed(model, (device,)), speed(model, (device,), concurrency=users)
    assert many.aggregate_tokens_per_s is not None
    assert many.decode_tokens_per_s.typical <= one.decode_tokens_per_s.typical
    assert many.aggregate_tokens_per_s.typical >= one.decode_tokens_per_s.typical * 0.99


@given(moved=st.integers(0, 79))
def test_more_layers_in_system_memory_are_never_faster(moved: int) -> None:
    here, there = (speed(LLAMA_70B, offload=offloaded(80 - count)) for count in (moved, moved + 1))
    assert there.decode_tokens_per_s.typical <= here.decode_tokens_per_s.typical


def offloaded(layers_on_device: int, layers: int = 80, experts: int = 0) -> Offload:
    return Offload(
        layers_on_device=layers_on_device, layers_total=layers, experts_on_cpu_layers=experts,
        device_gb=0, system_memory_gb=0, weights_in_system_memory_gb=0, weights_offloaded_percent=0,
    )  # fmt: skip


def test_the_slow_part_of_an_offloaded_model_decides() -> None:
    half = speed(LLAMA_70B, offload=offloaded(40))
    assert half.bottleneck == "system memory (offloaded layers)"
    # About 20 GB from system memory at 80 GB/s take a quarter of a second, whatever the card does.
    assert half.decode_tokens_per_s.typical < 4
    assert "system memory" in half.formula


def test_experts_in_system_memory_cost_less_than_whole_layers() -> None:
    experts = speed(QWEN_30B_A3B, offload=offloaded(48, 48, experts=24))
    layers = speed(QWEN_30B_A3B, offload=offloaded(24, 48))
    whole = speed(QWEN_30B_A3B)
    assert layers.decode_tokens_per_s.typical < experts.decode_tokens_per_s.typical
    assert experts.decode_tokens_per_s.typical < whole.decode_tokens_per_s.typical


def test_two_cards_by_layers_are_no_faster_than_one() -> None:
    one, two = speed(), speed(devices=(card(), card()))
    assert two.decode_tokens_per_s.typical <= one.decode_tokens_per_s.typical
    assert two.ceiling_tokens_per_s == one.ceiling_tokens_per_s


def test_two_cards_in_tensor_parallel_halve_the_reading_and_pay_for_the_link() -> None:
    one, two = speed(LLAMA_70B), speed(LLAMA_70B, (card(), card()), tensor_parallel=True)
    assert two.ceiling_tokens_per_s == pytest.approx(2 * one.ceiling_tokens_per_s, rel=0.01)
    assert 1 < two.decode_tokens_per_s.typical / one.decode_tokens_per_s.typical < 2


def test_unequal_cards_share_by_memory() -> None:
    slow, fast = card(300, memory_bytes=8 * GIB), card(900)
    step = step_of(LLAMA_8B, weights_of(LLAMA_8B, quantization("Q4_K_M")), "k-quant", 0)
    mixed = split_by_layers(step, (slow, fast), constants().decode).weights
    reading = constants().decode.practice * step.weight_bytes / constants().decode.backends["cuda"].efficiency
    assert mixed == pytest.approx(reading * (0.25 / (300 * GB) + 0.75 / (900 * GB)))


def test_the_cache_that_is_read_at_a_depth() -> None:
    # 8 of 48 layers attend to all 8,192 tokens, 40 to 1,024; keys and values of 8 heads x 256, 2 bytes each.
    assert cache_bytes_read(GEMMA_12B, 8192) == (8 * 8192 + 40 * 1024) * 2 * 8 * 256 * 2
    assert cache_bytes_read(LLAMA_8B, 1000, "q8_0") == pytest.approx(cache_bytes_read(LLAMA_8B, 1000) * 8.5 / 16)


def test_a_batch_reads_the_experts_that_any_of_its_tokens_needs() -> None:
    weights = weights_of(QWEN_30B_A3B, quantization("Q4_K_M"))
    everything = weights.device_bytes
    assert bytes_read_by(QWEN_30B_A3B, weights, 1) == pytest.approx(weights.active_bytes)
    assert bytes_read_by(QWEN_30B_A3B, weights, 512) == pytest.approx(everything, rel=0.01)


def test_the_formula_shows_the_arithmetic() -> None:
    result = speed(context=0)
    assert "936 GB/s / 4.6" in result.formula
    assert "tokens/s ceiling" in result.formula
    assert float(result.formula.split(" tokens/s ceiling")[0].split("= ")[1]) == pytest.approx(
        result.ceiling_tokens_per_s, rel=0.005
    )
    assert any("current llama.cpp" in note for note in result.assumptions)
    assert any("0 tokens in the cache" in note for note in result.assumptions)


def test_time_to_first_token_follows_the_prompt() -> None:
    short, long = speed(prompt_tokens=512), speed(prompt_tokens=16384)
    assert short.time_to_first_token_s < 1 < long.time_to_first_token_s
    assert speed(context=4096).time_to_first_token_s == speed(context=4096, prompt_tokens=4096).time_to_first_token_s


@pytest.mark.parametrize(
    ("device", "generation", "teraflops"),
    [
        (card(fp16_dense_flops=312e12, name="A100 80 GB", segment="datacenter"), "ampere", 19.5),
        (card(fp32_flops=82.6e12, name="RTX 4090", architecture="Ada Lovelace"), "ada", 82.6),
        (card(fp32_flops=61.4e12, name="RX 7900 XTX", architecture="RDNA 3", backend="rocm"), "rdna3", 30.7),
        (card(name="M2 Ultra", architecture="", backend="metal", gpu_cores=76, fp16_dense_flops=0), "m2", 27.2),
        (card(name="GTX 1660", architecture="Turing", chip="TU116", fp32_flops=5e12), "turing gtx", 5.0),
        (card(name="Quadro RTX 4000", architecture="Turing", fp32_flops=7.1e12), "turing", 7.1),
        (card(name="RTX 4090", architecture="", fp32_flops=82.6e12), "", 82.6),
        (card(name="A device", architecture="", fp16_dense_flops=0, bandwidth_bytes_per_s=500e9), "", 20.0),
    ],
)
def test_generation_and_vector_rate(device: Device, generation: str, teraflops: float) -> None:
    assert generation_of(device) == generation
    assert vector_flops(device)[0] / 1e12 == pytest.approx(teraflops, rel=0.01)


@pytest.mark.parametrize(
    ("device", "family", "teraflops"),
    [
        (card(fp32_flops=35.6e12), "k-quant", 17.8),
        (card(fp32_flops=35.6e12), "float", 35.6),
        (card(fp32_flops=19.5e12, name="NVIDIA A100 80GB PCIe", chip="GA100"), "k-quant", 19.5),
        (card(fp32_flops=31.2e12, name="NVIDIA A10", segment="datacenter"), "k-quant", 15.6),
        (card(fp32_flops=51.2e12, name="H100", architecture="Hopper", segment="datacenter"), "legacy", 25.6),
        (card(fp32_flops=13.4e12, name="RTX 2080 Ti", architecture="Turing"), "legacy", 13.4),
    ],
)
def test_unpacking_takes_the_integer_lanes(device: Device, family: str, teraflops: float) -> None:
    assert unpacking_flops(device, family) / 1e12 == pytest.approx(teraflops)


@given(model=models, device=devices, depth=depths)
def test_reading_and_unpacking_overlap(model: Architecture, device: Device, depth: int) -> None:
    step = step_of(model, weights_of(model, quantization("Q4_K_M")), "k-quant", depth)
    device = replace(device, fp32_flops=20e12)
    time = step_time(step, device, constants().decode)
    slow = step_time(step, replace(device, bandwidth_bytes_per_s=device.bandwidth_bytes_per_s / 10), constants().decode)
    assert 0 <= slow.compute <= time.compute


def test_a_server_cpu_pays_for_its_threads_not_for_its_name() -> None:
    desktop = card(460.8, name="A desktop", backend="cpu")
    small, large = (
        speed(model, (replace(desktop, name="AMD EPYC 9654"),)).decode_tokens_per_s.typical
        / speed(model, (desktop,)).decode_tokens_per_s.typical
        for model in (GEMMA_12B, LLAMA_70B)
    )
    assert 0.3 < small < large < 0.9


def test_a_server_cpu_is_told_by_its_name() -> None:
    assert is_server_cpu(card(name="Intel Xeon w9", backend="cpu"))
    assert not is_server_cpu(card(name="Ryzen 9 9950X", backend="cpu"))


def test_the_constants_keep_what_was_promised() -> None:
    errors = {error.group: error for error in constants().calibration.decode_errors}
    assert errors["GPU"].median <= 0.10
    assert errors["GPU"].within_25_percent >= 0.85
    assert errors["CPU"].median <= 0.15
    assert errors["deep context"].median <= 0.15
    assert 0.75 <= errors["all"].in_range <= 0.90
    assert errors["GPU"].bare_median > 5 * errors["GPU"].median
    assert all(backend.efficiency <= 0.95 for backend in constants().decode.backends.values())
