"""This machine as the device that a tool asks for."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kb.calc.device import Device
from kb.calc.speed.estimate import DEFAULT_SYSTEM_MEMORY_BYTES_PER_S
from kb.catalogue import Catalogue
from kb.catalogue.records import Accelerator, Cpu
from kb.catalogue.units import GB, GIB
from kb.errors import AmbiguousName, UnknownName
from kb.tools.shared.given import DeviceFigures, MeasuredProcessor
from kb.tools.shared.measuring import Measured, kept
from kb.tools.shared.resolve import DeviceArgument
from kb.tools.shared.this_machine import Gpu, ThisMachine, read_machine

MEMORY_TOLERANCE = 0.1
"""Tools show up to a tenth less than a card is sold with: ECC and the driver keep some."""


@dataclass(frozen=True)
class Here:
    """The arguments ``device``, ``device_count`` and ``system_memory_gb``, and how they were found."""

    device: DeviceArgument
    device_count: int
    system_memory_gb: float
    note: str
    system_bandwidth_gb_per_s: float | None = None
    """Of system memory, where it was measured."""

    def arguments(self) -> dict[str, Any]:
        """As the calculators take them."""
        found = {
            "device": self.device, "device_count": self.device_count, "system_memory_gb": self.system_memory_gb,
            "system_bandwidth_gb_per_s": self.system_bandwidth_gb_per_s,
        }  # fmt: skip
        return {name: value for name, value in found.items() if value is not None}


def here(catalogue: Catalogue, data_dir: Path) -> Here:
    """This machine, with what ``kb doctor --measure`` kept of it."""
    machine = read_machine()
    return device_here(catalogue, machine, kept(machine, data_dir))


def device_here(catalogue: Catalogue, machine: ThisMachine, measured: Measured | None = None) -> Here:
    """The GPUs with most memory in all, of one kind; without any, the processor with its system memory."""
    found = _device_here(catalogue, machine, measured)
    if measured is None:
        return found
    note = f"{found.note}; memory measured at {max(measured.read_gb_per_s.values()):g} GB/s on {measured.at[:10]}"
    return replace(found, note=note, system_bandwidth_gb_per_s=measured.peak_gb_per_s)


def _device_here(catalogue: Catalogue, machine: ThisMachine, measured: Measured | None) -> Here:
    system_gb = machine.memory_gib
    if not machine.gpus:
        note = f"{machine.cpu}, {machine.memory_gib:.1f} GiB; no GPU found"
        return Here(_processor(catalogue, machine, measured), 1, system_gb, note)
    counted = Counter(machine.gpus)
    gpu, count = max(counted.items(), key=lambda entry: (entry[0].memory_gib * entry[1], entry[0].name))
    known = _known(catalogue, gpu)
    others = ", ".join(sorted({other.name for other in counted} - {gpu.name}))
    beside = f"; beside it: {others}" if others else ""
    if known is not None:
        return Here(known, count, system_gb, f"{gpu.name}, {gpu.memory_gib:.1f} GiB{beside}")
    figures = _figures(catalogue, gpu)
    return Here(
        figures, count, system_gb,
        f"{gpu.name}, {gpu.memory_gib:.1f} GiB, is not in the catalogue: {figures.memory_bandwidth_gb_per_s:g} GB/s "
        f"was assumed, the least of the catalogue's devices of that size{beside}",
    )  # fmt: skip


def _known(catalogue: Catalogue, gpu: Gpu) -> str | None:
    """A name for :func:`~kb.tools.shared.resolve.resolve_devices` whose record has this card's memory."""
    size = next((size for size in _sold_sizes(catalogue, gpu) if _is_near(gpu.memory_gib, size)), None)
    for name in (gpu.name, f"{gpu.name} {size:g}GB" if size else gpu.name):
        for record in _called(catalogue, name):
            options = record.memory_options_gib.value if record.memory_options_gib else ()
            if size and size in options:
                return f"{record.slug} {size:g}gb"
            if record.memory_gib and _is_near(gpu.memory_gib, record.memory_gib.value):
                return record.slug
    return None


def _called(catalogue: Catalogue, name: str) -> list[Accelerator]:
    """Every accelerator of that name, not merely of a similar one."""
    try:
        match = catalogue.names.resolve(("accelerators",), name, "device")
    except AmbiguousName as error:
        labels = error.candidates
    except UnknownName:
        return []
    else:
        labels = () if match.note else (match.label,)
    found = [record for record in catalogue.known.of(Accelerator).values() if record.name in labels]
    # The driver names the cards for slots (PCIe, NVL); a bare name is the board for a socket (SXM).
    return sorted(found, key=lambda record: record.pcie_lanes is not None)


def _sold_sizes(catalogue: Catalogue, gpu: Gpu) -> list[float]:
    """Sizes of memory that the catalogue's devices of this backend are sold with, the nearest to the card's first."""
    sizes: set[float] = set()
    for record in catalogue.known.of(Accelerator).values():
        if record.backend == gpu.backend and record.memory_gib:
            sizes |= {record.memory_gib.value, *(record.memory_options_gib.value if record.memory_options_gib else ())}
    return sorted(sizes, key=lambda size: abs(size - gpu.memory_gib))


def _is_near(shown_gib: float, sold_gib: float) -> bool:
    return sold_gib * (1 - MEMORY_TOLERANCE) <= shown_gib <= sold_gib * 1.01


def _figures(catalogue: Catalogue, gpu: Gpu) -> DeviceFigures:
    """By the memory that the tool shows, and the slowest device of the catalogue with so much: it promises little."""
    records = catalogue.known.of(Accelerator).values()
    devices = [Device.of(one) for one in records if one.memory_gib and one.memory_bandwidth_gb_per_s]
    alike = [d for d in devices if d.backend == gpu.backend and _is_near(gpu.memory_gib, d.memory_bytes / GIB)]
    return DeviceFigures(
        name=gpu.name,
        memory_gib=gpu.memory_gib,
        memory_bandwidth_gb_per_s=min(device.bandwidth_bytes_per_s for device in alike or devices) / GB,
        bandwidth_assumed=True,
        backend=gpu.backend,
        unified_memory=gpu.unified_memory,
    )


def _processor(catalogue: Catalogue, machine: ThisMachine, measured: Measured | None) -> DeviceFigures:
    """With what was measured, the bandwidth of the processor's record, or that of common dual-channel memory."""
    if measured is not None:
        return MeasuredProcessor(
            name=machine.cpu,
            memory_gib=machine.memory_gib,
            memory_bandwidth_gb_per_s=measured.peak_gb_per_s,
            fp16_dense_tflops=measured.fp32_tflops,
            backend="cpu",
            cores=machine.threads,
            kernels=measured.kernels,
        )
    bandwidth, assumed = DEFAULT_SYSTEM_MEMORY_BYTES_PER_S / GB, True
    name = f"{machine.cpu} ({bandwidth:g} GB/s assumed)"
    try:
        record, match = catalogue.find(Cpu, machine.cpu, "processor")
    except (AmbiguousName, UnknownName):
        pass
    else:
        if record.memory_bandwidth_gb_per_s and not match.note:
            bandwidth, name, assumed = record.memory_bandwidth_gb_per_s.value, record.name, False
    return DeviceFigures(
        name=name,
        memory_gib=machine.memory_gib,
        memory_bandwidth_gb_per_s=bandwidth,
        bandwidth_assumed=assumed,
        backend="cpu",
        cores=max(1, machine.threads // 2),
    )
