"""What an argument that is refused is told: in the words of the tool, with what is accepted, each once."""

import re
from typing import Any

import pytest

from kb.catalogue import Catalogue
from kb.errors import InvalidArgument
from kb.tools import TOOLS
from kb.tools.base import InvalidArguments

CLASSES = re.compile(r"[A-Z][a-z]+[A-Z]\w+|constrained|function-|instance of")
CALLS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("check_fit", {"model": "", "device": "RTX 3060 12GB"}, "model"),
    ("check_fit", {"model": None, "device": "RTX 3060 12GB"}, "model"),
    ("estimate_speed", {"model": "qwen3 8b", "device": []}, "device"),
    ("estimate_speed", {"model": {"hidden_size": 9}, "device": "A100"}, "model.num_hidden_layers"),
    ("check_fit", {"model": "qwen3 8b", "device": {"memory_gib": "much"}}, "device.memory_gib"),
    ("check_fit", {"model": "qwen3 8b", "device": {}}, "device"),
    ("compare_devices", {"devices": ["A100", None]}, "devices.1"),
    ("compare_devices", {"devices": ["A100", {"memory_gib": -1}]}, "devices.1.memory_gib"),
    ("check_pcie_lanes", {"platform": None, "devices": ["RTX 3090"]}, "platform"),
)


@pytest.mark.parametrize(("tool", "arguments", "field"), CALLS)
def test_no_class_is_named_and_each_fault_once(
    catalogue: Catalogue, tool: str, arguments: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidArguments) as raised:
        TOOLS[tool].call(catalogue, arguments)
    fields = [problem.field for problem in raised.value.problems]
    assert fields[0] == field
    assert len(set(fields)) == len(fields)
    assert not CLASSES.search(str(raised.value))


@pytest.mark.parametrize("written", ["0x RTX 3090", "0 x A100", "00x MI50", "0× RX 7900 XTX"])
@pytest.mark.parametrize(
    ("tool", "key"),
    [
        ("check_fit", "device"), ("estimate_speed", "device"), ("what_runs_on", "device"), ("users_served", "device"),
        ("compare_devices", "devices"), ("size_power_supply", "devices"),
    ],
)  # fmt: skip
def test_none_of_a_device_is_refused(catalogue: Catalogue, tool: str, key: str, written: str) -> None:
    given: Any = [written, "RTX 4090"] if key == "devices" else written
    model = {"model": "qwen3 8b"} if "model" in TOOLS[tool].input_model.model_fields else {}
    with pytest.raises(InvalidArgument, match="at least one") as raised:
        TOOLS[tool].call(catalogue, {key: given, **model})
    assert raised.value.value == written


@pytest.mark.parametrize(
    ("device", "backend"),
    [("Strix Halo", "rocm"), ("RTX 3090", "metal"), ("M2 Ultra", "cuda"), ("MI50 32GB", "sycl"), ("Arc B580", "rocm")],
)
def test_what_is_accepted_is_told_once(catalogue: Catalogue, device: str, backend: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        TOOLS["check_fit"].call(catalogue, {"model": "qwen3 8b", "device": device, "backend": backend})
    names = raised.value.accepted.split(" on ")[0].split(" or ")
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("link", ["100 Mbit/s", "2.5 Gbit/s", "40gbps", "10 GbE", "Thunderbolt 5", "USB4"])
def test_computers_are_joined_by_what_data_is_moved_over(catalogue: Catalogue, link: str) -> None:
    moved = TOOLS["estimate_transfer_time"].call(catalogue, {"link": link, "size_gb": 1})
    asked = {"model": "qwen3 32b", "device": "2x Mac Studio M3 Ultra", "host_link": link}
    speed = TOOLS["estimate_speed"].call(catalogue, asked)
    assert any(f"joined at {moved.bandwidth_gb_per_s:g} GB/s" in line for line in speed.assumptions)
