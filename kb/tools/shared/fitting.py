"""A model at a quantization on devices: the arguments that say so, what they resolve to, and whether it fits."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, model_validator

from kb.calc.device import Device
from kb.calc.memory.fit import Requirement, check_fit, fits, max_context, requirement
from kb.calc.memory.overhead import DEFAULT_SYSTEM_MEMORY_BYTES
from kb.calc.memory.tensor_types import KV_CACHE_TYPES, cache_types
from kb.calc.memory.vision import Projector
from kb.calc.memory.weights import Weights
from kb.calc.parallel import head_split
from kb.calc.results import Fit
from kb.calc.workload import Workload
from kb.catalogue import Catalogue
from kb.catalogue.records import Backend, LanguageModel, Quantization, SourceRef
from kb.catalogue.records.base import Count
from kb.catalogue.units import GIB
from kb.tools.base import Arguments, Name, Real, Whole
from kb.tools.shared.options import parse_options, stated_by
from kb.tools.shared.resolve import (
    DeviceArgument,
    ModelArgument,
    ResolvedDevices,
    ResolvedModel,
    ResolvedQuantization,
    on_backend,
    over_network,
    quantization_for,
    resolve_devices,
    resolve_model,
    resolve_quantization,
    resolve_weights,
)


def _of_cache(kind: str) -> str:
    if not set(cache_types(kind)) <= set(KV_CACHE_TYPES):
        raise ValueError("No type of a cache: one for K and V, or two with `/` between them")
    return kind


KvCacheType = Annotated[
    str,
    AfterValidator(_of_cache),
    Field(max_length=20, examples=[*KV_CACHE_TYPES, "q8_0/q4_0"]),
]


Context = Annotated[Whole, Field(ge=1, le=100_000_000, description="tokens of one conversation, prompt and answer")]


MOST_DEVICES, MOST_SYSTEM_GB = 1024, 1_000_000
DeviceCount = Annotated[Whole, Field(ge=1, le=MOST_DEVICES)]


SystemMemory = Annotated[
    Real, Field(ge=0.001, le=MOST_SYSTEM_GB, description="as printed: 64 means 64 GiB; a processor runs models from it")
]


QuantizationArgument = Annotated[
    Name | None,
    Field(
        description="`q4_k_m`, `f16`, `4-bit`, `4.25bpw` …; without it, the small type that the model is published in, "
        "or `q4_k_m`"
    ),
]


SystemBandwidth = Annotated[
    Real, Field(ge=0.001, le=100_000, description="of system memory: the speed of what runs from there depends on it")
]


ReservedMemory = Annotated[
    Real,
    Field(ge=0, le=1_000_000, description="GiB of the first device that other programs take; a desktop 0.5 to 2"),
]


MOST_OPTIONS = 500
LlamaOptions = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MOST_OPTIONS,
        description="as on llama.cpp's command line: `-ngl 30 --n-cpu-moe 12 -ub 2048`; they go before the other "
        "arguments, and without any, as much as fits goes on the device",
    ),
]


IMAGE_SIZE = "1024x1024"
"""Where nobody says how large an image is: about what a phone's picture or half a screen is shown as."""
Images = Annotated[Whole, Field(ge=0, le=1000, description="in the conversation; what sees is then loaded too")]
ImageSize = Annotated[str, Field(pattern=r"^\d{1,5} ?[x×] ?\d{1,5}$", description="pixels of each: `1920x1080`")]


MemoryShare = Annotated[
    Real,
    Field(
        ge=0.01,
        le=1,
        description="of each device's memory, what the program may take (vLLM's `--gpu-memory-utilization`); else all",
    ),
]


USUAL_CONTEXT = 8192


class FitArguments(Arguments):
    model: ModelArgument = Field(description="a name, a size (`70b`), or an object of config keys")
    quantization: QuantizationArgument = None
    device: DeviceArgument = Field(description="a card, chip or machine by name, or an object of figures")
    device_count: DeviceCount = 1
    context: Context = USUAL_CONTEXT
    kv_cache_type: KvCacheType = "f16"
    flash_attention: bool = True
    concurrency: Annotated[Whole, Field(ge=1, le=10_000, description="conversations at once")] = 1
    system_memory_gb: SystemMemory | None = None
    system_bandwidth_gb_per_s: SystemBandwidth | None = None
    tensor_parallel: bool = Field(False, description="all cards work on each token, as in vLLM")
    options: LlamaOptions | None = None
    backend: Backend | None = Field(None, description="`vulkan` or the maker's own, which is the default")
    reserved_gib: ReservedMemory | None = None
    memory_share: MemoryShare | None = None
    images: Images = 0
    image_size: ImageSize | None = None
    hosts: Annotated[Whole, Field(ge=1, le=64)] | None = Field(
        None, description="computers that the devices are spread over; else one, of machines each"
    )
    host_link: Name | None = Field(None, description="what joins them: `thunderbolt 5` …; else 10 Gbit/s is taken")

    @model_validator(mode="before")
    @classmethod
    def _as_the_options_say(cls, given: Any) -> Any:
        """Context, slots and cache of the options, as the arguments that they are here; what they say goes before."""
        line = given.get("options") if isinstance(given, dict) else None
        if not isinstance(line, str) or len(line) > MOST_OPTIONS:
            return given
        options = parse_options(line)
        if not options.unified:
            return given | stated_by(options)
        slots, context = options.slots or given.get("concurrency", 1), given.get("context", USUAL_CONTEXT)
        if not (type(slots) is int and type(context) is int and slots > 1):
            return given | stated_by(options)
        # One pool for all: as large as it is said to be, else with room for each one's context.
        pool = {} if options.context else {"context": context * slots}
        told = {} if options.slots else {"options": f"{line} -np {slots}"}
        return given | pool | told | stated_by(options)


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

    @property
    def projector(self) -> Projector | None:
        """What sees; None where the model is not known to."""
        return _projector_in(self.model)

    def image_tokens(self, arguments: FitArguments) -> int:
        """Of each image; 0 where it is not known."""
        return _image_tokens(self.model, arguments)

    def works_at_once(self, arguments: FitArguments) -> bool:
        """Whether several devices can work on each token: servers do where the heads can be divided; llama.cpp, which
        is told so by its options, always."""
        cards = len(self.devices.devices)
        refused = head_split(self.model.architecture.num_attention_heads, cards) is not None
        return cards > 1 and (arguments.options is not None or not refused)

    def holds(self, arguments: FitArguments) -> bool:
        """The verdict alone: whether the devices hold everything; much cheaper than the whole fit."""
        return fits(self.model.architecture, self.weights, self.devices.devices, self.load(arguments))

    def requirement(self, arguments: FitArguments) -> Requirement:
        """Verdict and sum, without the report."""
        host_bytes = system_memory_bytes(arguments) or DEFAULT_SYSTEM_MEMORY_BYTES
        load = self.load(arguments)
        return requirement(self.model.architecture, self.weights, self.devices.devices, load, host_bytes)

    def longest_context(self, arguments: FitArguments) -> int:
        return max_context(self.model.architecture, self.weights, self.devices.devices, self.load(arguments))

    def load(self, arguments: FitArguments) -> Workload:
        options = parse_options(arguments.options or "")
        sees = self.projector if arguments.images else None
        layers = self.model.architecture.num_hidden_layers
        return Workload(
            context=arguments.context,
            kv_cache_type=arguments.kv_cache_type,
            flash_attention=arguments.flash_attention,
            concurrency=arguments.concurrency,
            ubatch=options.micro_batch,
            quantization_format=self.quantization.record.format,
            swa_full=options.swa_full,
            reserved_bytes=None if arguments.reserved_gib is None else round(arguments.reserved_gib * GIB),
            projector_bytes=sees.held_bytes(self.image_tokens(arguments)) if sees else 0,
            seen_tokens=self.image_tokens(arguments) * arguments.images,
            memory_share=arguments.memory_share,
            sharing=options.sharing,
            gpu_layers=options.gpu_layers,
            # Which layers they are changes nothing but on several cards, where the first ones are taken.
            cpu_expert_layers=None if options.cpu_experts is None else sum(one < layers for one in options.cpu_experts),
            tensor_split=options.tensor_split,
        )


def _projector_in(model: ResolvedModel) -> Projector | None:
    """Not of a bare size, which stands for models that see and for others."""
    return projector_of(model.record) if model.record and not model.size else None


def _image_tokens(model: ResolvedModel, arguments: FitArguments) -> int:
    projector = _projector_in(model)
    width, height = (int(side) for side in re.split("[x×]", arguments.image_size or IMAGE_SIZE))
    return projector.tokens_of(width, height) if projector else 0


def projector_of(record: LanguageModel) -> Projector | None:
    """Of a model that is known to read images."""
    if record.projector_params is None or record.reads is None or "image" not in record.reads.value:
        return None

    def told(figure: Count | None) -> int:
        return figure.value if figure else 0

    return Projector(
        record.projector_params.value,
        tokens=told(record.image_tokens),
        token_side=told(record.image_token_side),
        most_tokens=told(record.image_tokens_most),
        patches_per_token=told(record.image_patches_per_token) or 1,
    )


def system_memory_bytes(arguments: FitArguments) -> int | None:
    """Memory is printed in GB and counted in GiB."""
    return round(arguments.system_memory_gb * GIB) if arguments.system_memory_gb else None


def resolve_parts(catalogue: Catalogue, arguments: FitArguments) -> Parts:
    model = resolve_model(catalogue, arguments.model)
    quantization = quantization_for(catalogue, model, arguments.quantization)
    devices = resolve_devices(catalogue, arguments.device, arguments.device_count, arguments.system_memory_gb)
    devices = over_network(catalogue, on_backend(devices, arguments.backend), arguments.hosts, arguments.host_link)
    return parts_of(catalogue, model, quantization, devices)


def parts_of(
    catalogue: Catalogue, model: ResolvedModel, quantization: ResolvedQuantization, devices: ResolvedDevices
) -> Parts:
    return Parts(model, quantization, devices, resolve_weights(catalogue, model, quantization))


def smaller_types(catalogue: Catalogue, parts: Parts, arguments: FitArguments) -> Iterator[Parts]:
    """The model in the common types that are smaller than the one asked for and that fit, the largest first."""
    for slug in LADDER:
        tried = parts_of(catalogue, parts.model, resolve_quantization(catalogue, slug), parts.devices)
        if tried.weights.total_bytes < parts.weights.total_bytes and tried.holds(arguments):
            yield tried


LEAST_OF_USE = 1024
"""A shorter context holds no conversation: of a model that fits with no more, no speed is told."""
Asked = TypeVar("Asked", bound=FitArguments)


def fit_at_usual(parts: Parts, arguments: Asked, stated: bool) -> tuple[Asked, Fit, bool]:
    """The fit; where nobody ``stated`` the context and the usual one does not fit, at the longest that does. Whether it
    was shortened."""
    fit = fit_of(parts, arguments)
    least = LEAST_OF_USE + parts.load(arguments).seen_tokens
    if stated or fit.verdict != "does_not_fit" or fit.max_context < least:
        return arguments, fit, False
    shorter = arguments.model_copy(update={"context": fit.max_context})
    return shorter, fit_of(parts, shorter), True


def fit_of(parts: Parts, arguments: FitArguments) -> Fit:
    quantization = parts.quantization.record
    fit = check_fit(
        parts.model.architecture,
        parts.weights,
        parts.devices.devices,
        parts.load(arguments),
        system_memory_bytes=system_memory_bytes(arguments),
        model_label=parts.model.architecture.name,
        quantization_label=quantization.name,
    )
    warnings = (*fit.warnings, *format_warnings(quantization, parts.devices.each), *_not_so(parts, arguments))
    return fit.model_copy(update={"assumptions": (*parts.notes, *fit.assumptions), "warnings": warnings})


def _not_so(parts: Parts, arguments: FitArguments) -> Iterator[str]:
    """What was asked for and is not what was worked out."""
    cards, heads = len(parts.devices.devices), parts.model.architecture.num_attention_heads
    if arguments.tensor_parallel and cards > 1 and not parts.works_at_once(arguments):
        yield (
            f"servers refuse tensor parallel over {cards} devices, as {heads} attention heads "
            "cannot be divided by that: what is told is of a split by layers"
        )
    if arguments.images and reads_images(parts.model) is False:
        yield f"{parts.model.label} is not known to read images: none is counted"


def reads_images(model: ResolvedModel) -> bool | None:
    """Whether it is known to; None of a size and of given figures."""
    if model.record is None or model.size:
        return None
    return model.record.reads is not None and "image" in model.record.reads.value


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


def shared_with_fit(arguments: Arguments) -> dict[str, object]:
    """Arguments that were given to a tool and that it has in common with ``check_fit``."""
    return {name: getattr(arguments, name) for name in arguments.model_fields_set if name in FitArguments.model_fields}


def within_limit(model: ResolvedModel, arguments: Asked) -> Asked:
    """Where no context was asked for, one in which the images have room, and no more than the model can read."""
    if "context" in arguments.model_fields_set:
        return arguments
    seen = _image_tokens(model, arguments) * arguments.images
    wanted = max(arguments.context, math.ceil((seen + LEAST_OF_USE) / LEAST_OF_USE) * LEAST_OF_USE if seen else 0)
    limit = model.architecture.max_position_embeddings
    wanted = min(wanted, limit) if limit > 0 else wanted
    return arguments if wanted == arguments.context else arguments.model_copy(update={"context": wanted})


LADDER = ("f16", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "iq4_xs", "q3_k_m", "iq3_xs", "q2_k", "iq2_xs", "iq1_s")
"""Common GGUF types from near-lossless to last resort (llama.cpp, tools/quantize)."""
LOSSY = ("q3_k_m", "iq3_xs", "q2_k", "iq2_xs", "iq1_s")
"""Of these the loss is easy to notice (llama.cpp, tools/quantize: perplexity of each type)."""
TIGHT = 0.04
"""Of the memory: a fit that leaves less is one only while nothing else runs."""
