"""By which an answer, a problem and the lines of the log are held together."""

import re
from typing import Any

import httpx2
import pytest

import api.deps
from kb.settings import Settings
from tests.api.conftest import Serve

EVERYWHERE = (
    ("GET", "/terms/vram"), ("GET", "/terms/none-such"), ("GET", "/no/such/route"), ("DELETE", "/chat"),
    ("POST", "/chat"), ("POST", "/v1/chat/completions"), ("POST", "/mcp"), ("OPTIONS", "/chat"), ("HEAD", "/terms"),
    ("GET", "/static/pages.css"),
)  # fmt: skip


@pytest.mark.parametrize(("method", "path"), EVERYWHERE)
def test_each_answer_has_its_own(http: httpx2.Client, method: str, path: str) -> None:
    first, second = (http.request(method, path).headers["x-request-id"] for _ in range(2))
    assert re.fullmatch(r"[0-9a-f]{32}", first)
    assert first != second
    assert http.request(method, path, headers={"X-Request-ID": "mine-1.2:3"}).headers["x-request-id"] == "mine-1.2:3"


@pytest.mark.parametrize(
    "given", ["", "a b", "a" * 101, "<script>", "ä", "a;b", '"', "-", b"\x1b[2J".decode("latin-1"), "a\tb"]
)
def test_what_is_not_sane_is_not_taken_over(http: httpx2.Client, given: str) -> None:
    answer = http.get("/no/such/route", headers={"X-Request-ID": given.encode("latin-1")})
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_problems_and_pages_of_problems_name_it(http: httpx2.Client) -> None:
    mine = {"X-Request-ID": "mine"}
    for method, path in (("GET", "/terms/none-such"), ("GET", "/x"), ("DELETE", "/chat"), ("POST", "/tools/check_fit")):
        assert http.request(method, path, headers=mine).json()["request_id"] == "mine"
    assert http.get("/terms", headers=mine | {"Host": "evil.test"}).json()["request_id"] == "mine"
    assert "request mine" in http.get("/terms/none-such", headers=mine | {"Accept": "text/html"}).text


def test_the_log_names_it_on_the_loop_and_in_the_threads(
    settings: Settings, serve: Serve, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        api.deps.log.warning("from a thread")
        raise RuntimeError("a bug")

    with serve(settings) as base:
        monkeypatch.setattr("kb.chat.assistant.Assistant.answer", broken)
        question = {"messages": [{"role": "user", "content": "what a user typed"}]}
        answer = httpx2.post(f"{base}/chat?secret=1", json=question, headers={"X-Request-ID": "mine"})
        assert answer.status_code == 500
        assert answer.json()["request_id"] == "mine"
        httpx2.get(f"{base}/terms/%0aforged%1b[2J", headers={"X-Request-ID": "other"})
    lines = capfd.readouterr().err.splitlines()
    of_mine = [line for line in lines if "request_id=mine" in line]
    said = [event for line in of_mine for event in re.findall(r"\] (.*?)  ", line)]
    assert said == ["from a thread", "unexpected error", "answered"]
    assert "status=500" in of_mine[-1]
    assert "path=/chat " in of_mine[-1]
    assert not [line for line in lines if "what a user typed" in line or "secret" in line]
    (forged,) = [line for line in lines if "request_id=other" in line]
    assert "%0Aforged%1B" in forged
