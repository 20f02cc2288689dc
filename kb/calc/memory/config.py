"""A model as its config tells it: figures by Hugging Face's keys, from a record, a ``config.json`` or a GGUF header."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from kb.catalogue.records import LanguageModel

COMMON_VOCABULARY = 128256


@dataclass(frozen=True)
class Config:
    """What is said of a model; what is not is 0 or empty, and a family may know it (``kb.calc.memory.families``).

    ``params_total`` counts what llama.cpp loads (the text part), ``num_*_layers`` how many layers are of a sort.
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
    model_type: str = ""
    """The config's ``model_type`` or the header's ``general.architecture``; empty where figures are given by hand."""
    layer_types: tuple[str, ...] = ()
    """What each layer's mixer is, in the config's words."""
    kv_heads_by_layer: tuple[int, ...] = ()
    """Where they differ."""
    tie_word_embeddings: bool = False
    max_position_embeddings: int = 0
    num_experts: int = 0
    num_experts_per_tok: int = 0
    num_shared_experts: int = 0
    moe_intermediate_size: int = 0
    shared_expert_intermediate_size: int = 0
    first_k_dense_replace: int = 0
    sliding_window: int = 0
    sliding_window_pattern: int = 0
    full_attention_interval: int = 0
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
    num_kv_shared_layers: int = 0
    """The last layers, which read what earlier ones of their kind have kept."""
    hidden_size_per_layer_input: int = 0
    lookup_params: int = 0
    """Of tables with a row for each sequence of a few tokens."""
    linear_state_bytes: int = 0
    """Of all linear layers together; ``layer_state_bytes`` of each one, where they are not told together."""
    layer_state_bytes: int = 0
    more: tuple[tuple[str, int | str], ...] = ()
    """Keys that one family alone reads."""
    assumed: tuple[str, ...] = ()
    """Keys that were not given and were filled in, each with how."""

    @property
    def is_moe(self) -> bool:
        return self.num_experts > 1

    def whole(self, key: str) -> int:
        """One of ``more``; 0 where it is not there or no number."""
        value = dict(self.more).get(key)
        return value if isinstance(value, int) else 0

    @classmethod
    def of(cls, model: LanguageModel) -> "Config":
        """From a record. Raises ``ValueError`` naming the figures that the record lacks."""
        given = {key: figure.value for key, figure in model.figures()}
        if model.params_text is not None:
            given["params_total"] = model.params_text.value
        return cls.from_keys(model.name, given)

    @classmethod
    def from_keys(cls, name: str, given: Mapping[str, Any]) -> "Config":
        """The few keys that can be told from the others are filled in and listed in ``assumed``."""
        needed = ("params_total", "num_hidden_layers", "hidden_size", "num_attention_heads")
        missing = [key for key in needed if not given.get(key)]
        if missing:
            raise ValueError(f"{name}: the architecture lacks {', '.join(missing)}")
        known = {field.name for field in fields(cls)} - {"name", "more", "assumed"}
        filled = {key: value for key, value in given.items() if key in known}
        more = tuple((key, value) for key, value in given.items() if key not in known and isinstance(value, int | str))
        assumed: list[str] = []
        for key, value, how in (
            ("num_key_value_heads", given["num_attention_heads"], "as many as attention heads"),
            ("vocab_size", COMMON_VOCABULARY, "a common size"),
        ):
            if not filled.get(key):
                filled[key] = value
                assumed.append(f"{key} = {value} ({how})")
        filled["head_dim"] = filled.get("head_dim") or given["hidden_size"] // given["num_attention_heads"]
        filled.setdefault("params_active", given["params_total"])
        return cls(name=name, **filled, more=more, assumed=tuple(assumed))

    def noting(self, how: str, **changed: Any) -> "Config":
        """With other figures, and why."""
        return replace(self, **changed, assumed=(*self.assumed, how))
