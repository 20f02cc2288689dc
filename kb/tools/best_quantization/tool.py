"""The largest quantization that fits whole."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from kb.calc.results import Verdict
from kb.catalogue import Catalogue
from kb.catalogue.records import Quantization, Record
from kb.tools.base import Arguments, Result, Whole, cite, tool
from kb.tools.shared.fitting import (
    LADDER,
    LOSSY,
    TIGHT,
    Context,
    DeviceCount,
    FitArguments,
    KvCacheType,
    ReservedMemory,
    SystemMemory,
    fit_of,
    parts_of,
    shared_with_fit,
    within_limit,
)
from kb.tools.shared.resolve import (
    DeviceArgument,
    ModelArgument,
    resolve_devices,
    resolve_model,
    resolve_quantization,
)


class BestQuantizationArguments(Arguments):
    model: ModelArgument
    device: DeviceArgument
    device_count: DeviceCount = 1
    context: Context = 8192
    kv_cache_type: KvCacheType = "f16"
    concurrency: Annotated[Whole, Field(ge=1, le=10_000)] = 1
    system_memory_gb: SystemMemory | None = None
    reserved_gib: ReservedMemory | None = None


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
    """The largest common GGUF type that fits whole; null where none does."""
    recommended: str | None = None
    """The best that leaves some room, and no unquantized one: 8 bits are hardly worse at half the size."""
    recommended_required_gb: float | None = None
    """What the recommended one needs."""
    recommended_is_lossy: bool = False
    """Whether its loss of quality is easy to notice."""
    best_headroom_gb: float | None = None
    """What the best leaves free."""
    best_is_unquantized: bool = False
    """Whether the best is the model as it was made, in 16 bits."""
    available_gb: float
    best_with_offload: str | None = None
    """The largest that runs with a part of it in system memory."""
    smallest: str
    """The smallest common type."""
    smallest_required_gb: float
    """What it needs."""
    choices: tuple[QuantizationChoice, ...]
    """The ladder of types, from large to small."""
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
    fitting: list[tuple[QuantizationChoice, Quantization]] = []
    for slug in (model.native, *LADDER[LADDER.index("q3_k_m") :]) if model.native else LADDER:
        asked = within_limit(model, FitArguments(**shared_with_fit(arguments), quantization=slug))
        quantization = resolve_quantization(catalogue, slug)
        parts = parts_of(catalogue, model, quantization, devices)
        held = parts.requirement(asked)
        name = quantization.record.name
        choice = QuantizationChoice(
            quantization=name,
            verdict=held.verdict,
            required_gb=held.required_gb,
            headroom_gb=held.headroom_gb,
        )
        choices.append(choice)
        assumptions = assumptions or fit_of(parts, asked).assumptions
        if held.verdict == "fits":
            fitting.append((choice, quantization.record))
        if best is None and held.verdict == "fits":
            best = name
            if slug in LOSSY:
                warnings = (f"{best} costs quality that is easy to notice; a smaller model at 4 bits may serve better",)
    roomy = [
        choice
        for choice, record in fitting
        if choice.headroom_gb >= TIGHT * held.available_gb and record.family != "float"
    ]
    chosen = next(iter(roomy), fitting[-1][0] if fitting else None)
    described = f"the largest type whose weights, cache and buffers stay within {devices.label}'s memory"
    return BestQuantizationAnswer(
        model=model.label,
        device=devices.label,
        best=best,
        recommended=chosen.quantization if chosen else None,
        recommended_required_gb=chosen.required_gb if chosen else None,
        recommended_is_lossy=chosen is not None and chosen.quantization in _names(catalogue, LOSSY),
        best_headroom_gb=fitting[0][0].headroom_gb if fitting else None,
        best_is_unquantized=bool(fitting) and fitting[0][1].family == "float",
        available_gb=held.available_gb,
        best_with_offload=next((one.quantization for one in choices if one.verdict == "fits_with_offload"), None),
        smallest=choices[-1].quantization,
        smallest_required_gb=choices[-1].required_gb,
        choices=tuple(choices),
        formula=f"{described} at {asked.context:,} tokens: {best or 'none fits whole'}",
        assumptions=assumptions,
        warnings=warnings,
        citations=cite(catalogue, {**model.references, **devices.references}),
    )


def _names(catalogue: Catalogue, slugs: Iterable[str]) -> set[str]:
    return {resolve_quantization(catalogue, slug).record.name for slug in slugs}


TOOL = tool(
    run, "The largest common GGUF quantization of a model that fits whole on a device, and how the others fare."
)
