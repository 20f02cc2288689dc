"""GGUF files with the shapes of real models: the header is real, the weights are a hole in a sparse file."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import pytest

Q = gguf.GGMLQuantizationType


@dataclass(frozen=True)
class Latent:
    """DeepSeek's MLA ranks and head sizes."""

    query_rank: int
    rank: int
    rope: int
    nope: int
    value: int


@dataclass(frozen=True)
class DeltaNet:
    """Qwen3-Next's linear attention; every fourth layer attends to everything."""

    conv: int
    value_heads: int
    key_heads: int
    head_dim: int


@dataclass(frozen=True)
class Shape:
    arch: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    ff: int = 0
    kind: gguf.GGMLQuantizationType = Q.Q4_0
    tied: bool = False
    experts: int = 0
    experts_used: int = 0
    expert_ff: int = 0
    shared_ff: int = 0
    dense_lead: int = 0
    window: int = 0
    latent: Latent | None = None
    delta_net: DeltaNet | None = None


Tensors = list[tuple[str, tuple[int, ...], gguf.GGMLQuantizationType]]


def _write_keys(writer: gguf.GGUFWriter, shape: Shape) -> None:
    writer.add_block_count(shape.layers)
    writer.add_context_length(131072)
    writer.add_embedding_length(shape.hidden)
    writer.add_feed_forward_length(shape.ff or shape.expert_ff)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(1 if shape.latent else shape.kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(shape.vocab)
    writer.add_tokenizer_model("none")
    if shape.experts:
        writer.add_expert_count(shape.experts)
        writer.add_expert_used_count(shape.experts_used)
        writer.add_expert_feed_forward_length(shape.expert_ff)
        writer.add_expert_shared_count(1 if shape.shared_ff else 0)
    if shape.window:
        writer.add_sliding_window(shape.window)
    if latent := shape.latent:
        writer.add_leading_dense_block_count(shape.dense_lead)
        writer.add_q_lora_rank(latent.query_rank)
        writer.add_kv_lora_rank(latent.rank)
        writer.add_key_length(latent.rank + latent.rope)
        writer.add_value_length(latent.rank)
        writer.add_key_length_mla(latent.nope + latent.rope)
        writer.add_value_length_mla(latent.value)
        writer.add_rope_dimension_count(latent.rope)
        writer.add_expert_weights_scale(2.5)
        writer.add_expert_weights_norm(True)
        writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)
        return
    writer.add_key_length(shape.head_dim)
    writer.add_value_length(shape.head_dim)
    writer.add_rope_dimension_count(shape.head_dim // 4 if shape.delta_net else shape.head_dim)
    if net := shape.delta_net:
        writer.add_expert_shared_feed_forward_length(shape.shared_ff)
        writer.add_ssm_conv_kernel(net.conv)
        writer.add_ssm_inner_size(net.value_heads * net.head_dim)
        writer.add_ssm_state_size(net.head_dim)
        writer.add_ssm_time_step_rank(net.value_heads)
        writer.add_ssm_group_count(net.key_heads)
        writer.add_uint32(f"{shape.arch}.full_attention_interval", 4)
        if shape.arch == "qwen35moe":
            writer.add_rope_dimension_sections([11, 11, 10, 0])


def _tensors(shape: Shape) -> Tensors:
    tensors: Tensors = [("token_embd.weight", (shape.hidden, shape.vocab), shape.kind)]
    if not shape.tied:
        tensors.append(("output.weight", (shape.hidden, shape.vocab), shape.kind))
    tensors.append(("output_norm.weight", (shape.hidden,), Q.F32))
    for layer in range(shape.layers):
        named = [("attn_norm.weight", (shape.hidden,), Q.F32), *_mixer(shape, layer), *_feed_forward(shape, layer)]
        tensors += [(f"blk.{layer}.{name}", sizes, kind) for name, sizes, kind in named]
    return tensors


def _mixer(shape: Shape, layer: int) -> Tensors:
    kind, hidden = shape.kind, shape.hidden
    if latent := shape.latent:
        heads = shape.heads
        return [
            ("attn_q_a.weight", (hidden, latent.query_rank), kind),
            ("attn_q_a_norm.weight", (latent.query_rank,), Q.F32),
            ("attn_q_b.weight", (latent.query_rank, heads * (latent.nope + latent.rope)), kind),
            ("attn_kv_a_mqa.weight", (hidden, latent.rank + latent.rope), kind),
            ("attn_kv_a_norm.weight", (latent.rank,), Q.F32),
            ("attn_k_b.weight", (latent.nope, latent.rank, heads), kind),
            ("attn_v_b.weight", (latent.rank, latent.value, heads), kind),
            ("attn_output.weight", (heads * latent.value, hidden), kind),
        ]
    if shape.delta_net and (layer + 1) % 4:
        return _delta_net(shape, shape.delta_net)
    query, key = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    tensors: Tensors = [
        ("attn_q.weight", (hidden, query * (2 if shape.delta_net else 1)), kind),
        ("attn_k.weight", (hidden, key), kind),
        ("attn_v.weight", (hidden, key), kind),
        ("attn_output.weight", (query, hidden), kind),
    ]
    if shape.arch in ("qwen2", "gpt-oss"):
        tensors += [(f"attn_{name}.bias", (size,), Q.F32) for name, size in (("q", query), ("k", key), ("v", key))]
    if shape.arch in ("qwen3", "qwen3moe", "gemma3") or shape.delta_net:
        tensors += [(f"attn_{name}_norm.weight", (shape.head_dim,), Q.F32) for name in "qk"]
    if shape.arch == "gpt-oss":
        tensors += [("attn_sinks.weight", (shape.heads,), Q.F32), ("attn_output.bias", (hidden,), Q.F32)]
    return tensors


def _delta_net(shape: Shape, net: DeltaNet) -> Tensors:
    kind, hidden = shape.kind, shape.hidden
    keys, values = net.key_heads * net.head_dim, net.value_heads * net.head_dim
    rates = (
        [("ssm_ba.weight", 2 * net.value_heads)]
        if shape.arch == "qwen3next"
        else [("ssm_beta.weight", net.value_heads), ("ssm_alpha.weight", net.value_heads)]
    )
    return [
        ("attn_qkv.weight", (hidden, 2 * keys + values), kind),
        ("attn_gate.weight", (hidden, values), kind),
        *[(name, (hidden, size), kind) for name, size in rates],
        ("ssm_conv1d.weight", (net.conv, 2 * keys + values), Q.F32),
        ("ssm_dt.bias", (net.value_heads,), Q.F32),
        ("ssm_a", (net.value_heads,), Q.F32),
        ("ssm_norm.weight", (net.head_dim,), Q.F32),
        ("ssm_out.weight", (values, hidden), kind),
    ]


def _feed_forward(shape: Shape, layer: int) -> Tensors:
    kind, hidden, experts, width = shape.kind, shape.hidden, shape.experts, shape.expert_ff
    norms = {"gemma2": 3, "gemma3": 3, "gpt-oss": 1}.get(shape.arch, 1 if shape.delta_net else 0)
    names = {0: ["ffn_norm"], 1: ["post_attention_norm"], 3: ["ffn_norm", "post_attention_norm", "post_ffw_norm"]}
    tensors: Tensors = [(f"{name}.weight", (hidden,), Q.F32) for name in names[norms]]
    if not experts or layer < shape.dense_lead:
        return [*tensors, *_gated("", hidden, shape.ff, kind)]
    stored = Q.MXFP4 if shape.arch == "gpt-oss" else kind
    tensors.append(("ffn_gate_inp.weight", (hidden, experts), Q.F32))
    tensors += [(name, (*sizes, experts), stored) for name, sizes, _ in _gated("_exps", hidden, width, stored)]
    if shape.arch == "deepseek2":
        tensors.append(("exp_probs_b.bias", (experts,), Q.F32))
    if shape.arch == "gpt-oss":
        tensors.append(("ffn_gate_inp.bias", (experts,), Q.F32))
        tensors += [(f"ffn_{name}_exps.bias", (width, experts), Q.F32) for name in ("gate", "up")]
        tensors.append(("ffn_down_exps.bias", (hidden, experts), Q.F32))
    if shape.delta_net:
        tensors.append(("ffn_gate_inp_shexp.weight", (hidden,), Q.F32))
    return [*tensors, *(_gated("_shexp", hidden, shape.shared_ff, kind) if shape.shared_ff else [])]


def _gated(suffix: str, hidden: int, width: int, kind: gguf.GGMLQuantizationType) -> Tensors:
    return [
        (f"ffn_gate{suffix}.weight", (hidden, width), kind),
        (f"ffn_up{suffix}.weight", (hidden, width), kind),
        (f"ffn_down{suffix}.weight", (width, hidden), kind),
    ]


def _write(path: Path, shape: Shape) -> Path:
    writer = gguf.GGUFWriter(path, shape.arch)
    _write_keys(writer, shape)
    data_bytes = 0
    for name, sizes, kind in _tensors(shape):
        block_weights, block_bytes = gguf.GGML_QUANT_SIZES[kind]
        rows = tuple(reversed(sizes))
        stored = int(np.prod(sizes)) // block_weights * block_bytes
        if kind == Q.F32:
            writer.add_tensor_info(name, rows, np.dtype(np.float32), stored)
        else:
            in_bytes = (*rows[:-1], rows[-1] // block_weights * block_bytes)
            writer.add_tensor_info(name, in_bytes, np.dtype(np.uint8), stored, raw_dtype=kind)
        data_bytes += -(-stored // 32) * 32
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    os.truncate(path, -(-path.stat().st_size // 32) * 32 + data_bytes)
    return path


REAL_SHAPES = {
    "Llama 3.1 8B": Shape("llama", 32, 4096, 32, 8, 128, 128256, 14336),
    "Llama 3.1 70B": Shape("llama", 80, 8192, 64, 8, 128, 128256, 28672),
    "Llama 2 7B": Shape("llama", 32, 4096, 32, 32, 128, 32000, 11008),
    "Llama 3.2 1B": Shape("llama", 16, 2048, 32, 8, 64, 128256, 8192, tied=True),
    "Qwen2.5 14B": Shape("qwen2", 48, 5120, 40, 8, 128, 152064, 13824),
    "Qwen3 32B": Shape("qwen3", 64, 5120, 64, 8, 128, 151936, 25600),
    "Gemma 2 9B": Shape("gemma2", 42, 3584, 16, 8, 256, 256000, 14336, tied=True, window=4096),
    "Gemma 3 4B": Shape("gemma3", 34, 2560, 8, 4, 256, 262208, 10240, tied=True, window=1024),
    "Gemma 3 27B": Shape("gemma3", 62, 5376, 32, 16, 128, 262208, 21504, tied=True, window=1024),
    "Mixtral 8x7B": Shape("llama", 32, 4096, 32, 8, 128, 32000, 14336, experts=8, experts_used=2, expert_ff=14336),
    "Qwen3 30B-A3B": Shape(
        "qwen3moe", 48, 2048, 32, 4, 128, 151936, 6144, experts=128, experts_used=8, expert_ff=768
    ),
    "gpt-oss-20b": Shape(
        "gpt-oss", 24, 2880, 64, 8, 64, 201088, kind=Q.Q8_0,
        experts=32, experts_used=4, expert_ff=2880, window=128,
    ),
    "DeepSeek-R1": Shape(
        "deepseek2", 61, 7168, 128, 128, 576, 129280, 18432, experts=256, experts_used=8, expert_ff=2048,
        shared_ff=2048, dense_lead=3, latent=Latent(query_rank=1536, rank=512, rope=64, nope=128, value=128),
    ),
    "Qwen3-Next 80B-A3B": Shape(
        "qwen3next", 48, 2048, 16, 2, 256, 151936, 5120, experts=512, experts_used=10, expert_ff=512,
        shared_ff=512, delta_net=DeltaNet(conv=4, value_heads=32, key_heads=16, head_dim=128),
    ),
    "Qwen3.5 35B-A3B": Shape(
        "qwen35moe", 40, 2048, 16, 2, 256, 248320, experts=256, experts_used=8, expert_ff=512,
        shared_ff=512, delta_net=DeltaNet(conv=4, value_heads=32, key_heads=16, head_dim=128),
    ),
}  # fmt: skip


@pytest.fixture(scope="session")
def real_shapes() -> dict[str, Shape]:
    """Public models, layer for layer."""
    return REAL_SHAPES


@pytest.fixture(scope="session")
def write_gguf() -> Callable[[Path, Shape], Path]:
    """Write a file of a shape; it takes a few kilobytes of disk, whatever its size."""
    return _write
