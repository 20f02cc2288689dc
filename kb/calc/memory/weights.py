"""How many bytes a model's weights take at a quantization, tensor by tensor."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from kb.calc.memory.architecture import Architecture, Attending, LinearAttention, Tensor
from kb.calc.memory.kept import kept
from kb.calc.memory.mixes import DEFAULT_TYPES, MixShape, tensor_type_name
from kb.calc.memory.tensor_types import TENSOR_TYPES, storable
from kb.catalogue.records import Quantization
from kb.catalogue.units import GB

_QUANTIZED_EMBEDDINGS = ("gguf", "mlx")
"""Formats that quantize embedding and output head too; the others keep both at 16 bits."""

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
        attention_layers=sum(isinstance(layer.mixer, Attending) for layer in architecture.layers),
        grouped_heads=architecture.num_attention_heads // max(1, architecture.num_key_value_heads),
        experts=architecture.experts.count if architecture.experts else 0,
        tied=architecture.tie_word_embeddings,
    )
    attention_index = 0
    layers: list[tuple[int, int]] = []
    for layer, tensors in enumerate(_tensors(architecture)):
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
    for tensors in _tensors(architecture):
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
    looked_up = embedding + round(architecture.looked_up_params * bulk_bits / 8)
    total = looked_up + norm + sum(layer_bytes) + (0 if architecture.tie_word_embeddings else output)
    return Weights(
        total_bytes=total,
        embedding_bytes=looked_up,
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
    experts = sum(expert_bytes)
    return sum(layer_bytes) - experts + round(experts * architecture.expert_share) + output_bytes


def _spread(extra: int, architecture: Architecture) -> list[int]:
    """Bytes that no known tensor accounts for: they are the linear layers' where there are any, else everyone's."""
    linear = [isinstance(layer.mixer, LinearAttention) for layer in architecture.layers]
    takers = linear if extra > 0 and any(linear) else [True] * len(linear)
    return [extra // sum(takers) if taker else 0 for taker in takers]


def _known_params(architecture: Architecture) -> int:
    tensors = sum(tensor.elements for layer in _tensors(architecture) for tensor in layer)
    norms = (2 * architecture.num_hidden_layers + 1) * architecture.hidden_size
    return architecture.vocabulary_params + tensors + norms


def _tensors(architecture: Architecture) -> list[tuple[Tensor, ...]]:
    """Each layer's, the feed-forward ones cut down where the shapes would hold more than the model's parameters.

    Some experts have two matrices instead of three, or work on fewer dimensions than the hidden size (Nemotron 3
    Super: 1,024 of 4,096). With ``E`` of the parameters in experts of which a share ``u`` is used, ``total - active
    = E (1 - u)``; without ``params_active``, whatever the other tensors leave is theirs.
    """
    total, block = architecture.params_total, architecture.experts
    hidden, heads = architecture.hidden_size, architecture.num_attention_heads
    known = {layer: layer.tensors(hidden, heads) for layer in set(architecture.layers)}
    layers = [known[layer] for layer in architecture.layers]

    def is_cut(tensor: Tensor) -> bool:
        return tensor.expert if block else tensor.role.startswith("ffn")

    everything = [tensor for layer in layers for tensor in layer]
    size = sum(tensor.elements for tensor in everything if is_cut(tensor))
    others = architecture.vocabulary_params + sum(tensor.elements for tensor in everything) - size
    if size == 0 or others + size <= 1.02 * total:
        return layers
    left = max(0, total - others)
    if block and 0 < architecture.params_active < total:
        left = min(left, round((total - architecture.params_active) / (1 - architecture.expert_share)))
    return [
        tuple(replace(one, rows=max(1, int(one.rows * left / size))) if is_cut(one) else one for one in layer)
        for layer in layers
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
