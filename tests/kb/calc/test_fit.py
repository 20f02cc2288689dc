"""What fits where: hand-checked cases, published measurements, and what must hold for any numbers."""

import re
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.calc.device import Device
from kb.calc.memory.architecture import Architecture
from kb.calc.memory.families import Config, architecture_of
from kb.calc.memory.fit import check_fit, fits, max_context
from kb.calc.memory.overhead import Room, room_on
from kb.calc.memory.tensor_types import KV_CACHE_TYPES
from kb.calc.memory.weights import weights_of
from kb.calc.workload import Workload
from kb.catalogue.records import Quantization
from kb.catalogue.units import GB, GIB
from kb.errors import InvalidArgument

LLAMA_8B = architecture_of(
    Config("Llama 3.1 8B", 8030261248, 8030261248, 32, 4096, 32, 8, 128, 128256, 14336, max_position_embeddings=131072)
)
LLAMA_70B = architecture_of(
    Config(
        "Llama 3.1 70B", 70553706496, 70553706496, 80, 8192, 64, 8, 128, 128256, 28672, max_position_embeddings=131072
    )
)
PHI_3_MEDIUM = architecture_of(Config("Phi-3 medium", 13960238080, 13960238080, 40, 5120, 40, 10, 128, 32064, 17920))
OLMO_2_13B = architecture_of(Config("OLMo 2 13B", 13716198400, 13716198400, 40, 5120, 40, 40, 128, 100352, 13824))
MIXTRAL = architecture_of(Config(
    "Mixtral", 46702792704, 12900000000, 32, 4096, 32, 8, 128, 32000, 14336, num_experts=8, num_experts_per_tok=2,
    max_position_embeddings=32768,
))  # fmt: skip
GPT_OSS_120B = architecture_of(Config(
    "gpt-oss-120b", 116830000000, 5100000000, 36, 2880, 64, 8, 64, 201088, num_experts=128, num_experts_per_tok=4,
    moe_intermediate_size=2880, sliding_window=128, num_sliding_layers=18, max_position_embeddings=131072,
))  # fmt: skip
MODELS = (LLAMA_8B, LLAMA_70B, PHI_3_MEDIUM, MIXTRAL, GPT_OSS_120B)

RTX_4090 = Device("RTX 4090", "cuda", 24 * GIB, 1008e9, segment="consumer")
RTX_3090 = Device("RTX 3090", "cuda", 24 * GIB, 936e9, segment="consumer")
RTX_5070 = Device("RTX 5070", "cuda", 12 * GIB, 672e9, segment="consumer")
A6000 = Device("RTX A6000", "cuda", 48 * GIB, 768e9, segment="workstation")
A100 = Device("A100 80 GB", "cuda", 80 * GIB, 2039e9, segment="datacenter")
M1 = Device("M1", "metal", 8 * GIB, 68e9, unified_memory=True)
M2_ULTRA = Device("M2 Ultra", "metal", 192 * GIB, 800e9, unified_memory=True)
STRIX_HALO = Device("Strix Halo", "rocm", 128 * GIB, 256e9, unified_memory=True)
GB10 = Device("DGX Spark", "cuda", 128 * GIB, 273e9, unified_memory=True)
CPU = Device("CPU", "cpu", 64 * GIB, 80e9)


def quantization(slug: str, **figures: float) -> Quantization:
    known = {key: {"value": value, "sources": ("llama-cpp",)} for key, value in figures.items()}
    return Quantization.model_validate(
        {"slug": slug, "name": slug.upper(), "summary": "A storage format for weights.", "sources": ("llama-cpp",),
         "format": "gguf", "family": "k-quant", **known}
    )  # fmt: skip


LADDER = tuple(quantization(slug) for slug in ("iq2_xxs", "q2_k", "q3_k_m", "q4_k_m", "q5_k_m", "q6_k", "q8_0", "f16"))
LOAD = {field.name for field in fields(Workload)}


def fit(model: Architecture, slug: str, *devices: Device, **given):
    load = Workload(**{name: given.pop(name) for name in LOAD & given.keys()})
    return check_fit(model, weights_of(model, quantization(slug)), devices, load, **given)


# Whether a model ran whole on the card(s) as published runs tell: device, count, model, type, context, flash, ran.
PUBLISHED = (
    (A100, 1, LLAMA_70B, "f16", 1024, False, False),
    (A100, 1, LLAMA_70B, "q4_k_m", 1024, False, True),
    (A100, 4, LLAMA_70B, "f16", 1024, False, True),
    (M1, 1, LLAMA_8B, "q4_k_m", 1024, False, True),
    (M1, 1, LLAMA_8B, "q4_k_m", 8192, False, False),
    (M1, 1, LLAMA_8B, "f16", 1024, False, False),
    (RTX_3090, 1, LLAMA_8B, "f16", 1024, False, True),
    (RTX_3090, 1, LLAMA_70B, "q4_k_m", 1024, False, False),
    (RTX_3090, 2, LLAMA_70B, "q4_k_m", 1024, False, True),
    (RTX_3090, 4, LLAMA_70B, "f16", 1024, False, False),
    (RTX_3090, 6, LLAMA_70B, "f16", 1024, False, True),
    (RTX_5070, 1, LLAMA_8B, "f16", 1024, False, False),
    (RTX_5070, 1, LLAMA_8B, "q4_k_m", 1024, False, True),
    (RTX_5070, 1, OLMO_2_13B, "q4_k_m", 4096, True, True),
    (RTX_5070, 1, PHI_3_MEDIUM, "q4_k_m", 4096, True, True),
    (A6000, 1, LLAMA_70B, "q4_k_m", 1024, False, True),
    (A6000, 4, LLAMA_70B, "f16", 1024, False, True),
)


@pytest.mark.parametrize(("device", "count", "model", "slug", "context", "flash", "ran"), PUBLISHED)
def test_agrees_with_what_ran(device, count, model, slug, context, flash, ran) -> None:
    result = fit(model, slug, *[device] * count, context=context, flash_attention=flash)
    assert (result.verdict == "fits") == ran


@pytest.mark.parametrize(
    ("model", "slug", "context", "flash", "measured_gib"),
    [
        (LLAMA_8B, "q4_k_m", 512, True, 5.18),
        (LLAMA_8B, "q4_k_m", 4096, True, 5.62),
        (LLAMA_8B, "q4_k_m", 8192, True, 6.12),
        (LLAMA_8B, "q4_k_m", 4096, False, 5.74),
    ],
)
def test_peak_memory_on_strix_halo_within_five_percent(model, slug, context, flash, measured_gib) -> None:
    required = fit(model, slug, STRIX_HALO, context=context, flash_attention=flash).required_gb
    assert required * GB / GIB == pytest.approx(measured_gib, rel=0.05)


def test_a_70b_on_one_24_gb_card_by_hand() -> None:
    result = fit(LLAMA_70B, "q4_k_m", RTX_4090, model_label="Llama 3.1 70B", quantization_label="Q4_K_M")
    # 42.51 GB file − 0.59 GB embedding; 80 layers × 8 heads × 128 × 2 × 2 bytes × 8192 tokens.
    assert result.breakdown.weights_gb == pytest.approx(41.92, abs=0.01)
    assert result.breakdown.kv_cache_gb == pytest.approx(80 * 8 * 128 * 2 * 2 * 8192 / GB, abs=0.001)
    assert result.verdict == "fits_with_offload"
    assert result.offload is not None
    assert 40 <= result.offload.layers_on_device <= 46
    assert result.max_context == 0
    assert "41.92 GB weights + 2.68 GB KV cache" in result.formula
    assert "25.77 GB (24 GiB)" in result.formula
    assert result.commands is not None
    layers = result.offload.layers_on_device + 1
    assert f"-ngl {layers} " in f"{result.commands.llama_cpp} "
    assert "num_gpu" in (result.commands.ollama or "")
    assert any("64 GiB (not given), 4 GiB of it for the system" in line for line in result.assumptions)


def test_breakdown_adds_up_and_devices_hold_it() -> None:
    result = fit(LLAMA_70B, "q4_k_m", RTX_4090, RTX_3090)
    parts = result.breakdown
    total = parts.weights_gb + parts.kv_cache_gb + parts.compute_buffer_gb + parts.runtime_overhead_gb
    assert result.required_gb == pytest.approx(total, abs=0.001)
    assert result.headroom_gb == pytest.approx(result.available_gb - result.required_gb, abs=0.001)
    assert sum(load.layers for load in result.per_device) == 80
    for load in result.per_device:
        held = load.weights_gb + load.kv_cache_gb + load.compute_buffer_gb + load.runtime_overhead_gb
        assert held <= load.available_gb


def test_unequal_cards_get_a_split_by_what_they_hold() -> None:
    result = fit(LLAMA_70B, "q4_k_m", A6000, RTX_5070, context=16384)
    assert result.verdict == "fits"
    assert result.per_device[0].layers > 3 * result.per_device[1].layers


def test_experts_go_to_system_memory_first() -> None:
    result = fit(GPT_OSS_120B, "mxfp4", RTX_4090, system_memory_bytes=64 * GIB)
    assert result.verdict == "fits_with_offload"
    assert result.offload is not None
    assert result.offload.layers_on_device == 36
    assert result.commands is not None
    assert f"--n-cpu-moe {result.offload.experts_on_cpu_layers}" in (result.commands.llama_cpp or "")
    assert result.commands.ollama is None


def test_neither_card_nor_system_memory() -> None:
    result = fit(LLAMA_70B, "f16", RTX_4090, system_memory_bytes=32 * GIB)
    assert result.verdict == "does_not_fit"
    assert result.offload is None
    assert result.commands is None
    assert result.warnings


@pytest.mark.parametrize("device", [M2_ULTRA, STRIX_HALO, GB10, CPU])
def test_shared_memory_never_offloads_and_counts_the_embedding(device) -> None:
    small = fit(LLAMA_8B, "q4_k_m", device)
    assert small.verdict == "fits"
    assert small.breakdown.weights_gb == pytest.approx(4.913, abs=0.01)
    assert fit(LLAMA_70B, "f16", device, system_memory_bytes=512 * GIB).offload is None


def test_metal_has_a_working_set_limit() -> None:
    assert fit(LLAMA_8B, "q4_k_m", M2_ULTRA).available_gb == pytest.approx(144 * GIB / GB, abs=0.01)


def test_every_card_of_several_has_its_own_buffers() -> None:
    """llama.cpp printed 640 MiB on each of four cards for an 8B at 8192 tokens without FlashAttention, before
    indices of a transposed V were inputs too (16 MiB more)."""
    result = fit(LLAMA_8B, "q4_k_m", A100, A100, A100, A100, flash_attention=False)
    for load in result.per_device:
        assert load.compute_buffer_gb == pytest.approx((640 + 16) * 2**20 / GB, abs=0.002)


@pytest.mark.parametrize("slug", ["q4_k_m", "f16"])
@pytest.mark.parametrize("model", [LLAMA_70B, GPT_OSS_120B], ids=lambda model: model.name)
def test_hundreds_of_one_card_are_worked_out_once(
    model: Architecture, slug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And as hundreds of equal ones are, each by itself."""
    asked: list[Device] = []

    def counting(device: Device, **given: Any) -> Room:
        asked.append(device)
        return room_on(device, **given)

    apart = fit(model, slug, *(replace(RTX_4090) for _ in range(300)))
    monkeypatch.setattr("kb.calc.memory.fit.room_on", counting)
    assert fit(model, slug, *[RTX_4090] * 300) == apart
    assert 0 < len(asked) < 20


def test_only_gguf_offloads_and_others_keep_the_embedding_on_the_card() -> None:
    awq = quantization("awq", bits_per_weight=4.15).model_copy(update={"format": "awq"})
    weights = weights_of(LLAMA_70B, awq)
    result = check_fit(LLAMA_70B, weights, [RTX_4090], Workload(quantization_format="awq"), quantization_label="AWQ")
    assert result.verdict == "does_not_fit"
    assert any("only GGUF" in line for line in result.warnings)
    result = check_fit(LLAMA_70B, weights, [A100], Workload(quantization_format="awq"), model_label="Llama 3.1 70B")
    assert result.breakdown.weights_gb == pytest.approx(weights.total_bytes / GB, abs=0.01)
    assert result.commands is not None
    assert result.commands.llama_cpp is None
    assert (result.commands.vllm or "").startswith("vllm serve Llama-3.1-70B --max-model-len 8192")


def test_commands_name_what_was_asked() -> None:
    result = fit(
        LLAMA_8B, "f16", RTX_4090, RTX_4090, context=4096, concurrency=4, kv_cache_type="q8_0",
        model_label="Llama 3.1 8B", quantization_label="F16",
    )  # fmt: skip
    assert result.commands is not None
    assert re.search(r"-c 16384 -ngl 99 .*-fa on -ctk q8_0 -ctv q8_0 -np 4", result.commands.llama_cpp or "")
    assert "OLLAMA_NUM_PARALLEL=4" in (result.commands.ollama or "")
    assert "--tensor-parallel-size 2 --max-num-seqs 4" in (result.commands.vllm or "")


def test_says_what_is_over_the_limit() -> None:
    assert any("limit" in line for line in fit(MIXTRAL, "q4_k_m", A6000, context=65536).warnings)
    refused = fit(LLAMA_8B, "q4_k_m", A6000, kv_cache_type="q8_0", flash_attention=False)
    assert any("without FlashAttention" in line for line in refused.warnings)


@pytest.mark.parametrize(
    "bad",
    [{"context": 0}, {"concurrency": 0}, {"ubatch": -1}, {"kv_cache_type": "q3_k"}],
    ids=lambda bad: next(iter(bad)),
)
def test_refuses_nonsense_by_name(bad) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(bad))):
        fit(LLAMA_8B, "q4_k_m", RTX_4090, **bad)
    with pytest.raises(InvalidArgument, match="devices"):
        fit(LLAMA_8B, "q4_k_m")


devices = st.builds(
    lambda gib, backend: Device("card", backend, gib * GIB, 1e12, segment="workstation"),
    st.integers(4, 200),
    st.sampled_from(["cuda", "rocm", "vulkan"]),
)
models = st.sampled_from(MODELS)
slugs = st.sampled_from([quant.slug for quant in LADDER])
contexts = st.integers(1, 131072)
properties = settings(max_examples=40, deadline=None)


@properties
@given(models, slugs, devices, contexts, contexts, st.booleans())
def test_more_context_never_needs_less(model, slug, device, one, other, flash) -> None:
    short, long = sorted((one, other))
    less = fit(model, slug, device, context=short, flash_attention=flash)
    more = fit(model, slug, device, context=long, flash_attention=flash)
    assert less.breakdown.kv_cache_gb <= more.breakdown.kv_cache_gb
    # Gaps left in the compute buffer may shift by a few activations; see kb.calc.memory.arena.
    assert less.required_gb <= more.required_gb * 1.02 + 0.1


@properties
@given(models, devices, contexts)
def test_fewer_bits_never_need_more(model, device, context) -> None:
    required = [fit(model, slug.slug, device, context=context).required_gb for slug in LADDER]
    assert required == sorted(required)


@properties
@given(models, slugs, devices, contexts, st.integers(1, 3))
def test_another_card_of_the_kind_never_makes_less_room(model, slug, device, context, count) -> None:
    weights = weights_of(model, quantization(slug))
    load = Workload(context=context)
    if fits(model, weights, [device] * count, load):
        assert fits(model, weights, [device] * (count + 1), load)


@properties
@given(models, slugs, devices, st.integers(1, 8), st.sampled_from(KV_CACHE_TYPES))
def test_max_context_is_the_edge(model, slug, device, concurrency, cache) -> None:
    weights = weights_of(model, quantization(slug))
    load = Workload(concurrency=concurrency, kv_cache_type=cache)
    longest = max_context(model, weights, [device], load)
    limit = model.max_position_embeddings or 2**20
    assert 0 <= longest <= limit
    if longest:
        assert fits(model, weights, [device], replace(load, context=longest))
    if longest < limit:
        assert not fits(model, weights, [device], replace(load, context=longest + 4096))


@properties
@given(models, slugs, devices, st.integers(1, 256))
def test_offload_leaves_nothing_out(model, slug, device, system_gib) -> None:
    weights = weights_of(model, quantization(slug))
    result = check_fit(model, weights, [device], Workload(), system_memory_bytes=system_gib * GIB)
    if result.offload:
        on_device = sum(load.weights_gb for load in result.per_device)
        everything = on_device + result.offload.weights_in_system_memory_gb
        assert everything == pytest.approx(weights.device_bytes / GB, abs=0.002)
        assert result.offload.device_gb <= device.memory_bytes / GB
        assert result.offload.system_memory_gb <= system_gib * GIB / GB


def test_tied_embeddings_are_one_tensor_on_the_cpu() -> None:
    """A GPU gets a copy for the output head, and the CPU beside it keeps the other; the CPU alone has one."""
    tied = replace(LLAMA_8B, tie_word_embeddings=True, params_total=LLAMA_8B.params_total - 128256 * 4096)
    weights = weights_of(tied, quantization("q4_k_m"))
    on_cpu = check_fit(tied, weights, [CPU], Workload()).breakdown.weights_gb
    assert on_cpu == pytest.approx(weights.total_bytes / GB, abs=0.001)
    assert check_fit(tied, weights, [RTX_4090], Workload()).breakdown.weights_gb == pytest.approx(on_cpu, abs=0.001)
    served = check_fit(tied, weights, [A100], Workload(quantization_format="awq")).breakdown.weights_gb
    assert served == pytest.approx(weights.total_bytes / GB, abs=0.001)
    untied = weights_of(LLAMA_8B, quantization("q4_k_m"))
    held = check_fit(LLAMA_8B, untied, [CPU], Workload()).breakdown.weights_gb
    assert held == pytest.approx(untied.total_bytes / GB, abs=0.001)
