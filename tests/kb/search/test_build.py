"""Builds beside a live index: the same input changes nothing, and nothing half-done is ever served."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kb.errors import IndexUnusable, InvalidKnowledge, KnowledgeBaseError
from kb.search.build import GLOSSARY, Built, build
from kb.search.embed import Embedder
from kb.search.live import LiveIndex, open_index
from tests.small_knowledge import FILES, write_knowledge

VRAM = "glossary/terms/vram.md"
CHANGED = {VRAM: FILES[VRAM].replace("Two cards do not", "Three cards do not")}


@pytest.fixture
def knowledge(tmp_path: Path) -> Path:
    return write_knowledge(tmp_path / "knowledge")


@pytest.fixture(scope="module")
def built_once(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Path:
    root = tmp_path_factory.mktemp("built")
    build(write_knowledge(root / "knowledge"), root / "data", embedder)
    return root


@pytest.fixture
def built(built_once: Path, tmp_path: Path) -> Path:
    """A data folder of one's own with an index in it."""
    return Path(shutil.copytree(built_once / "data", tmp_path / "data", symlinks=True))


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """What is in a data folder, and when it was written; the lock says nothing."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and path.name != "build.lock"
    }


def build_ids(data: Path) -> list[str]:
    return sorted(path.name for path in (data / "builds").iterdir())


def test_build_holds_what_was_written(built: Path, embedder: Embedder) -> None:
    index = open_index(built / "current", embedder)
    assert index.manifest.counts == {
        **dict.fromkeys(index.manifest.counts, 0),
        "sources": 3, "terms": 2, "disputes": 1, "passages": 2, "searchable": 5, "accelerators": 2,
    }  # fmt: skip
    assert index.manifest.input_files == len(FILES)
    assert set(index.known.terms) == {"vram", "memory"}
    assert dict(index.known.specs["accelerators"]["zeta-100"].figures())["tdp_w"].value == 300
    hits = index.searcher.search("how many watts does the zeta draw, 300 or 350?").hits
    assert (hits[0].passage.source, hits[0].passage.passage_id) == (GLOSSARY, "dispute.zeta-100-power")
    index.engine.dispose()


def test_second_build_changes_nothing(built: Path, knowledge: Path, embedder: Embedder) -> None:
    before = snapshot(built)
    again = build(knowledge, built, embedder)
    assert not again.changed
    assert snapshot(built) == before


def test_changed_file_makes_a_new_build_beside_the_old(built: Path, tmp_path: Path, embedder: Embedder) -> None:
    (old,) = build_ids(built)
    before = snapshot(built / "builds" / old)
    done = build(write_knowledge(tmp_path / "changed", CHANGED), built, embedder)
    assert done.changed
    assert done.manifest.build_id != old
    assert build_ids(built) == sorted([old, done.manifest.build_id])
    assert snapshot(built / "builds" / old) == before
    assert (built / "current").is_symlink()
    assert (built / "current").resolve() == done.folder


def test_builds_older_than_the_one_before_go(built: Path, tmp_path: Path, embedder: Embedder) -> None:
    made = [
        build(
            write_knowledge(tmp_path / str(n), {VRAM: FILES[VRAM].replace("Two cards", f"{n} cards")}), built, embedder
        )
        for n in (3, 4)
    ]
    assert build_ids(built) == sorted(done.manifest.build_id for done in made)


def test_an_earlier_build_is_taken_up_again(built: Path, knowledge: Path, tmp_path: Path, embedder: Embedder) -> None:
    (old,) = build_ids(built)
    build(write_knowledge(tmp_path / "changed", CHANGED), built, embedder)
    before = snapshot(built / "builds")
    back = build(knowledge, built, embedder)
    assert (back.changed, back.manifest.build_id) == (True, old)
    assert snapshot(built / "builds") == before
    assert (built / "current").resolve().name == old


def test_current_is_there_at_every_moment(built: Path, tmp_path: Path, embedder: Embedder) -> None:
    seen: set[str] = set()

    def look(_: str) -> None:
        seen.add((built / "current").resolve(strict=True).name)

    (old,) = build_ids(built)
    done = build(write_knowledge(tmp_path / "changed", CHANGED), built, embedder, look)
    assert seen == {old, done.manifest.build_id}


def test_builds_of_one_input_are_equal(built_once: Path, built: Path, knowledge: Path, embedder: Embedder) -> None:
    shutil.rmtree(built)
    here, there = build(knowledge, built, embedder), build(built_once / "knowledge", built_once / "data", embedder)
    unlike = {"built_at", "vectors_sha256"}  # Chroma's files hold its own ids and times
    assert here.manifest.model_dump(exclude=unlike) == there.manifest.model_dump(exclude=unlike)
    assert (here.folder / "kb.sqlite3").read_bytes() == (there.folder / "kb.sqlite3").read_bytes()
    question = "what decides how fast a token comes"
    rankings = [open_index(done.folder, embedder).searcher.rank(question) for done in (here, there)]
    assert rankings[0] == rankings[1]


def test_mistake_leaves_the_live_index(built: Path, tmp_path: Path, embedder: Embedder) -> None:
    before = snapshot(built)
    broken = write_knowledge(tmp_path / "broken", {VRAM: FILES[VRAM].replace("[memory]", "[memry]", 1)})
    with pytest.raises(InvalidKnowledge, match="did you mean memory"):
        build(broken, built, embedder)
    assert snapshot(built) == before


def test_folder_without_knowledge(tmp_path: Path, embedder: Embedder) -> None:
    with pytest.raises(KnowledgeBaseError, match="KB_KNOWLEDGE_DIR must hold glossary/ and corpus/"):
        build(tmp_path, tmp_path / "data", embedder)


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from kb.search.build import build
    from kb.search.embed import Embedder

    def die(step):
        if step.startswith("embedding"):
            os.kill(os.getpid(), signal.SIGKILL)

    build(Path(sys.argv[1]), Path(sys.argv[2]), Embedder(), die)
"""


def test_killed_build_leaves_the_old_index_and_the_next_sweeps(built: Path, tmp_path: Path, embedder: Embedder) -> None:
    (old,) = build_ids(built)
    changed = write_knowledge(tmp_path / "changed", CHANGED)
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(changed), str(built)]
    died = subprocess.run(command, capture_output=True, text=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr
    leftovers = [name for name in build_ids(built) if name.startswith(".")]
    assert len(leftovers) == 1
    assert (built / "builds" / leftovers[0] / "kb.sqlite3").is_file()
    index = LiveIndex(built, embedder).get()
    assert index.manifest.build_id == old
    assert index.searcher.search("memory").hits
    done = build(changed, built, embedder)
    assert done.changed
    assert build_ids(built) == sorted([old, done.manifest.build_id])


def test_builders_wait_for_one_another(tmp_path: Path, knowledge: Path, embedder: Embedder) -> None:
    steps: list[str] = []

    def one(_: int) -> Built:
        return build(knowledge, tmp_path / "data", embedder, steps.append)

    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(one, range(3)))
    assert sorted(each.changed for each in done) == [False, False, True]
    assert len({each.manifest.build_id for each in done}) == 1
    assert len(steps) == len(set(steps))
    open_index(tmp_path / "data" / "current", embedder).engine.dispose()


def _cut_short(folder: Path) -> None:
    path = folder / "kb.sqlite3"
    path.write_bytes(path.read_bytes()[:5000])


def _one_byte(folder: Path) -> None:
    path = folder / "kb.sqlite3"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def _edit_manifest(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")


def _lose_vectors(folder: Path) -> None:
    with sqlite3.connect(folder / "chroma" / "chroma.sqlite3") as database:
        database.execute("DELETE FROM embeddings WHERE id = 1")
        database.execute("DELETE FROM embeddings_queue WHERE id = '1'")
    database.close()


DAMAGES = {
    "database cut short": _cut_short,
    "database with one byte changed": _one_byte,
    "database gone": lambda folder: (folder / "kb.sqlite3").unlink(),
    "manifest gone": lambda folder: (folder / "manifest.json").unlink(),
    "manifest cut short": lambda folder: (folder / "manifest.json").write_text('{"build_id": '),
    "manifest not UTF-8": lambda folder: (folder / "manifest.json").write_bytes(b"\xff\xfe{"),
    "another form": lambda folder: _edit_manifest(folder, schema_version=0),
    "another embedding model": lambda folder: _edit_manifest(folder, embedding_sha256="0" * 64),
    "what was learned gone": lambda folder: (folder / "learned.npz").unlink(),
    "what was learned of figures gone": lambda folder: (folder / "roles.npz").unlink(),
    "what was learned of others": lambda folder: (folder / "learned.npz").write_bytes(b"not arrays"),
    "vectors gone": lambda folder: shutil.rmtree(folder / "chroma"),
    "vectors empty": lambda folder: (shutil.rmtree(folder / "chroma"), (folder / "chroma").mkdir()),
    "vectors fewer": _lose_vectors,
    "vectors no database": lambda folder: (folder / "chroma" / "chroma.sqlite3").write_bytes(b"not a database" * 999),
}  # fmt: skip


@pytest.fixture
def damaged(built: Path, request: pytest.FixtureRequest) -> Path:
    DAMAGES[request.param]((built / "current").resolve())
    return built


@pytest.mark.parametrize("damaged", DAMAGES, indirect=True)
def test_damage_is_refused_and_mended(damaged: Path, knowledge: Path, embedder: Embedder) -> None:
    with pytest.raises(IndexUnusable, match="Run `kb build`"):
        LiveIndex(damaged, embedder).get()
    build(knowledge, damaged, embedder)
    assert LiveIndex(damaged, embedder).get().searcher.search("memory").hits


def test_missing_index(tmp_path: Path, embedder: Embedder) -> None:
    with pytest.raises(IndexUnusable, match=r"There is no index at .*Run `kb build` first"):
        LiveIndex(tmp_path, embedder).get()


def test_dangling_link(tmp_path: Path, embedder: Embedder) -> None:
    (tmp_path / "current").symlink_to("builds/0123456789abcdef")
    with pytest.raises(IndexUnusable, match="Run `kb build` first"):
        LiveIndex(tmp_path, embedder).get()


def test_damaged_embeddings_are_made_anew(built: Path, knowledge: Path, embedder: Embedder) -> None:
    shutil.rmtree(built / "builds")
    for path in (built / "embeddings").iterdir():
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert build(knowledge, built, embedder).changed
