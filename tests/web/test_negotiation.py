"""Browsers get pages, programs get JSON, from the same addresses."""

import json
import re
from html import unescape

import httpx2
import pytest

from api.html import WEB

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}

BOTH = {
    "/": "Ask about hardware",
    "/terms": "KV cache",
    "/terms?q=kv cache": "KV cache",
    "/terms/vram": "In practice",
    "/specs": "Accelerators",
    "/specs/search?q=rtx 3090": "GeForce RTX 3090",
    "/specs/accelerators": "GeForce RTX 3090",
    "/specs/accelerators/RTX 3090": "936 GB/s",
    "/specs/models/llama-3.1-70b": "What does it fit on?",
    "/disputes": "Where sources contradict each other",
    "/disputes/nvlink-pools-memory": "Ruling",
    "/sources": "Hardware Basics",
    "/sources/hardware-behind-ai": "Passages",
    "/passages/term.vram": "VRAM",
}


@pytest.mark.parametrize("path", BOTH)
def test_a_browser_gets_a_page_and_a_program_json(http: httpx2.Client, path: str) -> None:
    page = http.get(path, headers=BROWSER)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert BOTH[path] in page.text
    assert page.headers["vary"] == "Accept,Accept-Encoding"
    for accept in ("*/*", "application/json"):
        answer = http.get(path, headers={"Accept": accept})
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["vary"] == "Accept,Accept-Encoding"
        assert answer.json()


def test_a_page_is_held_by_its_etag(http: httpx2.Client) -> None:
    page = http.get("/terms/vram", headers=BROWSER)
    held = {"If-None-Match": page.headers["etag"]}
    assert http.get("/terms/vram", headers=BROWSER | held).status_code == 304
    assert http.get("/terms/vram", headers=held).status_code == 200


def test_markdown_and_json_ld_are_there_as_before(http: httpx2.Client) -> None:
    for media in ("text/markdown", "application/ld+json"):
        assert http.get("/terms/vram", headers={"Accept": media}).headers["content-type"].startswith(media)


@pytest.mark.parametrize("path", [*BOTH, "/fit", "/compare", "/run", "/docs"])
def test_nothing_on_a_page_may_run_but_our_own_files(http: httpx2.Client, path: str) -> None:
    page = http.get(path, headers=BROWSER)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    data = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page.text)
    assert [json.loads(one)["@context"][0] for one in data] == ["https://schema.org"] * len(data)
    assert not re.findall(r"<script(?![^>]* src=| type=\"application/ld\+json\")|\son\w+=|\sstyle=|<style", page.text)
    for address in re.findall(r'(?:src|href)="([^"]*)"', page.text):
        assert address.startswith(("/", "#", "?")), address
        assert not address.startswith("//")


LINKED = ("/specs/models/llama-3.1-70b", "/specs/machines/mac-studio-m3-ultra", "/disputes/nvlink-pools-memory")


def test_every_internal_link_of_the_first_pages_leads_somewhere(http: httpx2.Client) -> None:
    links = set()
    for path in ("/", "/fit", "/compare", "/terms/vram", "/specs", "/specs/accelerators/rtx-3090", *LINKED):
        links |= set(re.findall(r'href="(/[^"#]*)"', unescape(http.get(path, headers=BROWSER).text)))
    assert len(links) > 40
    assert {link: code for link in links if (code := http.get(link, headers=BROWSER).status_code) != 200} == {}


@pytest.mark.parametrize("name", sorted(path.name for path in (WEB / "static").iterdir()))
def test_static_files_are_served_with_their_types(http: httpx2.Client, name: str) -> None:
    answer = http.get(f"/static/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].split(";")[0] in ("text/javascript", "text/css")
    assert answer.content == (WEB / "static" / name).read_bytes()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|https://", answer.text)


def test_an_unknown_term_is_a_page_that_names_the_nearest(http: httpx2.Client) -> None:
    page = http.get("/terms/quantisationn%3Cb%3E", headers=BROWSER)
    assert page.status_code == 404
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "&lt;b&gt;" in page.text
    assert "<b>" not in page.text
    (first, *_) = re.findall(r'<li><a href="(/terms/[^"]+)"', page.text.partition("Did you mean")[2])
    assert http.get(first, headers=BROWSER).status_code == 200
    problem = http.get("/terms/quantisationn%3Cb%3E")
    assert problem.headers["content-type"] == "application/problem+json"
    assert http.get("/nowhere", headers=BROWSER).headers["content-type"] == "text/html; charset=utf-8"


def test_what_a_user_searches_for_is_shown_as_text(http: httpx2.Client) -> None:
    page = http.get("/specs/search", params={"q": '"><img src=x>'}, headers=BROWSER)
    assert page.status_code == 200
    assert "<img" not in page.text
    assert "&lt;img" in page.text


def test_the_figures_of_a_page_are_those_of_the_json(http: httpx2.Client) -> None:
    figures = http.get("/specs/accelerators/rtx-3090").json()["figures"]
    page = http.get("/specs/accelerators/rtx-3090", headers=BROWSER).text
    for figure in figures.values():
        assert re.search(rf'<th scope="row">(<a [^>]*>)?{re.escape(figure["label"])}<', page)
    assert f"{figures['cuda_cores']['value']:,}" in page


def test_pages_say_what_they_are_about_as_linked_data(http: httpx2.Client) -> None:
    for path, kind in (("/terms/vram", "DefinedTerm"), ("/specs/accelerators/rtx-3090", "Product")):
        page = http.get(path, headers=BROWSER).text
        (data,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page)
        assert "<" not in data
        node = json.loads(data)
        assert (node["@type"], node["@id"]) == (kind, path)
    bandwidth = next(one for one in node["additionalProperty"] if one["propertyID"] == "memory_bandwidth_gb_per_s")
    assert (bandwidth["value"], bandwidth["unitText"]) == (936, "GB/s")


def linked(http: httpx2.Client, path: str) -> set[str]:
    return set(re.findall(r'href="(/(?:terms|specs|disputes)/[^"]*)"', http.get(path, headers=BROWSER).text))


def test_terms_specs_and_disputes_lead_to_one_another(http: httpx2.Client) -> None:
    assert linked(http, "/terms/vram") >= {"/specs/accelerators/rtx-3090", "/terms/memory-bandwidth"}
    card = linked(http, "/specs/accelerators/rtx-3090")
    assert card >= {"/terms/memory-bandwidth", "/terms/cuda-cores", "/terms/tdp"}
    measured = next(link for link in card if link.startswith("/specs/measurements/"))
    assert "/specs/accelerators/rtx-3090" in linked(http, measured)
    dispute = "/disputes/nvlink-pools-memory"
    about = http.get(dispute).json()["about"][0].partition("#")[0]
    assert (f"/{about}" if about.startswith("terms/") else f"/specs/{about}") in linked(http, dispute)
    assert any(dispute in linked(http, link) for link in linked(http, dispute))


def test_fit_says_in_words_what_came_out_where_nothing_runs(http: httpx2.Client) -> None:
    query = {"model": "llama 3.1 70b", "device": ["RTX 3090", "RTX 3060 12GB"], "count": ["2", "1"], "context": "16384"}
    page = unescape(http.get("/fit", params=query, headers=BROWSER).text)
    said = page.partition('<div id="result"')[2]
    assert "fits on 2× GeForce RTX 3090 + GeForce RTX 3060 12GB and leaves" in said
    assert '<option value="16384" selected>' in page
    wrong = unescape(http.get("/fit", params={"model": "8b", "device": "RTX 5690"}, headers=BROWSER).text)
    assert "No device is called 'RTX 5690'" in wrong
    assert http.get("/fit?context=many&device=a&else=1", headers=BROWSER).status_code == 200


@pytest.mark.parametrize("path", ["/fitt", "/compare/me", "/wp-login.php"])
def test_a_wrong_address_leads_a_reader_on(http: httpx2.Client, path: str) -> None:
    page = http.get(path, headers=BROWSER)
    assert page.status_code == 404
    assert "There is no such page" in page.text
    main = page.text.partition("<main")[2]
    assert {"/", "/fit", "/run", "/compare", "/terms", "/specs"} <= set(re.findall(r'href="([^"]*)"', main))
    assert "route" not in main
    assert "GET / lists them" in http.get(path).json()["detail"]


@pytest.mark.parametrize("asked", ["install ollama on linux", "nvidia-smi", "llama-server options"])
def test_excerpts_are_words_and_no_markup(http: httpx2.Client, asked: str) -> None:
    hits = http.get("/search", params={"q": asked}).json()["hits"]
    assert any("`" in hit["text"][:200] for hit in hits)
    excerpts = re.findall(r"<p>(.*?)</p></li>", http.get("/search", params={"q": asked}, headers=BROWSER).text, re.S)
    assert len(excerpts) == len(hits)
    assert not [text for text in excerpts if "`" in text or "**" in text or "](" in text]
