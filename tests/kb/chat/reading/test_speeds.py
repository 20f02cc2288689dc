"""What is answered to those who tell a speed, or a wait."""

import pytest

from kb.chat.answering.answer import Answer, answer
from kb.chat.reading.message import read_message
from kb.chat.reading.reader import read
from kb.chat.reading.roles import RoleReader
from kb.search.live import Index
from tests.kb.chat.reading.conftest import Reading
from tests.kb.chat.reading.test_going_on import ByHeart

FIRST = {
    "two programs": (
        "rtx 4070 super, llama 3.1 8b q4_k_m: ollama 6 t/s, lm studio 80 t/s. whats wrong",
        "6 tokens/s in Ollama is far too slow, for the same machine reaches 80 tokens/s in LM Studio: most likely",
    ),
    "a number without a unit is the other speed": (
        "mistral 7b q4_k_m on my 6700 xt: lm studio does 48 t/s and ollama 4. same file",
        "4 tokens/s in Ollama is far too slow, for the same machine reaches 48 tokens/s in LM Studio",
    ),
    "before and after an update": (
        "since the last update my m4 max writes 41 tok/s instead of 66 with qwen3 30b a3b q8_0",
        "41 tokens/s is 38 % less than this machine can do, as the 66 tokens/s show: the update took it",
    ),
    "a second card that makes it slower": (
        "I added a 3060 12gb beside my 3090 and llama 3.1 8b q4_k_m went from 98 to 19 t/s. why",
        "19 tokens/s is far too slow, for the same machine reaches 98 tokens/s: most likely the cards exchange",
    ),
    "a longer context": (
        "rtx 4090, qwen3 14b q4_k_m: 74 t/s with an empty context, 43 t/s at 30k context. normal?",
        "43 tokens/s instead of 74 tokens/s is normal with 30,000 tokens in the context",
    ),
    "both are too slow": (
        "a6000 48gb, qwen2.5 32b q4_0: less than one token a minute on the card, on the cpu alone 2.1 tok/s",
        "0.017 tokens/s is far too slow, and so is 2.1 tokens/s",
    ),
    "a draft": (
        "gemma 3 27b q4_0 on a 3090 with a draft model: somebody shows 75 t/s, can that be?",
        "75 tokens/s is possible only with the draft",
    ),
    "a prompt and its time": (
        "mac studio m2 ultra, llama 3.3 70b q4_k_m: a 20000 token prompt needs 400 seconds until the first token. bug?",
        "20,000 tokens in 400 s are 50 tokens/s, and that is",
    ),
    "a coding agent": (
        "m2 max 64gb, qwen3 32b q4 behind the claude cli: every reply takes 150 seconds. is the machine too weak?",
        "Most of the 150 s goes into reading the prompt: at about",
    ),
    "the larger model is the faster one": (
        "on my strix halo gpt-oss 120b is bigger than gemma 3 27b but faster, how is that possible",
        "For each token gpt-oss 120B reads 5.1 billion of its 117 billion parameters (mixture of experts)",
    ),
    "machines in a row": (
        "two m3 ultra 512gb linked by thunderbolt with exo, deepseek r1 q4: 40 t/s realistic?",
        "Several machines in a row add memory and no speed for one user",
    ),
    "the weights that a server loads by itself": (
        "llama 3.1 8b in vllm on a 3090, one request: 46 tok/s. normal?",
        "46 tokens/s is what the memory allows: 936 GB/s ÷ 15.1 GB",
    ),
    "a speed at the start of a conversation": (
        "mistral 7b q4_0 on an m2 air: 20 t/s. normal?",
        "20 tokens/s is what the memory allows",
    ),
}


def told(index: Index, text: str) -> Answer:
    plain = read_message(text, index.names, RoleReader(index.roles)).plain
    return answer(index, read([text], index.names, ByHeart({plain: {"explain_speed": 0.9}}), RoleReader(index.roles)))


@pytest.mark.parametrize(("text", "first"), FIRST.values(), ids=FIRST.keys())
def test_the_first_sentence(index: Index, text: str, first: str) -> None:
    found = told(index, text).text.removeprefix("- ")
    assert first in found.partition("\n")[0], found


def test_the_share_in_ram_is_told_with_its_time(index: Index) -> None:
    found = told(index, "qwen3 32b q6_k on a 4060 ti 16gb with 64gb ddr5: 3.1 t/s. why so slow").text
    assert "44 % of the weights lie in RAM and take 74 % of the time" in found


def test_what_a_program_loads_is_said_beside_the_verdict(index: Index) -> None:
    found = told(index, "llama 3.1 8b in vllm on a 3090, one request: 46 tok/s. normal?").text
    assert "Assumed: BF16 weights, which vLLM loads where no other is asked for." in found


def test_two_runs_are_no_range(reading: Reading) -> None:
    assert [one.tokens_per_s for one in reading("llama 3 8b makes 6 to 7 tok/s on my 3060").speeds] == [6]
    found = reading("7800 xt: ollama 1.5 tok/s, lm studio: 65 tok/s").speeds
    assert [(one.tokens_per_s, one.engine) for one in found] == [(1.5, "ollama"), (65, "lm studio")]


def test_channels_that_are_all_filled_are_the_processors(reading: Reading) -> None:
    filled = reading("EPYC 9575F with 12 channels of ram and a 4090, deepseek r1 q4, what speed")
    assert (
        filled.system_bandwidth_gb_per_s == reading("EPYC 9575F and a 4090, deepseek r1 q4").system_bandwidth_gb_per_s
    )
    assert filled.system_bandwidth_gb_per_s
    assert reading("EPYC 9575F, 6 channels and a 4090, deepseek r1 q4").system_bandwidth_gb_per_s is None


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("a 24k token prompt waits 95 s for the first word, 3090", 95),
        ("every answer takes 3 minutes behind my agent, qwen3 32b", 180),
        ("loading takes 80 seconds from the sata ssd", None),
    ],
)
def test_waits(reading: Reading, text: str, wait_s: float | None) -> None:
    assert reading(text).wait_s == wait_s
