"""Model families, one module a kind: from what a config says to the layers that llama.cpp runs.

A module holds ``FAMILIES``; a new one is found by being here.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules

from kb.calc.memory.architecture import Architecture, Attention, Experts, Layer, LinearAttention, Mlp
from kb.calc.memory.config import Config
from kb.calc.memory.families.base import Family, Mixers, mixers_as_told, windowed

__all__ = ["CONFIG_NAMES", "FAMILIES", "GGUF_NAMES", "Config", "UnknownFamily", "architecture_of", "family_of"]

_WIDTH_STEP = 256


def _as_said(config: Config) -> Mixers:
    """The layers of figures without a ``model_type``; a window alone says nothing of which layers have it."""
    if config.sliding_window and config.sliding_window_pattern:
        return windowed(config.sliding_window_pattern)(config)
    return mixers_as_told(config)


_BY_HAND = Family((), (), _as_said)

FAMILIES: tuple[Family, ...] = tuple(
    family
    for module in iter_modules(__path__)
    for family in getattr(import_module(f"{__name__}.{module.name}"), "FAMILIES", ())
)
GGUF_NAMES: Mapping[str, Family] = {name: family for family in FAMILIES for name in family.gguf_names}
CONFIG_NAMES: Mapping[str, Family] = {name: family for family in FAMILIES for name in family.config_names}


class UnknownFamily(ValueError):
    """An architecture that nothing is known of: its layers may be of any sort, and are not guessed."""

    def __init__(self, name: str, known: Mapping[str, Family]) -> None:
        nearest = get_close_matches(name, known, 3, 0.5)
        near = f"the nearest are {', '.join(nearest)}; " if nearest else ""
        self.accepted = (
            f"{near}known are {', '.join(sorted(known))}. The layers of others are not guessed: leave the architecture "
            "out and give the figures of a dense model by hand, if every layer attends to the whole context"
        )
        super().__init__(f"{name[:80]!r} is not known here; {self.accepted}")


def family_of(model_type: str) -> Family:
    """By the ``model_type`` of a config or the ``general.architecture`` of a header."""
    if not model_type:
        return _BY_HAND
    found = CONFIG_NAMES.get(model_type) or GGUF_NAMES.get(model_type)
    if found is None:
        raise UnknownFamily(model_type, CONFIG_NAMES)
    return found


@lru_cache(maxsize=1024)
def architecture_of(config: Config) -> Architecture:
    """The layers, one by one. Raises ``ValueError`` where the figures contradict one another or the family.

    >>> gemma = Config("g", 10**9, 10**9, 7, 1152, 4, 1, 256, 262144, 6912, "gemma3_text", sliding_window=512)
    >>> [layer.mixer.window for layer in architecture_of(gemma).layers]
    [512, 512, 512, 512, 512, 0, 512]
    """
    family = family_of(config.model_type)
    config = family.prepare(config)
    mixers = family.mixers(config)
    _check_counts(config, mixers)
    config = with_widths(config, mixers)
    layers = [
        Layer(mixer, None if family.alternates and mixer else _feed_forward(config, place))
        for place, mixer in enumerate(mixers)
    ]
    same = {layer: layer for layer in layers}
    return Architecture(
        name=config.name,
        params_total=config.params_total,
        params_active=config.params_active,
        hidden_size=config.hidden_size,
        num_attention_heads=config.num_attention_heads,
        vocab_size=config.vocab_size,
        layers=tuple(same[layer] for layer in layers),
        tie_word_embeddings=config.tie_word_embeddings,
        looked_up_params=config.lookup_params + config.vocab_size * config.hidden_size_per_layer_input * len(layers),
        max_position_embeddings=config.max_position_embeddings,
        graph=family.graph,
        assumed=config.assumed,
    )


def _check_counts(config: Config, mixers: Mixers) -> None:
    """Counts that are told, against the layers: the one or the other is wrong where they differ."""
    made = Counter(
        "num_linear_layers"
        if isinstance(mixer, LinearAttention)
        else "num_sliding_layers"
        if isinstance(mixer, Attention) and mixer.window
        else ""
        for mixer in mixers
    )
    for key in ("num_sliding_layers", "num_linear_layers"):
        said = getattr(config, key)
        if said and said != made[key]:
            of = f"a model_type of {config.model_type!r}" if config.model_type else "num_hidden_layers"
            raise ValueError(f"{config.name}: {key} is {said}, and {of} makes it {made[key]} of {len(mixers)} layers")


def _feed_forward(config: Config, layer: int) -> Mlp | Experts:
    if not config.is_moe or layer < config.first_k_dense_replace:
        return Mlp(config.intermediate_size or config.moe_intermediate_size)
    width = config.moe_intermediate_size
    shared = config.shared_expert_intermediate_size or config.num_shared_experts * width
    return Experts(config.num_experts, config.num_experts_per_tok, width, shared)


def with_widths(config: Config, mixers: Mixers) -> Config:
    """The config with its feed-forward widths told from the parameter count, where they are not given.

    Llama 3.2 3B: (3,212,749,824 − embedding − attention) / (3 × 3072 × 28 layers) ≈ 8192.
    """
    if config.moe_intermediate_size or (config.intermediate_size and not config.is_moe):
        return config
    experts = config.num_experts if config.is_moe else 1
    matrix = 3 * config.hidden_size * config.num_hidden_layers
    given = config.intermediate_size
    if given and matrix * given * experts <= 1.1 * config.params_total:
        return replace(config, moe_intermediate_size=given)  # one expert's width, as Mixtral's config has it
    vocabulary = config.vocab_size * config.hidden_size * (1 if config.tie_word_embeddings else 2)
    attention = sum(
        tensor.elements
        for mixer in mixers
        if mixer
        for tensor in mixer.tensors(config.hidden_size, config.num_attention_heads)
    )
    width = (config.params_total - vocabulary - attention) / (matrix * (experts + config.num_shared_experts))
    rounded = max(1, round(width / _WIDTH_STEP)) * _WIDTH_STEP
    if config.is_moe:
        return replace(config, moe_intermediate_size=rounded)
    return replace(config, intermediate_size=rounded)
