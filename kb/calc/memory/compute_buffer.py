"""The compute buffer: what llama.cpp reserves for intermediate results, found by running its allocator.

The graph of a few layers is laid out as llama.cpp builds it (src/llama-graph.cpp: ``build_attn_mha``,
``build_ffn``, ``build_moe_ffn``) and allocated as ggml does (``kb.calc.memory.arena``). Only shapes enter; element-wise
steps write in place and do not appear.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from kb.calc.memory.architecture import (
    Architecture,
    Attending,
    Attention,
    Experts,
    GraphStyle,
    LatentAttention,
    Layer,
    LinearAttention,
    Mlp,
)
from kb.calc.memory.arena import Graph, buffer_bytes
from kb.calc.memory.kv_cache import cells
from kb.calc.memory.tensor_types import TENSOR_TYPES, cache_types
from kb.calc.workload import Workload

PIPELINE_COPIES = 4
"""With several cards llama.cpp keeps the inputs of each this many times (ggml-backend.cpp)."""

_F32 = 4
_I32 = 4
_I64 = 8
_FLOATS = ("f32", "f16", "bf16")
_LINEAR_HEAD_DIM = 128


@dataclass(frozen=True)
class _Batch:
    """What is computed at once: ``tokens`` of a micro-batch against the cells of a slot."""

    tokens: int
    load: Workload

    def floats(self, elements: int) -> int:
        """Bytes of ``elements`` 32-bit floats for every token."""
        return elements * self.tokens * _F32

    def cells(self, mixer: Attending) -> int:
        load = self.load
        return cells(mixer, load.context, ubatch=load.ubatch, swa_full=load.swa_full, sharing=load.sharing)


@dataclass(frozen=True)
class _Inputs:
    key_indices: int
    value_indices: int
    mask: int


@lru_cache(maxsize=4096)
def compute_buffer_bytes(
    architecture: Architecture,
    load: Workload,
    *,
    with_embedding: bool = False,
    with_output: bool = True,
    copies: int = 1,
) -> int:
    """Bytes of one device's buffer.

    ``with_embedding``: the input embedding is looked up there (on the CPU alone); ``with_output``: the logits
    are computed there; ``copies``: how many times the inputs are kept. Llama 3 8B at 8192 tokens, micro-batch
    512, on the CPU: 266.5 MiB, of which 128,256 × 512 × 4 bytes = 250.5 MiB are logits.

    >>> from kb.calc.memory.families import Config, architecture_of
    >>> llama = architecture_of(Config("8B", 8030261248, 1, 32, 4096, 32, 8, 128, 128256, 14336))
    >>> round(compute_buffer_bytes(llama, Workload(8192), with_embedding=True) / 2**20, 1)
    266.5
    """
    tokens = min(load.ubatch, load.context * load.concurrency)
    batch = _Batch(tokens, load)
    graph = Graph()
    hidden = batch.floats(architecture.hidden_size)
    sequence = _representative(architecture)
    graph.input(tokens * _I32)  # token numbers
    if with_embedding:
        graph.input(hidden, kept=True)  # room for embeddings that come from outside
    graph.input(tokens * _I32, kept=True)  # positions
    inputs = _inputs(graph, batch, sequence, copies)
    rows = graph.input(tokens * _I32)  # which tokens' logits are asked for
    for _ in range(copies - 1):
        graph.input(hidden, kept=True)
    current = graph.input(hidden, kept=True) if copies > 1 else graph.add(hidden)
    gathers_late = architecture.graph.gathers_late
    for index, layer in enumerate(sequence):
        is_last = with_output and not gathers_late and index == len(sequence) - 1
        current = _layer(graph, architecture, batch, layer, current, inputs, rows if is_last else None)
    if with_output:
        if gathers_late:
            kept = graph.output(hidden, current, in_place=True)
            current = graph.add(hidden, kept, rows)
        normed = graph.add(hidden, current, in_place=True)
        graph.output(batch.floats(architecture.vocab_size), normed)
    return buffer_bytes(graph.operations)


def _representative(architecture: Architecture) -> Sequence[Layer]:
    """The last few layers, in which the places in the buffer repeat; of models with long periods, a whole period.

    Where the first layers alone have no experts, one of them leads.
    """
    layers, every = architecture.layers, set(architecture.mixers)
    count = 4 if len(every) == 1 else 6
    while {layer.mixer for layer in layers[-count:]} != every:
        count += 1
    chosen = layers[-count:]
    if architecture.experts and isinstance(layers[0].feed_forward, Mlp):
        return (replace(chosen[0], feed_forward=layers[0].feed_forward), *chosen[1:])
    return chosen


def _inputs(graph: Graph, batch: _Batch, sequence: Sequence[Layer], copies: int) -> dict[Attending, _Inputs]:
    """Masks and cache indices of each kind of attention layer, in the order in which they are met.

    Layers that differ in their heads alone share them.
    """
    found: dict[Attending, _Inputs] = {}
    by_window: dict[int, _Inputs] = {}
    tokens = batch.tokens
    for mixer in dict.fromkeys(layer.mixer for layer in sequence):
        if not isinstance(mixer, Attending):
            continue
        if mixer.window in by_window:
            found[mixer] = by_window[mixer.window]
            continue
        _, value = mixer.row_elements
        sizes = (
            tokens * _I64,
            # A transposed V (without FlashAttention) is written element by element.
            tokens * _I64 * (1 if batch.load.flash_attention else max(1, value)),
            tokens * batch.cells(mixer) * (2 if batch.load.flash_attention else 4),
        )
        for size in sizes * (copies - 1):
            graph.input(size, kept=True)
        key_indices, value_indices, mask = (graph.input(size, kept=copies > 1) for size in sizes)
        found[mixer] = by_window[mixer.window] = _Inputs(key_indices, value_indices, mask)
    return found


def _layer(
    graph: Graph,
    architecture: Architecture,
    batch: _Batch,
    layer: Layer,
    current: int,
    inputs: Mapping[Attending, _Inputs],
    picked_rows: int | None,
) -> int:
    hidden, heads = batch.floats(architecture.hidden_size), architecture.num_attention_heads
    if layer.mixer is not None:
        normed = graph.add(hidden, current)
        match layer.mixer:
            case LinearAttention() as mixer:
                joined = _linear(graph, batch, mixer, architecture.hidden_size, normed)
            case LatentAttention() as mixer:
                joined = _latent_attention(graph, batch, mixer, heads, normed, inputs[mixer])
            case Attention() as mixer:
                joined = _attention(graph, batch, mixer, heads, architecture.graph, normed, inputs[mixer])
        mixed = graph.add(hidden, joined)
        if picked_rows is not None:
            mixed = graph.add(hidden, mixed, picked_rows)
            current = graph.add(hidden, current, picked_rows)
        current = graph.add(hidden, mixed, current, in_place=True)
    if layer.feed_forward is None:
        return current
    normed = graph.add(hidden, current)
    match layer.feed_forward:
        case Mlp(width):
            down = _gated(graph, batch.floats(width), hidden, normed)
        case Experts() as block:
            down = _experts(graph, batch, block, hidden, normed)
    return graph.add(hidden, down, current, in_place=True)


def _attention(
    graph: Graph, batch: _Batch, mixer: Attention, heads: int, style: GraphStyle, normed: int, inputs: _Inputs
) -> int:
    key, value = mixer.row_elements
    query_bytes = batch.floats(heads * mixer.head_dim)
    types = cache_types(batch.load.kv_cache_type)
    keys_rotated, values_rotated = (kind not in _FLOATS and mixer.head_dim % 64 == 0 for kind in types)
    projected = graph.add(2 * query_bytes if style.output_gate else query_bytes, normed)
    # RoPE (or the norm before it) reads a reshaped view, and so cannot write in place.
    queries = graph.add(query_bytes, projected)
    if keys_rotated:
        queries = graph.add(query_bytes, queries)
    if style.keys_first:
        keys = _key_rows(graph, batch.floats(key), normed, keys_rotated)
        values = _value_rows(graph, batch.floats(value), normed, values_rotated)
    else:
        values = _value_rows(graph, batch.floats(value), normed, values_rotated)
        keys = _key_rows(graph, batch.floats(key), normed, keys_rotated)
    graph.add(0, keys, inputs.key_indices)
    graph.add(0, values, inputs.value_indices)
    if batch.load.flash_attention:
        # FlashAttention takes 16-bit K and V: a 32-bit cache is converted first.
        rows = zip(types, (key, value), strict=True)
        casts = [batch.cells(mixer) * size * 2 for kind, size in rows if kind == "f32"]
        converted = [graph.add(size) for size in casts]
        joined = graph.add(query_bytes, queries, *converted, inputs.mask)
    else:
        scores = _scores(graph, heads * batch.cells(mixer), batch, queries, inputs)
        attended = graph.add(query_bytes, scores)
        joined = graph.add(query_bytes, attended)
    if values_rotated:
        joined = graph.add(query_bytes, joined)
    if style.output_gate:
        gate = graph.add(query_bytes, projected)
        # FlashAttention's result is reshaped, and only the gate can be written over.
        pair = (gate, joined) if batch.load.flash_attention else (joined, gate)
        joined = graph.add(query_bytes, *pair, in_place=True)
    return joined


def _key_rows(graph: Graph, size: int, normed: int, rotated: bool) -> int:
    keys = graph.add(size, graph.add(size, normed))
    return graph.add(size, keys) if rotated else keys


def _value_rows(graph: Graph, size: int, normed: int, rotated: bool) -> int:
    values = graph.add(size, normed)
    return graph.add(size, values) if rotated else values


def _scores(graph: Graph, elements: int, batch: _Batch, queries: int, inputs: _Inputs) -> int:
    scores = graph.add(batch.floats(elements), queries)
    return graph.add(batch.floats(elements), scores, inputs.mask, in_place=True)


def _latent_attention(
    graph: Graph, batch: _Batch, mixer: LatentAttention, heads: int, normed: int, inputs: _Inputs
) -> int:
    """DeepSeek's MLA with absorbed projections: every head attends in the latent space (src/models/deepseek2.cpp)."""
    rank, rope = mixer.kv_lora_rank, mixer.qk_rope_head_dim
    low = graph.add(batch.floats(mixer.q_lora_rank), normed) if mixer.q_lora_rank else normed
    projected = graph.add(batch.floats(heads * (mixer.qk_nope_head_dim + rope)), low)
    absorbed = graph.add(batch.floats(heads * rank), projected)
    positions = graph.add(batch.floats(heads * rope), projected)
    queries = graph.add(batch.floats(heads * (rank + rope)), absorbed, positions)
    compressed = graph.add(batch.floats(rank + rope), normed)
    values = graph.add(batch.floats(rank), compressed)
    key_positions = graph.add(batch.floats(rope), compressed)
    keys = graph.add(batch.floats(rank + rope), values, key_positions)
    graph.add(0, keys, inputs.key_indices)
    if batch.load.flash_attention:
        attended = graph.add(batch.floats(heads * rank), queries, inputs.mask)
    else:
        width = batch.cells(mixer)
        scores = _scores(graph, heads * width, batch, queries, inputs)
        transposed = graph.add(TENSOR_TYPES[cache_types(batch.load.kv_cache_type)[0]].bytes_of(width * rank))
        attended = graph.add(batch.floats(heads * rank), scores, transposed)
    value_bytes = batch.floats(heads * mixer.v_head_dim)
    unpacked = graph.add(value_bytes, attended)
    return graph.add(value_bytes, unpacked)


def _linear(graph: Graph, batch: _Batch, mixer: LinearAttention, hidden_size: int, normed: int) -> int:
    """A gated delta net (src/models/delta-net-base.cpp); its width is told from the state, heads of 128 × 128."""
    inner = batch.floats(mixer.state_bytes // _F32 // _LINEAR_HEAD_DIM or hidden_size)
    mixed = graph.add(2 * inner, normed)
    gate = graph.add(inner, normed)
    padded = graph.add(2 * inner, mixed)
    convolved = graph.add(2 * inner, padded)
    queries = graph.add(inner, convolved)
    keys = graph.add(inner, convolved)
    output = graph.add(inner, queries, keys, convolved)
    return graph.add(inner, output, gate)


def _gated(graph: Graph, width: int, hidden: int, normed: int) -> int:
    gate = graph.add(width, normed)
    up = graph.add(width, normed)
    activated = graph.add(width, gate, up)
    return graph.add(hidden, activated)


def _experts(graph: Graph, batch: _Batch, block: Experts, hidden: int, normed: int) -> int:
    used, width = block.used, batch.floats(block.width) * block.used
    logits = graph.add(batch.floats(block.count), normed)
    chosen = graph.add(batch.floats(block.count), logits)
    picked = graph.add(batch.floats(used), logits, chosen)
    weights = graph.add(batch.floats(used), picked)
    gate = graph.add(width, normed, chosen)
    up = graph.add(width, normed, chosen)
    activated = graph.add(width, gate, up)
    down = graph.add(hidden * used, activated, chosen)
    weighted = graph.add(hidden * used, down, weights, in_place=True)
    summed = graph.add(hidden, weighted)
    if not block.shared_width:
        return summed
    shared = _gated(graph, batch.floats(block.shared_width), hidden, normed)
    return graph.add(hidden, summed, shared, in_place=True)
