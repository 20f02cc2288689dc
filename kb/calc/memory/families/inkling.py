"""Layers with a window, then one without, whose heads may be fewer; positions by a bias that is worked out, not cached.

Each layer's four short convolutions keep their last inputs, some 200 KB, which are not counted.
"""

from dataclasses import replace

from kb.calc.memory.config import Config
from kb.calc.memory.families.base import Family, windowed

_KEYS = ("sliding_window_size", "swa_num_key_value_heads", "dense_mlp_idx", "dense_intermediate_size")


def with_common_names(config: Config) -> Config:
    """``config.json`` has the window's keys under names of its own, and the experts' width as ``intermediate_size``."""
    window, heads, dense, width = (config.whole(key) for key in _KEYS)
    if not window:
        return config
    return replace(
        config,
        sliding_window=window,
        num_key_value_heads=heads or config.num_key_value_heads,
        num_global_key_value_heads=config.num_key_value_heads,
        first_k_dense_replace=dense,
        intermediate_size=width or config.intermediate_size,
        moe_intermediate_size=config.moe_intermediate_size or config.intermediate_size,
    )


FAMILIES = (
    Family(
        (),
        ("inkling_mm_model", "inkling_text"),
        windowed(6),
        prepare=with_common_names,
        reads=_KEYS,
    ),
)
