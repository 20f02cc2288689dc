"""The calibration, on tables that the test makes from constants it knows."""

import csv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eval import calibrate
from eval.calibration_data import (
    Measurement,
    architecture_of,
    device_of,
    quantization_named,
    read_measurements,
)
from eval.calibration_fit import Prior, fit, flatten, rebuilt
from eval.calibration_priors import DECODE, PREFILL
from eval.calibration_report import groups_of, written
from kb.calc.speed.constants import Constants, constants
from kb.calc.speed.decode import DecodeConstants

DEVICES = {
    "rtx-3090": ("nvidia", "discrete", "24", "936.2", "71.2"),
    "rtx-3060-ti": ("nvidia", "discrete", "8", "448", "32.4"),
    "rtx-4080": ("nvidia", "discrete", "16", "716.8", "97.5"),
    "m2-max-38": ("apple", "unified", "", "409.6", "13.6"),
    "cpu-intel-n150": ("intel", "cpu", "", "38.4", ""),
}
BACKENDS = {"nvidia": "cuda", "apple": "metal", "intel": "cpu"}
MODELS = ("llama-3.2-1b", "llama-3.2-3b", "llama-3.1-8b", "qwen2.5-14b", "llama-2-7b")
DEVICE_COLUMNS = ("device", "vendor", "kind", "memory_gb", "bandwidth_gbps", "fp16_tflops", "tdp_w")
COLUMNS = (
    "device", "device_count", "model", "quant", "quant_assumed", "depth", "backend", "engine", "flash_attention",
    "file_gib", "moe", "quality", "runs_merged", "group", "note", "source",
)  # fmt: skip


@pytest.fixture
def truth() -> DecodeConstants:
    """Constants unlike the priors, which a fit should find again."""
    numbers = {"backends.cuda.token_us": 500.0, "backends.cuda.layer_us": 40.0, "backends.metal.token_us": 4000.0}
    return rebuilt(DECODE, numbers)


@pytest.fixture
def folder(tmp_path: Path, truth: DecodeConstants) -> Path:
    """A small set of tables: five devices, five models, three depths, without noise."""
    _write(
        tmp_path / "devices_calibration.csv",
        [
            dict(zip(DEVICE_COLUMNS, (slug, *facts, ""), strict=True))
            for slug, facts in DEVICES.items()
        ],
    )  # fmt: skip
    rows = [
        _row(slug, BACKENDS[facts[0]], model, depth)
        for slug, facts in DEVICES.items()
        for model in MODELS
        for depth in (0, 2048, 8192)
        if not (slug == "rtx-3060-ti" and model == "qwen2.5-14b")
    ]
    for kind in ("decode", "prefill"):
        _write(tmp_path / f"{kind}_speed_calibration.csv", [row | {f"{kind}_tps": "1"} for row in rows])
        measured = [
            row | {f"{kind}_tps": str(_speed(kind, measurement, truth))}
            for row, measurement in zip(rows, read_measurements(tmp_path, kind), strict=True)
        ]
        doubtful = measured[0] | {"quality": "doubtful", f"{kind}_tps": "1e9"}
        _write(tmp_path / f"{kind}_speed_calibration.csv", [*measured, doubtful])
    return tmp_path


def _speed(kind: str, measurement: Measurement, truth: DecodeConstants) -> float:
    if kind == "decode":
        return calibrate.decode_speed(measurement, truth)
    return calibrate.prefill_speed(measurement, PREFILL, truth)


def _row(device: str, backend: str, model: str, depth: int) -> dict[str, str]:
    quant = "Q4_0" if model == "llama-2-7b" else "Q4_K_M"
    values = (
        device, "1", model, quant, "0", str(depth), backend, "llama.cpp", "1", "", "0", "ok", "1", "scoreboard",
        "pp512", "a test",
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_the_fit_finds_the_constants_that_made_the_data(folder: Path, truth: DecodeConstants) -> None:
    rows = read_measurements(folder, "decode")
    constants, factors = calibrate.fit_decode(rows)
    ratios = [calibrate.decode_speed(row, constants) / row.tokens_per_s for row in rows]
    assert np.abs(np.log(ratios)).max() < 0.03
    found, made = (each.backends["metal"] for each in (constants, truth))
    assert found.token_us + 32 * found.layer_us == pytest.approx(made.token_us + 32 * made.layer_us, rel=0.1)
    assert factors == {}


def test_doubtful_rows_are_left_aside(folder: Path) -> None:
    assert max(row.tokens_per_s for row in read_measurements(folder, "decode")) < 1e6


def test_it_prints_the_errors_against_bare_bandwidth_and_writes_the_constants(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "constants.yaml"
    assert calibrate.main([str(folder), "--write", str(target)]) == 0
    printed = capsys.readouterr().out
    assert "bare median" in printed
    for group in ("NVIDIA", "Apple", "CPU", "GPU", "small", "deep context"):
        assert group in printed
    assert constants(target).calibration.decode_rows == len(read_measurements(folder, "decode"))


def test_writing_and_reading_back_changes_nothing(folder: Path, tmp_path: Path) -> None:
    rows = read_measurements(folder, "decode")
    fitted = calibrate.fit_all(rows, read_measurements(folder, "prefill"))
    calibration = calibrate.calibration_of(fitted, rows, rows)
    made = Constants(fitted.decode, fitted.prefill, calibration)
    target = tmp_path / "back.yaml"
    target.write_text(written(made), encoding="utf-8")
    assert constants(target) == made


def test_cross_validation_predicts_each_row_once(folder: Path) -> None:
    rows = read_measurements(folder, "decode")
    seen, speeds = calibrate.left_out(rows, lambda row: row.device.backend)
    assert sorted(map(id, seen)) == sorted(map(id, rows))
    assert all(speed > 0 for speed in speeds)


def test_a_missing_table_and_an_unknown_model_are_named(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrate.main([str(tmp_path / "nothing")]) == 2
    assert "devices_calibration.csv" in capsys.readouterr().err
    _write(folder / "decode_speed_calibration.csv", [_row("rtx-3090", "cuda", "gpt-9", 0) | {"decode_tps": "1"}])
    assert calibrate.main([str(folder)]) == 2
    assert "gpt-9" in capsys.readouterr().err


def test_an_unknown_device_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = _row("rtx-9999", "cuda", "llama-3.1-8b", 0) | {"decode_tps": "1"}
    _write(folder / "decode_speed_calibration.csv", [row])
    assert calibrate.main([str(folder)]) == 2
    assert "rtx-9999" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("slug", "name"),
    [
        ("llama-3.1-8b", "Llama 3.1 8B"), ("smollm2-1.7b", "SmolLM2 1.7B"), ("falcon3-7b", "Falcon 3 7B"),
        ("deepseek-r1-671b", "DeepSeek R1"),
    ],
)  # fmt: skip
def test_models_are_the_catalogue_s(slug: str, name: str) -> None:
    assert name in architecture_of(slug).name


def test_devices_are_the_catalogue_s_on_the_measured_backend(folder: Path) -> None:
    by_vulkan = device_of("strix-halo-128", "vulkan", {})
    assert by_vulkan.backend == "vulkan"
    assert by_vulkan.fp32_flops == pytest.approx(29.7e12)
    with pytest.raises(ValueError, match="rtx-9999"):
        device_of("rtx-9999", "cuda", {})


def test_a_model_larger_than_its_card_is_left_aside(folder: Path) -> None:
    row = read_measurements(folder, "decode")[0]
    assert calibrate.fits_in_memory(row)
    assert not calibrate.fits_in_memory(replace(row, device=replace(row.device, memory_bytes=1)))


def test_sources_are_told_apart(folder: Path) -> None:
    row = read_measurements(folder, "decode")[0]
    assert calibrate.source_of(row) == ""
    assert calibrate.source_of(replace(row, group="localscore")) == "llamafile cuda"
    old = replace(row, group="xiongjiedai")
    assert calibrate.source_of(old) == "May 2024 cuda"
    assert calibrate.source_of(replace(old, family="float")) == "May 2024 cuda float"
    server = replace(old, family="float", device=replace(row.device, segment="datacenter"))
    assert calibrate.source_of(server) == "May 2024 datacenter float"
    assert "several devices" in groups_of(replace(row, device_count=2))


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("Q4_K_M", "k-quant"), ("UD-Q4_K_XL", "mixed"), ("UD-Q2_K_S", "k-quant"), ("IQ4_XS", "i-quant"),
        ("BF16", "float"), ("Q8_0", "legacy"), ("MXFP4", "microscaling"),
    ],
)  # fmt: skip
def test_families(name: str, family: str) -> None:
    assert quantization_named(name).family == family


def test_an_outlier_does_not_bend_the_fit() -> None:
    measured = np.array([2.0, 2.02, 1.98, 2.01, 40.0])

    def residuals(values: Mapping[str, float]) -> np.ndarray:
        return np.log(values["speed"] / measured)

    fitted = fit(residuals, {"speed": Prior(1.0, 2.0)}, np.ones(5))
    assert fitted["speed"] == pytest.approx(2.0, rel=0.05)


def test_constants_go_to_numbers_and_back() -> None:
    numbers = flatten(DECODE)
    assert rebuilt(DECODE, numbers) == DECODE
    changed = rebuilt(DECODE, {"backends.cuda.operations.k-quant": 9.0})
    assert changed.backends["cuda"].operations["k-quant"] == 9.0
