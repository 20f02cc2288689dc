"""What this machine reaches, measured for real: no figure is asserted, only that it is one."""

import json
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from kb.catalogue import Catalogue
from kb.doctor import measure_here
from kb.settings import Settings
from kb.tools import TOOLS
from kb.tools.shared import measuring
from kb.tools.shared.given import DeviceFigures
from kb.tools.shared.here import device_here
from kb.tools.shared.measuring import FILE, Measured, keep, kept, measure
from kb.tools.shared.this_machine import Gpu, ThisMachine

MACHINE = ThisMachine("AMD Ryzen 9 9950X", 32, 62.5, ())
MEASURED = Measured(
    cpu=MACHINE.cpu, threads=32, memory_gib=62.5, at="2026-11-29T10:00:00+00:00", read_gb_per_s={1: 30.0, 32: 64.0},
    fp32_tflops=1.5, disk_read_mb_per_s=5000.0,
)  # fmt: skip


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "SECONDS", 0.02)
    monkeypatch.setattr(measuring, "DISK_BYTES", 4 * 2**20)


@pytest.mark.usefixtures("short")
def test_memory_arithmetic_and_drive(tmp_path: Path) -> None:
    found = measure(replace(MACHINE, threads=os.cpu_count() or 1), tmp_path)
    assert min(found.read_gb_per_s) == 1
    assert max(found.read_gb_per_s) == (os.cpu_count() or 1)
    assert all(0.1 < rate < 10_000 for rate in found.read_gb_per_s.values())
    assert 0 < found.fp32_tflops < 1000
    assert found.peak_gb_per_s > max(found.read_gb_per_s.values())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("short")
def test_many_threads_take_no_more_than_a_part_of_the_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    taken: list[int] = []

    def counted(shape: int | tuple[int, int], kind: type) -> np.ndarray:
        made = np.ones(shape, kind)
        taken.append(made.nbytes)
        return made

    # Not NumPy's own: threads of other tests use that too.
    monkeypatch.setattr(measuring, "np", SimpleNamespace(ones=counted, dot=np.dot, float32=np.float32))
    monkeypatch.setattr(measuring, "TRIALS", 1)
    found = measure(replace(MACHINE, threads=64, memory_gib=1.0), tmp_path)
    assert max(found.read_gb_per_s) == 64
    assert sum(taken[-65:-1]) <= 2**30 / 8


def test_what_was_measured_is_kept_for_this_machine_alone(tmp_path: Path) -> None:
    assert kept(MACHINE, tmp_path) is None
    keep(MEASURED, tmp_path)
    assert kept(MACHINE, tmp_path) == MEASURED
    assert kept(replace(MACHINE, threads=16), tmp_path) is None
    assert kept(replace(MACHINE, cpu="Intel Core i9-13900K"), tmp_path) is None
    for damaged in ("", "{}", json.dumps({**MEASURED.model_dump(), "fp32_tflops": "fast"})):
        (tmp_path / FILE).write_text(damaged)
        assert kept(MACHINE, tmp_path) is None


def test_estimates_of_here_go_by_it_and_say_so(catalogue: Catalogue) -> None:
    before, after = device_here(catalogue, MACHINE), device_here(catalogue, MACHINE, MEASURED)
    assert isinstance(after.device, DeviceFigures)
    assert after.device.memory_bandwidth_gb_per_s == MEASURED.peak_gb_per_s == 80
    assert "measured at 64 GB/s on 2026-11-29" in after.note
    assert "measured" not in before.note
    with_card = replace(MACHINE, gpus=(Gpu("NVIDIA GeForce RTX 4090", 24.0, "cuda"),))
    offloaded = device_here(catalogue, with_card, MEASURED).arguments()
    assert offloaded["system_bandwidth_gb_per_s"] == 80
    speed = TOOLS["estimate_speed"].call(catalogue, {"model": "llama 3.3 70b", **offloaded})
    assert not any("assumed" in text for text in speed.ceiling_conditions)


def test_fewer_cores_read_a_prompt_more_slowly(catalogue: Catalogue) -> None:
    def prefill(cores: int) -> float:
        device = {"backend": "cpu", "memory_gib": 32, "memory_bandwidth_gb_per_s": 80, "cores": cores}
        given = {"model": "llama 3.1 8b", "device": device, "context": 512}
        return TOOLS["estimate_speed"].call(catalogue, given).prefill_tokens_per_s.typical

    assert prefill(2) < prefill(4) < prefill(8)
    assert prefill(8) / prefill(2) == pytest.approx(4, rel=0.2)


@pytest.mark.usefixtures("short")
def test_the_doctor_measures_and_says_where_it_is_kept(tmp_path: Path, settings: Settings) -> None:
    said = {one.what: one for one in measure_here(settings.model_copy(update={"data_dir": tmp_path / "new"}))}
    assert "GB/s" in said["memory reads"].says
    assert (tmp_path / "new" / FILE).is_file()
    assert str(tmp_path / "new") in said["kept"].says
    (tmp_path / "file").write_text("")
    (refused,) = measure_here(settings.model_copy(update={"data_dir": tmp_path / "file" / "below"}))
    assert not refused.ok
    assert "KB_DATA_DIR" in refused.says
