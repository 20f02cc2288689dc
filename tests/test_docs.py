"""README says what there is, and what it shows works."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from kb.chat.reply import ChatRequest, Reply, Understood
from kb.cli import app
from kb.llm.downloads import load_downloads
from kb.settings import Settings
from kb.tools import TOOLS

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
README = (ROOT / "README.md").read_text("utf-8")


def test_nothing_is_left_to_fill_in() -> None:
    assert not re.findall(r"@[A-Z_]+@", README)


@pytest.mark.parametrize("tool", TOOLS.names())
def test_every_tool_is_documented(tool: str) -> None:
    assert f"| `{tool}` | {TOOLS[tool].description} |" in README


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting_is_documented(name: str) -> None:
    description = Settings.model_fields[name].description
    assert description
    assert f"| `KB_{name.upper()}` | {description} |" in README


def commands() -> dict[str, str]:
    """The first line of each one's help, of groups and of their commands."""
    found: dict[str, str] = {}
    waiting = [("", typer.main.get_command(app))]
    while waiting:
        path, command = waiting.pop()
        if path:
            found[path] = (command.help or "").split("\n\n")[0].replace("\n", " ")
        if isinstance(command, typer.core.TyperGroup):
            waiting += [(f"{path} {name}".strip(), inner) for name, inner in command.commands.items()]
    return found


@pytest.mark.parametrize("name", list(commands()))
def test_every_command_is_documented(name: str) -> None:
    help_text = commands()[name]
    assert help_text
    assert f"| `kb {name}` | {help_text} |" in README


def test_the_shell_commands_of_the_readme_run(data_dir: Path) -> None:
    """Those of the command line; make and curl are run by the other tests' real servers."""
    block = next(block for block in re.findall(r"```sh\n(.*?)```", README, re.S) if block.startswith("kb fit"))
    for line in block.strip().splitlines():
        done = subprocess.run(
            ["bash", "-c", line],
            env={**os.environ, "KB_DATA_DIR": str(data_dir), "PATH": f"{BIN}:{os.environ['PATH']}"},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert "4090" in done.stdout


def test_the_transcript_is_what_the_program_says(data_dir: Path) -> None:
    ((command, said),) = re.findall(r"```console\n\$ (kb ask .*?)\n(.*?)\n```", README, re.S)
    done = subprocess.run(
        ["bash", "-c", command],
        env={
            **os.environ, "KB_DATA_DIR": str(data_dir), "PATH": f"{BIN}:{os.environ['PATH']}", "COLUMNS": "80",
            "TERM": "dumb",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [line.rstrip() for line in done.stdout.splitlines()] == said.splitlines()


def test_the_models_that_the_readme_names_can_be_pulled() -> None:
    section = README.split("### Which model should I take?")[1].split("## Settings")[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| a")]
    sizes = {download.slug: download.size_gb for download in load_downloads(ROOT)}
    assert rows
    for _, _, names, said, _ in rows:
        low, *high = map(float, re.findall(r"[\d.]+", said))
        for name in re.findall(r"`([^`]+)`", names):
            assert low <= round(sizes[name], 1) <= (high[0] if high else low)


@pytest.mark.parametrize("document", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_what_documents_name_is_there(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    named = set(re.findall(r"`((?:kb|api|corpus|glossary|tests|eval)/[\w./-]*)`", text))
    assert named
    assert sorted(path for path in named if not (ROOT / path).exists()) == []
    modules = {name.replace(".", "/") for name in re.findall(r"python -m ((?:kb|eval)\.[\w.]+)", text)}
    assert sorted(name for name in modules if not (ROOT / f"{name}.py").is_file()) == []


def test_each_way_to_add_something_is_held_by_a_test() -> None:
    table = (ROOT / "ARCHITECTURE.md").read_text("utf-8").split("## To add a …")[1]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 12
    assert [what for what, _, held in rows if not re.search(r"`tests/[\w/]+\.py`", held)] == []


@pytest.mark.parametrize("field", [*Reply.model_fields, *Understood.model_fields, *ChatRequest.model_fields])
def test_every_field_of_the_chat_is_documented(field: str) -> None:
    api = README.split("## The API")[1].split("## The tools")[0]
    assert re.search(rf"[`\"]{field}[`\"]", api)


def test_the_files_of_a_tools_folder_are_documented() -> None:
    table = (ROOT / "ARCHITECTURE.md").read_text("utf-8").split("## A tool is a folder")[1].split("\n## ")[0]
    of_all = set.intersection(*({path.name for path in tool.folder.iterdir()} for tool in TOOLS))
    assert set(re.findall(r"^\| `([\w.]+)` \|", table, re.M)) == of_all - {"__init__.py", "__pycache__"}


@pytest.mark.parametrize("document", ["README.md", "ARCHITECTURE.md"])
def test_every_room_is_documented(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    rooms = {path.parent.name for path in (ROOT / "kb").glob("*/__init__.py")}
    missing = {room for room in rooms if f"`kb/{room}/`" not in text}
    assert missing <= ({"text"} if document == "README.md" else set())


def test_the_python_of_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    code = next(code for code in re.findall(r"```python\n(.*?)```", README, re.S) if "from kb" in code)
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out.startswith("fits_with_offload 45.")
