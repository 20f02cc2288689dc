"""How much one client may ask, and all of them at once."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx2
import openai
import pytest

from kb.keys import hash_of, make_key
from kb.settings import Settings
from tests.api.conftest import Serve
from tests.api.test_chat import HeldEngine
from tests.api.test_problems import assert_problem
from tests.tried import tried

KEYS = [make_key() for _ in range(3)]
QUESTION = {"messages": [{"role": "user", "content": "Can I run a 70B model on my RTX 4090?"}], "stream": True}


def bearing(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def by_way_of(address: str) -> dict[str, str]:
    """What a proxy on this machine says of who asks."""
    return {"X-Forwarded-For": address}


def assert_later(answer: httpx2.Response, status: int) -> None:
    problem = assert_problem(answer, status)
    seconds = int(answer.headers["retry-after"])
    assert 0 < seconds <= 3600
    assert f"Ask again in {seconds} s." in str(problem["detail"])


@pytest.fixture
def limited(settings: Settings, serve: Serve) -> Iterator[str]:
    keys = tuple(map(hash_of, KEYS))
    with serve(settings.model_copy(update={"api_keys": keys, "rate_limit": "5/hour"}), ready=False) as base:
        yield base


@pytest.fixture(scope="module")
def by_address(settings: Settings, serve: Serve) -> Iterator[str]:
    with serve(settings.model_copy(update={"rate_limit": "2/hour"}), ready=False) as base:
        yield base


def test_each_key_has_a_rate_of_its_own(limited: str) -> None:
    first, second = (httpx2.Client(base_url=limited, headers=bearing(key)) for key in KEYS[:2])
    with first, second:
        for path in ("/tools", "/no/such/route", "/v1/models", "/tools", "/tools?x=1"):
            assert first.get(path).status_code in (200, 404, 422, 503)
        assert_later(first.get("/tools"), 429)
        assert_later(first.post("/mcp", json={}), 429)
        assert "5 per 1 hour" in first.get("/tools").json()["detail"]
        assert second.get("/tools").status_code == 200
        for path in ("/health/live", "/static/pages.css", "/key"):
            assert first.get(path).status_code == 200
        with (
            openai.OpenAI(base_url=f"{limited}/v1", api_key=KEYS[0], max_retries=0) as client,
            pytest.raises(openai.RateLimitError) as error,
        ):
            client.models.list()
        assert error.value.code == "rate_limit_exceeded"
        assert error.value.response.headers["retry-after"]
        page = first.get("/terms", headers={"Accept": "text/html"})
        assert (page.status_code, page.headers["content-type"]) == (429, "text/html; charset=utf-8")


def test_the_form_for_a_key_is_no_way_to_try_many(by_address: str) -> None:
    behind = by_way_of("192.0.2.77")
    tries = [httpx2.post(f"{by_address}/key", data={"key": "guess"}, headers=behind) for _ in range(3)]
    assert [answer.status_code for answer in tries] == [401, 401, 429]
    assert httpx2.get(f"{by_address}/key", headers=behind).status_code == 200


def test_wrong_keys_are_counted_by_address(limited: str) -> None:
    statuses = [
        httpx2.get(f"{limited}/tools", headers={**bearing(f"guess-{number}"), **by_way_of("192.0.2.1")}).status_code
        for number in range(7)
    ]
    assert statuses == [401] * 5 + [429] * 2
    assert httpx2.get(f"{limited}/tools", headers=bearing(KEYS[2]) | by_way_of("192.0.2.1")).status_code == 200


@pytest.mark.parametrize(
    ("first", "alike", "other"),
    [
        ("192.0.2.5", "192.0.2.5", "192.0.2.6"),
        ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"),
        ("::ffff:192.0.2.9", "192.0.2.9", "192.0.2.10"),
        ("nonsense", "other nonsense", "192.0.2.3"),
    ],
)
def test_without_keys_addresses_are_counted(by_address: str, first: str, alike: str, other: str) -> None:
    for address, status in ((first, 200), (alike, 200), (first, 429), (alike, 429), (other, 200)):
        assert httpx2.get(f"{by_address}/tools", headers=by_way_of(address)).status_code == status


def test_this_machine_has_itself_to_itself(by_address: str) -> None:
    assert [httpx2.get(f"{by_address}/tools").status_code for _ in range(5)] == [200] * 5


@contextmanager
def held(base: str, count: int, headers: dict[str, str]) -> Iterator[list[httpx2.Response]]:
    """Streams that go on while the block runs."""
    with ExitStack() as streams:
        yield [
            streams.enter_context(httpx2.stream("POST", f"{base}/chat", json=QUESTION, headers=headers, timeout=60))
            for _ in range(count)
        ]


def test_one_client_is_told_to_wait_while_many_of_its_requests_are_answered(settings: Settings, serve: Serve) -> None:
    engine = HeldEngine()
    keys = tuple(map(hash_of, KEYS))
    with serve(tried(settings.model_copy(update={"at_once_each": 2, "api_keys": keys})), lambda _: engine) as base:
        with held(base, 2, bearing(KEYS[0])) as streams:
            assert [stream.status_code for stream in streams] == [200, 200]
            assert engine.writing.wait(60)
            assert_later(httpx2.post(f"{base}/chat", json=QUESTION, headers=bearing(KEYS[0])), 429)
            assert httpx2.get(f"{base}/tools", headers=bearing(KEYS[1])).status_code == 200
            assert httpx2.get(f"{base}/health/ready").status_code == 200
        engine.let_go.set()
        eventually(lambda: httpx2.get(f"{base}/tools", headers=bearing(KEYS[0])).status_code == 200)


def test_all_are_told_to_wait_where_all_together_ask_too_much(settings: Settings, serve: Serve) -> None:
    engine = HeldEngine()
    with serve(tried(settings.model_copy(update={"at_once": 2})), lambda _: engine) as base:
        with held(base, 2, {}):
            assert engine.writing.wait(60)
            assert_later(httpx2.get(f"{base}/tools"), 503)
            told = httpx2.post(f"{base}/v1/chat/completions", json=QUESTION)
            assert (told.status_code, told.json()["error"]["type"]) == (503, "server_error")
            assert int(told.headers["retry-after"]) > 0
            assert httpx2.get(f"{base}/health/ready").status_code == 200
        engine.let_go.set()
        eventually(lambda: httpx2.get(f"{base}/tools").status_code == 200)


def eventually(happened: Any) -> None:
    waiting = threading.Event()
    for _ in range(600):
        if happened():
            return
        waiting.wait(0.1)
    raise AssertionError("it did not happen within a minute")


def test_a_limit_of_none_is_none(settings: Settings, serve: Serve) -> None:
    with serve(settings.model_copy(update={"rate_limit": "none"}), ready=False) as base, httpx2.Client() as client:
        statuses = {client.get(f"{base}/tools", headers=by_way_of("192.0.2.1")).status_code for _ in range(700)}
    assert statuses == {200}


def test_a_newcomers_whole_visit_is_under_the_usual_limit(settings: Settings, serve: Serve) -> None:
    """Of another machine: every page with its parts, and a slider that is dragged."""
    paths = ("/", "/fit", "/terms", "/specs", "/disputes", "/docs", "/docs/openapi.json", *["/tools"] * 200)
    with serve(settings) as base, httpx2.Client(base_url=base, headers=by_way_of("192.0.2.1")) as client:
        assert {client.get(path).status_code for path in paths} == {200}
