"""A bar of characters for each memory that holds a model: right without colour too, at any width."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from kb.catalogue.units import GB, GIB
from kb.terminal import shown

if TYPE_CHECKING:
    from kb.tools.check_fit.tool import FitAnswer

PARTS = (
    ("#", "weights", "blue"), ("=", "KV cache", "cyan"), ("+", "compute", "magenta"), ("%", "runtime", "yellow"),
    ("@", "seeing", "green"),
)  # fmt: skip
FREE, END = ".", "|"
WIDEST = 100


@dataclass(frozen=True)
class Memory:
    """``parts`` in the order of :data:`PARTS`, in GB."""

    name: str
    layers: int
    parts: tuple[float, ...]
    available_gb: float
    free: str = "free"


def memories(fit: "FitAnswer") -> Iterator[Memory]:
    """Each device, and the system's memory where a part of the model stays there."""
    for one in fit.per_device:
        parts = (one.weights_gb, one.kv_cache_gb, one.compute_buffer_gb, one.runtime_overhead_gb, one.projector_gb)
        yield Memory(one.device, one.layers, parts, one.available_gb)
    if fit.offload and fit.system_memory_gb:
        cache = max(0.0, fit.breakdown.kv_cache_gb - sum(one.kv_cache_gb for one in fit.per_device))
        yield Memory(
            f"System memory, {fit.system_memory_gb:g} GiB{' assumed' if fit.system_memory_assumed else ''}",
            fit.offload.layers_total - fit.offload.layers_on_device,
            (fit.offload.system_memory_gb - cache, cache, 0.0, 0.0, 0.0),
            fit.system_memory_gb * GIB / GB,
            "for the system",
        )


def lines(memory: Memory, width: int) -> Iterator[Text]:
    """What it is, the bar, and what the characters stand for."""
    used, free = sum(memory.parts), max(0.0, memory.available_gb - sum(memory.parts))
    layers = f", {memory.layers} layers" if memory.layers else ""
    over = ": too small" if used > memory.available_gb else ""
    yield Text(f"{shown(memory.name)}: {used:.2f} of {memory.available_gb:.2f} GB{layers}{over}")
    sizes = (*memory.parts, free)
    marks = (*PARTS, (FREE, memory.free, "dim"))
    counts = shares(sizes, width - 2)
    bar = Text()
    for (mark, _, style), count in zip(marks, counts, strict=True):
        bar.append(mark * count, style)
    if over:
        end = max(1, round((width - 2) * memory.available_gb / used))
        bar = bar[:end] + Text(END, "bold red") + bar[end + 1 :]
    yield Text("[") + bar + Text("]")
    told = [
        Text.assemble((mark, style), f" {name} {size:.2f}")
        for (mark, name, style), size in zip(marks, sizes, strict=True)
        if size
    ]
    yield Text(" ") + Text("  ").join(told)


def shares(sizes: Sequence[float], width: int) -> list[int]:
    """How many of ``width`` characters each size has; what is there has one at least.

    >>> shares([22.9, 1.44, 0.05, 0.0, 1.0], 20)
    [17, 1, 1, 0, 1]
    """
    total = sum(sizes)
    counts = [max(1, round(width * size / total)) if size else 0 for size in sizes]
    largest = counts.index(max(counts))
    counts[largest] += width - sum(counts)
    return counts
