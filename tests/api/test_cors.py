"""Pages of origins that the settings name, as their browsers ask."""

from collections.abc import Iterator

import httpx2
import pytest

from kb.settings import Settings
from tests.api.conftest import Serve

PAGE = "https://app.example"


@pytest.fixture(scope="module")
def opened(serve: Serve, settings: Settings) -> Iterator[str]:
    with serve(settings.model_copy(update={"cors_origins": (PAGE,)})) as base:
        yield base


def test_a_page_reads_and_asks(opened: str) -> None:
    browser = {"Origin": PAGE, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    read = httpx2.get(f"{opened}/terms/vram", headers=browser)
    call = {"model": "llama 3.1 8b", "device": "rtx 3090"}
    asked = httpx2.post(f"{opened}/tools/check_fit", json=call, headers=browser)
    for answer in (read, asked):
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert "Origin" in answer.headers["vary"]
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "ETag" in read.headers["access-control-expose-headers"]


@pytest.mark.parametrize("path", ["/chat", "/tools/check_fit", "/v1/chat/completions", "/mcp", "/terms/vram"])
def test_it_is_told_before_what_it_may_do(opened: str, path: str) -> None:
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    answer = httpx2.options(f"{opened}{path}", headers=asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "Content-Type" in answer.headers["access-control-allow-headers"]
    assert answer.content == b""


@pytest.mark.parametrize("origin", ["https://evil.example", "https://app.example.evil", "null", "http://app.example"])
def test_no_other_page_does(opened: str, origin: str) -> None:
    answer = httpx2.post(f"{opened}/tools/check_fit", json={}, headers={"Origin": origin})
    assert answer.status_code == 403
    assert "KB_CORS_ORIGINS" in answer.json()["detail"]
    assert "access-control-allow-origin" not in answer.headers
    before = httpx2.options(f"{opened}/chat", headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
    assert "access-control-allow-origin" not in before.headers


def test_errors_can_be_read_too(opened: str) -> None:
    answer = httpx2.get(f"{opened}/terms/none-such", headers={"Origin": PAGE})
    assert answer.status_code == 404
    assert answer.headers["access-control-allow-origin"] == PAGE


def test_without_the_setting_nobody_does(base_url: str) -> None:
    answer = httpx2.get(f"{base_url}/terms/vram", headers={"Origin": PAGE})
    assert answer.status_code == 403
