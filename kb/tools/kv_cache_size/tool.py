"""How much memory a model's KV cache takes."""

from typing import Annotated, Literal

from pydantic import Field

from kb.calc.memory.architecture import Architecture
from kb.calc.memory.fit_report import UNKNOWN_STATE
from kb.calc.memory.kv_cache import (
    bytes_per_token,
    context_of,
    kv_cache_bytes,
    kv_cache_layer_bytes,
    kv_cache_sum,
)
from kb.calc.workload import Workload
from kb.catalogue import Catalogue
from kb.catalogue.records import Record
from kb.catalogue.units import GB
from kb.tools.base import Arguments, Real, Result, Whole, cite, tool
from kb.tools.shared.fitting import Context, KvCacheType
from kb.tools.shared.resolve import ModelArgument, resolve_model


class KvCacheArguments(Arguments):
    model: ModelArgument
    context: Context = 8192
    kv_cache_type: KvCacheType = "f16"
    concurrency: Annotated[Whole, Field(ge=1, le=10_000)] = 1
    claimed_gb: Real | None = Field(None, ge=0.001, le=1_000_000, description="what it is said to take, to be judged")


NEAR = 0.1
"""How far a claim may be off: GB and GiB differ by 7 %."""


class Claimed(Record):
    """A size that somebody says, against what is worked out."""

    gb: float
    """The size, in GB."""
    is_right: bool
    """Within a tenth, by which GB and GiB may be mixed up."""
    context: int
    """Tokens whose cache takes so much."""
    of: Literal["all_layers", "one_layer"] = "all_layers"
    """Whether it is the size of a single layer's cache."""


class KvCacheAnswer(Result):
    """``kb_per_token`` is what one more token takes at this context; layers with a full window take none."""

    model: str
    context: int
    kv_cache_gb: float
    kv_cache_gib: float
    """The same in the units of graphics cards."""
    kb_per_token: float
    """What one more token takes at this context, in kB (1,000 bytes)."""
    kv_cache_type: KvCacheType
    concurrency: int
    model_context_limit: int | None = None
    within_model_limit: bool = True
    kv_cache_gb_at_q8_0: float | None = None
    """The same in 8 bits, where it was asked for in more."""
    layers: int
    """Layers that keep a cache which grows."""
    gb_per_layer: float | None = None
    """What each of them takes, where all take the same."""
    claimed: Claimed | None = None
    """What was said that it takes; null where nothing was."""
    formula: str
    assumptions: tuple[str, ...]


def run(catalogue: Catalogue, arguments: KvCacheArguments) -> KvCacheAnswer:
    model = resolve_model(catalogue, arguments.model)
    a = model.architecture
    limit = a.max_position_embeddings or None
    size = kv_cache_bytes(a, arguments.context, arguments.kv_cache_type, arguments.concurrency)
    is_wide = arguments.kv_cache_type in ("f16", "bf16", "f32")
    halved = kv_cache_bytes(a, arguments.context, "q8_0", arguments.concurrency) if is_wide else None
    load = Workload(context=arguments.context, kv_cache_type=arguments.kv_cache_type, concurrency=arguments.concurrency)
    layers = [layer for layer in kv_cache_layer_bytes(a, load) if layer]
    each = layers[0] if len(set(layers)) == 1 else None
    unknown = (UNKNOWN_STATE,) if 0 in a.linear_states else ()
    return KvCacheAnswer(
        model=model.label,
        context=arguments.context,
        kv_cache_gb=round(size / GB, 4),
        kv_cache_gib=round(size / 2**30, 4),
        kb_per_token=round(bytes_per_token(a, arguments.context, arguments.kv_cache_type) / 1000, 2),
        kv_cache_type=arguments.kv_cache_type,
        concurrency=arguments.concurrency,
        model_context_limit=limit,
        within_model_limit=limit is None or arguments.context <= limit,
        kv_cache_gb_at_q8_0=round(halved / GB, 4) if halved is not None else None,
        layers=len(layers),
        gb_per_layer=round(each / GB, 4) if each else None,
        claimed=_claimed(a, arguments, size, each),
        formula=f"{kv_cache_sum(a, arguments.context, arguments.kv_cache_type, arguments.concurrency)} = "
        f"{size / GB:.4g} GB",
        assumptions=(*model.notes, "as llama.cpp allocates it: contexts are rounded up to 256 tokens", *unknown),
        citations=cite(catalogue, model.references),
    )


def _claimed(a: Architecture, arguments: KvCacheArguments, size: int, each: int | None) -> Claimed | None:
    if arguments.claimed_gb is None:
        return None
    claimed = arguments.claimed_gb * GB

    def is_near(worked_out: float) -> bool:
        return abs(claimed - worked_out) <= NEAR * worked_out

    return Claimed(
        gb=arguments.claimed_gb,
        is_right=is_near(size),
        context=context_of(a, claimed / arguments.concurrency, arguments.kv_cache_type),
        of="one_layer" if each and not is_near(size) and is_near(each) else "all_layers",
    )


TOOL = tool(run, "How much memory a model's KV cache takes at a context length and cache type.")
