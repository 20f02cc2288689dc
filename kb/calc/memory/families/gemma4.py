"""Layers with a window, then one without, whose heads are wider, and fewer where keys and values are one projection.

The small ones have a second embedding with a row for each layer, and their last layers keep no cache of their own. The
rows for the logits are picked after the last layer, whose result is kept (llama.cpp, src/models/gemma4.cpp).
"""

from dataclasses import replace

from kb.calc.memory.architecture import GraphStyle
from kb.calc.memory.config import Config
from kb.calc.memory.families.base import Family, windowed

_READS = ("global_head_dim", "num_global_key_value_heads", "num_kv_shared_layers", "hidden_size_per_layer_input")


def by_blocks(config: Config) -> Config:
    return config.noting("speeds = those of one token after the other (it writes whole blocks, in several passes)")


_BY_TOKENS = tuple(
    Family(
        gguf_names,
        config_names,
        windowed(period),
        reads=_READS,
        graph=GraphStyle(gathers_late=True, keys_first=True),
    )
    for period, gguf_names, config_names in (
        (5, ("gemma3n",), ("gemma3n", "gemma3n_text")),
        (6, ("gemma4",), ("gemma4", "gemma4_text", "gemma4_unified", "gemma4_unified_text")),
    )
)
FAMILIES = (
    *_BY_TOKENS,
    replace(
        _BY_TOKENS[-1],
        gguf_names=(),
        config_names=("diffusion_gemma", "diffusion_gemma_text"),
        prepare=by_blocks,
    ),
)
