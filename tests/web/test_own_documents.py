"""What a document that somebody took in would do in the page of whoever reads it: nothing."""

import re
from pathlib import Path

import httpx2
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from kb.search.build import build
from kb.search.documents import ingest
from kb.search.embed import Embedder
from kb.settings import Settings
from tests.api.conftest import Serve
from tests.api.test_browser import pytestmark as browser_mark
from tests.kb.chat.test_own_documents import LESSONS, QUESTION
from tests.small_knowledge import write_knowledge
from tests.web.test_pages import ask, assert_clean, log, until

pytestmark = browser_mark
ANSWER = (
    "The cellar server Grendel has memory. Grendel has <script>window.ran=1</script> memory and <img src=x "
    "onerror=window.ran=2> on [the](javascript:window.ran=3) server.\n"
)
MORE = (
    "![seen](http://evil.test/x.png) <svg onload=window.ran=4> {{ 7*7 }} </p></main></body><a href=//evil.test>out</a> "
    "<iframe srcdoc='<script>parent.ran=6</script>'></iframe>\n"
)
NAME = "x<img src=x onerror=window.ran=5>.md"
MADE = "main img, main script, main svg, main a[href*='evil'], main a[href^='javascript'], main iframe"


@pytest.fixture
def hostile(tmp_path: Path, embedder: Embedder) -> Settings:
    document = tmp_path / NAME
    document.write_text(f"# Grendel\n\n{ANSWER}\n# The rest {MORE}\n{MORE}", "utf-8")
    assert [type(outcome).__name__ for _, outcome in ingest([document], tmp_path / "data")] == ["Document"]
    knowledge = write_knowledge(tmp_path / "knowledge")
    build(knowledge, tmp_path / "data", embedder, lessons=LESSONS)
    return Settings(data_dir=tmp_path / "data", knowledge_dir=knowledge)


def test_nothing_of_it_runs_wherever_it_is_shown(browser: webdriver.Chrome, serve: Serve, hostile: Settings) -> None:
    def assert_nothing_ran() -> None:
        assert browser.execute_script("return window.ran") is None
        assert browser.find_elements(By.CSS_SELECTOR, MADE) == []

    with serve(hostile) as base:
        browser.get(base)
        turn = ask(browser, QUESTION)
        assert "<script>window.ran=1</script>" in turn.find_element(By.CSS_SELECTOR, ".answer").text
        for summary in browser.find_elements(By.CSS_SELECTOR, "summary"):
            browser.execute_script("arguments[0].parentElement.open = true", summary)
        WebDriverWait(browser, 30).until(lambda _: "window.ran=5" in turn.text)
        assert_nothing_ran()
        browser.refresh()
        until(browser, ".verdicts")
        assert_nothing_ran()

        hits = httpx2.get(f"{base}/search", params={"q": "Grendel, seen and out", "k": 20}).json()["hits"]
        theirs = [hit for hit in hits if "window.ran" in hit["text"]]
        assert len(theirs) == 2
        pages = ["/sources", f"/sources/{theirs[0]['source']}", *(f"/passages/{hit['passage_id']}" for hit in theirs)]
        for path in pages:
            browser.get(base + path)
            until(browser, "main", "window.ran=")
            assert_nothing_ran()
        assert_clean(browser, base, log(browser))


def test_its_own_words_stay_text_for_programs_too(serve: Serve, hostile: Settings) -> None:
    asked = {"messages": [{"role": "user", "content": QUESTION}]}
    with serve(hostile) as base:
        chat = httpx2.post(f"{base}/chat", json=asked, timeout=60)
        completion = httpx2.post(f"{base}/v1/chat/completions", json=asked, timeout=60)
    for answer in (chat, completion):
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"
    said = completion.json()["choices"][0]["message"]["content"]
    assert "window.ran=1" in said
    assert not re.search(r"(?<!\\)<(?:script|img|svg|a)\b", said), "as Markdown it is text"
    assert not re.search(r"(?<!\\)\]\(", said)
