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
    "safetensors": ["kb/search/bert.py"],
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


SAYS = frozenset({"answer", "details", "explanation", "worded", "evidence"})
"""What composed text is kept in."""
READS = frozenset({"search", "match", "fullmatch", "findall", "finditer", "split", "sub", "subn"})


def readers_of_composed_text(tree: ast.AST) -> Iterator[int]:
    """Lines with a call of an expression one of whose arguments is an answer's text. The user's own text is a
    situation's, and may be read."""
    kept = {
        name.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _is_composed(node.value)
        for name in node.targets
        if isinstance(name, ast.Name)
    }
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in READS):
            continue
        if isinstance(node.func.value, ast.Name | ast.Attribute) and _is_expression(node.func.value):
            used = (part for argument in node.args for part in ast.walk(argument))
            if any(_is_composed(part) or (isinstance(part, ast.Name) and part.id in kept) for part in used):
                yield node.lineno


def _is_expression(node: ast.expr) -> bool:
    """``re`` itself, or one that the module keeps by a name in capitals."""
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return name == "re" or name.strip("_").isupper()


def _is_composed(node: ast.AST) -> bool:
    """``answer.text``, ``reply.answer``, ``self._answer.details``, and what is rendered right there."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        owner = node.func.value
        return isinstance(owner, ast.Name) and owner.id == "markdown" and node.func.attr in RENDERS
    if not isinstance(node, ast.Attribute):
        return False
    owner = node.value
    name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
    return node.attr in SAYS or (node.attr == "text" and name.strip("_") in ("answer", "reply", "composed"))


RENDERS = frozenset({"brief", "details", "sentence", "plain", "table"})


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("_X.search(answer.text)", [1]),
        ("re.findall(r'x', reply.answer.lower())", [1]),
        ("text = reply.answer\n_X.split(text)", [2]),
        ("_X.sub('', f'{self._answer.details}')", [1]),
        ("said = markdown.brief(x, y)\n_X.match(said)", [2]),
        ("_X.search(situation.text)\n_X.search(self._answer.situation.text)\nanswer.text.split('x')", []),
    ],
)
def test_a_reader_of_composed_text_is_found(code: str, found: list[int]) -> None:
    assert list(readers_of_composed_text(ast.parse(code))) == found


def test_no_expression_is_matched_against_composed_text() -> None:
    """Typed until the end: what an answer says is asked of its statements, never of its English."""
    found = [
        f"{path.relative_to(ROOT).as_posix()}:{line}"
        for path in MODULES
        if path.is_relative_to(ROOT / "kb") or path.is_relative_to(ROOT / "api")
        for line in readers_of_composed_text(ast.parse(path.read_text("utf-8")))
    ]
    assert found == []


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
