"""What electricity costs, at work and while waiting."""

import pytest

from kb.catalogue import Catalogue
from kb.tools import TOOLS


@pytest.mark.parametrize(
    ("named", "waiting_w"),
    [({"device": "GTX 1080"}, 60), ({"devices": ["2x RTX 3090"]}, 75), ({"device": "Ryzen AI Max+ 395"}, 10)],
)
def test_what_is_always_on_mostly_waits(catalogue: Catalogue, named: dict[str, object], waiting_w: float) -> None:
    found = TOOLS["estimate_power_cost"].call(catalogue, {**named, "price_per_kwh": 0.30, "hours_per_day": 24})
    assert found.waiting_w == waiting_w
    assert found.waiting_cost_per_month == pytest.approx(waiting_w * 8.76 * 0.30 / 12, abs=0.01)
    assert found.waiting_cost_per_month < found.cost_per_month


def test_of_hours_of_work_nothing_waits(catalogue: Catalogue) -> None:
    found = TOOLS["estimate_power_cost"].call(catalogue, {"device": "GTX 1080", "hours_per_day": 3})
    assert found.waiting_w is None
    assert found.waiting_cost_per_month is None


def test_of_watts_alone_nobody_knows_what_waits(catalogue: Catalogue) -> None:
    assert TOOLS["estimate_power_cost"].call(catalogue, {"watts": 300, "hours_per_day": 24}).waiting_w is None


@pytest.mark.parametrize("device", ["H100 SXM", "DGX Spark"])
def test_of_what_nobody_measured_waiting_is_not_told(catalogue: Catalogue, device: str) -> None:
    found = TOOLS["estimate_power_cost"].call(catalogue, {"device": device, "hours_per_day": 24})
    assert found.waiting_w is None
    assert found.cost_per_year > 0
