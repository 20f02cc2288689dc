"""The largest quantization that fits whole."""

from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import Field

from kb.calc.results import Range, Verdict
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
    Images,
    ImageSize,
    KvCacheType,
    MemoryShare,
    Parts,
    ReservedMemory,
    SystemBandwidth,
    SystemMemory,
    fit_of,
    parts_of,
    shared_with_fit,
    within_limit,
)
from kb.tools.shared.resolve import (
    USUAL_TYPE,
    DeviceArgument,
    ModelArgument,
    resolve_devices,
    resolve_model,
    resolve_quantization,
)
from kb.tools.shared.running import READABLE_TOKENS_PER_S
from kb.tools.shared.speed import speed_at


class BestQuantizationArguments(Arguments):
    model: ModelArgument
    device: DeviceArgument
    device_count: DeviceCount = 1
    context: Context = 8192
    kv_cache_type: KvCacheType = "f16"
    concurrency: Annotated[Whole, Field(ge=1, le=10_000)] = 1
    system_memory_gb: SystemMemory | None = None
    system_bandwidth_gb_per_s: SystemBandwidth | None = None
    reserved_gib: ReservedMemory | None = None
    memory_share: MemoryShare | None = None
    images: Images = 0
    image_size: ImageSize | None = None


class QuantizationChoice(Record):
    """One step of the ladder from large to small."""

    quantization: str
    verdict: Verdict
    required_gb: float
    headroom_gb: float


class FromRam(Record):
    """What runs with a part of it in the RAM that is there, where nothing good fits whole."""

    quantization: str
    required_gb: float
    """What all of it needs."""
    on_device_gb: float
    """Of it, what the device then holds."""
    in_system_memory_gb: float
    """Of its weights, what stays in RAM."""
    system_memory_gb: float
    """The RAM, as printed."""
    is_lossy: bool
    """Whether its loss of quality is easy to notice."""
    decode_tokens_per_s: Range | None = None
    """How fast it writes; null where the device's memory bandwidth is not known."""

    @property
    def is_readable(self) -> bool:
        """Whether it is known to write as fast as people read."""
        speed = self.decode_tokens_per_s
        return speed is not None and speed.typical >= READABLE_TOKENS_PER_S


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
    from_ram: FromRam | None = None
    """With the RAM that was named, where whole none fits or only one with a loss that shows."""
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
    partly: list[tuple[Parts, FitArguments]] = []
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
        if held.verdict == "fits_with_offload" and quantization.record.family != "float":
            partly.append((parts, asked))
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
    is_lossy = chosen is not None and chosen.quantization in _names(catalogue, LOSSY)
    described = f"the largest type whose weights, cache and buffers stay within {devices.label}'s memory"
    return BestQuantizationAnswer(
        model=model.label,
        device=devices.label,
        best=best,
        recommended=chosen.quantization if chosen else None,
        recommended_required_gb=chosen.required_gb if chosen else None,
        recommended_is_lossy=is_lossy,
        best_headroom_gb=fitting[0][0].headroom_gb if fitting else None,
        best_is_unquantized=bool(fitting) and fitting[0][1].family == "float",
        available_gb=held.available_gb,
        best_with_offload=next((one.quantization for one in choices if one.verdict == "fits_with_offload"), None),
        from_ram=_from_ram(partly) if chosen is None or is_lossy else None,
        smallest=choices[-1].quantization,
        smallest_required_gb=choices[-1].required_gb,
        choices=tuple(choices),
        formula=f"{described} at {asked.context:,} tokens: {best or 'none fits whole'}",
        assumptions=assumptions,
        warnings=warnings,
        citations=cite(catalogue, {**model.references, **devices.references}),
    )


def _from_ram(partly: Sequence[tuple[Parts, FitArguments]]) -> FromRam | None:
    """Of those without a loss that shows the largest that writes as fast as people read; where none does, the usual one
    or the largest below it."""
    good = [one for one in partly if one[0].quantization.record.slug not in LOSSY]
    runs = [run for parts, asked in good or partly if (run := _run_from_ram(parts, asked)) is not None]
    readable = (run for _, run in runs if run.is_readable)
    small = (run for slug, run in runs if LADDER.index(slug) >= LADDER.index(USUAL_TYPE))
    return next(readable, None) or next(small, None) or next((run for _, run in runs), None)


def _run_from_ram(parts: Parts, asked: FitArguments) -> tuple[str, FromRam] | None:
    fit = fit_of(parts, asked)
    if fit.offload is None or asked.system_memory_gb is None:
        return None
    slug = parts.quantization.record.slug
    speed = speed_at(parts, fit.offload, asked).decode_tokens_per_s if parts.devices.bandwidth_known else None
    return slug if slug in LADDER else USUAL_TYPE, FromRam(
        quantization=parts.quantization.record.name,
        required_gb=fit.required_gb,
        on_device_gb=fit.offload.device_gb,
        in_system_memory_gb=fit.offload.weights_in_system_memory_gb,
        system_memory_gb=asked.system_memory_gb,
        is_lossy=slug in LOSSY,
        decode_tokens_per_s=speed,
    )


def _names(catalogue: Catalogue, slugs: Iterable[str]) -> set[str]:
    return {resolve_quantization(catalogue, slug).record.name for slug in slugs}


TOOL = tool(
    run, "The largest common GGUF quantization of a model that fits whole on a device, and how the others fare."
)
