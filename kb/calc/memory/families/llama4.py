"""Three layers that attend within their chunk of the context, which llama.cpp caches as a window of 8,192 tokens
whatever the config says, then one to all (src/models/llama4.cpp)."""

from dataclasses import replace

from kb.calc.memory.architecture import GraphStyle
from kb.calc.memory.config import Config
from kb.calc.memory.families.base import Family, windowed

_CHUNK = 8192


def chunked(config: Config) -> Config:
    return replace(config, sliding_window=_CHUNK)


FAMILIES = (
    Family(("llama4",), ("llama4", "llama4_text"), windowed(4), prepare=chunked, graph=GraphStyle(keys_first=True)),
)
