"""Keys: who has none is told so wherever they ask, and programs, agents and browsers can give theirs."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
import yaml
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

from api.keys import COOKIE
from kb.errors import KnowledgeBaseError
from kb.keys import hash_of, holder, make_key
from kb.settings import Settings
from kb.settings import settings as read
from kb.tools import TOOLS
from tests.api.conftest import Serve
from tests.api.test_edge import command
from tests.api.test_problems import assert_problem, raw_request
from tests.api.test_talking import kb
from tests.conftest import ROOT

KEY, OTHER = make_key(), make_key()
BEARER = {"Authorization": f"Bearer {KEY}"}
PAGE = {"Accept": "text/html,*/*;q=0.8"}
QUESTION = {"messages": [{"role": "user", "content": "What is VRAM?"}]}


@pytest.fixture(scope="module")
def shut(serve: Serve, settings: Settings) -> Iterator[str]:
    with serve(settings.model_copy(update={"api_keys": (hash_of(OTHER), hash_of(KEY))})) as base:
        yield base


CLOSED = (
    ("GET", "/"), ("GET", "/terms"), ("GET", "/terms/vram"), ("GET", "/specs"), ("GET", "/search?q=vram"),
    ("GET", "/passages/term.vram"), ("GET", "/tools"), ("POST", "/tools/check_fit"), ("POST", "/chat"),
    ("POST", "/mcp"), ("GET", "/fit"), ("GET", "/docs"), ("GET", "/docs/openapi.json"), ("GET", "/metrics"),
    ("GET", "/no/such/route"), ("DELETE", "/chat"), ("HEAD", "/terms/vram"), ("GET", "/health"),
    ("GET", "/static/none.js"), ("GET", "/static"),
)  # fmt: skip


@pytest.mark.parametrize(("method", "path"), CLOSED)
@pytest.mark.parametrize("given", [{}, {"Authorization": f"Bearer {KEY[:-1]}"}, {"Cookie": f"{COOKIE}=x"}], ids=str)
def test_without_a_key_nothing_is_answered(shut: str, method: str, path: str, given: dict[str, str]) -> None:
    answer = httpx2.request(method, shut + path, headers=given)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    if method != "HEAD":
        assert_problem(answer, 401)


@pytest.mark.parametrize(
    "path",
    ["/health/live/../../terms/vram", "/health/live%2f..%2f..%2fterms", "//terms/vram", "/static/../terms/vram",
     "/key/", "/static/pages.css/../../terms", "/terms/vram/", "/KEY", "/health/live;/terms", "/%2e/terms/vram",
     "/key%00"],
)  # fmt: skip
def test_no_way_of_writing_a_path_goes_around_the_key(shut: str, path: str) -> None:
    assert raw_request(shut, f"GET {path} HTTP/1.1".encode()).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/key", "/static/pages.css", "/docs/favicon.svg"])
def test_health_and_the_page_that_takes_a_key_are_open(shut: str, path: str) -> None:
    assert httpx2.get(shut + path).status_code == 200


def test_what_the_chat_writes_with_is_for_those_with_a_key(shut: str, base_url: str) -> None:
    told = {
        with_key: httpx2.get(f"{shut}/health/ready", headers=BEARER if with_key else {}).json() for with_key in (0, 1)
    }
    assert told[0]["status"] == told[1]["status"] == "ready"
    assert "chat" not in told[0]
    assert "engine" in told[1]["chat"]
    assert "engine" in httpx2.get(f"{base_url}/health/ready").json()["chat"], "where no keys are set"


def test_with_a_key_all_is_as_before_but_in_no_cache_of_others(shut: str, base_url: str) -> None:
    for method, path in CLOSED[:12]:
        body = {"json": QUESTION} if path == "/chat" else {}
        without = httpx2.request(method, base_url + path, **body)
        answer = httpx2.request(method, shut + path, headers=BEARER, **body)
        assert answer.status_code == without.status_code, path
        assert "public" not in answer.headers.get("cache-control", "")
    assert httpx2.get(f"{base_url}/terms/vram").headers["cache-control"].startswith("public")


def test_a_browser_asks_without_a_key_what_it_may_do(shut: str) -> None:
    assert httpx2.options(f"{shut}/chat").status_code == 204


# Programs


def test_the_openai_sdk_sends_its_key(shut: str) -> None:
    asked: Any = QUESTION["messages"]
    with openai.OpenAI(base_url=f"{shut}/v1", api_key=KEY, max_retries=0) as right:
        reply = right.chat.completions.create(model="hardware-kb", messages=asked)
    assert (reply.choices[0].message.content or "").startswith("VRAM is the memory")
    with (
        openai.OpenAI(base_url=f"{shut}/v1", api_key="any", max_retries=0) as wrong,
        pytest.raises(openai.AuthenticationError) as error,
    ):
        wrong.models.list()
    assert error.value.code == "invalid_api_key"
    assert error.value.request_id == error.value.response.headers["x-request-id"]
    assert error.value.response.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_agents_send_theirs_as_a_header(shut: str, mode: Any) -> None:
    async def tools(headers: dict[str, str]) -> int:
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60) as http,
            Client(streamable_http_client(f"{shut}/mcp", http_client=http), mode=mode) as client,
        ):
            return len((await client.list_tools()).tools)

    assert asyncio.run(tools(BEARER)) == len(TOOLS.names())
    with pytest.raises((MCPError, ExceptionGroup)):
        asyncio.run(tools({}))


def test_the_command_line_sends_its_key(shut: str, data_dir: Path) -> None:
    answer, _ = kb(["ask", "What is VRAM?"], data_dir, shut, KB_API_KEY=KEY)
    assert answer.startswith("VRAM is the memory")
    with pytest.raises(AssertionError, match="only those who have a key"):
        kb(["ask", "What is VRAM?"], data_dir, shut)
    with pytest.raises(AssertionError, match="does not know this key"):
        kb(["ask", "What is VRAM?"], data_dir, shut, KB_API_KEY="wrong")


# Browsers


def test_a_browser_without_a_key_gets_a_page_that_takes_one_and_leads_on(shut: str) -> None:
    with httpx2.Client(base_url=shut, headers=PAGE) as browser:
        asked = browser.get("/terms?q=vram&x=<b>")
        assert asked.status_code == 401
        assert asked.headers["content-type"].startswith("text/html")
        assert '<form method="post" action="/key">' in asked.text
        (address,) = re.findall(r'name="address" type="hidden" value="([^"]*)"', asked.text)
        assert address == "/terms?q=vram&amp;x=%3Cb%3E"
        wrong = browser.post("/key", data={"key": OTHER + "x", "address": address})
        assert wrong.status_code == 401
        assert "set-cookie" not in wrong.headers
        assert "does not know this key" in wrong.text
        given = browser.post("/key", data={"key": f" {KEY} ", "address": "/terms?q=vram"})
        assert given.status_code == 303
        assert given.headers["location"] == "/terms?q=vram"
        cookie = given.headers["set-cookie"]
        assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
        assert "Secure" not in cookie
        assert browser.get("/terms").status_code == 200
        assert browser.post("/chat", json=QUESTION).status_code == 200
        assert "known here" in browser.get("/key").text
        assert browser.post("/key", data={"key": ""}).status_code == 303
        assert browser.get("/terms").status_code == 401


def test_over_tls_the_cookie_stays_there(shut: str) -> None:
    behind_proxy = {**PAGE, "X-Forwarded-Proto": "https"}
    answer = httpx2.post(f"{shut}/key", data={"key": KEY}, headers=behind_proxy)
    assert "Secure" in answer.headers["set-cookie"].split("; ")


@pytest.mark.parametrize(
    "address", ["//evil.test", "/\\evil.test", "https://evil.test", "/a\r\nX: y", "", "/ä", "javascript:1"]
)
def test_the_form_leads_to_no_other_host(shut: str, address: str) -> None:
    answer = httpx2.post(f"{shut}/key", data={"key": KEY, "address": address})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_no_page_of_another_origin_uses_a_browsers_key(shut: str) -> None:
    cookie = {"Cookie": f"{COOKIE}={KEY}"}
    assert httpx2.post(f"{shut}/chat", json=QUESTION, headers=cookie).status_code == 200
    for foreign in ({"Origin": "http://evil.test"}, {"Sec-Fetch-Site": "cross-site"}):
        assert httpx2.post(f"{shut}/chat", json=QUESTION, headers=cookie | foreign).status_code == 403
        assert httpx2.post(f"{shut}/key", data={"key": KEY}, headers=foreign).status_code == 403


def test_what_is_no_form_is_415_and_without_keys_none_is_needed(http: httpx2.Client) -> None:
    assert_problem(http.post("/key", json={"key": KEY}), 415)
    assert_problem(http.post("/key", data={"key": "k" * 20_000}), 413)
    assert "needs no key" in http.get("/key").text


# The server and its settings


def test_no_server_is_open_to_others_unless_that_is_said(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("KB_")}
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        done = subprocess.run(
            [sys.executable, "-m", "kb.cli", "serve", "--host", host],
            env={**environment, "KB_DATA_DIR": str(tmp_path), "PYTHONPATH": str(ROOT), "COLUMNS": "300"},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 1
        assert "KB_API_KEYS" in done.stderr
        assert "--open" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("arguments", "hashes", "status"), [(("--open",), "", 200), ((), hash_of(KEY), 401)])
def test_said_to_be_open_or_with_keys_it_starts(
    data_dir: Path, arguments: tuple[str, ...], hashes: str, status: int
) -> None:
    with command(data_dir, "--host", "0.0.0.0", *arguments, KB_API_KEYS=hashes) as (_, base):
        assert httpx2.get(f"{base}/health/live").status_code == 200
        assert httpx2.get(f"{base}/docs").status_code == status


def test_a_container_starts_and_takes_keys() -> None:
    """Every address in it is its own, so that it is open as far as its port is published."""
    (command_line,) = re.findall(r"^CMD (.*)$", (ROOT / "Containerfile").read_text("utf-8"), re.M)
    assert json.loads(command_line)[-1].endswith("kb serve --host 0.0.0.0 --open")
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    for service in compose["services"].values():
        assert service["environment"]["KB_API_KEYS"] == "${KB_API_KEYS:-}"
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_a_key_is_made_with_its_hash(tmp_path: Path) -> None:
    made, again = (json.loads(kb(["key", "--json"], tmp_path, "none")[0]) for _ in range(2))
    assert made["key"] != again["key"]
    assert made["hash"] == hash_of(made["key"])
    assert len(made["key"]) > 40
    printed, _ = kb(["key"], tmp_path, "none")
    words = printed.split()
    assert (words[0], words[2]) == ("key", "hash")
    assert hash_of(words[1]) == words[3]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "value"), [("KB_API_KEYS", "a-key-itself"), ("KB_RATE_LIMIT", "lots"), ("KB_LLM_QUEUE", "few")]
)
def test_a_setting_that_is_not_accepted_is_named_and_not_shown(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    read.cache_clear()
    with pytest.raises(KnowledgeBaseError, match=name) as error:
        read()
    assert value not in str(error.value)
    read.cache_clear()


def test_hashes_are_compared_whole() -> None:
    hashes = [hash_of(KEY), hash_of(OTHER)]
    assert [holder(key, hashes) for key in (KEY, OTHER, KEY[:-1], "", hash_of(KEY))] == [*hashes, "", "", ""]
