"""A figure of the composed answer that its own check does not find is a fault of one of the two."""

import re

import pytest

from kb.chat.assistant import Assistant
from kb.chat.reply import Message
from kb.search.live import Index, LiveIndex
from kb.settings import Settings
from tests.kb.chat.random_chats import chats

NUMBER = 250
SEED = 9


@pytest.fixture(scope="module")
def assistant(live: LiveIndex, settings: Settings) -> Assistant:
    return Assistant(live, None, settings)


def test_no_figure_of_random_chats_is_unsupported(assistant: Assistant, index: Index) -> None:
    read, without_support = 0, {}
    for chat in chats(index, SEED, NUMBER):
        reply = assistant.answer(chat)
        marks = {int(number) for number in re.findall(r"\[(\d{1,3})\]", reply.answer)}
        assert marks <= {citation.id for citation in reply.citations}
        read += reply.grounding.figures
        if reply.grounding.unsupported_figures:
            without_support[chat[-1].content] = reply.grounding.unsupported_figures
    assert without_support == {}
    assert read > 10 * NUMBER, "figures were there to be read"


@pytest.mark.parametrize(
    "text",
    [
        "how long to load",
        "transfer transfer gpt-oss-120b",
        "my 4090 has 48 GB, does llama 3.3 70b q4 fit?",
        "compare instinct mi50 and framework desktop",
        "what fits within 15,000 kr?",
        "qlora of llama 3.1 70b on two 3090s",
        "what is in the high-end tier 1 build and what does it cost?",
        "0 W for a year, what does it cost?",
        "dispute llama 3 70b q4 offloading",
        "is a 3090 enough for 6 users? 3060?",
    ],
)
def test_kinds_that_had_figures_without_support(assistant: Assistant, text: str) -> None:
    reply = assistant.answer([Message(role="user", content=text)])
    assert reply.grounding.unsupported_figures == ()


def test_a_follow_up_without_a_size_is_no_error(assistant: Assistant) -> None:
    texts = ("how soon does 141 gb arrive on the far side of thunderbolt 5?", "96 GeForce RTX 3090 MLX 8-bit")
    reply = assistant.answer([Message(role="user", content=text) for text in texts])
    assert reply.answer
