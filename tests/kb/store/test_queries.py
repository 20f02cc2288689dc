"""Reads from the built SQLite file."""

from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from kb.errors import IndexUnusable
from kb.index.build import searchable
from kb.index.live import Index
from kb.index.questions import with_questions
from kb.load import Knowledge, load
from kb.settings import Settings
from kb.store import tables
from kb.store.manifest import build_id_of, inputs_sha256, read_manifest
from kb.store.queries import Bound, full_text_query, list_specs, open_database, read_knowledge
from kb.store.write import write_database
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


def test_figures_have_columns(index: Index) -> None:
    figure = tables.figure
    with index.engine.connect() as connection:
        rows = connection.execute(
            select(figure.c.key, figure.c.low, figure.c.high, figure.c.text).where(
                figure.c.kind == "accelerators", figure.c.slug == "rtx-5090"
            )
        ).all()
    by_key = {key: (low, high, words) for key, low, high, words in rows}
    assert by_key["memory_gib"] == (32, 32, None)
    assert by_key["memory_type"] == (None, None, "GDDR7")
    assert by_key["nvlink"] == (None, None, "false")
    assert by_key["price_list_usd"][0] == 1999


def value(index: Index, slug: str, key: str) -> float | None:
    figure = getattr(index.known.specs["accelerators"][slug], key)
    return None if figure is None else float(figure.value)


def test_filter_by_bounds(index: Index) -> None:
    bounds = [Bound("memory_gib", low=24, high=32), Bound("memory_bandwidth_gb_per_s", low=900)]
    slugs, total = list_specs(index.engine, "accelerators", bounds=bounds, limit=500)
    expected = {
        slug
        for slug in index.known.specs["accelerators"]
        if 24 <= (value(index, slug, "memory_gib") or 0) <= 32
        and (value(index, slug, "memory_bandwidth_gb_per_s") or 0) >= 900
    }
    assert (set(slugs), total) == (expected, len(expected))
    assert {"rtx-4090", "rtx-5090"} <= expected


def test_filter_by_text_and_vendor(index: Index) -> None:
    slugs, _ = list_specs(index.engine, "accelerators", texts={"memory_type": "gddr7"}, vendor="nVidia", limit=500)
    assert "rtx-5090" in slugs
    assert "rtx-4090" not in slugs
    assert list_specs(index.engine, "accelerators", texts={"memory_type": "%"}) == ([], 0)
    assert list_specs(index.engine, "accelerators", vendor="' OR 1=1 --") == ([], 0)


@pytest.mark.parametrize("sort", ["memory_bandwidth_gb_per_s", "-memory_bandwidth_gb_per_s"])
def test_sort_puts_the_unknown_last(index: Index, sort: str) -> None:
    slugs, _ = list_specs(index.engine, "accelerators", sort=sort, limit=500)
    found = [value(index, slug, "memory_bandwidth_gb_per_s") for slug in slugs]
    known = [figure for figure in found if figure is not None]
    assert known == sorted(known, reverse=sort.startswith("-"))
    assert all(figure is None for figure in found[len(known) :])


def test_pages_cover_everything_once(index: Index) -> None:
    total = list_specs(index.engine, "models", limit=1)[1]
    pages = [list_specs(index.engine, "models", limit=7, offset=offset)[0] for offset in range(0, total, 7)]
    slugs = [slug for page in pages for slug in page]
    assert len(slugs) == total == len(set(slugs))


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
