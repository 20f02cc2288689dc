"""Constants of the speed model, fitted on published measurements: ``constants.yaml``, written by ``make calibrate``.

What each one means stands in :mod:`kb.calc.speed.decode` and :mod:`kb.calc.speed.prefill`; the tables of measurements
are other people's and not in the repository.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from kb.calc.speed.decode import DecodeConstants
from kb.calc.speed.prefill import PrefillConstants
from kb.catalogue.files import read_mapping

FILE = Path(__file__).with_name("constants.yaml")


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


@dataclass(frozen=True)
class Constants:
    """``calibration``: when, on how many measurements, and how far the estimates were off."""

    decode: DecodeConstants
    prefill: PrefillConstants
    calibration: Calibration


FORM = TypeAdapter(Constants)


@cache
def constants(path: Path = FILE) -> Constants:
    return FORM.validate_python(read_mapping(path))
