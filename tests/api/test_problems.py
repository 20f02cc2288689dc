"""Whatever comes in, what goes out is an answer or a problem that says what is wrong; never a traceback."""

import socket
from urllib.parse import urlsplit

import httpx2
import pytest
import structlog

from api import logs

POSTS = ("/chat", "/tools/check_fit")
MALFORMED = (
    b"", b"{", b"[1,", b"nonsense", b'{"a": NaN}', b'{"a": Infinity}', b'{"a": -Infinity}', b"\xff\xfe",
    b'{"a": "\xff"}', b'{"a": "\\ud800"}', b"[" * 100_000, b'{"a":' * 100_000, b"1" * 100_000, b"\xef\xbb\xbf{}",
    b'{"a": 1} {"b": 2}', '{"a": "ä"}'.encode("utf-16"),
)  # fmt: skip
STRANGE_NAMES = (
    "%00", "%ff%fe", "%zz", "%", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "a" * 20_000, "%F0%9F%A6%99" * 500,
    "'%20OR%201=1--", "%0d%0aX:%20y", "{slug}",
)  # fmt: skip
STRANGE_QUERIES = (b"q=%ff%fe", b"q=%zz", b"%00=%00", b"q=%00", b"&&==&", b"q" * 30_000, b"q=\xff\xfe")


def assert_problem(answer: httpx2.Response, status: int) -> dict[str, object]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, object] = answer.json()
    assert set(problem) >= {"type", "title", "status", "detail", "instance"}
    assert problem["status"] == status
    assert "Traceback" not in answer.text
    return problem


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("body", MALFORMED, ids=map(str, range(len(MALFORMED))))
def test_malformed_json_is_400(http: httpx2.Client, path: str, body: bytes) -> None:
    problem = assert_problem(http.post(path, content=body, headers={"Content-Type": "application/json"}), 400)
    assert "JSON" in str(problem["detail"])


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("body", [b"null", b"1", b'"text"', b"[]", b"true", b'{"a": 1e400}', b'{"a": "\\u0000"}'])
def test_json_of_the_wrong_shape_is_422(http: httpx2.Client, path: str, body: bytes) -> None:
    assert_problem(http.post(path, content=body, headers={"Content-Type": "application/json"}), 422)


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin-1",
    ],
)
def test_what_is_not_json_is_415(http: httpx2.Client, path: str, content_type: str) -> None:
    assert_problem(http.post(path, content=b"{}", headers={"Content-Type": content_type}), 415)
    gzipped = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert_problem(http.post(path, content=b"\x1f\x8b", headers=gzipped), 415)


@pytest.mark.parametrize("path", POSTS)
def test_ten_megabytes_are_413(http: httpx2.Client, path: str) -> None:
    body = b'{"messages": [{"role": "user", "content": "' + b"a" * 10_000_000 + b'"}]}'
    assert_problem(http.post(path, content=body, headers={"Content-Type": "application/json"}), 413)
    pieces = (b"a" * 100_000 for _ in range(11))
    assert_problem(http.post(path, content=pieces, headers={"Content-Type": "application/json"}), 413)


@pytest.mark.parametrize(
    "path", ["/nope", "/terms/vram/../../etc/passwd", "/docs/..%2fapp.py", "/chat/x", "/health", "/favicon.ico"]
)
def test_unknown_route_is_404(http: httpx2.Client, path: str) -> None:
    assert_problem(http.get(path), 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/chat"), ("POST", "/terms"), ("DELETE", "/terms/vram"), ("PATCH", "/"), ("PUT", "/search")],
)
def test_wrong_method_is_405_and_says_which_are_right(http: httpx2.Client, method: str, path: str) -> None:
    answer = http.request(method, path)
    assert_problem(answer, 405)
    assert answer.headers["allow"]


@pytest.mark.parametrize("name", STRANGE_NAMES, ids=map(str, range(len(STRANGE_NAMES))))
@pytest.mark.parametrize(
    "where", ["/terms", "/specs/accelerators", "/specs", "/disputes", "/sources", "/passages", "/tools", "/docs"]
)
def test_strange_names_are_404(base_url: str, where: str, name: str) -> None:
    answer = raw_request(base_url, f"GET {where}/{name} HTTP/1.1".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404"), head[:100]
    assert b"content-type: application/problem+json" in head
    assert b"Traceback" not in body


@pytest.mark.parametrize("query", STRANGE_QUERIES, ids=map(str, range(len(STRANGE_QUERIES))))
@pytest.mark.parametrize("path", [b"/terms", b"/specs/models", b"/search", b"/disputes", b"/specs/search"])
def test_strange_queries_are_answered_or_refused(base_url: str, path: bytes, query: bytes) -> None:
    status = int(raw_request(base_url, b"GET " + path + b"?" + query + b" HTTP/1.1").split()[1])
    assert status == 200 or 400 <= status < 500


def raw_request(base_url: str, line: bytes) -> bytes:
    """What no client library would send."""
    address = urlsplit(base_url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=60) as connection:
        connection.sendall(line + b"\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_head_is_get_without_its_body(http: httpx2.Client) -> None:
    for path in ("/terms/vram", "/terms", "/docs", "/health/live", "/terms/no-such-term-at-all"):
        got, head = http.get(path), http.head(path)
        assert head.status_code == got.status_code
        assert head.content == b""
        assert head.headers["content-length"] == got.headers["content-length"]


def test_options_names_the_methods_and_opens_nothing_to_other_origins(http: httpx2.Client) -> None:
    answer = http.options("/chat", headers={"Origin": "https://example.org", "Access-Control-Request-Method": "POST"})
    assert answer.status_code == 204
    assert "POST" in answer.headers["allow"]
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_bug_is_logged_plainly_and_without_variables(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO")
    secret = "what a user typed"
    try:
        raise RuntimeError("a bug")
    except RuntimeError as error:
        structlog.get_logger("test").error("unexpected error", exc_info=error)
    written = capfd.readouterr().err
    assert "RuntimeError: a bug" in written
    assert secret not in written
    assert len(written) < 5_000
