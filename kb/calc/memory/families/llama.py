"""Every layer attends to the whole context, with a block or experts: what most models are.

Some configs name a window that llama.cpp does not use (src/models/: these set no ``swa_type``; phi3.cpp switches it
off, pull request 13676).
"""

from kb.calc.memory.config import Config
from kb.calc.memory.families.base import Family, Mixers, listed, mixers_of


def whole_context(config: Config) -> Config:
    if not config.sliding_window:
        return config
    how = "sliding_window = 0 (llama.cpp keeps the whole context in this architecture's cache)"
    return config.noting(how, sliding_window=0, num_sliding_layers=0)


def mixers(config: Config) -> Mixers:
    """Pruned models have layers without attention."""
    kinds = listed(config) or ("full",) * config.num_hidden_layers
    return mixers_of(config, ["none" if kind == "none" else "full" for kind in kinds])


FAMILIES = (
    Family(
        gguf_names=(
            "apertus", "arcee", "arctic", "baichuan", "bailingmoe", "bailingmoe2", "bitnet", "bloom", "chameleon",
            "chatglm", "codeshell", "cogvlm", "command-r", "dbrx", "deci", "deepseek", "dots1", "ernie4_5",
            "ernie4_5-moe", "exaone", "falcon", "gemma", "glm4", "glm4moe", "gpt2", "gptj", "gptneox", "granite",
            "granitemoe", "grok", "grovemoe", "hunyuan-dense", "hunyuan-moe", "internlm2", "jais", "llama", "minicpm",
            "minimax-m2", "mistral3", "mpt", "nemotron", "olmo", "olmoe", "openelm", "orion", "pangu-embedded",
            "phi2", "phi3", "phimoe", "plamo", "qwen", "qwen2", "qwen2moe", "qwen2vl", "qwen3", "qwen3moe", "qwen3vl",
            "qwen3vlmoe", "refact", "seed_oss", "smollm3", "stablelm", "starcoder", "starcoder2", "xverse",
        ),
        config_names=(
            "apertus", "arcee", "baichuan", "bailing_moe", "bitnet", "bloom", "chatglm", "cohere", "dbrx", "deepseek",
            "dots1", "ernie4_5", "ernie4_5_moe", "exaone", "falcon", "gemma", "glm", "glm4", "glm4_moe", "glm4v",
            "glm4v_moe_text", "glm4v_text", "gpt_bigcode", "gpt_neox", "gptj", "granite", "granitemoe",
            "hunyuan_v1_dense", "hunyuan_v1_moe", "hy_v3", "internlm2", "internlm3", "llama", "minicpm", "minimax_m2",
            "minimax_m3", "minimax_m3_vl", "ministral3", "mistral", "mistral3", "mixtral", "mpt", "nemotron", "olmo",
            "olmoe", "orion", "phi", "phi3", "phimoe", "qwen2", "qwen2_5_vl", "qwen2_5_vl_text", "qwen2_moe",
            "qwen2_vl", "qwen2_vl_text", "qwen3", "qwen3_moe", "qwen3_vl", "qwen3_vl_moe", "qwen3_vl_moe_text",
            "qwen3_vl_text", "seed_oss", "smollm3", "solar_open", "stablelm", "starcoder2", "xverse",
        ),
        mixers=mixers,
        prepare=whole_context,
    ),
)  # fmt: skip
