"""Every second layer with a short window, experts in all; rows for the logits are picked after the last layer."""

from kb.calc.memory.architecture import GraphStyle
from kb.calc.memory.families.base import Family, windowed

FAMILIES = (Family(("gpt-oss",), ("gpt_oss",), windowed(2), graph=GraphStyle(gathers_late=True, keys_first=True)),)
