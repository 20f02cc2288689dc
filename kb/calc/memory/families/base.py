"""What a family of models says of its layers, and what several families say alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kb.calc.memory.architecture import Attention, GraphStyle, LatentAttention, LinearAttention, Mixer
from kb.calc.memory.config import Config

Mixers = Sequence[Mixer | None]


@dataclass(frozen=True)
class Family:
    """Models whose configs read alike and whose graphs llama.cpp builds alike."""

    gguf_names: tuple[str, ...]
    """``general.architecture`` of their GGUF files (llama.cpp, src/llama-arch.cpp)."""
    config_names: tuple[str, ...]
    """``model_type`` of their ``config.json``, the text part's own included."""
    mixers: Callable[[Config], Mixers]
    """One for each layer; raises ``ValueError`` where the config does not tell."""
    prepare: Callable[[Config], Config] = lambda config: config
    """The config as llama.cpp takes it."""
    reads: tuple[str, ...] = ()
    """Keys of ``config.json`` that few families have; whole numbers."""
    reads_texts: tuple[str, ...] = ()
    """The same; texts."""
    alternates: bool = False
    """A layer is a mixer or a feed-forward block, never both."""
    graph: GraphStyle = field(default_factory=GraphStyle)


_KINDS = {
    "full_attention": "full",
    "attention": "full",
    "sliding_attention": "sliding",
    "chunked_attention": "sliding",
    "linear_attention": "linear",
    "mamba": "linear",
    "conv": "linear",
    "none": "none",
}
"""The words of ``layer_types``."""


def listed(config: Config) -> tuple[str, ...]:
    """Each layer's kind as ``layer_types`` has it; empty where there is no such list."""
    unknown = sorted(set(config.layer_types) - set(_KINDS))
    if unknown:
        raise ValueError(f"{config.name}: layer_types has {unknown[0]!r}; known are {', '.join(_KINDS)}")
    if config.layer_types and len(config.layer_types) != config.num_hidden_layers:
        raise ValueError(f"{config.name}: layer_types lists {len(config.layer_types)} of num_hidden_layers layers")
    return tuple(_KINDS[word] for word in config.layer_types)


def every(period: int, layers: int, others: str) -> tuple[str, ...]:
    """One layer of each ``period``, the last, attends to everything.

    >>> every(3, 7, "sliding")
    ('sliding', 'sliding', 'full', 'sliding', 'sliding', 'full', 'sliding')
    """
    return tuple("full" if (layer + 1) % period == 0 else others for layer in range(layers))


def spread(config: Config) -> tuple[str, ...]:
    """Where only counts are told: full attention last in each period, the others in turn between."""
    linear, free = config.num_linear_layers, config.num_attention_free_layers
    others = ["linear", "none"] * min(linear, free) + ["linear"] * (linear - free) + ["none"] * (free - linear)
    others = ["sliding"] * config.num_sliding_layers + others
    layers, full = config.num_hidden_layers, config.num_hidden_layers - len(others)
    if full <= 0:
        return tuple(others[:layers])
    period, rest = layers // full, iter(others)
    return tuple(
        "full" if (layer + 1) % period == 0 and layer // period < full else next(rest, "full")
        for layer in range(layers)
    )


def in_any_order(config: Config) -> Config:
    """Of hybrids whose order has no rule: noted where only the counts are told, refused where nothing is."""
    if config.layer_types:
        return config
    if not config.num_linear_layers:
        raise ValueError(f"{config.name}: layer_types, which say what each layer is, are missing")
    return config.noting("which layers attend is not told: they are taken as spread evenly")


def mixers_of(config: Config, kinds: Sequence[str]) -> Mixers:
    """The mixer of each kind; heads and head sizes by what the config says of that kind, or of that layer."""
    linear = kinds.count("linear")
    state = config.linear_state_bytes // linear if config.linear_state_bytes and linear else config.layer_state_bytes

    values, own = 0 if config.kv_lora_rank else config.v_head_dim, len(kinds) - config.num_kv_shared_layers

    def mixer(layer: int, kind: str, heads: int) -> Mixer | None:
        if kind == "none":
            return None
        if kind == "linear":
            return LinearAttention(state)
        if config.kv_lora_rank:
            return LatentAttention(
                config.kv_lora_rank,
                config.q_lora_rank,
                config.qk_rope_head_dim,
                config.qk_nope_head_dim,
                config.v_head_dim,
            )
        if kind == "sliding":
            heads = heads or config.num_key_value_heads
            return Attention(heads, config.head_dim, config.sliding_window, values, shared=layer >= own)
        heads = heads or config.num_global_key_value_heads or config.num_key_value_heads
        return Attention(heads, config.global_head_dim or config.head_dim, 0, values, shared=layer >= own)

    by_layer = config.kv_heads_by_layer or (0,) * len(kinds)
    return [mixer(layer, kind, heads) for layer, (kind, heads) in enumerate(zip(kinds, by_layer, strict=True))]


def mixers_as_told(config: Config) -> Mixers:
    return mixers_of(config, listed(config) or spread(config))


def windowed(period: int) -> Callable[[Config], Mixers]:
    """Layers with a window, and one of each period without, as llama.cpp sets it where the file does not say."""

    def mixers(config: Config) -> Mixers:
        others = "sliding" if config.sliding_window else "full"
        kinds = listed(config) or every(config.sliding_window_pattern or period, config.num_hidden_layers, others)
        return mixers_of(config, kinds)

    return mixers
