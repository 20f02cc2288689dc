"""How much memory a model's KV cache takes."""

from typing import Annotated

from pydantic import Field

from kb.calc.memory.fit_report import UNKNOWN_STATE
from kb.calc.memory.kv_cache import bytes_per_token, kv_cache_bytes, kv_cache_sum
from kb.catalogue import Catalogue
from kb.catalogue.units import GB
from kb.tools.base import Arguments, Result, Whole, cite, tool
from kb.tools.shared.fitting import Context, KvCacheType
from kb.tools.shared.resolve import ModelArgument, resolve_model


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
    """The same in the units of graphics cards."""
    kb_per_token: float
    """What one more token takes at this context, in kB (1,000 bytes)."""
    kv_cache_type: KvCacheType
    concurrency: int
    model_context_limit: int | None = None
    within_model_limit: bool = True
    kv_cache_gb_at_q8_0: float | None = None
    """The same in 8 bits, where it was asked for in more."""
    formula: str
    assumptions: tuple[str, ...]


def run(catalogue: Catalogue, arguments: KvCacheArguments) -> KvCacheAnswer:
    model = resolve_model(catalogue, arguments.model)
    a = model.architecture
    limit = a.max_position_embeddings or None
    size = kv_cache_bytes(a, arguments.context, arguments.kv_cache_type, arguments.concurrency)
    is_wide = arguments.kv_cache_type in ("f16", "bf16", "f32")
    halved = kv_cache_bytes(a, arguments.context, "q8_0", arguments.concurrency) if is_wide else None
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
        formula=f"{kv_cache_sum(a, arguments.context, arguments.kv_cache_type, arguments.concurrency)} = "
        f"{size / GB:.4g} GB",
        assumptions=(*model.notes, "as llama.cpp allocates it: contexts are rounded up to 256 tokens", *unknown),
        citations=cite(catalogue, model.references),
    )


TOOL = tool(run, "How much memory a model's KV cache takes at a context length and cache type.")
