"""What is not the model's: driver contexts, the desktop, the system's share of unified memory.

None of these figures stands in a datasheet; each is an estimate and is stated among a result's assumptions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from kb.calc.device import Device
from kb.catalogue.units import GB, GIB, MIB

DEFAULT_SYSTEM_MEMORY_BYTES = 64 * GIB
"""Assumed where a machine's memory is not given."""
SYSTEM_RESERVE_BYTES = 4 * GIB
"""Of system memory, what offloaded weights leave to the system."""

_CONTEXT_MIB = {"cuda": 450, "rocm": 350, "sycl": 400, "vulkan": 200, "metal": 64, "cpu": 0}
"""Driver context, kernels and library workspaces of one process on one device (estimates from nvidia-smi and
rocm-smi readings of idle llama.cpp processes)."""

DESKTOP_BYTES = 300 * MIB
"""What a screen takes of a card that serves one."""
_METAL_LARGE_FROM = 36 * GIB


@dataclass(frozen=True)
class Room:
    """What of a device a model may use, and what its runtime takes of that. Bytes."""

    usable_bytes: int
    overhead_bytes: int
    assumptions: tuple[str, ...]
    projector_bytes: int = 0
    """What sees, beside the model."""

    @cached_property
    def free_bytes(self) -> int:
        return max(0, self.usable_bytes - self.overhead_bytes - self.projector_bytes)


def room_on(
    device: Device,
    *,
    desktop: bool = False,
    reserved_bytes: int | None = None,
    share: float | None = None,
    projector_bytes: int = 0,
) -> Room:
    """The memory of ``device`` that llama.cpp can use. ``reserved_bytes`` are said to be taken by other programs.

    Metal lets a process wire about 2/3 of the memory below 36 GiB and 3/4 from there on (the default of
    ``recommendedMaxWorkingSetSize``, in logs 22,906 MB of 32 GiB and 28,991 of 36; ``sysctl iogpu.wired_limit_mb``
    raises it). Other unified memory is shared with the operating system. ``desktop``: a screen is connected to this
    card. ``share``: of the memory, what the program may take (vLLM's ``gpu_memory_utilization``); what others take is
    beside it.

    >>> mac = Device("M2 Ultra", "metal", 192 * GIB, 800e9, unified_memory=True)
    >>> room_on(mac).usable_bytes // GIB
    144
    """
    overhead = _CONTEXT_MIB[device.backend] * MIB
    assumptions = (
        [f"{device.name}: {overhead / GB:.2f} GB for the {device.backend} runtime (estimate)"] if overhead else []
    )
    usable = device.memory_bytes
    if device.backend == "metal":
        usable = (
            device.memory_bytes * 2 // 3 if device.memory_bytes < _METAL_LARGE_FROM else device.memory_bytes * 3 // 4
        )
        assumptions.append(
            f"{device.name}: Metal may use {usable / GB:.1f} GB of {device.memory_bytes / GB:.1f} GB "
            "(default working-set limit: 2/3 below 36 GiB, 3/4 from there on)"
        )
    elif device.unified_memory or device.backend == "cpu":
        system = _system_share(device)
        usable -= system
        assumptions.append(f"{device.name}: {system / GB:.1f} GB stay with the operating system (estimate)")
    elif desktop and reserved_bytes is None and share is None:
        overhead += DESKTOP_BYTES
        assumptions.append(f"{device.name}: {DESKTOP_BYTES / GB:.2f} GB for a desktop on this card (estimate)")
    if share is not None:
        usable = max(0, min(usable - (reserved_bytes or 0), round(share * device.memory_bytes)))
        reserved_bytes = 0
        assumptions.append(
            f"{device.name}: the program may take {share:g} × {device.memory_bytes / GB:.1f} GB; what else runs there "
            "has the rest"
        )
    if reserved_bytes:
        overhead += reserved_bytes
        assumptions.append(f"{device.name}: {reserved_bytes / GB:.2f} GB for other programs, as was said")
    return Room(usable, overhead, tuple(assumptions), projector_bytes)


def _system_share(device: Device) -> int:
    """At least 2 GiB, at most 8; GB10's 128 GB are decimal, 119.7 GiB as the system counts them."""
    share = min(8 * GIB, max(2 * GIB, device.memory_bytes // 16))
    decimal = device.memory_bytes * 9 // 128 if device.backend == "cuda" else 0
    return share + decimal


def shares_system_memory(devices: Sequence[Device]) -> bool:
    """Whether device and system memory are one: then there is nowhere to offload to."""
    return any(device.unified_memory or device.backend == "cpu" for device in devices)
