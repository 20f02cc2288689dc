"""Mamba-2, attention and feed-forward layers, each layer one of them (llama.cpp, src/models/nemotron-h.cpp)."""

from dataclasses import replace

from kb.calc.memory.architecture import GraphStyle
from kb.calc.memory.config import Config
from kb.calc.memory.families.base import Family, Mixers, listed, mixers_of, spread

_LETTERS = {"M": "mamba", "*": "attention", "-": "none", "E": "none"}


def in_order(config: Config) -> Config:
    """``hybrid_override_pattern`` has a letter for each layer; without it only how many there are is known."""
    pattern = dict(config.more).get("hybrid_override_pattern")
    if not isinstance(pattern, str) or not set(pattern) <= set(_LETTERS):
        return config
    return replace(config, layer_types=tuple(_LETTERS[letter] for letter in pattern))


def mixers(config: Config) -> Mixers:
    return mixers_of(config, listed(config) or spread(config))


FAMILIES = (
    Family(
        ("nemotron_h", "nemotron_h_moe"),
        ("nemotron_h",),
        mixers,
        prepare=in_order,
        reads=("hybrid_override_pattern",),
        alternates=True,
        graph=GraphStyle(gathers_late=True),
    ),
)
