"""The largest quantization that fits whole."""

from typing import Annotated

from pydantic import Field

from kb.calc.results import Verdict
from kb.catalogue import Catalogue
from kb.catalogue.records import Record
from kb.tools.base import Arguments, Result, Tool, Whole, cite
from kb.tools.shared.fitting import (
    LADDER,
    LOSSY,
    Context,
    DeviceCount,
    FitArguments,
    KvCacheType,
    Parts,
    SystemMemory,
    fit_of,
    shared_with_fit,
)
from kb.tools.shared.resolve import (
    DeviceArgument,
    ModelArgument,
    native_quantization,
    resolve_devices,
    resolve_model,
    resolve_quantization,
    resolve_weights,
)


class BestQuantizationArguments(Arguments):
    model: ModelArgument
    device: DeviceArgument
    device_count: DeviceCount = 1
    context: Context = 8192
    kv_cache_type: KvCacheType = "f16"
    concurrency: Annotated[Whole, Field(ge=1, le=10_000)] = 1
    system_memory_gb: SystemMemory | None = None


class QuantizationChoice(Record):
    """One step of the ladder from large to small."""

    quantization: str
    verdict: Verdict
    required_gb: float
    headroom_gb: float


class BestQuantizationAnswer(Result):
    """``best`` is the largest common GGUF type that fits whole; None where none does."""

    model: str
    device: str
    best: str | None
    choices: tuple[QuantizationChoice, ...]
    formula: str
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]


def run(catalogue: Catalogue, arguments: BestQuantizationArguments) -> BestQuantizationAnswer:
    choices: list[QuantizationChoice] = []
    best: str | None = None
    model = resolve_model(catalogue, arguments.model)
    devices = resolve_devices(catalogue, arguments.device, arguments.device_count, arguments.system_memory_gb)
    devices.require_memory()
    warnings: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    native = native_quantization(model.record) if model.record else None
    for slug in (native, *LADDER[LADDER.index("q3_k_m") :]) if native else LADDER:
        asked = FitArguments(**shared_with_fit(arguments), quantization=slug)
        quantization = resolve_quantization(catalogue, slug)
        parts = Parts(model, quantization, devices, resolve_weights(catalogue, model, quantization))
        held = parts.requirement(asked)
        name = quantization.record.name
        choices.append(
            QuantizationChoice(
                quantization=name,
                verdict=held.verdict,
                required_gb=held.required_gb,
                headroom_gb=held.headroom_gb,
            )
        )
        assumptions = assumptions or fit_of(parts, asked).assumptions
        if best is None and held.verdict == "fits":
            best = name
            if slug in LOSSY:
                warnings = (f"{best} costs quality that is easy to notice; a smaller model at 4 bits may serve better",)
    described = f"the largest type whose weights, cache and buffers stay within {devices.label}'s memory"
    return BestQuantizationAnswer(
        model=model.label,
        device=devices.label,
        best=best,
        choices=tuple(choices),
        formula=f"{described} at {arguments.context:,} tokens: {best or 'none fits whole'}",
        assumptions=assumptions,
        warnings=warnings,
        citations=cite(catalogue, {**model.references, **devices.references}),
    )


TOOL = Tool(
    "best_quantization",
    "The largest common GGUF quantization of a model that fits whole on a device, and how the others fare.",
    BestQuantizationArguments,
    BestQuantizationAnswer,
    run,
    {"model": "qwen2.5 32b", "device": "RTX 4090", "context": 8192},
)
