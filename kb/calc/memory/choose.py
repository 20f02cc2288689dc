"""Choices on top of the fit: which quantization for a device."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kb.calc.device import Device
from kb.calc.memory.architecture import Architecture
from kb.calc.memory.fit import fits, max_context
from kb.calc.memory.weights import Weights, weights_of
from kb.calc.workload import Workload
from kb.catalogue.records import Quantization


@dataclass(frozen=True)
class Choice:
    """A quantization of a model, and whether the devices hold it whole."""

    quantization: Quantization
    weights: Weights
    fits: bool
    max_context: int
    """The longest context per request that fits; 0 where not even the weights do."""


def quantization_choices(
    architecture: Architecture,
    candidates: Sequence[Quantization],
    devices: Sequence[Device],
    load: Workload,
    file_bytes: Mapping[str, int] | None = None,
) -> tuple[Choice, ...]:
    """Every candidate, the largest first. ``file_bytes``: sizes of published files, by quantization slug."""
    known = file_bytes or {}
    choices = []
    for candidate in candidates:
        weights = weights_of(architecture, candidate, known.get(candidate.slug))
        run = replace(load, quantization_format=candidate.format)
        holds = fits(architecture, weights, devices, run)
        longest = max_context(architecture, weights, devices, run)
        choices.append(Choice(candidate, weights, holds, longest))
    return tuple(sorted(choices, key=lambda choice: -choice.weights.total_bytes))


def best_quantization(
    architecture: Architecture,
    candidates: Sequence[Quantization],
    devices: Sequence[Device],
    load: Workload,
    file_bytes: Mapping[str, int] | None = None,
) -> Choice | None:
    """The largest candidate that the devices hold whole with this workload: more bits lose less quality."""
    choices = quantization_choices(architecture, candidates, devices, load, file_bytes)
    return next((choice for choice in choices if choice.fits), None)
