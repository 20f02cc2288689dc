"""Who may ask, and what one request or connection may take."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

import api.edge
import api.server
from api.deps import MOST_PARAMETERS
from api.disputes import public
from kb.catalogue.records import Source
from kb.settings import Settings
from kb.tools.base import MOST_KEYS, MOST_PROBLEMS
from tests.api.test_problems import assert_problem
from tests.tried import tried

QUESTION = {"messages": [{"role": "user", "content": "What is VRAM?"}]}
FIT_QUESTION = {"messages": [{"role": "user", "content": "Can I run a 70B model on my RTX 4090?"}]}


def carried_out(http: httpx2.Client) -> dict[str, float]:
    """How often each route was answered with what was asked for."""
    lines = (line.rpartition(" ") for line in http.get("/metrics").text.splitlines())
    return {
        name: float(count)
        for name, _, count in lines
        if name.startswith("kb_http_requests_total") and 'status="2' in name and "/metrics" not in name
    }


# Who may ask


@pytest.mark.parametrize("host", ["evil.test", "evil.test:8000", "localhost.evil.test", "127.0.0.1.evil.test", "[", ""])
@pytest.mark.parametrize(("method", "path"), [("GET", "/terms/vram"), ("POST", "/chat"), ("GET", "/no/such/route")])
def test_a_name_that_only_leads_here_is_not_answered(http: httpx2.Client, host: str, method: str, path: str) -> None:
    before = carried_out(http)
    body = {"json": QUESTION} if method == "POST" else {}
    problem = assert_problem(http.request(method, path, headers={"Host": host}, **body), 421)
    assert "KB_ALLOWED_HOSTS" in str(problem["detail"])
    assert carried_out(http) == before


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:80", "127.0.0.1:8000", "127.1.2.3", "[::1]:8000", "localhost."]
)
def test_this_machines_own_names_are_answered(http: httpx2.Client, host: str) -> None:
    assert http.get("/health/live", headers={"Host": host}).status_code == 200


def test_further_names_come_from_the_settings(settings: Settings, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KB_ALLOWED_HOSTS", "kb.example, KB-Offline")
    allowed = Settings(data_dir=settings.data_dir)
    assert allowed.allowed_hosts == ("kb.example", "kb-offline")
    with serve(allowed, ready=False) as base:
        for host, status in (("kb.example", 200), ("kb-offline:8000", 200), ("evil.test", 421)):
            assert httpx2.get(f"{base}/health/live", headers={"Host": host}).status_code == status
    with serve(settings.model_copy(update={"allowed_hosts": ("*",)}), ready=False) as base:
        assert httpx2.get(f"{base}/health/live", headers={"Host": "evil.test"}).status_code == 200


FOREIGN = (
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://evil.test"},
    {"Origin": "null"}, {"Origin": "http://localhost:1"}, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"},
)  # fmt: skip


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize(("method", "path"), [("GET", "/terms/vram"), ("POST", "/chat"), ("POST", "/tools/check_fit")])
def test_a_page_of_another_origin_may_not_ask(
    http: httpx2.Client, method: str, path: str, headers: dict[str, str]
) -> None:
    before = carried_out(http)
    assert_problem(http.request(method, path, headers=headers, **({"json": QUESTION} if method == "POST" else {})), 403)
    assert carried_out(http) == before


def test_own_pages_programs_and_links_may_ask(http: httpx2.Client, base_url: str) -> None:
    for headers in ({}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": base_url}):
        assert http.post("/chat", json=QUESTION, headers=headers).status_code == 200
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert http.get("/docs", headers=followed).status_code == 200
    assert http.post("/chat", json=QUESTION, headers=followed).status_code == 403


@pytest.mark.parametrize("content_type", [None, "", "text/plain", "text/plain;charset=UTF-8"])
@pytest.mark.parametrize("path", ["/chat", "/tools/check_fit"])
def test_a_body_that_does_not_say_that_it_is_json_is_415(
    http: httpx2.Client, path: str, content_type: str | None
) -> None:
    """What a page may send to other origins without asking first: an untyped Blob, sendBeacon, a form."""
    headers = {} if content_type is None else {"Content-Type": content_type}
    assert_problem(http.post(path, content=json.dumps(QUESTION), headers=headers), 415)


# What one request may take


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def test_errors_are_smaller_than_what_caused_them_and_cost_little(http: httpx2.Client) -> None:
    many = compact({"messages": [{}] * 300_000})
    keys = compact({f"k{number}": 0 for number in range(70_000)})
    nested = compact({"model": "x", "quantization": "x", "device": {f"k{number}": 0 for number in range(70_000)}})
    for path, body in (
        ("/chat", many),
        ("/chat", keys),
        ("/tools/check_fit", nested),
        ("/tools/compare_devices", keys),
    ):
        answer = http.post(path, content=body, headers={"Content-Type": "application/json"})
        assert_problem(answer, 422)
        assert len(answer.content) < 3_000
    long = http.post("/tools/check_fit", json={"model": "m" * 900_000, "k" * 90_000: 1})
    assert_problem(long, 422)
    assert len(long.content) < 3_000


def test_300000_empty_messages_are_judged_in_a_moment(http: httpx2.Client) -> None:
    """The server runs in this process, so that its time is ours: 8 s before."""
    body = compact({"messages": [{}] * 300_000})
    started = time.process_time()
    assert http.post("/chat", content=body, headers={"Content-Type": "application/json"}).status_code == 422
    assert time.process_time() - started < 1


def test_no_more_problems_are_told_than_help(http: httpx2.Client) -> None:
    answer = http.post("/chat", json={"messages": [{"role": "x", "content": ""}] * 50})
    assert len(answer.json()["errors"]) == MOST_PROBLEMS
    assert answer.json()["detail"].endswith("and 80 more")
    answer = http.post("/chat", json=QUESTION | {f"k{number}": 0 for number in range(MOST_KEYS - 1)})
    assert len(answer.json()["errors"]) == MOST_PROBLEMS
    assert "more" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/terms", "/specs/models", "/search", "/disputes"])
def test_many_parameters_give_a_short_answer(http: httpx2.Client, path: str) -> None:
    for count in (MOST_PARAMETERS - 1, 1_000):
        answer = http.get(f"{path}?" + "&".join(f"a{number}=x" for number in range(count)))
        assert_problem(answer, 422)
        assert len(answer.content) < 16_000
    assert_problem(http.get(f"{path}?" + "a&" * 5_000), 414)


def test_long_heads_are_refused(http: httpx2.Client, base_url: str) -> None:
    assert_problem(http.get("/terms/vram", headers={"X-Long": "a" * (api.edge.LONGEST_HEAD + 1)}), 431)
    with open_connection(base_url) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        assert 0 < sent_until_refused(connection, b"X-Long: " + b"a" * 10_000 + b"\r\n") < 2_000_000


def sent_until_refused(connection: socket.socket, line: bytes) -> int:
    sent = 0
    while sent < 10_000_000:
        try:
            sent += connection.send(line)
        except (ConnectionResetError, BrokenPipeError):
            break
        time.sleep(0.001)
    return sent


@pytest.mark.parametrize("stream", [0, 1, "true", "false", 1.0, None])
def test_flags_in_a_body_are_true_or_false(http: httpx2.Client, stream: Any) -> None:
    answer = http.post("/chat", json=QUESTION | {"stream": stream})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["stream"]
    fit = {"model": "llama 3.1 8b", "quantization": "q4_k_m", "device": "RTX 4090", "flash_attention": stream}
    assert http.post("/tools/check_fit", json=fit).status_code == 422


def test_figures_in_a_body_are_numbers(http: httpx2.Client) -> None:
    fit = {"model": "llama 3.1 8b", "quantization": "q4_k_m", "device": "RTX 4090", "context": "8192"}
    answer = http.post("/tools/check_fit", json=fit)
    assert [error["field"] for error in answer.json()["errors"]] == ["context"]
    assert http.get("/search", params={"q": "vram", "k": "1", "explain": "true"}).status_code == 200


# What a connection may take


@contextmanager
def open_connection(base: str) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", httpx2.URL(base).port or 0), timeout=20) as connection:
        yield connection


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


HALF = b"POST /chat HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"


def test_a_head_that_does_not_come_ends_the_connection(
    settings: Settings, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(settings) as base:  # ready: while the index is opened the loop may be held up for longer than this
        monkeypatch.setattr(api.server, "HEAD_S", 0.5)
        for sent in (
            b"",
            b"GET / HTTP/1.1\r\nHost: local",
            b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\nGET /",
        ):
            with open_connection(base) as connection:
                connection.sendall(sent)
                assert read_all(connection).count(b"HTTP/1.1 200 OK") == sent.count(b"\r\n\r\n")


def test_a_body_that_does_not_come_is_408_and_ends_the_connection(
    settings: Settings, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.edge, "BODY_S", 0.3)
    monkeypatch.setattr(api.server, "BODY_S", 0.3)
    monkeypatch.setattr(api.server, "LEFTOVER_S", 3.0)
    with serve(settings) as base, open_connection(base) as connection:
        connection.sendall(HALF)
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in answer


def test_no_more_connections_are_kept_than_files_may_be_open(
    settings: Settings, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.server, "MOST_CONNECTIONS", 3)
    with serve(settings, ready=False) as base:
        opened = [socket.create_connection(("127.0.0.1", httpx2.URL(base).port or 0)) for _ in range(3)]
        with pytest.raises(httpx2.TransportError):
            httpx2.get(f"{base}/health/live")
        for connection in opened:
            connection.close()
        for _ in range(100):
            try:
                answer = httpx2.get(f"{base}/health/live")
                break
            except httpx2.TransportError:
                time.sleep(0.05)
        assert answer.status_code == 200


def test_one_address_holds_not_all_connections(settings: Settings, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    few = settings.model_copy(update={"connections_each": 2})

    def is_heard(base: str) -> bool:
        address = ("127.0.0.1", httpx2.URL(base).port or 0)
        with socket.create_connection(address), socket.create_connection(address), httpx2.Client() as client:
            try:
                return client.get(f"{base}/health/live").status_code == 200
            except httpx2.TransportError:
                return False

    with serve(few, ready=False) as base:
        assert is_heard(base), "this machine has any number"
    monkeypatch.setattr(api.server, "is_loopback", lambda _: False)
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "192.0.2.0/24")
    with serve(few, ready=False) as base:
        assert not is_heard(base)
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "127.0.0.0/24")
    with serve(few, ready=False) as base:
        assert is_heard(base), "a proxy that is believed has any number"


# How it stops


class Hung(threading.Thread):
    """A language model's server that takes requests and never answers one."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}/v1"
        self.asked = threading.Event()
        self.taken: list[socket.socket] = []

    def run(self) -> None:
        while True:
            connection, _ = self.listening.accept()
            self.taken.append(connection)
            connection.recv(100)
            self.asked.set()


@contextmanager
def command(data_dir: Path, *arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``kb serve`` in a process of its own, as soon as its port is open."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "kb.cli", "serve", "--port", str(port), *arguments],
        env={**os.environ, "KB_DATA_DIR": str(data_dir), "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    base = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: httpx2.get(f"{base}/health/live").status_code == 200)
        yield process, base
    finally:
        process.kill()
        process.communicate()


def wait_for(happened: Callable[[], bool]) -> None:
    for _ in range(1200):
        try:
            if happened():
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("it did not happen within two minutes")


@pytest.mark.parametrize("sig", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.attack)])
def test_a_stop_waits_for_no_body_and_no_model(data_dir: Path, sig: signal.Signals, tmp_path: Path) -> None:
    """Within 10 s, and nothing stays in the folder of temporary files; the answer that waited for the model comes
    without it."""
    hung = Hung()
    hung.start()
    tried(Settings(data_dir=data_dir, llm_url=hung.url))
    ours = {"KB_LLM_URL": hung.url, "KB_LLM_DEADLINE_S": "3600", "TMPDIR": str(tmp_path)}
    with command(data_dir, **ours) as (process, base):
        wait_for(lambda: httpx2.get(f"{base}/health/ready").status_code == 200)
        assert list(tmp_path.glob("hardware-kb-*"))
        answers: list[httpx2.Response] = []
        asking = threading.Thread(
            target=lambda: answers.append(httpx2.post(f"{base}/chat", json=FIT_QUESTION, timeout=60))
        )
        with open_connection(base) as connection:
            connection.sendall(HALF)
            asking.start()
            assert hung.asked.wait(60)
            process.send_signal(sig)
            assert process.wait(11) in (0, -sig)
            asking.join()
        assert not list(tmp_path.glob("hardware-kb-*"))
    assert answers[0].json()["answer"]
    assert answers[0].json()["engine"] == "composed"


def test_a_second_signal_ends_it_at_once(data_dir: Path) -> None:
    with command(data_dir) as (process, base), open_connection(base) as connection:
        connection.sendall(HALF)
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(0.7) == -signal.SIGTERM


# What is told


def test_no_folder_of_this_machine_is_told(settings: Settings, tmp_path: Path, serve: Any) -> None:
    ours = settings.model_copy(update={"data_dir": tmp_path / "none", "model": tmp_path / "gone.gguf"})
    with serve(ours, ready=False) as base:
        wait_for(lambda: httpx2.get(f"{base}/search?q=x").json()["type"] == "/problems/index-unusable")
        for path in ("/passages/term.vram", "/health/ready", "/search?q=x"):
            answer = httpx2.get(base + path)
            assert "kb build" in answer.json()["detail"]
            assert str(tmp_path) not in answer.text
            assert answer.headers["retry-after"]


def test_an_ingested_document_is_known_by_its_files_name_alone() -> None:
    source = Source(slug="document-x", title="x.md", publisher="added by the user", kind="user", note="/home/me/x.md")
    assert "/home" not in public(source).model_dump_json()
