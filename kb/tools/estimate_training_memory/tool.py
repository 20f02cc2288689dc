"""Memory for fine-tuning a model."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from kb.calc.training import Method, Optimizer, Sharding, Targets, TrainingMemory, on_each, training_memory
from kb.catalogue import Catalogue
from kb.catalogue.units import GB, GIB
from kb.tools.base import Arguments, Real, Result, Whole, cite, tool
from kb.tools.shared.fitting import DeviceCount
from kb.tools.shared.resolve import DeviceArgument, ModelArgument, resolve_devices, resolve_model

ROOM = 0.1
"""What should be left free, of what is needed: frameworks add buffers of their own."""
STEP_BYTES = 4
"""Per trained parameter: the gradients in f32, which the optimizer's step makes of those in 16 bits."""

OPTIMIZERS = {"adamw": "AdamW in 32 bits", "adamw_8bit": "AdamW in 8 bits without an f32 copy of the weights"}
TARGETS = {"attention": "the attention layers", "all_linear": "all linear layers"}

Verdict = Literal["enough", "tight", "sharded", "in_pieces", "too_small"]


class TrainingMemoryArguments(Arguments):
    model: ModelArgument
    method: Method = "qlora"
    """Whether all weights are trained, or adapters beside them, and at how many bits: 16, 8, or 4 (QLoRA)."""
    sequence_length: Annotated[Whole, Field(ge=1, le=10_000_000)] = 2048
    """Tokens of one example."""
    batch_size: Annotated[Whole, Field(ge=1, le=100_000)] = 1
    """Examples at once on each device."""
    rank: Annotated[Whole, Field(ge=1, le=4096)] = 16
    """Of the LoRA adapters."""
    targets: Targets = Field("attention", description="what LoRA adapters stand on")
    optimizer: Optimizer = Field("adamw", description="`adamw` has 32-bit moments")
    device: DeviceArgument | None = Field(None, description="a device to hold it against")
    device_count: DeviceCount = 1
    sharding: Sharding | None = None
    """Of several cards: whole copies (`ddp`), or divided; `zero3` is FSDP too."""
    measured_gb: Annotated[Real, Field(ge=0.001, le=1_000_000)] | None = None
    """What a run takes on one device; told where it goes."""


class TrainingMemoryAnswer(Result):
    model: str
    method: Method
    """How it is trained."""
    tokens: int
    """At once on each device: sequence by batch."""
    total_gb: float
    """All together, as one copy."""
    total_gib: float
    """The same in the units of graphics cards."""
    weights_gb: float
    gradients_gb: float
    """One for each trained parameter."""
    optimizer_gb: float
    """The optimizer's moments and master weights."""
    activations_gb: float
    """What the backward pass needs of the forward pass, the logits among it."""
    logits_gb: float
    """Of the activations, the scores of each token for each entry of the vocabulary, in the loss."""
    activations_uncheckpointed_gb: float
    """The activations without gradient checkpointing."""
    trainable_params: int
    """How many parameters are trained."""
    device: str | None = None
    """As it was understood; null where none was given."""
    available_gb: float | None = None
    """Of the device or devices; null where none was given."""
    each_gb: float | None = None
    """Of each device, where there are several."""
    sharding: Sharding | None = None
    """Of several devices, how what is needed on each is divided: as told, or else undivided if that fits."""
    needed_gb: float
    """On each device."""
    state_gb: float
    """Of that, what stays however many tokens there are: weights, gradients and optimizer."""
    fused_loss_gb: float
    """Needed on each device where the loss is computed in pieces and no logits are kept."""
    step_gb: float
    """What the optimizer's step adds for a moment on each device: its gradients in 32 bits."""
    loading_gb: float
    """The whole weights in 16 bits, which each process may hold while it loads them."""
    most_tokens: int | None = None
    """At once, that each device has room for; null where none was given."""
    most_tokens_fused: int | None = None
    """The same with the loss in pieces."""
    measured_gb: float | None = None
    """As it was given."""
    beyond_gb: float | None = None
    """Of what was measured, that is neither weights nor gradients nor optimizer."""
    verdict: Verdict | None = None
    """Of the device, if one was given: tight where less than a tenth is left. Of several, one holds a whole copy in
    ordinary training; ``sharded`` where only all of them together hold one, divided by FSDP or ZeRO stage 3.
    ``in_pieces`` where it fits only with the loss computed so."""
    by_method: dict[Method, float] = Field(default_factory=dict)
    """What each method would take, in GB, as one copy."""
    methods_that_fit: tuple[Method, ...] = ()
    """Those that each device holds, divided as told; empty where none was given."""
    by_sharding: dict[Sharding, float] = Field(default_factory=dict)
    """Of several devices, what is needed on each, in GB, by how it is divided."""
    bytes_per_param: dict[str, float] = Field(default_factory=dict)
    """Of full fine-tuning, by what they hold."""
    mixture: bool
    """Whether it has experts, which some loaders leave in 16 bits."""
    formula: str
    assumptions: tuple[str, ...]


def _verdict(one: TrainingMemory, each: float) -> Verdict:
    if one.total <= each:
        return "enough" if one.total * (1 + ROOM) <= each else "tight"
    return "in_pieces" if one.total - one.logits <= each else "too_small"


def _gb(size: float) -> float:
    return round(size / GB, 2)


def _most(one: TrainingMemory, per_token: float, each: float | None) -> int | None:
    return None if each is None else max(0, int((each / (1 + ROOM) - one.state - one.gathered) / per_token))


def run(catalogue: Catalogue, arguments: TrainingMemoryArguments) -> TrainingMemoryAnswer:
    model = resolve_model(catalogue, arguments.model)

    def memory_of(method: Method) -> TrainingMemory:
        return training_memory(
            model.architecture, method, arguments.sequence_length, arguments.batch_size, arguments.rank,
            optimizer=arguments.optimizer, targets=arguments.targets,
        )  # fmt: skip

    memory = memory_of(arguments.method)
    devices = resolve_devices(catalogue, arguments.device, arguments.device_count) if arguments.device else None
    cards = len(devices.devices) if devices else 1
    each = min(float(device.memory_bytes) for device in devices.devices) if devices else None

    def on_card(whole: TrainingMemory, way: Sharding) -> TrainingMemory:
        return on_each(whole, model.architecture, cards, way)

    by_sharding = {way: on_card(memory, way) for way in get_args(Sharding)} if cards > 1 else {}

    sharding = arguments.sharding if by_sharding else None
    if by_sharding and each is not None and sharding is None:
        sharding = "ddp" if by_sharding["ddp"].total <= each else "zero3"
    one = by_sharding[sharding] if sharding else memory
    verdict = _verdict(one, each) if each is not None else None
    if sharding == "zero3" and arguments.sharding is None and one.total <= (each or 0.0):
        verdict = "sharded"

    tokens = arguments.sequence_length * arguments.batch_size
    layers = one.activations / tokens
    by_method = {method: memory_of(method) for method in get_args(Method)}
    divided = {method: on_card(of, sharding) if sharding else of for method, of in by_method.items()}
    parts = {
        "weights": memory.weights, "gradients": memory.gradients, "optimizer": memory.optimizer,
        "activations": memory.activations, "logits": memory.logits,
    }  # fmt: skip
    sums = " + ".join(f"{value / GB:.1f} GB {name}" for name, value in parts.items())
    measured = arguments.measured_gb
    return TrainingMemoryAnswer(
        model=model.label,
        method=arguments.method,
        tokens=tokens,
        total_gb=_gb(memory.total),
        total_gib=round(memory.total / GIB, 2),
        weights_gb=_gb(memory.weights),
        gradients_gb=_gb(memory.gradients),
        optimizer_gb=_gb(memory.optimizer),
        activations_gb=_gb(memory.activations + memory.logits),
        logits_gb=_gb(memory.logits),
        activations_uncheckpointed_gb=_gb(memory.all_activations + memory.logits),
        trainable_params=memory.trainable_params,
        device=devices.label if devices else None,
        available_gb=_gb(float(devices.memory_bytes)) if devices else None,
        each_gb=_gb(each) if each is not None and cards > 1 else None,
        sharding=sharding,
        needed_gb=_gb(one.total),
        state_gb=_gb(one.state),
        fused_loss_gb=_gb(one.total - one.logits),
        step_gb=_gb(STEP_BYTES * one.gradients / 2),
        loading_gb=_gb(2.0 * model.architecture.params_total),
        most_tokens=_most(one, layers + one.logits / tokens, each),
        most_tokens_fused=_most(one, layers, each),
        measured_gb=measured,
        beyond_gb=round(max(0.0, measured - one.state / GB), 2) if measured is not None else None,
        verdict=verdict,
        by_method={method: _gb(of.total) for method, of in by_method.items()},
        methods_that_fit=tuple(method for method, of in divided.items() if each is not None and of.total <= each),
        by_sharding={way: _gb(of.total) for way, of in by_sharding.items()},
        bytes_per_param={
            name: round(value / memory.trainable_params, 2)
            for name, value in parts.items()
            if name in ("weights", "gradients", "optimizer") and arguments.method == "full"
        },
        mixture=model.architecture.experts is not None,
        formula=f"{sums} = {memory.total / GB:.1f} GB",
        assumptions=(
            *model.notes,
            f"sequences of {arguments.sequence_length:,} tokens, batch {arguments.batch_size}, "
            f"{OPTIMIZERS[arguments.optimizer]}, gradient checkpointing, FlashAttention, and the loss over all logits "
            "at once",
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
