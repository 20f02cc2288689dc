"""Attention and Mamba-2 side by side in every layer (llama.cpp, src/models/falcon-h1.cpp)."""

from kb.calc.memory.architecture import AttentionWithState
from kb.calc.memory.config import Config
from kb.calc.memory.families.base import Family, Mixers

_KEYS = ("mamba_n_heads", "mamba_d_head", "mamba_d_state", "mamba_n_groups", "mamba_d_conv")


def mixers(config: Config) -> Mixers:
    layers = config.num_hidden_layers
    heads, size, state, groups, kernel = (config.whole(name) for name in _KEYS)
    kept = config.layer_state_bytes or config.linear_state_bytes // layers
    kept = kept or 4 * ((kernel - 1) * (heads * size + 2 * groups * state) + heads * size * state)
    if kept <= 0:
        raise ValueError(f"{config.name}: the architecture lacks {', '.join(_KEYS)}")
    return [AttentionWithState(config.num_key_value_heads, config.head_dim, state_bytes=kept)] * layers


FAMILIES = (Family(("falcon-h1",), ("falcon_h1",), mixers, reads=_KEYS),)
