"""The way of a newcomer through the pages, in a real browser: chat, evidence, Fit, a term and back."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx2
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from kb.settings import Settings
from tests.api.conftest import Serve
from tests.api.test_browser import CHROMIUM, DRIVER
from tests.api.test_chat import HeldEngine
from tests.tried import tried

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs Debian's chromium and chromium-driver, which CI installs"
)

AXE = (Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js").read_text("utf-8")
FIRST_VIEW_BYTES = 150_000
QUESTION = "Can I run a 70B model on 2x RTX 3090 with 64 GB RAM, and how fast?"


def until(browser: webdriver.Chrome, found: str, text: str = "") -> WebElement:
    """The first element that a selector finds and in which the text stands, when it does."""

    def looked(_: webdriver.Chrome) -> WebElement | None:
        elements = browser.find_elements(By.CSS_SELECTOR, found)
        return next((one for one in elements if text in (one.text or "")), None)

    return WebDriverWait(browser, 30, ignored_exceptions=[Exception]).until(looked, f"no {found} with {text!r}")


def ask(browser: webdriver.Chrome, question: str, nth: int = 1) -> WebElement:
    """The turn of a question that is asked and answered."""
    until(browser, "#question").send_keys(question + Keys.ENTER)
    until(browser, f".turn:nth-child({nth}) .verdicts")
    return browser.find_element(By.CSS_SELECTOR, f".turn:nth-child({nth})")


def log(browser: webdriver.Chrome) -> list[dict[str, Any]]:
    return [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]


def assert_clean(browser: webdriver.Chrome, base_url: str, events: list[dict[str, Any]]) -> None:
    """No error in the console, and no request to another host."""
    assert [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert {urlsplit(url).netloc for url in urls if url.startswith("http")} == {urlsplit(base_url).netloc}


def serious(browser: webdriver.Chrome) -> list[str]:
    """What axe-core finds that keeps people out."""
    browser.execute_script(AXE)
    found = browser.execute_async_script("axe.run(document).then(arguments[0])")
    return [
        f"{one['id']}: {node['html'][:200]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def test_the_way_of_a_newcomer(browser: webdriver.Chrome, base_url: str) -> None:
    browser.set_window_size(1440, 1000)
    browser.get(base_url)
    turn = ask(browser, QUESTION)
    assert "fits on 2× GeForce RTX 3090" in turn.find_element(By.CSS_SELECTOR, ".answer").text

    chips = [chip.text for chip in turn.find_elements(By.CSS_SELECTOR, ".chip")]
    assert "2× GeForce RTX 3090" in chips
    assert "64 GB RAM" in chips
    assert any("assumed" in chip and "Q4_K_M" in chip for chip in chips)
    assert "41.93 GB weights" in turn.find_element(By.CSS_SELECTOR, ".formula").text
    cite = turn.find_element(By.CSS_SELECTOR, ".cite")
    browser.execute_script("arguments[0].focus()", cite)
    marked = turn.find_element(By.CSS_SELECTOR, ".citations .marked")
    assert (cite.get_attribute("href") or "").endswith(f"#{marked.get_attribute('id')}")

    next(chip for chip in turn.find_elements(By.CSS_SELECTOR, ".chip") if "RTX 3090" in chip.text).click()
    field = until(browser, ".chip-form input")
    assert field.get_attribute("value") == "2× GeForce RTX 3090"
    field.clear()
    field.send_keys("4x RTX 3090" + Keys.ENTER)
    until(browser, ".turn:nth-child(2) .verdicts")
    second = browser.find_element(By.CSS_SELECTOR, ".turn:nth-child(2)")
    assert second.find_element(By.CSS_SELECTOR, ".question").text == "I meant 4x RTX 3090"
    assert "4× GeForce RTX 3090" in second.find_element(By.CSS_SELECTOR, ".answer").text
    assert "64 GB RAM" in [chip.text for chip in second.find_elements(By.CSS_SELECTOR, ".chip")]

    follow_up = second.find_element(By.CSS_SELECTOR, ".suggestion")
    words = follow_up.text
    browser.execute_script("arguments[0].click()", follow_up)
    until(browser, ".turn:nth-child(3) .verdicts")
    third = browser.find_element(By.CSS_SELECTOR, ".turn:nth-child(3)")
    assert third.find_element(By.CSS_SELECTOR, ".question").text == words

    browser.refresh()
    until(browser, ".turn:nth-child(3) .verdicts")
    browser.execute_script("arguments[0].click()", browser.find_element(By.LINK_TEXT, "Change this on the Fit page"))
    until(browser, ".verdict-words", "Fits")
    assert parse_qs(urlsplit(browser.current_url).query)["ram"] == ["64"]

    browser.get(f"{base_url}/terms/vram")
    until(browser, "h1", "VRAM")
    browser.find_element(By.LINK_TEXT, "KV cache").click()
    until(browser, "h1", "KV cache")
    browser.back()
    until(browser, "h1", "VRAM")
    browser.find_element(By.LINK_TEXT, "Chat").click()
    until(browser, ".turn:nth-child(3) .verdicts")
    browser.find_element(By.ID, "new").click()
    assert browser.find_elements(By.CSS_SELECTOR, ".turn") == []
    browser.refresh()
    assert until(browser, "#start").is_displayed()
    assert_clean(browser, base_url, log(browser))


def test_fit_keeps_its_state_in_the_address(browser: webdriver.Chrome, base_url: str) -> None:
    browser.get(f"{base_url}/fit")
    model = until(browser, "#model")
    until(browser, ".verdict-words")
    model.clear()
    model.send_keys("Llama 3.1 70B")
    device = browser.find_element(By.ID, "device-1")
    device.clear()
    device.send_keys("2x RTX 3090 + RTX 3060 12GB")
    until(browser, ".bar", "GeForce RTX 3090")
    assert len(browser.find_elements(By.CSS_SELECTOR, ".bar")) == 3
    assert until(browser, ".verdict-words").text.endswith("Fits")

    browser.find_element(By.ID, "context").send_keys(Keys.ARROW_RIGHT * 4)
    until(browser, ".verdict-words", "Fits only")
    state = parse_qs(urlsplit(browser.current_url).query)
    assert state["context"] == ["131072"]
    assert state["device"] == ["2x RTX 3090 + RTX 3060 12GB"]
    before = until(browser, ".verdict").text
    browser.refresh()
    until(browser, ".verdict-words", "Fits only")
    assert until(browser, ".verdict").text == before
    assert browser.find_element(By.ID, "device-1").get_attribute("value") == "2x RTX 3090 + RTX 3060 12GB"
    browser.find_element(By.ID, "context").send_keys(Keys.END)
    until(browser, "#result .note", "131,072")
    assert_clean(browser, base_url, log(browser))


def test_fit_says_beside_the_field_what_is_wrong_and_what_would_do(browser: webdriver.Chrome, base_url: str) -> None:
    browser.get(f"{base_url}/fit?model=Llama+3.1+70B&device=RTX+4090&device=RTX+5690")
    error = until(browser, "#device-2-error", "No device is called")
    assert browser.find_element(By.ID, "device-2").get_attribute("aria-invalid") == "true"
    error.find_element(By.TAG_NAME, "button").click()
    until(browser, ".verdict-words")
    assert browser.find_element(By.ID, "device-2").get_attribute("aria-invalid") is None

    browser.get(f"{base_url}/fit?model=Llama+3.1+70B&device=RTX+4090")
    until(browser, ".verdict-words", "Fits only")
    browser.find_element(By.CSS_SELECTOR, ".ways button").click()
    until(browser, ".verdict-words", "✓ Fits")


def test_fit_says_how_a_name_was_read_and_takes_another(browser: webdriver.Chrome, base_url: str) -> None:
    browser.get(f"{base_url}/fit?model=qwen3+14b&device=2x+rtx+4060+ti&device=")
    note = until(browser, "#result > .note", "“rtx 4060 ti” was read as GeForce RTX 4060 Ti 16GB.")
    assert "2× GeForce RTX 4060 Ti 16GB" in until(browser, ".verdict").text
    note.find_element(By.TAG_NAME, "button").click()
    until(browser, ".verdict", "2× GeForce RTX 4060 Ti 8GB")
    assert browser.find_element(By.ID, "device-1").get_attribute("value") == "2x GeForce RTX 4060 Ti 8GB"
    assert browser.find_elements(By.CSS_SELECTOR, "#result > .note button") == []

    browser.get(f"{base_url}/fit?model=qwen3+32b&device=mac+mini+m4")
    note = until(browser, "#result > .note", "no size was named, so 16 GB was taken")
    until(browser, ".verdict-words", "Does not fit")
    note.find_elements(By.TAG_NAME, "button")[-1].click()
    until(browser, ".verdict-words", "Fits")
    assert parse_qs(urlsplit(browser.current_url).query)["device"] == ["Apple Mac mini (M4, 2024) 32 GB"]
    assert_clean(browser, base_url, log(browser))


def test_fit_asks_openly_what_other_programs_take(browser: webdriver.Chrome, base_url: str) -> None:
    browser.get(f"{base_url}/fit?model=qwen2.5+14b&quantization=q5_k_m&device=RTX+3060+12GB")
    until(browser, ".verdict-words", "Fits")
    reserved = browser.find_element(By.ID, "reserved")
    assert reserved.is_displayed()
    reserved.send_keys("1.5")
    until(browser, ".verdict-words", "Fits only with help")


def test_on_a_phone_the_numbers_of_a_fit_need_no_scrolling(browser: webdriver.Chrome, base_url: str) -> None:
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    browser.get(f"{base_url}/fit?model=qwen3+32b&device=RTX+3060+12GB&ram=32")
    until(browser, ".numbers")
    hidden = "return [...document.querySelectorAll('.scrolls')].map((box) => box.scrollWidth - box.clientWidth)"
    assert browser.execute_script(hidden) == [0, 0]
    browser.get(f"{base_url}/run?device=RTX+3060+12GB&ram=32")
    speed, box = until(browser, ".models tbody td:nth-child(2)"), until(browser, ".scrolls")
    assert speed.location["x"] + speed.size["width"] <= box.location["x"] + box.size["width"]


def test_fit_places_a_model_by_options_and_beside_other_programs(browser: webdriver.Chrome, base_url: str) -> None:
    browser.set_window_size(1440, 1000)
    browser.get(f"{base_url}/fit?model=qwen3+30b+a3b&device=RTX+3060+12GB&ram=64")
    until(browser, ".verdict-words", "Fits only")
    options = browser.find_element(By.ID, "options")
    assert not options.is_displayed()
    browser.find_element(By.CSS_SELECTOR, "#more summary").click()
    options.send_keys("-ngl 99")
    until(browser, ".verdict-words", "Does not fit")
    assert "Place it with" in until(browser, ".ways li").text
    browser.find_element(By.CSS_SELECTOR, ".ways button").click()
    until(browser, ".verdict-words", "Runs with a part of it in system RAM")
    placed = options.get_attribute("value") or ""
    assert "--n-cpu-moe" in placed
    assert f" {placed} " in until(browser, ".code").text

    browser.find_element(By.ID, "reserved").send_keys("3")
    until(browser, ".verdict-words", "Does not fit")
    state = parse_qs(urlsplit(browser.current_url).query)
    assert (state["reserved"], state["options"]) == (["3"], [placed])
    browser.find_element(By.CSS_SELECTOR, ".ways button").click()
    until(browser, ".verdict-words", "Runs with a part of it in system RAM")
    state = parse_qs(urlsplit(browser.current_url).query)
    assert state["options"] != [placed]
    browser.refresh()
    until(browser, ".verdict-words", "Runs with a part of it in system RAM")
    for field in ("options", "reserved"):
        shown = browser.find_element(By.ID, field)
        assert shown.is_displayed()
        assert [shown.get_attribute("value")] == state[field]
    assert_clean(browser, base_url, log(browser))

    browser.find_element(By.ID, "options").send_keys(" -ngl x")
    assert "-ngl" in until(browser, "#options-error p").text


def test_what_sees_has_its_part_of_the_bar(browser: webdriver.Chrome, base_url: str) -> None:
    browser.get(f"{base_url}/fit?model=gemma+3+12b&device=RTX+3060+12GB&images=2")
    until(browser, ".verdict-words", "Fits")
    assert "Seeing" in until(browser, ".legend").text
    assert browser.find_elements(By.CSS_SELECTOR, "rect.part-seeing")
    images = browser.find_element(By.ID, "images")
    assert (images.is_displayed(), images.get_attribute("value")) == (True, "2")
    images.send_keys(Keys.DELETE + Keys.BACK_SPACE)
    until_gone = WebDriverWait(browser, 30).until
    assert until_gone(lambda b: "Seeing" not in b.find_element(By.CSS_SELECTOR, ".legend").text)
    assert "images" not in parse_qs(urlsplit(browser.current_url).query)
    assert_clean(browser, base_url, log(browser))


def test_the_model_and_devices_are_suggested_while_one_types(browser: webdriver.Chrome, base_url: str) -> None:
    browser.get(f"{base_url}/fit")
    model = until(browser, "#model")
    model.clear()
    model.send_keys("qwen3")
    until_option = WebDriverWait(browser, 30).until
    assert until_option(lambda b: b.find_elements(By.CSS_SELECTOR, "#models option[value='Qwen3 14B']"))
    device = browser.find_element(By.ID, "device-1")
    device.clear()
    device.send_keys("RTX 4090 + 2x 3060")
    wanted = "#devices option[value='RTX 4090 + 2x GeForce RTX 3060 12GB']"
    assert until_option(lambda b: b.find_elements(By.CSS_SELECTOR, wanted))


MARKUP = (
    "What is <img src=x onerror=window.ran=1> VRAM? <script>window.ran=2</script> "
    "**<b onclick=1>x</b>** [a](javascript:window.ran=3)"
)


def test_markup_in_a_question_runs_nothing(browser: webdriver.Chrome, base_url: str) -> None:
    browser.get(base_url)
    turn = ask(browser, MARKUP)
    assert turn.find_element(By.CSS_SELECTOR, ".question").text == MARKUP
    browser.refresh()
    until(browser, ".verdicts")
    encoded = quote(json.dumps([MARKUP]))
    fragment = browser.execute_script(
        "return btoa(unescape(arguments[0])).replaceAll('+','-').replaceAll('/','_').replaceAll('=','')", encoded
    )
    browser.get(f"{base_url}/terms")
    browser.get(f"{base_url}/#c={fragment}")
    until(browser, ".verdicts")
    assert browser.find_element(By.ID, "shared").is_displayed()
    made = "#log img, #log script, #log b, #log a[href^='javascript'], .error img, .error b"
    for path in (f"/fit?model={quote(MARKUP)}&device=RTX+4090", f"/fit?model=8b&device={quote(MARKUP)}", "/terms"):
        assert browser.execute_script("return window.ran") is None
        assert browser.find_elements(By.CSS_SELECTOR, made) == []
        browser.get(base_url + path)
        until(browser, ".error p, h1", "Glossary" if path == "/terms" else "<img")
    assert [entry["message"] for entry in browser.get_log("browser") if "Refused" in entry["message"]] == []


def test_answers_that_are_markup_stay_text(browser: webdriver.Chrome, base_url: str) -> None:
    """The renderer alone, with what a model or a document could say."""
    browser.get(base_url)
    until(browser, "#question")
    said = browser.execute_async_script(
        """const [text, done] = arguments;
        import("/static/markdown.js").then(({markdown}) => {
          const box = document.createElement("div");
          box.append(markdown(text, (n) => n === 1 ? "(one)" : null));
          done(box.innerHTML);
        });""",
        "**<img src=x onerror=a()>** \\<b\\> [1][2] [x](javascript:a) [y](//evil.test) [z](/terms/vram)\n\n"
        "| a | b |\n| --- | --- |\n| `<i>` | 2 |\n\n- one\n- two\n\n```sh\n<script>a()</script>\n```",
    )
    assert "&lt;img src=x onerror=a()&gt;" in said
    assert not re.findall(r"<(?:img|script|i|b)\b", said)
    assert re.findall(r'href="([^"]*)"', said) == ["/terms/vram"]
    assert "(one)[2]" in said
    assert said.count("<li>") == 2
    assert '<th scope="col">a</th>' in said


def test_a_shared_link_asks_again_and_leaves_the_own_conversation(browser: webdriver.Chrome, base_url: str) -> None:
    browser.get(base_url)
    ask(browser, "What is VRAM?")
    browser.execute_script("navigator.clipboard.writeText = (text) => (window.copied = text, Promise.resolve())")
    browser.find_element(By.ID, "share").click()
    link = WebDriverWait(browser, 10).until(lambda b: b.execute_script("return window.copied"))
    assert link.startswith(f"{base_url}/#c=")
    browser.find_element(By.ID, "new").click()
    ask(browser, "What is NVLink?")
    browser.get("about:blank")
    browser.get(link)
    until(browser, ".turn .verdicts")
    assert browser.find_element(By.CSS_SELECTOR, ".question").text == "What is VRAM?"
    browser.find_element(By.LINK_TEXT, "Back to your own").click()
    until(browser, ".question", "What is NVLink?")


def test_an_answer_can_be_stopped_and_what_stands_stays(
    browser: webdriver.Chrome, settings: Settings, serve: Serve
) -> None:
    engine = HeldEngine()
    with serve(tried(settings), lambda _: engine) as base:
        browser.get(base)
        until(browser, "#question").send_keys(QUESTION + Keys.ENTER)
        assert engine.writing.wait(60)
        until(browser, ".answer", "fits on 2× GeForce RTX 3090")
        stop = browser.find_element(By.ID, "stop")
        assert stop.is_displayed()
        stop.click()
        until(browser, ".note", "Stopped.")
        assert engine.saw_cancel.wait(30)
        assert "fits on 2× GeForce RTX 3090" in browser.find_element(By.CSS_SELECTOR, ".answer").text
        assert browser.find_element(By.ID, "send").is_displayed()


def test_asking_on_stops_what_is_being_written(browser: webdriver.Chrome, settings: Settings, serve: Serve) -> None:
    engine = HeldEngine()
    with serve(tried(settings), lambda _: engine) as base:
        browser.get(base)
        until(browser, "#question").send_keys(QUESTION + Keys.ENTER)
        assert engine.writing.wait(60)
        until(browser, ".suggestions .suggestion")
        browser.find_element(By.ID, "question").send_keys("What is VRAM?" + Keys.ENTER)
        until(browser, ".turn:nth-child(2) .answer", "VRAM is the memory")
        assert engine.saw_cancel.wait(30)
        engine.let_go.set()
        until(browser, ".turn:nth-child(2) .verdicts")


def test_what_goes_wrong_is_said_and_can_be_asked_again(browser: webdriver.Chrome, base_url: str) -> None:
    browser.get(base_url)
    field = until(browser, "#question")
    browser.execute_script("window.fetched = window.fetch; window.fetch = () => Promise.reject(new TypeError('off'))")
    field.send_keys("What is VRAM?" + Keys.ENTER)
    until(browser, ".note", "The connection broke off.")
    browser.execute_script("window.fetch = window.fetched")
    browser.find_element(By.CSS_SELECTOR, ".note button").click()
    until(browser, ".turn .verdicts")
    assert len(browser.find_elements(By.CSS_SELECTOR, ".turn")) == 1


def test_a_verdict_is_a_report_in_the_clipboard(browser: webdriver.Chrome, base_url: str) -> None:
    browser.get(base_url)
    turn = ask(browser, "What is VRAM?")
    browser.execute_script("navigator.clipboard.writeText = (text) => (window.copied = text, Promise.resolve())")
    browser.execute_script("arguments[0].click()", turn.find_element(By.CSS_SELECTOR, ".verdicts button:last-child"))
    report = WebDriverWait(browser, 10).until(lambda b: b.execute_script("return window.copied"))
    build = httpx2.get(f"{base_url}/health/ready").json()["build_id"]
    assert report.startswith("Verdict: bad\nQuestion: What is VRAM?\nAnswer: VRAM is the memory")
    assert f"Build: {build}" in report


def test_the_first_view_is_small(browser: webdriver.Chrome, base_url: str) -> None:
    browser.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
    browser.get(base_url)
    until(browser, "#start")
    events = log(browser)
    sent = {e["params"]["requestId"]: e["params"] for e in events if e["method"] == "Network.requestWillBeSent"}
    ours = {key for key, params in sent.items() if params["request"]["url"].startswith(base_url)}
    finished = [e["params"] for e in events if e["method"] == "Network.loadingFinished"]
    sizes = [params["encodedDataLength"] for params in finished if params["requestId"] in ours]
    assert len(sizes) > 5
    assert sum(sizes) < FIRST_VIEW_BYTES


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_kept_out(browser: webdriver.Chrome, base_url: str, scheme: str) -> None:
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    browser.get(base_url)
    until(browser, "#question")
    assert serious(browser) == []
    ask(browser, QUESTION)
    for summary in browser.find_elements(By.CSS_SELECTOR, "summary"):
        browser.execute_script("arguments[0].parentElement.open = true", summary)
    assert serious(browser) == []
    for path, there in {
        "/fit?model=Llama+3.1+70B&device=RTX+4090": ".verdict-words",
        "/fit?model=Llama+3.1+70B&device=RTX+4090&options=-ngl+30&reserved=2": ".verdict-words",
        "/fit?model=nothing&device=RTX+4090": "#model-error p",
        "/terms/vram": "h1",
        "/specs/accelerators/rtx-3090": "h1",
        "/disputes": "h1",
        "/disputes/nvlink-pools-memory": "h1",
        "/compare?device=RTX+4090&device=2x+RTX+3090": ".chart",
        "/compare?of=models": ".chart",
        "/compare?device=RTX+4090&device=nothing": "#device-2-error p",
        "/run?device=RTX+4090&ram=64": ".plot",
        "/run?device=nothing": "#device-1-error p",
        "/search?q=vram": "h1",
    }.items():
        browser.get(base_url + path)
        until(browser, there)
        assert serious(browser) == [], path


PATHS = ("/", "/fit", "/compare", "/compare?of=models", "/run", "/search?q=vram", "/terms/vram", "/disputes")


@pytest.mark.parametrize("path", [*PATHS, "/specs/accelerators/rtx-3090", "/disputes/nvlink-pools-memory"])
def test_a_phone_scrolls_down_only(browser: webdriver.Chrome, base_url: str, path: str) -> None:
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    browser.get(base_url + path)
    until(browser, "main")
    if path == "/":
        ask(browser, QUESTION)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= phone["width"]


def test_lists_are_narrowed_while_one_types(browser: webdriver.Chrome, base_url: str) -> None:
    browser.get(f"{base_url}/terms")
    until(browser, "#q").send_keys("kv cache")
    until(browser, "#count", " of ")
    WebDriverWait(browser, 10).until(
        lambda b: not b.find_element(By.CSS_SELECTOR, "a[href='/terms/12vhpwr']").is_displayed()
    )
    assert browser.find_element(By.CSS_SELECTOR, "a[href='/terms/kv-cache']").is_displayed()
    assert re.fullmatch(r"\d{1,2} of \d{3}", browser.find_element(By.ID, "count").text)
