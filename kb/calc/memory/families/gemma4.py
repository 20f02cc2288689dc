"""Five layers with a window, then one without, whose heads are fewer and wider; keys and values are one projection.

The rows for the logits are picked after the last layer, whose result is kept (llama.cpp, src/models/gemma4.cpp).
"""

from kb.calc.memory.architecture import GraphStyle
from kb.calc.memory.families.base import Family, windowed

FAMILIES = (
    Family(("gemma4",), ("gemma4", "gemma4_text"), windowed(6), graph=GraphStyle(gathers_late=True, keys_first=True)),
)
