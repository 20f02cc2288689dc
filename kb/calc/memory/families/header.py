"""The keys of a GGUF header as a config. Keys: llama.cpp, src/llama-arch.cpp (ggml, docs/gguf.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kb.calc.memory.config import Config

Value = int | float | bool | str | Sequence[int | float | bool | str]

_F32_BYTES = 4
_LARGEST = 2**53
"""Far beyond what any model has; products of several such still are numbers."""


@dataclass(frozen=True)
class ModelHeader:
    """One architecture's keys. Raises ``ValueError``, ``TypeError`` or ``LookupError`` where they are damaged."""

    architecture: str
    values: Mapping[str, Value]

    def get(self, key: str, default: Value = 0) -> Value:
        return self.values.get(f"{self.architecture}.{key}", default)

    def whole(self, key: str) -> int:
        return _whole(self.get(key))

    def per_layer(self, key: str, layers: int, default: Value = 0) -> tuple[int, ...]:
        value = self.get(key, default)
        values = (value,) if isinstance(value, str | int | float) else value
        return tuple(map(_whole, values[:layers])) if len(values) > 1 else (_whole(values[0]),) * layers

    @property
    def num_hidden_layers(self) -> int:
        return self.whole("block_count") - self.whole("nextn_predict_layers")

    def layer_state_bytes(self, hidden: int) -> int:
        """Convolution and recurrent state of one layer (src/llama-hparams.cpp, ``n_embd_r`` and ``n_embd_s``)."""
        if short := self.whole("shortconv.l_cache"):
            return hidden * (short - 1) * _F32_BYTES
        inner, state = self.whole("ssm.inner_size"), self.whole("ssm.state_size")
        channels = inner + 2 * self.whole("ssm.group_count") * state
        return (max(0, self.whole("ssm.conv_kernel") - 1) * channels + inner * state) * _F32_BYTES

    def layer_types(self, kv_heads: Sequence[int], widths: Sequence[int]) -> tuple[str, ...]:
        """Where the file lists its layers; empty where it does not, and the family knows.

        Layers without KV heads keep a state in recurrent models, but for Nemotron-H's that have a feed-forward width.
        """
        pattern = self.get("attention.sliding_window_pattern")
        recurrent = bool(self.get("ssm.state_size") or self.get("shortconv.l_cache"))
        by_width = 0 in widths
        if 0 in kv_heads:
            return tuple(
                "attention" if heads else "linear_attention" if recurrent and not (by_width and width) else "none"
                for heads, width in zip(kv_heads, widths, strict=True)
            )
        if isinstance(pattern, list) and self.window:
            return tuple("sliding_attention" if slides else "full_attention" for slides in pattern[: len(kv_heads)])
        return ()

    @property
    def window(self) -> int:
        return self.whole("attention.sliding_window") or self.whole("attention.chunk_size")

    def config(
        self, name: str, *, params_total: int, params_active: int, vocab_size: int, tie_word_embeddings: bool
    ) -> Config:
        """With what is counted from the file's tensors."""
        layers, hidden = self.num_hidden_layers, self.whole("embedding_length")
        heads = max(self.per_layer("attention.head_count", layers))
        if heads < 1 or hidden < 1:
            raise ValueError("heads or embedding length are missing")
        kv_heads = self.per_layer("attention.head_count_kv", layers, self.get("attention.head_count"))
        widths = self.per_layer("feed_forward_length", layers)
        head_dim = self.whole("attention.key_length") or hidden // heads
        sliding_head_dim = self.whole("attention.key_length_swa") or head_dim
        pattern = self.get("attention.sliding_window_pattern")
        latent, rope = self.whole("attention.kv_lora_rank"), self.whole("rope.dimension_count")
        keys, values = self.whole("attention.key_length"), self.whole("attention.value_length")
        return Config(
            name=name,
            params_total=params_total,
            params_active=params_active,
            num_hidden_layers=layers,
            hidden_size=hidden,
            num_attention_heads=heads,
            num_key_value_heads=max(kv_heads),
            head_dim=sliding_head_dim,
            vocab_size=vocab_size,
            intermediate_size=max(widths),
            model_type=self.architecture,
            layer_types=self.layer_types(kv_heads, widths),
            kv_heads_by_layer=kv_heads if len(set(kv_heads)) > 1 else (),
            tie_word_embeddings=tie_word_embeddings,
            max_position_embeddings=self.whole("context_length"),
            num_experts=self.whole("expert_count"),
            num_experts_per_tok=self.whole("expert_used_count"),
            num_shared_experts=self.whole("expert_shared_count"),
            moe_intermediate_size=max(self.per_layer("expert_feed_forward_length", layers)),
            shared_expert_intermediate_size=self.whole("expert_shared_feed_forward_length"),
            first_k_dense_replace=self.whole("leading_dense_block_count"),
            sliding_window=self.window,
            sliding_window_pattern=_whole(pattern) if isinstance(pattern, int) else 0,
            full_attention_interval=self.whole("full_attention_interval"),
            global_head_dim=head_dim if sliding_head_dim != head_dim else 0,
            kv_lora_rank=latent,
            q_lora_rank=self.whole("attention.q_lora_rank"),
            qk_rope_head_dim=rope if latent else 0,
            qk_nope_head_dim=self.whole("attention.key_length_mla") - rope if latent else 0,
            v_head_dim=self.whole("attention.value_length_mla") if latent else 0 if values == keys else values,
            layer_state_bytes=self.layer_state_bytes(hidden),
            num_kv_shared_layers=self.whole("attention.shared_kv_layers"),
            hidden_size_per_layer_input=self.whole("embedding_length_per_layer_input"),
        )


def _whole(value: Value) -> int:
    if not isinstance(value, int | float):
        raise TypeError("a number is needed")
    if not 0 <= value <= _LARGEST:
        raise ValueError("a number that no model has")
    return int(value)
