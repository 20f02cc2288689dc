"""A server's view of the index: it follows a swap, and keeps what it has when the new one is no good."""

import gc
import shutil
import tempfile
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kb.errors import IndexUnusable
from kb.search.build import build
from kb.search.embed import Embedder
from kb.search.live import LiveIndex
from tests.small_knowledge import FILES, write_knowledge

VRAM = "glossary/terms/vram.md"


@pytest.fixture
def data(tmp_path: Path, embedder: Embedder) -> Path:
    build(write_knowledge(tmp_path / "knowledge"), tmp_path / "data", embedder)
    return tmp_path / "data"


def rebuild(data: Path, embedder: Embedder) -> str:
    changed = write_knowledge(
        data.parent / "knowledge", {VRAM: FILES[VRAM].replace("pref_label: VRAM", "pref_label: Video RAM")}
    )
    return build(changed, data, embedder).manifest.build_id


def test_live_index_follows_a_swap(data: Path, embedder: Embedder) -> None:
    live = LiveIndex(data, embedder)
    before = live.get()
    assert live.get() is before
    build_id = rebuild(data, embedder)
    assert live.get() is before, "who asks does not wait for the new one"
    after = live.follow()
    assert live.get() is after
    assert after.manifest.build_id == build_id != before.manifest.build_id
    assert (before.known.terms["vram"].pref_label, after.known.terms["vram"].pref_label) == ("VRAM", "Video RAM")
    assert before.searcher.search("memory").hits, "who still holds the old one can go on with it"
    assert after.searcher.search("memory").hits


def test_live_index_keeps_what_it_has(data: Path, embedder: Embedder) -> None:
    live = LiveIndex(data, embedder)
    before = live.get()
    build_id = rebuild(data, embedder)
    (data / "builds" / build_id / "manifest.json").unlink()
    assert live.follow() is before
    (data / "current").unlink()
    assert live.follow() is before
    with pytest.raises(IndexUnusable):
        LiveIndex(data, embedder).get()


def test_live_index_takes_an_index_that_comes_later(data: Path, embedder: Embedder) -> None:
    aside = data.parent / "aside"
    shutil.move(data, aside)
    data.mkdir()
    live = LiveIndex(data, embedder)
    with pytest.raises(IndexUnusable):
        live.get()
    data.rmdir()
    shutil.move(aside, data)
    assert live.get().known.terms


def test_many_threads_open_it_once(data: Path, embedder: Embedder) -> None:
    live = LiveIndex(data, embedder)
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda at: live.follow() if at % 2 else live.get(), range(32)))
    assert all(index is opened[0] for index in opened)


def test_an_index_goes_with_its_last_user(
    data: Path, embedder: Embedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its copy of the vectors, and at once: nothing in it leads back to it."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    live = LiveIndex(data, embedder)
    held = live.get()
    assert held.searcher.search("memory").hits
    assert held.searcher.answering("what is memory?")
    assert held.names.resolve(("terms",), "VRAM")
    gc.collect()
    gc.disable()
    try:
        rebuild(data, embedder)
        assert live.follow() is not held
        assert len(list(temporary.iterdir())) == 2
        gone = weakref.ref(held.searcher)
        del held
        assert gone() is None
        assert len(list(temporary.iterdir())) == 1
    finally:
        gc.enable()
    live.get().close()
    assert not list(temporary.iterdir())
