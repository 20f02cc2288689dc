"""Many streams at once, and clients that leave or stop reading: nobody waits for ever, and nobody for them."""

import asyncio
import json
import re
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import httpx2
import pytest

import api.server
from kb.llm import make_engine
from kb.settings import Settings
from tests.api.conftest import Serve
from tests.api.test_chat import with_model
from tests.api.test_edge import read_all
from tests.make_gguf import make_gguf

CLIENTS = 64
MESSAGES = [{"role": "user", "content": "Can I run a 70B model on my RTX 4090, and how fast?"}]
ROUTES = ("/chat", "/v1/chat/completions")
DONE, LATER, LEFT = "done", "later", "left"


async def stream(http: httpx2.AsyncClient, path: str, *, leaves: bool = False) -> str:
    """How it ended; a stream that stands still for two minutes is an error."""
    async with http.stream("POST", path, json={"messages": MESSAGES, "stream": True}) as answer:
        if answer.status_code != 200:
            assert answer.status_code in (429, 503)
            assert int(answer.headers["retry-after"]) > 0
            return LATER
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line async for line in answer.aiter_lines() if line] if not leaves else []
        if leaves:
            await anext(answer.aiter_lines())
            return LEFT
    if path == "/chat":
        assert lines[0] == "event: evidence"
        assert lines[-2] == "event: done"
        assert json.loads(lines[-1].removeprefix("data: "))["answer"]
    else:
        assert lines[-1] == "data: [DONE]"
        chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-1] if line.startswith("data: ")]
        assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
        assert len("".join(choice["delta"].get("content", "") for one in chunks for choice in one["choices"])) > 100
    return DONE


def at_once(base: str, ask: Callable[[httpx2.AsyncClient, int], Awaitable[str]]) -> Sequence[str]:
    async def all_of_them() -> Sequence[str]:
        limits = httpx2.Limits(max_connections=CLIENTS)
        async with httpx2.AsyncClient(base_url=base, timeout=120, limits=limits) as http:
            return await asyncio.gather(*(ask(http, number) for number in range(CLIENTS)))

    return asyncio.run(all_of_them())


def wait_for_others(base: str, wanted: int) -> None:
    """Until so many requests are worked on, beside the one that asks."""
    for _ in range(600):
        (count,) = re.findall(r"^kb_http_requests_in_progress (\S+)$", httpx2.get(f"{base}/metrics").text, re.M)
        if float(count) == 1 + wanted:
            return
        time.sleep(0.1)
    raise AssertionError(f"{count} requests are worked on")


def assert_at_rest(base: str) -> None:
    wait_for_others(base, 0)


def test_64_streams_at_once_all_finish(base_url: str) -> None:
    assert set(at_once(base_url, lambda http, number: stream(http, ROUTES[number % 2]))) == {DONE}
    assert_at_rest(base_url)


def test_those_who_are_told_to_come_again_are_answered_then(settings: Settings, serve: Serve) -> None:
    async def until_answered(http: httpx2.AsyncClient, number: int) -> str:
        tries = 1
        while await stream(http, ROUTES[number % 2]) == LATER:
            tries += 1
            await asyncio.sleep(0.2)
        return DONE if tries == 1 else f"{DONE} {LATER}"

    with serve(settings.model_copy(update={"at_once": 8})) as base:
        assert set(at_once(base, until_answered)) == {DONE, f"{DONE} {LATER}"}
        assert_at_rest(base)


def test_with_a_language_model_all_finish_or_are_told_to_come_again(
    settings: Settings, serve: Serve, tmp_path: Path
) -> None:
    ours = with_model(settings, make_gguf(tmp_path / "tiny.gguf"), llm_context=4096, llm_max_tokens=16, llm_queue=1)
    with serve(ours, make_engine) as base:
        ends = at_once(base, lambda http, number: stream(http, ROUTES[number % 2]))
        assert DONE in ends
        assert set(ends) <= {DONE, LATER}
        assert_at_rest(base)


def test_those_who_leave_hold_up_nobody(base_url: str) -> None:
    ends = at_once(base_url, lambda http, number: stream(http, ROUTES[number % 2], leaves=number % 4 < 2))
    assert ends.count(LEFT) == ends.count(DONE) == CLIENTS // 2
    assert_at_rest(base_url)


def test_those_who_leave_with_half_a_question_hold_up_nobody(base_url: str) -> None:
    half = b"POST /%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    for path in (b"chat", b"v1/chat/completions", b"mcp", b"tools/check_fit", b"key"):
        for _ in range(8):
            with socket.create_connection(("127.0.0.1", httpx2.URL(base_url).port or 0)) as connection:
                connection.sendall(half % path)
    assert_at_rest(base_url)


def test_an_answer_that_nobody_reads_is_given_up(
    settings: Settings, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.server, "STALLED_S", 2.0)
    with serve(settings, ready=False) as base, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", httpx2.URL(base).port or 0))
        connection.sendall(b"GET /docs/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
        wait_for_others(base, 1)
        assert_at_rest(base)
        assert 0 < read_all(connection).count(b"HTTP/1.1 200 OK") < 100
