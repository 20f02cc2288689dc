"""``make bench``: the latencies we hold ourselves to, measured on this machine.

Absolute times depend on the machine and on what else it does; where a machine-independent base exists (a search against
one bare embedding) the ratio is printed.
"""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path

import httpx2

from kb.catalogue.records import Accelerator, LanguageModel
from kb.chat.assistant import Assistant
from kb.chat.reading.asks import lessons
from kb.chat.reading.role_lessons import taught
from kb.chat.reply import Message
from kb.llm.bench import GENERATED_TOKENS, measure
from kb.llm.default_model import model_file
from kb.search.build import build
from kb.search.embed import Embedder
from kb.search.live import Index, LiveIndex
from kb.settings import Settings, settings
from kb.tools import TOOLS

QUERY = "why does memory bandwidth limit token generation?"
QUESTION = "can I run a 70B on my 4090, and how fast?"
QUESTIONS = 32
LONG = (
    "I have been running models on my desktop for a few months now, mostly for writing letters and for asking about "
    "recipes, and lately somebody at work said that I should try a larger one because the answers are so much better. "
    "My computer has a graphics card with 24 GB, a processor with eight cores and 64 GB of RAM, and I do not want to "
    "spend more than a few hundred dollars this year. It is quiet, and I would like to keep it so. "
)
"""Put before a question: about 85 words."""


def median_ms(action: Callable[[], object], runs: int = 30) -> float:
    """Median wall time after two warm-up runs, in milliseconds."""
    return statistics.median(times_ms(action, runs))


def times_ms(action: Callable[[], object], runs: int) -> list[float]:
    times = []
    for _ in range(runs + 2):
        start = time.perf_counter()
        action()
        times.append((time.perf_counter() - start) * 1000)
    return times[2:]


def conversations(index: Index) -> dict[str, list[list[Message]]]:
    """Questions that differ, for what is worked out for one is kept for the next: each of another model and card."""
    models = [record.name for record in index.known.of(LanguageModel).values()]
    cards = [record.name for record in index.known.of(Accelerator).values()]
    models, cards = (names[:: max(1, len(names) // (QUESTIONS + 2))] for names in (models, cards))
    asked = [f"can I run {model} on my {card}, and how fast?" for model, card in zip(models, cards, strict=False)]
    first = [f"which card should I buy for {300 + 50 * number} dollars?" for number in range(len(asked))]
    turns = {
        "one question": [[question] for question in asked],
        "one of 100 words": [[f"{LONG}So, {question}"] for question in asked],
        "a third turn": [
            [opening, "and what about power?", question] for opening, question in zip(first, asked, strict=True)
        ],
    }
    return {
        name: [[Message(role="user", content=text) for text in texts] for texts in found]
        for name, found in turns.items()
    }


def in_process(live: LiveIndex, index: Index, embedder: Embedder, s: Settings) -> Iterator[tuple[str, float, str]]:
    """What it measures, the median in ms, and what we hold ourselves to."""
    assistant = Assistant(live, None, s)
    for name in ("check_fit", "estimate_speed", "max_context", "kv_cache_size", "size_power_supply", "lookup_term"):
        tool = TOOLS[name]
        yield f"tool {name}", median_ms(partial(tool.call, index, tool.example)), "< 5 ms"
    for name in ("what_runs_on", "recommend_hardware"):
        tool = TOOLS[name]
        yield f"tool {name}", median_ms(partial(tool.call, index, tool.example), 10), "< 100 ms"
    # Each time another query: the vectors of the last ones are kept.
    queries = (f"{QUERY} {number}" for number in count())
    bare = median_ms(lambda: embedder.embed_query(next(queries)))
    search = median_ms(lambda: index.searcher.search(next(queries), 5))
    yield "one query embedding", bare, "the base"
    yield "search", search, f"{search / bare:.2f} × the embedding; at most 1.3 ×"
    for name, found in conversations(index).items():
        replies = map(assistant.answer, found)
        times = times_ms(replies.__next__, len(found) - 2)
        slow = sorted(times)[int(0.95 * len(times))]
        yield f"answer, {name}", statistics.median(times), f"< 100 ms; 95 % within {slow:.0f} ms"


def ask_ms(data_dir: Path, server_url: str) -> float:
    """``kb ask`` as it is typed, from nothing loaded to the last word."""
    environment = {**os.environ, "KB_DATA_DIR": str(data_dir), "KB_SERVER_URL": server_url}
    contexts = count(4)  # a server keeps what it worked out for a question

    def ask() -> None:
        command = [sys.executable, "-m", "kb.cli", "ask", f"{QUESTION} With a context of {next(contexts)}k."]
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)

    return median_ms(ask, 5)


@contextmanager
def server(data_dir: Path) -> Iterator[tuple[str, float]]:
    """A real server on a free port, and the seconds until it was ready."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "kb.cli", "serve", "--port", str(port)]
    environment = {**os.environ, "KB_DATA_DIR": str(data_dir), "KB_LOG_LEVEL": "ERROR"}
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        while not _ready(url):
            if time.perf_counter() - start > 120 or process.poll() is not None:
                raise SystemExit("the server did not become ready")
            time.sleep(0.05)
        yield url, time.perf_counter() - start
    finally:
        process.terminate()
        process.wait(timeout=30)


def _ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/health/ready", timeout=2).status_code == 200
    except httpx2.TransportError:
        return False


@contextmanager
def one_core_busy() -> Iterator[None]:
    """As a machine is that also does something else."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
        try:
            yield
        finally:
            other.kill()


def decoding(s: Settings) -> Iterator[tuple[str, float, str]]:
    """A written token of the model in force, if one is."""
    file = model_file(s.model, s.data_dir)
    if file is None:
        return

    def token_ms() -> float:
        return statistics.median(measure(file, s).generation_s for _ in range(3)) * 1000 / GENERATED_TOKENS

    quiet = token_ms()
    yield f"a token of {file.stem}", quiet, "the base"
    with one_core_busy():
        busy = token_ms()
    yield "the same with one core busy", busy, f"{busy / quiet:.2f} × quiet; at most 2.5 ×"


def main() -> None:
    s = settings()
    embedder = Embedder(s.embedding_model)
    embedder.embed(["warm"])
    rows: list[tuple[str, float, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        build(s.knowledge_dir, Path(folder), embedder, lessons=lessons(), roles=taught())
        rows.append(("build from nothing", (time.perf_counter() - start) * 1000, "< 60 s"))
        live = LiveIndex(Path(folder), embedder)
        rows += in_process(live, live.get(), embedder, s)
        rows += decoding(s)
        rows.append(("kb ask, without a server", ask_ms(Path(folder), "none"), "< 3 s"))
        with server(Path(folder)) as (url, ready), httpx2.Client(base_url=url) as client:
            rows.append(("server ready", ready * 1000, "< 5 s"))
            rows.append(("kb ask, by that server", ask_ms(Path(folder), url), "< 1 s"))
            rows.append(("GET /terms/vram", median_ms(lambda: client.get("/terms/vram")), "< 2 ms"))
            body = dict(TOOLS["check_fit"].example)
            rows.append(
                ("POST /tools/check_fit", median_ms(lambda: client.post("/tools/check_fit", json=body)), "< 5 ms")
            )
    for what, milliseconds, goal in rows:
        print(f"{what:<40}{milliseconds:>12,.2f} ms   {goal}")


if __name__ == "__main__":
    main()
