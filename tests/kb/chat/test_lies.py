"""A lie passes through every door, and two checks that know nothing of one another see it: the one that drops the
sentence, and the one that names the figure of what has left."""

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

import kb.chat.assistant
from kb.chat.assistant import Assistant
from kb.chat.explaining.explanation import Explanation
from kb.chat.reply import Message, Reply
from kb.llm.base import Engine, Prompt, Run
from kb.llm.remote import Endpoint, RemoteEngine
from kb.search.live import LiveIndex
from kb.settings import Settings
from tests.kb.chat.asking import answered

QUESTION = "can I run a 70B on my 4090, and how fast?"
"""Needs 45.68 GB of 25.77 (24 GiB), 45.4 % of the weights offloaded, 8,192 tokens, 2.13 tokens/s."""

LIES = (
    # The sentence, and what of it must be named.
    ("The sum is 46.7 GB.", "46.7"),
    ("The sum is fifty-seven gigabytes.", "fifty-seven"),
    ("The sum is Fifty Seven point two GB.", "Fifty Seven point two"),
    ("The sum is three dozen gigabytes.", "three dozen"),
    ("The sum is half a dozen gigabytes.", "half"),
    ("The sum is a couple of hundred gigabytes.", "couple of hundred"),
    ("The sum is hundreds of gigabytes.", "hundreds"),
    ("The sum is ٥٧ GB.", "57"),
    ("The sum is ५७ GB.", "57"),
    ("The sum is ５７ ＧＢ.", "57"),
    ("The sum is ⁵⁷ GB.", "57"),
    ("The sum is 𝟓𝟕 GB.", "57"),
    ("The sum is ㊾ GB.", "49"),
    ("The sum is 五十七 GB.", "57"),
    ("The sum is 57½ GB.", "57.5"),
    ("The sum is ⅬⅦ GB.", "LVII"),
    ("The sum is LVII GB.", "LVII"),
    ("The sum is 5\u200b7 GB.", "57"),
    ("The sum is 5 7.2 GB.", "57.2"),
    ("The sum is 57,2 GB.", "57,2"),
    ("The sum is 5.72e1 GB.", "5.72"),
    ("The sum is .57 GB.", ".57"),
    ("The sum is 57.2.1 GB.", "57.2.1"),
    ("The sum is 57GB.", "57"),
    ("The sum is 57G.", "57"),
    ("It reads 9 192 tokens.", "9192"),
    ("It reads 57k tokens.", "57"),
    ("It reads 8.192M tokens.", "8.192"),
    ("It reads 8,192 thousand tokens.", "8,192"),
    ("The sum is 37 to 53 GB.", "37"),
    ("The sum is 40–50 GB.", "50"),
    ("It is 57 % of the weights.", "57"),
    ("It is fifty-seven per cent of the weights.", "fifty-seven"),
    ("The fifty-seventh layer is the last.", "fifty-seventh"),
    ("It costs $57.", "57"),
    ("It costs 45.7 dollars.", "45.7"),
    ("It costs €45.7.", "45.7"),
    # Right figures with another's unit.
    ("It writes 45.7 tokens/s.", "45.7"),
    ("It writes 45.7 tokens per second.", "45.7"),
    ("It reads 45.7 GB/s.", "45.7"),
    ("It reads 2.13 GB.", "2.13"),
    ("The weights are 45.4 GB.", "45.4"),
    ("It draws 25.8 W.", "25.8"),
    ("It draws 24 watts.", "24"),
    ("It has 25.8 GiB.", "25.8"),
    ("It reads 8,192 GB.", "8,192"),
    ("It writes 8,192 tokens a second.", "8,192"),
    # What nobody worked out.
    ("Its memory is ten times as fast.", "ten"),
    ("Its memory is tenfold.", "tenfold"),
    ("Its memory is 57x faster.", "57"),
    ("A third of the weights waits.", "A third"),
    ("It takes twice the time.", "twice"),
)  # fmt: skip
TRUTHS = (
    "The sum is 45.7 GB [1].",
    "The sum is about 46 GB.",
    "The sum is 45,7 GB.",
    "The card has 24 GB, 24 GiB to be exact.",
    "It writes about 2.1 tokens per second.",
    "About 45.4 % of the weights wait.",
    "It reads 8 192 tokens.",
    "The model has 80 layers.",
)


@pytest.fixture(scope="module")
def composed_once(live: LiveIndex) -> Iterator[None]:
    """The question is read and answered once; all the rest is done for each lie."""
    answer = answered(live.get(), QUESTION)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kb.chat.assistant, "read", lambda *_: answer.situation)
        patch.setattr(kb.chat.assistant, "answered", lambda *_: answer)
        yield


class Standing:
    """An engine of our own process: what a GGUF file's sentences come through."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text

    def write(self, prompt: Prompt, run: Run) -> Generator[str, None, None]:
        for start in range(0, len(self.text), 7):
            yield self.text[start : start + 7]

    def status(self) -> str:
        return "ready"

    def close(self) -> None:
        pass


class _Speaks(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        assert isinstance(self.server, _Server)
        choice = {"index": 0, "delta": {"content": self.server.text}, "finish_reason": None}
        self.wfile.write(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\ndata: [DONE]\n\n")

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    text = ""


@pytest.fixture(scope="module")
def server() -> Iterator[_Server]:
    with _Server(("127.0.0.1", 0), _Speaks) as speaking:
        Thread(target=speaking.serve_forever, daemon=True).start()
        yield speaking
        speaking.shutdown()


Door = Callable[[str], Engine]


@pytest.fixture(params=["model.gguf", "remote"])
def door(request: pytest.FixtureRequest, server: _Server) -> Door:
    def opened(text: str) -> Engine:
        if request.param != "remote":
            return Standing(request.param, text)
        server.text = text
        return RemoteEngine(Endpoint(f"http://127.0.0.1:{server.server_port}/v1", "m"), 1)

    return opened


def told(live: LiveIndex, settings: Settings, engine: Engine) -> Reply:
    with closing(engine):
        return Assistant(live, engine, settings).answer([Message(role="user", content=QUESTION)])


@pytest.mark.usefixtures("composed_once")
@pytest.mark.parametrize("lie", [lie for lie, _ in LIES])
def test_the_sentence_is_dropped(live: LiveIndex, settings: Settings, door: Door, lie: str) -> None:
    reply = told(live, settings, door(f"{lie} Mind the memory."))
    assert lie not in reply.answer
    assert reply.answer.endswith("Mind the memory.")
    assert reply.grounding.removed_sentences == 1
    assert reply.grounding.unsupported_figures == ()


def _all_leave(explanation: Explanation, sentence: str, certainty: object) -> Iterator[str]:
    explanation.text += sentence
    yield sentence


@pytest.mark.usefixtures("composed_once")
@pytest.mark.parametrize(("lie", "figure"), LIES)
def test_the_last_check_names_it_where_it_was_not_dropped(
    live: LiveIndex, settings: Settings, door: Door, monkeypatch: pytest.MonkeyPatch, lie: str, figure: str
) -> None:
    monkeypatch.setattr(Explanation, "_judged", _all_leave)
    reply = told(live, settings, door(lie))
    assert lie in reply.answer
    assert figure in reply.grounding.unsupported_figures


@pytest.mark.usefixtures("composed_once")
@pytest.mark.parametrize("truth", TRUTHS)
def test_what_is_so_leaves(live: LiveIndex, settings: Settings, door: Door, truth: str) -> None:
    reply = told(live, settings, door(truth))
    assert reply.answer.endswith(truth)
    assert reply.grounding.removed_sentences == 0
    assert reply.grounding.unsupported_figures == ()


@pytest.mark.parametrize("lie", ["46.7 GB", "45.7 GB/s", "5 7.2 GB", "fifty-seven gigabytes", "twice as much"])
def test_the_composed_answer_does_not_vouch_for_itself(
    live: LiveIndex, settings: Settings, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    """A wrong figure in the composer's own words, where the model's evidence has them too, is named."""
    right = answered(live.get(), QUESTION)
    wrong = replace(right, text=f"{right.text} It needs {lie}.", evidence=(*right.evidence, f"[1] It needs {lie}."))
    monkeypatch.setattr(kb.chat.assistant, "answered", lambda *_: wrong)
    reply = Assistant(live, None, settings).answer([Message(role="user", content=QUESTION)])
    assert len(reply.grounding.unsupported_figures) == 1


def test_a_right_answer_names_none(live: LiveIndex, settings: Settings) -> None:
    reply = Assistant(live, None, settings).answer([Message(role="user", content=QUESTION)])
    assert reply.grounding.figures > 20
    assert reply.grounding.unsupported_figures == ()
