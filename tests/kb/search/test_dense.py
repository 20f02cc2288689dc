"""Chroma against exact search with NumPy."""

import gc
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from kb.errors import IndexUnusable
from kb.search.dense import DenseIndex, write_vectors
from kb.search.embed import PACKAGED, Embedder, Vectors, model_folder, model_sha256
from kb.search.live import Index
from kb.search.manifest import vectors_sha256
from kb.search.vectors import PassageVectors, passage_vectors

QUERIES = (
    "Why does memory bandwidth limit token generation?",
    "What is VRAM?",
    "Can I run a 70B model on a 24 GB card?",
    "How big is the KV cache at a long context?",
    "Is the DGX Spark fast?",
    "Which power supply do two 5090s need?",
    "What does NVLink do?",
    "Do consumer cards have NVLink?",
    "what's the difference between GB and GiB",
    "dense and sparse teraflops",
    "mixture of experts active parameters",
    "which quantization keeps quality",
    "unified memory of Apple silicon",
    "offloading layers to the processor",
    "PCIe lanes for four graphics cards",
    "12V-2x6 connector melting",
    "80 PLUS Titanium",
    "RAPIDS on pandas code",
    "speed up Spark with a GPU",
    "ConnectX-7 port speed",
    "llama.cpp or vLLM",
    "paged attention",
    "train a LoRA at home",
    "used 3090 prices",
    "rent a GPU in the cloud",
    "noise and heat of blower cards",
    "ECC memory worth it?",
    "NVMe read speed and loading a model",
    "Strix Halo mini PC",
    "how much electricity does it cost per year",
)


@pytest.fixture(scope="module")
def stored(index: Index, data_dir: Path, embedder: Embedder) -> Vectors:
    """One row per passage, from what the build kept."""
    passages = list(index.known.passages.values())
    return passage_vectors(passages, embedder, data_dir / "embeddings", model_sha256(embedder.folder)).passages


def test_recall_at_10_is_whole(index_dir: Path, embedder: Embedder, stored: Vectors) -> None:
    dense = DenseIndex(index_dir / "chroma", len(stored))
    for query, vector in zip(QUERIES, embedder.embed(QUERIES), strict=True):
        similarities = stored @ vector
        tenth = np.sort(similarities)[-10]
        found = dense.nearest(vector, 10)
        assert len(found) == 10
        assert all(similarities[hit.rowid - 1] >= tenth - 1e-5 for hit in found), query
        assert [hit.score for hit in found] == pytest.approx(sorted(similarities, reverse=True)[:10], abs=1e-4)
    dense.close()


def test_embeddings_are_unit_vectors(embedder: Embedder) -> None:
    made = embedder.embed(["one card", "two cards", "one card"])
    assert made.shape == (3, 384)
    assert made.dtype == np.float32
    assert np.allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
    assert made[0] @ made[2] == pytest.approx(1, abs=1e-5)
    assert made[0] @ made[1] < 0.999


def test_model_comes_from_its_package_or_a_folder(tmp_path: Path) -> None:
    packaged = model_folder(PACKAGED)
    assert model_folder(str(packaged)) == packaged
    assert len(model_sha256(packaged)) == 64
    with pytest.raises(IndexUnusable, match=r"KB_EMBEDDING_MODEL=.*modules.json"):
        model_folder("sentence-transformers/all-MiniLM-L6-v2")
    other = shutil.copytree(packaged, tmp_path / "other")
    assert model_sha256(other) == model_sha256(packaged)
    (other / "config.json").write_text("{}", "utf-8")
    assert model_sha256(other) != model_sha256(packaged)


COUNT = 1200
"""More than Chroma keeps in its log before it writes the graph."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large") / "chroma"
    made = np.random.default_rng(0).normal(size=(COUNT, 16)).astype(np.float32)
    unit = made / np.linalg.norm(made, axis=1, keepdims=True)
    write_vectors(folder, PassageVectors(unit, unit[:0], (), np.eye(unit.shape[1], dtype=np.float32)))
    return folder


def test_vectors_are_read_and_never_written(large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening and asking leaves every file as it was, and no copy stays behind; each file counts in the hash."""
    folder = shutil.copytree(large, tmp_path / "chroma")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    files = [path for path in folder.rglob("*") if path.is_file()]
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}
    hashed = vectors_sha256(folder)
    dense = DenseIndex(folder, COUNT)
    assert list(temporary.iterdir())
    assert len(dense.nearest(np.ones(16, dtype=np.float32), 5)) == 5
    dense.close()
    del dense
    gc.collect()
    assert list(temporary.iterdir()) == []
    assert {
        path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()
    } == before
    seen = {hashed}
    for path in files:
        path.write_bytes(path.read_bytes()[:-1])
        seen.add(vectors_sha256(folder))
    assert len(seen) == 1 + len(files) == 7


HELD = """
import sys, time
from pathlib import Path
from kb.search.dense import DenseIndex
dense = DenseIndex(Path(sys.argv[1]), int(sys.argv[2]))
print("open", flush=True)
time.sleep(600)
"""


def test_the_copies_of_killed_processes_are_removed(
    large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are in use stay, however old, and what is no copy of ours."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "somebody-else").mkdir()
    command = [sys.executable, "-c", HELD, str(large), str(COUNT)]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "open\n"
        (theirs,) = tmp_path.glob("hardware-kb-*")
        own = DenseIndex(large, COUNT)
        (mine,) = set(tmp_path.glob("hardware-kb-*")) - {theirs}
        for path in (theirs, mine, tmp_path / "somebody-else"):
            os.utime(path, (0, 0))
        DenseIndex(large, COUNT).close()
        assert theirs.is_dir(), "it is in use"
        other.kill()
    DenseIndex(large, COUNT).close()
    assert sorted(tmp_path.iterdir()) == sorted([mine, tmp_path / "somebody-else"])
    assert len(own.nearest(np.ones(16, dtype=np.float32), 5)) == 5
    own.close()


def test_no_room_for_the_copy(large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(IndexUnusable, match="set TMPDIR"):
        DenseIndex(large, COUNT)


def test_other_count_is_refused(large: Path) -> None:
    dense = DenseIndex(large, COUNT)
    assert len(dense) == COUNT
    dense.close()
    with pytest.raises(IndexUnusable, match=f"holds {COUNT} vectors for 7 passages. Run `kb build`"):
        DenseIndex(large, 7)
    again = DenseIndex(large, COUNT)
    assert len(again.nearest(np.ones(16, dtype=np.float32), 5)) == 5
    again.close()
