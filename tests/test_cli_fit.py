"""``kb fit`` and ``kb speed`` of a model file, and on this machine."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gguf
import pytest

from tests.make_gguf import make_gguf, truncate

KB = Path(sys.executable).with_name("kb")


def kb(*arguments: object, data: Path, status: int = 0, path: Path | None = None) -> tuple[str, str]:
    settings = {"KB_DATA_DIR": str(data), "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    if path is not None:
        settings["PATH"] = str(path)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("KB_")} | settings
    done = subprocess.run(
        [KB, *map(str, arguments)], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout, done.stderr


def as_json(*arguments: object, data: Path, path: Path | None = None) -> Any:
    return json.loads(kb(*arguments, "--json", data=data, path=path)[0])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gguf(tmp_path_factory.mktemp("models") / "tiny.gguf")


def test_fit_of_a_file_counts_its_own_tensors(model: Path, data_dir: Path) -> None:
    found = as_json("fit", model, "RTX 4090", "-c", 4096, data=data_dir)
    tensors = sum(int(tensor.n_bytes) for tensor in gguf.GGUFReader(model).tensors)
    assert found["verdict"] == "fits"
    assert any("the file's own tensors" in line for line in found["assumptions"])
    assert found["breakdown"]["weights_gb"] == pytest.approx(tensors / 1e9, abs=1e-3)
    assert found["quantization"] == "F32"


def test_speed_of_a_file(model: Path, data_dir: Path) -> None:
    found = as_json("speed", model, "RTX 4090", "-c", 512, data=data_dir)
    assert 0 < found["decode_tokens_per_s"]["typical"] <= found["ceiling_tokens_per_s"]


def test_a_file_without_its_weights_is_enough(model: Path, data_dir: Path, tmp_path: Path) -> None:
    """A header and a hole: the weights are not read."""
    reader = gguf.GGUFReader(model)
    hole = tmp_path / "hole.gguf"
    hole.write_bytes(model.read_bytes()[: reader.data_offset])
    os.truncate(hole, model.stat().st_size)
    whole = as_json("fit", model, "RTX 4090", data=data_dir)
    assert as_json("fit", hole, "RTX 4090", data=data_dir)["breakdown"] == whole["breakdown"]


def test_a_split_file_is_one_model(model: Path, data_dir: Path, tmp_path: Path) -> None:
    """The first part holds all but one tensor, the second the last."""
    _split(model, tmp_path)
    whole = as_json("fit", model, "RTX 4090", data=data_dir)
    for part in sorted(tmp_path.glob("tiny-*.gguf")):
        assert as_json("fit", part, "RTX 4090", data=data_dir)["breakdown"] == whole["breakdown"]
    (tmp_path / "tiny-00002-of-00002.gguf").unlink()
    _, said = kb("fit", tmp_path / "tiny-00001-of-00002.gguf", "RTX 4090", data=data_dir, status=1)
    assert "tiny-00002-of-00002.gguf" in said


def _split(model: Path, folder: Path) -> None:
    reader = gguf.GGUFReader(model)
    for number, tensors in enumerate((reader.tensors[:-1], reader.tensors[-1:]), 1):
        writer = gguf.GGUFWriter(folder / f"tiny-{number:05d}-of-00002.gguf", "llama")
        if number == 1:
            for name, field in reader.fields.items():
                if name.startswith("GGUF.") or name == "general.architecture":
                    continue
                kind = field.types[0]
                writer.add_key_value(name, field.contents(), kind, field.types[-1] if len(field.types) > 1 else None)
        for tensor in tensors:
            writer.add_tensor(tensor.name, tensor.data)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


@pytest.mark.parametrize("command", ["fit", "speed"])
def test_files_that_are_no_models(command: str, model: Path, data_dir: Path, tmp_path: Path) -> None:
    for name, content in (("missing.gguf", None), ("text.gguf", b"a text"), ("empty.gguf", b"")):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        _, said = kb(command, tmp_path / name, "RTX 4090", data=data_dir, status=1)
        assert name in said
    short = truncate(model, tmp_path / "short.gguf", keep=0.01)
    assert "short.gguf" in kb(command, short, "RTX 4090", data=data_dir, status=1)[1]


@pytest.fixture
def two_cards(tmp_path: Path) -> Path:
    """A PATH on which nvidia-smi shows two cards."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA GeForce RTX 3090, 24576'\necho 'NVIDIA GeForce RTX 3090, 24576'\n")
    tool.chmod(0o755)
    return tmp_path


def test_here(data_dir: Path, two_cards: Path) -> None:
    found = as_json("fit", "llama 3.1 70b", "--here", data=data_dir, path=two_cards)
    named = as_json("fit", "llama 3.1 70b", "RTX 3090", "-n", 2, data=data_dir)
    assert (found["device"], found["verdict"]) == (named["device"], "fits")
    assert found["required_gb"] == named["required_gb"]
    speed, said = kb("speed", "llama 3.1 8b", "--here", data=data_dir, path=two_cards)
    assert "tokens/s" in speed
    assert "RTX 3090" in said


def test_here_without_a_gpu(data_dir: Path, tmp_path: Path) -> None:
    found = as_json("speed", "qwen2.5 0.5b", "--here", data=data_dir, path=tmp_path)
    assert found["verdict"] == "fits"


def test_a_file_here(model: Path, data_dir: Path, two_cards: Path) -> None:
    assert "RTX 3090" in as_json("fit", model, "--here", data=data_dir, path=two_cards)["device"]


@pytest.mark.parametrize("arguments", [("llama 3.1 8b",), ("llama 3.1 8b", "RTX 4090", "--here")])
def test_either_a_device_or_here(arguments: tuple[str, ...], data_dir: Path) -> None:
    assert "one of the two" in kb("fit", *arguments, data=data_dir, status=1)[1]


def test_bad_figures_name_the_field(model: Path, data_dir: Path) -> None:
    for what in ("llama 3.1 8b", model):
        assert "context" in kb("fit", what, "RTX 4090", "-c", 0, data=data_dir, status=1)[1]
