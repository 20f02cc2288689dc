"""What comes from outside is printed as text: no name of a file gives the terminal an order."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table

from kb import terminal
from tests.small_knowledge import write_knowledge

KB = Path(sys.executable).with_name("kb")
EVIL = "a\x1b]0;owned\x07\x1b[2J\x9b31m\r\x08 [red]b[/] :warning: \u202etxt\u2066"
ORDERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is printed on a terminal without colours, so that every escape code in it comes from outside."""
    screen = io.StringIO()
    for console in (terminal.out, terminal.err):
        monkeypatch.setattr(console, "_file", screen)
        monkeypatch.setattr(console, "_width", 400)
    return screen


def test_strings_cells_titles_and_errors(printed: io.StringIO) -> None:
    table = Table("name", title=EVIL)
    table.add_row(EVIL)
    terminal.out.print(table)
    terminal.err.print(EVIL, soft_wrap=True, style="red")
    terminal.complain(EVIL)
    text = printed.getvalue()
    assert not ORDERS.search(text)
    assert text.count(terminal.shown(EVIL)) == 4
    assert "\\u001b]0;owned\\u0007\\u001b[2J\\u009b31m\\u000d\\u0008 [red]b[/] :warning: \\u202etxt" in text


def test_json_means_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    data = {"file": f"{EVIL}\udcff", "also": "Größe\n\t"}
    terminal.show_json(data)
    text = capsys.readouterr().out
    assert not ORDERS.search(text)
    assert json.loads(text) == data
    assert "Größe" in text


def test_names_of_files(tmp_path: Path) -> None:
    """A file that is taken and one that is refused, named in no encoding at all."""
    write_knowledge(tmp_path / "knowledge")
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a\x1b]0;owned\x07\x1b[2J [red]b.md").write_text("# Rack\n\nIt is called Grendel.\n", "utf-8")
    (folder / "b\udcff\x9b31m.pdf").write_bytes(b"%PDF-1.4 no")
    environment = {"KB_DATA_DIR": str(tmp_path / "data"), "KB_KNOWLEDGE_DIR": str(tmp_path / "knowledge")}
    environment |= {"NO_COLOR": "1", "TERM": "dumb", "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        [KB, "ingest", folder], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "Traceback" not in said
    assert not ORDERS.search(said)
    assert "a\\u001b]0;owned\\u0007\\u001b[2J [red]b.md: 1 passages as document-" in said
    assert "b\\udcff\\u009b31m.pdf: is not a readable PDF" in said
