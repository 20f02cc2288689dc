"""A server that people run, over HTTP, with an instruct model that people use: llama-cpp-python's own."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Timer
from time import monotonic, sleep

import httpx2
import pytest

from kb.chat.assistant import Assistant
from kb.chat.earned import Earned
from kb.chat.explaining.ground import Evidence
from kb.chat.reading.choosing import chosen
from kb.chat.reading.situation import Situation
from kb.chat.reply import Message
from kb.errors import EngineUnavailable
from kb.llm.base import Prompt, Run
from kb.llm.lock import lock, locked
from kb.llm.remote import Endpoint, RemoteEngine
from kb.search.live import LiveIndex
from kb.settings import Settings
from kb.text.name_finder import NameFinder

NAMES = NameFinder(["RTX 4090", "Q4_K_M"])
EVIDENCE = "The model needs 45.7 GB at Q4_K_M [1]; the RTX 4090 has 24 GB and reads 1,008 GB/s [2]."
LONGEST_START_S = 120.0


@pytest.fixture(scope="module")
def url(instruct_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log"
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(instruct_model), "--port", str(port)]
    settings = ["--n_ctx", "4096", "--n_threads", "1", "--n_threads_batch", "1"]
    with log.open("wb") as out, subprocess.Popen([*command, *settings], stdout=out, stderr=out) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            limit = monotonic() + LONGEST_START_S
            while not _answers(f"{address}/v1/models"):
                assert process.poll() is None, log.read_text()[-2000:]
                assert monotonic() < limit
                sleep(0.2)
            yield address
        finally:
            process.kill()


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url).status_code == 200
    except httpx2.TransportError:
        return False


@pytest.fixture(scope="module")
def engine(url: str) -> Iterator[RemoteEngine]:
    with closing(RemoteEngine(Endpoint(url, "any"), 4)) as started:
        yield started


def test_it_writes_words_through_its_template(engine: RemoteEngine) -> None:
    run = Run(120)
    asked = Prompt("You are a helpful assistant.", "What is the capital of France?", (), 24)
    assert "Paris" in "".join(engine.write(asked, run))
    assert 0 < run.completion_tokens <= 24
    assert engine.status() == "ready"


def test_where_it_takes_no_schema_nothing_else_is_chosen(engine: RemoteEngine) -> None:
    """Llama-cpp-python's knows no JSON Schema by OpenAI's name, and says so with a 500."""
    asks = {"size_power_supply": 0.3, "estimate_power_cost": 0.28, "check_fit": 0.2}
    situation = Situation(text="two cards in my cellar, tell me whether the old house copes", asks=asks)
    assert set(chosen(engine, situation, Run(120)).asks) <= set(asks)
    assert engine.status() == "ready"


def test_it_keeps_the_lock_all_the_same(engine: RemoteEngine) -> None:
    asked = Prompt("You are a helpful assistant.", "List the sizes of ten graphics cards in GB.", (EVIDENCE,), 40)
    grammar = lock(locked((EVIDENCE,), NAMES), (1, 2))
    text = "".join(engine.write(Prompt(asked.system, asked.question, asked.evidence, 40, grammar), Run(240)))
    assert Evidence((EVIDENCE,), NAMES, strict=True).unsupported(text) == []
    assert text.strip()


def test_it_stops_when_told_and_at_the_deadline(engine: RemoteEngine) -> None:
    """And answers the next one."""
    endless = Prompt("You tell long stories.", "Tell me everything about memory.", (), 1500)
    run = Run(120)
    timer = Timer(0.5, run.cancelled.set)
    timer.start()
    "".join(engine.write(endless, run))
    timer.join()
    with pytest.raises(EngineUnavailable, match=r"did not finish within 0\.5 s"):
        "".join(engine.write(endless, Run(0.5)))
    assert "".join(engine.write(Prompt("s", "Say yes.", (), 4), Run(120)))


@pytest.mark.parametrize("text", ["will a 70B fit on my 4090?", "what is the difference between VRAM and RAM?"])
def test_the_chat_is_whole_with_it(live: LiveIndex, engine: RemoteEngine, settings: Settings, text: str) -> None:
    """Over what was calculated, and over passages; it checks what it writes, and all of that passes here."""
    wanted = settings.model_copy(update={"llm_max_tokens": 60})
    asked = [Message(role="user", content=text)]
    may = Earned(chooses=False, explains=True, least=0.0)
    reply = Assistant(live, engine, wanted, may).answer(asked, Run(240))
    assert reply.answer.startswith(Assistant(live, None, settings).answer(asked).answer)
    assert reply.grounding.unsupported_figures == ()
    assert reply.reason is None
    assert reply.usage.completion_tokens > 0
