"""Which models of the catalogue run on a device, and which one to start with."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from kb.calc.results import Range
from kb.calc.speed.estimate import DEFAULT_SYSTEM_MEMORY_BYTES_PER_S
from kb.catalogue import Catalogue
from kb.catalogue.records import LanguageModel, Record
from kb.catalogue.units import GB
from kb.tools.base import Arguments, Name, Result, Whole, cite, tool
from kb.tools.shared.fitting import Context, DeviceCount, SystemBandwidth, SystemMemory
from kb.tools.shared.resolve import DeviceArgument, resolve_devices
from kb.tools.shared.running import (
    VISION,
    Machine,
    Run,
    is_for,
    is_roomy,
    models_for,
    run_whole,
    suggested,
)


class WhatRunsOnArguments(Arguments):
    device: DeviceArgument
    device_count: DeviceCount = 1
    context: Context = 8192
    quantization: Name | None = Field(None, description="without it, the best that fits for each model")
    models: Annotated[tuple[Name, ...], Field(max_length=100)] | None = Field(None, description="only these")
    use: Name | None = Field(
        None,
        description="only models that people run now for it: chat, coding, writing, documents, agents, vision, or "
        "`any` of these; without it, the whole catalogue",
    )
    limit: Annotated[Whole, Field(ge=1, le=500)] = 20
    system_memory_gb: SystemMemory | None = Field(
        None, description="as printed; `suggested` then has models that run partly there"
    )
    system_bandwidth_gb_per_s: SystemBandwidth | None = None


class RunnableModel(Record):
    model: str
    slug: str
    params_billions: float
    """Parameters in all."""
    quantization: str
    required_gb: float
    headroom_gb: float
    max_context: int
    decode_tokens_per_s: Range | None
    """None where the device's memory bandwidth is not given."""
    in_system_memory_gb: float = 0.0
    """Of the weights; only ``suggested`` has such models."""
    is_mixture: bool = False
    """Of experts, few of which are read for each token."""
    released: str = ""
    """A year or a month; empty where it is not known."""


class WhatRunsOnAnswer(Result):
    """``models`` fit whole at a type that keeps their quality (4 bits and up), the largest first."""

    device: str
    models: tuple[RunnableModel, ...]
    """Those that fit whole at 4 bits and up, the largest first."""
    count: int
    """How many they are in all."""
    largest_billions: float | None
    """Parameters of the largest of them that leaves a little room; None where none fits whole."""
    suggested: tuple[RunnableModel, ...]
    """Current models that are fast enough to use, the recommended one first, then the largest."""
    assumed_system_bandwidth_gb_per_s: float | None
    """Of RAM, where speeds depend on it and nobody gave it."""
    use: str
    """What ``suggested`` was chosen for; empty where that is not marked on any model."""
    formula: str
    assumptions: tuple[str, ...]

    def recommends(self) -> Sequence[str]:
        return [one.slug for one in self.suggested]


def run(catalogue: Catalogue, arguments: WhatRunsOnArguments) -> WhatRunsOnAnswer:
    devices = resolve_devices(catalogue, arguments.device, arguments.device_count, arguments.system_memory_gb)
    devices.require_memory()
    machine = Machine(
        arguments.device, devices, arguments.device_count, arguments.system_memory_gb,
        arguments.system_bandwidth_gb_per_s, images=int(arguments.use == VISION),
    )  # fmt: skip
    types = (arguments.quantization,) if arguments.quantization else ()
    meant = _models_meant(catalogue, arguments)
    found = (run_whole(catalogue, record, machine, arguments.context, types) for record in meant)
    held = [run for run in found if run is not None]
    held.sort(key=lambda run: (-run.params, run.parts.model.label))
    largest = next(filter(is_roomy, held), next(iter(held), None))
    current = meant if arguments.models or arguments.use else models_for(catalogue)
    first = suggested(catalogue, current, held, machine, arguments.context, types)
    whole = [run.params for run in first[:1] if run.offload is None] or [0]
    kind = arguments.quantization or "Q4_K_M or better"
    notes = [f"a context of {arguments.context:,} tokens"]
    if arguments.system_memory_gb is None:
        notes[0] += ", nothing offloaded"
    from_ram = arguments.system_bandwidth_gb_per_s is None and any(run.offload for run in first)
    return WhatRunsOnAnswer(
        device=devices.label,
        models=tuple(_runnable(run) for run in held[: arguments.limit]),
        count=len(held),
        largest_billions=round(max(largest.params, *whole) / 1e9, 1) if largest else None,
        suggested=tuple(_runnable(run) for run in first),
        assumed_system_bandwidth_gb_per_s=DEFAULT_SYSTEM_MEMORY_BYTES_PER_S / GB if from_ram else None,
        use=_marked(current, arguments.use),
        formula=(
            f"{len(held)} of {len(meant)} models hold weights ({kind}), {arguments.context:,} tokens of cache and "
            f"buffers in {devices.label}'s memory"
        ),
        assumptions=(*devices.notes, *notes),
        citations=cite(catalogue, devices.references),
    )


def _models_meant(catalogue: Catalogue, arguments: WhatRunsOnArguments) -> list[LanguageModel]:
    """The models named, or those for the use, or the catalogue without twins of one architecture."""
    if arguments.models is None and arguments.use is not None:
        return models_for(catalogue, arguments.use)
    if arguments.models is not None:
        named = [catalogue.find(LanguageModel, name, "model")[0] for name in arguments.models]
    else:
        named = list(catalogue.known.of(LanguageModel).values())
    models = [record for record in named if record.params_total is not None]
    return [record for record in models if arguments.models is not None or not record.same_architecture_as]


def _marked(models: list[LanguageModel], use: str | None) -> str:
    return use if use and any(is_for(record, use) for record in models) else ""


def _runnable(run: Run) -> RunnableModel:
    held = run.parts.requirement(run.asked)
    return RunnableModel(
        model=run.parts.model.label,
        slug=run.slug,
        params_billions=round(run.params / 1e9, 2),
        quantization=run.parts.quantization.record.name,
        required_gb=held.required_gb,
        headroom_gb=held.headroom_gb,
        max_context=run.parts.longest_context(run.asked),
        decode_tokens_per_s=run.speed,
        in_system_memory_gb=run.in_system_memory_gb,
        is_mixture=run.parts.model.architecture.params_active < run.params,
        released=run.released,
    )


TOOL = tool(
    run,
    "Which models of the catalogue fit whole on a device, the largest first, with the quantization and the speed; "
    "and a few current ones to start with, for a use, with the help of system memory where its size is given.",
)
