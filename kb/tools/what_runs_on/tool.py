"""Which models of the catalogue fit whole on a device."""

from typing import Annotated

from pydantic import Field

from kb.calc.results import Range
from kb.catalogue import Catalogue
from kb.catalogue.records import LanguageModel, Record
from kb.errors import InvalidArgument
from kb.tools.base import Arguments, Name, Result, Tool, Whole, cite
from kb.tools.shared.fitting import LADDER, Context, DeviceCount, FitArguments, Parts, SystemMemory
from kb.tools.shared.resolve import (
    DeviceArgument,
    ResolvedDevices,
    native_quantization,
    resolve_devices,
    resolve_model,
    resolve_quantization,
    resolve_weights,
)
from kb.tools.shared.speed import decode_speed


class WhatRunsOnArguments(Arguments):
    device: DeviceArgument
    device_count: DeviceCount = 1
    context: Context = 8192
    quantization: Name | None = Field(None, description="only this one; without it, the best that fits for each model")
    models: Annotated[tuple[Name, ...], Field(max_length=100)] | None = Field(None, description="only these")
    limit: Annotated[Whole, Field(ge=1, le=200)] = 20
    system_memory_gb: SystemMemory | None = None


class RunnableModel(Record):
    model: str
    slug: str
    params_billions: float
    quantization: str
    required_gb: float
    headroom_gb: float
    max_context: int
    decode_tokens_per_s: Range | None
    """None where the device's memory bandwidth is not given."""


class WhatRunsOnAnswer(Result):
    """Models that fit whole at a type that keeps their quality (4 bits and up), the largest first."""

    device: str
    models: tuple[RunnableModel, ...]
    count: int
    formula: str
    assumptions: tuple[str, ...]


GOOD_TYPES = tuple(slug for slug in LADDER if slug in ("q8_0", "q6_k", "q5_k_m", "q4_k_m"))


def run(catalogue: Catalogue, arguments: WhatRunsOnArguments) -> WhatRunsOnAnswer:
    devices = resolve_devices(catalogue, arguments.device, arguments.device_count, arguments.system_memory_gb)
    devices.require_memory()
    held: list[tuple[Parts, FitArguments]] = []
    for record in _models_meant(catalogue, arguments):
        native = native_quantization(record)
        types = (arguments.quantization,) if arguments.quantization else (native,) if native else GOOD_TYPES
        best = _best(catalogue, record, types, arguments, devices)
        if best:
            held.append(best)
    held.sort(key=lambda entry: (-entry[0].model.architecture.params_total, entry[0].model.label))
    kind = arguments.quantization or "Q4_K_M or better"
    return WhatRunsOnAnswer(
        device=devices.label,
        models=tuple(_runnable(parts, asked) for parts, asked in held[: arguments.limit]),
        count=len(held),
        formula=(
            f"{len(held)} models of the catalogue hold weights ({kind}), {arguments.context:,} tokens of cache and "
            f"buffers in {devices.label}'s memory"
        ),
        assumptions=(*devices.notes, f"a context of {arguments.context:,} tokens, nothing offloaded"),
        citations=cite(catalogue, devices.references),
    )


def _models_meant(catalogue: Catalogue, arguments: WhatRunsOnArguments) -> list[LanguageModel]:
    """The models named, or the catalogue without twins of one architecture."""
    known = catalogue.known.specs["models"]
    if arguments.models is not None:
        named = [known[catalogue.names.resolve(("models",), name, "model").slug] for name in arguments.models]
    else:
        named = list(known.values())
    models = [record for record in named if isinstance(record, LanguageModel) and record.params_total is not None]
    return [record for record in models if arguments.models is not None or not record.same_architecture_as]


def _best(
    catalogue: Catalogue,
    record: LanguageModel,
    types: tuple[str, ...],
    arguments: WhatRunsOnArguments,
    devices: ResolvedDevices,
) -> tuple[Parts, FitArguments] | None:
    """The largest of ``types`` at which the devices hold the model and the context."""
    limit = record.max_position_embeddings
    if limit is not None and limit.value < arguments.context:
        return None
    try:
        model = resolve_model(catalogue, record.slug)
    except InvalidArgument:
        return None
    for slug in types:
        asked = FitArguments(
            model=record.slug,
            quantization=slug,
            device=arguments.device,
            device_count=arguments.device_count,
            context=arguments.context,
        )
        quantization = resolve_quantization(catalogue, slug)
        parts = Parts(model, quantization, devices, resolve_weights(catalogue, model, quantization))
        if parts.holds(asked):
            return parts, asked
    return None


def _runnable(parts: Parts, asked: FitArguments) -> RunnableModel:
    held = parts.requirement(asked)
    assert parts.model.slug is not None
    return RunnableModel(
        model=parts.model.label,
        slug=parts.model.slug,
        params_billions=round(parts.model.architecture.params_total / 1e9, 2),
        quantization=parts.quantization.record.name,
        required_gb=held.required_gb,
        headroom_gb=held.headroom_gb,
        max_context=parts.longest_context(asked),
        decode_tokens_per_s=decode_speed(parts, asked) if parts.devices.bandwidth_known else None,
    )


TOOL = Tool(
    "what_runs_on",
    "Which models of the catalogue fit whole on a device, the largest first, with the quantization and the speed.",
    WhatRunsOnArguments,
    WhatRunsOnAnswer,
    run,
    {"device": "RTX 3060 12GB", "limit": 10},
)
