"""The time of one decode step: where it goes, part by part.

A step reads every weight that is in use and the attention cache once, unpacks the weights on the vector units, and
launches a few kernels per layer::

    seconds = fixed per token + layers x launch cost
            + (reading ^ 3 + unpacking ^ 3) ^ (1 / 3)
            + cache bytes / (cache efficiency x bandwidth)
    reading = weight bytes / (efficiency x bandwidth)
    unpacking = 2 x weights x operations per weight / unpacking rate

Reading and unpacking run side by side, so the longer one decides (the roofline model, Williams et al., 2009) but for
a rounded corner where the two are alike. On a processor where llama.cpp was measured, that stands in place of both, and
of what a layer costs (``Kernel``).

Cards that share a model by layers work one after another, so their times add up. The constants are in
``constants.yaml``, fitted by ``make calibrate`` on published measurements.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from operator import mul

from kb.calc.device import Device, counted
from kb.calc.memory.architecture import Architecture, Attending
from kb.calc.memory.tensor_types import TENSOR_TYPES, cache_types
from kb.calc.memory.weights import Weights
from kb.calc.speed.rates import generation_of, is_server_cpu, unpacking_flops
from kb.catalogue.units import GB

SHARPNESS = 3.0
"""Of the roofline's corner: 1 would add both times, infinity take the longer. Chosen by cross-validation."""

SHORT_CONVOLUTION_BYTES = 2**16
"""Up to so much, a layer's state is the last few tokens of a convolution: it takes no more launches than attention."""

_CARDS = ("cuda", "rocm", "vulkan", "sycl")
"""Backends whose devices come as cards, as laptop parts and on a chip with the CPU."""


@dataclass(frozen=True)
class BackendConstants:
    """How well a backend's kernels use a device."""

    token_us: float
    """Once per token: sampling, the graph's start, waiting for the device."""
    layer_us: float
    """Per layer: launching its kernels."""
    expert_layer_us: float
    """Per mixture-of-experts layer on top: routing, and gathering the experts."""
    recurrent_layer_us: float
    """Per linear-attention or state-space layer on top."""
    efficiency: float
    """Share of the memory's peak bandwidth reached when reading weights."""
    cache_efficiency: float
    """The same for the attention cache, with FlashAttention."""
    operations: Mapping[str, float]
    """Vector operations per multiply-add, unpacking included, by quantization family."""


@dataclass(frozen=True)
class GenerationConstants:
    """A hardware generation against its backend's usual one (1.0)."""

    operations: float = 1.0
    """Factor on the operations per weight."""
    k_quant_operations: float = 1.0
    """The same for K-quants and i-quants alone, on top."""
    latency: float = 1.0
    """Factor on the launch costs."""


@dataclass(frozen=True)
class Spread:
    """Measured over predicted speed: the quantiles between which about 80 % of measurements lie."""

    low: float
    high: float


@dataclass(frozen=True)
class DecodeConstants:
    backends: Mapping[str, BackendConstants]
    generations: Mapping[str, GenerationConstants]
    shared_memory: float
    """Share of the efficiency that is left where CPU and GPU share LPDDR memory (GB10, Jetson, Strix Halo)."""
    no_flash_attention: float
    """Factor on the cache's time without FlashAttention: scores are written out and read again."""
    laptop: float
    """Factor on a laptop part's time: its power limit keeps the clocks below the data sheet's."""
    server_layer_us: float
    """Per layer on a server's CPU: dozens of threads on several dies wait for each other after every operation."""
    practice: float
    """Factor on every time: published speeds come from servers, warm cards and builds of many months, not from clean
    benchmarks alone. Not fitted, but chosen as what leaves the fewest measurements of unseen devices 25 % off."""
    split_us: float
    """Per further card of a layer split: handing the activations on."""
    spreads: Mapping[str, Spread]


@dataclass(frozen=True)
class Step:
    """What one decode step reads and computes, for one sequence on one device."""

    weight_bytes: float
    weights_read: float
    """Count of weights, of which each costs one multiply-add."""
    cache_bytes: float
    """Attention cache at the depth, recurrent state included (read and written)."""
    layers: float
    expert_layers: float
    recurrent_layers: float
    family: str
    flash_attention: bool
    tokens: float = 1.0
    """How often the fixed cost per token is paid."""

    def share(self, fraction: float) -> "Step":
        """The part of a step that falls to a device holding ``fraction`` of the layers."""
        return Step(
            weight_bytes=self.weight_bytes * fraction,
            weights_read=self.weights_read * fraction,
            cache_bytes=self.cache_bytes * fraction,
            layers=self.layers * fraction,
            expert_layers=self.expert_layers * fraction,
            recurrent_layers=self.recurrent_layers * fraction,
            family=self.family,
            flash_attention=self.flash_attention,
            tokens=self.tokens * fraction,
        )


@dataclass(frozen=True)
class StepTime:
    """Seconds of one decode step, part by part."""

    fixed: float = 0.0
    weights: float = 0.0
    compute: float = 0.0
    """By how much unpacking lengthens the reading of the weights."""
    cache: float = 0.0
    links: float = 0.0

    @property
    def total(self) -> float:
        return self.fixed + self.weights + self.compute + self.cache + self.links

    def __add__(self, other: "StepTime") -> "StepTime":
        return StepTime(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __mul__(self, factor: float) -> "StepTime":
        return StepTime(*(getattr(self, f.name) * factor for f in fields(self)))


def step_of(
    architecture: Architecture,
    weights: Weights,
    family: str,
    depth: int,
    *,
    kv_cache_type: str = "f16",
    flash_attention: bool = True,
) -> Step:
    """What a token costs at ``depth`` tokens of context."""
    return Step(
        # Given figures may contradict each other, an embedding larger than the model for one.
        weight_bytes=max(0, weights.active_bytes),
        weights_read=max(0.0, weights_read(architecture, weights)),
        cache_bytes=cache_bytes_read(architecture, depth, kv_cache_type) + 2 * sum(architecture.linear_states),
        layers=architecture.num_hidden_layers,
        expert_layers=architecture.num_expert_layers,
        recurrent_layers=sum(state == 0 or state > SHORT_CONVOLUTION_BYTES for state in architecture.linear_states),
        family=family,
        flash_attention=flash_attention,
    )


def weights_read(architecture: Architecture, weights: Weights) -> float:
    """How many weights a token multiplies with: all but what it looks up and the experts it is not sent to.

    >>> weights = Weights(0, 0, 0, (), (), 0, "")
    >>> from kb.calc.memory.families import Config, architecture_of
    >>> llama = architecture_of(Config("8B", 8_030_261_248, 8_030_261_248, 32, 4096, 32, 8, 128, 128256))
    >>> round(weights_read(llama, weights) / 1e9, 2)
    7.5
    """
    total = architecture.params_total - architecture.looked_up_params
    embedding = 0 if architecture.tie_word_embeddings else architecture.vocab_size * architecture.hidden_size
    if architecture.experts is None:
        return total - embedding
    per_layer = 3 * architecture.hidden_size * architecture.experts.width * architecture.experts.count
    experts = per_layer * architecture.num_expert_layers
    if 0 < experts < total - embedding:
        return total - embedding - experts * (1 - architecture.expert_share)
    if architecture.params_active < total:
        return architecture.params_active
    return total * min(1.0, weights.active_bytes / max(1, weights.total_bytes))


def cache_bytes_read(architecture: Architecture, depth: int, kv_cache_type: str = "f16") -> float:
    """Bytes of keys and values that one token attends to (what is read, not what is allocated).

    >>> from kb.calc.memory.families import Config, architecture_of
    >>> llama = architecture_of(Config("8B", 8_030_261_248, 8_030_261_248, 32, 4096, 32, 8, 128, 128256))
    >>> cache_bytes_read(llama, 8192) / 2**30
    1.0
    """
    bits = [TENSOR_TYPES[kind].bits_per_weight for kind in cache_types(kv_cache_type)]
    read = 0.0
    for mixer, count in architecture.mixers.items():
        if isinstance(mixer, Attending):
            read += count * sum(map(mul, mixer.row_elements, bits)) / 8 * min(depth, mixer.window or depth)
    return read


def step_time(step: Step, device: Device, constants: DecodeConstants) -> StepTime:
    """Seconds of one step on one device.

    >>> from kb.calc.speed.constants import constants
    >>> card = Device("RTX 3090", "cuda", 24 * 2**30, 936.2e9, fp16_dense_flops=71.2e12)
    >>> step = Step(4.6e9, 7.5e9, 0, 32, 0, 0, "k-quant", True)
    >>> step_time(step, card, constants().decode).total > 4.6e9 / 936.2e9
    True
    """
    backend = constants.backends[device.backend]
    generation = constants.generations.get(generation_of(device), GenerationConstants())
    operations = operations_of(step.family, device, constants)
    is_shared = device.unified_memory and device.backend in _CARDS
    bandwidth = device.bandwidth_bytes_per_s * (constants.shared_memory if is_shared else 1.0)
    kernel = device.kernel
    usual_us = backend.layer_us + (constants.server_layer_us if is_server_cpu(device) else 0.0)
    launch = step.layers * (kernel.layer_us if kernel else usual_us) + step.expert_layers * backend.expert_layer_us
    launch += step.recurrent_layers * backend.recurrent_layer_us
    attention = 1.0 if step.flash_attention else constants.no_flash_attention
    reading = step.weight_bytes / (backend.efficiency * bandwidth)
    cache = attention * step.cache_bytes / (backend.cache_efficiency * bandwidth)
    if kernel:
        measured = max(step.weight_bytes / (kernel.writing_gb_per_s * GB), step.weights_read / kernel.weights_per_s)
        reading = min(reading, measured)
        return StepTime(fixed=launch * 1e-6, weights=reading, compute=measured - reading, cache=cache)
    unpacking = 2 * step.weights_read * operations / unpacking_flops(device, step.family)
    time = StepTime(
        fixed=(step.tokens * backend.token_us + launch) * generation.latency * 1e-6,
        weights=reading,
        compute=(reading**SHARPNESS + unpacking**SHARPNESS) ** (1 / SHARPNESS) - reading,
        cache=cache,
    )
    return time * (laptop_factor(device, constants) * constants.practice)


def operations_of(family: str, device: Device, constants: DecodeConstants) -> float:
    """Vector operations per weight: unpacking it, and one multiply-add."""
    backend = constants.backends[device.backend]
    generation = constants.generations.get(generation_of(device), GenerationConstants())
    operations = backend.operations.get(family, backend.operations["k-quant"]) * generation.operations
    return operations * (generation.k_quant_operations if family in ("k-quant", "i-quant", "mixed") else 1.0)


def laptop_factor(device: Device, constants: DecodeConstants) -> float:
    """What a laptop's graphics card loses beside its data sheet."""
    return constants.laptop if device.segment == "laptop" and device.backend in _CARDS else 1.0


def split_by_layers(step: Step, devices: Sequence[Device], constants: DecodeConstants) -> StepTime:
    """Cards one after another, each with layers in proportion to its memory (llama.cpp's default).

    Each further card adds the hand-over.
    """
    memory = sum(device.memory_bytes for device in devices)
    total = StepTime(links=(len(devices) - 1) * constants.split_us * 1e-6)
    for device, count in counted(devices).items():
        share = count * device.memory_bytes / memory if memory else count / len(devices)
        total = total + step_time(step.share(share), device, constants)
    return total
