"""Memory that fine-tuning takes; an estimate, since activations depend on framework and settings."""

from dataclasses import dataclass
from typing import Literal

from kb.calc.memory.architecture import Architecture, Mlp

Method = Literal["full", "lora", "qlora"]
Optimizer = Literal["adamw", "adamw_8bit"]
Targets = Literal["attention", "all_linear"]

ADAM_BYTES_PER_PARAM = 8
"""Two f32 moments (Kingma & Ba 2014); with bf16 weights and gradients and an f32 master copy this makes the 16 bytes
per parameter of mixed-precision training (Rajbhandari et al. 2020, ZeRO, section 3.1)."""

OPTIMIZER_BYTES_PER_PARAM: dict[Optimizer, int] = {"adamw": 4 + ADAM_BYTES_PER_PARAM, "adamw_8bit": 2}
"""With the f32 master copy; in 8 bits two moments of a byte each and no copy, as bf16 weights are updated in place
(Dettmers et al. 2022, 8-bit Optimizers via Block-wise Quantization)."""

NF4_BITS_PER_WEIGHT = 4.127
"""NF4 with double quantization: 4 bits and 0.127 for the constants (Dettmers et al. 2023, QLoRA, section 3)."""


@dataclass(frozen=True)
class TrainingMemory:
    """Bytes by what they hold."""

    weights: float
    gradients: float
    optimizer: float
    activations: float
    trainable_params: int

    @property
    def total(self) -> float:
        return self.weights + self.gradients + self.optimizer + self.activations


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
    in bf16, and the same for each adapter parameter. QLoRA: weights in NF4. Activations with gradient checkpointing:
    one bf16 vector per layer and token, 34 bytes × hidden per token for the layer that is recomputed (Korthikanti et
    al. 2022, eq. 2 without its attention term, which FlashAttention avoids), and f32 logits with their gradient.

    >>> from kb.calc.memory.families import Config, architecture_of
    >>> a = architecture_of(Config("x", 7_000_000_000, 7_000_000_000, 32, 4096, 32, 32, 128, 32000))
    >>> round(training_memory(a, "full", 1, 1).weights / 1e9 + training_memory(a, "full", 1, 1).optimizer / 1e9)
    98
    """
    params = architecture.params_total
    trainable = params if method == "full" else lora_params(architecture, rank, targets)
    weights = params * NF4_BITS_PER_WEIGHT / 8 if method == "qlora" else params * 2.0
    if method != "full":
        weights += trainable * 2
    state = trainable * OPTIMIZER_BYTES_PER_PARAM[optimizer]
    tokens = sequence_length * batch_size
    hidden = architecture.hidden_size
    activations = tokens * (hidden * (2 * architecture.num_hidden_layers + 34) + 8 * architecture.vocab_size)
    return TrainingMemory(weights, trainable * 2.0, float(state), float(activations), trainable)
