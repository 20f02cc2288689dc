"""The compute buffer: what llama.cpp reserves for intermediate results, found by running its allocator.

The graph of a few layers is laid out as llama.cpp builds it (src/llama-graph.cpp: ``build_attn_mha``,
``build_ffn``, ``build_moe_ffn``) and allocated as ggml does (``kb.calc.memory.arena``). Only shapes enter; element-wise
steps write in place and do not appear.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from kb.calc.memory.architecture import Architecture
from kb.calc.memory.arena import Graph, buffer_bytes
from kb.calc.memory.kv_cache import cells, row_elements
from kb.calc.memory.tensor_types import TENSOR_TYPES
from kb.calc.memory.weights import layer_kinds, with_widths

PIPELINE_COPIES = 4
"""With several cards llama.cpp keeps the inputs of each this many times (ggml-backend.cpp)."""

_F32 = 4
_I32 = 4
_I64 = 8
_FLOATS = ("f32", "f16", "bf16")
_LINEAR_HEAD_DIM = 128


@dataclass(frozen=True)
class _Batch:
    """What is computed at once: ``tokens`` of a micro-batch against ``context`` cells per slot."""

    tokens: int
    context: int
    ubatch: int
    kv_cache_type: str
    flash_attention: bool
    swa_full: bool

    def floats(self, elements: int) -> int:
        """Bytes of ``elements`` 32-bit floats for every token."""
        return elements * self.tokens * _F32


@dataclass(frozen=True)
class _Inputs:
    key_indices: int
    value_indices: int
    mask: int


@lru_cache(maxsize=4096)
def compute_buffer_bytes(
    architecture: Architecture,
    context: int,
    *,
    kv_cache_type: str = "f16",
    flash_attention: bool = True,
    concurrency: int = 1,
    ubatch: int = 512,
    swa_full: bool = False,
    with_embedding: bool = False,
    with_output: bool = True,
    copies: int = 1,
) -> int:
    """Bytes of one device's buffer.

    ``with_embedding``: the input embedding is looked up there (on the CPU alone); ``with_output``: the logits
    are computed there; ``copies``: how many times the inputs are kept. Llama 3 8B at 8192 tokens, micro-batch
    512, on the CPU: 266.5 MiB, of which 128,256 × 512 × 4 bytes = 250.5 MiB are logits.

    >>> llama = Architecture("8B", 8030261248, 1, 32, 4096, 32, 8, 128, 128256, 14336)
    >>> round(compute_buffer_bytes(llama, 8192, with_embedding=True) / 2**20, 1)
    266.5
    """
    architecture = with_widths(architecture)
    tokens = min(ubatch, context * concurrency)
    batch = _Batch(tokens, context, ubatch, kv_cache_type, flash_attention, swa_full)
    graph = Graph()
    hidden = batch.floats(architecture.hidden_size)
    sequence = _representative(layer_kinds(architecture))
    graph.input(tokens * _I32)  # token numbers
    if with_embedding:
        graph.input(hidden, kept=True)  # room for embeddings that come from outside
    graph.input(tokens * _I32, kept=True)  # positions
    inputs = _inputs(graph, architecture, batch, sequence, copies)
    rows = graph.input(tokens * _I32)  # which tokens' logits are asked for
    for _ in range(copies - 1):
        graph.input(hidden, kept=True)
    current = graph.input(hidden, kept=True) if copies > 1 else graph.add(hidden)
    gathers_late = _gathers_late(architecture)
    for index, kind in enumerate(sequence):
        is_dense = not architecture.is_moe or (index == 0 and architecture.first_k_dense_replace > 0)
        is_last = with_output and not gathers_late and index == len(sequence) - 1
        current = _layer(graph, architecture, batch, kind, current, inputs, is_dense, rows if is_last else None)
    if with_output:
        if gathers_late:
            kept = graph.output(hidden, current, in_place=True)
            current = graph.add(hidden, kept, rows)
        normed = graph.add(hidden, current, in_place=True)
        graph.output(batch.floats(architecture.vocab_size), normed)
    return buffer_bytes(graph.operations)


def _gathers_late(architecture: Architecture) -> bool:
    """Whether the rows whose logits are asked for are picked after the last layer (gpt-oss, Qwen3-Next and 3.5,
    Gemma 4), not inside it; the layer's result is then kept for prediction heads."""
    windowed_experts = architecture.is_moe and architecture.num_sliding_layers > 0
    return architecture.num_linear_layers > 0 or windowed_experts or architecture.global_head_dim > 0


def _representative(kinds: Sequence[str]) -> tuple[str, ...]:
    """The last few layers, in which the places in the buffer repeat; of models with long periods, a whole period."""
    every = set(kinds)
    count = 4 if len(every) == 1 else 6
    while set(kinds[-count:]) != every:
        count += 1
    return tuple(kinds[-count:])


def _inputs(
    graph: Graph, architecture: Architecture, batch: _Batch, sequence: Sequence[str], copies: int
) -> dict[str, _Inputs]:
    """Masks and cache indices of each kind of attention layer, in the order in which they are met."""
    found: dict[str, _Inputs] = {}
    tokens = batch.tokens
    for kind in dict.fromkeys(kind for kind in sequence if kind in ("full", "sliding")):
        _, value = row_elements(architecture, kind)
        sizes = (
            tokens * _I64,
            # A transposed V (without FlashAttention) is written element by element.
            tokens * _I64 * (1 if batch.flash_attention else max(1, value)),
            tokens * _width(architecture, batch, kind) * (2 if batch.flash_attention else 4),
        )
        for size in sizes * (copies - 1):
            graph.input(size, kept=True)
        key_indices, value_indices, mask = (graph.input(size, kept=copies > 1) for size in sizes)
        found[kind] = _Inputs(key_indices, value_indices, mask)
    return found


def _width(architecture: Architecture, batch: _Batch, kind: str) -> int:
    return cells(architecture, batch.context, kind, ubatch=batch.ubatch, swa_full=batch.swa_full)


def _layer(
    graph: Graph,
    architecture: Architecture,
    batch: _Batch,
    kind: str,
    current: int,
    inputs: dict[str, _Inputs],
    is_dense: bool,
    picked_rows: int | None,
) -> int:
    hidden = batch.floats(architecture.hidden_size)
    if kind != "none":
        normed = graph.add(hidden, current)
        if kind == "linear":
            mixed = _linear(graph, architecture, batch, normed)
        elif architecture.is_mla:
            mixed = _latent_attention(graph, architecture, batch, normed, inputs[kind])
        else:
            mixed = _attention(graph, architecture, batch, kind, normed, inputs[kind])
        if picked_rows is not None:
            mixed = graph.add(hidden, mixed, picked_rows)
            current = graph.add(hidden, current, picked_rows)
        current = graph.add(hidden, mixed, current, in_place=True)
    normed = graph.add(hidden, current)
    if is_dense:
        width = architecture.intermediate_size or architecture.moe_intermediate_size
        down = _gated(graph, batch.floats(width), hidden, normed)
    else:
        down = _experts(graph, architecture, batch, normed)
    return graph.add(hidden, down, current, in_place=True)


def _attention(graph: Graph, architecture: Architecture, batch: _Batch, kind: str, normed: int, inputs: _Inputs) -> int:
    heads = architecture.num_attention_heads
    key, value = row_elements(architecture, kind)
    head_dim = key // max(1, _kv_heads(architecture, kind))
    query_bytes = batch.floats(heads * head_dim)
    rotated = batch.kv_cache_type not in _FLOATS and head_dim % 64 == 0
    # Qwen3-Next and its like project an output gate together with the queries.
    gated = architecture.num_linear_layers > 0 and not architecture.num_attention_free_layers
    projected = graph.add(2 * query_bytes if gated else query_bytes, normed)
    # RoPE (or the norm before it) reads a reshaped view, and so cannot write in place.
    queries = graph.add(query_bytes, projected)
    if rotated:
        queries = graph.add(query_bytes, queries)
    # Graphs with windows compute K before V, the others V before K.
    if architecture.num_sliding_layers:
        keys = _key_rows(graph, batch.floats(key), normed, rotated)
        values = _value_rows(graph, batch.floats(value), normed, rotated)
    else:
        values = _value_rows(graph, batch.floats(value), normed, rotated)
        keys = _key_rows(graph, batch.floats(key), normed, rotated)
    graph.add(0, keys, inputs.key_indices)
    graph.add(0, values, inputs.value_indices)
    if batch.flash_attention:
        cells_used = _width(architecture, batch, kind)
        # FlashAttention takes 16-bit K and V: a 32-bit cache is converted first.
        casts = [cells_used * size * 2 for size in (key, value)] if batch.kv_cache_type == "f32" else []
        converted = [graph.add(size) for size in casts]
        joined = graph.add(query_bytes, queries, *converted, inputs.mask)
    else:
        scores = _scores(graph, heads * _width(architecture, batch, kind), batch, queries, inputs)
        attended = graph.add(query_bytes, scores)
        joined = graph.add(query_bytes, attended)
    if rotated:
        joined = graph.add(query_bytes, joined)
    if gated:
        gate = graph.add(query_bytes, projected)
        # FlashAttention's result is reshaped, and only the gate can be written over.
        pair = (gate, joined) if batch.flash_attention else (joined, gate)
        joined = graph.add(query_bytes, *pair, in_place=True)
    return graph.add(batch.floats(architecture.hidden_size), joined)


def _key_rows(graph: Graph, size: int, normed: int, rotated: bool) -> int:
    keys = graph.add(size, graph.add(size, normed))
    return graph.add(size, keys) if rotated else keys


def _value_rows(graph: Graph, size: int, normed: int, rotated: bool) -> int:
    values = graph.add(size, normed)
    return graph.add(size, values) if rotated else values


def _kv_heads(architecture: Architecture, kind: str) -> int:
    is_global = kind == "full" and architecture.num_sliding_layers > 0
    return (is_global and architecture.num_global_key_value_heads) or architecture.num_key_value_heads


def _scores(graph: Graph, elements: int, batch: _Batch, queries: int, inputs: _Inputs) -> int:
    scores = graph.add(batch.floats(elements), queries)
    return graph.add(batch.floats(elements), scores, inputs.mask, in_place=True)


def _latent_attention(graph: Graph, architecture: Architecture, batch: _Batch, normed: int, inputs: _Inputs) -> int:
    """DeepSeek's MLA with absorbed projections: every head attends in the latent space (src/models/deepseek2.cpp)."""
    heads, rank, rope = architecture.num_attention_heads, architecture.kv_lora_rank, architecture.qk_rope_head_dim
    low = graph.add(batch.floats(architecture.q_lora_rank), normed) if architecture.q_lora_rank else normed
    projected = graph.add(batch.floats(heads * (architecture.qk_nope_head_dim + rope)), low)
    absorbed = graph.add(batch.floats(heads * rank), projected)
    positions = graph.add(batch.floats(heads * rope), projected)
    queries = graph.add(batch.floats(heads * (rank + rope)), absorbed, positions)
    compressed = graph.add(batch.floats(rank + rope), normed)
    values = graph.add(batch.floats(rank), compressed)
    key_positions = graph.add(batch.floats(rope), compressed)
    keys = graph.add(batch.floats(rank + rope), values, key_positions)
    graph.add(0, keys, inputs.key_indices)
    if batch.flash_attention:
        attended = graph.add(batch.floats(heads * rank), queries, inputs.mask)
    else:
        width = _width(architecture, batch, "full")
        scores = _scores(graph, heads * width, batch, queries, inputs)
        transposed = graph.add(TENSOR_TYPES[batch.kv_cache_type].bytes_of(width * rank))
        attended = graph.add(batch.floats(heads * rank), scores, transposed)
    value_bytes = batch.floats(heads * architecture.v_head_dim)
    unpacked = graph.add(value_bytes, attended)
    joined = graph.add(value_bytes, unpacked)
    return graph.add(batch.floats(architecture.hidden_size), joined)


def _linear(graph: Graph, architecture: Architecture, batch: _Batch, normed: int) -> int:
    """A gated delta net (src/models/delta-net-base.cpp); its width is told from the state, heads of 128 × 128."""
    state = architecture.linear_state_bytes // architecture.num_linear_layers // _F32
    inner = batch.floats(state // _LINEAR_HEAD_DIM or architecture.hidden_size)
    mixed = graph.add(2 * inner, normed)
    gate = graph.add(inner, normed)
    padded = graph.add(2 * inner, mixed)
    convolved = graph.add(2 * inner, padded)
    queries = graph.add(inner, convolved)
    keys = graph.add(inner, convolved)
    output = graph.add(inner, queries, keys, convolved)
    normalised = graph.add(inner, output, gate)
    return graph.add(batch.floats(architecture.hidden_size), normalised)


def _gated(graph: Graph, width: int, hidden: int, normed: int) -> int:
    gate = graph.add(width, normed)
    up = graph.add(width, normed)
    activated = graph.add(width, gate, up)
    return graph.add(hidden, activated)


def _experts(graph: Graph, architecture: Architecture, batch: _Batch, normed: int) -> int:
    used = architecture.num_experts_per_tok
    hidden = batch.floats(architecture.hidden_size)
    width = batch.floats(architecture.moe_intermediate_size) * used
    logits = graph.add(batch.floats(architecture.num_experts), normed)
    chosen = graph.add(batch.floats(architecture.num_experts), logits)
    picked = graph.add(batch.floats(used), logits, chosen)
    weights = graph.add(batch.floats(used), picked)
    gate = graph.add(width, normed, chosen)
    up = graph.add(width, normed, chosen)
    activated = graph.add(width, gate, up)
    down = graph.add(hidden * used, activated, chosen)
    weighted = graph.add(hidden * used, down, weights, in_place=True)
    summed = graph.add(hidden, weighted)
    shared_width = architecture.shared_expert_intermediate_size or (
        architecture.num_shared_experts * architecture.moe_intermediate_size
    )
    if not shared_width:
        return summed
    shared = _gated(graph, batch.floats(shared_width), hidden, normed)
    return graph.add(hidden, summed, shared, in_place=True)
