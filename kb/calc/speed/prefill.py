"""The time of reading a prompt, before the first token comes out.

A prompt is worked off in micro-batches, usually of 512 tokens. Each multiplies every weight in use with every token, so
the matrix units bind, not the memory::

    seconds = 2 x weights x tokens / (vector rate x matrix gain x size factor)
            + 4 x heads x head dim x mean depth x tokens x layers / (vector rate x attention gain)
            + per micro-batch: launch cost per layer, and the weights' bytes / bandwidth where that is more

The rate is the vector rate times a gain, because in llama.cpp's kernels the matrix units of all cards of a
generation gain about the same over the vector units, whatever the data sheet's tensor figure says (a
workstation card of twice the tensor rate reads prompts no faster). Constants: ``constants.yaml``.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kb.calc.device import Device, counted
from kb.calc.memory.architecture import Architecture, Attending
from kb.calc.memory.weights import Weights
from kb.calc.speed.decode import DecodeConstants, Spread, laptop_factor, weights_read
from kb.calc.speed.network import SUMS_PER_LAYER, Network
from kb.calc.speed.rates import generation_of, vector_flops

MICRO_BATCH = 512
"""llama.cpp's default ``--ubatch-size``."""


@dataclass(frozen=True)
class PrefillBackend:
    """How well a backend's matrix kernels use a device."""

    gain: Mapping[str, float]
    """Operations per vector operation of the data sheet, by quantization family."""
    attention_gain: float
    """The same for attention, with FlashAttention."""
    layer_us: float
    """Per layer and micro-batch."""


@dataclass(frozen=True)
class PrefillConstants:
    backends: Mapping[str, PrefillBackend]
    generations: Mapping[str, float]
    """Factor on the gain of a generation (``ampere datacenter`` apart) against its backend's usual one."""
    pipeline: float
    """Share of the ideal speed-up by which several cards work on successive micro-batches at once."""
    half_width: float
    """The hidden size at which matrices are large enough for half of the gain."""
    experts: float
    """Factor on the gain for mixture-of-experts layers: each expert sees only a few of the tokens."""
    no_flash_attention: float
    """Factor on attention's time without FlashAttention."""
    spreads: Mapping[str, Spread]


@dataclass(frozen=True)
class Prompt:
    """What reading a prompt multiplies."""

    tokens: int
    weights_per_token: float
    """Weights that each token multiplies with, output head aside."""
    micro_batches: int
    batch_bytes: float
    """Weight bytes that a full micro-batch reads."""
    attention_operations: float
    hidden_size: int
    layers: int
    is_moe: bool
    family: str
    flash_attention: bool


def prompt_of(
    architecture: Architecture,
    weights: Weights,
    family: str,
    tokens: int,
    *,
    depth: int = 0,
    ubatch: int = MICRO_BATCH,
    flash_attention: bool = True,
) -> Prompt:
    """What a prompt of ``tokens`` costs after ``depth`` tokens that are already in the cache."""
    head = architecture.vocab_size * architecture.hidden_size
    heads = architecture.num_attention_heads * max(architecture.head_dims)
    mean_depth = depth + tokens / 2
    reach = sum(
        count * min(mean_depth, mixer.window or mean_depth)
        for mixer, count in architecture.mixers.items()
        if isinstance(mixer, Attending)
    )
    return Prompt(
        tokens=tokens,
        weights_per_token=max(1.0, weights_read(architecture, weights) - head),
        micro_batches=-(-tokens // ubatch),
        batch_bytes=bytes_read_by(architecture, weights, min(tokens, ubatch)),
        attention_operations=4 * heads * reach * tokens,
        hidden_size=architecture.hidden_size,
        layers=architecture.num_hidden_layers,
        is_moe=architecture.experts is not None,
        family=family,
        flash_attention=flash_attention,
    )


def bytes_read_by(architecture: Architecture, weights: Weights, tokens: float) -> float:
    """Weight bytes that a batch reads: of the experts, those that at least one token is sent to.

    With ``k`` of ``E`` experts per token, ``n`` tokens miss an expert with probability ``(1 - k/E) ** n``.
    """
    experts = sum(weights.expert_bytes)
    if architecture.experts is None or not experts:
        return weights.active_bytes
    used = architecture.expert_share
    reached = 1 - math.pow(1 - used, tokens)
    return weights.active_bytes + experts * (reached - used)


def matrix_flops(prompt: Prompt, device: Device, constants: PrefillConstants) -> float:
    """Operations per second of the device's matrix kernels on this model."""
    experts = constants.experts if prompt.is_moe else 1.0
    if kernel := device.kernel:
        return kernel.reading_gflops * 1e9 * experts * prompt.hidden_size / (prompt.hidden_size + kernel.half_width)
    backend = constants.backends[device.backend]
    gain = backend.gain.get(prompt.family, backend.gain["k-quant"])
    gain *= constants.generations.get(kind_of(device), 1.0)
    gain *= experts
    size_factor = prompt.hidden_size / (prompt.hidden_size + constants.half_width)
    return vector_flops(device)[0] * gain * size_factor


def prefill_seconds(prompt: Prompt, device: Device, constants: PrefillConstants, decode: DecodeConstants) -> float:
    """Seconds to read the prompt on one device that holds the whole model."""
    backend = constants.backends[device.backend]
    batches = prompt.micro_batches
    multiply = 2 * prompt.weights_per_token * prompt.tokens / matrix_flops(prompt, device, constants)
    read = batches * prompt.batch_bytes / device.bandwidth_bytes_per_s
    gain = backend.attention_gain * constants.generations.get(kind_of(device), 1.0)
    attend = prompt.attention_operations / (vector_flops(device)[0] * gain)
    attend *= 1.0 if prompt.flash_attention else constants.no_flash_attention
    launch = batches * prompt.layers * backend.layer_us * 1e-6
    return laptop_factor(device, decode) * (max(multiply, read) + attend + launch)


def prefill_over(
    prompt: Prompt, devices: Sequence[Device], constants: PrefillConstants, decode: DecodeConstants, hosts: int = 1
) -> float:
    """The same over a layer split: a card starts on the next micro-batch while the following card has this one.

    With ``b`` micro-batches and ``n`` cards that saves at best ``b n / (b + n - 1)``-fold. Other computers are waited
    for.
    """
    memory = sum(device.memory_bytes for device in devices)
    one_by_one = sum(
        prefill_seconds(prompt, device, constants, decode) * count * device.memory_bytes / memory
        for device, count in counted(devices).items()
    )
    batches, cards = prompt.micro_batches, max(1, len(devices) // hosts)
    ideal = batches * cards / (batches + cards - 1)
    return one_by_one / (1 + (ideal - 1) * constants.pipeline)


def crossing_seconds(prompt: Prompt, network: Network, *, tensor_parallel: bool) -> float:
    """What a prompt waits for the network between the computers that the devices stand in."""
    each = prompt.tokens / prompt.micro_batches
    if not tensor_parallel:
        return prompt.micro_batches * network.hand_over_seconds(each, prompt.hidden_size)
    sums = prompt.micro_batches * prompt.layers * SUMS_PER_LAYER
    return sums * network.sum_seconds(each * prompt.hidden_size * 2)


def kind_of(device: Device) -> str:
    """The generation, with ``datacenter`` where the chip is another than the consumers'."""
    generation = generation_of(device)
    return f"{generation} datacenter" if device.segment == "datacenter" else generation
