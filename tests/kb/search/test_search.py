"""Search over everything that we ship: hostile words, fusion, and what is found."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.search.embed import Embedder
from kb.search.live import Index, open_index
from kb.search.queries import Ranked
from kb.search.searcher import WEIGHTS, fuse

HOSTILE = (
    "H100?", "ConnectX-7", '"', "'", '""', "\"quoted phrase\"", "OR", "AND NOT", "NEAR(a b)", "*", "vram*", "a:b",
    "title:x", "^first", "(", ")", "-", "--", "{x}", "\x00", "a\x00b", "%", "_", ";DROP TABLE passage;", "\\",
    "\n\t", "", " ", "²", "ß", "中文", "🤖", "..", "+", "1e400", "x" * 5000, "vram " * 2000,
)  # fmt: skip


@pytest.mark.parametrize("query", HOSTILE, ids=lambda query: ascii(query)[:24])
def test_hostile_words_are_words(index: Index, query: str) -> None:
    findings = index.searcher.search(query, 5)
    assert len(findings.hits) <= 5
    for hit in findings.hits:
        assert hit.rankers


def test_any_text_is_a_query(index: Index) -> None:
    @settings(deadline=None, max_examples=40)
    @given(query=st.text(max_size=80))
    def ask(query: str) -> None:
        rankings = index.searcher.rank(query, 10)
        assert all(len(ranking) <= 10 for ranking in rankings.values())

    ask()


@pytest.mark.parametrize(
    ("query", "in_title_or_text"),
    [
        ("ConnectX-7", "ConnectX-7"),
        ("12V-2x6", "12V-2x6"),
        ("NVFP4", "NVFP4"),
        ("cuGraph", "cuGraph"),
        ("H100?", "H100"),
    ],
)
def test_exact_names_are_found_by_words(index: Index, query: str, in_title_or_text: str) -> None:
    best = index.searcher.rank(query, 3)["bm25"]
    passages = list(index.known.passages.values())
    assert len(best) == 3
    assert all(in_title_or_text in f"{passages[row.rowid - 1].title} {passages[row.rowid - 1].text}" for row in best)


def test_paraphrase_is_found_by_meaning(index: Index) -> None:
    hits = index.searcher.search("why do words appear slowly when the weights spill over into ordinary RAM?", 5).hits
    assert any("offload" in f"{hit.passage.title} {hit.passage.text}".casefold() for hit in hits)


def test_search_is_deterministic_and_ordered(index: Index) -> None:
    other = open_index(index.folder, Embedder())  # which has kept nothing of the first search
    first, second = (opened.searcher.search("what is unified memory?", 10) for opened in (index, other))
    assert first == second == index.searcher.search("what is unified memory?", 10)
    other.close()
    assert len(first.hits) == 10
    assert [hit.score for hit in first.hits] == sorted((hit.score for hit in first.hits), reverse=True)
    assert len({hit.passage.passage_id for hit in first.hits}) == 10


def test_scores_are_explained(index: Index) -> None:
    best = {name: rows[0].score for name, rows in index.searcher.rank("NVLink bridge of the 3090").items() if rows}
    for hit in index.searcher.search("NVLink bridge of the 3090", 5).hits:
        parts = (WEIGHTS[name] * part.score / best[name] for name, part in hit.rankers.items())
        assert hit.score == pytest.approx(sum(parts), abs=1e-3)


def test_a_term_that_the_query_names_is_lifted(index: Index) -> None:
    slug, term = next(iter(index.known.terms.items()))
    hits = index.searcher.search(f"what is {term.pref_label}?", 5).hits
    named = [hit for hit in hits if hit.passage.passage_id == f"term.{slug}"]
    assert named
    assert named[0].rankers["names"].rank == 1


def test_off_topic_is_far_away(index: Index) -> None:
    on, off = (index.searcher.search(q).best_cosine for q in ("what is VRAM?", "a recipe for pancakes with honey"))
    assert on > off + 0.2


def test_fuse_sums_weighted_shares_of_the_best_score() -> None:
    fused = fuse({"bm25": [Ranked(1, 8.0), Ranked(2, 4.0)], "dense": [Ranked(2, 0.8), Ranked(3, 0.4)]})
    assert fused == [(2, 0.85), (1, 0.5), (3, 0.3)]


def test_fuse_weighs() -> None:
    rankings = {"bm25": [Ranked(1, 1.0)], "dense": [Ranked(2, 1.0)]}
    assert [row for row, _ in fuse(rankings, {"bm25": 1.0, "dense": 1.0})] == [1, 2], "equal scores by row"
    assert [row for row, _ in fuse(rankings, {"bm25": 1.0, "dense": 2.0})] == [2, 1]
    assert fuse({}) == []
    assert fuse({"dense": [Ranked(1, -0.2)]}) == [(1, 0.0)], "nothing is like the query"


@given(
    st.dictionaries(
        st.sampled_from(sorted(WEIGHTS)), st.lists(st.integers(1, 30), unique=True, max_size=20), max_size=3
    )
)
def test_fuse_keeps_everyone_and_prefers_the_better(ranks: dict[str, list[int]]) -> None:
    rankings = {name: [Ranked(row, 99.0 - place) for place, row in enumerate(rows)] for name, rows in ranks.items()}
    fused = fuse(dict(rankings))
    assert {row for row, _ in fused} == {row for rows in ranks.values() for row in rows}
    assert [score for _, score in fused] == sorted((score for _, score in fused), reverse=True)
    place = {row: n for n, (row, _) in enumerate(fused)}
    if len(ranks) == 1:
        (rows,) = ranks.values()
        assert sorted(rows, key=place.__getitem__) == rows
