"""Tools that say what fits where."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from kb.calc.device import Device
from kb.calc.memory.fit import Requirement, check_fit, fits, max_context, requirement
from kb.calc.memory.kv_cache import kv_cache_bytes
from kb.calc.memory.overhead import DEFAULT_SYSTEM_MEMORY_BYTES
from kb.calc.memory.weights import Weights
from kb.calc.results import Fit, Verdict
from kb.calc.workload import Workload
from kb.catalogue import Catalogue
from kb.catalogue.records import Quantization, Record, SourceRef
from kb.catalogue.units import GB, GIB
from kb.tools.base import Arguments, Name, Real, Result, Tool, Whole, cite
from kb.tools.resolve import (
    DeviceArgument,
    ModelArgument,
    ResolvedDevices,
    ResolvedModel,
    ResolvedQuantization,
    native_quantization,
    resolve_devices,
    resolve_model,
    resolve_quantization,
    resolve_weights,
)

KvCacheType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"]
Context = Annotated[Whole, Field(ge=1, le=100_000_000, description="tokens of one conversation, prompt and answer")]
DeviceCount = Annotated[Whole, Field(ge=1, le=1024)]
SystemMemory = Annotated[
    Real, Field(ge=0.001, le=1_000_000, description="as printed: 64 means 64 GiB; a processor runs models from it")
]


class FitArguments(Arguments):
    model: ModelArgument = Field(description="a name (`llama 3.1 70b`), a size (`70b`), or an object of config keys")
    quantization: Name = Field(description="`q4_k_m`, `f16`, `4-bit`, `4.25bpw` …")
    device: DeviceArgument = Field(description="a name (`RTX 4090`, `m2 ultra 192gb`), or an object of figures")
    device_count: DeviceCount = 1
    context: Context = 8192
    kv_cache_type: KvCacheType = "f16"
    flash_attention: bool = True
    concurrency: Annotated[Whole, Field(ge=1, le=10_000, description="conversations held at once")] = 1
    system_memory_gb: SystemMemory | None = None


class FitAnswer(Fit, Result):
    """``Fit`` with the names as they were understood."""

    model: str
    quantization: str
    device: str


@dataclass(frozen=True)
class Parts:
    """What a fit is worked out from."""

    model: ResolvedModel
    quantization: ResolvedQuantization
    devices: ResolvedDevices
    weights: Weights

    @property
    def notes(self) -> tuple[str, ...]:
        return (*self.model.notes, *self.quantization.notes, *self.devices.notes)

    @property
    def references(self) -> dict[str, tuple[SourceRef, ...]]:
        return {**self.model.references, **self.quantization.references, **self.devices.references}

    def holds(self, arguments: FitArguments) -> bool:
        """The verdict alone: whether the devices hold everything; much cheaper than the whole fit."""
        return fits(self.model.architecture, self.weights, self.devices.devices, self._load(arguments))

    def requirement(self, arguments: FitArguments) -> Requirement:
        """Verdict and sum, without the report."""
        host_bytes = system_memory_bytes(arguments) or DEFAULT_SYSTEM_MEMORY_BYTES
        load = self._load(arguments)
        return requirement(self.model.architecture, self.weights, self.devices.devices, load, host_bytes)

    def longest_context(self, arguments: FitArguments) -> int:
        return max_context(self.model.architecture, self.weights, self.devices.devices, self._load(arguments))

    def _load(self, arguments: FitArguments) -> Workload:
        return Workload(
            context=arguments.context,
            kv_cache_type=arguments.kv_cache_type,
            flash_attention=arguments.flash_attention,
            concurrency=arguments.concurrency,
            quantization_format=self.quantization.record.format,
        )


def system_memory_bytes(arguments: FitArguments) -> int | None:
    """Memory is printed in GB and counted in GiB."""
    return round(arguments.system_memory_gb * GIB) if arguments.system_memory_gb else None


def resolve_parts(catalogue: Catalogue, arguments: FitArguments) -> Parts:
    model = resolve_model(catalogue, arguments.model)
    quantization = resolve_quantization(catalogue, arguments.quantization)
    devices = resolve_devices(catalogue, arguments.device, arguments.device_count, arguments.system_memory_gb)
    return Parts(model, quantization, devices, resolve_weights(catalogue, model, quantization))


def fit_of(parts: Parts, arguments: FitArguments) -> Fit:
    quantization = parts.quantization.record
    fit = check_fit(
        parts.model.architecture,
        parts.weights,
        parts.devices.devices,
        context=arguments.context,
        kv_cache_type=arguments.kv_cache_type,
        flash_attention=arguments.flash_attention,
        concurrency=arguments.concurrency,
        system_memory_bytes=system_memory_bytes(arguments),
        model_label=parts.model.label,
        quantization_label=quantization.name,
        quantization_format=quantization.format,
    )
    warnings = (*fit.warnings, *format_warnings(quantization, parts.devices.each))
    return fit.model_copy(update={"assumptions": (*parts.notes, *fit.assumptions), "warnings": warnings})


PRECISIONS = {
    "f16": "fp16", "bf16": "bf16", "fp8": "fp8", "int8": "int8", "int4": "int4", "nvfp4": "fp4", "mxfp4": "fp4",
}  # fmt: skip
"""The precision that a format of weights needs from the hardware to compute without conversion."""


def is_native(quantization: Quantization, device: Device) -> bool | None:
    """Whether the device computes in this format; None where the format needs nothing, or the device is not known.

    NVIDIA's architectures are named with the format; of other makers' devices the precisions. NVFP4 is NVIDIA's alone.
    """
    architectures, precision = quantization.native_architectures, PRECISIONS.get(quantization.slug)
    if architectures is None or precision is None:
        return None
    if device.vendor == "NVIDIA" and device.architecture:
        return any(name.casefold() in device.architecture.casefold() for name in architectures.value)
    if device.native_precisions:
        return precision in device.native_precisions and quantization.slug != "nvfp4"
    return False if precision in ("fp8", "fp4") and device.vendor else None


def format_warnings(quantization: Quantization, device: Device) -> Iterator[str]:
    """Formats that run on this device only by conversion, or not at all."""
    if is_native(quantization, device) is False:
        assert quantization.native_architectures is not None
        architecture = f" ({device.architecture})" if device.architecture else ""
        yield (
            f"{device.name}{architecture} has no native {quantization.name}: it saves memory there, but the arithmetic "
            f"runs in another format (native on {', '.join(quantization.native_architectures.value)})"
        )
    if quantization.format in ("exl2", "tensorrt") and device.backend != "cuda":
        yield f"{quantization.name} needs an NVIDIA GPU; {device.name} cannot run it"
    if quantization.format == "mlx" and device.backend != "metal":
        yield f"{quantization.name} runs on Apple Silicon only; {device.name} cannot run it"


def run_check_fit(catalogue: Catalogue, arguments: FitArguments) -> FitAnswer:
    return fit_answer(catalogue, resolve_parts(catalogue, arguments), arguments)


def fit_answer(catalogue: Catalogue, parts: Parts, arguments: FitArguments) -> FitAnswer:
    parts.devices.require_memory()
    fit = fit_of(parts, arguments)
    return FitAnswer(
        **{name: getattr(fit, name) for name in Fit.model_fields},
        model=parts.model.label,
        quantization=parts.quantization.record.name,
        device=parts.devices.label,
        citations=cite(catalogue, parts.references),
    )


class MaxContextArguments(Arguments):
    model: ModelArgument
    quantization: Name
    device: DeviceArgument
    device_count: DeviceCount = 1
    kv_cache_type: KvCacheType = "f16"
    flash_attention: bool = True
    concurrency: Annotated[Whole, Field(ge=1, le=10_000)] = 1
    system_memory_gb: SystemMemory | None = None


class MaxContextAnswer(Result):
    """``max_context`` tokens fit beside the weights; 0 where the weights alone do not."""

    model: str
    quantization: str
    device: str
    max_context: int
    model_limit: int | None
    limited_by: Literal["memory", "model", "weights"]
    kv_cache_gb_at_max: float
    formula: str
    assumptions: tuple[str, ...]


def run_max_context(catalogue: Catalogue, arguments: MaxContextArguments) -> MaxContextAnswer:
    asked = FitArguments(**shared_with_fit(arguments), context=1024)
    parts = resolve_parts(catalogue, asked)
    model, quantization, devices = parts.model, parts.quantization, parts.devices
    devices.require_memory()
    fit = fit_of(parts, asked)
    limit = model.architecture.max_position_embeddings or None
    longest = fit.max_context
    kv = kv_cache_bytes(model.architecture, longest, arguments.kv_cache_type, arguments.concurrency) if longest else 0
    limited: Literal["memory", "model", "weights"] = "memory"
    if longest == 0:
        limited = "weights"
    elif limit and longest >= limit:
        limited = "model"
    reasons = {
        "weights": f"{model.label} at {quantization.record.name} leaves no room for a context on {devices.label}",
        "model": f"{longest:,} tokens is the model's own limit; their KV cache takes {kv / GB:.2f} GB",
        "memory": f"{longest:,} tokens of KV cache ({kv / GB:.2f} GB) fill what the weights leave free",
    }
    return MaxContextAnswer(
        model=model.label,
        quantization=quantization.record.name,
        device=devices.label,
        max_context=longest,
        model_limit=limit,
        limited_by=limited,
        kv_cache_gb_at_max=round(kv / GB, 3),
        formula=reasons[limited],
        assumptions=fit.assumptions,
        citations=cite(catalogue, parts.references),
    )


def shared_with_fit(arguments: Arguments) -> dict[str, object]:
    """Arguments that a tool has in common with ``check_fit``."""
    return {
        name: getattr(arguments, name) for name in type(arguments).model_fields if name in FitArguments.model_fields
    }


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


LADDER = ("f16", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "iq4_xs", "q3_k_m", "iq3_xs", "q2_k", "iq2_xs", "iq1_s")
"""Common GGUF types from near-lossless to last resort (llama.cpp, tools/quantize)."""

LOSSY = ("q3_k_m", "iq3_xs", "q2_k", "iq2_xs", "iq1_s")


def run_best_quantization(catalogue: Catalogue, arguments: BestQuantizationArguments) -> BestQuantizationAnswer:
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


CHECK_FIT = Tool(
    "check_fit",
    "Does a model at a quantization fit on a device (or several), at a context length? Gives the verdict, the memory "
    "it needs by part, the headroom, the longest context, and what would be offloaded.",
    FitArguments,
    FitAnswer,
    run_check_fit,
    {"model": "llama 3.1 70b", "quantization": "q4_k_m", "device": "RTX 4090", "context": 8192},
)
MAX_CONTEXT = Tool(
    "max_context",
    "The longest context of a model at a quantization that fits on a device without offloading.",
    MaxContextArguments,
    MaxContextAnswer,
    run_max_context,
    {"model": "llama 3.1 8b", "quantization": "q4_k_m", "device": "RTX 3060 12GB"},
)
BEST_QUANTIZATION = Tool(
    "best_quantization",
    "The largest common GGUF quantization of a model that fits whole on a device, and how the others fare.",
    BestQuantizationArguments,
    BestQuantizationAnswer,
    run_best_quantization,
    {"model": "qwen2.5 32b", "device": "RTX 4090", "context": 8192},
)
