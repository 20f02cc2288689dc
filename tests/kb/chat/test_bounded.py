"""What a text costs that someone pastes, pumps up or lets a model write: no more than its length is worth."""

import random
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.chat.assistant import Assistant
from kb.chat.explaining.explanation import Explanation
from kb.chat.explaining.ground import sentences
from kb.chat.explaining.pieces import LONGEST_SENTENCE, LONGEST_TEXT, Endless, Sentences
from kb.chat.reading.reader import read as read_messages
from kb.chat.reading.roles import RoleReader
from kb.chat.reply import MAX_MESSAGE, ChatRequest, Message
from kb.errors import EngineUnavailable
from kb.llm.base import Run
from kb.llm.messages import Thoughts
from kb.search.live import Index, LiveIndex
from kb.settings import Settings
from kb.text.figures import read as read_figures
from kb.tools.base import InvalidArguments, parse_arguments
from tests.kb.chat.asking import answered

WORST, PASTED_MOST = 700, 35
"""How many times as much as an ordinary question costs to read, on the same machine at the same time."""
ORDINARY = "can a 3090 run llama 3.1 8b at q4_k_m?"

NVIDIA_SMI = """
+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI 550.54.15              Driver Version: 550.54.15      CUDA Version: 12.4     |
|-----------------------------------------+------------------------+----------------------+
| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |
| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |
|=========================================+========================+======================|
|   0  NVIDIA GeForce RTX 3090        Off |   00000000:01:00.0 Off |                  N/A |
| 30%   45C    P8              25W / 350W |   18432MiB /  24576MiB |      0%      Default |
+-----------------------------------------+------------------------+----------------------+
|   1  NVIDIA GeForce RTX 3090        Off |   00000000:02:00.0 Off |                  N/A |
| 30%   45C    P8              25W / 350W |   18432MiB /  24576MiB |      0%      Default |
+-----------------------------------------+------------------------+----------------------+
| Processes:                                                                              |
|  GPU   GI   CI        PID   Type   Process name                              GPU Memory |
|    0   N/A  N/A      1234      C   python3                                    18424MiB |
+-----------------------------------------------------------------------------------------+
Why does llama 3.3 70b q4 not fit on these?"""


def padded(columns: int, rows: int) -> str:
    cells = [f"| RTX {3090 + 1000 * (row % 2)} | 24 GB | {936 + row} GB/s |".ljust(columns) for row in range(rows)]
    return "\n".join((*cells, "which is faster for a 70B?"))


def filled(pump: str, length: int = MAX_MESSAGE) -> str:
    return (pump * (length // len(pump) + 1))[:length]


PASTED = {
    "nvidia-smi": NVIDIA_SMI,
    "ten rows of 132": padded(132, 10),
    "forty rows of 132": padded(132, 40),
    "twelve rows of 600": padded(600, 12),
    "blanks before the unit": f"I have 24{' ' * 600}GB. Can I run a 70B?",
}
PUMPED = {
    "hourly cost": "hourly" + " cost" * 24,
    "one, blanks, x": "1" + " " * 800 + "x",
    "digits": "1" * 4_000,
    "groups": filled("1,111"),
    "one word": filled("x"),
    "names": filled("4090 "),
    "sizes": filled("70b "),
    "unknown names": "".join(f"RTX 9{number} " for number in range(890))[:MAX_MESSAGE],
    "strange words": filled("quantizaton "),
    "how many": filled("how many "),
    "what memory": filled("what vram need "),
    "number words": filled("hundred "),
    "ligatures": filled("ﷺ"),
}


def times(index: Index, work: Callable[[], object], trials: int = 3) -> float:
    """What it costs, against an ordinary question."""
    roles = RoleReader(index.roles)
    return cpu_s(work, trials) / cpu_s(lambda: read_messages([ORDINARY], index.names, roles=roles), 5)


def cpu_s(work: Callable[[], object], times: int = 3) -> float:
    taken = []
    for _ in range(times):
        start = time.thread_time()
        work()
        taken.append(time.thread_time() - start)
    return min(taken)


@pytest.mark.parametrize("text", PASTED.values(), ids=PASTED.keys())
def test_what_is_pasted_is_read_at_once(index: Index, text: str) -> None:
    roles = RoleReader(index.roles)
    assert times(index, lambda: read_messages([text], index.names, roles=roles)) < PASTED_MOST


def test_a_pasted_table_is_read_as_if_it_were_not_padded(index: Index) -> None:
    question = read_messages([PASTED["blanks before the unit"]], index.names, roles=RoleReader(index.roles))
    assert (question.vram_gib, [named.match.slug for named in question.models]) == (24, ["llama-3-1-70b"])
    devices = read_messages([NVIDIA_SMI], index.names, roles=RoleReader(index.roles)).devices
    assert {named.match.slug for named in devices} == {"rtx-3090"}


@pytest.mark.parametrize("text", PUMPED.values(), ids=PUMPED.keys())
def test_no_message_costs_too_much(index: Index, live: LiveIndex, settings: Settings, text: str) -> None:
    assistant = Assistant(live, None, settings)
    assert times(index, lambda: assistant.answer([Message(role="user", content=text)]), 2) < WORST


def test_no_conversation_costs_too_much(index: Index, live: LiveIndex, settings: Settings) -> None:
    assistant = Assistant(live, None, settings)
    said = [*(filled("and a 4090 on it? ", 500) for _ in range(15)), filled("and hourly cost of it "), "how fast?"]
    long = [Message(role="user", content=text) for text in said]
    assert ChatRequest(messages=tuple(long))
    assert times(index, lambda: assistant.answer(long), 2) < WORST


def test_random_texts_of_the_words_of_questions(index: Index) -> None:
    rng = random.Random(9)
    pieces = [
        " ",
        "\n",
        "1",
        ",",
        ".",
        "-",
        "$",
        "?",
        "4090 ",
        "70b ",
        "q4 ",
        "GB ",
        "cost ",
        "hour ",
        "per ",
        "k ",
        "(",
        "tokens ",
    ]
    roles = RoleReader(index.roles)
    for _ in range(20):
        text = filled("".join(rng.choices(pieces, k=rng.choice((1, 2, 3, 8)))), MAX_MESSAGE - 1) + rng.choice("x?1")
        assert times(index, partial(read_messages, [text], index.names, roles=roles), 2) < WORST, text[:80]


@pytest.mark.parametrize(
    "unit", [" tokens", "k", " users", " W", " GB of RAM", " $", " hours a day", " nvme", " GB/s", "b", ""]
)
def test_a_number_that_is_too_long_is_none(live: LiveIndex, settings: Settings, unit: str) -> None:
    """Neither infinity nor a figure of its first or last digits."""
    nines = "9" * 320
    for number in (nines, f"{nines}.5", f"0.{nines}", ",".join(["999"] * 100)):
        text = f"llama 3.1 8b q4 on a 4090 with {number}{unit}"
        question = read_messages([text], live.get().names, roles=RoleReader(live.get().roles))
        known = (question.context, question.users, question.watts, question.budget, question.system_memory_gb)
        assert known == (None,) * 5
        assert question.hours_per_day is None
        assert "a number of more than 20 digits was left unread" in question.notes
        assert "left unread" in Assistant(live, None, settings).answer([Message(role="user", content=text)]).answer


def test_a_conversation_has_a_limit() -> None:
    parts = [{"role": "user", "content": "x" * MAX_MESSAGE}] * 2
    assert parse_arguments("chat", ChatRequest, {"messages": parts})
    with pytest.raises(InvalidArguments, match="at most 16,000 are read") as refused:
        parse_arguments("chat", ChatRequest, {"messages": [*parts, {"role": "user", "content": "y"}]})
    assert refused.value.problems[0].field == "messages"
    answers = [{"role": "assistant", "content": "x" * MAX_MESSAGE}] * 5
    assert parse_arguments("chat", ChatRequest, {"messages": [*answers, *parts]})


@given(st.lists(st.text("a1 .!?\n”)", max_size=12), max_size=12))
def test_pieces_make_the_sentences_of_the_whole(pieces: list[str]) -> None:
    pending = Sentences()
    found = [sentence for piece in pieces for sentence in pending.of(piece)]
    assert [*found, *([pending.rest] if pending.rest else [])] == sentences("".join(pieces))


def test_a_text_without_an_end_is_not_waited_for(index: Index) -> None:
    explanation = Explanation(index, answered(index, "what power supply for two 3090s?"))
    met = 0

    def words() -> Iterator[str]:
        nonlocal met
        for met in range(1_000_000):
            yield "mind " if met else "Mind the peaks. "

    assert "".join(explanation.take(words(), Run(60))).strip() == "Mind the peaks."
    assert met < LONGEST_SENTENCE
    assert explanation.removed == 1


def test_the_deadline_is_kept_by_whoever_reads(index: Index) -> None:
    explanation = Explanation(index, answered(index, "what power supply for two 3090s?"))
    with pytest.raises(EngineUnavailable, match="did not finish"):
        list(explanation.take(iter(["Mind the peaks. ", "And ", "more. "]), Run(1e-9)))


def test_sentences_are_found_in_the_time_of_the_text() -> None:
    def read(letters: int) -> float:
        text = filled("One more sentence of the kind. ", letters)

        def take() -> None:
            pending = Sentences()
            for letter in text:
                list(pending.of(letter))

        return cpu_s(take)

    assert read(16_000) < 8 * read(4_000)
    with pytest.raises(Endless):
        list(Sentences().of(filled("So. ", LONGEST_TEXT + 1)))


def test_a_long_thought_is_left_out_in_the_time_of_its_length() -> None:
    def think(pieces: int) -> float:
        def read() -> None:
            thoughts = Thoughts()
            shown = [thoughts.without(piece) for piece in ("<think>", *["hm, "] * pieces, "</thi", "nk>\n", "\nYes")]
            assert "".join(shown) + thoughts.rest() == "Yes"

        return cpu_s(read)

    assert think(80_000) < 8 * think(20_000)


def test_figures_of_any_size_are_read() -> None:
    assert read_figures("hundred " * 200)
    assert read_figures("9" * 5_000)
