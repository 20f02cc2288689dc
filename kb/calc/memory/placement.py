"""Which layer goes where: over several devices, to the CPU, experts first.

llama.cpp numbers the layers 0 … L−1 and the output head L, gives each device a contiguous run of them
(``--tensor-split``), and leaves the first ones on the CPU (``-ngl``); ``--n-cpu-moe N`` keeps the routed experts
of the first N layers there (src/llama-model.cpp, ``load_tensors``).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple


class Block(NamedTuple):
    """A layer, or the output head. Bytes on whichever device holds it."""

    weights: int
    kv_cache: int = 0
    experts: int = 0
    """The part of ``weights`` that can stay in system memory by itself."""


@dataclass(frozen=True)
class Slot:
    """A device: its free bytes, and the compute buffer it needs for layers alone or with the output head."""

    free: int
    buffer: int
    buffer_with_output: int
    pooled_weights: int = 0
    """Weights that llama.cpp keeps in host memory, where that is this device's own memory."""


@dataclass(frozen=True)
class Share:
    """What one device holds. Bytes; ``blocks`` counts the output head too."""

    blocks: int
    weights: int
    kv_cache: int
    buffer: int

    @property
    def total(self) -> int:
        return self.weights + self.kv_cache + self.buffer


_NOTHING = Share(0, 0, 0, 0)


@dataclass(frozen=True)
class Placement:
    """Shares per device, and what is left to the CPU."""

    shares: tuple[Share, ...]
    layers_on_cpu: int = 0
    expert_layers_on_cpu: int = 0
    host_weights: int = 0
    host_kv_cache: int = 0
    custom_split: bool = False
    """The split differs from llama.cpp's default, by free memory."""


def place(blocks: Sequence[Block], slots: Sequence[Slot]) -> Placement | None:
    """All blocks on the devices: split by free memory as llama.cpp does it, else filled one after the other.

    >>> layers = [Block(10)] * 4 + [Block(2)]
    >>> [share.blocks for share in place(layers, [Slot(33, 1, 1), Slot(22, 1, 1)]).shares]
    [3, 2]
    """
    default = split_by_free_memory(blocks, slots)
    if _holds(default, slots):
        return Placement(default)
    packed = _packed(blocks, slots)
    return Placement(packed, custom_split=True) if packed else None


def place_as_told(
    blocks: Sequence[Block],
    slots: Sequence[Slot],
    *,
    gpu_layers: int | None,
    expert_layers: int | None,
    split: Sequence[float] = (),
) -> tuple[Placement, bool]:
    """As ``-ngl``, ``--n-cpu-moe`` and ``--tensor-split`` have it, and whether the devices hold their part.

    >>> layers = [Block(10)] * 4 + [Block(2)]
    >>> placement, holds = place_as_told(layers, [Slot(33, 1, 1)], gpu_layers=3, expert_layers=None)
    >>> placement.layers_on_cpu, placement.shares[0].weights, holds
    (2, 22, True)
    """
    layers = len(blocks) - 1
    on_cpu = 0 if gpu_layers is None else min(len(blocks), max(0, len(blocks) - gpu_layers))
    moved = min(expert_layers or 0, layers) if any(block.experts for block in blocks) else 0
    kept = _without_experts(blocks, moved)[on_cpu:]
    if split:
        shares = _split_by(kept, slots, [*split, *[0.0] * len(slots)][: len(slots)])
        placement = Placement(shares, custom_split=True)
    else:
        placement = place(kept, slots) or Placement(split_by_free_memory(kept, slots))
    left = blocks[:on_cpu]
    placement = replace(
        placement,
        layers_on_cpu=min(on_cpu, layers),
        expert_layers_on_cpu=max(moved, min(on_cpu, layers)) if moved else 0,
        host_weights=sum(block.weights for block in left) + sum(block.experts for block in blocks[on_cpu:moved]),
        host_kv_cache=sum(block.kv_cache for block in left),
    )
    return placement, _holds(placement.shares, slots)


def split_by_free_memory(blocks: Sequence[Block], slots: Sequence[Slot]) -> tuple[Share, ...]:
    """llama.cpp's default."""
    return _split_by(blocks, slots, [slot.free for slot in slots])


def _split_by(blocks: Sequence[Block], slots: Sequence[Slot], parts: Sequence[float]) -> tuple[Share, ...]:
    """Block ``i`` of ``n`` goes to the first device whose cumulative part exceeds ``i / n``."""
    total, count = sum(parts) or 1, len(blocks)
    shares: list[Share] = []
    start = 0
    cumulative: float = 0
    for slot, part in zip(slots, parts, strict=True):
        cumulative += part
        end = min(count, int(-(-cumulative * count // total)))
        shares.append(_share(blocks[start:end], slot, end == count) if start < end else _NOTHING)
        start = end
    return tuple(shares)


def _packed(blocks: Sequence[Block], slots: Sequence[Slot]) -> tuple[Share, ...] | None:
    """Fill each device as far as it goes, in order; None when blocks are left."""
    shares: list[Share] = []
    start = 0
    for slot in slots:
        end, used = start, slot.pooled_weights
        while end < len(blocks):
            used += blocks[end].weights + blocks[end].kv_cache
            is_last = end == len(blocks) - 1
            if used + (slot.buffer_with_output if is_last else slot.buffer) > slot.free:
                break
            end += 1
        shares.append(_share(blocks[start:end], slot, end == len(blocks)) if start < end else _NOTHING)
        start = end
    return tuple(shares) if start == len(blocks) else None


def _share(blocks: Sequence[Block], slot: Slot, with_output: bool) -> Share:
    buffer = slot.buffer_with_output if with_output else slot.buffer
    weights = sum(block.weights for block in blocks) + slot.pooled_weights
    return Share(len(blocks), weights, sum(block.kv_cache for block in blocks), buffer)


def _holds(shares: Sequence[Share], slots: Sequence[Slot]) -> bool:
    return all(share is _NOTHING or share.total <= slot.free for share, slot in zip(shares, slots, strict=True))


def place_with_offload(blocks: Sequence[Block], slots: Sequence[Slot]) -> Placement | None:
    """As much as fits on the devices, the rest in system memory, or None.

    The experts of the first layers go first; when all experts are out and it still does not fit, whole layers follow.
    At least one layer's attention must stay on a device.
    """
    layers = len(blocks) - 1
    if any(block.experts for block in blocks):
        moved = _fewest(layers, lambda count: place(_without_experts(blocks, count), slots) is not None)
        if moved is not None:
            return _offloaded(blocks, slots, 0, moved)
        on_cpu = _fewest(layers - 1, lambda count: place(_without_experts(blocks, layers)[count:], slots) is not None)
        return None if on_cpu is None else _offloaded(blocks, slots, on_cpu, layers)
    on_cpu = _fewest(layers - 1, lambda count: place(blocks[count:], slots) is not None)
    return None if on_cpu is None else _offloaded(blocks, slots, on_cpu, 0)


def _offloaded(
    blocks: Sequence[Block], slots: Sequence[Slot], layers_on_cpu: int, expert_layers: int
) -> Placement | None:
    placement = place(_without_experts(blocks, expert_layers)[layers_on_cpu:], slots)
    if placement is None:
        return None
    left = blocks[:layers_on_cpu]
    return replace(
        placement,
        layers_on_cpu=layers_on_cpu,
        expert_layers_on_cpu=expert_layers,
        host_weights=sum(block.weights for block in left)
        + sum(block.experts for block in blocks[layers_on_cpu:expert_layers]),
        host_kv_cache=sum(block.kv_cache for block in left),
    )


def _without_experts(blocks: Sequence[Block], count: int) -> list[Block]:
    light = [Block(block.weights - block.experts, block.kv_cache) for block in blocks[:count]]
    return light + list(blocks[count:])


def _fewest(most: int, holds: Callable[[int], bool]) -> int | None:
    """The smallest count up to ``most`` for which ``holds``, which stays true once it is; None if it never is.

    >>> _fewest(10, lambda count: count >= 7), _fewest(5, lambda count: count >= 7)
    (7, None)
    """
    if most < 0 or not holds(most):
        return None
    low, high = 0, most
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low
