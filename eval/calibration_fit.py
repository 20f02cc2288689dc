"""Robust least squares over the constants of the speed model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Constants = TypeVar("Constants")


@dataclass(frozen=True)
class Prior:
    """Where a constant is expected before the data speak, and how firmly (standard deviation of its logarithm)."""

    value: float
    deviation: float
    highest: float = float("inf")


def flatten(constants: Any, path: str = "") -> dict[str, float]:
    """Every number in nested constants by its dotted path.

    >>> from kb.calc.speed.decode import GenerationConstants
    >>> flatten({"turing": GenerationConstants(latency=2.0)})
    {'turing.operations': 1.0, 'turing.k_quant_operations': 1.0, 'turing.latency': 2.0}
    """
    if is_dataclass(constants):
        parts = {field.name: getattr(constants, field.name) for field in fields(constants)}
    elif isinstance(constants, Mapping):
        parts = dict(constants)
    else:
        return {path: float(constants)}
    numbers: dict[str, float] = {}
    for key, part in parts.items():
        numbers |= flatten(part, f"{path}.{key}" if path else str(key))
    return numbers


def rebuilt(constants: Constants, numbers: Mapping[str, float]) -> Constants:
    """The same constants with some numbers replaced, by dotted path."""

    def part(value: Any, path: str) -> Any:
        under = f"{path}." if path else ""
        if is_dataclass(value) and not isinstance(value, type):
            return replace(
                value, **{field.name: part(getattr(value, field.name), under + field.name) for field in fields(value)}
            )
        if isinstance(value, Mapping):
            return {key: part(inner, f"{under}{key}") for key, inner in value.items()}
        return numbers.get(path, value)

    replaced: Constants = part(constants, "")
    return replaced


def as_errors(seconds: Vector, speeds: Vector) -> Vector:
    """Logarithms of measured over estimated speed: half and double are equally far off."""
    errors: Vector = np.log(seconds * speeds)
    return errors


def fit(
    residuals: Callable[[Mapping[str, float]], Vector],
    priors: Mapping[str, Prior],
    weights: Vector,
    *,
    scale: float = 0.1,
    steps: int = 15,
) -> dict[str, float]:
    """Minimise the soft-L1 loss of ``residuals`` (logarithms of ratios) and of the distance to the priors.

    Levenberg-Marquardt with reweighting on the logarithms of the constants: residuals far above ``scale`` count by
    their size, not its square, so that a broken measurement does not bend the fit.
    """
    names = list(priors)
    centre = np.log([priors[name].value for name in names])
    firmness = np.array([priors[name].deviation for name in names]) ** -2.0
    highest = np.log([priors[name].highest for name in names])

    def at(logs: Vector) -> tuple[float, Vector]:
        values = dict(zip(names, np.exp(logs).tolist(), strict=True))
        scaled = residuals(values) / scale
        loss = float(np.sum(weights * 2 * (np.sqrt(1 + scaled**2) - 1)))
        return loss + float(np.sum(firmness * (logs - centre) ** 2)), scaled

    logs, damping = np.minimum(centre, highest), 1e-2
    loss, scaled = at(logs)
    for _ in range(steps):
        jacobian = _jacobian(lambda moved: at(moved)[1], logs, scaled)
        row_weights = weights / np.sqrt(1 + scaled**2)
        curvature = (jacobian * row_weights[:, None]).T @ jacobian + np.diag(firmness)
        gradient = jacobian.T @ (row_weights * scaled) + firmness * (logs - centre)
        gain = 0.0
        for _ in range(6):
            damped = curvature + damping * np.diag(np.diag(curvature))
            move = np.clip(-np.linalg.solve(damped, gradient), -0.7, 0.7)
            candidate = np.minimum(logs + move, highest)
            new_loss, new_scaled = at(candidate)
            if new_loss < loss:
                gain = loss - new_loss
                logs, loss, scaled, damping = candidate, new_loss, new_scaled, damping / 4
                break
            damping *= 4
        if gain < 1e-4 * loss:
            break
    return dict(zip(names, np.exp(logs).tolist(), strict=True))


def _jacobian(function: Callable[[Vector], Vector], logs: Vector, base: Vector) -> Vector:
    columns: Sequence[Vector] = [
        (function(logs + 1e-4 * unit) - base) / 1e-4 for unit in np.eye(len(logs), dtype=np.float64)
    ]
    return np.stack(columns, axis=1)
