"""Headers that keep a browser from doing what it should not, on each answer."""

import json
from typing import Any

import httpx2
import pytest

from api.app import create_app
from kb.settings import Settings
from tests.api.test_problems import raw_request

PATHS: dict[str, Any] = json.loads(create_app(Settings()).state.openapi)["paths"]
PAGE = {"Accept": "text/html"}
JSON = {"Content-Type": "application/json"}


def examples(path: str) -> str:
    """``path`` with its parameters filled in."""
    for operation in PATHS[path].values():
        for parameter in operation["parameters"]:
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", parameter["examples"]["example"]["value"])
    return path


def assert_secured(headers: httpx2.Headers) -> None:
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.parametrize("path", PATHS)
def test_every_route_has_them_whatever_is_asked(http: httpx2.Client, path: str) -> None:
    at = examples(path)
    for method in ("GET", "HEAD", "POST", "OPTIONS", "DELETE", "TRACE"):
        for accept in ({}, PAGE):
            assert_secured(http.request(method, at, headers=accept).headers)


@pytest.mark.parametrize(
    ("status", "method", "path", "more"),
    [
        (200, "GET", "/static/chat.js", {}),
        (200, "GET", "/docs/docs.js", {}),
        (200, "POST", "/chat", {"json": {"messages": [{"role": "user", "content": "What is VRAM?"}], "stream": True}}),
        (400, "POST", "/chat", {"content": b"{", "headers": JSON}),
        (403, "GET", "/terms", {"headers": {"Origin": "http://evil.test"}}),
        (404, "GET", "/nope", {}),
        (404, "GET", "/v1/nope", {}),
        (404, "GET", "/static/nope.js", {}),
        (405, "PUT", "/chat", {}),
        (405, "GET", "/mcp", {}),
        (405, "DELETE", "/mcp", {}),
        (400, "POST", "/mcp", {"json": {}}),
        (413, "POST", "/chat", {"content": b"a" * 1_000_001, "headers": JSON}),
        (413, "POST", "/v1/chat/completions", {"content": b"a" * 1_000_001, "headers": JSON}),
        (413, "POST", "/mcp", {"content": b"a" * 1_000_001, "headers": JSON}),
        (414, "GET", "/terms?" + "q" * 9_000, {}),
        (415, "POST", "/chat", {"content": b"{}"}),
        (421, "GET", "/terms", {"headers": {"Host": "evil.test"}}),
        (421, "GET", "/terms", {"headers": {"Host": "[", **PAGE}}),
        (422, "GET", "/search", {}),
        (422, "GET", "/search", {"headers": PAGE}),
    ],
)
def test_every_kind_of_answer_has_them(
    http: httpx2.Client, status: int, method: str, path: str, more: dict[str, Any]
) -> None:
    answer = http.request(method, path, **more)
    assert answer.status_code == status
    assert_secured(answer.headers)


def test_what_is_unchanged_has_them(http: httpx2.Client) -> None:
    held = http.get("/terms/vram").headers["etag"]
    answer = http.get("/terms/vram", headers={"If-None-Match": held})
    assert answer.status_code == 304
    assert_secured(answer.headers)


@pytest.mark.parametrize("line", [b"nonsense", b"GET /\x00 HTTP/1.1", b"\x16\x03\x01", b"GET  / HTTP/1.1"])
def test_what_is_no_http_gets_a_problem_with_them(base_url: str, line: bytes) -> None:
    head, _, body = raw_request(base_url, line).partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    assert status == "HTTP/1.1 400 Bad Request"
    headers = httpx2.Headers([(name, value) for name, _, value in (line.partition(": ") for line in lines)])
    assert_secured(headers)
    assert headers["content-type"] == "application/problem+json"
    assert json.loads(body)["status"] == 400
