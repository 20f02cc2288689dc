"""Latent attention in every layer; the cache of an indexer (sparse attention) is not counted."""

from kb.calc.memory.config import Config
from kb.calc.memory.families.base import Family, Mixers, mixers_of


def mixers(config: Config) -> Mixers:
    if not config.kv_lora_rank:
        raise ValueError(f"{config.name}: the architecture lacks kv_lora_rank")
    return mixers_of(config, ("full",) * config.num_hidden_layers)


FAMILIES = (
    Family(
        ("deepseek2", "glm-dsa", "mistral4"),
        (
            "deepseek_v2", "deepseek_v3", "deepseek_v32", "glm4_moe_lite", "glm_moe_dsa", "hy_v4", "kimi_k2",
            "kimi_k25", "mistral4",
        ),
        mixers,
    ),
)  # fmt: skip
