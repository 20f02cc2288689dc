"""The search box in the head of every page, and the page that it leads to."""

import httpx2
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.web.test_compare import needs_browser, read
from tests.web.test_pages import assert_clean, log, serious, until


def test_search_is_a_page_for_browsers_and_json_for_programs(http: httpx2.Client) -> None:
    page = read(http, "/search", {"q": "3090 and nvlnk"})
    assert '<a href="/specs/accelerators/rtx-3090">GeForce RTX 3090</a>' in page
    assert '<a href="/terms/nvlink">NVLink</a>' in page
    hits = http.get("/search", params={"q": "3090 and nvlnk"}).json()["hits"]
    assert len(hits) == 5
    assert all(hit["title"] in page for hit in hits)


def test_what_is_sought_is_shown_as_text(http: httpx2.Client) -> None:
    page = http.get("/search", params={"q": '"><img src=x>'}, headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert "<img" not in page.text
    assert http.get("/search", headers={"Accept": "text/html"}).status_code == 422


@needs_browser
def test_names_are_suggested_and_chosen_by_keyboard(browser: webdriver.Chrome, base_url: str) -> None:
    browser.get(f"{base_url}/disputes")
    box = until(browser, "#find")
    box.send_keys("nvlink")
    until(browser, "#found-names li", "NVLink")
    assert box.get_attribute("aria-expanded") == "true"
    assert serious(browser) == []
    box.send_keys(Keys.ARROW_DOWN)
    chosen = browser.find_element(By.CSS_SELECTOR, "[aria-selected=true]")
    assert box.get_attribute("aria-activedescendant") == chosen.get_attribute("id")
    box.send_keys(Keys.ARROW_UP)
    assert browser.find_elements(By.CSS_SELECTOR, "[aria-selected=true]") == []
    box.send_keys(Keys.ESCAPE)
    assert not browser.find_element(By.ID, "found-names").is_displayed()
    box.clear()
    box.send_keys("rtx 3090 ti")
    until(browser, "#found-names li", "GeForce RTX 3090 Ti")
    for _ in browser.find_elements(By.CSS_SELECTOR, "#found-names li"):
        box.send_keys(Keys.ARROW_DOWN)
        if "GeForce RTX 3090 Ti" in browser.find_element(By.CSS_SELECTOR, "[aria-selected=true]").text:
            break
    box.send_keys(Keys.ENTER)
    until(browser, "h1", "GeForce RTX 3090 Ti")
    assert_clean(browser, base_url, log(browser))


@needs_browser
def test_a_click_goes_there_and_enter_searches(browser: webdriver.Chrome, base_url: str) -> None:
    browser.get(base_url)
    until(browser, "#find").send_keys("kv cache")
    until(browser, "#found-names li", "KV cache").click()
    until(browser, "h1", "KV cache")
    until(browser, "#find").send_keys("why is it slow" + Keys.ENTER)
    until(browser, "h1", "why is it slow")
    assert len(browser.find_elements(By.CSS_SELECTOR, ".entries li")) == 5
    assert serious(browser) == []
    assert_clean(browser, base_url, log(browser))
