"""The shape of the house: who imports whom, and how large a room may be."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted(path for room in ("kb", "api", "eval") for path in (ROOT / room).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def importers(package: str) -> list[str]:
    """The modules that import a package, by their place in the repository."""
    return [
        path.relative_to(ROOT).as_posix()
        for path in MODULES
        if any(name == package or name.startswith(package + ".") for name in imported(path))
    ]


def test_imports_go_downwards_only() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_library_knows_no_web_framework() -> None:
    for package in ("litestar", "uvicorn", "starlette"):
        assert [path for path in importers(package) if path.startswith("kb/") and not path.startswith("kb/cli/")] == []
    assert importers("litestar"), "the API is made of it"


ADAPTERS = {
    "chromadb": ["kb/search/dense.py"],
    "huggingface_hub": ["kb/llm/hub.py"],
    "llama_cpp": ["kb/llm/llama.py", "kb/llm/measure.py"],  # the programs of two processes
    "sentence_transformers": ["kb/search/embed.py"],
}


@pytest.mark.parametrize("package", ADAPTERS)
def test_one_adapter_each(package: str) -> None:
    assert sorted(importers(package)) == ADAPTERS[package]


def test_the_environment_is_read_in_one_place() -> None:
    readers = [
        path.relative_to(ROOT).as_posix()
        for path in MODULES
        if any(word in path.read_text("utf-8") for word in ("os.environ[", "os.environ.get", "os.getenv"))
    ]
    assert readers == []


def test_importing_does_no_work() -> None:
    """The command line answers ``--help`` without torch, and the library loads without the embedding model."""
    code = (
        "import sys, kb.cli, kb.tools, kb.search.live; print([m for m in ('torch', 'llama_cpp') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_repository_stays_small() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a checkout: there is no list of files")
    names = listed.stdout.decode().split("\0")
    sizes = [(ROOT / name).stat().st_size for name in names if name and (ROOT / name).is_file()]
    assert sum(sizes) < 60 * 10**6
