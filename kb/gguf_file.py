"""A GGUF file's header: architecture, exact tensor bytes and quantization. The weights are never read.

Keys: the GGUF specification (ggml, docs/gguf.md) and llama.cpp, src/llama-arch.cpp.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf

from kb.calc.memory.architecture import Architecture
from kb.calc.memory.weights import Weights, active_bytes
from kb.catalogue.units import GB
from kb.errors import UnreadableModel
from kb.gguf_header import Tensor, Value, read_header

_F32_BYTES = 4
_SPLIT_NAME = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")
_LAYER = re.compile(r"^blk\.(\d+)\.")

# Every how many layers one attends to everything, where the file does not say (src/models/*.cpp).
_PERIODS = {"gemma2": 2, "gemma3": 6, "gemma3n": 5, "gpt-oss": 2, "cohere2": 4, "llama4": 4, "exaone4": 4, "olmo2": 4}


@dataclass(frozen=True)
class GgufModel:
    """What a header tells: enough for ``check_fit`` and ``estimate_speed``."""

    name: str
    architecture: Architecture
    weights: Weights
    quantization: str
    """As llama.cpp names it: ``Q4_K_M``; the most common tensor type where the file does not say."""


def read_gguf(path: Path) -> GgufModel:
    """Read one file, or all parts of a split one (any part may be named).

    Raises ``UnreadableModel``, naming the file, when it or a part is missing, cut short, or not a GGUF model.
    """
    headers = [read_header(part) for part in file_parts(path)]
    keys = headers[0].keys
    tensors = [tensor for header in headers for tensor in header.tensors]
    kind = keys.get("general.architecture")
    if not kind or not tensors or f"{kind}.block_count" not in keys:
        raise UnreadableModel(f"{path}: no language model is described in this GGUF file")
    try:
        architecture = _architecture(path, str(kind), keys, tensors)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise UnreadableModel(f"{path}: the shapes in the GGUF file are damaged; download it again") from error
    return GgufModel(
        name=architecture.name,
        architecture=architecture,
        weights=_weights(architecture, tensors),
        quantization=_quantization(keys, tensors),
    )


def file_parts(path: Path) -> list[Path]:
    """The file alone, or all parts of a split one, the first first."""
    match = _SPLIT_NAME.search(path.name)
    if not match:
        return [path]
    stem, count = path.name[: match.start()], int(match[2])
    return [path.with_name(f"{stem}-{number:05d}-of-{count:05d}.gguf") for number in range(1, count + 1)]


def size_gb(path: Path) -> float:
    """Of the file, or of all parts of a split one that are there."""
    return round(sum(part.stat().st_size for part in file_parts(path) if part.is_file()) / GB, 3)


def _architecture(path: Path, kind: str, keys: Mapping[str, Value], tensors: Sequence[Tensor]) -> Architecture:
    def get(key: str, default: Any = 0) -> Any:
        return keys.get(f"{kind}.{key}", default)

    layers = int(get("block_count")) - int(get("nextn_predict_layers"))
    if not 0 < layers <= len(tensors):
        raise UnreadableModel(f"{path}: the GGUF file says that it has {layers} layers, and has {len(tensors)} tensors")
    kv_heads = _per_layer(get("attention.head_count_kv", get("attention.head_count")), layers)
    heads = max(_per_layer(get("attention.head_count"), layers))
    hidden = int(get("embedding_length"))
    if heads < 1 or hidden < 1:
        raise UnreadableModel(f"{path}: the GGUF file lacks heads or embedding length")
    is_full, is_linear, is_free = _layer_masks(kind, get, kv_heads, layers)
    sliding = [not full and not other for full, other in zip(is_full, _either(is_linear, is_free), strict=True)]
    full_kv = _common(kv_heads, is_full)
    sliding_kv = _common(kv_heads, sliding) or full_kv
    head_dim = int(get("attention.key_length")) or hidden // heads
    sliding_head_dim = int(get("attention.key_length_swa")) or head_dim
    latent = int(get("attention.kv_lora_rank"))
    rope = int(get("rope.dimension_count"))
    experts, used = int(get("expert_count")), int(get("expert_used_count"))
    total = sum(tensor.elements for tensor in tensors)
    routed = sum(tensor.elements for tensor in tensors if _is_expert(tensor.name))
    return Architecture(
        name=str(keys.get("general.name") or path.stem),
        params_total=total,
        params_active=total - routed + (routed * used // experts if experts else 0),
        num_hidden_layers=layers,
        hidden_size=hidden,
        num_attention_heads=heads,
        num_key_value_heads=heads if latent else sliding_kv,
        head_dim=sliding_head_dim,
        vocab_size=_vocabulary(kind, keys, tensors, hidden),
        intermediate_size=max(_per_layer(get("feed_forward_length"), layers)),
        tie_word_embeddings=not any(tensor.name == "output.weight" for tensor in tensors),
        max_position_embeddings=int(get("context_length")),
        num_experts=experts,
        num_experts_per_tok=used,
        num_shared_experts=int(get("expert_shared_count")),
        moe_intermediate_size=max(_per_layer(get("expert_feed_forward_length"), layers)),
        shared_expert_intermediate_size=int(get("expert_shared_feed_forward_length")),
        first_k_dense_replace=int(get("leading_dense_block_count")),
        sliding_window=_window(get),
        num_sliding_layers=sum(sliding),
        num_linear_layers=sum(is_linear),
        num_attention_free_layers=sum(is_free),
        global_head_dim=head_dim if sliding_head_dim != head_dim else 0,
        num_global_key_value_heads=full_kv if sliding_kv != full_kv else 0,
        kv_lora_rank=latent,
        q_lora_rank=int(get("attention.q_lora_rank")),
        qk_rope_head_dim=rope if latent else 0,
        qk_nope_head_dim=int(get("attention.key_length_mla")) - rope if latent else 0,
        v_head_dim=int(get("attention.value_length_mla")) if latent else 0,
        linear_state_bytes=_linear_state_elements(get, hidden) * _F32_BYTES * sum(is_linear),
    )


def _layer_masks(
    kind: str, get: Any, kv_heads: Sequence[int], layers: int
) -> tuple[list[bool], list[bool], list[bool]]:
    """Which layers attend to everything, which keep a recurrent state, which have no mixer."""
    recurrent = bool(get("ssm.state_size") or get("shortconv.l_cache"))
    interval = int(get("full_attention_interval")) or (4 if kind in ("qwen3next", "qwen35", "qwen35moe") else 0)
    feed_forward = _per_layer(get("feed_forward_length"), layers)
    without_kv = [
        heads == 0 or (recurrent and interval > 0 and (layer + 1) % interval != 0)
        for layer, heads in enumerate(kv_heads)
    ]
    # Nemotron-H: layers without KV heads are either Mamba or, where they have a width, feed-forward only.
    by_width = recurrent and not interval and 0 in feed_forward
    is_free = [
        missing and (not recurrent or (by_width and feed_forward[layer] > 0))
        for layer, missing in enumerate(without_kv)
    ]
    is_linear = [missing and not free for missing, free in zip(without_kv, is_free, strict=True)]
    is_sliding = _sliding(kind, get, layers)
    is_full = [not missing and not window for missing, window in zip(without_kv, is_sliding, strict=True)]
    return is_full, is_linear, is_free


def _window(get: Any) -> int:
    return int(get("attention.sliding_window") or get("attention.chunk_size"))


def _sliding(kind: str, get: Any, layers: int) -> list[bool]:
    pattern = get("attention.sliding_window_pattern", _PERIODS.get(kind, 0))
    if not _window(get):
        return [False] * layers
    if isinstance(pattern, list):
        return [bool(entry) for entry in pattern[:layers]]
    period = int(pattern)
    return [period > 1 and (layer + 1) % period != 0 for layer in range(layers)]


def _per_layer(value: Any, layers: int) -> list[int]:
    values = value if isinstance(value, list) else [value]
    return [int(entry) for entry in values[:layers]] if len(values) > 1 else [int(values[0])] * layers


def _common(values: Sequence[int], chosen: Iterable[bool]) -> int:
    counted = Counter(value for value, is_chosen in zip(values, chosen, strict=True) if is_chosen and value)
    return counted.most_common(1)[0][0] if counted else 0


def _either(left: Sequence[bool], right: Sequence[bool]) -> list[bool]:
    return [one or other for one, other in zip(left, right, strict=True)]


def _linear_state_elements(get: Any, hidden: int) -> int:
    """Convolution and recurrent state of one layer (src/llama-hparams.cpp, ``n_embd_r`` and ``n_embd_s``)."""
    if short := int(get("shortconv.l_cache")):
        return hidden * (short - 1)
    inner, state = int(get("ssm.inner_size")), int(get("ssm.state_size"))
    channels = inner + 2 * int(get("ssm.group_count")) * state
    return max(0, int(get("ssm.conv_kernel")) - 1) * channels + inner * state


def _vocabulary(kind: str, keys: Mapping[str, Value], tensors: Sequence[Tensor], hidden: int) -> int:
    listed = _count(keys, "tokenizer.ggml.tokens")
    embedding = next((tensor.elements for tensor in tensors if tensor.name == "token_embd.weight"), 0)
    return listed or _count(keys, f"{kind}.vocab_size") or embedding // hidden


def _count(keys: Mapping[str, Value], key: str) -> int:
    value = keys.get(key, 0)
    return value if isinstance(value, int) else 0


def _is_expert(name: str) -> bool:
    return "_exps." in name


def _weights(architecture: Architecture, tensors: Sequence[Tensor]) -> Weights:
    layers = [0] * architecture.num_hidden_layers
    experts = [0] * architecture.num_hidden_layers
    embedding = norm = head = 0
    for tensor in tensors:
        match = _LAYER.match(tensor.name)
        if match and int(match[1]) < len(layers):
            layers[int(match[1])] += tensor.bytes
            experts[int(match[1])] += tensor.bytes if _is_expert(tensor.name) else 0
        elif "token_embd" in tensor.name:
            embedding += tensor.bytes
            head = head or (tensor.bytes if architecture.tie_word_embeddings else 0)
        elif tensor.name == "output.weight":
            head = tensor.bytes
        elif not match:
            norm += tensor.bytes
    total = sum(tensor.bytes for tensor in tensors)
    return Weights(
        total_bytes=total,
        embedding_bytes=embedding,
        output_bytes=head + norm,
        layer_bytes=tuple(layers),
        expert_bytes=tuple(experts),
        active_bytes=active_bytes(architecture, layers, experts, head + norm),
        how=f"the file's own tensors, {total / GB:.2f} GB",
    )


def _quantization(keys: Mapping[str, Value], tensors: Sequence[Tensor]) -> str:
    file_type = keys.get("general.file_type")
    if isinstance(file_type, int) and file_type in set(gguf.LlamaFileType):
        return str(gguf.LlamaFileType(file_type).name).removeprefix("MOSTLY_").removeprefix("ALL_")
    sizes: Counter[str] = Counter()
    for tensor in tensors:
        sizes[tensor.type_name] += tensor.bytes
    return sizes.most_common(1)[0][0]
