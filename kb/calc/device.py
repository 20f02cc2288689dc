"""What the calculators need to know of a device."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from pydantic import Field

from kb.calc.memory.tensor_types import TENSOR_TYPES
from kb.catalogue.records import Accelerator, Backend, Machine, Record
from kb.catalogue.units import GB, GIB

R = TypeVar("R")


class Kernel(Record):
    """What llama.cpp was measured to reach on one processor with weights of one type."""

    type_name: str
    writing_gb_per_s: float = Field(gt=0)
    """Of weights, when it writes: what the memory gives, or what their unpacking does."""
    layer_us: float = Field(ge=0)
    """Per layer and token besides."""
    reading_gflops: float = Field(gt=0)
    """Of matrix products when it reads a prompt, with matrices of any width."""
    half_width: float = Field(ge=0)
    """The width at which half of it is reached."""

    @property
    def weights_per_s(self) -> float:
        return self.writing_gb_per_s * GB * 8 / TENSOR_TYPES[self.type_name].bits_per_weight


LIKE: Mapping[str, str] = {
    "legacy": "q4_0", "k-quant": "q4_k", "i-quant": "q4_k", "mixed": "q4_k", "float": "f16", "microscaling": "q4_0",
    "ternary": "q4_0",
}  # fmt: skip
"""By family of quantization, the type that stands for one that was not measured itself."""


@dataclass(frozen=True)
class Device:
    """Something that holds weights and computes. Bytes and bytes per second; dense FP16 FLOP/s, 0 where unknown.

    ``unified_memory``: the memory is shared with the operating system (Apple Silicon, Strix Halo, GB10).
    """

    name: str
    backend: Backend
    memory_bytes: int
    bandwidth_bytes_per_s: float
    fp16_dense_flops: float = 0.0
    unified_memory: bool = False
    architecture: str = ""
    chip: str = ""
    vendor: str = ""
    segment: str = ""
    tdp_w: float = 0.0
    pcie_bytes_per_s: float = 0.0
    """One way, to the host; 0 where unknown or unified."""
    gpu_cores: int = 0
    cores: int = 0
    """Of a processor; 0 where unknown."""
    fp32_flops: float = 0.0
    """Vector rate without tensor units; 0 where unknown."""
    native_precisions: tuple[str, ...] = ()
    """``fp16``, ``fp8``, ``fp4`` …; empty where unknown."""
    bandwidth_assumed: bool = False
    """Nobody named it: what follows from it is no bound."""
    kernels: tuple[Kernel, ...] = ()
    """Of a processor on which llama.cpp was measured."""
    kernel: Kernel | None = None
    """Of them, that of the weights at hand."""

    def with_weights(self, quantization: str, family: str) -> "Device":
        """With the kernel of that quantization (``q4_k_m``), or that of those most like it."""
        known = {kernel.type_name: kernel for kernel in self.kernels}
        own = [name for name in known if quantization.replace("-", "_").startswith(name)]
        return replace(self, kernel=known.get(max(own, key=len, default=LIKE.get(family, ""))))

    @classmethod
    def of(cls, accelerator: Accelerator, machine: Machine | None = None) -> "Device":
        """From a record; a machine's own memory size and bandwidth go before its accelerator's. Of a card that
        programs see as several GPUs, one of them.

        Raises ``ValueError`` where memory or bandwidth is not known.
        """
        memory = machine.memory_gib if machine and accelerator.unified_memory else None
        bandwidth = machine.memory_bandwidth_gb_per_s if machine and accelerator.unified_memory else None
        memory = memory or accelerator.memory_gib
        bandwidth = bandwidth or accelerator.memory_bandwidth_gb_per_s
        name = machine.name if machine else accelerator.name
        if memory is None or bandwidth is None:
            raise ValueError(f"{name}: memory size or bandwidth is not known")
        flops = accelerator.fp16_dense_tflops or accelerator.fp32_tflops
        gpus = gpus_on(accelerator)
        pcie = 0.0
        if accelerator.pcie_generation and accelerator.pcie_lanes and not accelerator.unified_memory:
            pcie = pcie_bytes_per_s(accelerator.pcie_generation.value, accelerator.pcie_lanes.value)
        return cls(
            name=name if gpus == 1 else f"{name} (one GPU of {gpus})",
            backend=accelerator.backend,
            memory_bytes=round(memory.value * GIB / gpus),
            bandwidth_bytes_per_s=bandwidth.value * GB / gpus,
            fp16_dense_flops=flops.value * 1e12 / gpus if flops else 0.0,
            unified_memory=accelerator.unified_memory,
            architecture=accelerator.architecture.value if accelerator.architecture else "",
            chip=accelerator.chip.value if accelerator.chip else "",
            vendor=accelerator.vendor,
            segment=accelerator.segment,
            tdp_w=accelerator.tdp_w.value / gpus if accelerator.tdp_w else 0.0,
            pcie_bytes_per_s=pcie,
            gpu_cores=accelerator.gpu_cores.value if accelerator.gpu_cores else 0,
            fp32_flops=accelerator.fp32_tflops.value * 1e12 / gpus if accelerator.fp32_tflops else 0.0,
            native_precisions=accelerator.native_precisions.value if accelerator.native_precisions else (),
        )


def of_each(devices: Sequence[Device], work: Callable[[Device], R]) -> tuple[R, ...]:
    """``work`` of every device, done once for one that is there hundreds of times."""
    done: dict[int, R] = {}
    for device in devices:
        if id(device) not in done:
            done[id(device)] = work(device)
    return tuple(done[id(device)] for device in devices)


def counted(devices: Sequence[Device]) -> Counter[Device]:
    """How many there are of each, in their order; equal ones are mostly one object, which costs nothing to tell."""
    by_id = {id(device): device for device in devices}
    counts = Counter[Device]()
    for name, count in Counter(map(id, devices)).items():
        counts[by_id[name]] += count
    return counts


def gpus_on(accelerator: Accelerator) -> int:
    """How many GPUs programs see on one card."""
    return accelerator.gpus_on_card.value if accelerator.gpus_on_card else 1


def pcie_bytes_per_s(generation: float, lanes: int) -> float:
    """One direction, after line coding (PCI-SIG: 128b/130b from generation 3, 8b/10b before).

    >>> round(pcie_bytes_per_s(4, 16) / 1e9, 1)
    31.5
    """
    gt_per_s = {1: 2.5, 2: 5.0, 3: 8.0, 4: 16.0, 5: 32.0, 6: 64.0}[int(generation)]
    coding = 0.8 if generation < 3 else 128 / 130
    return gt_per_s * 1e9 * coding / 8 * lanes
