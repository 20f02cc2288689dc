"""The KV cache by hand; test_memory_proof.py compares it with llama.cpp's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.calc.memory.architecture import Architecture
from kb.calc.memory.families import Config, architecture_of
from kb.calc.memory.kv_cache import bytes_per_token, kv_cache_bytes, kv_cache_layer_bytes
from kb.calc.memory.tensor_types import KV_CACHE_TYPES, TENSOR_TYPES
from kb.calc.workload import Workload
from kb.catalogue.units import MIB
from kb.errors import InvalidArgument

LLAMA_8B = architecture_of(Config("Llama 3.1 8B", 8030261248, 1, 32, 4096, 32, 8, 128, 128256, 14336))
GEMMA_3_27B = architecture_of(
    Config("Gemma 3 27B", 27009346304, 1, 62, 5376, 32, 16, 128, 262208, 21504, "gemma3_text", sliding_window=1024)
)
GEMMA_4_26B = architecture_of(Config(
    "Gemma 4 26B", 1, 1, 30, 2816, 16, 8, 256, 262144, 2112, sliding_window=1024, num_sliding_layers=25,
    global_head_dim=512, num_global_key_value_heads=2,
))  # fmt: skip
DEEPSEEK = architecture_of(
    Config(
        "DeepSeek", 1, 1, 61, 7168, 128, 128, 192, 129280, 18432, "deepseek_v3", kv_lora_rank=512, qk_rope_head_dim=64
    )
)
HYBRID = architecture_of(
    Config(
        "Qwen3-Next", 1, 1, 48, 2048, 16, 2, 256, 151936, 5120, num_linear_layers=36, linear_state_bytes=36 * 2195456
    )
)
MODELS = (LLAMA_8B, GEMMA_3_27B, GEMMA_4_26B, DEEPSEEK, HYBRID)


def test_by_hand() -> None:
    assert kv_cache_bytes(LLAMA_8B, 8192) == 32 * 2 * 8 * 128 * 2 * 8192 == 1024 * MIB
    assert kv_cache_bytes(LLAMA_8B, 8192, "q8_0") == 544 * MIB
    assert kv_cache_bytes(LLAMA_8B, 8192, "q4_0") == 288 * MIB
    # 10 full layers at 32,768 cells, 52 at 1024 + 512.
    assert kv_cache_bytes(GEMMA_3_27B, 32768) == 2 * 16 * 128 * 2 * (10 * 32768 + 52 * 1536)
    assert sum(kv_cache_layer_bytes(GEMMA_3_27B, Workload(32768, swa_full=True))) == 2 * 16 * 128 * 2 * 62 * 32768
    # The latent and the rotary part, once: 576 elements.
    assert kv_cache_bytes(DEEPSEEK, 4096) == 61 * 576 * 2 * 4096
    assert kv_cache_bytes(HYBRID, 4096) == 12 * 2 * 2 * 256 * 2 * 4096 + 36 * 2195456


def test_global_layers_of_other_width() -> None:
    full, sliding = 2 * 2 * 512 * 2 * 8192, 2 * 8 * 256 * 2 * 1536
    assert sorted(set(kv_cache_layer_bytes(GEMMA_4_26B, Workload(8192)))) == [sliding, full]
    # Without FlashAttention every V is as wide as the widest: 2048 elements instead of 1024.
    widest = (1024 + 2048) * 2 * 8192
    assert max(kv_cache_layer_bytes(GEMMA_4_26B, Workload(8192, flash_attention=False))) == widest


def test_refuses_other_types() -> None:
    with pytest.raises(InvalidArgument, match="q4_k"):
        kv_cache_bytes(LLAMA_8B, 8192, "q4_k")


@given(st.sampled_from(MODELS), st.integers(1, 200_000), st.integers(0, 50_000), st.sampled_from(KV_CACHE_TYPES))
def test_more_tokens_never_take_less(model, context, more, cache) -> None:
    assert kv_cache_bytes(model, context, cache) <= kv_cache_bytes(model, context + more, cache)


@given(st.sampled_from(MODELS), st.integers(1, 100_000), st.integers(1, 16), st.sampled_from(KV_CACHE_TYPES))
def test_slots_multiply(model, context, slots, cache) -> None:
    assert kv_cache_bytes(model, context, cache, slots) == slots * kv_cache_bytes(model, context, cache)


@given(st.sampled_from(MODELS), st.integers(1, 100_000))
def test_fewer_bits_never_take_more(model, context) -> None:
    by_bits = sorted(KV_CACHE_TYPES, key=lambda name: TENSOR_TYPES[name].bits_per_weight)
    sizes = [kv_cache_bytes(model, context, name) for name in by_bits]
    assert sizes == sorted(sizes)


@given(st.sampled_from(MODELS), st.integers(1, 100), st.sampled_from(KV_CACHE_TYPES))
def test_a_step_takes_256_tokens_more(model: Architecture, steps: int, cache: str) -> None:
    grown = kv_cache_bytes(model, 256 * (steps + 1), cache) - kv_cache_bytes(model, 256 * steps, cache)
    assert grown == 256 * bytes_per_token(model, 256 * steps, cache)
