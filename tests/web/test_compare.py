"""Compare and What can I run: without JavaScript by their addresses, with it as one types."""

import html
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.api.test_browser import CHROMIUM, DRIVER
from tests.web.test_pages import ask, assert_clean, log, until

needs_browser = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs Debian's chromium and chromium-driver, which CI installs"
)
FOUR = [("device", name) for name in ("2x RTX 3090", "RTX 5090", "mac studio m3 ultra 512gb", "strix halo 128gb")]


def read(http: httpx2.Client, path: str, query: Any) -> str:
    answer = http.get(path, params=query, headers={"Accept": "text/html"})
    assert answer.status_code == 200
    return html.unescape(answer.text)


def cells(page: str, row: str) -> list[str]:
    """Of the table's row whose head begins so."""
    found = re.search(rf'<tr><th scope="row">{re.escape(row)}[^<]*</th>(.*?)</tr>', page, re.S)
    assert found, row
    return [re.sub(r"\s*<[^>]*>\s*", " ", cell).strip() for cell in re.findall(r"<td>(.*?)</td>", found[1], re.S)]


def test_devices_stand_side_by_side_with_what_the_calculator_says(http: httpx2.Client) -> None:
    page = read(http, "/compare", [*FOUR, ("model", "llama 3.1 70b")])
    asked = {"devices": [name for _, name in FOUR], "model": "llama 3.1 70b"}
    columns = http.post("/tools/compare_devices", json=asked).json()["devices"]
    assert cells(page, "Memory") == [f"{column['memory_gib']:g} GB" for column in columns]
    assert cells(page, "Speed with Llama 3.1 70B")[1] == "does not fit"
    cards = columns[0]
    middle = sum(cards["price_usd"]) / 2
    assert cards["usd_per_token_per_s"] == pytest.approx(middle / cards["decode_tokens_per_s"]["typical"], abs=0.01)
    assert cells(page, "Price per token/s")[0] == f"${cards['usd_per_token_per_s']:.2f}"
    assert columns[1]["usd_per_token_per_s"] is None
    assert 'width="100.0%"' in page


def test_models_stand_side_by_side(http: httpx2.Client) -> None:
    query = [("of", "models"), ("model", "qwen3 32b"), ("model", "llama 3.1 70b"), ("device", "RTX 4090")]
    page = read(http, "/compare", [*query, ("ram", "64")])
    assert cells(page, "On GeForce RTX 4090") == ["fits", "fits with help from RAM"]
    assert cells(page, "Parameters") == ["32.8 billion", "70.6 billion"]
    assert cells(page, "Parameters used")


def test_what_is_not_known_is_said_beside_its_field_with_links_that_mend_it(http: httpx2.Client) -> None:
    page = read(http, "/compare", {"device": ["RTX 4090", "RTX 5690"], "context": "16384"})
    trouble = page.partition('id="device-2-error"')[2].partition("</div>")[0]
    assert "No device is called 'RTX 5690'" in trouble
    address, name = re.findall(r'href="(/compare[^"]*)">([^<]*)<', trouble)[0]
    assert parse_qs(urlsplit(address).query) == {"device": ["RTX 4090", name], "context": ["16384"]}
    assert "In numbers" in read(http, address, None)


def test_a_name_that_leaves_something_open_keeps_its_memory(http: httpx2.Client) -> None:
    page = read(http, "/compare", [("device", "RTX 3060"), ("device", "mac mini 16gb")])
    told = page.partition('id="found"')[2].partition('class="verdict')[0]
    assert "“RTX 3060” was read as GeForce RTX 3060 12GB" in told
    assert cells(page, "Memory") == ["12 GB", "16 GB"]
    links = [parse_qs(urlsplit(address).query)["device"] for address in re.findall(r'href="(/compare[^"]*)"', told)]
    assert ["GeForce RTX 3060 8GB", "mac mini 16gb"] in links
    others = [second for first, second in links if first == "RTX 3060"]
    assert len(others) > 1
    assert all(other.endswith(" 16 GB") for other in others)
    assert cells(read(http, "/compare", [("device", "RTX 3060"), ("device", others[0])]), "Memory") == [
        "12 GB",
        "16 GB",
    ]


def test_a_figure_that_one_alone_has_is_not_drawn(http: httpx2.Client) -> None:
    page = read(http, "/compare", [("device", "RTX 3060 12GB"), ("device", "macbook air m4 16gb")])
    drawn = re.findall(r'class="card chart"><h2>([^<]*)', page)
    for label in [re.sub(r"<.*", "", row).strip() for row in re.findall(r'<tr><th scope="row">([^<]*)</th>', page)]:
        known = [cell for cell in cells(page, label) if cell not in ("not known", "")]
        if label in ("Power", "FP16 rate, dense"):
            assert len(known) == 1
            assert label not in [one.strip() for one in drawn]
    assert any(label.startswith("Memory bandwidth") for label in drawn)


@pytest.mark.parametrize("query", ["?of=cars", "?context=0", "?device=a&device=b&device=c&device=d&device=e", "?x=1"])
def test_what_no_field_gives_is_refused(http: httpx2.Client, query: str) -> None:
    assert http.get(f"/compare{query}", headers={"Accept": "text/html"}).status_code == 422


@pytest.mark.parametrize("path", ["/compare", "/compare?of=models"])
def test_without_a_question_an_example_is_shown(http: httpx2.Client, path: str) -> None:
    assert "In numbers" in read(http, path, None)


@needs_browser
def test_compare_follows_the_form_and_keeps_its_state_in_the_address(browser: webdriver.Chrome, base_url: str) -> None:
    browser.get(f"{base_url}/compare")
    third = until(browser, "#device-3")
    third.send_keys("RTX 5090" + Keys.TAB)
    until(browser, "thead th:nth-child(4)", "GeForce RTX 5090")
    model = browser.find_element(By.ID, "model-1")
    model.send_keys("qwen3 14b" + Keys.ENTER)
    until(browser, ".chart h2", "Speed with Qwen3 14B")
    state = parse_qs(urlsplit(browser.current_url).query)
    assert state["device"][2] == "RTX 5090"
    assert state["model"] == ["qwen3 14b"]
    assert_clean(browser, base_url, log(browser))

    third.clear()
    third.send_keys("RTX 5690" + Keys.TAB)
    until(browser, "#device-3-error a", "RTX 5090").click()
    until(browser, "thead th:nth-child(4)", "GeForce RTX 5090")
    assert browser.find_element(By.ID, "device-3").get_attribute("aria-invalid") is None


@needs_browser
@pytest.mark.parametrize(
    ("question", "link", "shown"),
    [
        ("RTX 4090 or RTX 3090?", "See it on the Compare page", "GeForce RTX 3090"),
        ("What can I run on an RTX 4090 with 64 GB RAM?", "See all on the Run page", "GeForce RTX 4090"),
    ],
)
def test_an_answer_leads_to_the_page_that_shows_more(
    browser: webdriver.Chrome, base_url: str, question: str, link: str, shown: str
) -> None:
    browser.get(base_url)
    turn = ask(browser, question)
    browser.execute_script("arguments[0].click()", turn.find_element(By.LINK_TEXT, link))
    until(browser, "#found", shown)
    assert browser.find_elements(By.CSS_SELECTOR, ".error p") == []
