"""``/docs`` in a real browser that may reach nothing but the server, and pages of others that try to reach it."""

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import httpx2
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs Debian's chromium and chromium-driver, which CI installs"
)


@pytest.fixture
def browser(tmp_path: object) -> Iterator[webdriver.Chrome]:
    options = Options()
    options.binary_location = CHROMIUM or ""
    for argument in (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", f"--user-data-dir={tmp_path}",
        "--host-resolver-rules=MAP evil.test 127.0.0.1",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


def requested_hosts(browser: webdriver.Chrome) -> set[str]:
    messages = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    urls = (m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent")
    return {urlsplit(url).netloc for url in urls if url.startswith("http")}


def test_a_tool_is_tried_from_the_page(browser: webdriver.Chrome, base_url: str) -> None:
    browser.get(f"{base_url}/docs")
    wait = WebDriverWait(browser, 30)
    box = wait.until(lambda b: b.find_element(By.ID, "operations-tools-check_fit"))
    browser.execute_script("arguments[0].scrollIntoView()", box)
    box.find_element(By.CSS_SELECTOR, ".opblock-summary-control").click()
    wait.until(lambda _: box.find_element(By.CSS_SELECTOR, "button.execute")).click()
    answer = wait.until(lambda _: box.find_element(By.CSS_SELECTOR, ".live-responses-table"))
    assert "200" in answer.text
    assert '"verdict": "fits"' in answer.text
    severe = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert severe == []
    assert requested_hosts(browser) == {urlsplit(base_url).netloc}


ATTACK = """
const [kb, done] = arguments, question = JSON.stringify({messages: [{role: "user", content: "What is VRAM?"}]});
const read = (answer) => answer.text().then((text) => (text ? `read ${text.slice(0, 80)}` : "nothing"));
const attempt = (url, options) => fetch(url, options).then(read, () => "nothing");
const post = {method: "POST"}, text = {"Content-Type": "text/plain"};
const script = (url) => new Promise((said) => {
  const node = Object.assign(document.createElement("script"), {src: url});
  node.onload = () => said("read a script");
  node.onerror = () => said("nothing");
  document.head.append(node);
});
Promise.all([
  attempt(`${kb}/terms/vram`),
  attempt(`${kb}/terms/vram`, {mode: "no-cors"}),
  attempt(`${kb}/docs`),
  attempt(`${kb}/chat`, {...post, body: question, headers: text}),
  attempt(`${kb}/chat`, {...post, body: question, headers: text, mode: "no-cors"}),
  attempt(`${kb}/chat`, {...post, body: new Blob([question]), mode: "no-cors"}),
  attempt(`${kb}/chat`, {...post, body: question, headers: {"Content-Type": "application/json"}}),
  attempt(`${kb}/tools/kv_cache_size`, {...post, body: new Blob(['{"model": "llama 3.1 70b"}']), mode: "no-cors"}),
  script(`${kb}/tools`),
  script(`${kb}/docs/docs.js`),
]).then((said) => {
  navigator.sendBeacon(`${kb}/chat`, question);
  navigator.sendBeacon(`${kb}/chat`, new Blob([question]));
  setTimeout(() => done(said), 1500);
});
"""
"""What a page can try without a click, with what it could read of each answer."""


@contextmanager
def elsewhere() -> Iterator[int]:
    """A server of somebody else's on another port of this machine, with an empty page."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Not in the tests' output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def carried_out(base_url: str) -> list[str]:
    """The counters of what was answered as asked, but for that of this question itself, and for browsers' OPTIONS:
    whether a page may ask, which is answered with nothing that allows it."""
    lines = httpx2.get(f"{base_url}/metrics").text.splitlines()
    counted = [line for line in lines if line.startswith("kb_http_requests_total") and 'status="2' in line]
    return [line for line in counted if "/metrics" not in line and "OPTIONS" not in line]


@pytest.mark.parametrize("page", ["http://evil.test:{theirs}/", "http://localhost:{theirs}/"])
def test_a_page_of_another_origin_reads_nothing_and_sets_nothing_off(
    browser: webdriver.Chrome, base_url: str, page: str
) -> None:
    ours = urlsplit(base_url).port
    with elsewhere() as theirs:
        browser.get(page.format(theirs=theirs))
        before = carried_out(base_url)
        for kb in (base_url, f"http://localhost:{ours}", f"http://evil.test:{ours}"):
            said = browser.execute_async_script(ATTACK, kb)
            assert said == ["nothing"] * 10, kb
        assert carried_out(base_url) == before


def test_a_page_under_a_name_that_was_bent_to_here_reads_nothing(browser: webdriver.Chrome, base_url: str) -> None:
    """DNS rebinding: for the browser the page and the server are one origin."""
    rebound = f"http://evil.test:{urlsplit(base_url).port}"
    before = carried_out(base_url)
    browser.get(f"{rebound}/terms/vram")
    assert "421" in browser.page_source
    said = browser.execute_async_script(ATTACK, rebound)
    refused = "read {" + '"type":"about:blank","title":"Misdirected Request","status":421'
    assert all(one == "nothing" or one.startswith(refused) for one in said)
    assert carried_out(base_url) == before


def test_a_link_from_elsewhere_leads_to_the_page(browser: webdriver.Chrome, base_url: str) -> None:
    with elsewhere() as theirs:
        browser.get(f"http://evil.test:{theirs}/")
        browser.execute_script("location.href = arguments[0]", f"{base_url}/docs")
        WebDriverWait(browser, 30).until(lambda b: b.find_element(By.ID, "operations-tools-check_fit"))
