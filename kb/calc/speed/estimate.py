"""How fast a model runs: decode and prefill speed, each as a range, and the bound that memory bandwidth sets."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from kb.calc.device import Device, counted
from kb.calc.memory.architecture import Architecture
from kb.calc.memory.weights import Weights
from kb.calc.results import Limit, MemoryRead, Offload, Range, Speed
from kb.calc.speed.constants import constants
from kb.calc.speed.decode import SHARPNESS, Spread, Step, StepTime, operations_of, step_of, step_time
from kb.calc.speed.network import ALONE, HAND_OVER_S, Network
from kb.calc.speed.prefill import (
    MICRO_BATCH,
    Prompt,
    bytes_read_by,
    crossing_seconds,
    matrix_flops,
    prefill_over,
    prompt_of,
)
from kb.calc.speed.rates import is_server_cpu, unpacking_flops, vector_flops
from kb.calc.speed.sharing import (
    COPIED_AT,
    COPY_BYTES_PER_S,
    DEFAULT_LINK_BYTES_PER_S,
    Shares,
    ceiling_seconds,
    copied_bytes,
    device_time,
    shares_of,
)
from kb.catalogue.units import GB, GIB

DEFAULT_SYSTEM_MEMORY_BYTES_PER_S = 80e9
"""Two channels of DDR5-5000: an ordinary desktop."""
SERVER_MEMORY_BYTES_PER_S = 204.8e9
"""Eight channels of DDR4-3200: no desktop's board takes more than 256 GiB."""
MOST_OF_A_DESKTOP_BYTES = 256 * GIB
BATCH_LOSS = 2.0
"""How much more a token of a small batch costs than its operations: kernels for a few tokens at once are not as good as
those for one or for hundreds. A guess; no table of such runs stands behind it."""
SERVER_SPREAD = Spread(0.35, 1.5)
"""Of a server whose memory nobody named: it may have four channels of DDR4, or twelve of DDR5."""


def estimate_speed(
    architecture: Architecture,
    weights: Weights,
    devices: Sequence[Device],
    *,
    quantization_family: str,
    context: int = 8192,
    kv_cache_type: str = "f16",
    flash_attention: bool = True,
    concurrency: int = 1,
    offload: Offload | None = None,
    system_memory_bytes: int | None = None,
    system_memory_bytes_per_s: float | None = None,
    prompt_tokens: int | None = None,
    ubatch: int = MICRO_BATCH,
    checked: int = 1,
    tensor_parallel: bool = False,
    network: Network = ALONE,
) -> Speed:
    """Decode speed per user with ``context`` tokens in the cache, and prefill speed of ``prompt_tokens``.

    ``prompt_tokens`` is ``context`` unless given; a shorter one follows what is in the cache already. System memory is
    an ordinary desktop's unless given. ``checked`` tokens of each sequence are worked on in one step (a draft's guesses
    and one more); the decode speed is that of steps then. ``offload`` says what is kept in system memory, as
    ``Fit.offload`` does. Formulas: ``kb.calc.speed.decode`` and ``kb.calc.speed.prefill``. Source of the constants:
    published measurements of llama.cpp (``constants.yaml``); the estimate is for a current one.

    A 70B model of 42.5 GB on a 24 GB card that reads 1,008 GB/s could do no more than 23.7 tokens/s, if it fit:

    >>> from kb.calc.memory.families import Config, architecture_of
    >>> llama = architecture_of(Config("70B", 70_553_706_496, 70_553_706_496, 80, 8192, 64, 8, 128, 128256))
    >>> stored = Weights(43_075_000_000, 575_000_000, 900_000_000, (520_000_000,) * 80, (0,) * 80, 42_500_000_000, "")
    >>> card = Device("RTX 4090", "cuda", 24 * 2**30, 1008e9, fp16_dense_flops=165.2e12)
    >>> speed = estimate_speed(llama, stored, [card], quantization_family="k-quant", context=0)
    >>> speed.ceiling_tokens_per_s, speed.bottleneck
    (23.7, 'memory bandwidth of the RTX 4090')
    """
    decode, prefill = constants().decode, constants().prefill
    tensor_parallel = tensor_parallel and len(devices) > 1
    step = step_of(
        architecture,
        weights,
        quantization_family,
        context,
        kv_cache_type=kv_cache_type,
        flash_attention=flash_attention,
    )
    is_server = (system_memory_bytes or 0) > MOST_OF_A_DESKTOP_BYTES
    usual = SERVER_MEMORY_BYTES_PER_S if is_server else DEFAULT_SYSTEM_MEMORY_BYTES_PER_S
    system = Device(
        "system memory", "cpu", 0, system_memory_bytes_per_s or usual,
        bandwidth_assumed=system_memory_bytes_per_s is None,
    )  # fmt: skip
    length = max(1, context if prompt_tokens is None else prompt_tokens)
    prompt = prompt_of(
        architecture,
        weights,
        quantization_family,
        length,
        depth=max(0, context - length),
        ubatch=ubatch,
        flash_attention=flash_attention,
    )
    batch = batched(step, architecture, weights, concurrency, checked, partial(batch_work, prompt, devices[0]))
    shares = shares_of(batch, architecture, weights, offload)
    memories = (*devices, *((system,) if shares.system else ()))
    on_devices = device_time(
        shares.devices, architecture, devices, decode, sequences=concurrency, tensor_parallel=tensor_parallel,
        network=network,
    )  # fmt: skip
    in_system = step_time(shares.system, system, decode) if shares.system else StepTime()
    least = ceiling_seconds(shares, devices, system, tensor_parallel=tensor_parallel)
    per_user = 1 / (on_devices.total + in_system.total)
    spread = _spread(decode.spreads, devices, architecture, offloaded=shares.system is not None)
    if shares.system and is_server and system.bandwidth_assumed:
        spread = SERVER_SPREAD
    per_user_range = range_around(per_user, spread, 1 / least)
    hosts = 1 if tensor_parallel else network.hosts
    prompt_seconds = prefill_over(prompt, devices, prefill, decode, hosts)
    prompt_seconds += crossing_seconds(prompt, network, tensor_parallel=tensor_parallel)
    if offload is not None and shares.system is not None:
        copied = copied_bytes(architecture, weights, offload, min(prompt.tokens, ubatch))
        prompt_seconds += prompt.micro_batches * copied / copy_rate(devices[0])
    limit = _limit(on_devices, in_system)
    prompt_spread = _spread(prefill.spreads, devices, architecture, offloaded=shares.system is not None)
    return Speed(
        decode_tokens_per_s=per_user_range,
        ceiling_tokens_per_s=_rounded(1 / least),
        ceiling_conditions=tuple(_conditions(memories, by_layers=len(devices) > 1 and not tensor_parallel)),
        prefill_tokens_per_s=range_around(prompt.tokens / prompt_seconds, prompt_spread, float("inf")),
        time_to_first_token_s=_rounded(prompt_seconds + on_devices.total + in_system.total),
        bottleneck=_worded(limit, devices),
        limited_by=limit,
        reads=() if tensor_parallel else tuple(_reads(shares, devices, system)),
        aggregate_tokens_per_s=_times(per_user_range, concurrency) if concurrency > 1 else None,
        bytes_read_per_token_gb=_rounded((batch.weight_bytes + batch.cache_bytes) / GB),
        formula=_formula(shares, on_devices, in_system, devices, least),
        assumptions=(
            *_assumptions(devices, context, prompt, shares, system, weights, tensor_parallel=tensor_parallel),
            *_of_network(network, tensor_parallel=tensor_parallel),
        ),
    )


def _of_network(network: Network, *, tensor_parallel: bool) -> Iterator[str]:
    if network.hosts < 2:
        return
    rate = f"{network.bytes_per_s / GB:g} GB/s"
    if tensor_parallel:
        how = "with RDMA" if network.rdma else "without RDMA"
        yield f"over {network.hosts} computers, joined at {rate} {how}: two sums in each layer wait for it"
    else:
        wait = f"about {HAND_OVER_S * 1e3:g} ms a token (by a few measured runs)"
        yield f"over {network.hosts} computers, joined at {rate}: each further one costs {wait}"


def _conditions(memories: Sequence[Device], *, by_layers: bool) -> Iterator[str]:
    if by_layers:
        yield "the cards hold layers and are read one after another (a tensor split reads them at once)"
    for memory in dict.fromkeys(memories):
        if memory.bandwidth_assumed:
            yield f"{memory.name} reads {memory.bandwidth_bytes_per_s / GB:,.4g} GB/s, which is assumed"


def batched(
    step: Step,
    architecture: Architecture,
    weights: Weights,
    sequences: int,
    checked: int,
    work: Callable[[int], float],
) -> Step:
    """One step for several sequences, and ``checked`` tokens of each: weights are read once, the cache per sequence.

    ``work`` says how much longer a number of tokens computes than one.
    """
    tokens = sequences * checked
    if tokens == 1:
        return step
    return replace(
        step,
        weight_bytes=bytes_read_by(architecture, weights, tokens),
        weights_read=step.weights_read * work(tokens),
        cache_bytes=step.cache_bytes * sequences,
    )


def batch_work(prompt: Prompt, device: Device, tokens: int) -> float:
    """How much longer ``tokens`` compute than one: weights are unpacked once for all, and each token multiplies with
    them, on the vector units or, from a few on, on the matrix units."""
    decode, prefill = constants().decode, constants().prefill
    operations = operations_of(prompt.family, device, decode)
    on_matrix_units = unpacking_flops(device, prompt.family) / matrix_flops(prompt, device, prefill)
    return min(1 + BATCH_LOSS * (tokens - 1) / operations, 1 + BATCH_LOSS * tokens * on_matrix_units / operations)


def range_around(typical: float, spread: Spread, ceiling: float) -> Range:
    """``typical`` with its measured spread, capped at the ceiling.

    >>> range_around(100.0, Spread(0.8, 1.25), 110.0)
    Range(low=80.0, typical=100.0, high=110.0)
    """
    typical = min(typical, ceiling)
    return Range(
        low=_rounded(typical * min(1.0, spread.low)),
        typical=_rounded(typical),
        high=_rounded(min(ceiling, typical * max(1.0, spread.high))),
    )


def spread_key(device: Device, *, is_moe: bool) -> str:
    """Which group of measurements an estimate's range is taken from."""
    if device.backend == "cpu":
        return "server cpu" if is_server_cpu(device) else "cpu"
    return "experts" if is_moe else device.backend


def _spread(
    spreads: Mapping[str, Spread], devices: Sequence[Device], architecture: Architecture, *, offloaded: bool
) -> Spread:
    key = "offloaded" if offloaded else spread_key(devices[0], is_moe=architecture.experts is not None)
    return spreads.get(key, spreads[""])


def copy_rate(device: Device) -> float:
    """At which weights in system memory are copied to the device, once per micro-batch (llama.cpp's op offload)."""
    return min(COPY_BYTES_PER_S, COPIED_AT * (device.pcie_bytes_per_s or DEFAULT_LINK_BYTES_PER_S))


def _limit(on_devices: StepTime, in_system: StepTime) -> Limit:
    reading, unpacking = on_devices.weights + on_devices.compute, 0.0
    if on_devices.compute > (2 ** (1 / SHARPNESS) - 1) * on_devices.weights:  # unpacking takes longer than reading
        reading, unpacking = unpacking, reading
    parts: dict[Limit, float] = {
        "memory_bandwidth": reading + on_devices.cache,
        "compute": unpacking,
        "fixed_costs": on_devices.fixed,
        "link": on_devices.links,
        "system_memory": in_system.total,
    }
    return max(parts, key=lambda part: parts[part])


def _worded(limit: Limit, devices: Sequence[Device]) -> str:
    return {
        "memory_bandwidth": f"memory bandwidth of {_names(devices)}",
        "compute": f"compute: unpacking the weights on {_names(devices)}",
        "fixed_costs": "fixed cost per token: launching the layers' kernels",
        "link": "interconnect between the cards",
        "system_memory": "system memory (offloaded layers)",
    }[limit]


def _reads(shares: Shares, devices: Sequence[Device], system: Device) -> Iterator[MemoryRead]:
    """As :func:`~kb.calc.speed.sharing.ceiling_seconds` adds them up."""
    held = shares.devices.weight_bytes + shares.devices.cache_bytes
    memory = sum(device.memory_bytes for device in devices)
    for device, count in counted(devices).items():
        share = count * device.memory_bytes / memory if memory else count / len(devices)
        name = f"{count}× {device.name}" if count > 1 else device.name
        yield _read(name, held * share, device)
    if shares.system is not None:
        in_system = shares.system.weight_bytes + shares.system.cache_bytes
        yield _read(system.name, in_system, system).model_copy(update={"is_system": True})


def _read(name: str, bytes_read: float, device: Device) -> MemoryRead:
    rate = _rounded(device.bandwidth_bytes_per_s / GB)
    return MemoryRead(memory=name, gb_per_token=_rounded(bytes_read / GB), gb_per_s=rate)


def _names(devices: Sequence[Device]) -> str:
    counts = Counter(device.name for device in devices)
    if len(devices) == 1:
        return f"the {devices[0].name}"
    return " and ".join(f"{count} x {name}" if count > 1 else f"the {name}" for name, count in counts.items())


def _formula(
    shares: Shares,
    on_devices: StepTime,
    in_system: StepTime,
    devices: Sequence[Device],
    least: float,
) -> str:
    step = shares.devices
    read = f"{step.weight_bytes / GB:.2f} GB of weights + {step.cache_bytes / GB:.2f} GB of cache"
    total_gb = (step.weight_bytes + step.cache_bytes) / GB
    bandwidth = devices[0].bandwidth_bytes_per_s / GB
    parts = [f"reads {read} per token"]
    if len({device.bandwidth_bytes_per_s for device in devices}) == 1 and shares.system is None:
        speed = 1 / least
        at_once = len(devices) if abs(speed * total_gb / bandwidth - 1) > 1e-6 else 1
        factor = f"{at_once} x " if at_once > 1 else ""
        split = " of a split by layers" if len(devices) > at_once else ""
        parts.append(f"{factor}{bandwidth:,.0f} GB/s / {total_gb:.2f} GB = {speed:,.1f} tokens/s ceiling{split}")
    else:
        parts.append(f"{1 / least:,.1f} tokens/s ceiling over all memories")
    terms = [
        f"weights {on_devices.weights * 1e3:.2f} ms",
        f"unpacking {on_devices.compute * 1e3:.2f} ms",
        f"cache {on_devices.cache * 1e3:.2f} ms",
        f"fixed {on_devices.fixed * 1e3:.2f} ms",
    ]
    if on_devices.links:
        terms.append(f"links {on_devices.links * 1e3:.2f} ms")
    if shares.system is not None:
        terms.append(f"system memory {in_system.total * 1e3:.2f} ms ({shares.system.weight_bytes / GB:.2f} GB)")
    total = on_devices.total + in_system.total
    parts.append(f"{' + '.join(terms)} = {total * 1e3:.2f} ms per token = {1 / total:,.1f} tokens/s")
    return "; ".join(parts)


def _assumptions(
    devices: Sequence[Device],
    context: int,
    prompt: Prompt,
    shares: Shares,
    system: Device,
    weights: Weights,
    *,
    tensor_parallel: bool,
) -> tuple[str, ...]:
    notes = [
        "a current llama.cpp; builds from before 2025, and llamafile, are slower",
        f"the decode speed is the one reached with {context:,} tokens in the cache; it is higher before that",
        f"the time to first token is for a prompt of {prompt.tokens:,} tokens",
        _rate_of(devices[0]),
        f"weights: {weights.how}" if weights.how else "",
    ]
    if len(devices) > 1:
        notes.append(
            "tensor parallel: all cards at once, through PCIe"
            if tensor_parallel
            else "the cards hold layers in proportion to their memory and work one after another"
        )
    if shares.system is not None:
        server = (
            "; so much is a server's, of eight channels"
            if system.bandwidth_bytes_per_s == SERVER_MEMORY_BYTES_PER_S
            else ""
        )
        known = f"; nobody named it{server}" if system.bandwidth_assumed else ""
        notes.append(f"system memory reads {system.bandwidth_bytes_per_s / GB:,.0f} GB/s at its peak{known}")
        copied = copy_rate(devices[0]) / GB
        notes.append(f"for each micro-batch of a prompt, weights in system memory are copied at {copied:.3g} GB/s")
    if devices[0].segment == "laptop":
        notes.append("a laptop part: its power limit varies, and the speed with it")
    if devices[0].backend == "sycl":
        notes.append("SYCL goes by constants fitted on Vulkan; too few speeds of Intel cards are published")
    if is_server_cpu(devices[0]):
        notes.append("a CPU with many memory channels: threads and NUMA placement decide by factors")
    return tuple(note for note in notes if note)


def _rate_of(device: Device) -> str:
    if kernel := device.kernel:
        return (
            f"measured on {device.name} with weights like these ({kernel.type_name}): llama.cpp writes at "
            f"{kernel.writing_gb_per_s:.3g} GB/s and reads prompts with {kernel.reading_gflops:.3g} GFLOPS"
        )
    rate, how = vector_flops(device)
    return f"vector rate of {device.name}: {rate / 1e12:.1f} TFLOPS ({how})"


def _times(span: Range, count: int) -> Range:
    return Range(
        low=_rounded(span.low * count),
        typical=_rounded(span.typical * count),
        high=_rounded(span.high * count),
    )


def _rounded(value: float) -> float:
    """Three significant digits and a spare one: finer than any estimate is.

    >>> _rounded(23.7176), _rounded(0.0123456), _rounded(1234.56)
    (23.7, 0.0123, 1235.0)
    """
    if value >= 1000:
        return float(round(value))
    return float(f"{value:.3g}")
