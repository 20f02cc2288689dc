"""A person opens a server that wants a key."""

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from kb.keys import hash_of, make_key
from kb.settings import Settings
from tests.api.conftest import Serve
from tests.api.test_browser import pytestmark as browser_mark
from tests.web.test_pages import ask, serious, until

pytestmark = browser_mark


def test_the_key_is_asked_for_once_and_then_all_works(
    browser: webdriver.Chrome, settings: Settings, serve: Serve
) -> None:
    key = make_key()
    with serve(settings.model_copy(update={"api_keys": (hash_of(key),)})) as base:
        browser.get(f"{base}/terms/vram")
        assert until(browser, "h1").text == "A key is needed"
        assert serious(browser) == []
        until(browser, "#key").send_keys("wrong" + Keys.ENTER)
        until(browser, "main p", "does not know this key")
        until(browser, "#key").send_keys(key + Keys.ENTER)
        until(browser, "#question")
        ask(browser, "What is VRAM?")
        browser.get(f"{base}/fit?model=Llama+3.1+8B&device=RTX+4090")
        until(browser, ".verdict-words", "Fits")
        browser.get(f"{base}/docs")
        until(browser, "#operations-tools-check_fit")
        assert browser.execute_script("return document.cookie") == ""
        browser.get(f"{base}/key")
        browser.find_element(By.CSS_SELECTOR, "main button").click()
        until(browser, "#key")
        browser.get(f"{base}/terms/vram")
        assert until(browser, "h1").text == "A key is needed"
