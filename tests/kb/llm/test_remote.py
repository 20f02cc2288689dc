"""Real HTTP against a server of the test's own that speaks OpenAI's protocol, well or badly."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest

from kb.errors import EngineBusy, EngineUnavailable
from kb.llm.base import Grammar, Prompt, Run
from kb.llm.remote import LONGEST_LINE, Endpoint, RemoteEngine

KEY = "sk-very-secret"
PROMPT = Prompt("Be brief.", "Can I run a 70B?", ("It needs 42.5 GB.",), 64)


def event(content: str | None = None, **fields: object) -> bytes:
    choice = {"index": 0, "delta": {"content": content} if content is not None else {}, "finish_reason": None}
    return b"data: " + json.dumps({"choices": [choice], **fields}, ensure_ascii=False).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
GOOD = (event("It does "), event("not fit."), DONE)


class Handler(BaseHTTPRequestHandler):
    server: "Server"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, dict(self.headers), json.loads(body)))
        self.server.reply(self)

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


class Server(ThreadingHTTPServer):
    """``reply`` is what the test wants it to do; ``left`` is set when it finds its client gone."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.reply: Callable[[BaseHTTPRequestHandler], None] = stream(*GOOD)
        self.left = Event()
        self.url = f"http://127.0.0.1:{self.server_port}"


def status(code: int, body: bytes = b"") -> Callable[[BaseHTTPRequestHandler], None]:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return reply


def stream(*parts: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        for part in parts:
            handler.wfile.write(part)
            handler.wfile.flush()

    return reply


def stall(*parts: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    """Sends the parts, and then nothing until the client leaves."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        stream(*parts)(handler)
        assert handler.connection.recv(1) == b""
        assert isinstance(handler.server, Server)
        handler.server.left.set()

    return reply


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


StartRemote = Callable[..., RemoteEngine]


@pytest.fixture
def start_remote(server: Server) -> Iterator[StartRemote]:
    started: list[RemoteEngine] = []

    def start(url: str = server.url, *, waiting: int = 4, key: str = KEY) -> RemoteEngine:
        started.append(RemoteEngine(Endpoint(url, "qwen3:8b", key), waiting))
        return started[-1]

    yield start
    for engine in started:
        engine.close()


def ask(engine: RemoteEngine, deadline_s: float = 60) -> str:
    return "".join(engine.write(PROMPT, Run(deadline_s)))


def test_writes_text(server: Server, start_remote: StartRemote) -> None:
    engine = start_remote()
    assert ask(engine) == "It does not fit."
    assert (engine.name, engine.status()) == ("openai:qwen3:8b", "ready")
    path, headers, body = server.requests[0]
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body["model"] == "qwen3:8b"
    assert body["stream"] is True
    assert body["max_tokens"] == 64
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


LOCKED = replace(PROMPT, grammar=Grammar("start: X", 'root ::= "x"'))


def test_a_grammar_is_sent_as_llama_server_and_vllm_take_it(server: Server, start_remote: StartRemote) -> None:
    engine = start_remote()
    assert "".join(engine.write(LOCKED, Run(60))) == "It does not fit."
    assert server.requests[0][2]["grammar"] == 'root ::= "x"'
    assert server.requests[0][2]["structured_outputs"] == {"grammar": 'root ::= "x"'}
    ask(engine)
    assert "grammar" not in server.requests[1][2]


def test_a_schema_is_sent_as_a_response_format(server: Server, start_remote: StartRemote) -> None:
    schema = {"type": "object", "properties": {"tool": {"enum": ["answer"]}}}
    call = replace(PROMPT, grammar=Grammar("start: X", schema=json.dumps(schema)))
    list(start_remote().write(call, Run(60)))
    body = server.requests[0][2]
    assert body["response_format"] == {"type": "json_schema", "json_schema": {"name": "call", "schema": schema}}
    assert body["messages"][1]["content"].startswith("Question:\n```\nCan I run a 70B?\n```")


@pytest.mark.parametrize("refusal", [400, 422])
def test_a_server_that_takes_no_grammar_is_asked_without(
    server: Server, start_remote: StartRemote, refusal: int
) -> None:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        (status(refusal) if "grammar" in server.requests[-1][2] else stream(*GOOD))(handler)

    server.reply = reply
    engine = start_remote()
    for _ in range(2):
        assert "".join(engine.write(LOCKED, Run(60))) == "It does not fit."
    assert ["grammar" in body for _, _, body in server.requests] == [True, False, False]
    assert engine.status() == "ready"


def test_a_request_that_is_refused_anyway_tells_nothing_about_grammars(
    server: Server, start_remote: StartRemote
) -> None:
    server.reply = status(400)
    engine = start_remote()
    with pytest.raises(EngineUnavailable, match="400"):
        list(engine.write(LOCKED, Run(60)))
    server.reply = stream(*GOOD)
    list(engine.write(LOCKED, Run(60)))
    assert ["grammar" in body for _, _, body in server.requests] == [True, False, True]


def test_without_a_key_none_is_sent(server: Server, start_remote: StartRemote) -> None:
    ask(start_remote(key=""))
    assert "Authorization" not in server.requests[0][1]


@pytest.mark.parametrize(
    ("base", "path"),
    [
        ("", "/v1/chat/completions"),
        ("/", "/v1/chat/completions"),
        ("/v1", "/v1/chat/completions"),
        ("/v1/", "/v1/chat/completions"),
        ("/openai/v1", "/openai/v1/chat/completions"),
        ("/api/v3?zone=eu", "/api/v3/chat/completions?zone=eu"),
    ],
)
def test_base_urls_with_and_without_v1(server: Server, start_remote: StartRemote, base: str, path: str) -> None:
    ask(start_remote(server.url + base))
    assert server.requests[0][0] == path


def test_counts_what_the_server_counts(server: Server, start_remote: StartRemote) -> None:
    usage = {"prompt_tokens": 321, "completion_tokens": 12, "total_tokens": 333}
    server.reply = stream(
        event("It fits."), b'data: {"choices": [], "usage": ' + json.dumps(usage).encode() + b"}\n\n", DONE
    )
    run = Run(60)
    assert "".join(start_remote().write(PROMPT, run)) == "It fits."
    assert (run.prompt_tokens, run.completion_tokens) == (321, 12)


def test_counts_pieces_where_the_server_counts_nothing(start_remote: StartRemote) -> None:
    run = Run(60)
    list(start_remote().write(PROMPT, run))
    assert (run.prompt_tokens, run.completion_tokens) == (0, 2)


def test_a_stream_cut_anywhere_is_put_together(server: Server, start_remote: StartRemote) -> None:
    text = "24\u2028GB ☃ fit"
    whole = b": a comment\r\n\r\nevent: x\r\n" + event(text).replace(b"\n\n", b"\r\n\r\n") + DONE
    server.reply = stream(*(whole[at : at + 1] for at in range(len(whole))))
    assert ask(start_remote()) == text


def test_a_finish_reason_ends_the_text_as_well_as_done(server: Server, start_remote: StartRemote) -> None:
    server.reply = stream(event("It fits."), b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n')
    assert ask(start_remote()) == "It fits."


def test_a_reasoning_models_thoughts_are_left_out(server: Server, start_remote: StartRemote) -> None:
    server.reply = stream(event("<think>\nwell"), event("</think>\n\n"), event("It fits."), DONE)
    assert ask(start_remote()) == "It fits."


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (status(401, b'{"error": "Incorrect API key provided: sk-very-secret"}'), r"refuses the key \(401\)"),
        (status(403), r"refuses the key \(403\)"),
        (status(404), r"has no model 'qwen3:8b'.*\(404\)"),
        (status(429), "takes no more requests"),
        (status(500, b"Traceback ..."), "answered with status 500"),
        (status(302), "answered with status 302"),
        (status(200, b"<html>hello</html>"), "broke off its answer"),
        (stream(b"data: {not json}\n\n"), "not a chat completion"),
        (stream(b'data: {"choices": "none"}\n\n'), "not a chat completion"),
        (stream(b"data: \xff\xfe\n\n"), "not a chat completion"),
        (stream(b"x" * (LONGEST_LINE + 70_000)), "not a chat completion"),
        (stream(b'data: {"error": {"message": "out of memory"}}\n\n'), "reported an error"),
        (stream(event("It ")), "broke off its answer"),
        (stream(), "broke off its answer"),
    ],
)
def test_failures_are_said_plainly_and_without_the_key(
    server: Server,
    start_remote: StartRemote,
    caplog: pytest.LogCaptureFixture,
    reply: Callable[[BaseHTTPRequestHandler], None],
    said: str,
) -> None:
    server.reply = reply
    engine = start_remote()
    with pytest.raises(EngineUnavailable, match=said) as failure:
        ask(engine)
    assert engine.status() == str(failure.value)
    assert server.url not in engine.status()
    assert KEY not in engine.status() + caplog.text + repr(engine)
    server.reply = stream(*GOOD)
    assert ask(engine) == "It does not fit."
    assert engine.status() == "ready"


def test_text_before_a_failure_stands(server: Server, start_remote: StartRemote) -> None:
    server.reply = stream(event("It "))
    pieces = start_remote().write(PROMPT, Run(60))
    assert next(pieces) == "It "
    with pytest.raises(EngineUnavailable, match="broke off"):
        next(pieces)


def test_a_server_that_is_not_there(start_remote: StartRemote, caplog: pytest.LogCaptureFixture) -> None:
    """Where it should be is for the log: what is raised, and the status, may be told to anybody."""
    engine = start_remote("http://user:password@127.0.0.1:9/v1")
    for _ in range(2):
        with pytest.raises(EngineUnavailable, match=r"^The language model's server cannot be reached\.$"):
            ask(engine)
    assert "127.0.0.1" not in engine.status()
    assert caplog.messages == ["http://127.0.0.1:9/v1: The language model's server cannot be reached."]


@pytest.mark.parametrize("parts", [(), (event("It "),)], ids=["at once", "in the middle"])
def test_a_server_that_stalls_is_left_at_the_deadline(
    server: Server, start_remote: StartRemote, parts: tuple[bytes, ...]
) -> None:
    server.reply = stall(*parts)
    with pytest.raises(EngineUnavailable, match=r"did not finish within 0\.3 s"):
        ask(start_remote(), deadline_s=0.3)
    assert server.left.wait(10)


def test_cancelling_closes_the_connection(server: Server, start_remote: StartRemote) -> None:
    server.reply = stall(event("It "))
    engine = start_remote()
    run = Run(60)
    pieces = engine.write(PROMPT, run)
    assert next(pieces) == "It "
    run.cancelled.set()
    assert list(pieces) == []
    assert server.left.wait(10)
    assert engine.status() == "ready"


def test_closing_the_generator_closes_the_connection(server: Server, start_remote: StartRemote) -> None:
    server.reply = stall(event("It "))
    engine = start_remote()
    with closing(engine.write(PROMPT, Run(60))) as pieces:
        next(pieces)
    assert server.left.wait(10)
    assert engine.status() == "ready"


def test_requests_run_side_by_side_up_to_the_limit(server: Server, start_remote: StartRemote) -> None:
    server.reply = stall(event("It "))
    engine = start_remote(waiting=1)
    with closing(engine.write(PROMPT, Run(60))) as first, closing(engine.write(PROMPT, Run(60))) as second:
        assert next(first) == next(second) == "It "
        with pytest.raises(EngineBusy, match="2 requests"):
            ask(engine)
    server.reply = stream(*GOOD)
    assert ask(engine) == "It does not fit."


def test_several_threads(start_remote: StartRemote) -> None:
    engine = start_remote(waiting=7)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: ask(engine), range(24))) == {"It does not fit."}


def test_a_proxy_is_not_asked_for_this_machine(start_remote: StartRemote, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert ask(start_remote()) == "It does not fit."


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:8080", True),
        ("http://127.0.0.1:8080/v1", True),
        ("http://[::1]:8080", True),
        ("https://api.example.com/v1", False),
        ("http://192.168.1.5:8080", False),
    ],
)
def test_which_addresses_are_this_machine(url: str, local: bool) -> None:
    assert Endpoint(url, "m").is_local is local


def test_closing_ends_what_runs(server: Server, start_remote: StartRemote) -> None:
    server.reply = stall(event("It "))
    engine = start_remote()
    pieces = engine.write(PROMPT, Run(60))
    next(pieces)
    engine.close()
    engine.close()
    with pytest.raises(EngineUnavailable, match="shut down"):
        list(pieces)
    with pytest.raises(EngineUnavailable, match="shut down"):
        ask(engine)
    assert server.left.wait(10)
