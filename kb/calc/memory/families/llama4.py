"""Three layers that attend within their chunk of the context, which llama.cpp caches as a window, then one to all."""

from kb.calc.memory.architecture import GraphStyle
from kb.calc.memory.families.base import Family, windowed

FAMILIES = (Family(("llama4",), ("llama4", "llama4_text"), windowed(4), graph=GraphStyle(keys_first=True)),)
