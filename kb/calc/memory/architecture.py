"""What the calculators need to know of a language model: its tensors' shapes, by Hugging Face's config keys."""

from dataclasses import dataclass, fields, replace
from typing import Any

from kb.catalogue.records import Figure, LanguageModel

WINDOW_NOT_KEPT = frozenset(
    {
        "mistral",
        "mixtral",
        "phi3",
        "phimoe",
        "qwen2",
        "qwen2_5_vl",
        "qwen2_moe",
        "qwen2_vl",
        "qwen3",
        "qwen3_moe",
        "starcoder2",
    }
)
"""``model_type`` of configs that may name a window which llama.cpp does not use: every layer caches the whole context
(llama.cpp, src/models/: these set no ``swa_type``; phi3.cpp switches it off, pull request 13676)."""


@dataclass(frozen=True)
class Architecture:
    """A decoder-only transformer (hybrids included).

    Of ``num_hidden_layers``, ``num_sliding_layers`` attend within ``sliding_window`` tokens, ``num_linear_layers``
    keep a constant state, ``num_attention_free_layers`` have no mixer, and the rest attend to everything.
    Counts that do not apply are 0. ``params_total`` counts what llama.cpp loads (the text part).
    """

    name: str
    params_total: int
    params_active: int
    num_hidden_layers: int
    hidden_size: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    vocab_size: int
    intermediate_size: int = 0
    tie_word_embeddings: bool = False
    max_position_embeddings: int = 0
    num_experts: int = 0
    num_experts_per_tok: int = 0
    num_shared_experts: int = 0
    moe_intermediate_size: int = 0
    shared_expert_intermediate_size: int = 0
    first_k_dense_replace: int = 0
    sliding_window: int = 0
    num_sliding_layers: int = 0
    num_linear_layers: int = 0
    num_attention_free_layers: int = 0
    global_head_dim: int = 0
    num_global_key_value_heads: int = 0
    kv_lora_rank: int = 0
    q_lora_rank: int = 0
    qk_rope_head_dim: int = 0
    qk_nope_head_dim: int = 0
    v_head_dim: int = 0
    linear_state_bytes: int = 0
    assumed: tuple[str, ...] = ()
    """Keys that were not given and were filled in, each with how."""

    @property
    def is_moe(self) -> bool:
        return self.num_experts > 1

    @property
    def is_mla(self) -> bool:
        return self.kv_lora_rank > 0

    @property
    def num_full_attention_layers(self) -> int:
        return (
            self.num_hidden_layers - self.num_sliding_layers - self.num_linear_layers - self.num_attention_free_layers
        )

    def kv_heads(self, kind: str) -> tuple[int, int]:
        """KV heads and their size in a layer of ``kind``: beside layers with a window the others may differ."""
        is_global = kind == "full" and self.num_sliding_layers > 0
        heads = (is_global and self.num_global_key_value_heads) or self.num_key_value_heads
        return heads, (is_global and self.global_head_dim) or self.head_dim

    @classmethod
    def of(cls, model: LanguageModel) -> "Architecture":
        """From a record. Raises ``ValueError`` naming the figures that the record lacks."""
        given: dict[str, Any] = {}
        for field in fields(cls):
            figure = getattr(model, field.name, None)
            if isinstance(figure, Figure):
                given[field.name] = figure.value
        if model.params_text is not None:
            given["params_total"] = model.params_text.value
        if model.model_type is not None:
            given["model_type"] = model.model_type.value
        return cls.from_config(model.name, given)

    @classmethod
    def from_config(cls, name: str, config: dict[str, Any]) -> "Architecture":
        """From config keys; the few that can be told from the others are filled in and listed in ``assumed``."""
        needed = ("params_total", "num_hidden_layers", "hidden_size", "num_attention_heads")
        missing = [key for key in needed if not config.get(key)]
        if missing:
            raise ValueError(f"{name}: the architecture lacks {', '.join(missing)}")
        filled = dict(config)
        assumed: list[str] = []
        if filled.pop("model_type", None) in WINDOW_NOT_KEPT and filled.get("sliding_window"):
            filled |= {"sliding_window": 0, "num_sliding_layers": 0}
            assumed.append("sliding_window = 0 (llama.cpp keeps the whole context in this architecture's cache)")

        def fill(key: str, value: Any, how: str) -> None:
            if not filled.get(key):
                filled[key] = value
                assumed.append(f"{key} = {value} ({how})")

        fill("num_key_value_heads", config["num_attention_heads"], "as many as attention heads")
        if not filled.get("head_dim"):
            filled["head_dim"] = config["hidden_size"] // config["num_attention_heads"]
        filled.setdefault("params_active", config["params_total"])
        fill("vocab_size", 128256, "a common size")
        return replace(cls(name=name, **filled), assumed=tuple(assumed))
