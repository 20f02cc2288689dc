"""How much memory a model needs, wherever it runs."""

from typing import Annotated

from pydantic import Field

from kb.calc.device import gpus_on
from kb.calc.memory.architecture import Architecture
from kb.calc.memory.kv_cache import context_of, expanded_bytes_per_token
from kb.calc.memory.overhead import DESKTOP_BYTES
from kb.catalogue import Catalogue
from kb.catalogue.records import Accelerator, Record
from kb.catalogue.units import GB, GIB
from kb.tools.base import Arguments, Name, Real, Result, Whole, cite, tool
from kb.tools.shared.fitting import (
    Context,
    FitArguments,
    Images,
    ImageSize,
    KvCacheType,
    fit_of,
    resolve_parts,
    shared_with_fit,
    within_limit,
)
from kb.tools.shared.given import ROOMY
from kb.tools.shared.resolve import ModelArgument, quantization_for, resolve_model


class MemoryArguments(Arguments):
    model: ModelArgument
    quantization: Name | None = Field(None, description="only this one; without it, the common GGUF types")
    context: Context = 8192
    kv_cache_type: KvCacheType = "f16"
    concurrency: Annotated[Whole, Field(ge=1, le=10_000)] = 1
    images: Images = 0
    image_size: ImageSize | None = None
    measured_gb: Real | None = Field(None, ge=0.001, le=1_000_000, description="what it takes in fact, to be explained")


COMMON_TYPES = ("f16", "q8_0", "q4_k_m")


class MemoryNeed(Record):
    """``total_gb`` = weights that are not looked up + cache + compute buffer + runtime, on one CUDA device."""

    quantization: str
    weights_gb: float
    looked_up_gb: float
    """Of the weights, those that stay in RAM: tables of which a token reads a few rows."""
    kv_cache_gb: float
    projector_gb: float = 0.0
    """What sees, where images are shown to a model that reads them."""
    total_gb: float
    """Weights but those in RAM, cache, compute buffer and what the runtime takes."""
    total_gib: float
    """The same in the units of graphics cards."""
    how: str
    """The sum in words."""
    is_usual: bool = False
    """The one that was asked for, or else that most people run."""
    smallest_card_gib: float | None = None
    """The smallest size of memory, as printed, with which graphics cards are sold and which holds it; None if none."""


SURPLUS = 0.1
"""Of what is worked out: so much more is no difference of units, which is 7 %, or of buffers."""
LARGER = 2.0
"""How many times the cache that is worked out, for the rest to be one."""
MOST_WINDOWS = 16
"""Whole windows of a model; a cache of more would be no one's."""


class Surplus(Record):
    """Memory beyond what weights, buffers and the context take, read as context that a program keeps open."""

    measured_gb: float
    """What it takes in fact."""
    weights_gb: float
    kv_cache_gb: float
    """What is left of it for a cache."""
    context: int | None = None
    """Tokens whose cache takes that; null where it is more than any run keeps."""
    windows: float | None = None
    """The same in whole windows of the model; null where it is less than one."""
    window: int | None = None
    """Tokens that the model can read."""
    context_expanded: int | None = None
    """Of a model that keeps a latent: tokens, where a program keeps keys and values of each head instead."""


class MemoryAnswer(Result):
    model: str
    surplus: Surplus | None = None
    """Where it takes clearly more than is worked out: what the rest is."""
    context: int
    needs: tuple[MemoryNeed, ...]
    """By type of weights."""
    formula: str
    assumptions: tuple[str, ...]


def run(catalogue: Catalogue, arguments: MemoryArguments) -> MemoryAnswer:
    model = resolve_model(catalogue, arguments.model)
    usual = quantization_for(catalogue, model, arguments.quantization).record.slug
    sizes = _card_sizes(catalogue)
    needs: list[MemoryNeed] = []
    references = dict(model.references)
    notes: tuple[str, ...] = ()
    only = arguments.quantization or model.native
    for slug in (only,) if only else COMMON_TYPES:
        asked = FitArguments(**shared_with_fit(arguments) | {"quantization": slug}, device=ROOMY)
        parts = resolve_parts(catalogue, asked)
        quantization, weights = parts.quantization, parts.weights
        asked = within_limit(model, asked)
        fit = fit_of(parts, asked)
        held = fit.required_gb * GB + DESKTOP_BYTES
        references |= quantization.references
        notes = quantization.notes
        needs.append(
            MemoryNeed(
                quantization=quantization.record.name,
                weights_gb=round(weights.total_bytes / GB, 2),
                looked_up_gb=round((weights.total_bytes - weights.device_bytes) / GB, 2),
                kv_cache_gb=fit.breakdown.kv_cache_gb,
                projector_gb=fit.breakdown.projector_gb,
                total_gb=fit.required_gb,
                total_gib=round(fit.required_gb * GB / GIB, 2),
                how=weights.how,
                is_usual=quantization.record.slug == usual,
                smallest_card_gib=next((size for size in sizes if size * GIB >= held), None),
            )
        )
    sums = "; ".join(
        f"{need.quantization}: {need.weights_gb:g} GB of weights, {need.total_gb:g} GB ({need.total_gib:g} GiB) in all"
        for need in needs
    )
    shown = next((need for need in needs if need.is_usual), needs[0])
    return MemoryAnswer(
        model=model.label,
        surplus=_surplus(model.architecture, shown, arguments),
        context=asked.context,
        needs=tuple(needs),
        formula=sums,
        assumptions=(
            *model.notes,
            *notes,
            f"{asked.context:,} tokens of context, cache in {arguments.kv_cache_type}, llama.cpp with FlashAttention",
        ),
        citations=cite(catalogue, references),
    )


def _surplus(architecture: Architecture, need: MemoryNeed, arguments: MemoryArguments) -> Surplus | None:
    measured = arguments.measured_gb
    if measured is None or measured <= (1 + SURPLUS) * need.total_gb:
        return None
    cache = measured - (need.total_gb - need.kv_cache_gb)
    if cache < LARGER * need.kv_cache_gb:
        return None
    held = context_of(architecture, cache * GB / arguments.concurrency, arguments.kv_cache_type)
    limit = architecture.max_position_embeddings
    expanded = expanded_bytes_per_token(architecture)
    is_likely = not limit or held <= MOST_WINDOWS * limit
    return Surplus(
        measured_gb=measured,
        weights_gb=need.weights_gb,
        kv_cache_gb=round(cache, 2),
        context=held if held and is_likely else None,
        windows=round(held / limit, 1) if limit and is_likely and held >= limit else None,
        window=limit or None,
        context_expanded=round(cache * GB / expanded) if expanded else None,
    )


def _card_sizes(catalogue: Catalogue) -> list[float]:
    return sorted(
        {
            card.memory_gib.value
            for card in catalogue.known.of(Accelerator).values()
            if card.memory_gib and not card.unified_memory and card.segment != "laptop" and gpus_on(card) == 1
        }
    )


TOOL = tool(run, "How much memory a model needs, by quantization, whatever the device.")
