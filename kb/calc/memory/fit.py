"""Does a model fit, and how must it be placed?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from kb.calc.device import Device, of_each
from kb.calc.memory import fit_report
from kb.calc.memory.architecture import Architecture
from kb.calc.memory.commands import commands_for
from kb.calc.memory.compute_buffer import PIPELINE_COPIES, compute_buffer_bytes
from kb.calc.memory.kv_cache import CELL_PADDING, kv_cache_layer_bytes
from kb.calc.memory.overhead import (
    DEFAULT_SYSTEM_MEMORY_BYTES,
    SYSTEM_RESERVE_BYTES,
    Room,
    room_on,
    shares_system_memory,
)
from kb.calc.memory.placement import (
    Block,
    Placement,
    Slot,
    place,
    place_as_told,
    place_with_offload,
    split_by_free_memory,
)
from kb.calc.memory.weights import Weights
from kb.calc.results import Breakdown, DeviceLoad, Fit, Offload, Overflow, Verdict
from kb.calc.workload import Workload
from kb.catalogue.units import GB, GIB
from kb.errors import InvalidArgument

_LONGEST_CONTEXT = 2**20
_SYSTEM = "system memory"


def check_fit(
    architecture: Architecture,
    weights: Weights,
    devices: Sequence[Device],
    load: Workload,
    *,
    system_memory_bytes: int | None = None,
    model_label: str = "model",
    quantization_label: str = "",
) -> Fit:
    """Weights + KV cache + compute buffer + runtime overhead, against the devices' memory.

    ``load.context`` is per request, so the cache holds ``context × concurrency`` tokens. What the devices cannot hold
    goes to ``system_memory_bytes`` (64 GiB if not given) where device and system memory are two things.

    Raises ``InvalidArgument`` for no device, and for values below 1.
    """
    if not devices:
        raise InvalidArgument("devices", 0, "at least one device")
    for field, value in (("context", load.context), ("concurrency", load.concurrency), ("ubatch", load.ubatch)):
        if value < 1:
            raise InvalidArgument(field, value, "1 or more")
    rooms = _rooms(devices, load)
    host_bytes = DEFAULT_SYSTEM_MEMORY_BYTES if system_memory_bytes is None else system_memory_bytes
    held = requirement(architecture, weights, devices, load, host_bytes)
    longest = max_context(architecture, weights, devices, load)
    placed = held.placement or held.offloaded
    assumed_host = held.offloaded is not None and system_memory_bytes is None
    return Fit(
        verdict=held.verdict,
        required_gb=held.required_gb,
        available_gb=held.available_gb,
        headroom_gb=held.headroom_gb,
        breakdown=held.breakdown,
        max_context=longest,
        offload=_offload(held.offloaded, weights) if held.offloaded else None,
        overflow=held.overflow,
        system_memory_required_gb=_printed(held.in_ram_bytes) if held.in_ram_bytes else None,
        per_device=_loads(placed or held.whole, devices, rooms),
        commands=commands_for(architecture, placed, devices, load, model_label, quantization_label),
        formula=fit_report.formula(held.breakdown, held.required_gb, held.available_gb, devices, rooms, load),
        assumptions=fit_report.assumptions(architecture, weights, devices, rooms, load, assumed_host),
        warnings=fit_report.warnings(architecture, devices, load, held.verdict, held.overflow, host_bytes, longest),
    )


@dataclass(frozen=True)
class Requirement:
    """What a load needs and what there is; ``whole`` is the split that would hold all of it. ``in_ram_bytes`` is what
    goes to system memory where the devices hold the rest; 0 where nothing does, or they do not."""

    verdict: Verdict
    placement: Placement | None
    offloaded: Placement | None
    whole: Placement
    breakdown: Breakdown
    required_gb: float
    available_gb: float
    in_ram_bytes: int
    overflow: Overflow | None

    @property
    def headroom_gb(self) -> float:
        tightest = self.overflow or self
        return round(tightest.available_gb - tightest.required_gb, 3)


def requirement(
    architecture: Architecture, weights: Weights, devices: Sequence[Device], load: Workload, host_bytes: int
) -> Requirement:
    """The verdict and the sum alone, without the longest context and the report of ``check_fit``."""
    rooms = _rooms(devices, load)
    blocks = _blocks(architecture, weights, load)
    slots = _slots(architecture, weights, devices, rooms, load)
    whole: Placement | None = None
    host_free = max(0, host_bytes - SYSTEM_RESERVE_BYTES)
    in_ram = 0
    placement = offloaded = None
    if can_be_told(devices, load) and load.is_placed:
        told, holds = _as_told(architecture, weights, devices, rooms, load)
        needs_ram = told.host_weights + told.host_kv_cache > 0
        in_ram = _in_ram(told, weights) if holds and needs_ram else 0
        holds = holds and _in_ram(told, weights) <= host_free
        placement, offloaded = (told if holds and not needs_ram else None), (told if holds and needs_ram else None)
        whole = None if holds else told
    else:
        placement = None if _is_hopeless(architecture, weights, rooms, load) else place(blocks, slots)
        if placement is None and can_be_told(devices, load):
            with_ram = _slots(architecture, weights, devices, rooms, load, offload=True)
            offloaded = place_with_offload(blocks, with_ram)
            in_ram = _in_ram(offloaded, weights) if offloaded else 0
            offloaded = offloaded if in_ram <= host_free else None
    whole = whole or placement or Placement(split_by_free_memory(blocks, slots))
    breakdown = _breakdown(whole, rooms)
    required_gb = round(sum(breakdown.model_dump().values()), 3)
    available_gb = round(sum(room.usable_bytes for room in rooms) / GB, 3)
    is_enough_in_sum = required_gb <= available_gb
    overflow = None
    if is_enough_in_sum and in_ram > host_free and load.is_placed:
        overflow = Overflow(
            memory=_SYSTEM, is_system=True, required_gb=round(in_ram / GB, 3), available_gb=round(host_free / GB, 3)
        )
    elif is_enough_in_sum and placement is None and not (load.is_placed and offloaded):
        overflow = _fullest(whole, devices, rooms)
    return Requirement(
        verdict="fits" if placement else "fits_with_offload" if offloaded else "does_not_fit",
        placement=placement,
        offloaded=offloaded,
        whole=whole,
        breakdown=breakdown,
        required_gb=required_gb,
        available_gb=available_gb,
        in_ram_bytes=in_ram,
        overflow=overflow,
    )


def _in_ram(placement: Placement, weights: Weights) -> int:
    return placement.host_weights + placement.host_kv_cache + weights.embedding_bytes


def _printed(in_ram_bytes: int) -> float:
    """GiB of RAM, rounded up, that leave so much beside the system."""
    return math.ceil(10 * (in_ram_bytes + SYSTEM_RESERVE_BYTES) / GIB) / 10


def _fullest(placement: Placement, devices: Sequence[Device], rooms: Sequence[Room]) -> Overflow | None:
    """The device that lacks most of what it would have to hold."""
    shares = zip(placement.shares, devices, rooms, strict=True)
    lacking, device, room = max(
        ((share.total - room.free_bytes, device, room) for share, device, room in shares), key=lambda one: one[0]
    )
    if lacking <= 0:
        return None
    available = room.usable_bytes
    return Overflow(
        memory=device.name, is_system=False, required_gb=round((available + lacking) / GB, 3),
        available_gb=round(available / GB, 3),
    )  # fmt: skip


def can_be_told(devices: Sequence[Device], load: Workload) -> bool:
    """Whether a part may stay in system memory, or be put there."""
    return load.is_gguf and not shares_system_memory(devices)


def _as_told(
    architecture: Architecture, weights: Weights, devices: Sequence[Device], rooms: Sequence[Room], load: Workload
) -> tuple[Placement, bool]:
    """The placement that somebody names, and whether the devices hold their part of it."""

    def placed(offload: bool) -> tuple[Placement, bool]:
        return place_as_told(
            _blocks(architecture, weights, load),
            _slots(architecture, weights, devices, rooms, load, offload=offload),
            gpu_layers=load.gpu_layers,
            expert_layers=load.cpu_expert_layers,
            split=load.tensor_split,
        )

    told, holds = placed(offload=False)
    return placed(offload=True) if told.host_weights else (told, holds)


def fits(architecture: Architecture, weights: Weights, devices: Sequence[Device], load: Workload) -> bool:
    """Whether everything is held by the devices: the verdict alone, without the rest of ``check_fit``."""
    return _placed(architecture, weights, devices, _rooms(devices, load), load) is not None


def max_context(architecture: Architecture, weights: Weights, devices: Sequence[Device], load: Workload) -> int:
    """The longest context per request at which all is on the devices, in steps of 256; 0 if there is none.

    Capped at the model's own limit, or at 1,048,576 where that is not known. Of a placement that is told, at which the
    devices hold their part.
    """
    rooms = _rooms(devices, load)
    limit = architecture.max_position_embeddings or _LONGEST_CONTEXT
    if load.is_placed and can_be_told(devices, load):
        return _longest_as_told(architecture, weights, devices, load, limit)

    def blocks_at(context: int) -> list[Block]:
        return _blocks(architecture, weights, replace(load, context=context))

    def slots_at(context: int) -> list[Slot]:
        return _slots(architecture, weights, devices, rooms, replace(load, context=context))

    def is_hopeless_at(context: int) -> bool:
        return _is_hopeless(architecture, weights, rooms, replace(load, context=context))

    if is_hopeless_at(1):
        return 0
    above = slots_at(limit)
    if place(blocks_at(limit), above):
        return limit
    low, high = 0, limit // CELL_PADDING
    while low < high:
        middle = (low + high + 1) // 2
        if is_hopeless_at(middle * CELL_PADDING):
            high = middle - 1
            continue
        blocks = blocks_at(middle * CELL_PADDING)
        if place(blocks, above):  # even with the larger buffers of a longer context
            low = middle
        else:
            exact = slots_at(middle * CELL_PADDING)
            if place(blocks, exact):
                low = middle
            else:
                high, above = middle - 1, exact
    while low and not place(blocks_at(low * CELL_PADDING), slots_at(low * CELL_PADDING)):
        low -= 1
    return low * CELL_PADDING


def _longest_as_told(
    architecture: Architecture, weights: Weights, devices: Sequence[Device], load: Workload, limit: int
) -> int:
    rooms = _rooms(devices, load)

    def holds(context: int) -> bool:
        at = replace(load, context=context)
        return _as_told(architecture, weights, devices, rooms, at)[1]

    if holds(limit):
        return limit
    low, high = 0, limit // CELL_PADDING
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle * CELL_PADDING) else (low, middle - 1)
    return low * CELL_PADDING


def _placed(
    architecture: Architecture, weights: Weights, devices: Sequence[Device], rooms: Sequence[Room], load: Workload
) -> Placement | None:
    if load.is_placed and can_be_told(devices, load):
        told, holds = _as_told(architecture, weights, devices, rooms, load)
        return told if holds and not told.host_weights else None
    if _is_hopeless(architecture, weights, rooms, load):
        return None
    return place(_blocks(architecture, weights, load), _slots(architecture, weights, devices, rooms, load))


def _is_hopeless(architecture: Architecture, weights: Weights, rooms: Sequence[Room], load: Workload) -> bool:
    """Weights and cache alone are more than the devices have: no need to work out buffers."""
    least = sum(weights.layer_bytes) + weights.output_bytes
    free = sum(room.free_bytes for room in rooms)
    return least > free or least + sum(kv_cache_layer_bytes(architecture, load)) > free


def _rooms(devices: Sequence[Device], load: Workload) -> tuple[Room, ...]:
    """A desktop is assumed on the first consumer card, unless it is said what other programs take."""
    first, *others = devices
    return (
        room_on(
            first,
            desktop=first.segment in ("consumer", "laptop"),
            reserved_bytes=load.reserved_bytes,
            share=load.memory_share,
            projector_bytes=load.projector_bytes,
        ),
        *of_each(others, lambda device: room_on(device, reserved_bytes=0, share=load.memory_share)),
    )


def _blocks(architecture: Architecture, weights: Weights, load: Workload) -> list[Block]:
    cache = kv_cache_layer_bytes(architecture, load)
    return [*map(Block, weights.layer_bytes, cache, weights.expert_bytes), Block(weights.output_bytes)]


def _slots(
    architecture: Architecture,
    weights: Weights,
    devices: Sequence[Device],
    rooms: Sequence[Room],
    load: Workload,
    *,
    offload: bool = False,
) -> list[Slot]:
    """With weights in system memory, prompt processing copies them to the device one tensor at a time
    (ggml-backend.cpp, op offload): room for a third of the largest layer, one of its three big matrices, which the
    allocator gives to the logits afterwards."""
    layers = zip(weights.layer_bytes, weights.expert_bytes, strict=True)
    copied = max(experts or layer for layer, experts in layers) // 3 if offload else 0

    @cache
    def buffer(on_cpu: bool, with_output: bool) -> int:
        size = compute_buffer_bytes(
            architecture,
            load,
            with_embedding=on_cpu,
            with_output=with_output,
            copies=PIPELINE_COPIES if len(devices) > 1 and not offload else 1,
        )
        if not copied:
            return size
        return max(size, buffer(on_cpu, False)) if with_output else copied + size

    slots: list[Slot] = []
    pooled, before = weights.embedding_bytes, None
    for device, room in zip(devices, rooms, strict=True):
        if before == (id(device), id(room), pooled):  # one of hundreds
            slots.append(slots[-1])
            continue
        before = (id(device), id(room), pooled)
        on_cpu = device.backend == "cpu"
        own = device.unified_memory or on_cpu or not load.is_gguf
        if architecture.tie_word_embeddings and (on_cpu or not load.is_gguf):
            pooled = 0  # one tensor is both; only a GPU beside the CPU gets a copy of its own
        alone = buffer(on_cpu, len(devices) == 1)
        slots.append(Slot(room.free_bytes, alone, buffer(on_cpu, True), pooled if own else 0))
        pooled = 0 if own else pooled
    return slots


def _breakdown(placement: Placement, rooms: Sequence[Room]) -> Breakdown:
    shares = placement.shares
    return Breakdown(
        weights_gb=round(sum(share.weights for share in shares) / GB, 3),
        kv_cache_gb=round(sum(share.kv_cache for share in shares) / GB, 3),
        compute_buffer_gb=round(sum(share.buffer for share in shares) / GB, 3),
        runtime_overhead_gb=round(sum(room.overhead_bytes for room in rooms) / GB, 3),
        projector_gb=round(sum(room.projector_bytes for room in rooms) / GB, 3),
    )


def _loads(placement: Placement, devices: Sequence[Device], rooms: Sequence[Room]) -> tuple[DeviceLoad, ...]:
    last = max((index for index, share in enumerate(placement.shares) if share.blocks), default=0)
    return tuple(
        DeviceLoad(
            device=device.name,
            layers=max(0, share.blocks - (1 if index == last else 0)),
            weights_gb=round(share.weights / GB, 3),
            kv_cache_gb=round(share.kv_cache / GB, 3),
            compute_buffer_gb=round(share.buffer / GB, 3),
            runtime_overhead_gb=round(room.overhead_bytes / GB, 3),
            projector_gb=round(room.projector_bytes / GB, 3),
            available_gb=round(room.usable_bytes / GB, 3),
        )
        for index, (share, device, room) in enumerate(zip(placement.shares, devices, rooms, strict=True))
    )


def _offload(placement: Placement, weights: Weights) -> Offload:
    layers = len(weights.layer_bytes)
    return Offload(
        layers_on_device=layers - placement.layers_on_cpu,
        layers_total=layers,
        experts_on_cpu_layers=placement.expert_layers_on_cpu,
        device_gb=round(sum(share.total for share in placement.shares) / GB, 3),
        system_memory_gb=round((placement.host_weights + placement.host_kv_cache + weights.embedding_bytes) / GB, 3),
        weights_in_system_memory_gb=round(placement.host_weights / GB, 3),
        weights_offloaded_percent=round(100 * placement.host_weights / weights.device_bytes, 1),
    )
