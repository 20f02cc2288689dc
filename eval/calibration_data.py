"""Reading the calibration tables (a folder that is not in the repository) into what the speed model takes."""

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from kb.calc.architecture import Architecture
from kb.calc.decode import Step, step_of
from kb.calc.device import Device
from kb.calc.prefill import Prompt, prompt_of
from kb.calc.weights import Weights, weights_of
from kb.records import Backend, Quantization
from kb.units import GB, GIB

HERE = Path(__file__).parent
_LOCALSCORE_PROMPT_TOKENS = 1340
"""Mean prompt length of LocalScore's nine tests, weighted as its mean of speeds is."""


@dataclass(frozen=True)
class Measurement:
    """One published speed with what the model needs to predict it."""

    device: Device
    device_count: int
    model: str
    architecture: Architecture
    weights: Weights
    family: str
    depth: int
    flash_attention: bool | None
    group: str
    prompt_tokens: int
    tokens_per_s: float

    def step(self, *, flash_attention: bool) -> Step:
        return step_of(self.architecture, self.weights, self.family, self.depth, flash_attention=flash_attention)

    def prompt(self, *, flash_attention: bool) -> Prompt:
        return prompt_of(
            self.architecture, self.weights, self.family, self.prompt_tokens,
            depth=self.depth, flash_attention=flash_attention,
        )  # fmt: skip


def read_measurements(folder: Path, kind: str) -> list[Measurement]:
    """The rows of ``decode`` or ``prefill`` that are not marked doubtful.

    Raises ``OSError`` where a table is missing, ``ValueError`` naming a device or model that is not known.
    """
    devices = {row["device"]: row for row in _read(folder / "devices_calibration.csv")}
    extra = {row["device"]: row for row in _read(HERE / "calibration_devices.csv")}
    models = _models()
    measurements = []
    for row in _read(folder / f"{kind}_speed_calibration.csv"):
        if row["quality"] != "ok":
            continue
        if row["device"] not in devices:
            raise ValueError(f"device {row['device']!r} is not in devices_calibration.csv")
        if row["model"] not in models:
            raise ValueError(f"model {row['model']!r} is not in {HERE / 'calibration_models.csv'}")
        measurements.append(
            _measurement(row, devices[row["device"]], extra.get(row["device"], {}), models[row["model"]], kind)
        )
    return measurements


def _measurement(
    row: Mapping[str, str],
    device: Mapping[str, str],
    extra: Mapping[str, str],
    architecture: Architecture,
    kind: str,
) -> Measurement:
    file_bytes = round(float(row["file_gib"]) * GIB) if row["file_gib"] else None
    quantization = quantization_named(row["quant"])
    prompt = re.match(r"pp(\d+)", row["note"])
    return Measurement(
        device=device_of(device, extra, row["backend"]),
        device_count=int(row["device_count"]),
        model=row["model"],
        architecture=architecture,
        weights=_weights(architecture, quantization, file_bytes),
        family=quantization.family,
        depth=int(row["depth"] or 0),
        flash_attention={"1": True, "0": False}.get(row["flash_attention"]),
        group=row["group"],
        prompt_tokens=int(prompt[1]) if prompt else _LOCALSCORE_PROMPT_TOKENS,
        tokens_per_s=float(row[f"{kind}_tps"]),
    )


def device_of(row: Mapping[str, str], extra: Mapping[str, str], backend: str) -> Device:
    """A row of ``devices_calibration.csv``, with what ``calibration_devices.csv`` adds to it."""
    slug = row["device"]
    memory_gb = float(row["memory_gb"] or 0)
    cores = re.fullmatch(r"m\d(?:-(?:pro|max|ultra))?-(\d+)", slug)
    backends: dict[str, Backend] = {
        "cuda": "cuda", "rocm": "rocm", "metal": "metal", "vulkan": "vulkan", "sycl": "sycl", "cpu": "cpu",
    }  # fmt: skip
    return Device(
        name=slug.replace("-", " "),
        backend=backends[backend],
        memory_bytes=round((memory_gb or 64) * GIB),
        bandwidth_bytes_per_s=float(row["bandwidth_gbps"] or extra.get("bandwidth_gb_per_s") or 0) * GB,
        fp16_dense_flops=float(row["fp16_tflops"] or 0) * 1e12,
        unified_memory=row["kind"] == "unified",
        vendor=row["vendor"],
        segment=extra.get("segment") or "consumer",
        tdp_w=float(row["tdp_w"] or 0),
        gpu_cores=int(cores[1]) if cores else int(extra.get("gpu_cores") or 0),
        fp32_flops=float(extra.get("fp32_tflops") or 0) * 1e12,
    )


def quantization_named(name: str) -> Quantization:
    """The record that llama.cpp's name of a quantization stands for."""
    plain = name.removeprefix("UD-")
    family = "legacy"
    if plain in ("F16", "BF16", "F32"):
        family = "float"
    elif plain.startswith("IQ"):
        family = "i-quant"
    elif plain.startswith("MXFP4"):
        family = "microscaling"
    elif "_K" in plain:
        family = "k-quant"
    return Quantization.model_validate(
        {
            "slug": name.lower().replace("_", "-"),
            "name": name,
            "format": "gguf",
            "family": family,
            "summary": f"{name}, as llama.cpp names it in the tables.",
            "sources": ["calibration"],
        }
    )


@lru_cache(maxsize=1024)
def _weights(architecture: Architecture, quantization: Quantization, file_bytes: int | None) -> Weights:
    return weights_of(architecture, quantization, file_bytes)


def _models() -> dict[str, Architecture]:
    rows = {row["slug"]: row for row in _read(HERE / "calibration_models.csv")}
    return {slug: _architecture(slug, rows[row["same_as"] or slug]) for slug, row in rows.items()}


def _architecture(slug: str, row: Mapping[str, str]) -> Architecture:
    config: dict[str, object] = {
        key: int(value) for key, value in row.items() if value and key not in ("slug", "same_as")
    }
    config["tie_word_embeddings"] = bool(config.get("tie_word_embeddings"))
    return Architecture.from_config(slug, config)


def _read(path: Path) -> Iterable[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
