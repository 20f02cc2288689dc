"""The KV cache, to the byte as llama.cpp allocates it.

Sources: llama.cpp, src/llama-context.cpp (padding of the context), src/llama-kv-cache.cpp (cells, MLA without V),
src/llama-kv-cache-iswa.cpp (sliding windows), src/llama-memory-recurrent.cpp (state of linear layers).
"""

from kb.calc.memory.architecture import Architecture
from kb.calc.memory.tensor_types import KV_CACHE_TYPES, TENSOR_TYPES
from kb.calc.memory.weights import layer_kinds
from kb.errors import InvalidArgument

CELL_PADDING = 256


def padded(tokens: int) -> int:
    """A number of cache cells, in whole steps of 256.

    >>> padded(1000)
    1024
    """
    return -(-tokens // CELL_PADDING) * CELL_PADDING


def cells(architecture: Architecture, context: int, kind: str, *, ubatch: int = 512, swa_full: bool = False) -> int:
    """Cells that one slot's cache has in a layer of ``kind``: all of the context, or window + micro-batch.

    >>> gemma = Architecture("g", 1, 1, 6, 8, 1, 1, 8, 8, sliding_window=1024, num_sliding_layers=5)
    >>> cells(gemma, 32768, "full"), cells(gemma, 32768, "sliding")
    (32768, 1536)
    """
    size = padded(context)
    if kind != "sliding" or swa_full:
        return size
    return padded(min(size, architecture.sliding_window + ubatch))


def kv_cache_bytes(
    architecture: Architecture,
    context: int,
    kv_cache_type: str = "f16",
    concurrency: int = 1,
    *,
    ubatch: int = 512,
    swa_full: bool = False,
    flash_attention: bool = True,
) -> int:
    """Bytes of the cache for ``concurrency`` slots of ``context`` tokens each (llama-server's ``-np``).

    Per layer: cells × KV heads × head size × 2 (K and V) × bytes per element. Llama 3.1 8B at 8192 tokens:
    8192 × 8 × 128 × 2 × 2 bytes × 32 layers = 1 GiB.

    >>> llama = Architecture("8B", 1, 1, 32, 4096, 32, 8, 128, 128256)
    >>> kv_cache_bytes(llama, 8192) == 2**30
    True
    """
    layers = kv_cache_layer_bytes(
        architecture,
        context,
        kv_cache_type,
        concurrency,
        ubatch=ubatch,
        swa_full=swa_full,
        flash_attention=flash_attention,
    )
    return sum(layers)


def kv_cache_layer_bytes(
    architecture: Architecture,
    context: int,
    kv_cache_type: str = "f16",
    concurrency: int = 1,
    *,
    ubatch: int = 512,
    swa_full: bool = False,
    flash_attention: bool = True,
) -> tuple[int, ...]:
    """The same, layer by layer. Raises ``InvalidArgument`` for a type that llama.cpp does not cache in."""
    if kv_cache_type not in KV_CACHE_TYPES:
        raise InvalidArgument("kv_cache_type", kv_cache_type, ", ".join(KV_CACHE_TYPES))
    stored = TENSOR_TYPES[kv_cache_type]
    kinds = layer_kinds(architecture)
    widest_value = max((row_elements(architecture, kind)[1] for kind in set(kinds)), default=0)

    def layer(kind: str) -> int:
        if kind == "linear":
            return architecture.linear_state_bytes // max(1, architecture.num_linear_layers) * concurrency
        key, value = row_elements(architecture, kind)
        if value and not flash_attention:
            # V is kept transposed without FlashAttention, all layers padded to the widest.
            value = widest_value
        rows = cells(architecture, context, kind, ubatch=ubatch, swa_full=swa_full) * concurrency
        return rows * (stored.bytes_of(key) + stored.bytes_of(value))

    by_kind = {kind: layer(kind) for kind in set(kinds)}
    return tuple(by_kind[kind] for kind in kinds)


def bytes_per_token(architecture: Architecture, context: int, kv_cache_type: str = "f16") -> int:
    """What one more token takes at this context: layers whose window is full already take none.

    >>> bytes_per_token(Architecture("8B", 1, 1, 32, 4096, 32, 8, 128, 128256), 1)
    131072
    """
    stored = TENSOR_TYPES[kv_cache_type]
    return sum(
        stored.bytes_of(key) + stored.bytes_of(value)
        for kind in layer_kinds(architecture)
        for key, value in (row_elements(architecture, kind),)
        if kind != "sliding" or context < cells(architecture, context + CELL_PADDING, kind)
    )


def row_elements(architecture: Architecture, kind: str) -> tuple[int, int]:
    """Elements of K and of V that one token leaves in one layer; with MLA only the latent, kept once.

    >>> row_elements(Architecture("8B", 1, 1, 32, 4096, 32, 8, 128, 128256), "full")
    (1024, 1024)
    """
    if kind not in ("full", "sliding"):
        return 0, 0
    if architecture.is_mla:
        return architecture.kv_lora_rank + architecture.qk_rope_head_dim, 0
    heads, head_dim = architecture.kv_heads(kind)
    return heads * head_dim, heads * head_dim
