"""A tool is one folder: a sample dropped beside the others is a tool, with no other file touched."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest
from jsonschema import Draft202012Validator

import kb.tools
from kb.search.live import Index
from kb.tools import TOOLS, InvalidArguments, registry

ROOT = Path(__file__).resolve().parents[3]
NAME = "books_in_context"
SAMPLE = '''
"""How many books fit in a context?"""

from typing import Annotated

from pydantic import Field

from kb.catalogue import Catalogue
from kb.tools.base import Arguments, Real, Result, Tool, Whole


class BooksArguments(Arguments):
    context: Annotated[Whole, Field(ge=1, le=100_000_000)]
    words: Annotated[Whole, Field(ge=1, le=10_000_000, description="of one book")] = 90_000
    tokens_per_word: Annotated[Real, Field(ge=0.1, le=100)] = 1.5


class BooksAnswer(Result):
    books: int
    formula: str


def run(catalogue: Catalogue, arguments: BooksArguments) -> BooksAnswer:
    each = arguments.words * arguments.tokens_per_word
    books = int(arguments.context // each)
    return BooksAnswer(books=books, formula=f"{arguments.context:,} ÷ {each:,.0f} tokens a book = {books}")


TOOL = Tool(
    "books_in_context",
    "How many books of so many words fit whole in a context.",
    BooksArguments,
    BooksAnswer,
    run,
    {"context": 1_000_000},
)
'''


def drop(tools: Path) -> None:
    (tools / NAME).mkdir()
    (tools / NAME / "tool.py").write_text(SAMPLE, "utf-8")


def test_every_folder_is_the_tool_of_its_name() -> None:
    folders = {path.parent.name: path.parent for path in (ROOT / "kb" / "tools").glob("*/tool.py")}
    assert sorted(folders) == TOOLS.names()
    assert all((folder / "__init__.py").is_file() for folder in folders.values()), "the wheel carries packages only"


def test_the_registry_walks_its_path(tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    drop(tmp_path)
    monkeypatch.setattr(kb.tools, "__path__", [*kb.tools.__path__, str(tmp_path)])
    try:
        tool = registry()[NAME]
        assert registry().names() == sorted([*TOOLS.names(), NAME])
        assert tool.call(index, tool.example).books == 7
        with pytest.raises(InvalidArguments, match="context"):
            tool.call(index, {"context": 0})
    finally:
        for module in (f"kb.tools.{NAME}.tool", f"kb.tools.{NAME}"):
            sys.modules.pop(module, None)
        vars(kb.tools).pop(NAME, None)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code with the sample among the tools; the knowledge is the repository's."""
    house = tmp_path_factory.mktemp("house")
    for room in ("kb", "api"):
        shutil.copytree(ROOT / room, house / room, ignore=shutil.ignore_patterns("__pycache__", "built_in"))
    drop(house / "kb" / "tools")
    return house


def environment(house: Path, data: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("KB_")}
    return kept | {"PYTHONPATH": str(house), "KB_KNOWLEDGE_DIR": str(ROOT), "KB_DATA_DIR": str(data), "COLUMNS": "200"}


def test_the_command_line_has_it(house: Path, tmp_path: Path) -> None:
    def said(*words: str) -> str:
        command = [sys.executable, "-m", "kb.cli", "tool", *words]
        kept = environment(house, tmp_path)
        return subprocess.run(command, env=kept, cwd=house, capture_output=True, text=True, check=True).stdout

    assert f"{NAME}: How many books" in said()
    assert json.loads(said(NAME, "--context", "1000000", "--words", "50000"))["books"] == 13


def test_the_server_has_it(house: Path, data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command = [sys.executable, "-m", "kb.cli", "serve", "--port", port]
    with (
        subprocess.Popen(command, env=environment(house, data_dir), cwd=house) as server,
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http,
    ):
        try:
            answer = called(server, http)
            listed = {tool["name"]: tool for tool in http.get("/tools").json()}
            functions = http.get("/tools", params={"format": "openai"}).json()
            paths = http.get("/docs/openapi.json").json()["paths"]
            refused = http.post(f"/tools/{NAME}", json={"context": "many"})
        finally:
            server.terminate()
    assert answer == {"books": 7, "formula": "1,000,000 ÷ 135,000 tokens a book = 7", "citations": []}
    Draft202012Validator(listed[NAME]["output_schema"]).validate(answer)
    assert listed.keys() == {*TOOLS.names(), NAME}
    assert NAME in [function["function"]["name"] for function in functions]
    assert set(paths[f"/tools/{NAME}"]) == {"get", "post"}
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "context")


def called(server: "subprocess.Popen[bytes]", http: httpx2.Client) -> object:
    """The tool's example, as soon as the server listens and knows what is known."""
    for _ in range(600):
        assert server.poll() is None, "the server did not start"
        try:
            answer = http.post(f"/tools/{NAME}", json={"context": 1_000_000})
        except httpx2.ConnectError:
            pass
        else:
            if answer.status_code == 200:
                return answer.json()
        time.sleep(0.1)
    raise AssertionError("the tool did not answer")
