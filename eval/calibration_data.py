"""Reading the calibration tables (a folder that is not in the repository) into what the speed model takes."""

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import cast

from kb.calc.device import Device
from kb.calc.memory import families
from kb.calc.memory.architecture import Architecture
from kb.calc.memory.config import Config
from kb.calc.memory.weights import Weights, weights_of
from kb.calc.speed.decode import Step, step_of
from kb.calc.speed.prefill import Prompt, prompt_of
from kb.catalogue.files import read_mapping
from kb.catalogue.load import Knowledge, load
from kb.catalogue.records import Accelerator, Backend, LanguageModel, Quantization
from kb.catalogue.units import GB, GIB

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
    """The rows of ``decode`` or ``prefill`` that are not marked doubtful, with our own records of what was measured.

    Raises ``OSError`` where a table is missing, ``ValueError`` naming a device or model that is not known.
    """
    tables = {row["device"]: row for row in _read(folder / "devices_calibration.csv")}
    return [
        _measurement(row, tables, kind)
        for row in _read(folder / f"{kind}_speed_calibration.csv")
        if row["quality"] == "ok"
    ]


def _measurement(row: Mapping[str, str], tables: Mapping[str, Mapping[str, str]], kind: str) -> Measurement:
    file_bytes = round(float(row["file_gib"]) * GIB) if row["file_gib"] else None
    quantization = quantization_named(row["quant"])
    architecture = architecture_of(row["model"])
    prompt = re.match(r"pp(\d+)", row["note"])
    return Measurement(
        device=device_of(row["device"], row["backend"], tables),
        device_count=int(row["device_count"]),
        model=row["model"],
        architecture=architecture,
        weights=weights_of(architecture, quantization, file_bytes),
        family=quantization.family,
        depth=int(row["depth"] or 0),
        flash_attention={"1": True, "0": False}.get(row["flash_attention"]),
        group=row["group"],
        prompt_tokens=int(prompt[1]) if prompt else _LOCALSCORE_PROMPT_TOKENS,
        tokens_per_s=float(row[f"{kind}_tps"]),
    )


def _ours(kind: str, slug: str) -> str:
    names: Mapping[str, str] = _names()[kind]
    return names.get(slug, slug)


@cache
def _names() -> Mapping[str, Mapping[str, str]]:
    return read_mapping(Path(__file__).with_name("calibration_names.yaml"))


def device_of(slug: str, backend: str, tables: Mapping[str, Mapping[str, str]]) -> Device:
    """The catalogue's record, driven by the measurement's backend; of a CPU the table alone knows the memory."""
    if record := catalogue().of(Accelerator).get(_ours("devices", slug)):
        return replace(Device.of(record), backend=cast(Backend, backend))
    row = tables.get(slug)
    if row is None or row["kind"] != "cpu":
        raise ValueError(f"device {slug!r} is not in the catalogue of accelerators")
    return Device(slug.replace("-", " "), "cpu", 64 * GIB, float(row["bandwidth_gbps"]) * GB, vendor=row["vendor"])


@lru_cache(maxsize=1024)
def architecture_of(slug: str) -> Architecture:
    """The catalogue's record of a model, or of its twin; slugs there have hyphens for points."""
    models = catalogue().of(LanguageModel)
    record = models.get(_ours("models", slug)) or models.get(slug.replace(".", "-"))
    while record and record.same_architecture_as and record.num_hidden_layers is None:
        record = models[record.same_architecture_as]
    if record is None:
        raise ValueError(f"model {slug!r} is not in the catalogue of models")
    return families.architecture_of(Config.of(record))


@lru_cache(maxsize=1)
def catalogue() -> Knowledge:
    """What production answers from."""
    return load(Path(__file__).parent.parent)


def quantization_named(name: str) -> Quantization:
    """The catalogue's record of what llama.cpp calls ``name``; a dynamic mix without one goes by its type."""
    slug = name.lower()
    records = catalogue().of(Quantization)
    if slug in records:
        return records[slug]
    plain = name.removeprefix("UD-").removesuffix("_XL")
    known = next((each for each in (plain, f"{plain}_M") if each.lower() in records), None)
    if known is None:
        raise ValueError(f"quantization {name!r} is not in the catalogue of quantizations")
    return quantization_named(known).model_copy(update={"slug": slug, "name": name, "bits_per_weight_file": None})


def _read(path: Path) -> Iterable[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
