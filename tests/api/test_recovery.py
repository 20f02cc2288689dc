"""A server whose files are damaged while it serves: it says so, and takes over whatever mends them."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from kb.search.build import build
from kb.search.embed import Embedder
from kb.settings import Settings
from tests.small_knowledge import write_knowledge

QUESTION = {"messages": [{"role": "user", "content": "how much power does the Zeta 100 draw?"}]}
ROUTES: tuple[Callable[[httpx2.Client], httpx2.Response], ...] = (
    lambda http: http.get("/search", params={"q": "memory"}),
    lambda http: http.post("/tools/search_passages", json={"query": "memory"}),
    lambda http: http.post("/chat", json=QUESTION),
)
SEARCHING = ROUTES[:2]
"""Those that read the database; the chat answers a question of a figure from what is in memory."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Path:
    root = tmp_path_factory.mktemp("recovery")
    build(write_knowledge(root / "knowledge"), root / "data", embedder)
    return root


@pytest.fixture
def small(built: Path, tmp_path: Path) -> Settings:
    """A knowledge folder and a data folder to break."""
    data = shutil.copytree(built / "data", tmp_path / "data", symlinks=True)
    return Settings(data_dir=data, knowledge_dir=built / "knowledge")


@pytest.fixture
def http(small: Settings, serve: Any) -> Iterator[httpx2.Client]:
    with serve(small) as base, httpx2.Client(base_url=base, timeout=60) as client:
        yield client


def until(http: httpx2.Client, status: int) -> httpx2.Response:
    """What ``/health/ready`` says once it answers ``status``."""
    for _ in range(600):
        ready = http.get("/health/ready")
        if ready.status_code == status:
            return ready
        time.sleep(0.05)
    raise AssertionError(f"/health/ready never answered {status}: {ready.text}")


def index_of(small: Settings) -> Path:
    return (small.data_dir / "current").resolve()


def _cut(folder: Path) -> None:
    os.truncate(folder / "kb.sqlite3", 100)


def _empty(folder: Path) -> None:
    os.truncate(folder / "kb.sqlite3", 0)


def _overwritten(folder: Path) -> None:
    path = folder / "kb.sqlite3"
    path.write_bytes(b"\xff" * path.stat().st_size)


@pytest.mark.parametrize("damage", [_cut, _empty, _overwritten])
def test_a_damaged_database_is_told_and_its_rebuild_taken_over(
    http: httpx2.Client, small: Settings, embedder: Embedder, damage: Callable[[Path], None]
) -> None:
    before = until(http, 200).json()["build_id"]
    kept = http.get("/search", params={"q": "video"})
    damage(index_of(small))
    for ask in SEARCHING:
        answer = ask(http)
        assert answer.status_code == 503, answer.text
        assert answer.json()["type"] == "/problems/index-unusable"
        assert "Run `kb build`" in answer.json()["detail"]
    assert http.get("/search", params={"q": "video"}).json() == kept.json(), "what was just found is in memory"
    ready = until(http, 503).json()
    assert "kb.sqlite3" in ready["detail"]
    assert "Run `kb build`" in ready["detail"]
    assert http.get("/health/live").status_code == 200
    for path in ("/terms/vram", "/specs/accelerators"):
        assert http.get(path).status_code == 200, "what is in memory is still answered"
    assert build(small.knowledge_dir, small.data_dir, embedder).manifest.build_id == before
    assert until(http, 200).json()["build_id"] == before
    assert [ask(http).status_code for ask in ROUTES] == [200] * len(ROUTES)


def test_a_lost_link_and_a_damaged_index_are_mended_by_a_build(
    http: httpx2.Client, small: Settings, embedder: Embedder
) -> None:
    _cut(index_of(small))
    (small.data_dir / "current").unlink()
    until(http, 503)
    build(small.knowledge_dir, small.data_dir, embedder)
    until(http, 200)
    assert [ask(http).status_code for ask in ROUTES] == [200] * len(ROUTES)


def test_all_builds_are_gone(http: httpx2.Client, small: Settings, embedder: Embedder) -> None:
    shutil.rmtree(small.data_dir / "builds")
    assert "Run `kb build`" in until(http, 503).json()["detail"]
    build(small.knowledge_dir, small.data_dir, embedder)
    until(http, 200)
    assert [ask(http).status_code for ask in ROUTES] == [200] * len(ROUTES)


def test_a_database_put_back_by_hand_is_taken_over(http: httpx2.Client, small: Settings, tmp_path: Path) -> None:
    path = index_of(small) / "kb.sqlite3"
    kept = shutil.copy(path, tmp_path / "kept")
    _cut(index_of(small))
    until(http, 503)
    Path(kept).replace(path)
    until(http, 200)
    assert [ask(http).status_code for ask in ROUTES] == [200] * len(ROUTES)


def test_lost_vectors_on_the_disk_do_not_matter_and_a_rebuild_is_taken_over(
    http: httpx2.Client, small: Settings, embedder: Embedder
) -> None:
    """They are read once, into a copy of the server's own."""
    built_at = until(http, 200).json()["built_at"]
    shutil.rmtree(index_of(small) / "chroma")
    time.sleep(1.1)  # a new second in built_at, and the server has looked again
    assert [ask(http).status_code for ask in ROUTES] == [200] * len(ROUTES)
    assert build(small.knowledge_dir, small.data_dir, embedder).changed
    for _ in range(600):
        if until(http, 200).json()["built_at"] != built_at:
            break
        time.sleep(0.05)
    assert until(http, 200).json()["built_at"] != built_at


def test_a_lost_copy_of_the_vectors_is_made_anew(
    small: Settings, serve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a program that tidies up the folder of temporary files."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with serve(small) as base, httpx2.Client(base_url=base, timeout=60) as http:
        (copy,) = temporary.iterdir()
        for path in copy.rglob("*"):
            if path.is_file():
                os.truncate(path, 0)
        for _ in range(600):
            if [path for path in temporary.iterdir() if path != copy] and http.get("/health/ready").status_code == 200:
                break
            time.sleep(0.05)
        assert [ask(http).status_code for ask in ROUTES] == [200] * len(ROUTES)
