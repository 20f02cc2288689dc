"""Tools that say how much memory a model needs, wherever it runs."""

from typing import Annotated

from pydantic import Field

from kb.calc.memory.fit_report import UNKNOWN_STATE
from kb.calc.memory.kv_cache import bytes_per_token, kv_cache_bytes, kv_cache_sum
from kb.catalogue import Catalogue
from kb.catalogue.records import Record
from kb.catalogue.units import GB, GIB
from kb.tools.base import Arguments, Name, Result, Tool, Whole, cite
from kb.tools.given import DeviceFigures
from kb.tools.memory import Context, FitArguments, KvCacheType, fit_of, resolve_parts, shared_with_fit
from kb.tools.resolve import ModelArgument, native_quantization, resolve_model


class MemoryArguments(Arguments):
    model: ModelArgument
    quantization: Name | None = Field(None, description="only this one; without it, the common GGUF types")
    context: Context = 8192
    kv_cache_type: KvCacheType = "f16"
    concurrency: Annotated[Whole, Field(ge=1, le=10_000)] = 1


COMMON_TYPES = ("f16", "q8_0", "q4_k_m")


class MemoryNeed(Record):
    """``total_gb`` = weights + cache + compute buffer + runtime, on one CUDA device that holds everything."""

    quantization: str
    weights_gb: float
    kv_cache_gb: float
    total_gb: float
    total_gib: float
    how: str


class MemoryAnswer(Result):
    model: str
    context: int
    needs: tuple[MemoryNeed, ...]
    formula: str
    assumptions: tuple[str, ...]


def run_memory(catalogue: Catalogue, arguments: MemoryArguments) -> MemoryAnswer:
    model = resolve_model(catalogue, arguments.model)
    roomy = DeviceFigures(name="one device with room", memory_gib=1_000_000, memory_bandwidth_gb_per_s=1000)
    needs: list[MemoryNeed] = []
    references = dict(model.references)
    notes: tuple[str, ...] = ()
    native = native_quantization(model.record) if model.record else None
    for slug in (arguments.quantization,) if arguments.quantization else (native,) if native else COMMON_TYPES:
        asked = FitArguments(**shared_with_fit(arguments) | {"quantization": slug}, device=roomy)
        parts = resolve_parts(catalogue, asked)
        quantization, weights = parts.quantization, parts.weights
        fit = fit_of(parts, asked)
        references |= quantization.references
        notes = quantization.notes
        needs.append(
            MemoryNeed(
                quantization=quantization.record.name,
                weights_gb=round(weights.total_bytes / GB, 2),
                kv_cache_gb=fit.breakdown.kv_cache_gb,
                total_gb=fit.required_gb,
                total_gib=round(fit.required_gb * GB / GIB, 2),
                how=weights.how,
            )
        )
    sums = "; ".join(
        f"{need.quantization}: {need.weights_gb:g} GB of weights, {need.total_gb:g} GB ({need.total_gib:g} GiB) in all"
        for need in needs
    )
    return MemoryAnswer(
        model=model.label,
        context=arguments.context,
        needs=tuple(needs),
        formula=sums,
        assumptions=(
            *model.notes,
            *notes,
            f"{arguments.context:,} tokens of context, cache in {arguments.kv_cache_type}, "
            "llama.cpp with FlashAttention",
        ),
        citations=cite(catalogue, references),
    )


class KvCacheArguments(Arguments):
    model: ModelArgument
    context: Context = 8192
    kv_cache_type: KvCacheType = "f16"
    concurrency: Annotated[Whole, Field(ge=1, le=10_000)] = 1


class KvCacheAnswer(Result):
    """``kb_per_token`` is what one more token takes at this context; layers with a full window take none."""

    model: str
    context: int
    kv_cache_gb: float
    kv_cache_gib: float
    kb_per_token: float
    formula: str
    assumptions: tuple[str, ...]


def run_kv_cache(catalogue: Catalogue, arguments: KvCacheArguments) -> KvCacheAnswer:
    model = resolve_model(catalogue, arguments.model)
    a = model.architecture
    size = kv_cache_bytes(a, arguments.context, arguments.kv_cache_type, arguments.concurrency)
    unknown = (UNKNOWN_STATE,) if 0 in a.linear_states else ()
    return KvCacheAnswer(
        model=model.label,
        context=arguments.context,
        kv_cache_gb=round(size / GB, 4),
        kv_cache_gib=round(size / 2**30, 4),
        kb_per_token=round(bytes_per_token(a, arguments.context, arguments.kv_cache_type) / 1000, 2),
        formula=f"{kv_cache_sum(a, arguments.context, arguments.kv_cache_type, arguments.concurrency)} = "
        f"{size / GB:.4g} GB",
        assumptions=(*model.notes, "as llama.cpp allocates it: contexts are rounded up to 256 tokens", *unknown),
        citations=cite(catalogue, model.references),
    )


ESTIMATE_MEMORY = Tool(
    "estimate_memory",
    "How much memory a model needs, by quantization, whatever the device.",
    MemoryArguments,
    MemoryAnswer,
    run_memory,
    {"model": "llama 3.1 70b"},
)
KV_CACHE_SIZE = Tool(
    "kv_cache_size",
    "How much memory a model's KV cache takes at a context length and cache type.",
    KvCacheArguments,
    KvCacheAnswer,
    run_kv_cache,
    {"model": "llama 3.1 70b", "context": 131072},
)
