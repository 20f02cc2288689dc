"""Reads from the built SQLite file."""

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from kb.catalogue.load import Knowledge, load
from kb.errors import IndexUnusable
from kb.search.build import searchable
from kb.search.live import Index
from kb.search.manifest import build_id_of, inputs_sha256, read_manifest
from kb.search.queries import full_text_query, open_database, read_knowledge
from kb.search.questions import with_questions
from kb.search.write import write_database
from kb.settings import Settings
from tests.small_knowledge import write_knowledge


@pytest.fixture(scope="module")
def shipped(settings: Settings) -> Knowledge:
    return load(settings.knowledge_dir)


def test_everything_comes_back_as_it_was(index: Index, shipped: Knowledge, settings: Settings) -> None:
    assert index.known.terms == shipped.terms
    assert index.known.specs == shipped.specs
    assert index.known.disputes == shipped.disputes
    assert index.known.sources == shipped.sources
    searched = with_questions(settings.knowledge_dir, searchable(shipped))
    assert list(index.known.passages.values()) == list(searched)


def test_reading_only(index: Index) -> None:
    with index.engine.connect() as connection, pytest.raises(OperationalError, match="readonly"):
        connection.execute(text("DELETE FROM term"))


@pytest.mark.parametrize(
    ("question", "expression"),
    [
        ("H100?", '"h100"'),
        ("ConnectX-7", '"connectx" OR "7"'),
        ('"NEAR(a, b)" AND *', '"near" OR "b"'),
        ("what is it", '"what" OR "is" OR "it"'),
        ("title: x\x00y", '"title" OR "x" OR "y"'),
        ("?!", ""),
    ],
)
def test_every_word_is_quoted(question: str, expression: str) -> None:
    assert full_text_query(question) == expression


def test_small_tree_round_trip(tmp_path: Path) -> None:
    known = load(write_knowledge(tmp_path))
    write_database(tmp_path / "kb.sqlite3", known, searchable(known))
    engine = open_database(tmp_path / "kb.sqlite3")
    read, passages = read_knowledge(engine)
    engine.dispose()
    assert (read.terms, read.specs, read.disputes) == (known.terms, known.specs, known.disputes)
    assert passages == searchable(known)


def test_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "kb.sqlite3").write_bytes(b"not a database" * 100)
    engine = open_database(tmp_path / "kb.sqlite3")
    with pytest.raises(IndexUnusable, match="Run `kb build`"):
        read_knowledge(engine)
    engine.dispose()


def test_build_id_is_of_contents_and_names(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    (tmp_path / "b").write_text("two")
    files = [("a", tmp_path / "a"), ("b", tmp_path / "b")]
    first = inputs_sha256(files)
    assert first == inputs_sha256(reversed(files))
    assert first[1] == 2
    renamed = inputs_sha256([("c", tmp_path / "a"), ("b", tmp_path / "b")])
    (tmp_path / "a").write_text("one more")
    hashes = {first[0], renamed[0], inputs_sha256(files)[0]}
    assert len(hashes) == 3
    assert len({build_id_of(inputs, model) for inputs in hashes for model in ("x", "y")}) == 6


def test_manifest_says_what_it_was_made_of(index_dir: Path, index: Index) -> None:
    manifest = read_manifest(index_dir)
    assert manifest == index.manifest
    assert manifest.embedding_dimension == 384
    assert manifest.build_id == index_dir.name
    assert {"chromadb", "sentence-transformers", "hardware-kb"} <= set(manifest.packages)
    assert manifest.counts["searchable"] == len(index.known.passages)
