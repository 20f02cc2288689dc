"""Fit the speed model's constants on published measurements, and show how far its estimates are off.

``python -m eval.calibrate FOLDER`` prints the errors by group, against bare bandwidth over bytes on the same
rows; ``--write`` also writes ``kb/calc/speed/constants.yaml``; ``--cross-validate`` leaves out each device, then each
model, a tenth of them at a time.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TypeVar

import numpy as np

from eval.calibration_data import Measurement, read_measurements
from eval.calibration_fit import Prior, Vector, as_errors, fit, flatten, rebuilt
from eval.calibration_priors import DECODE, PREFILL, decode_priors, prefill_priors
from eval.calibration_report import error_table, printed, written
from kb.calc.speed.constants import FILE, Calibration, Constants, GroupError
from kb.calc.speed.decode import DecodeConstants, GenerationConstants, Spread, split_by_layers
from kb.calc.speed.estimate import spread_key
from kb.calc.speed.prefill import PrefillConstants, prefill_over
from kb.calc.speed.rates import generation_of

PRACTICE = 1.02
"""``DecodeConstants.practice``. Of devices left out of the fit, with 1.00 84 % of GPU rows are within 25 %, with 1.02
85 %, with 1.04 86 %; rows of current builds fall from 8 to 10 % median error meanwhile."""
LOW_QUANTILE, HIGH_QUANTILE = 0.08, 0.94
"""On the rows of the fit; of left-out devices' and models' measurements about 84 % lie between."""
_FEWEST_ROWS_FOR_A_SPREAD = 12
_NARROWEST = 0.12
"""Groups of few devices look surer than they are."""
_ASSUMED_SPREADS = {"offloaded": Spread(0.6, 1.3), "cpu": Spread(0.7, 1.25), "server cpu": Spread(0.3, 1.25)}
"""The tables hold no run that is partly in system memory, two small CPUs, and one server whose threads and memory
were placed badly (6 % of its bandwidth), which says what can happen, not what to expect."""
_ASSUMED_PROMPT_SPREADS = {"offloaded": Spread(0.4, 1.5), "cpu": Spread(0.5, 2.0), "server cpu": Spread(0.25, 2.0)}
_ORDINARY_SOURCES = ("May 2024 cuda", "May 2024 cuda float", "May 2024 metal", "llamafile cuda", "llamafile metal")
_SYCL_MICROSCALING = 40.0
_SYCL_PROMPT_GAIN = {"legacy": 1.3, "k-quant": 1.3, "i-quant": 1.3, "float": 1.3, "microscaling": 0.35}
"""SYCL goes by Vulkan, as the tables hold no run of it, but for what five published runs of one card (Arc Pro B70) show
alike: MXFP4 is unpacked slowly, and other prompts are read a third faster."""
_I_QUANT_OVER_K_QUANT = 1.25
"""Table look-ups instead of shifts; the tables hold too few i-quant rows to fit it."""


@dataclass(frozen=True)
class Fitted:
    decode: DecodeConstants
    prefill: PrefillConstants
    source_factors: Mapping[str, float]


def source_of(measurement: Measurement) -> str:
    """The group of builds whose age or kind sets a measurement apart, or nothing for a current llama.cpp."""
    generation, backend = generation_of(measurement.device), measurement.device.backend
    match measurement.group, backend:
        case "localscore", "cpu":
            return "llamafile server cpu"
        case "localscore", "rocm":
            return f"llamafile {generation}"
        case "localscore", "cuda" if generation == "blackwell":
            return "llamafile blackwell"
        case "localscore", _:
            return f"llamafile {backend}"
        case "xiongjiedai", "cuda" if measurement.family == "float":
            chip = "datacenter" if measurement.device.segment == "datacenter" else "cuda"
            return f"May 2024 {chip} float"
        case "xiongjiedai", _:
            return f"May 2024 {backend}"
    return ""


def decode_speed(measurement: Measurement, constants: DecodeConstants) -> float:
    """Tokens per second as ``estimate_speed`` gives them, at the measurement's depth."""
    step = measurement.step(flash_attention=measurement.flash_attention is not False)
    return 1 / split_by_layers(step, [measurement.device] * measurement.device_count, constants).total


def decode_speed_of_source(measurement: Measurement, constants: DecodeConstants, factors: Mapping[str, float]) -> float:
    """The same for the source's own build (of llamafile 0.9, without FlashAttention)."""
    return decode_speed(measurement, constants) / factors.get(source_of(measurement), 1.0)


def prefill_speed(measurement: Measurement, constants: PrefillConstants, decode: DecodeConstants) -> float:
    prompt = measurement.prompt(flash_attention=measurement.flash_attention is not False)
    devices = [measurement.device] * measurement.device_count
    return prompt.tokens / prefill_over(prompt, devices, constants, decode)


def bare_speed(measurement: Measurement) -> float:
    """Memory bandwidth over the bytes read per token: the ceiling."""
    step = measurement.step(flash_attention=True)
    return measurement.device.bandwidth_bytes_per_s / (step.weight_bytes + step.cache_bytes)


def fit_decode(rows: Sequence[Measurement]) -> tuple[DecodeConstants, dict[str, float]]:
    """The decode constants, and each source's factor, which estimates do not use."""
    priors = decode_priors()
    sources = sorted({source for row in rows if (source := source_of(row))})
    priors |= {f"source.{source}": Prior(1.0, _source_deviation(source)) for source in sources}
    steps = [
        (row.step(flash_attention=row.flash_attention is not False), [row.device] * row.device_count) for row in rows
    ]
    speeds = np.array([row.tokens_per_s for row in rows])

    def residuals(values: Mapping[str, float]) -> Vector:
        constants = decode_constants(values)
        factors = np.array([values.get(f"source.{source_of(row)}", 1.0) for row in rows])
        seconds = np.array([split_by_layers(step, devices, constants).total for step, devices in steps])
        return as_errors(seconds * factors, speeds)

    values = fit(residuals, priors, _weights(rows))
    factors = {name.removeprefix("source."): value for name, value in values.items() if name.startswith("source.")}
    return decode_constants(values), factors


def _source_deviation(source: str) -> float:
    """How far a source's builds may be from a current one: little, but where a back end was new to them."""
    return 0.03 if source in _ORDINARY_SOURCES else 0.5


def decode_constants(values: Mapping[str, float]) -> DecodeConstants:
    """The priors with the fitted values, and what no row speaks for derived from its nearest relative."""
    constants = rebuilt(DECODE, values)
    backends = {
        name: replace(
            backend,
            operations={
                **backend.operations, "i-quant": _I_QUANT_OVER_K_QUANT * backend.operations["k-quant"],
            },
        )
        for name, backend in constants.backends.items()
    }  # fmt: skip
    operations = {**backends["vulkan"].operations, "microscaling": _SYCL_MICROSCALING}
    backends["sycl"] = replace(backends["vulkan"], operations=operations)
    before, after = constants.generations["m3"], constants.generations["m5"]
    between = GenerationConstants(operations=(before.operations * after.operations) ** 0.5)
    return replace(constants, backends=backends, generations={**constants.generations, "m4": between})


def fit_prefill(rows: Sequence[Measurement], decode: DecodeConstants) -> PrefillConstants:
    """The prefill constants. Of sources, only those whose back end was new to them are told apart."""
    names = [source if (source := source_of(row)) not in _ORDINARY_SOURCES else "" for row in rows]
    priors = prefill_priors() | {f"source.{name}": Prior(1.0, 0.5) for name in sorted(set(names) - {""})}
    prompts = [
        (row.prompt(flash_attention=row.flash_attention is not False), [row.device] * row.device_count) for row in rows
    ]
    speeds = np.array([row.tokens_per_s for row in rows])

    def residuals(values: Mapping[str, float]) -> Vector:
        constants = prefill_constants(values)
        factors = np.array([values.get(f"source.{name}", 1.0) for name in names])
        seconds = [prefill_over(prompt, devices, constants, decode) / prompt.tokens for prompt, devices in prompts]
        return as_errors(np.array(seconds) * factors, speeds)

    return prefill_constants(fit(residuals, priors, _weights(rows), scale=0.15))


def prefill_constants(values: Mapping[str, float]) -> PrefillConstants:
    constants = rebuilt(PREFILL, values)
    backends = {
        name: replace(backend, gain={**backend.gain, "i-quant": backend.gain["k-quant"]})
        for name, backend in constants.backends.items()
    }
    generations = {**constants.generations, "m4": (constants.generations["m3"] * constants.generations["m5"]) ** 0.5}
    vulkan = backends["vulkan"]
    gain = {family: value * _SYCL_PROMPT_GAIN[family] for family, value in vulkan.gain.items()}
    return replace(constants, backends={**backends, "sycl": replace(vulkan, gain=gain)}, generations=generations)


def _weights(rows: Sequence[Measurement]) -> Vector:
    """Runs that differ in depth alone count by the root of their number, or one sweep would outvote ten devices."""
    keys = [(row.device, row.device_count, row.model, row.family, row.group) for row in rows]
    counts = Counter(keys)
    return np.array([counts[key] ** -0.5 for key in keys])


def spreads_of(rows: Sequence[Measurement], predicted: Sequence[float]) -> dict[str, Spread]:
    """Quantiles of measured over predicted speed, by group where it is large enough."""
    ratios = np.array([row.tokens_per_s / speed for row, speed in zip(rows, predicted, strict=True)])
    weights = _weights(rows)
    members: dict[str, list[int]] = {"": list(range(len(rows)))}
    for index, row in enumerate(rows):
        members.setdefault(spread_key(row.device, is_moe=row.architecture.experts is not None), []).append(index)
    return {
        key: Spread(
            low=min(1 - _NARROWEST, quantile(ratios[at], weights[at], LOW_QUANTILE)),
            high=max(1 + _NARROWEST, quantile(ratios[at], weights[at], HIGH_QUANTILE)),
        )
        for key, at in members.items()
        if not key or len(at) >= _FEWEST_ROWS_FOR_A_SPREAD
    }


def quantile(values: Vector, weights: Vector, share: float) -> float:
    """The value below which ``share`` of the weight lies.

    >>> quantile(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0]), 0.5)
    2.0
    """
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) / np.sum(weights)
    return float(values[order][min(len(values) - 1, int(np.searchsorted(reached, share)))])


def fit_all(decode_rows: Sequence[Measurement], prefill_rows: Sequence[Measurement]) -> Fitted:
    decode, factors = fit_decode(decode_rows)
    decode = rounded(replace(decode, practice=PRACTICE))
    prefill = rounded(fit_prefill(prefill_rows, decode))
    decode_speeds = [decode_speed(row, decode) for row in decode_rows]
    prefill_speeds = [prefill_speed(row, prefill, decode) for row in prefill_rows]
    return Fitted(
        rounded(replace(decode, spreads={**spreads_of(decode_rows, decode_speeds), **_ASSUMED_SPREADS})),
        rounded(replace(prefill, spreads={**spreads_of(prefill_rows, prefill_speeds), **_ASSUMED_PROMPT_SPREADS})),
        factors,
    )


Part = TypeVar("Part", DecodeConstants, PrefillConstants)


def rounded(constants: Part) -> Part:
    """To three digits, as they are written down: more is not known."""
    return rebuilt(constants, {name: float(f"{value:.3g}") for name, value in flatten(constants).items()})


def left_out(
    rows: Sequence[Measurement], key: Callable[[Measurement], object], folds: int = 10
) -> tuple[list[Measurement], list[float]]:
    """Each row with its speed as predicted by a fit that has not seen its device (or model): a tenth at a time."""
    seen: list[Measurement] = []
    speeds: list[float] = []
    groups = list(dict.fromkeys(key(row) for row in rows))
    for fold in range(min(folds, len(groups))):
        left = set(groups[fold::folds])
        constants, _ = fit_decode([row for row in rows if key(row) not in left])
        constants = replace(constants, practice=PRACTICE)
        held = [row for row in rows if key(row) in left]
        seen += held
        speeds += [decode_speed(row, constants) for row in held]
    return seen, speeds


def fits_in_memory(row: Measurement) -> bool:
    """Rows that name one card and a larger model ran partly on the CPU, whatever they say."""
    memory = row.device.memory_bytes * row.device_count
    return row.device.unified_memory or row.device.backend == "cpu" or row.weights.device_bytes < memory


def calibration_of(
    fitted: Fitted, decode_rows: Sequence[Measurement], prefill_rows: Sequence[Measurement]
) -> Calibration:
    """The record that goes into the repository with the constants."""
    decode_speeds = [decode_speed(row, fitted.decode) for row in decode_rows]
    prefill_speeds = [prefill_speed(row, fitted.prefill, fitted.decode) for row in prefill_rows]
    bare = [bare_speed(row) for row in decode_rows]
    return Calibration(
        fitted_on=date.today().isoformat(),
        decode_rows=len(decode_rows),
        prefill_rows=len(prefill_rows),
        source_factors=tuple((name, round(value, 2)) for name, value in fitted.source_factors.items()),
        decode_errors=error_table(decode_rows, decode_speeds, bare, fitted.decode.spreads),
        prefill_errors=error_table(prefill_rows, prefill_speeds, None, fitted.prefill.spreads),
    )


def corrected_errors(fitted: Fitted, rows: Sequence[Measurement]) -> tuple[GroupError, ...]:
    """Errors once each source's builds are allowed for: what the model itself is off by."""
    speeds = [decode_speed_of_source(row, fitted.decode, fitted.source_factors) for row in rows]
    return error_table(rows, speeds, [bare_speed(row) for row in rows], fitted.decode.spreads)


def print_cross_validation(fitted: Fitted, rows: Sequence[Measurement]) -> None:
    keys: tuple[tuple[str, Callable[[Measurement], object]], ...] = (
        ("device", lambda row: row.device.name),
        ("model", lambda row: row.architecture.params_total),
    )
    for what, key in keys:
        seen, speeds = left_out(rows, key)
        table = error_table(seen, speeds, [bare_speed(row) for row in seen], fitted.decode.spreads)
        print(printed(f"Decode, each {what} left out of the fit that predicts it", table))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="calibrate", description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder with the calibration tables")
    parser.add_argument("--write", type=Path, nargs="?", const=FILE, help="write the constants")
    parser.add_argument("--cross-validate", action="store_true", help="leave out each device, then each model")
    options = parser.parse_args(arguments)
    try:
        decode_rows = [row for row in read_measurements(options.folder, "decode") if fits_in_memory(row)]
        prefill_rows = [row for row in read_measurements(options.folder, "prefill") if fits_in_memory(row)]
    except (OSError, ValueError, KeyError) as error:
        print(f"calibrate: {options.folder}: {error}", file=sys.stderr)
        return 2
    fitted = fit_all(decode_rows, prefill_rows)
    calibration = calibration_of(fitted, decode_rows, prefill_rows)
    print(printed("Decode, as estimated (for a current llama.cpp)", calibration.decode_errors))
    print(printed("Decode, corrected for each source's builds", corrected_errors(fitted, decode_rows)))
    factors = ", ".join(f"{name} {value:g}" for name, value in calibration.source_factors)
    print(f"Time per token against a current llama.cpp: {factors}\n")
    print(printed("Prefill, as estimated", calibration.prefill_errors))
    if options.cross_validate:
        print_cross_validation(fitted, decode_rows)
    if options.write:
        options.write.write_text(written(Constants(fitted.decode, fitted.prefill, calibration)), encoding="utf-8")
        print(f"wrote {options.write}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
