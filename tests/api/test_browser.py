"""``/docs`` in a real browser that may reach nothing but the server."""

import json
import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

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
    wait = WebDriverWait(browser, 20)
    link = wait.until(lambda b: b.find_element(By.XPATH, "//a[text()='POST /tools/check_fit']"))
    link.click()
    box = browser.find_element(By.ID, (link.get_attribute("href") or "").partition("#")[2])
    box.find_element(By.XPATH, ".//button[text()='Send']").click()
    output = box.find_elements(By.XPATH, "./div/pre")[-1]
    wait.until(lambda _: "verdict" in output.text)
    assert output.text.startswith("200 application/json")
    assert '"verdict": "fits_with_offload"' in output.text
    severe = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert severe == []
    assert requested_hosts(browser) == {urlsplit(base_url).netloc}
