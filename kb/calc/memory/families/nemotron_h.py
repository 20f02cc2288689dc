"""Mamba-2, attention and feed-forward layers, each layer one of them (llama.cpp, src/models/nemotron-h.cpp)."""

from dataclasses import replace

from kb.calc.memory.config import Config
from kb.calc.memory.families.base import Family, in_any_order, mixers_as_told

_LETTERS = {"M": "mamba", "*": "attention", "-": "none", "E": "none"}


def in_order(config: Config) -> Config:
    """``hybrid_override_pattern`` has a letter for each layer; without it only how many there are is known."""
    pattern = dict(config.more).get("hybrid_override_pattern")
    if not isinstance(pattern, str) or not set(pattern) <= set(_LETTERS):
        return in_any_order(config)
    return replace(config, layer_types=tuple(_LETTERS[letter] for letter in pattern))


FAMILIES = (
    Family(
        ("nemotron_h", "nemotron_h_moe"),
        ("nemotron_h",),
        mixers_as_told,
        prepare=in_order,
        reads_texts=("hybrid_override_pattern",),
        alternates=True,
    ),
)
