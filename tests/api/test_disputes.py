"""``/disputes``, ``/sources``, ``/passages``."""

import httpx2

from kb.search.live import Index


def test_every_dispute_is_listed_and_answers(http: httpx2.Client, index: Index) -> None:
    listed = http.get("/disputes", params={"limit": 1000}).json()
    assert {dispute["slug"] for dispute in listed["items"]} == set(index.known.disputes)
    for slug in index.known.disputes:
        dispute = http.get(f"/disputes/{slug}").json()
        assert dispute["claims"]
        assert dispute["ruling"]


def test_disputes_are_filtered(http: httpx2.Client, index: Index) -> None:
    for dispute in index.known.disputes.values():
        target = dispute.about[0]
        record = target.partition("#")[0]
        for about in (target, record, record.rpartition("/")[2]):
            found = http.get("/disputes", params={"about": about, "kind": dispute.kind, "limit": 1000}).json()["items"]
            assert dispute.slug in [one["slug"] for one in found], about
    assert http.get("/disputes", params={"q": "zzzzqqqq"}).json()["total"] == 0


def test_a_disputed_figure_names_its_dispute(http: httpx2.Client, index: Index) -> None:
    for dispute in index.known.disputes.values():
        for target in dispute.about:
            path, _, key = target.partition("#")
            if key and not path.startswith("terms/"):
                figures = http.get(f"/specs/{path}").json()["figures"]
                if key in figures:
                    assert dispute.slug in figures[key]["disputed"]


def test_the_five_documents_are_sources_with_passages(http: httpx2.Client) -> None:
    documents = http.get("/sources", params={"kind": "document", "limit": 1000}).json()["items"]
    assert {source["slug"] for source in documents} >= {
        "hardware-behind-ai", "hardware-basics-course", "local-ai-hardware-guide-2026",
        "hardware-requirements-foundation", "inference-hardware-notes",
    }  # fmt: skip
    for slug in ("hardware-behind-ai", "inference-hardware-notes"):
        source = http.get(f"/sources/{slug}").json()
        passage = http.get(f"/passages/{source['passages'][0]['passage_id']}").json()
        assert passage["source"] == slug
        assert passage["text"]


def test_unknown_ones_are_404_with_suggestions(http: httpx2.Client) -> None:
    for path in ("/sources/hardware-behind-the-ai", "/passages/term.vrams"):
        answer = http.get(path)
        assert answer.status_code == 404
        assert answer.json()["suggestions"]
    assert http.get("/disputes/no-such-thing").status_code == 404
