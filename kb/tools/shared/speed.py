"""The speed of a model on the devices that hold it."""

from dataclasses import replace

from kb.calc.device import of_each
from kb.calc.results import Fit, Offload, Range, Speed
from kb.calc.speed.estimate import estimate_speed
from kb.catalogue.units import GB
from kb.errors import MissingArgument
from kb.tools.shared.fitting import FitArguments, Parts, system_memory_bytes

_NOTHING = Range(low=0.0, typical=0.0, high=0.0)


def decode_speed(parts: Parts, arguments: FitArguments) -> Range:
    """The decode speed of what the devices hold whole."""
    return speed_at(parts, None, arguments).decode_tokens_per_s


def speed_at(
    parts: Parts,
    offload: Offload | None,
    arguments: FitArguments,
    *,
    prompt_tokens: int | None = None,
    checked: int = 1,
    tensor_parallel: bool = False,
) -> Speed:
    """The speed with so much in system memory. Raises ``MissingArgument`` where the bandwidth is not known."""
    if not parts.devices.bandwidth_known:
        question = (
            "Which device is it exactly? How fast a model runs depends on how fast its memory is, not on its size."
        )
        raise MissingArgument(
            "device.memory_bandwidth_gb_per_s", "the memory bandwidth: a speed depends on it", question
        )
    system = arguments.system_bandwidth_gb_per_s
    record = parts.quantization.record
    at_once = (tensor_parallel or arguments.tensor_parallel) and parts.works_at_once(arguments)
    devices = of_each(parts.devices.devices, lambda device: device.with_weights(record.slug, record.family))
    if system and parts.devices.each.backend == "cpu":
        devices = of_each(devices, lambda device: replace(device, bandwidth_bytes_per_s=system * GB))
    return estimate_speed(
        parts.model.architecture,
        parts.weights,
        devices,
        quantization_family=record.family,
        context=arguments.context,
        kv_cache_type=arguments.kv_cache_type,
        flash_attention=arguments.flash_attention,
        concurrency=arguments.concurrency,
        offload=offload,
        prompt_tokens=prompt_tokens,
        checked=checked,
        ubatch=parts.load(arguments).ubatch,
        tensor_parallel=offload is None and at_once,
        network=parts.devices.network,
        system_memory_bytes=system_memory_bytes(arguments),
        system_memory_bytes_per_s=system * GB if system else None,
    )


def placed_speed(parts: Parts, fit: Fit, arguments: FitArguments, prompt_tokens: int | None = None) -> Speed:
    """The speed at the placement that ``check_fit`` found."""
    if fit.verdict == "does_not_fit":
        return Speed(
            decode_tokens_per_s=_NOTHING,
            ceiling_tokens_per_s=0.0,
            prefill_tokens_per_s=_NOTHING,
            time_to_first_token_s=0.0,
            bottleneck="memory: it does not fit",
            bytes_read_per_token_gb=round(parts.weights.active_bytes / GB, 3),
            formula=fit.formula,
            assumptions=fit.assumptions,
            warnings=("it does not fit, so there is no speed to estimate",),
        )
    speed = speed_at(parts, fit.offload, arguments, prompt_tokens=prompt_tokens)
    return speed.model_copy(
        update={"assumptions": (*parts.notes, *speed.assumptions), "warnings": (*fit.warnings, *speed.warnings)}
    )
