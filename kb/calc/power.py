"""Power supplies, wall circuits and electricity."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from kb.catalogue.files import read_mapping

CONTINUOUS_LOAD_SHARE = 0.8
"""A supply runs best, and a household circuit may be loaded for hours, up to 80 % (NEC 210.20 for circuits)."""
EFFICIENCY = 0.92
"""80 PLUS Platinum at half load, 115 V."""


@dataclass(frozen=True)
class Circuit:
    """A household circuit: what it carries at most, and for hours on end."""

    name: str
    amperes: float
    volts: float

    @property
    def continuous_w(self) -> float:
        return self.amperes * self.volts * CONTINUOUS_LOAD_SHARE


@dataclass(frozen=True)
class Sold:
    """What ``power.yaml`` has: what power supplies and circuits there are."""

    supplies_w: tuple[int, ...]
    largest_common_supply_w: int
    circuits: tuple[Circuit, ...]


@cache
def sold() -> Sold:
    return TypeAdapter(Sold).validate_python(read_mapping(Path(__file__).with_name("power.yaml")))


def recommended_psu_w(sustained_w: float) -> float:
    """The smallest common size that ``sustained_w`` loads to 80 % at most; above all sizes, the bare quotient.

    ``recommended = sustained ÷ 0.8``, rounded up to a size that is sold. The share left over takes the
    millisecond peaks of graphics cards, which ATX 3.1 supplies must stand at up to twice their rating for 100 µs
    (Intel, ATX 3.1 Design Guide).

    >>> recommended_psu_w(925)   # 925 / 0.8 = 1156
    1200
    """
    needed = sustained_w / CONTINUOUS_LOAD_SHARE
    return next((size for size in sold().supplies_w if size >= needed), round(needed))


def wall_w(sustained_w: float) -> float:
    """What the wall gives: ``sustained ÷ efficiency``.

    >>> round(wall_w(920))
    1000
    """
    return sustained_w / EFFICIENCY


def suitable_circuits(at_wall_w: float) -> tuple[Circuit, ...]:
    """Circuits that carry the load for hours.

    >>> [c.name for c in suitable_circuits(1500)][0]   # 20 A x 120 V x 0.8 = 1920 W; 15 A: 1440 W
    '20 A / 120 V'
    """
    return tuple(circuit for circuit in sold().circuits if circuit.continuous_w >= at_wall_w)


def energy_kwh_per_year(watts: float, hours_per_day: float = 24.0) -> float:
    """``W × h/day × 365 ÷ 1000``.

    >>> energy_kwh_per_year(2000)
    17520.0
    """
    return watts * hours_per_day * 365 / 1000


def energy_cost_per_year(watts: float, price_per_kwh: float, hours_per_day: float = 24.0) -> float:
    """``kWh/year × price``.

    >>> round(energy_cost_per_year(2000, 0.15))
    2628
    """
    return energy_kwh_per_year(watts, hours_per_day) * price_per_kwh
