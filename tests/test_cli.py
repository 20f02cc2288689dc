"""``kb`` as people run it: a process, its output, its exit status."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.small_knowledge import FILES, write_knowledge

KB = Path(sys.executable).with_name("kb")
COMMANDS = ("build", "serve", "ask", "term", "fit", "speed", "tool", "search", "ingest", "eval", "model", "doctor")


def kb(*arguments: object, data: Path, knowledge: Path | None = None, status: int = 0) -> tuple[str, str]:
    """What the command writes to its two outputs; neither is ever a traceback."""
    settings = {"KB_DATA_DIR": str(data), "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    if knowledge is not None:
        settings["KB_KNOWLEDGE_DIR"] = str(knowledge)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("KB_")} | settings
    done = subprocess.run(
        [KB, *map(str, arguments)], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout, done.stderr


def as_json(*arguments: object, data: Path, knowledge: Path | None = None, status: int = 0) -> Any:
    return json.loads(kb(*arguments, "--json", data=data, knowledge=knowledge, status=status)[0])


def test_help_lists_every_command(tmp_path: Path) -> None:
    out, _ = kb("--help", data=tmp_path)
    assert set(COMMANDS) <= set(re.findall(r"^\W*(\w+) ", out, re.M))
    assert not list(tmp_path.iterdir())


def test_what_is_calculated_or_looked_up_needs_no_index(tmp_path: Path) -> None:
    assert "memory" in kb("term", "vram", data=tmp_path)[0]
    assert as_json("fit", "llama 3.1 8b", "RTX 4090", data=tmp_path)["verdict"] == "fits"
    assert as_json("speed", "llama 3.1 8b", "RTX 4090", data=tmp_path)["decode_tokens_per_s"]["typical"] > 50
    two = ("--quantization", "q4_k_m", "--device", "RTX 4090", "--device-count", "2", "--flash-attention=true")
    called = kb("tool", "check_fit", "--model", "llama 3.1 70b", *two, data=tmp_path)[0]
    assert json.loads(called)["verdict"] == "fits"
    several = ("compare_devices", "--devices", "RTX 4090", "--devices", "RTX 5090")
    assert len(json.loads(kb("tool", *several, data=tmp_path)[0])["devices"]) == 2
    config = '{"memory_gib": 24, "memory_bandwidth_gb_per_s": 1008, "backend": "cuda"}'
    given = kb(
        "tool", "estimate_speed", "--model", "llama 3.1 8b", "--quantization=q4_0", "--device", config, data=tmp_path
    )
    assert json.loads(given[0])["bottleneck"]
    assert "check_fit: " in kb("tool", data=tmp_path)[0]
    assert not list(tmp_path.iterdir())


def test_a_tool_called_wrongly_says_how(tmp_path: Path) -> None:
    assert "check_fit" in kb("tool", "chek_fit", data=tmp_path, status=1)[1]
    assert "model" in kb("tool", "check_fit", "--modle", "x", data=tmp_path, status=1)[1]
    assert "--name value" in kb("tool", "check_fit", "llama", data=tmp_path, status=1)[1]
    assert "kb build" in kb("tool", "search_passages", "--query", "vram", data=tmp_path, status=1)[1]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A knowledge folder and a data folder, built by the command."""
    root = tmp_path_factory.mktemp("cli")
    write_knowledge(root / "knowledge")
    made = as_json("build", data=root / "data", knowledge=root / "knowledge")
    assert made["changed"] is True
    assert made["counts"]["terms"] == 2
    return root / "knowledge", root / "data"


def test_build_again_and_build_of_a_mistake(small: tuple[Path, Path], tmp_path: Path) -> None:
    knowledge, data = small
    out, _ = kb("build", data=data, knowledge=knowledge)
    assert out.startswith("Up to date:")
    vram = "glossary/terms/vram.md"
    broken = write_knowledge(tmp_path, {vram: FILES[vram].replace("[memory]", "[memry]", 1)})
    out, err = kb("build", data=data, knowledge=broken, status=1)
    assert (vram in err, "did you mean memory" in err, out) == (True, True, "")


def test_ingest_then_search(small: tuple[Path, Path], tmp_path: Path) -> None:
    knowledge, data = small
    (tmp_path / "rack.md").write_text("# Rack\n\nThe rack in the cellar is called Grendel [sic].\n", "utf-8")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 no")
    outside = tmp_path.with_name(f"{tmp_path.name}-outside.md")
    outside.write_text("Not to be read.", "utf-8")
    (tmp_path / "link.md").symlink_to(outside)
    out, err = kb("ingest", tmp_path, data=data, knowledge=knowledge, status=1)
    assert "link.md: skipped, a link that leads out of the folder" in err
    assert "outside" not in out
    assert re.search(r"0\.00 MB of text: read in \d+ s, indexed in \d+ s", err)
    assert "rack.md: 1 passages as document-rack-" in out
    assert "broken.pdf: is not a readable PDF" in err
    out, _ = kb("search", "what is the rack in the basement called", "-k", 1, data=data)
    assert "The rack in the cellar is called Grendel [sic]." in out


def test_damaged_index_and_missing_one(small: tuple[Path, Path], tmp_path: Path) -> None:
    _, err = kb("search", "vram", data=tmp_path / "none", status=1)
    assert "Run `kb build` first" in err
    findings = {finding["what"]: finding for finding in as_json("doctor", data=tmp_path / "none", status=1)}
    assert (findings["index"]["ok"], findings["Python"]["ok"]) == (False, True)
    assert "kb build" in findings["index"]["says"]


def test_ask(data_dir: Path) -> None:
    reply = as_json("ask", "can I run a 70B on my 4090, and how fast?", data=data_dir)
    assert reply["abstained"] is False
    assert reply["grounding"]["unsupported_figures"] == []
    assert {call["name"] for call in reply["tool_calls"]} >= {"check_fit"}
    assert re.search(r"\[\d+\]", reply["answer"])
    out, _ = kb("ask", "What", "is", "VRAM?", data=data_dir)
    assert "VRAM" in out
    assert re.search(r"^\[1\] .+ \(.+\)$", out, re.M), "sources under the answer"


def test_ask_does_not_wait_for_what_it_does_not_need(data_dir: Path) -> None:
    environment = {**os.environ, "KB_DATA_DIR": str(data_dir), "KB_SERVER_URL": "none"}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "kb.cli", "ask", "what is VRAM?"],
        env=environment, capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "chromadb" in loaded
    assert not loaded & {"torch", "transformers", "sentence_transformers", "sklearn", "scipy", "litestar", "llama_cpp"}


@pytest.mark.parametrize("question", ["", "x" * 20_000], ids=["empty", "too long"])
def test_ask_what_is_no_question(data_dir: Path, question: str) -> None:
    out, err = kb("ask", question, data=data_dir, status=1)
    assert out == ""
    assert "kb:" in err
    assert re.search(r"at (least 1|most \d+) character", err)
    assert len(err) < 1000


def test_term(data_dir: Path) -> None:
    view = as_json("term", "video memory", data=data_dir)
    assert view["slug"] == "vram"
    assert view["sources"]
    _, err = kb("term", "flux capacitor [x]", data=data_dir, status=1)
    assert "No term is called 'flux capacitor [x]'." in err


def test_fit(data_dir: Path) -> None:
    out, _ = kb("fit", "llama 3.1 70b", "2x rtx 3090", "--context", 4096, data=data_dir)
    assert "fits" in out
    assert "GB" in out
    result = as_json("fit", "70b", "4090", "-q", "q4", data=data_dir)
    assert result["verdict"] == "fits_with_offload"
    _, err = kb("fit", "70b", "rtx 5091", data=data_dir, status=1)
    assert "No device is called 'rtx 5091'. Nearest: GeForce RTX 5090" in err
    _, err = kb("fit", "70b", "4090", "--context", -1, data=data_dir, status=1)
    assert "context" in err
    assert "accepted: 1 to 100000000" in err


def test_speed(data_dir: Path) -> None:
    result = as_json("speed", "llama 3.1 8b", "rtx 4090", data=data_dir)
    assert 0 < result["decode_tokens_per_s"]["typical"] < result["ceiling_tokens_per_s"]
    _, err = kb("speed", "llama 3.1 8b", "rx 7900", data=data_dir, status=1)
    assert "ambiguous" in err
    assert "XTX" in err


@pytest.mark.parametrize(
    ("device", "taken", "other"),
    [("3060", "GeForce RTX 3060 12GB", "GeForce RTX 3060 8GB"), ("mac mini m4", "16 GB was taken", "(M4, 2024) 24 GB")],
)
def test_what_a_name_leaves_open_is_taken_and_told(data_dir: Path, device: str, taken: str, other: str) -> None:
    """Beside the result; a tool by its name refuses what names several."""
    out, err = kb("fit", "llama 3.1 8b", device, "--json", data=data_dir)
    assert json.loads(out)["verdict"] == "fits"
    assert taken in err
    assert other in err.partition("It may also be")[2]
    _, err = kb("tool", "check_fit", "--model", "8b", "--device", "3060", data=data_dir, status=1)
    assert "ambiguous" in err


@pytest.mark.parametrize(("engine", "said"), [("gone.gguf", "Accepted: none"), ("not.gguf", "is not a GGUF file")])
def test_eval_names_an_engine_that_is_not_there(data_dir: Path, tmp_path: Path, engine: str, said: str) -> None:
    (tmp_path / "not.gguf").write_bytes(b"not a model")
    out, err = kb("eval", "--engine", tmp_path / engine, "--report", tmp_path / "report", data=data_dir, status=1)
    assert (said in err, out, (tmp_path / "report").exists()) == (True, "", False)


def test_eval_puts_engines_side_by_side(data_dir: Path, tmp_path: Path) -> None:
    done = as_json("eval", "--engine", "none", "--report", tmp_path / "report", data=data_dir)
    assert done["engines"]["none"]["unsupported figures"] == "0"
    assert done["questions"] > 0.9
    report = json.loads((tmp_path / "report" / "report.json").read_text("utf-8"))
    assert len(report["engines"][0]["plans"]) >= 120


def test_doctor(data_dir: Path) -> None:
    out, _ = kb("doctor", data=data_dir)
    assert re.search(r"^ok\s+index: build \w{16}", out, re.M)


@pytest.mark.parametrize(
    "arguments", [[], ["frobnicate"], ["term"], ["search", "x", "-k", "0"], ["serve", "--port", "0"]]
)
def test_wrong_usage(arguments: list[str], tmp_path: Path) -> None:
    out, err = kb(*arguments, data=tmp_path, status=2)
    assert "Usage" in out + err


def test_serve_says_when_the_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        _, error = kb("serve", "--port", taken.getsockname()[1], data=tmp_path, status=1)
    assert "--port" in error
    assert "Hardware KB on" not in error
