"""The longest context that fits."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from kb.calc.memory.kv_cache import bytes_per_token, kv_cache_bytes
from kb.calc.results import Offload
from kb.catalogue import Catalogue
from kb.catalogue.records import Record
from kb.catalogue.units import GB
from kb.tools.base import Arguments, Result, Whole, cite, tool
from kb.tools.shared.fitting import (
    IMAGE_SIZE,
    LADDER,
    LOSSY,
    Context,
    DeviceCount,
    FitArguments,
    Images,
    ImageSize,
    KvCacheType,
    MemoryShare,
    Parts,
    QuantizationArgument,
    ReservedMemory,
    SystemMemory,
    fit_of,
    parts_of,
    resolve_parts,
    shared_with_fit,
    smaller_types,
)
from kb.tools.shared.resolve import DeviceArgument, ModelArgument, resolve_quantization
from kb.tools.shared.speed import speed_at


class MaxContextArguments(Arguments):
    model: ModelArgument
    quantization: QuantizationArgument = None
    device: DeviceArgument
    device_count: DeviceCount = 1
    kv_cache_type: KvCacheType = "f16"
    flash_attention: bool = True
    concurrency: Annotated[Whole, Field(ge=1, le=10_000)] = 1
    wanted: Context | None = Field(None, description="tokens that are to fit: what it takes where they do not")
    system_memory_gb: SystemMemory | None = None
    reserved_gib: ReservedMemory | None = None
    memory_share: MemoryShare | None = None
    images: Images = 0
    image_size: ImageSize | None = None


LONGEST_TRIED, SHORTEST_TRIED = 131_072, 2048
"""Contexts, where a part of the weights lies in system memory and the model's own limit is not known."""

SMALLER_CACHES: tuple[KvCacheType, ...] = ("q8_0", "q4_0")
"""What people store a cache in to make it smaller, the more exact first."""


class WayToContext(Record):
    """The largest weights, and the most exact cache with them, at which a context fits."""

    quantization: str
    kv_cache_type: KvCacheType
    required_gb: float
    """What all of it needs."""
    is_lossy: bool
    """Whether the weights' loss of quality is easy to notice."""


class MaxContextAnswer(Result):
    """``max_context`` tokens fit beside the weights; 0 where the weights alone do not."""

    model: str
    quantization: str
    device: str
    max_context: int
    """Tokens that fit beside the weights; 0 where the weights alone do not."""
    model_limit: int | None
    """What the model itself can read; null where it is not known."""
    limited_by: Literal["memory", "model", "weights"]
    """What ends it."""
    kv_cache_gb_at_max: float
    """What the cache takes then."""
    kb_per_token: float
    """What one more token takes there, in kB (1,000 bytes)."""
    image_tokens: int | None = None
    """Of each image, where some are to be shown and it is known."""
    image_size: str = ""
    """Of each, in pixels; empty where it does not matter."""
    max_context_at_q8_0: int | None = None
    """The same with the cache in 8 bits, where that is longer."""
    smaller_quantization: str | None = None
    """Where the weights leave no room: the largest common type that does, with the context that it leaves."""
    max_context_of_smaller: int | None = None
    """Tokens that fit with it."""
    wanted: int | None = None
    """Tokens that were to fit, as far as the model can read so many."""
    wanted_fits: bool | None = None
    """Whether they do; null where none were named."""
    way: WayToContext | None = None
    """Where they do not: what it takes; null where nothing common does."""
    max_context_with_ram: int | None = None
    """Where the weights alone do not fit: tokens that fit with a part of them in system memory, of the halves of the
    model's limit; null where its size is not given."""
    in_system_memory_gb: float | None = None
    """Of the weights, what lies there then."""
    tokens_per_s_with_ram: float | None = None
    """How fast it then writes behind a full context; null where the bandwidth is not known."""
    available_gb: float
    """What the device has for all of it."""
    formula: str
    assumptions: tuple[str, ...]


def run(catalogue: Catalogue, arguments: MaxContextArguments) -> MaxContextAnswer:
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
    wanted = None if arguments.wanted is None or (limit and arguments.wanted > limit) else arguments.wanted
    smaller = None if longest else next(smaller_types(catalogue, parts, asked), None)
    partly = None if longest else _partly(parts, asked)
    offload = partly.offload if partly else None
    return MaxContextAnswer(
        model=model.label,
        quantization=quantization.record.name,
        device=devices.label,
        max_context=longest,
        model_limit=limit,
        limited_by=limited,
        kv_cache_gb_at_max=round(kv / GB, 3),
        kb_per_token=round(bytes_per_token(model.architecture, longest or 1024, arguments.kv_cache_type) / 1000, 2),
        image_size=(arguments.image_size or IMAGE_SIZE) if parts.projector and parts.projector.token_side else "",
        image_tokens=(parts.image_tokens(asked) or None) if asked.images else None,
        max_context_at_q8_0=_in_eight_bits(parts, asked, longest),
        smaller_quantization=smaller.quantization.record.name if smaller else None,
        max_context_of_smaller=smaller.longest_context(asked) if smaller else None,
        wanted=wanted,
        wanted_fits=None if wanted is None else wanted <= longest,
        way=_way(catalogue, parts, asked, wanted) if wanted and wanted > longest else None,
        max_context_with_ram=partly.context if partly else None,
        in_system_memory_gb=offload.weights_in_system_memory_gb if offload else None,
        tokens_per_s_with_ram=partly.tokens_per_s if partly else None,
        available_gb=fit.available_gb,
        formula=reasons[limited],
        assumptions=fit.assumptions,
        citations=cite(catalogue, parts.references),
    )


@dataclass(frozen=True)
class _Partly:
    context: int
    offload: Offload | None
    tokens_per_s: float | None


def _partly(parts: Parts, asked: FitArguments) -> _Partly | None:
    """The longest of the halves of the model's limit that fits with a part of the weights in system memory."""
    context = parts.model.architecture.max_position_embeddings or LONGEST_TRIED
    while asked.system_memory_gb is not None and context >= SHORTEST_TRIED:
        load = asked.model_copy(update={"context": context})
        fit = fit_of(parts, load)
        if fit.verdict == "fits_with_offload":
            known = parts.devices.bandwidth_known
            speed = speed_at(parts, fit.offload, load).decode_tokens_per_s if known else None
            return _Partly(context, fit.offload, round(speed.typical, 1) if speed else None)
        context //= 2
    return None


def _way(catalogue: Catalogue, parts: Parts, asked: FitArguments, wanted: int) -> WayToContext | None:
    types = [parts]
    for slug in LADDER:
        tried = parts_of(catalogue, parts.model, resolve_quantization(catalogue, slug), parts.devices)
        if tried.weights.total_bytes < parts.weights.total_bytes:
            types.append(tried)
    for tried in types:
        for kind in dict.fromkeys((asked.kv_cache_type, *SMALLER_CACHES)):
            load = asked.model_copy(update={"context": wanted, "kv_cache_type": kind})
            if tried.holds(load):
                return WayToContext(
                    quantization=tried.quantization.record.name,
                    kv_cache_type=kind,
                    required_gb=tried.requirement(load).required_gb,
                    is_lossy=tried.quantization.record.slug in LOSSY,
                )
    return None


def _in_eight_bits(parts: Parts, asked: FitArguments, longest: int) -> int | None:
    if asked.kv_cache_type not in ("f16", "bf16", "f32") or not longest:
        return None
    longer = parts.longest_context(asked.model_copy(update={"kv_cache_type": "q8_0"}))
    return longer if longer > longest else None


TOOL = tool(run, "The longest context of a model at a quantization that fits on a device without offloading.")
