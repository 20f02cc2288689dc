"""Answers by content coding: smaller, the same, cached rightly; streams as they come."""

import gzip
import json

import brotli
import httpx2
import pytest

LONG = ("/terms", "/specs/accelerators?limit=20", "/docs/openapi.json", "/static/pages.css", "/tools")
TAKEN = [("gzip, deflate, br", "br"), ("gzip", "gzip"), ("br;q=0.1, gzip", "gzip")]
NOT_TAKEN = ["", "identity", "gzip;q=0", "gzip;q=0, br;q=0", "zstd", "x-br", "identity, gzip;q=0.5"]
ASKED: dict[str, object] = {"messages": [{"role": "user", "content": "What is VRAM?"}], "stream": True}
UNPACK = {"br": brotli.decompress, "gzip": gzip.decompress}


def raw(http: httpx2.Client, path: str, **headers: str) -> tuple[httpx2.Response, bytes]:
    """The answer, and its body as it came."""
    with http.stream("GET", path, headers=headers) as answer:
        return answer, b"".join(answer.iter_raw())


@pytest.mark.parametrize("path", LONG)
@pytest.mark.parametrize(
    ("accept", "coding"), [("gzip, deflate, br", "br"), ("gzip", "gzip"), ("br;q=0.1, gzip", "gzip")]
)
def test_what_is_long_comes_smaller_and_is_the_same(http: httpx2.Client, path: str, accept: str, coding: str) -> None:
    answer, plain = raw(http, path, **{"Accept-Encoding": "identity"})
    assert "content-encoding" not in answer.headers
    packed_answer, packed = raw(http, path, **{"Accept-Encoding": accept})
    assert packed_answer.headers["content-encoding"] == coding
    assert int(packed_answer.headers["content-length"]) == len(packed)
    assert len(packed) * 2 < len(plain)
    assert UNPACK[coding](packed) == plain
    for one in (answer, packed_answer):
        assert one.headers["vary"].casefold().count("accept-encoding") == 1
    assert packed_answer.headers["etag"] == answer.headers["etag"]
    assert answer.headers["etag"].startswith('W/"')


@pytest.mark.parametrize(
    "accept", ["", "identity", "gzip;q=0", "gzip;q=0, br;q=0", "zstd", "x-br", "identity, gzip;q=0.5"]
)
def test_nothing_is_packed_for_who_does_not_take_it(http: httpx2.Client, accept: str) -> None:
    answer, body = raw(http, "/terms", **{"Accept-Encoding": accept})
    assert "content-encoding" not in answer.headers
    assert json.loads(body)["items"]
    assert "Accept-Encoding" in answer.headers["vary"]


@pytest.mark.parametrize("coding", UNPACK)
def test_what_is_held_is_not_sent_again(http: httpx2.Client, coding: str) -> None:
    first, _ = raw(http, "/terms", **{"Accept-Encoding": coding})
    for accept in (coding, "identity"):
        again, body = raw(http, "/terms", **{"Accept-Encoding": accept, "If-None-Match": first.headers["etag"]})
        assert (again.status_code, body) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert "content-encoding" not in again.headers


def test_head_says_what_get_would(http: httpx2.Client) -> None:
    asked = {"Accept-Encoding": "br"}
    got, _ = raw(http, "/terms", **asked)
    head = http.head("/terms", headers=asked)
    assert head.content == b""
    for name in ("content-length", "content-encoding", "etag", "vary"):
        assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize("path", ["/chat", "/v1/chat/completions"])
def test_a_stream_is_left_as_it_is(http: httpx2.Client, path: str) -> None:
    with http.stream("POST", path, json=ASKED, headers={"Accept-Encoding": "gzip, br"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in answer.headers
        pieces = list(answer.iter_raw())
    assert b"data: " in pieces[0]


def test_a_reply_is_packed_too(http: httpx2.Client) -> None:
    asked = {"messages": [{"role": "user", "content": "Can I run a 70B model on an RTX 4090?"}]}
    answer = http.post("/chat", json=asked, headers={"Accept-Encoding": "br"})
    assert answer.headers["content-encoding"] == "br"
    assert answer.json()["answer"]
