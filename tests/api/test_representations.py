"""One thing as JSON, Markdown, linked data and a page, and how they lead to one another."""

import json
import re
from typing import Any

import httpx2
import pytest
from markdown_it import MarkdownIt

from api.html import templates
from kb.catalogue.records import Passage, Source
from kb.settings import Settings

BROWSER = {"Accept": "text/html"}
TWINS = {
    "/terms/vram": "# VRAM\n",
    "/terms/video memory": "# VRAM\n",
    "/specs/accelerators/rtx 3090": "- memory bandwidth: 936 GB/s",
    "/specs/models/llama-3-1-70b": "# Llama 3.1 70B\n",
    "/specs/builds/dual-rtx-3090-nvlink": "## More",
    "/disputes/nvlink-pools-memory": "## Ruling",
    "/sources/hardware-behind-ai": "## Passages",
    "/passages/term.vram": "From [Hardware KB glossary](/sources/hardware-kb-glossary.md)",
    "/terms": "- [VRAM](/terms/vram.md): ",
    "/specs": "- [CPUs](/specs/cpus.md): ",
    "/specs/cpus": "- [AMD EPYC 7713](/specs/cpus/epyc-7713.md): ",
    "/disputes": "](/disputes/nvlink-pools-memory.md): ",
    "/sources": "- [The hardware behind AI](/sources/hardware-behind-ai.md): ",
}


def alternate(answer: httpx2.Response) -> str:
    (found,) = re.findall(r'<([^>]+)>; rel="alternate"; type="text/markdown"', answer.headers["link"])
    return str(found)


@pytest.mark.parametrize("path", TWINS)
def test_everything_has_a_twin_in_markdown(http: httpx2.Client, path: str) -> None:
    twin = http.get(f"{path}.md")
    assert twin.status_code == 200
    assert twin.headers["content-type"] == "text/markdown; charset=utf-8"
    assert TWINS[path] in twin.text
    assert re.match(r"# \S", twin.text)
    assert "\n\n\n\n" not in twin.text
    assert http.get(path, headers={"Accept": "text/markdown"}).text == twin.text
    for headers in (BROWSER, {}):
        answer = http.get(path, headers=headers)
        assert http.get(alternate(answer)).text == twin.text
    held = http.get(f"{path}.md", headers={"If-None-Match": twin.headers["etag"]})
    assert held.status_code == 304


@pytest.mark.parametrize("path", TWINS)
def test_links_of_markdown_lead_to_markdown(http: httpx2.Client, path: str) -> None:
    links = set(re.findall(r"\]\((/[^)]+)\)", http.get(f"{path}.md").text))
    for link in sorted(links)[:12]:
        answer = http.get(link)
        assert (answer.status_code, answer.headers["content-type"][:13]) == (200, "text/markdown"), link


def test_a_list_and_its_twin_have_the_same(http: httpx2.Client) -> None:
    asked = http.get("/terms", params={"q": "kv", "limit": 2})
    links = asked.headers["link"]
    assert 'rel="alternate"' in links
    assert 'rel="next"' in links
    everything = http.get("/terms", params={"q": "kv", "limit": 1000}).json()["items"]
    assert re.findall(r"\(/terms/([^)]+)\.md\)", http.get(alternate(asked)).text) == [one["slug"] for one in everything]


@pytest.mark.parametrize(
    "path", ["/terms/nothing-of-the-kind.md", "/specs/accelerators/RTX 4090 Ti.md", "/sources/x.md"]
)
def test_what_is_unknown_is_unknown_in_markdown_too(http: httpx2.Client, path: str) -> None:
    answer = http.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_others_have_no_twin(http: httpx2.Client) -> None:
    assert http.get("/tools/check_fit.md").status_code == 404
    assert http.get("/health/live.md").status_code == 404


def test_a_users_document_is_shown_as_it_is() -> None:
    text = "# Not ours\n\n<script>alert(1)</script> ![x](http://evil/x.png)\n```\n[GPU](gpu) and the end"
    passage = Passage(passage_id="document-x.1", source="document-x", section="<b>", title="a [b](c)", text=text)
    source = Source(slug="document-x", title="<i>x</i>.md", publisher="added by the user", kind="user")
    written = templates().get_template("passage.md").render(answer=passage, source=source)
    tokens = MarkdownIt("commonmark").parse(written)
    assert [token.content for token in tokens if token.type == "fence"] == [f"{text}\n"]
    inline = [child.type for token in tokens for child in token.children or ()]
    assert "html_inline" not in inline
    assert inline.count("link_open") == 1


# Linked data


def as_linked_data(base: str, path: str, **headers: str) -> Any:
    return json.loads(httpx2.get(base + path, headers={"Accept": "application/ld+json", **headers}).text)


def ids_in(node: Any) -> list[str]:
    if isinstance(node, list):
        return [found for one in node for found in ids_in(one)]
    if isinstance(node, dict):
        own = [node["@id"]] if "@id" in node else []
        return own + [found for key, one in node.items() if key != "@context" for found in ids_in(one)]
    return []


@pytest.mark.parametrize("path", ["/terms/vram", "/specs/accelerators/rtx-3090", "/specs/models/llama-3-1-70b"])
def test_ids_are_whole_and_lead_somewhere(base_url: str, path: str) -> None:
    node = as_linked_data(base_url, path)
    assert node["@id"] == base_url + path
    found = ids_in(node)
    assert len(found) > 3
    for one in set(found):
        assert httpx2.get(one).status_code == 200, one


def test_ids_are_those_of_the_public_address(settings: Settings, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KB_PUBLIC_URL", "https://kb.example/hardware/")
    ours = Settings(data_dir=settings.data_dir, knowledge_dir=settings.knowledge_dir)
    assert ours.public_url == "https://kb.example/hardware"
    with serve(ours) as base:
        assert as_linked_data(base, "/terms/vram")["@id"] == "https://kb.example/hardware/terms/vram"
        listed = httpx2.get(f"{base}/terms?limit=1")
        assert listed.json()["next"] == "https://kb.example/hardware/terms?limit=1&offset=1"
        assert alternate(listed) == "https://kb.example/hardware/terms.md?limit=1"
        assert "(https://kb.example/hardware/terms.md)" in httpx2.get(f"{base}/llms.txt").text


def test_a_figure_is_a_property_with_value_and_unit(base_url: str) -> None:
    node = as_linked_data(base_url, "/specs/accelerators/rtx-3090")
    found = {one["propertyID"]: one for one in node["additionalProperty"]}
    assert (found["memory_gib"]["value"], found["memory_gib"]["unitText"]) == (24.0, "GiB")
    assert all("value" in one or "minValue" in one for one in found.values())


@pytest.mark.parametrize("url", ["kb.example", "ftp://kb.example", "https://kb.example/?a", "https:// x"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="public_url"):
        Settings(public_url=url)


# llms.txt


def test_llms_txt_has_the_form_and_its_links_lead_somewhere(http: httpx2.Client) -> None:
    answer = http.get("/llms.txt")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    kinds = [token.type for token in MarkdownIt().parse(answer.text) if token.level == 0 and token.nesting >= 0]
    assert kinds[:2] == ["heading_open", "blockquote_open"]
    assert answer.text.count("\n# ") + answer.text.startswith("# ") == 1
    sections = answer.text.split("\n## ")[1:]
    assert len(sections) >= 4
    for section in sections:
        for line in section.splitlines()[1:]:
            assert not line or re.fullmatch(r"- \[[^\]]+\]\(http[^)]+\)(: .+)?", line), line
    links = re.findall(r"\]\((http[^)]+)\)", answer.text)
    assert len(links) == len(set(links))
    assert {link: code for link in links if (code := http.get(link).status_code) != 200} == {}
    assert any(link.endswith("/docs/versions.md") for link in links)
