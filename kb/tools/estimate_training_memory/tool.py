"""Memory for fine-tuning a model."""

from typing import Annotated

from pydantic import Field

from kb.calc.training import Method, training_memory
from kb.catalogue import Catalogue
from kb.catalogue.units import GB, GIB
from kb.tools.base import Arguments, Result, Tool, Whole, cite
from kb.tools.shared.resolve import ModelArgument, resolve_model


class TrainingMemoryArguments(Arguments):
    model: ModelArgument
    method: Method = "qlora"
    sequence_length: Annotated[Whole, Field(ge=1, le=10_000_000)] = 2048
    batch_size: Annotated[Whole, Field(ge=1, le=100_000)] = 1
    rank: Annotated[Whole, Field(ge=1, le=4096)] = 16


class TrainingMemoryAnswer(Result):
    model: str
    method: Method
    total_gb: float
    total_gib: float
    weights_gb: float
    gradients_gb: float
    optimizer_gb: float
    activations_gb: float
    trainable_params: int
    formula: str
    assumptions: tuple[str, ...]


def run(catalogue: Catalogue, arguments: TrainingMemoryArguments) -> TrainingMemoryAnswer:
    model = resolve_model(catalogue, arguments.model)
    memory = training_memory(
        model.architecture, arguments.method, arguments.sequence_length, arguments.batch_size, arguments.rank
    )
    parts = {
        "weights": memory.weights, "gradients": memory.gradients, "optimizer": memory.optimizer,
        "activations": memory.activations,
    }  # fmt: skip
    sums = " + ".join(f"{value / GB:.1f} GB {name}" for name, value in parts.items())
    return TrainingMemoryAnswer(
        model=model.label,
        method=arguments.method,
        total_gb=round(memory.total / GB, 2),
        total_gib=round(memory.total / GIB, 2),
        weights_gb=round(memory.weights / GB, 2),
        gradients_gb=round(memory.gradients / GB, 2),
        optimizer_gb=round(memory.optimizer / GB, 2),
        activations_gb=round(memory.activations / GB, 2),
        trainable_params=memory.trainable_params,
        formula=f"{sums} = {memory.total / GB:.1f} GB",
        assumptions=(
            *model.notes,
            f"sequences of {arguments.sequence_length:,} tokens, batch {arguments.batch_size}, AdamW in 32-bit, "
            "gradient checkpointing, FlashAttention",
            *(() if arguments.method == "full" else (f"adapters of rank {arguments.rank} on the attention layers",)),
            "an estimate: frameworks add their own buffers; keep 10 to 20 % free",
        ),
        citations=cite(catalogue, model.references),
    )


TOOL = Tool(
    "estimate_training_memory",
    "Memory for fine-tuning a model in full, with LoRA or with QLoRA.",
    TrainingMemoryArguments,
    TrainingMemoryAnswer,
    run,
    {"model": "llama 3.1 8b", "method": "qlora"},
)
