"""``check_pcie_lanes`` on processors and boards of the catalogue."""

from typing import Any

import pytest

from kb.errors import InvalidArgument
from kb.search.live import Index
from kb.tools import TOOLS, InvalidArguments
from kb.tools.check_pcie_lanes.tool import LanesAnswer


def lanes(index: Index, platform: Any, devices: list[Any], drives: int = 1, **more: Any) -> LanesAnswer:
    asked = {"platform": platform, "devices": devices, "nvme_drives": drives} | more
    answer = TOOLS["check_pcie_lanes"].call(index, asked)
    assert isinstance(answer, LanesAnswer)
    return answer


@pytest.mark.parametrize(
    ("platform", "devices", "drives", "split", "verdict"),
    [
        ("Ryzen 9 9950X", ["RTX 5090"], 2, "x16", "full"),
        ("Ryzen 9 9950X", ["2x RTX 5090"], 2, "x8/x8", "shared"),
        ("ASUS ProArt X870E-Creator WiFi", ["RTX 5090", "RTX 3090"], 1, "x8/x8", "shared"),
        ("ASUS Pro WS TRX50-SAGE WIFI", ["3x RTX 5090"], 0, "x16/x16/x16", "full"),
        ("ASUS Pro WS TRX50-SAGE WIFI", ["4x RTX 5090"], 0, "x16/x16/x8/x8", "shared"),
        ("WRX90E-SAGE SE", ["4x L40S"], 4, "x16/x16/x16/x16", "full"),
        ("EPYC 9654", ["9x L40S"], 0, "x16/x16/x16/x16/x16/x16/x16/x8/x8", "shared"),
    ],
)
def test_split(index: Index, platform: str, devices: list[str], drives: int, split: str, verdict: str) -> None:
    answer = lanes(index, platform, devices, drives)
    assert (answer.split, answer.verdict) == (split, verdict)
    assert answer.citations
    assert split in answer.formula


def test_what_half_a_slot_costs(index: Index) -> None:
    """PCIe 4.0 x8 is 15.75 GB/s, still more than one process hands over, so filling 24 GiB takes 2.1 s either way."""
    answer = lanes(index, "Ryzen 9 9950X", ["2x RTX 3090"])
    assert [link.bandwidth_gb_per_s for link in answer.links] == [15.75, 15.75, 15.75]
    assert [link.share_of_full_percent for link in answer.links] == [50, 50, 100]
    assert answer.links[0].fill_memory_s == pytest.approx(24 * 2**30 / 12e9, abs=0.01)
    assert answer.layer_split_ms is not None
    assert answer.tensor_parallel_ms is not None
    # 70B: one vector of 8,192 x 4 bytes at a boundary; 160 all-reduces of 20 us and 2.62 MB at 15.75 GB/s.
    assert answer.layer_split_ms == pytest.approx(8192 * 4 / 15.75e9 * 1e3, abs=1e-4)
    assert answer.tensor_parallel_ms == pytest.approx(160 * 0.020 + 2.62e6 / 15.75e9 * 1e3, rel=0.01)


def test_one_card_pays_for_no_split(index: Index) -> None:
    answer = lanes(index, "Ryzen 9 9950X", ["RTX 5090"])
    assert answer.layer_split_ms is None
    assert answer.tensor_parallel_ms is None
    assert "do not change the decode speed" in answer.inference[0]


def test_more_slots_than_the_board_has(index: Index) -> None:
    answer = lanes(index, "ROMED8-2T", ["8x RTX 3090"])
    assert "7 slots for 8 cards" in answer.warnings[0]


def test_given_figures(index: Index) -> None:
    platform = {"pcie_generation": 4, "pcie_lanes": 20, "socket": "LGA 1700"}
    answer = lanes(index, platform, [{"lanes": 16}, {"lanes": 16, "pcie_generation": 3}], 2)
    assert [link.bandwidth_gb_per_s for link in answer.links[:2]] == [15.75, 7.88]
    assert [link.attached_to for link in answer.links] == ["cpu", "cpu", "cpu", "chipset"]
    assert "15.8 GB/s" in answer.warnings[0]
    server = lanes(index, {"pcie_generation": 5, "pcie_lanes": 16}, [{"lanes": 16}] * 5, 0)
    assert server.verdict == "too_few"
    assert server.links[-1].bandwidth_gb_per_s == 0
    assert "no lanes are left" in server.warnings[0]


@pytest.mark.parametrize(
    "change",
    [
        {"devices": []}, {"devices": [{"lanes": 3}]}, {"nvme_drives": -1}, {"nvme_drives": 10**30},
        {"platform": {"pcie_generation": float("nan"), "pcie_lanes": 20}},
        {"platform": {"pcie_generation": 5, "pcie_lanes": 0}}, {"devices": [{"lanes": 16, "pcie_generation": 1e30}]},
    ],
)  # fmt: skip
def test_bad_figures_are_refused_at_the_schema(index: Index, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidArguments):
        TOOLS["check_pcie_lanes"].call(index, {"platform": "Ryzen 9 9950X", "devices": ["RTX 5090"]} | change)


@pytest.mark.parametrize(
    "change",
    [
        {"devices": ["H100 SXM"]}, {"platform": "NVIDIA Grace CPU of the GB10"},
        {"platform": {"pcie_generation": 5, "pcie_lanes": 24, "socket": "Slot A"}},
    ],
)  # fmt: skip
def test_what_has_no_lanes_is_refused_with_what_would_do(index: Index, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match="accepted"):
        TOOLS["check_pcie_lanes"].call(index, {"platform": "Ryzen 9 9950X", "devices": ["RTX 5090"]} | change)
