"""A tool is one folder: a sample dropped beside the others is a tool, with no other file touched."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from jsonschema import Draft202012Validator

import kb.tools
from kb.search.live import Index
from kb.tools import TOOLS, InvalidArguments, registry
from tests.small_knowledge import write_knowledge

ROOT = Path(__file__).resolve().parents[3]
NAME = "books_in_context"
TOOL_PY = '''
"""How many books fit in a context?"""

from typing import Annotated

from pydantic import Field

from kb.catalogue import Catalogue
from kb.tools.base import Arguments, Real, Result, Whole, tool


class BooksArguments(Arguments):
    context: Annotated[Whole, Field(ge=1, le=100_000_000)]
    words: Annotated[Whole, Field(ge=1, le=10_000_000, description="of one book")] = 90_000
    tokens_per_word: Annotated[Real, Field(ge=0.1, le=100)] = 1.5


class BooksAnswer(Result):
    books: int
    context_tokens: int
    book_tokens: float
    formula: str


def run(catalogue: Catalogue, arguments: BooksArguments) -> BooksAnswer:
    each = arguments.words * arguments.tokens_per_word
    books = int(arguments.context // each)
    formula = f"{arguments.context:,} ÷ {each:,.0f} tokens a book = {books}"
    return BooksAnswer(books=books, context_tokens=arguments.context, book_tokens=each, formula=formula)


TOOL = tool(run, "How many books of so many words fit whole in a context.")
'''
SAY_PY = '''
"""How many books it is."""

from collections.abc import Iterator

from kb.text.statements import Quantity, Said, state
from kb.tools.asks import Asked
from kb.tools.books_in_context.tool import BooksAnswer


def say(result: BooksAnswer, asked: Asked) -> Iterator[Said]:
    context, each = Quantity(result.context_tokens, "tokens", 1), Quantity(result.book_tokens, "tokens", 1)
    text = "A context of {context} holds {books} whole books."
    yield state("answer", text, context=context, books=Quantity(result.books))
    yield state("reason", "A book takes about {each}.", each=each)
    yield state("detail", "{formula}.", formula=result.formula)
'''
ASK_YAML = """
asks: how many books fit in a context
example: {context: 1000000}
slots:
  context: {from: context, required: true, ask_back: "How long is the context, in tokens?"}
follow_ups: [And how many in 32k?]
"""
WAYS_YAML = """
sample:
  - how many books fit in {context} of context
  - how many novels fit into a context of {context}
  - number of books in a {context} context window
  - can I put a whole book into {context} of context
  - how many books is {context} tokens
  - would a novel fit in the context of {context}
  - does war and peace fit into {context} of context
  - how many books can a model read at once with {context}
  - "{context} context in books"
  - books per {context} context?
  - how much of a library fits in {context} tokens of context
  - how many paperbacks go into a {context} window
"""
PARAPHRASES = {
    "I want it to read entire novels, so how many of those would a window of 1000k tokens take?": 7,
    "with a 400k context, what number of books could I paste in whole?": 2,
}
"""Asked in words that the ways do not hold, and how many books it is: 135,000 tokens each."""


def drop(tools: Path) -> None:
    folder = tools / NAME
    folder.mkdir()
    for name, text in {"tool.py": TOOL_PY, "say.py": SAY_PY, "ask.yaml": ASK_YAML, "ways.yaml": WAYS_YAML}.items():
        (folder / name).write_text(text, "utf-8")


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


def test_a_dropped_folder_is_a_tool_everywhere(tmp_path: Path, data_dir: Path) -> None:
    """Listed, called over HTTP and from the command line, found by the chat in other words, and answered."""
    house, data = tmp_path / "house", tmp_path / "data"
    for room in ("kb", "api"):
        shutil.copytree(ROOT / room, house / room, ignore=shutil.ignore_patterns("__pycache__", "built_in"))
    drop(house / "kb" / "tools")
    shutil.copytree(data_dir / "embeddings", data / "embeddings")
    knowledge = write_knowledge(tmp_path / "knowledge")
    kept = {key: value for key, value in os.environ.items() if not key.startswith("KB_")}
    env = kept | {"PYTHONPATH": str(house), "KB_KNOWLEDGE_DIR": str(knowledge), "KB_DATA_DIR": str(data)}
    env["COLUMNS"] = "200"

    def said(*words: str) -> str:
        command = [sys.executable, "-m", "kb.cli", *words]
        return subprocess.run(command, env=env, cwd=house, capture_output=True, text=True, check=True).stdout

    assert f"{NAME}: How many books" in said("tool")
    assert json.loads(said("tool", NAME, "--context", "1000000", "--words", "50000"))["books"] == 13
    said("build")
    with serving(house, env) as http:
        listed = {tool["name"]: tool for tool in http.get("/tools").json()}
        functions = http.get("/tools", params={"format": "openai"}).json()
        paths = http.get("/docs/openapi.json").json()["paths"]
        answer = http.post(f"/tools/{NAME}", json={"context": 1_000_000}).json()
        refused = http.post(f"/tools/{NAME}", json={"context": "many"})
        chats = {text: http.post("/chat", json=chat(text)).json() for text in PARAPHRASES}
    assert listed.keys() == {*TOOLS.names(), NAME}
    assert answer["formula"] == "1,000,000 ÷ 135,000 tokens a book = 7"
    Draft202012Validator(listed[NAME]["output_schema"]).validate(answer)
    assert NAME in [function["function"]["name"] for function in functions]
    assert set(paths[f"/tools/{NAME}"]) == {"get", "post"}
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "context")
    for text, books in PARAPHRASES.items():
        assert text not in WAYS_YAML
        assert [call["name"] for call in chats[text]["tool_calls"]] == [NAME]
        assert f"holds {books} whole books." in chats[text]["answer"]
        assert "135,000 tokens" in chats[text]["answer"]
        assert chats[text]["grounding"]["unsupported_figures"] == []
        assert chats[text]["follow_ups"] == ["And how many in 32k?"]


def chat(text: str) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": text}]}


@contextmanager
def serving(house: Path, env: dict[str, str]) -> Iterator[httpx.Client]:
    """A server of the code in the house, as soon as it is ready."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    with (
        subprocess.Popen([sys.executable, "-m", "kb.cli", "serve", "--port", port], env=env, cwd=house) as server,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http,
    ):
        try:
            for _ in range(600):
                assert server.poll() is None, "the server did not start"
                with suppress(httpx.ConnectError):
                    if http.get("/health/ready").status_code == 200:
                        break
                time.sleep(0.1)
            yield http
        finally:
            server.terminate()
