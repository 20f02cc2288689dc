"""What a device's arithmetic units do per second, and which generation they are of.

Decoding is bound by memory until the units that unpack quantized weights are: those are the plain vector units
(NVIDIA's ``dp4a``, Apple's SIMD groups), not the tensor units that datasheets lead with.
"""

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path

from pydantic import TypeAdapter

from kb.calc.device import Device
from kb.catalogue.files import read_mapping
from kb.catalogue.records import Record


class Generation(Record):
    """What ``generations.yaml`` has of one."""

    architecture: tuple[str, ...] = ()
    chips: tuple[str, ...] = ()
    tensor_to_vector: Mapping[str, float] = {}
    integer_share: float = 1.0
    full_integer_chips: tuple[str, ...] = ()
    dual_issue: bool = False
    tflops_per_core: float = 0.4
    processors: frozenset[str] = frozenset()

    def has(self, device: Device) -> bool:
        architecture = device.architecture.lower().replace(" ", "")
        return any(name in architecture for name in self.architecture) and (not self.chips or device.chip in self.chips)


_UNKNOWN = Generation()

_DATACENTER_FLOPS = 250e12
"""A device known by its figures alone that has more than this dense FP16 rate is a data centre's."""
_DATACENTER_RATIO = 16.0
_CONSUMER_RATIO = 2.0
"""Of tensor to vector rate, where the generation is not known."""

SERVER_CORES = 16
"""With fewer, a rented part of a server is as good as a desktop."""
CORE_TFLOPS = 0.1
"""FP32 of one core: 32 operations per cycle (AVX2) at 3 GHz."""
_FLOPS_PER_BYTE = {"metal": 30.0, "cpu": 20.0}
_TYPICAL_FLOPS_PER_BYTE = 40.0


@cache
def generations() -> Mapping[str, Generation]:
    content = read_mapping(Path(__file__).with_name("generations.yaml"))
    return TypeAdapter(dict[str, Generation]).validate_python(content)


@lru_cache(maxsize=1024)
def generation_of(device: Device) -> str:
    """The architecture's generation, or nothing where the device does not tell.

    >>> generation_of(Device("a card", "cuda", 1, 1.0, architecture="Ada Lovelace"))
    'ada'
    >>> generation_of(Device("M3 Max (40-core GPU)", "metal", 1, 1.0))
    'm3'
    """
    if device.backend == "cpu":
        return ""
    if device.backend == "metal":
        chip = re.search(r"\bm([1-9])\b", device.name.lower())
        return f"m{chip[1]}" if chip else ""
    return next((name for name, generation in generations().items() if generation.has(device)), "")


def _generation(device: Device) -> Generation:
    return generations().get(generation_of(device), _UNKNOWN)


def is_server_cpu(device: Device) -> bool:
    """A processor whose cores reach their memory over several dies or sockets.

    >>> is_server_cpu(Device("AMD EPYC", "cpu", 0, 204.8e9))
    True
    """
    if 0 < device.cores < SERVER_CORES:
        return False
    words = re.findall(r"\w+", device.name.lower())
    return device.backend == "cpu" and not generations()["server cpu"].processors.isdisjoint(words)


@lru_cache(maxsize=1024)
def vector_flops(device: Device) -> tuple[float, str]:
    """FP32 operations per second outside tensor units, and where the number comes from.

    Known, else the dense FP16 rate over the generation's ratio, else by GPU cores (Apple), else from the
    bandwidth that such a chip is usually paired with.

    >>> vector_flops(Device("a card", "cuda", 1, 936e9, 71.2e12, architecture="Ampere"))[0] / 1e12
    35.6
    """
    generation = _generation(device)
    if device.backend == "metal" and device.gpu_cores:
        per_core = generation.tflops_per_core
        return device.gpu_cores * per_core * 1e12, f"{device.gpu_cores} GPU cores x {per_core:g} TFLOPS"
    if device.fp32_flops:
        share = 0.5 if generation.dual_issue else 1.0
        return device.fp32_flops * share, f"{device.fp32_flops / 1e12:g} TFLOPS FP32"
    if device.fp16_dense_flops:
        ratio = _tensor_ratio(generation, device)
        return device.fp16_dense_flops / ratio, f"{device.fp16_dense_flops / 1e12:g} TFLOPS FP16 / {ratio:g}"
    if device.cores:
        return device.cores * CORE_TFLOPS * 1e12, f"{device.cores} cores x {CORE_TFLOPS:g} TFLOPS"
    per_byte = _FLOPS_PER_BYTE.get(device.backend, _TYPICAL_FLOPS_PER_BYTE)
    flops = device.bandwidth_bytes_per_s * per_byte
    return flops, f"assumed {flops / 1e12:.1f} TFLOPS ({per_byte:g} operations per byte of bandwidth)"


@lru_cache(maxsize=1024)
def unpacking_flops(device: Device, family: str) -> float:
    """The rate at which weights of a quantization family are unpacked and multiplied.

    Quantized weights take integer operations, for which many chips have half the lanes; floats do not.

    >>> unpacking_flops(Device("a card", "cuda", 1, 936e9, 71.2e12, architecture="Ampere"), "k-quant") / 1e12
    17.8
    """
    flops, _ = vector_flops(device)
    if family == "float" or device.backend in ("metal", "cpu"):
        return flops
    generation = _generation(device)
    return flops if device.chip in generation.full_integer_chips else flops * generation.integer_share


def _tensor_ratio(generation: Generation, device: Device) -> float:
    if device.backend in ("metal", "cpu"):
        return 1.0
    if generation is _UNKNOWN:
        return _DATACENTER_RATIO if device.fp16_dense_flops > _DATACENTER_FLOPS else _CONSUMER_RATIO
    ratios = generation.tensor_to_vector
    segment = device.segment if device.segment in ("workstation", "datacenter") else "consumer"
    ratio = ratios.get(segment) or ratios.get("consumer", _CONSUMER_RATIO)
    return ratio * (2.0 if generation.dual_issue else 1.0)
