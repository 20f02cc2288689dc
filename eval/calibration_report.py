"""Errors by group, as a table for people and as a file for the calculators."""

from collections.abc import Mapping, Sequence

import numpy as np
import yaml

from eval.calibration_data import Measurement
from kb.calc.speed.constants import FORM, Constants, GroupError
from kb.calc.speed.decode import Spread
from kb.calc.speed.estimate import spread_key
from kb.calc.speed.rates import is_server_cpu

_DEEP = 4096
_VENDORS = {"nvidia": "NVIDIA", "amd": "AMD", "apple": "Apple", "intel": "Intel"}


def groups_of(row: Measurement) -> tuple[str, ...]:
    """The groups that a measurement counts in."""
    groups = ["all"]
    parameters = row.architecture.params_total
    if row.device.backend == "cpu":
        groups.append("CPU of a server" if is_server_cpu(row.device) else "CPU")
    else:
        groups += ["GPU", _VENDORS.get(row.device.vendor, row.device.vendor)]
    if row.architecture.experts is not None:
        groups.append("MoE")
    else:
        groups.append("small" if parameters < 4e9 else "large" if parameters > 20e9 else "middle")
    if row.depth >= _DEEP:
        groups.append("deep context")
    if row.device_count > 1:
        groups.append("several devices")
    return (*groups, f"source {row.group}")


def error_table(
    rows: Sequence[Measurement],
    predicted: Sequence[float],
    bare: Sequence[float] | None,
    spreads: Mapping[str, Spread],
) -> tuple[GroupError, ...]:
    """Errors by group; ``bare`` speeds are compared with where there are any."""
    indexes: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        for group in groups_of(row):
            indexes.setdefault(group, []).append(index)
    measured = np.array([row.tokens_per_s for row in rows])
    errors = np.abs(np.array(predicted) / measured - 1)
    bare_errors = np.abs(np.array(bare) / measured - 1) if bare is not None else None
    inside = np.array(
        [
            _spread(row, spreads).low <= row.tokens_per_s / speed <= _spread(row, spreads).high
            for row, speed in zip(rows, predicted, strict=True)
        ]
    )
    return tuple(
        GroupError(
            group=group,
            rows=len(at),
            median=_rounded(np.median(errors[at])),
            within_25_percent=_rounded(np.mean(errors[at] <= 0.25)),
            in_range=_rounded(np.mean(inside[at])),
            bare_median=None if bare_errors is None else _rounded(np.median(bare_errors[at])),
            bare_within_25_percent=None if bare_errors is None else _rounded(np.mean(bare_errors[at] <= 0.25)),
        )
        for group, at in sorted(indexes.items(), key=lambda item: (item[0].startswith("source"), item[0].lower()))
    )


def _spread(row: Measurement, spreads: Mapping[str, Spread]) -> Spread:
    key = spread_key(row.device, is_moe=row.architecture.experts is not None)
    return spreads.get(key, spreads[""])


def _rounded(value: np.floating) -> float:
    return round(float(value), 3)


def printed(title: str, table: Sequence[GroupError]) -> str:
    """The table as text."""
    heading = f"{'group':24}{'rows':>6}{'median':>9}{'±25 %':>8}{'range':>8}"
    has_bare = any(line.bare_median is not None for line in table)
    lines = [title, heading + (f"{'bare median':>13}{'±25 %':>8}" if has_bare else "")]
    for line in table:
        text = f"{line.group:24}{line.rows:6}{line.median:9.1%}{line.within_25_percent:8.1%}{line.in_range:8.1%}"
        if line.bare_median is not None and line.bare_within_25_percent is not None:
            text += f"{line.bare_median:13.1%}{line.bare_within_25_percent:8.1%}"
        lines.append(text)
    return "\n".join(lines) + "\n"


def written(constants: Constants) -> str:
    """The text of ``kb/calc/speed/constants.yaml``."""
    numbers = yaml.safe_dump(
        FORM.dump_python(constants, mode="json"), sort_keys=False, width=112, default_flow_style=None
    )
    return f"# Written by `make calibrate`: do not edit. The meaning of each is in decode.py and prefill.py.\n{numbers}"
