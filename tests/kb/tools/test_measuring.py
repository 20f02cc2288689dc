"""What this machine reaches, measured for real: no figure is asserted, only that it is one."""

import json
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from kb.calc.device import Kernel
from kb.catalogue import Catalogue
from kb.doctor import measure_here
from kb.llm import kernels
from kb.llm.bench import timed
from kb.llm.hollow import Hollow
from kb.settings import Settings
from kb.tools import TOOLS
from kb.tools.estimate_speed.tool import SpeedAnswer
from kb.tools.model_file import read_gguf
from kb.tools.shared import measuring
from kb.tools.shared.given import DeviceFigures
from kb.tools.shared.here import device_here
from kb.tools.shared.measuring import FILE, Measured, keep, kept, measure
from kb.tools.shared.this_machine import Gpu, ThisMachine, read_machine

MACHINE = ThisMachine("AMD Ryzen 9 9950X", 32, 62.5, ())
MEASURED = Measured(
    cpu=MACHINE.cpu, threads=32, memory_gib=62.5, at="2026-11-29T10:00:00+00:00", read_gb_per_s={1: 30.0, 32: 64.0},
    fp32_tflops=1.5, disk_read_mb_per_s=5000.0,
)  # fmt: skip


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "SECONDS", 0.02)
    monkeypatch.setattr(measuring, "DISK_BYTES", 4 * 2**20)
    for name, value in {"TYPES": ("q4_k", "q8_0"), "WIDE": (512, 1), "NARROW": (256, 2), "ROUNDS": 1}.items():
        monkeypatch.setattr(kernels, name, value)


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


def test_where_llama_cpp_was_measured_estimates_go_by_its_speed_with_such_weights(catalogue: Catalogue) -> None:
    q4 = Kernel(type_name="q4_k", writing_gb_per_s=10, layer_us=100, reading_gflops=200, half_width=1024)
    q8 = Kernel(type_name="q8_0", writing_gb_per_s=20, layer_us=100, reading_gflops=100, half_width=0)
    found = device_here(catalogue, MACHINE, MEASURED.model_copy(update={"kernels": (q4, q8)}))

    def speed(quantization: str, **given: float) -> SpeedAnswer:
        asked = {"model": "llama 3.1 8b", "quantization": quantization, "context": 512, **found.arguments(), **given}
        answer = TOOLS["estimate_speed"].call(catalogue, asked)
        assert isinstance(answer, SpeedAnswer)
        return answer

    four, eight = speed("q4_k_m"), speed("q8_0")
    for answer, rate in ((four, 10), (eight, 20)):
        seconds = answer.bytes_read_per_token_gb / rate + 32 * 100e-6
        assert answer.decode_tokens_per_s.typical == pytest.approx(1 / seconds, rel=0.03)
    matrices = 7.5e9 - 128_256 * 4096
    assert four.prefill_tokens_per_s.typical == pytest.approx(200e9 * 4096 / 5120 / (2 * matrices), rel=0.05)
    assert eight.prefill_tokens_per_s.typical == pytest.approx(100e9 / (2 * matrices), rel=0.05)
    assert any("with weights like these (q4_k)" in text for text in four.assumptions)
    assert four.bottleneck.startswith("compute")
    assert speed("q5_k_m").assumptions[3] == four.assumptions[3]
    together = speed("q4_k_m", concurrency=4).aggregate_tokens_per_s
    assert together
    assert 1 < together.typical / four.decode_tokens_per_s.typical < 4


def test_what_a_layer_costs_is_told_apart_from_what_its_weights_cost() -> None:
    def seconds(hollow: Hollow) -> tuple[float, float]:
        rate = 100e9 * hollow.width / (hollow.width + 300)
        return hollow.bytes / 12e9 + hollow.layers * 80e-6, 2 * hollow.weights / rate

    found = kernels.kernel_of("q4_1", seconds(Hollow("q4_1", *kernels.WIDE)), seconds(Hollow("q4_1", *kernels.NARROW)))
    assert (found.writing_gb_per_s, found.layer_us) == (12, 80)
    assert (found.reading_gflops, found.half_width) == (100, 300)


@pytest.mark.parametrize("type_name", kernels.TYPES)
def test_the_files_to_measure_on_are_models_of_their_type(type_name: str, tmp_path: Path) -> None:
    hollow = Hollow(type_name, 256, 2)
    hollow.write(tmp_path / "hollow.gguf")
    found = read_gguf(tmp_path / "hollow.gguf")
    assert sum(found.weights.layer_bytes) == pytest.approx(hollow.bytes, rel=0.02)
    assert found.architecture.num_hidden_layers == 2
    run = timed(tmp_path / "hollow.gguf", 1, 0, 8, 2)
    assert run.prompt_s > 0
    assert run.generation_s > 0


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
    assert "GFLOPS" in said["llama.cpp, Q4_K"].says
    found = kept(read_machine(), tmp_path / "new")
    assert found
    assert [kernel.type_name for kernel in found.kernels] == ["q4_k", "q8_0"]
    assert [path.name for path in (tmp_path / "new").iterdir()] == [FILE]
    assert str(tmp_path / "new") in said["kept"].says
    (tmp_path / "file").write_text("")
    (refused,) = measure_here(settings.model_copy(update={"data_dir": tmp_path / "file" / "below"}))
    assert not refused.ok
    assert "KB_DATA_DIR" in refused.says
