"""What the calculators need to know of a language model: its layers, one by one, and what stands around them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from kb.calc.memory.mixes import Role


@dataclass(frozen=True)
class Tensor:
    """One matrix of a layer, as llama.cpp stores it."""

    role: Role
    columns: int
    rows: int
    expert: bool = False

    @property
    def elements(self) -> int:
        return self.columns * self.rows


@dataclass(frozen=True)
class Attention:
    """Keys and values of the whole context, or of the last ``window`` tokens."""

    kv_heads: int
    head_dim: int
    window: int = 0
    value_dim: int = 0
    """A head's share of V, where it is not that of K."""
    shared: bool = False
    """Keeps nothing of its own: it reads what an earlier layer has kept."""

    @property
    def row_elements(self) -> tuple[int, int]:
        """Elements of K and of V that one token leaves in the cache.

        >>> Attention(8, 128).row_elements, Attention(4, 192, value_dim=128).row_elements
        ((1024, 1024), (768, 512))
        """
        return self.kv_heads * self.head_dim, self.kv_heads * (self.value_dim or self.head_dim)

    def tensors(self, hidden: int, heads: int) -> tuple[Tensor, ...]:
        key, value = self.row_elements
        kept = () if self.shared else (Tensor("attn_k", hidden, key), Tensor("attn_v", hidden, value))
        return (
            Tensor("attn_q", hidden, heads * self.head_dim),
            *kept,
            Tensor("attn_output", heads * (self.value_dim or self.head_dim), hidden),
        )


@dataclass(frozen=True)
class AttentionWithState(Attention):
    """Attention with a recurrent mixer beside it in the same layer (Falcon-H1), which keeps a state, f32."""

    state_bytes: int = 0


@dataclass(frozen=True)
class CompressedAttention(Attention):
    """DeepSeek V4's: one head, whose K is V too. Behind the window, each ``ratio`` tokens leave one row together.

    Rows of the smaller ratio are picked by an indexer, whose keys are kept beside them.
    """

    ratio: int = 0
    index_head_dim: int = 0
    q_lora_rank: int = 0

    @property
    def row_elements(self) -> tuple[int, int]:
        return self.head_dim, 0

    @property
    def state_bytes(self) -> int:
        """What the compressors hold of the block that is not whole yet: values and scores, f32.

        An indexed block overlaps the one before: twice the rows, each twice as wide.

        >>> CompressedAttention(1, 512, 128, ratio=128).state_bytes
        524288
        """
        overlap = 2 if self.index_head_dim else 1
        return 4 * 2 * overlap * self.ratio * overlap * (self.head_dim + self.index_head_dim)

    def tensors(self, hidden: int, heads: int) -> tuple[Tensor, ...]:
        """What is alike in every layer; the rest is not told one by one."""
        return (
            Tensor("other", hidden, self.q_lora_rank),
            Tensor("other", self.q_lora_rank, heads * self.head_dim),
            Tensor("other", hidden, self.head_dim),
        )


@dataclass(frozen=True)
class LatentAttention:
    """DeepSeek's MLA: of each token only the latent and the rotary part are kept, once for all heads."""

    kv_lora_rank: int
    q_lora_rank: int
    qk_rope_head_dim: int
    qk_nope_head_dim: int
    v_head_dim: int
    window: int = 0

    @property
    def row_elements(self) -> tuple[int, int]:
        return self.kv_lora_rank + self.qk_rope_head_dim, 0

    def tensors(self, hidden: int, heads: int) -> tuple[Tensor, ...]:
        """With ``kv_b`` stored as ``k_b`` and ``v_b``."""
        rank, rope, nope, value = self.kv_lora_rank, self.qk_rope_head_dim, self.qk_nope_head_dim, self.v_head_dim
        low = self.q_lora_rank
        query = (
            (Tensor("other", hidden, low), Tensor("other", low, heads * (nope + rope)))
            if low
            else (Tensor("attn_q", hidden, heads * (nope + rope)),)
        )
        return (
            *query,
            Tensor("other", hidden, rank + rope),
            Tensor("other", nope, rank * heads),
            Tensor("other", rank, value * heads),
            Tensor("attn_output", heads * value, hidden),
        )


@dataclass(frozen=True)
class LinearAttention:
    """A recurrent layer (delta net, Mamba, short convolution): a state that stays as large as it is."""

    state_bytes: int
    """Of one sequence, f32; 0 where it is not known."""

    def tensors(self, hidden: int, heads: int) -> tuple[Tensor, ...]:
        """Not known one by one: the parameters that no other tensor accounts for are theirs."""
        return ()


Attending = Attention | LatentAttention
Mixer = Attending | LinearAttention


@dataclass(frozen=True)
class Mlp:
    """A gated feed-forward block."""

    width: int

    def tensors(self, hidden: int) -> tuple[Tensor, ...]:
        return _gated(hidden, self.width)


@dataclass(frozen=True)
class Experts:
    """Gated blocks of which a router picks some for each token, and one that works on every token."""

    count: int
    used: int
    width: int
    shared_width: int = 0

    def tensors(self, hidden: int) -> tuple[Tensor, ...]:
        return (
            *_gated(hidden, self.width, self.count, expert=True),
            *(_gated(hidden, self.shared_width) if self.shared_width else ()),
            Tensor("router", hidden, self.count),
        )


def _gated(hidden: int, width: int, count: int = 1, *, expert: bool = False) -> tuple[Tensor, ...]:
    return (
        Tensor("ffn_gate", hidden, width * count, expert),
        Tensor("ffn_up", hidden, width * count, expert),
        Tensor("ffn_down", width, hidden * count, expert),
    )


@dataclass(frozen=True)
class Layer:
    """A mixer and a feed-forward block; some models' layers lack the one or the other."""

    mixer: Mixer | None
    feed_forward: Mlp | Experts | None

    def tensors(self, hidden: int, heads: int) -> tuple[Tensor, ...]:
        mixer = self.mixer.tensors(hidden, heads) if self.mixer else ()
        return (*mixer, *(self.feed_forward.tensors(hidden) if self.feed_forward else ()))


@dataclass(frozen=True)
class GraphStyle:
    """Where llama.cpp's graph of a family differs from that of most."""

    gathers_late: bool = False
    """The rows whose logits are asked for are picked after the last layer, not inside it."""
    keys_first: bool = False
    """K is computed before V."""
    output_gate: bool = False
    """A gate of the attention's output is projected together with the queries."""


@dataclass(frozen=True)
class Architecture:
    """A decoder-only model. ``params_total`` counts what llama.cpp loads (the text part)."""

    name: str
    params_total: int
    params_active: int
    hidden_size: int
    num_attention_heads: int
    vocab_size: int
    layers: tuple[Layer, ...]
    tie_word_embeddings: bool = False
    looked_up_params: int = 0
    """Of further tables that a token picks rows of: they are not multiplied with, and stay in host memory."""
    max_position_embeddings: int = 0
    graph: GraphStyle = field(default_factory=GraphStyle)
    assumed: tuple[str, ...] = ()
    """What was not given and was filled in, each with how."""

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """Worked out once: results are kept by it, and there may be a thousand layers."""
        return hash((self.name, self.params_total, self.vocab_size, self.layers, self.graph))

    @property
    def num_hidden_layers(self) -> int:
        return len(self.layers)

    @cached_property
    def mixers(self) -> Mapping[Mixer | None, int]:
        """Each sort of mixer, and how many layers have it."""
        return Counter(layer.mixer for layer in self.layers)

    @cached_property
    def experts(self) -> Experts | None:
        """Of the layers that have some; more than one each, or it is none."""
        return next((block for layer in self.layers if isinstance(block := layer.feed_forward, Experts)), None)

    @property
    def expert_share(self) -> float:
        """Which part of the routed experts a token is sent to; 1 without any."""
        return self.experts.used / self.experts.count if self.experts else 1.0

    @cached_property
    def num_expert_layers(self) -> int:
        return sum(isinstance(layer.feed_forward, Experts) for layer in self.layers)

    @cached_property
    def linear_states(self) -> tuple[int, ...]:
        """Bytes of state, for each layer that keeps one."""
        return tuple(layer.mixer.state_bytes for layer in self.layers if isinstance(layer.mixer, LinearAttention))

    @property
    def vocabulary_params(self) -> int:
        """Of all tables by the token and, where it is not the same matrix, the output head."""
        heads = self.vocab_size * self.hidden_size * (1 if self.tie_word_embeddings else 2)
        return heads + self.looked_up_params

    @property
    def shape_params(self) -> int:
        """Parameters by the shapes alone, without norms; a linear layer's are taken as those of its neighbours."""
        attention = next((mixer for mixer in self.mixers if isinstance(mixer, Attending)), None)
        layers = Counter(
            replace(layer, mixer=attention) if isinstance(layer.mixer, LinearAttention) else layer
            for layer in self.layers
        )
        return self.vocabulary_params + sum(
            count * tensor.elements
            for layer, count in layers.items()
            for tensor in layer.tensors(self.hidden_size, self.num_attention_heads)
        )

    @property
    def num_key_value_heads(self) -> int:
        """Of the first layer that keeps keys and values of its own for each head."""
        return next((mixer.kv_heads for mixer in self.mixers if isinstance(mixer, Attention)), self.num_attention_heads)

    @property
    def head_dims(self) -> tuple[int, ...]:
        """Of each sort of attention; of latent attention, what is a head's share of the hidden size."""
        sizes = tuple(mixer.head_dim for mixer in self.mixers if isinstance(mixer, Attention))
        return sizes or (self.hidden_size // self.num_attention_heads,)
