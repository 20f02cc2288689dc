"""Mamba layers with some of attention between (llama.cpp, src/models/granite-hybrid.cpp, jamba.cpp)."""

from dataclasses import replace

from kb.calc.memory.config import Config
from kb.calc.memory.families.base import Family, in_any_order, mixers_as_told

_KEYS = ("mamba_n_heads", "mamba_d_head", "mamba_d_state", "mamba_n_groups", "mamba_d_conv")


def with_state(config: Config) -> Config:
    """A matrix of head size × state size for each head, and the last inputs of the convolution, f32."""
    heads, size, state, groups, kernel = (config.whole(name) for name in _KEYS)
    if heads and size and state and groups and kernel and not config.layer_state_bytes:
        channels = heads * size + 2 * groups * state
        config = replace(config, layer_state_bytes=4 * ((kernel - 1) * channels + heads * size * state))
    return in_any_order(config)


FAMILIES = (
    Family(("granitehybrid",), ("granitemoehybrid",), mixers_as_told, prepare=with_state, reads=_KEYS),
    Family(("jamba",), ("jamba",), mixers_as_told, prepare=in_any_order),
)
