"""Reading this machine: tools of the recorded formats stand on PATH in place of the real ones."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kb.search.live import Index
from kb.settings import Settings
from kb.tools.shared import this_machine
from kb.tools.shared.given import DeviceFigures
from kb.tools.shared.here import device_here
from kb.tools.shared.resolve import resolve_devices
from kb.tools.shared.this_machine import Gpu, ThisMachine, read_machine

Install = Callable[..., None]

ROCM_6 = json.dumps(
    {
        "card0": {
            "VRAM Total Memory (B)": "25753026560", "VRAM Total Used Memory (B)": "27279360",
            "Card Series": "Radeon RX 7900 XTX", "Card Model": "0x744c", "Card Vendor": "Advanced Micro Devices, Inc.",
        },
        "system": {"Driver version": "6.8.5"},
    }
)  # fmt: skip
ROCM_5 = "WARNING: AMD GPU device(s) is/are in a low-power state.\n" + json.dumps(
    {"card0": {"VRAM Total Memory (B)": "34342961152", "Card series": "AMD Instinct MI60", "Card model": "0x0834"}}
)
MAC = json.dumps(
    {
        "SPHardwareDataType": [
            {"chip_type": "Apple M2 Max", "physical_memory": "96 GB", "number_processors": "proc 12:8:4"}
        ],
        "SPDisplaysDataType": [{"_name": "Apple M2 Max", "sppci_model": "Apple M2 Max", "sppci_cores": "38"}],
    }
)
INTEL_MAC = json.dumps(
    {
        "SPHardwareDataType": [{"cpu_type": "8-Core Intel Core i9"}],
        "SPDisplaysDataType": [{"sppci_model": "AMD Radeon Pro 5500M", "spdisplays_vram": "8 GB"}],
    }
)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a tool that prints this on an otherwise empty PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(name: str, says: str, status: int = 0) -> None:
        tool = tmp_path / name
        tool.write_text(f"#!/bin/sh\nprintf '%s' '{says}'\nexit {status}\n")
        tool.chmod(0o755)

    return put


def test_without_any_tool_there_is_a_processor_and_memory(install: Install) -> None:
    machine = read_machine()
    assert machine.cpu
    assert machine.threads >= 1
    assert machine.memory_gib > 0.1
    assert machine.gpus == ()


def test_nvidia(install: Install) -> None:
    install("nvidia-smi", "NVIDIA GeForce RTX 3090, 24576\nNVIDIA GeForce RTX 3090, 24576\nNVIDIA T400, 2048\n")
    card = Gpu("NVIDIA GeForce RTX 3090", 24.0, "cuda")
    assert read_machine().gpus == (card, card, Gpu("NVIDIA T400", 2.0, "cuda"))


def test_nvidia_with_unified_memory(install: Install) -> None:
    install("nvidia-smi", "NVIDIA GB10, [N/A]\n")
    (gpu,) = read_machine().gpus
    assert gpu.unified_memory
    assert gpu.memory_gib == read_machine().memory_gib


@pytest.mark.parametrize(
    ("says", "name", "gib"),
    [(ROCM_6, "Radeon RX 7900 XTX", 23.98), (ROCM_5, "AMD Instinct MI60", 31.98)],
)
def test_amd(install: Install, says: str, name: str, gib: float) -> None:
    install("rocm-smi", says)
    (gpu,) = read_machine().gpus
    assert (gpu.name, gpu.backend) == (name, "rocm")
    assert gpu.memory_gib == pytest.approx(gib, abs=0.01)


def test_apple(install: Install) -> None:
    install("system_profiler", MAC)
    machine = read_machine()
    assert machine.cpu == "Apple M2 Max"
    (gpu,) = machine.gpus
    assert (gpu.name, gpu.backend, gpu.unified_memory) == ("Apple M2 Max (38-core GPU)", "metal", True)


def test_cards_of_intel_macs_do_not_count(install: Install) -> None:
    install("system_profiler", INTEL_MAC)
    assert read_machine().gpus == ()


@pytest.mark.parametrize("tool", ["nvidia-smi", "rocm-smi", "system_profiler"])
@pytest.mark.parametrize(
    ("says", "status"),
    [("NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.", 9), ("", 0), ("{", 0),
     ("[]", 0), ("No devices were found", 6), ('{"card0": "none"}', 0), ("a, b, c", 0)],
)  # fmt: skip
def test_tools_that_fail_show_nothing(install: Install, tool: str, says: str, status: int) -> None:
    install(tool, says, status)
    assert read_machine().gpus == ()


def test_a_tool_that_hangs(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(this_machine, "ASK_SECONDS", 0.1)
    install("nvidia-smi", "")
    tool = Path(this_machine.shutil.which("nvidia-smi") or "")
    tool.write_text("#!/bin/sh\nexec /bin/sleep 5\n")
    assert read_machine().gpus == ()


def test_the_processors_name(tmp_path: Path, install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD Ryzen 9 9950X 16-Core Processor\n")
    monkeypatch.setattr(this_machine, "CPUINFO", cpuinfo)
    assert read_machine().cpu == "AMD Ryzen 9 9950X"
    cpuinfo.write_text("processor\t: 0\nBogoMIPS\t: 108.00\n")
    assert read_machine().cpu


def machine(*gpus: Gpu, cpu: str = "AMD Ryzen 9 9950X", memory_gib: float = 62.5) -> ThisMachine:
    return ThisMachine(cpu, 32, memory_gib, gpus)


@pytest.mark.parametrize(
    ("gpu", "slug"),
    [
        (Gpu("NVIDIA GeForce RTX 4090", 23.99, "cuda"), "rtx-4090"),
        (Gpu("NVIDIA GeForce RTX 3060", 12.0, "cuda"), "rtx-3060-12gb"),
        (Gpu("NVIDIA A100-SXM4-80GB", 80.0, "cuda"), "a100-80gb-sxm"),
        (Gpu("NVIDIA A100 80GB PCIe", 80.0, "cuda"), "a100-80gb-pcie"),
        (Gpu("NVIDIA H200", 140.4, "cuda"), "h200-141gb-sxm"),
        (Gpu("NVIDIA GB10", 119.7, "cuda", True), "gb10"),
        (Gpu("Radeon RX 7900 XTX", 23.98, "rocm"), "rx-7900-xtx"),
        (Gpu("NVIDIA H100 80GB HBM3", 79.6, "cuda"), "h100-80gb-sxm"),
        (Gpu("Tesla V100-SXM2-16GB", 16.0, "cuda"), "v100-16gb-sxm2"),
        (Gpu("NVIDIA GeForce RTX 3080", 10.0, "cuda"), "rtx-3080-10gb"),
        (Gpu("NVIDIA GeForce RTX 4090 Laptop GPU", 16.0, "cuda"), "rtx-4090-laptop"),
        (Gpu("NVIDIA RTX 6000 Ada Generation", 47.99, "cuda"), "rtx-6000-ada"),
        (Gpu("AMD Instinct MI300X", 191.98, "rocm"), "mi300x"),
        (Gpu("Apple M2 Max (38-core GPU)", 96.0, "metal", True), "m2-max-38"),
    ],
)
def test_a_known_device(index: Index, gpu: Gpu, slug: str) -> None:
    here = device_here(index, machine(gpu))
    assert isinstance(here.device, str), here.note
    devices = resolve_devices(index, here.device, here.device_count, here.system_memory_gb)
    assert devices.slug == slug
    assert here.system_memory_gb == 62.5  # in GiB, as memory is printed


def test_the_memory_that_is_there_counts(index: Index) -> None:
    here = device_here(index, machine(Gpu("Apple M2 Max (38-core GPU)", 32.0, "metal", True)))
    assert resolve_devices(index, here.device).each.memory_bytes == 32 * 2**30


def test_equal_cards_count_and_others_are_named(index: Index) -> None:
    card = Gpu("NVIDIA GeForce RTX 3090", 24.0, "cuda")
    here = device_here(index, machine(card, Gpu("NVIDIA T400", 2.0, "cuda"), card))
    assert (here.device, here.device_count) == ("rtx-3090", 2)
    assert "NVIDIA T400" in here.note


def test_an_unknown_card_goes_by_its_memory_and_promises_little(index: Index) -> None:
    here = device_here(index, machine(Gpu("NVIDIA Quantum 9000", 24.0, "cuda")))
    assert isinstance(here.device, DeviceFigures)
    assert here.device.memory_gib == 24
    known = resolve_devices(index, "RTX 4090").each.bandwidth_bytes_per_s / 1e9
    assert 50 < here.device.memory_bandwidth_gb_per_s < known
    assert "not in the catalogue" in here.note


def test_without_a_gpu_the_processor_runs_it(index: Index) -> None:
    known = device_here(index, machine()).device
    assert isinstance(known, DeviceFigures)
    assert (known.backend, known.memory_gib, known.memory_bandwidth_gb_per_s) == ("cpu", 62.5, 89.6)
    assert not known.bandwidth_assumed
    unknown = device_here(index, machine(cpu="Elbrus-16C")).device
    assert isinstance(unknown, DeviceFigures)
    assert unknown.memory_bandwidth_gb_per_s == 80
    assert unknown.bandwidth_assumed
    assert "assumed" in unknown.name


def test_doctor(index: Index, settings: Settings, install: Install) -> None:
    from kb.doctor import examine

    install("nvidia-smi", "NVIDIA GeForce RTX 4090, 24564\n")
    findings = examine(settings)
    assert all(finding.ok for finding in findings)
    said = {finding.what: finding.says for finding in findings}
    assert said["GPU"] == "NVIDIA GeForce RTX 4090, 24.0 GiB"
    assert "tokens/s" in said["what runs here"]
    assert "RTX 4090" in said["what runs here"]
    assert said["processor"]
