"""``/terms``."""

import json

import httpx2
import pytest

from kb.search.live import Index


@pytest.mark.parametrize(
    "name", ["vram", "VRAM", "NVFP4", "connectx-7", "rapids", "gguf", "fp16", "kv cache", "K/V cache"]
)
def test_a_term_answers_by_any_of_its_names(http: httpx2.Client, name: str) -> None:
    answer = http.get(f"/terms/{name}")
    assert answer.status_code == 200
    term = answer.json()
    assert set(term) >= {
        "slug", "pref_label", "alt_labels", "definition", "in_practice", "pitfalls", "broader", "narrower", "related",
        "figures", "sources", "disputes",
    }  # fmt: skip
    assert all(set(source) == {"source", "section"} for source in term["sources"])


def test_every_term_answers_by_slug_label_and_alias(http: httpx2.Client, index: Index) -> None:
    for term in index.known.terms.values():
        for name in (term.slug, term.pref_label, term.pref_label.upper(), *term.alt_labels):
            answer = http.get("/terms/" + httpx2.QueryParams({"": name.upper()}).__str__()[1:].replace("+", "%20"))
            assert answer.status_code == 200, name
            assert answer.json()["slug"] == term.slug, name


def test_unknown_term_is_404_with_the_nearest_names(http: httpx2.Client) -> None:
    answer = http.get("/terms/memory bandwith of things")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "/problems/unknown-name"
    assert "Memory bandwidth" in problem["suggestions"]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", "application/json"),
        ("text/markdown", "text/markdown; charset=utf-8"),
        ("application/ld+json", "application/ld+json"),
        ("text/markdown;q=0.4, application/ld+json;q=0.9", "application/ld+json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html; charset=utf-8"),
        ("application/json;q=0, text/*", "text/markdown; charset=utf-8"),
        ("application/json;q=broken", "application/json"),
    ],
)
def test_representation_follows_accept(http: httpx2.Client, accept: str, expected: str) -> None:
    answer = http.get("/terms/vram", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == expected
    assert answer.headers["vary"] == "Accept,Accept-Encoding"


def test_what_is_not_offered_is_406(http: httpx2.Client) -> None:
    answer = http.get("/terms/vram", headers={"Accept": "image/png"})
    assert answer.status_code == 406
    assert "text/markdown" in answer.json()["detail"]


def test_markdown_reads_as_a_page(http: httpx2.Client) -> None:
    text = http.get("/terms/vram", headers={"Accept": "text/markdown"}).text
    assert text.startswith("# VRAM\n")
    for heading in ("## In practice", "## Pitfalls", "## Sources"):
        assert heading in text


def test_json_ld_is_a_defined_term(http: httpx2.Client) -> None:
    term = json.loads(http.get("/terms/vram", headers={"Accept": "application/ld+json"}).text)
    assert term["@type"] == "DefinedTerm"
    assert term["name"] == "VRAM"
    assert term["subjectOf"]
    assert "](" not in term["description"]


def test_etag_spares_the_second_answer(http: httpx2.Client) -> None:
    first = http.get("/terms/vram")
    etag = first.headers["etag"]
    for held in (etag, f'"other", {etag}', etag.removeprefix("W/"), "*"):
        second = http.get("/terms/vram", headers={"If-None-Match": held})
        assert (second.status_code, second.content) == (304, b""), held
        assert second.headers["etag"] == etag
    assert http.get("/terms/vram", headers={"If-None-Match": '"other"'}).status_code == 200
    assert http.get("/terms/vram", headers={"Accept": "text/markdown"}).headers["etag"] != etag


def test_list_is_searched_filtered_and_cut(http: httpx2.Client, index: Index) -> None:
    everything = http.get("/terms", params={"limit": 1000}).json()
    assert everything["total"] == len(everything["items"]) == len(index.known.terms)
    first, second = (http.get("/terms", params={"limit": 2, "offset": offset}).json()["items"] for offset in (0, 2))
    assert [*first, *second] == everything["items"][:4]
    assert http.get("/terms", params={"q": "vram"}).json()["items"][0]["slug"] == "vram"
    newcomers = http.get("/terms", params={"level": "newcomer", "topic": "power", "limit": 1000}).json()["items"]
    assert newcomers
    assert {(term["level"], term["topic"]) for term in newcomers} == {("newcomer", "power")}


@pytest.mark.parametrize("query", ["level=wizard", "limit=0", "limit=x", "offset=-1", "leve=newcomer", "q=a&q=b"])
def test_bad_parameters_are_named(http: httpx2.Client, query: str) -> None:
    answer = http.get(f"/terms?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == query.partition("=")[0]
