"""Kimi delta attention with some layers of latent attention between (llama.cpp, src/models/kimi-linear.cpp)."""

from dataclasses import replace

from kb.calc.memory.config import Config
from kb.calc.memory.families.base import Family, Mixers, in_any_order, mixers_as_told

_KEYS = ("linear_num_heads", "linear_head_dim", "linear_conv_kernel_dim")


def with_state(config: Config) -> Config:
    """A square matrix for each head, and the last inputs of a convolution each for queries, keys and values, f32.

    >>> keys = zip(_KEYS, (32, 128, 4), strict=True)
    >>> kimi = Config("k", 1, 1, 27, 2304, 32, 32, 72, 163840, kv_lora_rank=512, num_linear_layers=20, more=tuple(keys))
    >>> with_state(kimi).layer_state_bytes
    2244608
    """
    heads, size, kernel = (config.whole(name) for name in _KEYS)
    if heads and size and kernel and not config.layer_state_bytes:
        config = replace(config, layer_state_bytes=4 * heads * size * (3 * (kernel - 1) + size))
    return in_any_order(config)


def mixers(config: Config) -> Mixers:
    if not config.kv_lora_rank:
        raise ValueError(f"{config.name}: the architecture lacks kv_lora_rank")
    return mixers_as_told(config)


FAMILIES = (
    Family(
        ("kimi-linear",),
        ("bailing_hybrid", "glm5_next", "glm5_next_text", "kimi_k3", "kimi_linear"),
        mixers,
        prepare=with_state,
        reads=_KEYS,
    ),
)
