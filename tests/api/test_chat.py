"""``/chat``, whole and streamed, without a language model and with one that the test holds in its hand."""

import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

import api.chat
from kb.chat.reply import Reply
from kb.llm import make_engine
from kb.llm.base import Prompt, Run
from kb.llm.local import LocalEngine
from kb.settings import Settings
from tests.make_gguf import make_gguf
from tests.tried import tried

QUESTION = {"messages": [{"role": "user", "content": "Can I run a 70B model on my RTX 4090, and how fast?"}]}


class HeldEngine:
    """Writes a word and then waits until it is let go or its run is cancelled."""

    name = "held"

    def __init__(self) -> None:
        self.writing, self.let_go, self.saw_cancel = threading.Event(), threading.Event(), threading.Event()

    def write(self, prompt: Prompt, run: Run) -> Iterator[str]:
        self.writing.set()
        while not self.let_go.wait(0.01):
            if run.cancelled.is_set():
                self.saw_cancel.set()
                return
        yield "That is all. "

    def status(self) -> str:
        return "ready"

    def close(self) -> None:
        self.let_go.set()


def events_of(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """Server-sent events as ``(event, data)``; a comment as ``("comment", text)``."""
    event = ""
    for line in lines:
        if line.startswith(":"):
            yield "comment", line[1:].strip()
        elif line.startswith("event: "):
            event = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield event, json.loads(line.removeprefix("data: "))


def test_answer_has_verdict_tools_and_citations(http: httpx2.Client) -> None:
    answer = http.post("/chat", json=QUESTION)
    assert answer.status_code == 200
    reply = answer.json()
    assert set(reply) == set(Reply.model_fields)
    assert reply["engine"] == "composed"
    assert not reply["abstained"]
    assert {call["name"] for call in reply["tool_calls"]} >= {"check_fit", "estimate_speed"}
    assert reply["grounding"]["unsupported_figures"] == []
    assert reply["citations"]
    assert f"[{reply['citations'][0]['id']}]" in reply["answer"]


def test_details_stand_in_the_answer_where_they_are_asked_for(http: httpx2.Client) -> None:
    brief = http.post("/chat", json=QUESTION).json()
    full = http.post("/chat", json=QUESTION | {"detail": "full"}).json()
    assert brief["details"]
    assert brief["details"] not in brief["answer"]
    assert full["answer"] == f"{brief['answer']}\n\n{brief['details']}"


def test_what_was_read_is_shown_and_what_is_missing_asked_for(http: httpx2.Client) -> None:
    def reply(*turns: str) -> dict[str, Any]:
        messages = [{"role": "user", "content": turn} for turn in turns]
        found: dict[str, Any] = http.post("/chat", json={"messages": messages}).json()
        return found

    read = reply("I have an RTX 3090.", "does qwen3 32b fit with 16k context?")
    assert {(name["kind"], name["name"]) for name in read["understood"]["names"]} == {
        ("accelerators", "GeForce RTX 3090"), ("models", "Qwen3 32B"),
    }  # fmt: skip
    assert read["understood"]["quantities"] == {"context": 16384}
    assert read["understood"]["from_earlier"]
    assert read["question"] is None
    assert read["follow_ups"]
    asked = reply("which models can I run?")
    assert asked["question"]["slot"] == "device"
    assert asked["question"]["text"] in asked["answer"]


def test_stream_says_the_same_evidence_first(http: httpx2.Client) -> None:
    with http.stream("POST", "/chat", json=QUESTION | {"stream": True}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = list(events_of(answer.iter_lines()))
    assert events[0][0] == "evidence"
    assert events[-1] == ("done", http.post("/chat", json=QUESTION).json())
    assert "".join(data["text"] for event, data in events if event == "token") == events[-1][1]["answer"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": "   "}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": "x" * 8001}]}, "messages.0.content"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": "x"}] * 51}, "messages"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "messages"),
        (QUESTION | {"stream": "perhaps"}, "stream"),
        (QUESTION | {"temperature": 2}, "temperature"),
        (QUESTION | {"detail": "more"}, "detail"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_bad_requests_are_422_naming_the_field(
    http: httpx2.Client, body: dict[str, Any], field: str, stream: bool
) -> None:
    answer = http.post("/chat", json={"stream": stream} | body)
    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_heartbeats_while_the_model_thinks(settings: Settings, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.chat, "HEARTBEAT_S", 0.05)
    engine = HeldEngine()
    events = []
    with (
        serve(tried(settings), lambda _: engine) as base,
        httpx2.stream("POST", f"{base}/chat", json=QUESTION | {"stream": True}, timeout=60) as answer,
    ):
        for event, data in events_of(answer.iter_lines()):
            events.append(event)
            if event == "comment":
                assert data == "keep-alive"
                engine.let_go.set()
    assert events[0] == "evidence"
    assert "comment" in events
    assert events[-1] == "done"


@pytest.mark.parametrize("stream", [False, True])
def test_client_that_leaves_stops_the_model(settings: Settings, serve: Any, stream: bool) -> None:
    engine = HeldEngine()
    with serve(tried(settings), lambda _: engine) as base:
        with httpx2.Client(base_url=base) as client:
            if stream:
                with client.stream("POST", "/chat", json=QUESTION | {"stream": True}, timeout=60):
                    assert engine.writing.wait(60)
            else:
                with pytest.raises(httpx2.ReadTimeout):
                    client.post("/chat", json=QUESTION, timeout=httpx2.Timeout(60, read=2))
                assert engine.writing.wait(60)
        assert engine.saw_cancel.wait(60)


def test_too_many_questions_at_once_are_told_to_wait(
    settings: Settings, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.deps.CHATS_WAITING", 0)
    monkeypatch.setattr("api.deps.TOOL_THREADS", 1)
    engine = HeldEngine()
    with (
        serve(tried(settings.model_copy(update={"llm_queue": 0})), lambda _: engine) as base,
        httpx2.stream("POST", f"{base}/chat", json=QUESTION | {"stream": True}, timeout=60),
    ):
        assert engine.writing.wait(60)
        for stream in (False, True):
            refused = httpx2.post(f"{base}/chat", json=QUESTION | {"stream": stream}, timeout=60)
            assert refused.status_code == 503
            assert refused.json()["type"] == "/problems/engine-busy"
            assert int(refused.headers["retry-after"]) > 0


def with_model(settings: Settings, path: Path, **more: int) -> Settings:
    return tried(settings.model_copy(update={"model": path, "llm_threads": 1, **more}))


def stand_in(monkeypatch: pytest.MonkeyPatch, does: str) -> None:
    """In the place of the model's process, one that goes wrong in that way."""
    monkeypatch.setattr("kb.llm.process.PROGRAM", "tests.kb.llm.stand_in")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    monkeypatch.setenv("STAND_IN", does)


class KilledOnce:
    """A local engine whose process is killed behind the first piece of text that it ever writes."""

    def __init__(self, engine: LocalEngine) -> None:
        self.engine, self.name, self.killed = engine, engine.name, 0

    def write(self, prompt: Prompt, run: Run) -> Iterator[str]:
        for piece in self.engine.write(prompt, run):
            if not self.killed and self.engine.pid:
                self.killed = self.engine.pid
                os.kill(self.killed, signal.SIGKILL)
            yield piece

    def status(self) -> str:
        return self.engine.status()

    def close(self) -> None:
        self.engine.close()


def test_a_model_killed_in_the_middle_costs_nobody_an_answer(settings: Settings, serve: Any, tmp_path: Path) -> None:
    """Its user gets the whole composed answer, the next one a model that works."""
    ours = with_model(settings, make_gguf(tmp_path / "tiny.gguf"), llm_context=8192, llm_max_tokens=512)
    local = make_engine(ours)
    assert isinstance(local, LocalEngine)
    engine = KilledOnce(local)
    with serve(ours, lambda _: engine) as base:
        with httpx2.stream("POST", f"{base}/chat", json=QUESTION | {"stream": True}, timeout=120) as answer:
            events = list(events_of(answer.iter_lines()))
        said = [event for event, _ in events if event in ("evidence", "error", "done")]
        assert said == ["evidence", "error", "done"]
        reply = events[-1][1]
        assert reply["answer"].startswith(events[0][1]["answer"])
        assert "signal 9" in reply["reason"]
        following = httpx2.post(f"{base}/chat", json=QUESTION, timeout=120).json()
        assert local.pid not in (None, engine.killed)
    assert following["reason"] is None
    assert following["usage"]["completion_tokens"] > 0
    assert following["answer"].startswith(events[0][1]["answer"])


def test_a_real_model_explains_below_the_evidence(settings: Settings, serve: Any, instruct_model: Path) -> None:
    """Whatever it makes of it: words of its own, no figure of its own."""
    ours = with_model(settings, instruct_model, llm_max_tokens=32, llm_deadline_s=300)
    asked = {"messages": [{"role": "user", "content": "what power supply for two 3090s?"}], "stream": True}
    with (
        serve(ours, make_engine) as base,
        httpx2.stream("POST", f"{base}/chat", json=asked, timeout=300) as answer,
    ):
        events = list(events_of(answer.iter_lines()))
    assert [event for event, _ in events if event not in ("token", "comment")] == ["evidence", "done"]
    reply = events[-1][1]
    assert reply["answer"].startswith(events[0][1]["answer"])
    assert "".join(data["text"] for event, data in events if event == "token").rstrip() == reply["answer"]
    assert reply["reason"] is None
    # What it wrote, and a word on each of its sentences.
    assert 0 < reply["usage"]["completion_tokens"] <= 32 + 8
    assert reply["grounding"]["unsupported_figures"] == []


def test_32_clients_at_once_are_all_answered_or_told_to_retry(settings: Settings, serve: Any, tmp_path: Path) -> None:
    ours = with_model(settings, make_gguf(tmp_path / "tiny.gguf"), llm_context=4096, llm_max_tokens=16, llm_queue=1)
    with serve(ours, make_engine) as base:

        def ask(number: int) -> httpx2.Response:
            return httpx2.post(f"{base}/chat", json=QUESTION | {"stream": bool(number % 2)}, timeout=120)

        with ThreadPoolExecutor(32) as clients:
            answers = list(clients.map(ask, range(32)))
    assert {answer.status_code for answer in answers} <= {200, 503}
    for number, answer in enumerate(answers):
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) > 0
        elif number % 2:
            assert list(events_of(iter(answer.text.splitlines())))[-1][0] == "done"
        else:
            assert {call["name"] for call in answer.json()["tool_calls"]} >= {"check_fit"}


def test_a_whole_reply_waits_for_no_slow_model(
    settings: Settings, serve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long a stream may take: the composed answer stands, and says why it stands alone."""
    stand_in(monkeypatch, "ask:hang")
    with serve(with_model(settings, make_gguf(tmp_path / "tiny.gguf")), make_engine) as base:
        reply = httpx2.post(f"{base}/chat", json=QUESTION, timeout=60).json()
    assert reply["tool_calls"][0]["result"]["verdict"] == "fits_with_offload"
    assert reply["explanation"] == ""
    assert re.fullmatch(r"The language model did not finish within \d(\.\d+)? s\.", reply["reason"])


def test_a_stream_tells_how_many_are_before_it_at_the_model(settings: Settings, serve: Any, tmp_path: Path) -> None:
    ours = with_model(settings, make_gguf(tmp_path / "tiny.gguf"), llm_context=1 << 17, llm_max_tokens=16)
    ours = ours.model_copy(update={"llm_deadline_s": 600.0})
    engine = make_engine(ours)
    assert engine
    with (
        serve(ours, lambda _: engine) as base,
        closing(engine.write(Prompt("s", "q", (), 100_000), Run(300))) as before,
    ):
        next(before)
        heard = []
        with httpx2.stream("POST", f"{base}/chat", json=QUESTION | {"stream": True}, timeout=300) as answer:
            for event, data in events_of(answer.iter_lines()):
                heard.append(event if event != "waiting" else data)
                if data == {"ahead": 1}:
                    before.close()
    told = [each for each in heard if each not in ("token", "comment")]
    assert told == ["evidence", {"ahead": 1}, {"ahead": 0}, "done"]


def test_an_engine_that_cannot_run_here_is_told_and_asked_no_more(
    settings: Settings, serve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, "test:SIGILL")
    said = "unusable: This build of llama.cpp crashes on this processor (SIGILL): `make llama`"
    with serve(with_model(settings, make_gguf(tmp_path / "tiny.gguf")), make_engine) as base:
        for _ in range(2):
            reply = httpx2.post(f"{base}/chat", json=QUESTION, timeout=60).json()
            assert reply["reason"].startswith(said)
            assert reply["tool_calls"][0]["result"]["verdict"] == "fits_with_offload"
            assert reply["explanation"] == ""
        ready = httpx2.get(f"{base}/health/ready")
    assert ready.status_code == 200
    assert said in ready.json()["chat"]["engine"]
