"""What can I run: by its address without JavaScript, and in the browser."""

import re
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from api.drawing import Point, cloud
from tests.web.test_compare import needs_browser, read
from tests.web.test_pages import assert_clean, log, until

CARD = {"device": "RTX 4090"}


def rows(page: str) -> list[str]:
    return re.findall(r'<tr><th scope="row">.*?</tr>', page, re.S)


def names(page: str) -> list[str]:
    return [re.findall(r'<a href="/specs/models/[^"]*">([^<]*)</a>', row)[0] for row in rows(page)]


def test_every_model_that_runs_is_a_row_and_a_point(http: httpx2.Client) -> None:
    page = read(http, "/run", CARD)
    found = http.post("/tools/what_runs_on", json={**CARD, "limit": 500}).json()
    listed = {model["slug"]: model for model in (*found["suggested"], *found["models"])}
    assert len(listed) >= found["count"] > 100
    by_size = sorted(listed.values(), key=lambda model: -model["params_billions"])
    assert names(page) == [model["model"] for model in by_size]
    assert len(re.findall(r'class="dot \w+"><title>', page)) == len(listed)


def test_the_same_models_are_ranked_by_speed_and_date(http: httpx2.Client) -> None:
    by_size = names(read(http, "/run", CARD))
    for sort in ("speed", "newest"):
        ranked = names(read(http, "/run", {**CARD, "sort": sort}))
        assert sorted(ranked) == sorted(by_size)
        assert ranked != by_size
    speeds = [
        float(re.findall(r"<td>([\d.]+) <small[^>]*>[\d.]+ to", row)[0])
        for row in rows(read(http, "/run", CARD | {"sort": "speed"}))
    ]
    assert speeds == sorted(speeds, reverse=True)


def test_use_licence_and_size_choose_among_them(http: httpx2.Client) -> None:
    page = read(http, "/run", {**CARD, "licence": "MIT", "least": "7", "most": "20"})
    assert 0 < len(rows(page)) < 30
    for row in rows(page):
        _, _, _, size, *_, licence = re.findall(r"<td>([^<]*)", row)
        assert 7 <= float(size) <= 20
        assert licence == "MIT"
    used = {
        model["model"] for model in http.post("/tools/what_runs_on", json={**CARD, "use": "coding"}).json()["models"]
    }
    assert set(names(read(http, "/run", {**CARD, "use": "coding"}))) == used


def test_with_ram_there_are_models_that_do_not_fit_whole(http: httpx2.Client) -> None:
    page = read(http, "/run", {**CARD, "ram": "64"})
    assert "of it in RAM" in page
    address = next(row for row in rows(page) if "of it in RAM" in row)
    assert parse_qs(urlsplit(re.findall(r'href="(/fit[^"]*)"', address)[0]).query)["ram"] == ["64"]


def test_what_is_missing_is_asked_beside_its_field(http: httpx2.Client) -> None:
    page = read(http, "/run", {"device": "ryzen 9 7950x"})
    assert "How much memory (RAM)" in page.partition('id="ram-1-error"')[2].partition("</div>")[0]
    assert len(rows(read(http, "/run", {"device": "ryzen 9 7950x", "ram": "64"}))) > 50


@pytest.mark.parametrize(
    ("typed", "said", "others"),
    [
        ("rtx 3060", "“rtx 3060” was read as GeForce RTX 3060 12GB", ["GeForce RTX 3060 8GB"]),
        ("2x RTX 3080", "“RTX 3080” was read as GeForce RTX 3080 10GB", ["2x GeForce RTX 3080 12GB"]),
        ("imac 24gb", "was read as Apple iMac (M4, 2024) 24 GB", ["Apple iMac (M3, 2023) 24 GB"]),
        (
            "mac mini m2",
            "no size was named, so 8 GB was taken",
            [f"Apple Mac mini (M2, 2023) {n} GB" for n in (16, 24)],
        ),
    ],
)
def test_what_a_name_leaves_open_is_said_first_with_links_to_the_others(
    http: httpx2.Client, typed: str, said: str, others: list[str]
) -> None:
    page = read(http, "/run", {"device": typed, "context": "4096"})
    told, _, rest = page.partition('id="found"')[2].partition('class="verdict')
    assert said in told
    assert "models run there" in rest
    assert f'value="{typed}"' in page
    links = [parse_qs(urlsplit(address).query) for address in re.findall(r'href="(/run[^"]*)"', told)]
    assert links == [{"device": [other], "context": ["4096"]} for other in others]
    assert "was taken" not in read(http, "/run", {"device": others[-1]}).partition('id="found"')[2]


def test_the_smallest_size_is_counted_with_where_none_is_named(http: httpx2.Client) -> None:
    """And no other than the one that is named, in the name or as RAM."""
    found = {name: names(read(http, "/run", {"device": name})) for name in ("macbook air m4", "macbook air m4 16gb")}
    assert found["macbook air m4"] == found["macbook air m4 16gb"]
    assert len(found["macbook air m4"]) < len(names(read(http, "/run", {"device": "macbook air m4 32gb"})))
    with_ram = read(http, "/run", {"device": "macbook air m4", "ram": "32"})
    assert names(with_ram) == names(read(http, "/run", {"device": "macbook air m4 32gb"}))
    assert "was taken" not in with_ram


def test_speed_and_need_stand_right_beside_the_model(http: httpx2.Client) -> None:
    heads = re.findall(r'<th scope="col">([^<]*)', read(http, "/run", CARD))
    assert heads[:3] == ["Model", "Writes, tokens/s", "Needs, GB"]


@pytest.mark.parametrize("ram", ["", "64"])
def test_the_model_to_start_with_is_named_in_the_plot(http: httpx2.Client, ram: str) -> None:
    asked = {**CARD, "ram": ram} if ram else CARD
    first = http.post("/tools/what_runs_on", json=CARD | ({"system_memory_gb": 64} if ram else {})).json()["suggested"][
        0
    ]["model"]
    labels = re.findall(r'class="dot-label([^"]*)"[^>]*>([^<]*)<', read(http, "/run", asked))
    assert [name for kind, name in labels if "first" in kind] == [first]


@pytest.mark.parametrize("query", ["?count=0", "?sort=best", "?device=a&device=b"])
def test_what_no_field_gives_is_refused(http: httpx2.Client, query: str) -> None:
    assert http.get(f"/run{query}", headers={"Accept": "text/html"}).status_code == 422


def test_labels_stand_neither_on_points_nor_on_one_another() -> None:
    points = [Point(2.0**n, 100 / (n % 5 + 1), f"a model {n}", "", "dense") for n in range(12)]
    drawn = cloud(points)
    assert drawn is not None
    labels = [dot for dot in drawn.dots if dot.label]
    assert 3 < len(labels) <= 12
    assert len({(dot.x, dot.y) for dot in drawn.dots}) == 12
    assert [dot.is_first for dot in drawn.dots] == [True, *[False] * 11]
    assert cloud(points[:1]) is None


@needs_browser
def test_the_list_follows_the_form(browser: webdriver.Chrome, base_url: str) -> None:
    browser.get(f"{base_url}/run?device=RTX+3060+12GB")
    Select(until(browser, "#sort-1")).select_by_value("speed")
    WebDriverWait(browser, 30).until(lambda b: "sort=speed" in b.current_url)
    Select(browser.find_element(By.ID, "use-1")).select_by_value("coding")
    WebDriverWait(browser, 30).until(lambda b: len(b.find_elements(By.CSS_SELECTOR, ".models tbody tr")) < 30)
    assert_clean(browser, base_url, log(browser))
    browser.find_element(By.CSS_SELECTOR, ".models tbody a[href^='/fit']").click()
    until(browser, ".verdict-words", "Fits")
    browser.back()
    assert until(browser, "#use-1").get_attribute("value") == "coding"
