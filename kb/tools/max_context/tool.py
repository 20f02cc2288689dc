"""The longest context that fits."""

from typing import Annotated, Literal

from pydantic import Field

from kb.calc.memory.kv_cache import bytes_per_token, kv_cache_bytes
from kb.catalogue import Catalogue
from kb.catalogue.units import GB
from kb.tools.base import Arguments, Result, Whole, cite, tool
from kb.tools.shared.fitting import (
    DeviceCount,
    FitArguments,
    KvCacheType,
    Parts,
    QuantizationArgument,
    ReservedMemory,
    SystemMemory,
    fit_of,
    resolve_parts,
    shared_with_fit,
    smaller_types,
)
from kb.tools.shared.resolve import DeviceArgument, ModelArgument


class MaxContextArguments(Arguments):
    model: ModelArgument
    quantization: QuantizationArgument = None
    device: DeviceArgument
    device_count: DeviceCount = 1
    kv_cache_type: KvCacheType = "f16"
    flash_attention: bool = True
    concurrency: Annotated[Whole, Field(ge=1, le=10_000)] = 1
    system_memory_gb: SystemMemory | None = None
    reserved_gib: ReservedMemory | None = None


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
    max_context_at_q8_0: int | None = None
    """The same with the cache in 8 bits, where that is longer."""
    smaller_quantization: str | None = None
    """Where the weights leave no room: the largest common type that does, with the context that it leaves."""
    max_context_of_smaller: int | None = None
    """Tokens that fit with it."""
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
    smaller = None if longest else next(smaller_types(catalogue, parts, asked), None)
    return MaxContextAnswer(
        model=model.label,
        quantization=quantization.record.name,
        device=devices.label,
        max_context=longest,
        model_limit=limit,
        limited_by=limited,
        kv_cache_gb_at_max=round(kv / GB, 3),
        kb_per_token=round(bytes_per_token(model.architecture, longest or 1024, arguments.kv_cache_type) / 1000, 2),
        max_context_at_q8_0=_in_eight_bits(parts, asked, longest),
        smaller_quantization=smaller.quantization.record.name if smaller else None,
        max_context_of_smaller=smaller.longest_context(asked) if smaller else None,
        formula=reasons[limited],
        assumptions=fit.assumptions,
        citations=cite(catalogue, parts.references),
    )


def _in_eight_bits(parts: Parts, asked: FitArguments, longest: int) -> int | None:
    if asked.kv_cache_type not in ("f16", "bf16", "f32") or not longest:
        return None
    longer = parts.longest_context(asked.model_copy(update={"kv_cache_type": "q8_0"}))
    return longer if longer > longest else None


TOOL = tool(run, "The longest context of a model at a quantization that fits on a device without offloading.")
