"""Power supplies, wall circuits and electricity."""

from dataclasses import dataclass

PSU_SIZES_W = (450, 550, 650, 750, 850, 1000, 1200, 1300, 1500, 1600, 2000, 2200, 2400, 2800, 3000)
"""Sizes that power supplies are commonly sold in."""

LARGEST_COMMON_PSU_W = 1600
CONTINUOUS_LOAD_SHARE = 0.8
"""A supply runs best, and a household circuit may be loaded for hours, up to 80 % (NEC 210.20 for circuits)."""


@dataclass(frozen=True)
class Circuit:
    """A household circuit: what it carries at most, and for hours on end."""

    name: str
    amperes: float
    volts: float

    @property
    def continuous_w(self) -> float:
        return self.amperes * self.volts * CONTINUOUS_LOAD_SHARE


CIRCUITS = (
    Circuit("15 A / 120 V", 15, 120),
    Circuit("20 A / 120 V", 20, 120),
    Circuit("15 A / 240 V", 15, 240),
    Circuit("20 A / 240 V", 20, 240),
    Circuit("30 A / 240 V", 30, 240),
)


def recommended_psu_w(sustained_w: float) -> float:
    """The smallest common size that ``sustained_w`` loads to 80 % at most; above all sizes, the bare quotient.

    ``recommended = sustained ÷ 0.8``, rounded up to a size that is sold. The share left over takes the
    millisecond peaks of graphics cards, which ATX 3.1 supplies must stand at up to twice their rating for 100 µs
    (Intel, ATX 3.1 Design Guide).

    >>> recommended_psu_w(925)   # 925 / 0.8 = 1156
    1200
    """
    needed = sustained_w / CONTINUOUS_LOAD_SHARE
    return next((size for size in PSU_SIZES_W if size >= needed), round(needed))


def wall_w(sustained_w: float, efficiency: float = 0.92) -> float:
    """What the wall gives: ``sustained ÷ efficiency`` (0.92: 80 PLUS Platinum at half load, 115 V).

    >>> round(wall_w(920))
    1000
    """
    return sustained_w / efficiency


def suitable_circuits(at_wall_w: float) -> tuple[Circuit, ...]:
    """Circuits that carry the load for hours.

    >>> [c.name for c in suitable_circuits(1500)][0]   # 20 A x 120 V x 0.8 = 1920 W; 15 A: 1440 W
    '20 A / 120 V'
    """
    return tuple(circuit for circuit in CIRCUITS if circuit.continuous_w >= at_wall_w)


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
