"""How many bytes a model's weights take at a quantization, tensor by tensor."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from kb.calc.memory.architecture import Architecture
from kb.calc.memory.kept import kept
from kb.calc.memory.mixes import DEFAULT_TYPES, MixShape, Role, tensor_type_name
from kb.calc.memory.tensor_types import TENSOR_TYPES, storable
from kb.catalogue.records import Quantization
from kb.catalogue.units import GB

_QUANTIZED_EMBEDDINGS = ("gguf", "mlx")
"""Formats that quantize embedding and output head too; the others keep both at 16 bits."""

_WIDTH_STEP = 256

_DYNAMIC_BITS = {"ud-q3_k_xl": 3.55, "ud-q4_k_xl": 5.0, "ud-q5_k_xl": 6.0, "ud-q8_k_xl": 9.1}
"""Bits per weight over the whole file of dynamic mixes: medians of published files, which scatter by 8 %."""


@dataclass(frozen=True)
class Weights:
    """Bytes of a model's tensors at a quantization.

    ``total_bytes`` = embedding + layers + output (a tied output head is not in the file, and not in the total).
    """

    total_bytes: int
    embedding_bytes: int
    """Input embedding: llama.cpp keeps it in host memory (a tied output head is a copy of it on the device)."""
    output_bytes: int
    """Output head as held on the device, with the output norm (tied: the embedding's bytes)."""
    layer_bytes: tuple[int, ...]
    """Per layer, experts included."""
    expert_bytes: tuple[int, ...]
    """The routed experts' part of each layer."""
    active_bytes: int
    """Read per generated token: layers and output head, of routed experts only those in use."""
    how: str
    """Where the number comes from."""

    @property
    def device_bytes(self) -> int:
        """What a device holds with every layer on it: all but the input embedding."""
        return sum(self.layer_bytes) + self.output_bytes


@dataclass(frozen=True)
class _Tensor:
    role: Role
    columns: int
    rows: int
    expert: bool = False

    @property
    def elements(self) -> int:
        return self.columns * self.rows


def layer_kinds(architecture: Architecture) -> tuple[str, ...]:
    """Each layer's attention: ``full``, ``sliding``, ``linear`` or ``none``, full ones last in each period.

    Models alternate in fixed periods (Gemma 3: five sliding, one full); only the counts are known here.

    >>> from kb.calc.memory.architecture import Architecture
    >>> gemma = Architecture("g", 1, 1, 6, 8, 1, 1, 8, 8, sliding_window=4, num_sliding_layers=4)
    >>> layer_kinds(gemma)
    ('sliding', 'sliding', 'full', 'sliding', 'sliding', 'full')
    """
    layers, full = architecture.num_hidden_layers, architecture.num_full_attention_layers
    others = (
        ["sliding"] * architecture.num_sliding_layers
        + ["linear"] * architecture.num_linear_layers
        + ["none"] * architecture.num_attention_free_layers
    )
    if architecture.num_linear_layers and architecture.num_attention_free_layers:
        linear, free = architecture.num_linear_layers, architecture.num_attention_free_layers
        others = ["linear", "none"] * min(linear, free) + ["linear"] * (linear - free) + ["none"] * (free - linear)
    if full <= 0:
        return tuple(others[:layers])
    period = layers // full
    rest = iter(others)
    kinds: list[str] = []
    for layer in range(layers):
        is_full = (layer + 1) % period == 0 and layer // period < full
        kinds.append("full" if is_full else next(rest, "full"))
    return tuple(kinds)


def _held_bytes(weights: Weights) -> int:
    """About what a result takes: a pointer and an integer for each layer, and the arguments that it is kept under."""
    return 4096 + 40 * (len(weights.layer_bytes) + len(weights.expert_bytes))


@kept(64 * 2**20, _held_bytes)
def weights_of(architecture: Architecture, quantization: Quantization, file_bytes: int | None = None) -> Weights:
    """Bytes of every part of the model.

    With ``file_bytes`` (the size of a published file) the estimate's parts are scaled to it. Else each tensor's
    type is what llama.cpp's quantization mix gives it (Llama 3.1 8B at Q4_K_M: 4.91 GB, as published), and a
    format without a known mix takes its ``bits_per_weight`` for the layers.
    """
    estimate = _estimate(architecture, quantization)
    if file_bytes:
        return _scaled(estimate, file_bytes, f"measured file size {file_bytes / GB:.2f} GB")
    return estimate


def mix_of(quantization: Quantization) -> str | None:
    """The llama.cpp mix that a quantization names; dynamic mixes (``ud-q4_k_xl``) go by the nearest plain one."""
    if quantization.format != "gguf":
        return None
    name = quantization.slug.replace("-", "_").removeprefix("ud_").removesuffix("_moe")
    stem = name.removesuffix("_xl")
    nearest = (name, f"{stem}_m", stem, f"{stem.removesuffix('_k')}_0", f"{stem}_s")
    return next((candidate for candidate in nearest if candidate in DEFAULT_TYPES), None)


def _estimate(architecture: Architecture, quantization: Quantization) -> Weights:
    mix = mix_of(quantization)
    if mix is None:
        return _uniform(architecture, quantization)
    name = quantization.slug.replace("-", "_").removesuffix("_moe")
    weights = _by_mix(architecture, mix, f"estimated from the tensor mix of {quantization.name}")
    if mix == name:
        return weights
    figure = quantization.bits_per_weight_file
    bits = figure.value if figure else _DYNAMIC_BITS.get(f"ud-{name.removeprefix('ud_')}")
    if bits is None:
        return replace(weights, how=f"{weights.how}, taken as {mix.upper()}")
    total = round(architecture.params_total * bits / 8)
    return _scaled(weights, total, f"estimated from {bits:g} bits per weight over the whole file")


def _by_mix(architecture: Architecture, mix: str, how: str) -> Weights:
    shape = MixShape(
        layers=architecture.num_hidden_layers,
        attention_layers=sum(kind in ("full", "sliding") for kind in layer_kinds(architecture)),
        grouped_heads=architecture.num_attention_heads // max(1, architecture.num_key_value_heads),
        experts=architecture.num_experts,
        tied=architecture.tie_word_embeddings,
    )
    attention_index = 0
    layers: list[tuple[int, int]] = []
    for layer, tensors in enumerate(_layers(architecture)):
        dense = experts = 0
        for tensor in tensors:
            index = attention_index if tensor.role == "attn_v" else layer
            chosen = tensor_type_name(mix, tensor.role, index, shape, expert=tensor.expert)
            size = storable(chosen, tensor.columns).bytes_of(tensor.elements)
            experts += size if tensor.expert else 0
            dense += 0 if tensor.expert else size
        attention_index += any(tensor.role == "attn_v" for tensor in tensors)
        layers.append((dense + 2 * architecture.hidden_size * 4, experts))
    vocabulary = architecture.vocab_size * architecture.hidden_size
    embedding_type = storable(tensor_type_name(mix, "token_embd", 0, shape), architecture.hidden_size)
    output_type = storable(tensor_type_name(mix, "output", 0, shape), architecture.hidden_size)
    bulk_bits = TENSOR_TYPES[DEFAULT_TYPES[mix]].bits_per_weight
    return _assembled(
        architecture,
        layers,
        embedding_type.bytes_of(vocabulary),
        output_type.bytes_of(vocabulary),
        bulk_bits,
        how,
    )


def _uniform(architecture: Architecture, quantization: Quantization) -> Weights:
    """Layers at the format's bits per weight; embedding and output head too, or at 16 bits."""
    figure = quantization.bits_per_weight or quantization.bits_per_weight_file
    if figure is None:
        raise ValueError(f"{quantization.name}: bits per weight are not known")
    bits = figure.value
    vocabulary_bits = bits if quantization.format in _QUANTIZED_EMBEDDINGS else max(bits, 16.0)
    layers: list[tuple[int, int]] = []
    for tensors in _layers(architecture):
        dense = sum(tensor.elements for tensor in tensors if not tensor.expert)
        experts = sum(tensor.elements for tensor in tensors if tensor.expert)
        norms = 2 * architecture.hidden_size * 2
        layers.append((round(dense * bits / 8) + norms, round(experts * bits / 8)))
    vocabulary = round(architecture.vocab_size * architecture.hidden_size * vocabulary_bits / 8)
    head = "" if vocabulary_bits == bits else ", embedding and output head at 16"
    how = f"estimated from {bits:g} bits per weight ({quantization.name}){head}"
    return _assembled(architecture, layers, vocabulary, vocabulary, bits, how)


def _assembled(
    architecture: Architecture,
    layers: list[tuple[int, int]],
    embedding: int,
    output: int,
    bulk_bits: float,
    how: str,
) -> Weights:
    """Put the parts together; parameters that no known tensor accounts for go to the layers at the bulk type."""
    unaccounted = architecture.params_total - _known_params(architecture)
    extra = _spread(round(unaccounted * bulk_bits / 8), architecture)
    norm = architecture.hidden_size * 4
    layer_bytes = tuple(
        max(dense + share, dense // 2) + experts for (dense, experts), share in zip(layers, extra, strict=True)
    )
    expert_bytes = tuple(experts for _, experts in layers)
    head = embedding if architecture.tie_word_embeddings else output
    total = embedding + norm + sum(layer_bytes) + (0 if architecture.tie_word_embeddings else output)
    return Weights(
        total_bytes=total,
        embedding_bytes=embedding,
        output_bytes=head + norm,
        layer_bytes=layer_bytes,
        expert_bytes=expert_bytes,
        active_bytes=active_bytes(architecture, layer_bytes, expert_bytes, head + norm),
        how=how,
    )


def active_bytes(
    architecture: Architecture, layer_bytes: Iterable[int], expert_bytes: Iterable[int], output_bytes: int
) -> int:
    """Bytes read for one token: all but the routed experts that it is not sent to."""
    used = architecture.num_experts_per_tok / architecture.num_experts if architecture.is_moe else 1.0
    experts = sum(expert_bytes)
    return sum(layer_bytes) - experts + round(experts * used) + output_bytes


def _spread(extra: int, architecture: Architecture) -> list[int]:
    """Bytes that no known tensor accounts for: they are the linear layers' where there are any, else everyone's."""
    kinds = layer_kinds(architecture)
    takers = [kind == "linear" for kind in kinds] if extra > 0 and "linear" in kinds else [True] * len(kinds)
    return [extra // sum(takers) if taker else 0 for taker in takers]


def _known_params(architecture: Architecture) -> int:
    vocabulary = architecture.vocab_size * architecture.hidden_size * (1 if architecture.tie_word_embeddings else 2)
    tensors = sum(tensor.elements for layer in _layers(architecture) for tensor in layer)
    norms = (2 * architecture.num_hidden_layers + 1) * architecture.hidden_size
    return vocabulary + tensors + norms


def _layers(architecture: Architecture) -> list[list[_Tensor]]:
    kinds = layer_kinds(architecture)
    attention = [_attention(architecture, kind) for kind in kinds]
    architecture = with_widths(architecture)
    # Nemotron-H: a layer is a mixer or a feed-forward block, never both.
    alternating = architecture.num_linear_layers > 0 and architecture.num_attention_free_layers > 0
    return _within_total(
        architecture,
        [
            mixer + ([] if alternating and kind != "none" else _feed_forward(architecture, layer))
            for layer, (kind, mixer) in enumerate(zip(kinds, attention, strict=True))
        ],
    )


def _within_total(architecture: Architecture, layers: list[list[_Tensor]]) -> list[list[_Tensor]]:
    """Feed-forward tensors cut down where the shapes would hold more than the model's parameters.

    Some experts have two matrices instead of three, or work on fewer dimensions than the hidden size (Nemotron 3
    Super: 1,024 of 4,096). With ``E`` of the parameters in experts of which a share ``u`` is used, ``total - active
    = E (1 - u)``; without ``params_active``, whatever the other tensors leave is theirs.
    """
    total, moe = architecture.params_total, architecture.is_moe
    vocabulary = architecture.vocab_size * architecture.hidden_size * (1 if architecture.tie_word_embeddings else 2)

    def is_cut(tensor: _Tensor) -> bool:
        return tensor.expert if moe else tensor.role.startswith("ffn")

    everything = [tensor for layer in layers for tensor in layer]
    size = sum(tensor.elements for tensor in everything if is_cut(tensor))
    others = vocabulary + sum(tensor.elements for tensor in everything) - size
    if size == 0 or others + size <= 1.02 * total:
        return layers
    left = max(0, total - others)
    if moe and 0 < architecture.params_active < total:
        unused = 1 - architecture.num_experts_per_tok / architecture.num_experts
        left = min(left, round((total - architecture.params_active) / unused))
    return [
        [replace(tensor, rows=max(1, int(tensor.rows * left / size))) if is_cut(tensor) else tensor for tensor in layer]
        for layer in layers
    ]


@lru_cache(maxsize=1024)
def with_widths(architecture: Architecture) -> Architecture:
    """The architecture with its feed-forward widths told from the parameter count, where they are not given.

    Llama 3.2 3B: (3,212,749,824 − embedding − attention) / (3 × 3072 × 28 layers) ≈ 8192.
    """
    if architecture.moe_intermediate_size or (architecture.intermediate_size and not architecture.is_moe):
        return architecture
    experts = architecture.num_experts if architecture.is_moe else 1
    matrix = 3 * architecture.hidden_size * architecture.num_hidden_layers
    given = architecture.intermediate_size
    if given and matrix * given * experts <= 1.1 * architecture.params_total:
        return replace(architecture, moe_intermediate_size=given)  # one expert's width, as Mixtral's config has it
    vocabulary = architecture.vocab_size * architecture.hidden_size * (1 if architecture.tie_word_embeddings else 2)
    attention = sum(tensor.elements for kind in layer_kinds(architecture) for tensor in _attention(architecture, kind))
    width = (architecture.params_total - vocabulary - attention) / (
        matrix * (experts + architecture.num_shared_experts)
    )
    rounded = max(1, round(width / _WIDTH_STEP)) * _WIDTH_STEP
    if architecture.is_moe:
        return replace(architecture, moe_intermediate_size=rounded)
    return replace(architecture, intermediate_size=rounded)


def _attention(architecture: Architecture, kind: str) -> list[_Tensor]:
    hidden, heads = architecture.hidden_size, architecture.num_attention_heads
    if kind not in ("full", "sliding"):
        return []
    if architecture.is_mla:
        return _mla(architecture)
    kv_heads, head_dim = architecture.kv_heads(kind)
    return [
        _Tensor("attn_q", hidden, heads * head_dim),
        _Tensor("attn_k", hidden, kv_heads * head_dim),
        _Tensor("attn_v", hidden, kv_heads * head_dim),
        _Tensor("attn_output", heads * head_dim, hidden),
    ]


def _mla(architecture: Architecture) -> list[_Tensor]:
    """DeepSeek's latent attention, with ``kv_b`` stored as ``k_b`` and ``v_b``."""
    hidden, heads, rank = (
        architecture.hidden_size,
        architecture.num_attention_heads,
        architecture.kv_lora_rank,
    )
    rope, nope, value = architecture.qk_rope_head_dim, architecture.qk_nope_head_dim, architecture.v_head_dim
    query_rank = architecture.q_lora_rank
    query = (
        [_Tensor("other", hidden, query_rank), _Tensor("other", query_rank, heads * (nope + rope))]
        if query_rank
        else [_Tensor("attn_q", hidden, heads * (nope + rope))]
    )
    return [
        *query,
        _Tensor("other", hidden, rank + rope),
        _Tensor("other", nope, rank * heads),
        _Tensor("other", rank, value * heads),
        _Tensor("attn_output", heads * value, hidden),
    ]


def _feed_forward(architecture: Architecture, layer: int) -> list[_Tensor]:
    hidden = architecture.hidden_size
    if not architecture.is_moe or layer < architecture.first_k_dense_replace:
        return _gated(hidden, architecture.intermediate_size or architecture.moe_intermediate_size)
    width = architecture.moe_intermediate_size
    shared = architecture.shared_expert_intermediate_size or architecture.num_shared_experts * width
    return [
        *_gated(hidden, width, architecture.num_experts, expert=True),
        *(_gated(hidden, shared) if shared else []),
        _Tensor("router", hidden, architecture.num_experts),
    ]


def _gated(hidden: int, width: int, count: int = 1, *, expert: bool = False) -> list[_Tensor]:
    return [
        _Tensor("ffn_gate", hidden, width * count, expert),
        _Tensor("ffn_up", hidden, width * count, expert),
        _Tensor("ffn_down", width, hidden * count, expert),
    ]


def _scaled(weights: Weights, total: int, how: str) -> Weights:
    factor = total / weights.total_bytes
    embedding = round(weights.embedding_bytes * factor)
    return Weights(
        total_bytes=total,
        embedding_bytes=embedding,
        output_bytes=round(weights.output_bytes * factor),
        layer_bytes=tuple(round(size * factor) for size in weights.layer_bytes),
        expert_bytes=tuple(round(size * factor) for size in weights.expert_bytes),
        active_bytes=round(weights.active_bytes * factor),
        how=how,
    )
