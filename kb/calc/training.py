"""Memory that fine-tuning takes; an estimate, since activations depend on framework and settings."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from kb.calc.memory.architecture import Architecture, Mlp

Method = Literal["full", "lora", "lora_8bit", "qlora"]
Optimizer = Literal["adamw", "adamw_8bit"]
Targets = Literal["attention", "all_linear"]
Sharding = Literal["ddp", "zero1", "zero2", "zero3"]

ADAM_BYTES_PER_PARAM = 8
"""Two f32 moments (Kingma & Ba 2014); with bf16 weights and gradients and an f32 master copy this makes the 16 bytes
per parameter of mixed-precision training (Rajbhandari et al. 2020, ZeRO, section 3.1)."""

OPTIMIZER_BYTES_PER_PARAM: dict[Optimizer, int] = {"adamw": 4 + ADAM_BYTES_PER_PARAM, "adamw_8bit": 2}
"""With the f32 master copy; in 8 bits two moments of a byte each and no copy, as bf16 weights are updated in place
(Dettmers et al. 2022, 8-bit Optimizers via Block-wise Quantization)."""

HALF_BYTES = 2.0
BASE_BITS: Mapping[Method, float] = MappingProxyType({"full": 16.0, "lora": 16.0, "lora_8bit": 8.0, "qlora": 4.127})
"""Of a weight in a linear layer. NF4 with double quantization: 4 bits and 0.127 for the constants (Dettmers et al.
2023, QLoRA, section 3). LLM.int8: a byte, and one constant a row (Dettmers et al. 2022)."""

LOGITS_BYTES = 14
"""Per token and entry of the vocabulary: bf16 logits, and in f32 their copy, its log-softmax and the gradient. Of
8,192 tokens and 256,000 entries that is 29.4 GB (27.3 GiB); 28 GB are reported for the head of Gemma 2 (Wijmans et al.
2025, Cut Your Losses, abstract), and that it was so many tokens is a recollection, not checked."""

LAYER_BYTES = 34
"""Per token and hidden unit that the backward pass needs of one layer (Korthikanti et al. 2022, eq. 2, without its
attention term, which FlashAttention avoids)."""

DIVIDED: Mapping[Sharding, frozenset[str]] = MappingProxyType(
    {
        "ddp": frozenset(),
        "zero1": frozenset({"optimizer"}),
        "zero2": frozenset({"optimizer", "gradients"}),
        "zero3": frozenset({"optimizer", "gradients", "weights"}),
    }
)
"""What each card holds only its share of (Rajbhandari et al. 2020, section 5); FSDP's full shard is stage 3."""


@dataclass(frozen=True)
class TrainingMemory:
    """Bytes by what they hold, on one device."""

    weights: float
    gradients: float
    optimizer: float
    activations: float
    """Of the layers, with gradient checkpointing."""
    logits: float
    trainable_params: int
    all_activations: float
    """Of the layers, without gradient checkpointing."""
    gathered: float
    """The largest piece of the weights, which is whole for a moment where they are divided; 0 where they are not."""

    @property
    def state(self) -> float:
        """What stays from step to step, however many tokens there are."""
        return self.weights + self.gradients + self.optimizer

    @property
    def total(self) -> float:
        return self.state + self.gathered + self.activations + self.logits


def lora_params(architecture: Architecture, rank: int, targets: Targets = "attention") -> int:
    """Adapters of ``rank × (inputs + outputs)`` each (Hu 2021): on the four attention projections of every layer, or
    on the three of its feed-forward block too, of a mixture on those that every token passes.

    >>> from kb.calc.memory.families import Config, architecture_of
    >>> shape = {"params_total": 8030261248, "num_hidden_layers": 32, "hidden_size": 4096, "num_attention_heads": 32}
    >>> shape |= {"num_key_value_heads": 8, "head_dim": 128, "vocab_size": 128256, "intermediate_size": 14336}
    >>> llama = architecture_of(Config.from_keys("8B", shape))
    >>> lora_params(llama, 16), lora_params(llama, 16, "all_linear")
    (13631488, 41943040)
    """
    hidden, head = architecture.hidden_size, architecture.head_dims[0]
    queries = architecture.num_attention_heads * head
    keys = architecture.num_key_value_heads * head
    adapted = architecture.num_hidden_layers * (2 * (hidden + queries) + 2 * (hidden + keys))
    if targets == "all_linear":
        blocks = (layer.feed_forward for layer in architecture.layers)
        widths = (block.width if isinstance(block, Mlp) else block.shared_width for block in blocks if block)
        adapted += sum(3 * (hidden + width) for width in widths if width)
    return rank * adapted


def training_memory(
    architecture: Architecture,
    method: Method,
    sequence_length: int,
    batch_size: int,
    rank: int = 16,
    *,
    optimizer: Optimizer = "adamw",
    targets: Targets = "attention",
) -> TrainingMemory:
    """Full: 2 (weights) + 2 (gradients) + the optimizer's bytes per parameter (12 with Adam's f32 copy). LoRA: weights
    in bf16, and the same for each adapter parameter. In 8 bits and QLoRA the linear layers are quantized, and the
    tables of the vocabulary stay in 16 bits, as bitsandbytes leaves them. With gradient checkpointing one bf16 vector
    per layer and token is kept, and what one layer needs while it is recomputed.

    >>> from kb.calc.memory.families import Config, architecture_of
    >>> a = architecture_of(Config("x", 7_000_000_000, 7_000_000_000, 32, 4096, 32, 32, 128, 32000))
    >>> round(training_memory(a, "full", 1, 1).weights / 1e9 + training_memory(a, "full", 1, 1).optimizer / 1e9)
    98
    """
    params = architecture.params_total
    trainable = params if method == "full" else lora_params(architecture, rank, targets)
    tables = min(architecture.vocabulary_params, params)
    linear = (params - tables) * BASE_BITS[method] / 8
    weights = linear + tables * HALF_BYTES + (0 if method == "full" else trainable * HALF_BYTES)
    tokens, hidden, layers = sequence_length * batch_size, architecture.hidden_size, architecture.num_hidden_layers
    return TrainingMemory(
        weights=weights,
        gradients=trainable * HALF_BYTES,
        optimizer=float(trainable * OPTIMIZER_BYTES_PER_PARAM[optimizer]),
        activations=tokens * hidden * (HALF_BYTES * layers + LAYER_BYTES),
        logits=float(tokens * architecture.vocab_size * LOGITS_BYTES),
        trainable_params=trainable,
        all_activations=float(tokens * hidden * layers * LAYER_BYTES),
        gathered=0.0,
    )


def on_each(memory: TrainingMemory, architecture: Architecture, cards: int, sharding: Sharding) -> TrainingMemory:
    """Of ``cards`` that work on tokens of their own, what each holds: its share of what is divided, and for a moment
    the largest piece of divided weights, a layer or a table of the vocabulary, whole."""
    divided = DIVIDED[sharding]
    layer = memory.weights / architecture.num_hidden_layers
    table = architecture.vocab_size * architecture.hidden_size * HALF_BYTES

    def share(name: str, whole: float) -> float:
        return whole / cards if name in divided else whole

    return replace(
        memory,
        weights=share("weights", memory.weights),
        gradients=share("gradients", memory.gradients),
        optimizer=share("optimizer", memory.optimizer),
        gathered=max(layer, table) if "weights" in divided else 0.0,
    )
