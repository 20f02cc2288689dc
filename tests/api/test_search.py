"""``/search``."""

import httpx2
import pytest


def test_hits_carry_passage_source_and_score(http: httpx2.Client) -> None:
    hits = http.get("/search", params={"q": "why does memory bandwidth limit decode?", "k": 3}).json()["hits"]
    assert len(hits) == 3
    for hit in hits:
        assert set(hit) == {"passage_id", "source", "section", "title", "text", "score", "source_title", "users_own"}
        assert http.get(f"/passages/{hit['passage_id']}").json()["text"] == hit["text"]
    assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)


def test_explain_adds_each_rankers_rank_and_score(http: httpx2.Client) -> None:
    hits = http.get("/search", params={"q": "NVLink", "explain": 1}).json()["hits"]
    assert {name for hit in hits for name in hit["rankers"]} == {"bm25", "dense", "names"}
    assert all(own["rank"] >= 1 for hit in hits for own in hit["rankers"].values())


@pytest.mark.parametrize(
    "question", ["H100?", "ConnectX-7", '"; DROP TABLE passage; --', "AND OR NOT", "*", "\x00", "🦙" * 100]
)
def test_any_text_may_be_searched_for(http: httpx2.Client, question: str) -> None:
    assert http.get("/search", params={"q": question}).status_code == 200


@pytest.mark.parametrize(
    "query", ["", "q=", "q=%20", "q=a&k=0", "q=a&k=51", "q=a&k=many", "q=a&explain=perhaps", f"q={'a' * 2001}"]
)
def test_bad_queries_are_422(http: httpx2.Client, query: str) -> None:
    answer = http.get(f"/search?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"]
