"""Five layers with a window, then one without, whose heads are fewer and wider; keys and values are one projection.

The rows for the logits are picked after the last layer, whose result is kept (llama.cpp, src/models/gemma4.cpp).
"""

from kb.calc.memory.architecture import GraphStyle
from kb.calc.memory.config import Config
from kb.calc.memory.families.base import Family, windowed

_SHARED = "num_kv_shared_layers"


def own_caches(config: Config) -> Config:
    if config.whole(_SHARED):
        raise ValueError(f"{config.name}: layers that share another layer's cache ({_SHARED}) are not calculated yet")
    return config


FAMILIES = (
    Family(
        ("gemma4",),
        ("gemma4", "gemma4_text"),
        windowed(6),
        prepare=own_caches,
        reads=("global_head_dim", "num_global_key_value_heads", _SHARED),
        graph=GraphStyle(gathers_late=True, keys_first=True),
    ),
)
