"""The model in the box: it loads, explains, and writes no figure of its own."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kb.chat.assistant import Assistant
from kb.chat.reply import Message, Reply
from kb.llm import make_engine
from kb.llm.default_model import BUILT_IN
from kb.search.live import LiveIndex
from kb.settings import Settings

MB = 10**6
ROOT = Path(__file__).resolve().parents[3]
QUESTIONS = (
    "can I run a 70B on my 4090, and how fast?",
    "how much memory does qwen3 32b need at q5_k_m?",
    "max context of llama 3.1 8b q4 on a 3060 12gb",
    "which quant of gemma 3 27b for a 4060 ti 16gb",
    "3090 or 4090?",
    "what power supply for two 3090s?",
    "my 4090 has 48 GB, does llama 3.3 70b q4 fit?",
    "what is NVFP4?",
    "kv cache of llama 3.1 70b at 128k",
    "is it cheaper to rent at $0.5 an hour than to buy for $1,600?",
)


@pytest.fixture(scope="module")
def assistant(live: LiveIndex, settings: Settings) -> Iterator[Assistant]:
    engine = make_engine(settings.model_copy(update={"model": BUILT_IN}))
    assert engine is not None
    yield Assistant(live, engine, settings)
    engine.close()


def ask(assistant: Assistant, text: str) -> Reply:
    return assistant.answer([Message(role="user", content=text)])


def test_it_explains_and_invents_nothing(assistant: Assistant, live: LiveIndex, settings: Settings) -> None:
    explained = 0
    for text in QUESTIONS:
        reply, alone = ask(assistant, text), ask(Assistant(live, None, settings), text)
        assert reply.answer.startswith(alone.answer)
        assert reply.grounding.unsupported_figures == ()
        said = reply.answer.removeprefix(alone.answer)
        known = {citation.id for citation in reply.citations}
        assert {int(mark) for mark in re.findall(r"\[(\d+)\]", said)} <= known
        explained += len(said.split()) >= 8
    assert explained >= len(QUESTIONS) // 2


def test_it_keeps_silent_where_the_answer_abstains(assistant: Assistant) -> None:
    reply = ask(assistant, "what is the capital of France?")
    assert reply.abstained
    assert reply.engine == "composed"


def test_the_box_stays_small() -> None:
    assert BUILT_IN.stat().st_size <= 25 * MB
    assert "MODEL_CARD.md" in {path.name for path in BUILT_IN.parent.iterdir()}
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a checkout: there is no list of files")
    names = listed.stdout.decode().split("\0")
    sizes = [(ROOT / name).stat().st_size for name in names if name and (ROOT / name).is_file()]
    assert sum(sizes) < 60 * MB
