"""Layers with a window, and every so many one without: each with its own period (llama.cpp, src/models/*.cpp)."""

from kb.calc.memory.architecture import GraphStyle
from kb.calc.memory.families.base import Family, windowed

FAMILIES = tuple(
    Family(gguf_names, config_names, windowed(period), graph=GraphStyle(keys_first=True))
    for period, gguf_names, config_names in (
        (2, ("gemma2",), ("gemma2",)),
        (
            4,
            ("afmoe", "cohere2", "exaone-moe", "exaone4", "olmo2"),
            ("afmoe", "cohere2", "exaone4", "exaone_moe", "muse_glimmer", "muse_glimmer_text", "olmo2", "olmo3"),
        ),
        (6, ("gemma3",), ("gemma3", "gemma3_text")),
    )
)
