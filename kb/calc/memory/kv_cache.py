"""The KV cache, to the byte as llama.cpp allocates it.

Sources: llama.cpp, src/llama-context.cpp (padding of the context), src/llama-kv-cache.cpp (cells, MLA without V),
src/llama-kv-cache-iswa.cpp (sliding windows), src/llama-kv-cache-dsv4.cpp (compressed rows),
src/llama-memory-recurrent.cpp (state of linear layers).
"""

from operator import mul

from kb.calc.memory.architecture import (
    Architecture,
    Attending,
    Attention,
    AttentionWithState,
    CompressedAttention,
    LatentAttention,
    LinearAttention,
    Mixer,
)
from kb.calc.memory.kept import kept
from kb.calc.memory.tensor_types import KV_CACHE_TYPES, TENSOR_TYPES, TensorType, cache_types
from kb.calc.workload import Workload
from kb.errors import InvalidArgument

CELL_PADDING = 256


def padded(tokens: int) -> int:
    """A number of cache cells, in whole steps of 256.

    >>> padded(1000)
    1024
    """
    return -(-tokens // CELL_PADDING) * CELL_PADDING


def cells(mixer: Attending, context: int, *, ubatch: int = 512, swa_full: bool = False, sharing: int = 1) -> int:
    """Cells that one slot's cache has in a layer: all of the context, or window + micro-batch; where several
    conversations share it, the window of each.

    >>> from kb.calc.memory.architecture import Attention
    >>> cells(Attention(8, 128), 32768), cells(Attention(8, 128, window=1024), 32768)
    (32768, 1536)
    """
    size = padded(context)
    if not mixer.window or swa_full:
        return size
    return padded(min(size, mixer.window * sharing + ubatch))


def compressed_rows(mixer: Mixer | None, context: int) -> int:
    """Rows that stand for the tokens behind a window; 0 where nothing is compressed.

    >>> compressed_rows(CompressedAttention(1, 512, 128, ratio=128), 131072)
    1024
    """
    if not isinstance(mixer, CompressedAttention) or not mixer.ratio:
        return 0
    return padded(-(-padded(context) // mixer.ratio))


def kv_cache_bytes(architecture: Architecture, context: int, kv_cache_type: str = "f16", concurrency: int = 1) -> int:
    """Bytes of the cache for ``concurrency`` slots of ``context`` tokens each (llama-server's ``-np``).

    Per layer: cells × KV heads × head size × 2 (K and V) × bytes per element. Llama 3.1 8B at 8192 tokens:
    8192 × 8 × 128 × 2 × 2 bytes × 32 layers = 1 GiB.

    >>> from kb.calc.memory.families import Config, architecture_of
    >>> llama = architecture_of(Config("8B", 8030261248, 8030261248, 32, 4096, 32, 8, 128, 128256))
    >>> kv_cache_bytes(llama, 8192) == 2**30
    True
    """
    load = Workload(context=context, kv_cache_type=kv_cache_type, concurrency=concurrency)
    return sum(kv_cache_layer_bytes(architecture, load))


def _held_bytes(layers: tuple[int, ...]) -> int:
    """About what a result takes, with the arguments that it is kept under."""
    return 4096 + 40 * len(layers)


@kept(16 * 2**20, _held_bytes)
def kv_cache_layer_bytes(architecture: Architecture, load: Workload) -> tuple[int, ...]:
    """The same, layer by layer. Raises ``InvalidArgument`` for a type that llama.cpp does not cache in."""
    if not set(cache_types(load.kv_cache_type)) <= set(KV_CACHE_TYPES):
        raise InvalidArgument("kv_cache_type", load.kv_cache_type, ", ".join(KV_CACHE_TYPES))
    keys, values = _stored(load.kv_cache_type)
    attending = [mixer for mixer in architecture.mixers if isinstance(mixer, Attending)]
    widest_value = max((mixer.row_elements[1] for mixer in attending), default=0)

    sequences = load.concurrency * load.sharing

    def layer(mixer: Mixer | None) -> int:
        if mixer is None:
            return 0
        if isinstance(mixer, LinearAttention):
            return mixer.state_bytes * sequences
        if _is_shared(mixer):
            return 0
        key, value = mixer.row_elements
        if value and not load.flash_attention:
            # V is kept transposed without FlashAttention, all layers padded to the widest.
            value = widest_value
        held = cells(mixer, load.context, ubatch=load.ubatch, swa_full=load.swa_full, sharing=load.sharing)
        rows = held * load.concurrency
        size = rows * (keys.bytes_of(key) + values.bytes_of(value))
        if isinstance(mixer, CompressedAttention):
            row = keys.bytes_of(key) + keys.bytes_of(mixer.index_head_dim)
            size += load.concurrency * compressed_rows(mixer, load.context) * row
        if isinstance(mixer, CompressedAttention | AttentionWithState):
            size += sequences * mixer.state_bytes
        return size

    sizes = {mixer: layer(mixer) for mixer in architecture.mixers}
    return tuple(sizes[layer.mixer] for layer in architecture.layers)


def _stored(kind: str) -> tuple[TensorType, TensorType]:
    keys, values = cache_types(kind)
    return TENSOR_TYPES[keys], TENSOR_TYPES[values]


def bytes_per_token(architecture: Architecture, context: int, kv_cache_type: str = "f16") -> int:
    """What one more token takes at this context: layers whose window is full already take none.

    >>> from kb.calc.memory.families import Config, architecture_of
    >>> bytes_per_token(architecture_of(Config("8B", 8030261248, 1, 32, 4096, 32, 8, 128, 128256)), 1)
    131072
    """
    keys, values = _stored(kv_cache_type)

    def of(mixer: Mixer | None) -> int:
        if not isinstance(mixer, Attending) or _is_shared(mixer):
            return 0
        grows = not mixer.window or context < cells(mixer, context + CELL_PADDING)
        key, value = mixer.row_elements
        row = keys.bytes_of(key) + values.bytes_of(value) if grows else 0
        if isinstance(mixer, CompressedAttention) and mixer.ratio:
            row += (keys.bytes_of(mixer.head_dim) + keys.bytes_of(mixer.index_head_dim)) // mixer.ratio
        return row

    return sum(count * of(mixer) for mixer, count in architecture.mixers.items())


MOST_HELD = 2**26
"""Tokens; no cache of so many is one conversation's, nor that of several."""


def context_of(architecture: Architecture, size: float, kv_cache_type: str = "f16") -> int:
    """How many tokens a cache of so many bytes holds, in whole steps of 256; 0 where it holds none.

    >>> from kb.calc.memory.families import Config, architecture_of
    >>> context_of(architecture_of(Config("8B", 8030261248, 8030261248, 32, 4096, 32, 8, 128, 128256)), 2**30)
    8192
    """
    low, high = 0, MOST_HELD // CELL_PADDING
    while low < high:
        middle = (low + high + 1) // 2
        if kv_cache_bytes(architecture, middle * CELL_PADDING, kv_cache_type) <= size:
            low = middle
        else:
            high = middle - 1
    return low * CELL_PADDING


def expanded_bytes_per_token(architecture: Architecture) -> int:
    """What a token takes at 16 bits in programs that keep keys and values of each head instead of the latent that they
    come from; 0 where no layer has one."""
    latent = [layer.mixer for layer in architecture.layers if isinstance(layer.mixer, LatentAttention)]
    heads = architecture.num_attention_heads
    return sum(2 * heads * (one.qk_nope_head_dim + one.qk_rope_head_dim + one.v_head_dim) for one in latent)


def _is_shared(mixer: Mixer) -> bool:
    return isinstance(mixer, Attention) and mixer.shared


def kv_cache_sum(architecture: Architecture, context: int, kv_cache_type: str, concurrency: int = 1) -> str:
    """The cache as a sum that can be worked out by hand, in bytes: a product for each sort of layer."""
    stored = [kind.bits_per_weight / 8 for kind in _stored(kv_cache_type)]
    keys_alone = f"{stored[0]:g} bytes ({cache_types(kv_cache_type)[0]})"
    slots = f" × {concurrency} conversations" if concurrency > 1 else ""
    attending = {
        mixer: count
        for mixer, count in architecture.mixers.items()
        if isinstance(mixer, Attending) and not _is_shared(mixer)
    }
    products = []
    for mixer, count in sorted(attending.items(), key=lambda pair: pair[0].window):
        elements = mixer.row_elements
        each = keys_alone
        if elements[1]:
            each = f"{sum(map(mul, elements, stored)) / sum(elements):g} bytes ({kv_cache_type})"
        if isinstance(mixer, LatentAttention):
            row = f"{count} layers × {mixer.row_elements[0]} compressed elements (MLA, without V)"
        elif isinstance(mixer, CompressedAttention):
            row = f"{count} layers × {mixer.head_dim} elements (K, which is V too)"
        elif mixer.value_dim:
            row = f"{count} layers × {mixer.kv_heads} KV heads × {mixer.head_dim + mixer.value_dim} elements of K and V"
        else:
            row = f"2 (K and V) × {count} layers × {mixer.kv_heads} KV heads × {mixer.head_dim}"
        held = cells(mixer, context)
        window = f" (window {mixer.window:,} + batch)" if held < padded(context) else ""
        products.append(f"{row} × {held:,} tokens{window} × {each}{slots}")
        if (rows := compressed_rows(mixer, context)) and isinstance(mixer, CompressedAttention):
            indexed = " (with the indexer's keys)" if mixer.index_head_dim else ""
            row = f"{mixer.head_dim + mixer.index_head_dim} elements{indexed}"
            behind = f"{rows:,} rows (one for {mixer.ratio} tokens)"
            products.append(f"{count} layers × {row} × {behind} × {keys_alone}{slots}")
        if isinstance(mixer, CompressedAttention | AttentionWithState) and mixer.state_bytes:
            products.append(f"{count} layers × {mixer.state_bytes:,} bytes (constant state){slots}")
    if state := sum(architecture.linear_states):
        products.append(f"{state:,} bytes (constant state of {len(architecture.linear_states)} layers){slots}")
    return " + ".join(products)
