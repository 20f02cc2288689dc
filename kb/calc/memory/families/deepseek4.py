"""Windows in every layer, and behind them rows that stand for several tokens (llama.cpp, src/models/deepseek4.cpp)."""

from kb.calc.memory.architecture import CompressedAttention
from kb.calc.memory.config import Config
from kb.calc.memory.families.base import Family, Mixers

_INDEXED = 4
"""Layers of ratios up to this one have an indexer."""


def with_ratios(config: Config) -> Config:
    """Numbers with spaces between, one for each layer; 0 where the window is all."""
    if len(ratios(config)) < config.num_hidden_layers:
        raise ValueError(f"{config.name}: compress_ratios does not tell each layer's")
    return config


def ratios(config: Config) -> list[int]:
    return [int(ratio) for ratio in str(dict(config.more).get("compress_ratios", "")).split()]


def mixers(config: Config) -> Mixers:
    index = config.whole("index_head_dim")
    return [
        CompressedAttention(
            kv_heads=1,
            head_dim=config.head_dim,
            window=config.sliding_window,
            ratio=ratio,
            index_head_dim=index if 0 < ratio <= _INDEXED else 0,
            q_lora_rank=config.q_lora_rank,
        )
        for ratio in ratios(config)[: config.num_hidden_layers]
    ]


FAMILIES = (
    Family(
        (),
        ("deepseek_v4", "deepseek_v41"),
        mixers,
        prepare=with_ratios,
        reads=("index_head_dim",),
        reads_texts=("compress_ratios",),
    ),
)
