"""Bytes of weights by format; the llama.cpp mixes are proven in test_mixes_proof.py."""

import gguf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.calc.memory.architecture import Experts, Mlp
from kb.calc.memory.families import Config, architecture_of
from kb.calc.memory.mixes import DEFAULT_TYPES
from kb.calc.memory.tensor_types import TENSOR_TYPES
from kb.calc.memory.weights import mix_of, weights_of
from kb.catalogue.records import Quantization
from kb.catalogue.units import GB, GIB

LLAMA_8B = architecture_of(Config("Llama 3.1 8B", 8030261248, 8030261248, 32, 4096, 32, 8, 128, 128256, 14336))
LLAMA_70B = architecture_of(Config("Llama 3.1 70B", 70553706496, 70553706496, 80, 8192, 64, 8, 128, 128256, 28672))
QWEN3_30B = architecture_of(Config(
    "Qwen3 30B-A3B", 30532122624, 3300000000, 48, 2048, 32, 4, 128, 151936, 6144, num_experts=128,
    num_experts_per_tok=8, moe_intermediate_size=768,
))  # fmt: skip
GPT_OSS_20B = architecture_of(Config(
    "gpt-oss-20b", 20914757184, 3600000000, 24, 2880, 64, 8, 64, 201088, num_experts=32, num_experts_per_tok=4,
    moe_intermediate_size=2880, sliding_window=128, num_sliding_layers=12,
))  # fmt: skip


def quantization(slug: str, kind: str = "gguf", **figures: float) -> Quantization:
    known = {key: {"value": value, "sources": ("llama-cpp",)} for key, value in figures.items()}
    return Quantization.model_validate(
        {"slug": slug, "name": slug.upper(), "summary": "A storage format for weights.", "sources": ("llama-cpp",),
         "format": kind, "family": "mixed", **known}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("model", "slug", "published"),
    [
        # llama.cpp, tools/quantize/README.md and a 70B collection: bits per weight of whole files.
        (LLAMA_8B, "iq1_s", 2.0042), (LLAMA_8B, "iq3_xxs", 3.2548), (LLAMA_8B, "q2_k", 3.1593),
        (LLAMA_8B, "q3_k_l", 4.2979), (LLAMA_8B, "q4_k_m", 4.8944), (LLAMA_8B, "q6_k", 6.5633),
        (LLAMA_70B, "iq2_m", 2.7345), (LLAMA_70B, "q3_k_m", 3.8851), (LLAMA_70B, "q4_k_m", 4.8213),
        (LLAMA_70B, "q5_k_s", 5.5177), (GPT_OSS_20B, "mxfp4", 4.630), (QWEN3_30B, "q8_0", 8.511),
    ],
)  # fmt: skip
def test_published_bits_per_weight(model, slug, published) -> None:
    total = weights_of(model, quantization(slug)).total_bytes
    assert total * 8 / model.params_total == pytest.approx(published, rel=0.005)


@pytest.mark.parametrize("model", [LLAMA_8B, LLAMA_70B, QWEN3_30B, GPT_OSS_20B])
@pytest.mark.parametrize("slug", sorted(DEFAULT_TYPES))
def test_parts_make_the_whole(model, slug) -> None:
    weights = weights_of(model, quantization(slug))
    assert weights.total_bytes == weights.embedding_bytes + sum(weights.layer_bytes) + weights.output_bytes
    assert all(part <= whole for part, whole in zip(weights.expert_bytes, weights.layer_bytes, strict=True))
    assert 0 < weights.active_bytes <= weights.device_bytes


def test_a_measured_file_size_is_the_total() -> None:
    size = round(39.6 * GIB)
    weights = weights_of(LLAMA_70B, quantization("q4_k_m"), size)
    assert weights.total_bytes == size
    assert "42.52 GB" in weights.how
    parts = weights.embedding_bytes + sum(weights.layer_bytes) + weights.output_bytes
    assert parts == pytest.approx(size, abs=100)


@pytest.mark.parametrize(
    ("slug", "kind", "bits", "expected_gb"),
    [
        # 8.03 billion parameters, of which 2 × 525 million in embedding and head stay at 16 bits unless MLX.
        ("awq", "awq", 4.15, (6.979e9 * 4.15 / 8 + 1.0507e9 * 2) / GB),
        ("fp8", "safetensors", 8.0, (6.979e9 + 1.0507e9 * 2) / GB),
        ("exl2-4.0bpw", "exl2", 4.0, (6.979e9 / 2 + 1.0507e9 * 2) / GB),
        ("mlx-4bit", "mlx", 4.5, 8.03e9 * 4.5 / 8 / GB),
        ("bf16-safetensors", "safetensors", 16.0, 16.06),
    ],
)
def test_other_formats(slug, kind, bits, expected_gb) -> None:
    total = weights_of(LLAMA_8B, quantization(slug, kind, bits_per_weight=bits)).total_bytes / GB
    assert total == pytest.approx(expected_gb, rel=0.005)


def test_a_format_without_bits_says_so() -> None:
    with pytest.raises(ValueError, match="AWQ: bits per weight are not known"):
        weights_of(LLAMA_8B, quantization("awq", "awq"))


def test_dynamic_mixes_go_by_whole_file_bits() -> None:
    assert mix_of(quantization("ud-q4_k_xl")) == "q4_k_m"
    assert mix_of(quantization("mxfp4_moe")) == "mxfp4"
    published = weights_of(LLAMA_70B, quantization("ud-q2_k_xl", bits_per_weight_file=3.1))
    assert published.total_bytes == pytest.approx(LLAMA_70B.params_total * 3.1 / 8, rel=1e-6)
    assert "5 bits per weight" in weights_of(LLAMA_70B, quantization("ud-q4_k_xl")).how
    assert "taken as Q6_K" in weights_of(LLAMA_70B, quantization("ud-q6_k_xl")).how


def test_a_missing_width_is_told_from_the_parameters() -> None:
    unknown = architecture_of(Config("Qwen2.5 14B", 14770033664, 14770033664, 48, 5120, 40, 8, 128, 152064))
    assert {layer.feed_forward for layer in unknown.layers} == {Mlp(13824)}
    assert weights_of(unknown, quantization("q4_k_m")).total_bytes / GIB == pytest.approx(8.37, rel=0.005)
    mixtral = architecture_of(
        Config("Mixtral", 46702792704, 0, 32, 4096, 32, 8, 128, 32000, 14336, num_experts=8, num_experts_per_tok=2)
    )
    assert {layer.feed_forward for layer in mixtral.layers} == {Experts(8, 2, 14336)}


NEMOTRON_SUPER = architecture_of(Config(
    "Nemotron 3 Super 120B A12B", 120668707840, 12000000000, 88, 4096, 32, 2, 128, 131072, model_type="nemotron_h",
    num_experts=512, num_experts_per_tok=22, num_shared_experts=1, moe_intermediate_size=2688,
    shared_expert_intermediate_size=5376, num_linear_layers=40, num_attention_free_layers=40,
))  # fmt: skip


def test_experts_that_are_smaller_than_their_shapes_say() -> None:
    """Its experts have two matrices of 1,024 x 2,688, not three of 4,096 x 2,688: 512 x 40 x 2 of them are 112.7B."""
    weights = weights_of(NEMOTRON_SUPER, quantization("q8_0"))
    assert weights.total_bytes == pytest.approx(NEMOTRON_SUPER.params_total * 8.5 / 8, rel=0.02)
    assert sum(weights.expert_bytes) == pytest.approx(512 * 40 * 2 * 1024 * 2688 * 8.5 / 8, rel=0.02)
    assert weights.active_bytes < 0.12 * weights.total_bytes


@settings(deadline=None)
@given(
    total=st.integers(10**8, 10**12), width=st.integers(1, 64), hidden=st.integers(1, 64), experts=st.integers(0, 256)
)
def test_tensors_never_add_up_to_more_than_the_parameters(total: int, width: int, hidden: int, experts: int) -> None:
    wide = architecture_of(Config(
        "A model", total, 0, 32, 256 * hidden, 32, 8, 64, 32000, 256 * width,
        num_experts=experts, num_experts_per_tok=min(experts, 4), moe_intermediate_size=256 * width if experts else 0,
    ))  # fmt: skip
    others = 2 * 32000 * 256 * hidden + 32 * 256 * hidden * (2 * 32 * 64 + 2 * 8 * 64 + experts)
    weights = weights_of(wide, quantization("q8_0"))
    kept_at_32_bits = (2 * 32 + 1 + 32 * experts) * 256 * hidden * 4
    assert weights.total_bytes <= 1.03 * max(total, others) * 8.5 / 8 + kept_at_32_bits


@given(st.sampled_from(sorted(TENSOR_TYPES)), st.integers(1, 10**7))
def test_blocks_are_never_cut(name, elements) -> None:
    stored = TENSOR_TYPES[name]
    assert stored.bytes_of(elements) % stored.block_bytes == 0
    assert 0 <= stored.bytes_of(elements) * 8 - elements * stored.bits_per_weight < stored.block_bytes * 8


def test_block_sizes_are_those_of_the_gguf_package() -> None:
    for name, (block_weights, block_bytes) in (
        (kind.name.lower(), size) for kind, size in gguf.GGML_QUANT_SIZES.items()
    ):
        if name in TENSOR_TYPES:
            assert (TENSOR_TYPES[name].block_weights, TENSOR_TYPES[name].block_bytes) == (block_weights, block_bytes)
