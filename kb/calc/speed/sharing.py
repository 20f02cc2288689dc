"""How devices and system memory share one decode step."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kb.calc.device import Device
from kb.calc.memory.architecture import Architecture
from kb.calc.memory.weights import Weights
from kb.calc.results import Offload
from kb.calc.speed.decode import DecodeConstants, Step, StepTime, split_by_layers, step_time
from kb.calc.speed.network import ALONE, SUMS_PER_LAYER, Network

ALL_REDUCE_US = 25.0
"""Latency of one sum over cards through PCIe (NCCL; assumed, not fitted: the calibration data holds no such run)."""
COPY_BYTES_PER_S = 11e9
"""At most, of weights from system memory to a card: they lie in pages of a file, which the processor moves first.
Published runs of offloaded mixtures come to 8 to 11 GB/s, one to 20; chosen, not fitted."""
COPIED_AT = 0.7
"""Of a slower link's rate."""
DEFAULT_LINK_BYTES_PER_S = 16e9
"""PCIe 4.0 x8 or 3.0 x16, where a card's link is not known."""


@dataclass(frozen=True)
class Shares:
    """The parts of a step that fall to the devices and to system memory."""

    devices: Step
    system: Step | None


def shares_of(step: Step, architecture: Architecture, weights: Weights, offload: Offload | None) -> Shares:
    """Cut a step where the placement cuts the model.

    The first layers may be kept in system memory whole, and are computed there with their cache; of the next ones
    the experts alone may be (llama.cpp's ``-ngl`` and ``--n-cpu-moe``, which counts from the first layer too).
    """
    if offload is None:
        return Shares(step, None)
    whole = max(0, offload.layers_total - offload.layers_on_device)
    with_experts = max(whole, offload.experts_on_cpu_layers)
    if with_experts == 0:
        return Shares(step, None)
    used = architecture.expert_share
    read = [
        size - experts * (1 - used)
        for size, experts in zip(weights.layer_bytes[:whole], weights.expert_bytes[:whole], strict=True)
    ]
    read += [experts * used for experts in weights.expert_bytes[whole:with_experts]]
    bytes_moved = min(1.0, sum(read) / max(1, weights.active_bytes))
    layers_moved = min(1.0, whole / architecture.num_hidden_layers)
    system = replace(
        step.share(layers_moved),
        weight_bytes=step.weight_bytes * bytes_moved,
        weights_read=step.weights_read * bytes_moved,
        layers=float(with_experts),
        tokens=0.0,
    )
    device = replace(
        step.share(1 - layers_moved),
        weight_bytes=step.weight_bytes * (1 - bytes_moved),
        weights_read=step.weights_read * (1 - bytes_moved),
        tokens=step.tokens,
    )
    return Shares(device, system)


def copied_bytes(architecture: Architecture, weights: Weights, offload: Offload, tokens: float) -> float:
    """Weight bytes of system memory that a micro-batch of ``tokens`` needs on the device: of whole layers all, of
    experts those that at least one token is sent to."""
    whole = max(0, offload.layers_total - offload.layers_on_device)
    with_experts = max(whole, offload.experts_on_cpu_layers)
    reached = 1 - math.pow(1 - architecture.expert_share, tokens)
    attention = sum(weights.layer_bytes[:whole]) - sum(weights.expert_bytes[:whole])
    return attention + reached * sum(weights.expert_bytes[:with_experts])


def device_time(
    step: Step,
    architecture: Architecture,
    devices: Sequence[Device],
    constants: DecodeConstants,
    *,
    sequences: int = 1,
    tensor_parallel: bool = False,
    network: Network = ALONE,
) -> StepTime:
    """Seconds of the devices' part: one after another (layer split) or all at once (tensor parallel)."""
    if not tensor_parallel or len(devices) == 1:
        crossed = StepTime(links=network.hand_over_seconds(sequences, architecture.hidden_size))
        return split_by_layers(step, devices, constants) + crossed
    count = len(devices)
    part = replace(
        step.share(1 / count), layers=step.layers, expert_layers=step.expert_layers,
        recurrent_layers=step.recurrent_layers, tokens=step.tokens,
    )  # fmt: skip
    slowest = max((step_time(part, device, constants) for device in devices), key=lambda time: time.total)
    known = [device.pcie_bytes_per_s for device in devices if device.pcie_bytes_per_s]
    link = min(known, default=DEFAULT_LINK_BYTES_PER_S)
    message = sequences * architecture.hidden_size * 2
    one_sum = ALL_REDUCE_US * 1e-6 + 2 * (count - 1) / count * message / link if count > network.hosts else 0.0
    one_sum += network.sum_seconds(message)
    return slowest + StepTime(links=SUMS_PER_LAYER * step.layers * one_sum)


def ceiling_seconds(
    shares: Shares, devices: Sequence[Device], system: Device, *, tensor_parallel: bool = False
) -> float:
    """The least time in which the bytes can be read at the memories' peak bandwidth, nothing else counted."""
    bytes_read = shares.devices.weight_bytes + shares.devices.cache_bytes
    memory = sum(device.memory_bytes for device in devices)
    if tensor_parallel:
        seconds = max(bytes_read / len(devices) / device.bandwidth_bytes_per_s for device in devices)
    else:
        seconds = sum(bytes_read * device.memory_bytes / memory / device.bandwidth_bytes_per_s for device in devices)
    if shares.system is not None:
        seconds += (shares.system.weight_bytes + shares.system.cache_bytes) / system.bandwidth_bytes_per_s
    return seconds
