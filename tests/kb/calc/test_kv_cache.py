"""The KV cache by hand; test_memory_proof.py compares it with llama.cpp's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.calc.memory.architecture import WINDOW_NOT_KEPT, Architecture
from kb.calc.memory.kv_cache import bytes_per_token, kv_cache_bytes, kv_cache_layer_bytes
from kb.calc.memory.tensor_types import KV_CACHE_TYPES, TENSOR_TYPES
from kb.catalogue.units import MIB
from kb.errors import InvalidArgument

LLAMA_8B = Architecture("Llama 3.1 8B", 8030261248, 1, 32, 4096, 32, 8, 128, 128256, 14336)
GEMMA_3_27B = Architecture(
    "Gemma 3 27B", 27009346304, 1, 62, 5376, 32, 16, 128, 262208, 21504, sliding_window=1024, num_sliding_layers=52
)
GEMMA_4_26B = Architecture(
    "Gemma 4 26B", 1, 1, 30, 2816, 16, 8, 256, 262144, 2112, sliding_window=1024, num_sliding_layers=25,
    global_head_dim=512, num_global_key_value_heads=2,
)  # fmt: skip
DEEPSEEK = Architecture("DeepSeek", 1, 1, 61, 7168, 128, 128, 192, 129280, 18432, kv_lora_rank=512, qk_rope_head_dim=64)
HYBRID = Architecture(
    "Qwen3-Next", 1, 1, 48, 2048, 16, 2, 256, 151936, 5120, num_linear_layers=36, linear_state_bytes=36 * 2195456
)
MODELS = (LLAMA_8B, GEMMA_3_27B, GEMMA_4_26B, DEEPSEEK, HYBRID)


def test_by_hand() -> None:
    assert kv_cache_bytes(LLAMA_8B, 8192) == 32 * 2 * 8 * 128 * 2 * 8192 == 1024 * MIB
    assert kv_cache_bytes(LLAMA_8B, 8192, "q8_0") == 544 * MIB
    assert kv_cache_bytes(LLAMA_8B, 8192, "q4_0") == 288 * MIB
    # 10 full layers at 32,768 cells, 52 at 1024 + 512.
    assert kv_cache_bytes(GEMMA_3_27B, 32768) == 2 * 16 * 128 * 2 * (10 * 32768 + 52 * 1536)
    assert kv_cache_bytes(GEMMA_3_27B, 32768, swa_full=True) == 2 * 16 * 128 * 2 * 62 * 32768
    # The latent and the rotary part, once: 576 elements.
    assert kv_cache_bytes(DEEPSEEK, 4096) == 61 * 576 * 2 * 4096
    assert kv_cache_bytes(HYBRID, 4096) == 12 * 2 * 2 * 256 * 2 * 4096 + HYBRID.linear_state_bytes


def test_global_layers_of_other_width() -> None:
    full, sliding = 2 * 2 * 512 * 2 * 8192, 2 * 8 * 256 * 2 * 1536
    assert sorted(set(kv_cache_layer_bytes(GEMMA_4_26B, 8192))) == [sliding, full]
    # Without FlashAttention every V is as wide as the widest: 2048 elements instead of 1024.
    widest = (1024 + 2048) * 2 * 8192
    assert max(kv_cache_layer_bytes(GEMMA_4_26B, 8192, flash_attention=False)) == widest


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


@pytest.mark.parametrize("model_type", sorted(WINDOW_NOT_KEPT))
def test_a_window_that_llama_cpp_does_not_use(model_type: str) -> None:
    """StarCoder2 15B: 40 layers × 2 × 4 heads × 128 × 2 bytes, for every token of the context."""
    config = {
        "params_total": 15_957_889_024, "num_hidden_layers": 40, "hidden_size": 6144, "num_attention_heads": 48,
        "num_key_value_heads": 4, "head_dim": 128, "vocab_size": 49152, "sliding_window": 4096,
        "num_sliding_layers": 40,
    }  # fmt: skip
    used = Architecture.from_config("gemma", config | {"model_type": "gemma3_text"})
    unused = Architecture.from_config("starcoder", config | {"model_type": model_type})
    assert kv_cache_bytes(used, 16384) == 40 * 2 * 4 * 128 * 2 * (4096 + 512)
    assert kv_cache_bytes(unused, 16384) == 40 * 2 * 4 * 128 * 2 * 16384
    assert any("whole context" in note for note in unused.assumed)


@given(st.sampled_from(MODELS), st.integers(1, 100), st.sampled_from(KV_CACHE_TYPES))
def test_a_step_takes_256_tokens_more(model: Architecture, steps: int, cache: str) -> None:
    grown = kv_cache_bytes(model, 256 * (steps + 1), cache) - kv_cache_bytes(model, 256 * steps, cache)
    assert grown == 256 * bytes_per_token(model, 256 * steps, cache)
