"""What is recorded of a calibration: when, on how many measurements, and how far the estimates were off."""

from dataclasses import dataclass


@dataclass(frozen=True)
class GroupError:
    """Errors over one group of measurements, as shares (0.1 is 10 %) of the measured speed.

    ``bare`` is memory bandwidth over the bytes read per token, on the same rows.
    """

    group: str
    rows: int
    median: float
    within_25_percent: float
    in_range: float
    """Share of the measurements that lie between ``low`` and ``high``."""
    bare_median: float | None = None
    bare_within_25_percent: float | None = None


@dataclass(frozen=True)
class Calibration:
    fitted_on: str
    decode_rows: int
    prefill_rows: int
    source_factors: tuple[tuple[str, float], ...]
    """By how much a source's builds need longer per token than a current llama.cpp; not used in estimates."""
    decode_errors: tuple[GroupError, ...]
    prefill_errors: tuple[GroupError, ...]
