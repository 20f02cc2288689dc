"""Three gated delta nets, then one layer of gated attention (llama.cpp, src/models/qwen3next.cpp, qwen35.cpp)."""

from dataclasses import replace

from kb.calc.memory.architecture import GraphStyle
from kb.calc.memory.config import Config
from kb.calc.memory.families.base import Family, Mixers, every, listed, mixers_of

_KEYS = (
    "linear_num_value_heads", "linear_value_head_dim", "linear_num_key_heads", "linear_key_head_dim",
    "linear_conv_kernel_dim",
)  # fmt: skip
_TABLE_KEYS = ("ngram_vocab_size_base", "ple_embed_dim")


def with_state(config: Config) -> Config:
    """A matrix of key × value size for each value head, and the last inputs of the convolution, f32.

    >>> keys = zip(_KEYS, (32, 128, 16, 128, 4), strict=True)
    >>> with_state(Config("n", 1, 1, 48, 2048, 16, 2, 256, 151936, more=tuple(keys))).layer_state_bytes
    2195456
    """
    heads, value, key_heads, key, kernel = (config.whole(name) for name in _KEYS)
    if config.layer_state_bytes or not (heads and value and key_heads and key and kernel):
        return config
    channels = heads * value + 2 * key_heads * key
    return replace(config, layer_state_bytes=4 * ((kernel - 1) * channels + heads * value * key))


def with_table(config: Config) -> Config:
    """Newer ones look each sequence of a few tokens up in a table, at one of their first layers.

    >>> keys = (("ngram_vocab_size_base", 20_000_000), ("ple_embed_dim", 2560))
    >>> with_table(Config("n", 1, 1, 48, 2560, 24, 2, 256, 248320, more=keys)).lookup_params
    51200000000
    """
    rows, width = (config.whole(name) for name in _TABLE_KEYS)
    if rows and width and not config.lookup_params:
        config = config.noting(f"lookup_params = {rows * width:,} (one layer with a table)", lookup_params=rows * width)
    return with_state(config)


def mixers(config: Config) -> Mixers:
    kinds = listed(config) or every(config.full_attention_interval or 4, config.num_hidden_layers, "linear")
    return mixers_of(config, kinds)


FAMILIES = (
    Family(
        ("qwen3next", "qwen35", "qwen35moe"),
        (
            "qwen3_next",
            "qwen3_5",
            "qwen3_5_text",
            "qwen3_5_moe",
            "qwen3_5_moe_text",
            "qwen4_exp",
            "qwen4_exp_text",
        ),
        mixers,
        prepare=with_table,
        reads=(*_KEYS, *_TABLE_KEYS, "full_attention_interval"),
        graph=GraphStyle(gathers_late=True, output_gate=True),
    ),
)
