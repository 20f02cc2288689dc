"""``kb model`` as people run it, its network a local hub."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.hub_server import HubServer, hub_server
from tests.make_gguf import make_gguf

KB = Path(sys.executable).with_name("kb")
TINY = "owner/Tiny-GGUF/tiny.gguf"
NOWHERE = "http://127.0.0.1:9"


def kb(*arguments: object, data: Path, status: int = 0, said: str | None = None, **settings: str) -> tuple[str, str]:
    """What the command writes to its two outputs; ``said`` is what a person types."""
    chosen = {"KB_DATA_DIR": str(data), "HF_ENDPOINT": NOWHERE, "COLUMNS": "250", "NO_COLOR": "1", "TERM": "dumb"}
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("KB_", "HF_"))}
    done = subprocess.run(
        [KB, "model", *map(str, arguments)],
        env=environment | chosen | settings, input=said, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout, done.stderr


def as_json(*arguments: object, data: Path, **settings: str) -> Any:
    return json.loads(kb(*arguments, "--json", data=data, **settings)[0])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder of its own, without an index: no model needs one."""
    return tmp_path


def test_show(tmp_path: Path) -> None:
    path = make_gguf(tmp_path / "tiny.gguf")
    assert as_json("show", path, data=tmp_path)["num_hidden_layers"] == 2
    (tmp_path / "cut.gguf").write_bytes(path.read_bytes()[:100])
    (tmp_path / "not.gguf").write_bytes(b"not a model")
    for name in ("cut.gguf", "not.gguf", "gone.gguf"):
        assert name in kb("show", tmp_path / name, data=tmp_path, status=1)[1]


def test_from_the_hub_to_the_default_and_away(data: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    model = make_gguf(tmp_path_factory.mktemp("tiny") / "tiny.gguf").read_bytes()
    file = data / "models" / "tiny.gguf"
    with hub_server(HubServer({"owner/Tiny-GGUF": {"tiny.gguf": model}})) as hub:
        out, err = kb("pull", TINY, data=data, HF_ENDPOINT=hub.url)
        assert (file.read_bytes() == model, "kb model use tiny" in out, "Fetching tiny.gguf" in err) == (True,) * 3
        again = as_json("pull", TINY, data=data, HF_ENDPOINT=hub.url)
    assert (again["file"], again["considered"]) == (str(file), [])
    assert "not tried yet" in kb("use", "tiny", data=data)[0]
    assert as_json("use", "tiny", data=data)["default"] == str(file)
    row = next(row for row in as_json("list", data=data) if row["name"] == "tiny")
    assert (row["downloaded"], row["default"]) == ("yes", True)
    assert as_json("bench", data=data)["generation"]["measured_tokens_per_s"] > 0
    assert "Aborted" in kb("remove", "tiny", data=data, status=1, said="n\n")[1]
    assert file.is_file()
    kb("remove", "tiny", "--yes", data=data)
    assert not file.exists()
    kb("use", "none", data=data)
    assert "'none'" in kb("bench", data=data, status=1)[1]


def test_auto_chooses_for_this_machine(data: Path, tmp_path: Path) -> None:
    """On a machine with a card of 8 GB; its hub holds a small file under the name of the model that is chosen."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA GeForce RTX 4060, 8188'\n", "utf-8")
    tool.chmod(0o755)
    repository, file = "Qwen/Qwen3-8B-GGUF", "Qwen3-8B-Q4_K_M.gguf"
    with hub_server(HubServer({repository: {file: b"GGUF"}})) as hub:
        out, err = kb("pull", "auto", data=data, HF_ENDPOINT=hub.url, PATH=str(tmp_path))
    assert "qwen3-30b-a3b: no, it needs" in err
    assert "Chosen: qwen3-8b" in err
    assert file in out


def test_check_says_what_for_and_keeps_it(data: Path) -> None:
    """All of it, by a model that says nothing sensible."""
    file = data / "models" / "tiny.gguf"
    file.parent.mkdir()
    make_gguf(file)
    assert "No language model is in force" in kb("check", data=data, status=1)[1]
    found = as_json("check", "tiny", data=data)
    assert (found["questions"], found["right"], found["broken"]) == (20, 40, 50)
    assert not found["earned"]["explains"]
    used = kb("use", "tiny", data=data)[0]
    assert "may explain answers: no. Checking sentences, it dropped" in used
    assert "not a GGUF file" not in kb("list", data=data)[1]


def test_list(data: Path) -> None:
    out, _ = kb("list", data=data)
    assert "Apache-2.0" in out
    assert "In force: none" in out
    assert "KB_MODEL goes before" in kb("list", data=data, KB_MODEL="/x.gguf")[0]


def test_errors_are_for_people(data: Path) -> None:
    assert f"{NOWHERE} cannot be reached" in kb("pull", "qwen3-0.6b", data=data, status=1)[1]
    assert "HF_HUB_OFFLINE is set" in kb("pull", "qwen3-0.6b", data=data, status=1, HF_HUB_OFFLINE="1")[1]
    assert "Nearest: qwen3-0.6b" in kb("pull", "qwen3-0.5b", data=data, status=1)[1]
    assert "kb model pull qwen3-0.6b" in kb("use", "qwen3-0.6b", data=data, status=1)[1]
    (data / "models").mkdir()
    (data / "models" / "text.gguf").write_text("a text", "utf-8")
    assert "not a GGUF file" in kb("use", "text", data=data, status=1)[1]
    assert not (data / "models" / "default").exists()
