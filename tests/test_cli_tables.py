"""What the command line draws, at 80 columns and fewer, and what the shell completes. None of it needs an index."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kb.catalogue import Catalogue
from kb.catalogue.names import DEVICE_KINDS
from kb.catalogue.records import LanguageModel
from kb.cli import completing
from kb.cli.memory_bar import shares
from kb.tools import TOOLS

KB = Path(sys.executable).with_name("kb")
COLOURS = re.compile(r"\x1b\[[\d;]*m")


def kb(*arguments: object, data: Path, width: int = 80, **settings: str) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("KB_")}
    environment |= {"KB_DATA_DIR": str(data), "COLUMNS": str(width), "PATH": "/usr/bin:/bin"} | settings
    done = subprocess.run([KB, *map(str, arguments)], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def bars(text: str) -> list[str]:
    return re.findall(r"^\[([#=+%.|]+)\]$", text, re.M)


def test_a_bar_for_what_fits(tmp_path: Path) -> None:
    text = kb("fit", "llama 3.1 8b", "RTX 4090", data=tmp_path)
    found = json.loads(kb("fit", "llama 3.1 8b", "RTX 4090", "--json", data=tmp_path))
    (bar,) = bars(text)
    assert len(bar) == 78
    assert re.fullmatch(r"#+=+\++%+\.+", bar)
    assert abs(bar.count("#") / 78 - found["breakdown"]["weights_gb"] / found["available_gb"]) < 2 / 78
    assert f"# weights {found['breakdown']['weights_gb']:.2f}" in text
    assert f". free {found['headroom_gb']:.2f}" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_bar_for_each_memory(tmp_path: Path) -> None:
    text = kb("fit", "llama 3.1 70b", "RTX 4090", "--system-memory-gb", 32, data=tmp_path)
    card, ram = bars(text)
    assert card.count("#") > ram.count("#") > 0
    assert "System memory, 32 GiB: " in text
    assert len(bars(kb("fit", "llama 3.1 70b", "RTX 4090", "-n", 2, data=tmp_path))) == 2


def test_a_bar_that_is_too_short_shows_where_the_memory_ends(tmp_path: Path) -> None:
    text = kb("fit", "llama 3.1 405b", "RTX 4090", data=tmp_path, width=60)
    (bar,) = bars(text)
    assert (len(bar), bar.index("|")) == (58, round(58 * 25.77 / 253.34))
    assert "too small" in text
    assert "free" not in text


def test_colours_change_no_character(tmp_path: Path) -> None:
    plain = kb("fit", "llama 3.1 8b", "RTX 4090", data=tmp_path, NO_COLOR="1")
    coloured = kb("fit", "llama 3.1 8b", "RTX 4090", data=tmp_path, FORCE_COLOR="1", TERM="xterm-256color")
    assert coloured != plain
    assert bars(COLOURS.sub("", coloured)) == bars(plain)


@pytest.mark.parametrize("sizes", [[1.0, 0.0], [0.001, 0.001, 500.0, 0.001], [1.0] * 5, [0.0, 3.0]])
def test_shares_are_whole(sizes: list[float]) -> None:
    counts = shares(sizes, 40)
    assert sum(counts) == 40
    assert [count > 0 for count in counts] == [size > 0 for size in sizes]


@pytest.mark.parametrize("width", [30, 50, 80, 200])
def test_names_of_models_are_whole_at_any_width(tmp_path: Path, width: int) -> None:
    asked = ("runs", "m4 max", "--limit", 60)
    text = kb(*asked, data=tmp_path, width=width)
    found = json.loads(kb(*asked, "--json", data=tmp_path))
    for model in (*found["suggested"], *found["models"]):
        assert re.search(rf"^{re.escape(model['model'])}(?: |$)", text, re.M)
    assert max(map(len, text.splitlines()[1:])) <= max(width, 60)
    assert "…" not in text
    assert ("in a wider window also: " in text) == (width < 200)


def test_runs_on_this_machine_and_for_a_use(tmp_path: Path) -> None:
    assert "To begin with on " in kb("runs", "--here", "--use", "chat", "--limit", 1, data=tmp_path)
    assert "of it in RAM" in kb("runs", "RTX 3060 12GB", "--system-memory-gb", 64, data=tmp_path)


def test_names_of_downloads_are_whole(tmp_path: Path) -> None:
    text = kb("model", "list", data=tmp_path)
    for row in json.loads(kb("model", "list", "--json", data=tmp_path)):
        assert re.search(rf"^{re.escape(row['name'])}(?: |$)", text, re.M)


def test_what_is_completed_is_what_is_known() -> None:
    known = Catalogue.load()
    assert completing.models("") == sorted(known.known.of(LanguageModel))
    assert completing.devices("") == sorted(slug for kind in DEVICE_KINDS for slug in known.known.specs[kind])
    assert completing.quantizations("") == sorted(known.known.specs["quantizations"])
    assert completing.terms("") == sorted(known.known.terms)
    assert completing.tools("") == sorted(TOOLS.names())
    assert completing.models("LLAMA-3-1-8") == ["llama-3-1-8b"]
    assert completing.models("no such") == []


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("kb ru", {"runs"}),
        ("kb fit llama-3-1-8", {"llama-3-1-8b"}),
        ("kb fit llama-3-1-8b rtx-4090", {"rtx-4090", "rtx-4090-laptop"}),
        ("kb speed llama-3-1-8b rtx-4090 -q q8", {"q8_0"}),
        ("kb tool what_", {"what_runs_on"}),
        ("kb term nvfp", {"nvfp4"}),
    ],
)
def test_the_shell_completes(line: str, completed: set[str], tmp_path: Path) -> None:
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1), "_KB_COMPLETE": "complete_bash"}
    assert set(kb(data=tmp_path, **words).split()) >= completed


def test_completion_is_shown(tmp_path: Path) -> None:
    assert "complete" in kb("--show-completion", "bash", data=tmp_path)
