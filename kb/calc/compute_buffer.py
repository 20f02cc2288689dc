"""The compute buffer: what llama.cpp reserves for intermediate results, found by running its allocator.

The graph of a few layers is laid out as llama.cpp builds it (src/llama-graph.cpp: ``build_attn_mha``,
``build_ffn``, ``build_moe_ffn``) and allocated as ggml does (``kb.calc.arena``). Only shapes enter; element-wise
steps write in place and do not appear.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from kb.calc.arena import Graph, buffer_bytes
from kb.calc.architecture import Architecture
from kb.calc.kv_cache import cells, row_elements
from kb.calc.weights import layer_kinds

PIPELINE_COPIES = 4
"""With several cards llama.cpp keeps the inputs of each this many times (ggml-backend.cpp)."""

_F32 = 4


@dataclass(frozen=True)
class Batch:
    """What is computed at once: ``tokens`` of a micro-batch against ``context`` cells per slot."""

    tokens: int
    context: int
    ubatch: int
    flash_attention: bool
    swa_full: bool


@lru_cache(maxsize=4096)
def compute_buffer_bytes(
    architecture: Architecture,
    context: int,
    *,
    flash_attention: bool = True,
    concurrency: int = 1,
    ubatch: int = 512,
    swa_full: bool = False,
    with_output: bool = True,
    copies: int = 1,
) -> int:
    """Bytes of one device's buffer. ``with_output``: the output head (logits) is computed there.

    ``copies``: how many times the inputs are kept. Llama 3 8B at 8192 tokens, micro-batch 512: 266.5 MiB, of
    which 128,256 × 512 × 4 bytes = 250.5 MiB are logits.

    >>> llama = Architecture("8B", 8030261248, 1, 32, 4096, 32, 8, 128, 128256, 14336)
    >>> round(compute_buffer_bytes(llama, 8192) / 2**20, 1)
    266.5
    """
    batch = Batch(min(ubatch, context * concurrency), context, ubatch, flash_attention, swa_full)
    return buffer_bytes(_graph(architecture, batch, with_output, copies).operations)


def _graph(architecture: Architecture, batch: Batch, with_output: bool, copies: int) -> Graph:
    graph = Graph()
    hidden = architecture.hidden_size * batch.tokens * _F32
    sequence = _representative(layer_kinds(architecture))
    inputs = _inputs(graph, architecture, batch, set(sequence), copies)
    current = graph.input(hidden, kept=True) if copies > 1 else graph.add(hidden)
    for _ in range(copies - 1):
        graph.input(hidden, kept=True)
    for index, kind in enumerate(sequence):
        is_dense = not architecture.is_moe or (index == 0 and architecture.first_k_dense_replace > 0)
        current = _layer(graph, architecture, batch, kind, current, inputs, is_dense)
    if with_output:
        normed = graph.add(hidden, current)
        graph.output(architecture.vocab_size * batch.tokens * _F32, normed)
    return graph


def _representative(kinds: Sequence[str]) -> tuple[str, ...]:
    """A few layers in which every change of kind occurs; more repeat the same places in the buffer."""
    if len(set(kinds)) == 1:
        return tuple(kinds[:3])
    change = next(index for index, kind in enumerate(kinds) if kind != kinds[0])
    return (*kinds[:2], *kinds[change : change + 2], kinds[0], kinds[change])


def _inputs(
    graph: Graph, architecture: Architecture, batch: Batch, kinds: set[str], copies: int
) -> dict[str, tuple[int, ...]]:
    """Masks and cache indices of each kind of attention layer."""
    found: dict[str, tuple[int, ...]] = {}
    for kind in sorted(kinds & {"full", "sliding"}):
        width = cells(architecture, batch.context, kind, ubatch=batch.ubatch, swa_full=batch.swa_full)
        mask_bytes = width * batch.tokens * (2 if batch.flash_attention else 4)
        _, value = row_elements(architecture, kind)
        # A transposed V (without FlashAttention) is written element by element, by 64-bit indices.
        index_bytes = batch.tokens * 8 * (1 if batch.flash_attention else max(1, value))
        kept = copies > 1
        for _ in range(copies - 1):
            graph.input(mask_bytes, kept=True)
            graph.input(index_bytes, kept=True)
        found[kind] = (graph.input(index_bytes, kept=kept), graph.input(mask_bytes, kept=kept))
    return found


def _layer(
    graph: Graph,
    architecture: Architecture,
    batch: Batch,
    kind: str,
    current: int,
    inputs: dict[str, tuple[int, ...]],
    is_dense: bool,
) -> int:
    hidden = architecture.hidden_size * batch.tokens * _F32
    if kind in inputs:
        normed = graph.add(hidden, current)
        mixed = _attention(graph, architecture, batch, kind, normed, inputs[kind])
        current = graph.add(hidden, mixed, current, in_place=True)
    normed = graph.add(hidden, current)
    if is_dense:
        down = _gated(graph, architecture.intermediate_size * batch.tokens * _F32, hidden, normed)
    else:
        down = _experts(graph, architecture, batch, normed)
    return graph.add(hidden, down, current, in_place=True)


def _attention(
    graph: Graph, architecture: Architecture, batch: Batch, kind: str, normed: int, inputs: tuple[int, ...]
) -> int:
    tokens, heads = batch.tokens, architecture.num_attention_heads
    hidden = architecture.hidden_size * tokens * _F32
    indices, mask = inputs
    key, value = row_elements(architecture, kind)
    head_dim = key // max(1, architecture.num_key_value_heads)
    width = cells(architecture, batch.context, kind, ubatch=batch.ubatch, swa_full=batch.swa_full)
    query_bytes = heads * head_dim * tokens * _F32
    queries = graph.add(query_bytes, normed)
    values = graph.add(value * tokens * _F32, normed)
    keys = graph.add(key * tokens * _F32, normed)
    graph.add(0, keys, indices)
    graph.add(0, values, indices)
    if batch.flash_attention:
        attended = graph.add(query_bytes, queries, mask)
        return graph.add(hidden, attended)
    scores = graph.add(heads * width * tokens * _F32, queries)
    weights = graph.add(heads * width * tokens * _F32, scores, mask, in_place=True)
    attended = graph.add(query_bytes, weights)
    joined = graph.add(query_bytes, attended)
    return graph.add(hidden, joined)


def _gated(graph: Graph, width: int, hidden: int, normed: int) -> int:
    gate = graph.add(width, normed)
    up = graph.add(width, normed)
    activated = graph.add(width, gate, up)
    return graph.add(hidden, activated)


def _experts(graph: Graph, architecture: Architecture, batch: Batch, normed: int) -> int:
    tokens, used = batch.tokens, architecture.num_experts_per_tok
    hidden = architecture.hidden_size * tokens * _F32
    width = (architecture.moe_intermediate_size or architecture.intermediate_size) * tokens * _F32
    logits = graph.add(architecture.num_experts * tokens * _F32, normed)
    chosen = graph.add(architecture.num_experts * tokens * _F32, logits)
    weights = graph.add(used * tokens * _F32, logits, chosen)
    gate = graph.add(width * used, normed, chosen)
    up = graph.add(width * used, normed, chosen)
    activated = graph.add(width * used, gate, up)
    down = graph.add(hidden * used, activated, chosen)
    weighted = graph.add(hidden * used, down, weights, in_place=True)
    summed = graph.add(hidden, weighted)
    shared_width = architecture.shared_expert_intermediate_size or (
        architecture.num_shared_experts * architecture.moe_intermediate_size
    )
    if not shared_width:
        return summed
    shared = _gated(graph, shared_width * tokens * _F32, hidden, normed)
    return graph.add(hidden, summed, shared, in_place=True)
