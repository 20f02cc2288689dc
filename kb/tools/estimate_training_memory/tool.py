"""Memory for fine-tuning a model."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from kb.calc.training import Method, Optimizer, Targets, TrainingMemory, training_memory
from kb.catalogue import Catalogue
from kb.catalogue.units import GB, GIB
from kb.tools.base import Arguments, Result, Whole, cite, tool
from kb.tools.shared.fitting import DeviceCount
from kb.tools.shared.resolve import DeviceArgument, ModelArgument, resolve_devices, resolve_model

ROOM = 0.1
"""What should be left free, of what is needed: frameworks add buffers of their own."""


OPTIMIZERS = {"adamw": "AdamW in 32 bits", "adamw_8bit": "AdamW in 8 bits without an f32 copy of the weights"}
TARGETS = {"attention": "the attention layers", "all_linear": "all linear layers"}

Verdict = Literal["enough", "tight", "sharded", "too_small"]


class TrainingMemoryArguments(Arguments):
    model: ModelArgument
    method: Method = "qlora"
    """Whether all weights are trained, or adapters beside them, and at how many bits."""
    sequence_length: Annotated[Whole, Field(ge=1, le=10_000_000)] = 2048
    """Tokens of one example."""
    batch_size: Annotated[Whole, Field(ge=1, le=100_000)] = 1
    """Examples at once on each device."""
    rank: Annotated[Whole, Field(ge=1, le=4096)] = 16
    """Of the LoRA adapters."""
    targets: Targets = Field(
        "attention", description="what LoRA adapters stand on: `attention`, or `all_linear` layers"
    )
    optimizer: Optimizer = Field("adamw", description="`adamw` with 32-bit moments, or `adamw_8bit`")
    device: DeviceArgument | None = Field(None, description="a device to hold it against")
    device_count: DeviceCount = 1


class TrainingMemoryAnswer(Result):
    model: str
    method: Method
    """How it is trained."""
    total_gb: float
    """All together."""
    total_gib: float
    """The same in the units of graphics cards."""
    weights_gb: float
    gradients_gb: float
    """One for each trained parameter."""
    optimizer_gb: float
    """The optimizer's moments and master weights."""
    activations_gb: float
    """What the backward pass needs of the forward pass."""
    trainable_params: int
    """How many parameters are trained."""
    device: str | None = None
    """As it was understood; null where none was given."""
    available_gb: float | None = None
    """Of the device or devices; null where none was given."""
    each_gb: float | None = None
    """Of each device, where there are several."""
    verdict: Verdict | None = None
    """Of the device, if one was given: tight where less than a tenth is left. Of several, one holds a whole copy in
    ordinary training; ``sharded`` where only all of them together hold one, divided by FSDP or ZeRO stage 3."""
    by_method: dict[Method, float] = Field(default_factory=dict)
    """What each method would take, in GB."""
    formula: str
    assumptions: tuple[str, ...]


def _verdict(needed: float, available: float | None, each: float | None) -> Verdict | None:
    if available is None:
        return None
    if each is not None and needed > each:
        return "sharded" if needed <= available else "too_small"
    return "enough" if needed * (1 + ROOM) <= available else "tight" if needed <= available else "too_small"


def run(catalogue: Catalogue, arguments: TrainingMemoryArguments) -> TrainingMemoryAnswer:
    model = resolve_model(catalogue, arguments.model)

    def memory_of(method: Method) -> TrainingMemory:
        return training_memory(
            model.architecture, method, arguments.sequence_length, arguments.batch_size, arguments.rank,
            optimizer=arguments.optimizer, targets=arguments.targets,
        )  # fmt: skip

    memory = memory_of(arguments.method)
    devices = resolve_devices(catalogue, arguments.device, arguments.device_count) if arguments.device else None
    available = float(devices.memory_bytes) if devices else None

    each = min(float(device.memory_bytes) for device in devices.devices) if devices and devices.devices[1:] else None

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
        device=devices.label if devices else None,
        available_gb=round(available / GB, 2) if available is not None else None,
        each_gb=round(each / GB, 2) if each is not None else None,
        verdict=_verdict(memory.total, available, each),
        by_method={method: round(memory_of(method).total / GB, 2) for method in get_args(Method)},
        formula=f"{sums} = {memory.total / GB:.1f} GB",
        assumptions=(
            *model.notes,
            f"sequences of {arguments.sequence_length:,} tokens, batch {arguments.batch_size}, "
            f"{OPTIMIZERS[arguments.optimizer]}, gradient checkpointing, FlashAttention",
            *(
                ()
                if arguments.method == "full"
                else (f"adapters of rank {arguments.rank} on {TARGETS[arguments.targets]}",)
            ),
            "an estimate: frameworks add their own buffers; keep 10 to 20 % free",
        ),
        citations=cite(catalogue, {**model.references, **(devices.references if devices else {})}),
    )


TOOL = tool(run, "Memory for fine-tuning a model in full, with LoRA or with QLoRA.")
