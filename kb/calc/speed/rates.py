"""What a device's arithmetic units do per second, and which generation they are of.

Decoding is bound by memory until the units that unpack quantized weights are: those are the plain vector units
(NVIDIA's ``dp4a``, Apple's SIMD groups), not the tensor units that datasheets lead with.
"""

import re
from functools import lru_cache

from kb.calc.device import Device

_GENERATIONS = (
    ("ada", r"\bada\b|lovelace|\brtx[ -]?40\d\d\b|\bl4\b|\bl40s?\b"),
    ("blackwell", r"blackwell|\brtx pro\b|\bgb10\b|\brtx[ -]?50\d\d\b|\bb[23]00\b"),
    ("hopper", r"hopper|\bg?h[12]00\b|\bgh200\b"),
    ("ampere", r"ampere|\brtx[ -]?30\d\d\b|\brtx[ -]?a\d{4}\b|\ba100\b|\ba[346]0\b|\bjetson\b|\borin\b"),
    ("turing gtx", r"\bgtx[ -]?16\d\d\b|\bmx450\b|\bt(400|500|600|1000|1200)\b"),
    ("turing", r"turing|\brtx[ -]?20\d\d\b|titan rtx|quadro rtx|\bt4\b"),
    ("volta", r"volta|\bv100\b"),
    ("pascal", r"pascal|\bgtx[ -]?10\d\d\b|quadro p\d|\bp[1-6]\d?0?\b"),
    ("rdna4", r"rdna ?4|\brx[ -]?9\d{3}\b"),
    ("rdna3", r"rdna ?3|\brx[ -]?7\d{3}\b|strix|\bz1\b|radeon 8060s"),
    ("rdna2", r"rdna ?2|\brx[ -]?6\d{3}\b"),
    ("cdna", r"cdna|instinct|\bmi\d{2,3}x?\b|\bvega\b|\bgcn\b|radeon vii"),
    ("alchemist", r"alchemist|xe-?hpg\b|\barc a\d"),
    ("battlemage", r"battlemage|xe2|\barc (pro )?b\d"),
)

_SERVER_CPUS = r"\b(epyc|xeon|threadripper|altra|graviton|grace)\b"

_VECTOR_TFLOPS_PER_APPLE_CORE = {"m1": 0.325, "m2": 0.358, "m3": 0.36, "m4": 0.43, "m5": 0.46}
"""128 lanes x 2 operations x the GPU clock (1.27, 1.40, 1.40, 1.68, 1.8 GHz)."""

_TENSOR_TO_VECTOR = {
    ("turing", "consumer"): 4.0, ("turing", "workstation"): 8.0, ("turing", "datacenter"): 8.0,
    ("volta", "workstation"): 8.0, ("volta", "datacenter"): 8.0,
    ("ampere", "consumer"): 2.0, ("ampere", "workstation"): 4.0, ("ampere", "datacenter"): 16.0,
    ("ada", "consumer"): 2.0, ("ada", "workstation"): 4.0, ("ada", "datacenter"): 4.0,
    ("hopper", "datacenter"): 14.8,
    ("blackwell", "consumer"): 2.0, ("blackwell", "workstation"): 4.0, ("blackwell", "datacenter"): 30.0,
    ("rdna2", "consumer"): 2.0, ("rdna3", "consumer"): 2.0, ("rdna4", "consumer"): 4.0,
    ("cdna", "datacenter"): 8.0,
    ("alchemist", "consumer"): 8.0, ("battlemage", "consumer"): 8.0,
}  # fmt: skip
"""Dense FP16 tensor rate (FP32 accumulation) over FP32 vector rate, from the vendors' datasheets."""

_DATACENTER_FLOPS = 250e12
"""A device known by its figures alone that has more than this dense FP16 rate is a data centre's."""

_INTEGER_SHARE = {"ampere": 0.5, "ada": 0.5, "hopper": 0.5, "blackwell": 0.5}
"""32-bit integer lanes over FP32 lanes of an SM, where it is not 1 (NVIDIA's architecture white papers)."""

_GA100 = r"\ba(100|30)\b"
"""The one Ampere chip with as many integer lanes as FP32 lanes."""

_FLOPS_PER_BYTE = {"metal": 30.0, "cpu": 20.0}
_TYPICAL_FLOPS_PER_BYTE = 40.0
_DUAL_ISSUE = ("rdna3", "rdna4")
"""Their FP32 figure counts two instructions per clock, which integer dot products do not get."""


@lru_cache(maxsize=1024)
def generation_of(device: Device) -> str:
    """The architecture's generation, or nothing where the name does not tell.

    ``turing gtx`` are the Turing cards without tensor units.

    >>> generation_of(Device("RTX 4090", "cuda", 1, 1.0, architecture="Ada Lovelace"))
    'ada'
    >>> generation_of(Device("Apple M3 Max (40-core GPU)", "metal", 1, 1.0))
    'm3'
    """
    if device.backend == "cpu":
        return ""
    name = f"{device.architecture} {device.name}".lower().replace("_", " ")
    if device.backend == "metal":
        chip = re.search(r"\bm([1-9])\b", name)
        return f"m{chip[1]}" if chip else ""
    return next((generation for generation, pattern in _GENERATIONS if re.search(pattern, name)), "")


def is_server_cpu(device: Device) -> bool:
    """A processor whose cores reach their memory over several dies or sockets.

    >>> is_server_cpu(Device("AMD EPYC 7352", "cpu", 0, 204.8e9))
    True
    """
    return device.backend == "cpu" and re.search(_SERVER_CPUS, device.name.lower()) is not None


@lru_cache(maxsize=1024)
def vector_flops(device: Device) -> tuple[float, str]:
    """FP32 operations per second outside tensor units, and where the number comes from.

    Known, else the dense FP16 rate over the generation's ratio, else by GPU cores (Apple), else from the
    bandwidth that such a chip is usually paired with.

    >>> vector_flops(Device("RTX 3090", "cuda", 1, 936e9, fp16_dense_flops=71.2e12))[0] / 1e12
    35.6
    """
    generation = generation_of(device)
    if device.backend == "metal" and device.gpu_cores:
        per_core = _VECTOR_TFLOPS_PER_APPLE_CORE.get(generation, 0.4)
        return device.gpu_cores * per_core * 1e12, f"{device.gpu_cores} GPU cores x {per_core:g} TFLOPS"
    if device.fp32_flops:
        share = 0.5 if generation in _DUAL_ISSUE else 1.0
        return device.fp32_flops * share, f"{device.fp32_flops / 1e12:g} TFLOPS FP32"
    if device.fp16_dense_flops:
        ratio = _tensor_ratio(generation, device)
        return device.fp16_dense_flops / ratio, f"{device.fp16_dense_flops / 1e12:g} TFLOPS FP16 / {ratio:g}"
    per_byte = _FLOPS_PER_BYTE.get(device.backend, _TYPICAL_FLOPS_PER_BYTE)
    flops = device.bandwidth_bytes_per_s * per_byte
    return flops, f"assumed {flops / 1e12:.1f} TFLOPS ({per_byte:g} operations per byte of bandwidth)"


@lru_cache(maxsize=1024)
def unpacking_flops(device: Device, family: str) -> float:
    """The rate at which weights of a quantization family are unpacked and multiplied.

    Quantized weights take integer operations, for which many chips have half the lanes; floats do not.

    >>> unpacking_flops(Device("RTX 3090", "cuda", 1, 936e9, fp16_dense_flops=71.2e12), "k-quant") / 1e12
    17.8
    """
    flops, _ = vector_flops(device)
    if family == "float" or device.backend in ("metal", "cpu"):
        return flops
    generation = generation_of(device)
    if re.search(_GA100, device.name.lower()):
        return flops
    return flops * _INTEGER_SHARE.get(generation, 1.0)


def _tensor_ratio(generation: str, device: Device) -> float:
    if device.backend in ("metal", "cpu"):
        return 1.0
    segment = device.segment if device.segment in ("workstation", "datacenter") else "consumer"
    if not generation and device.fp16_dense_flops > _DATACENTER_FLOPS:
        segment, generation = "datacenter", "ampere"
    ratio = _TENSOR_TO_VECTOR.get((generation, segment)) or _TENSOR_TO_VECTOR.get((generation, "consumer"), 2.0)
    return ratio * (2.0 if generation in _DUAL_ISSUE else 1.0)
