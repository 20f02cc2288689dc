"""What is to choose from: sizes of memory of one machine, forms of what is bought, cards with one name; and what is not
asked about."""

import pytest

from tests.kb.chat.reading.conftest import Reading
from tests.kb.chat.reading.seen import devices, labels, models


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mac mini m4 pro, 48 or 64gb?", [48, 64]),
        ("m3 ultra with 96GB or better 256GB", [96, 256]),
        ("m4 max 64gb vs 128gb for coding", [64, 128]),
        ("my m4 max has 64gb", [64]),
    ],
)
def test_sizes_to_choose_are_machines(reading: Reading, text: str, expected: list[int]) -> None:
    situation = reading(text)
    assert [named.match.memory_gib for named in situation.devices] == expected
    assert situation.alternatives == (len(expected) > 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("which laptop should I get for 1,200 dollars?", "laptop"),
        ("best mini pc for llms", "computer"),
        ("my daughter wants a computer for AI", "computer"),
        ("what graphics card for 300 euros", "card"),
        ("what should I buy for a 70b?", ""),
    ],
)
def test_what_is_bought_has_a_form(reading: Reading, text: str, expected: str) -> None:
    assert reading(text).form == expected


def test_the_usual_card_of_a_name_is_meant(reading: Reading) -> None:
    assert devices(reading("is my 3080 enough?")) == ["GeForce RTX 3080 10GB"]
    assert devices(reading("is my 3080 12gb enough?")) == ["GeForce RTX 3080 12GB"]
    assert labels(reading("is an h100 enough?").devices) != ["NVIDIA H100 NVL 94GB"]


def test_a_draft_is_not_what_is_asked_about(reading: Reading) -> None:
    assert models(reading("llama 3.3 70b with llama 3.2 1b as draft, how fast?")) == ["Llama 3.3 70B"]
    assert models(reading("is llama 3.2 1b fast?")) == ["Llama 3.2 1B"]


def test_words_are_no_models(reading: Reading) -> None:
    situation = reading("everybody keeps mentioning 7b, is it llama 3 8b i think?")
    assert situation.unknown == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4x 3090 with tensor parallel", True),
        ("vllm -tp 2 on two 4090", True),
        ("qwen3 32b under vLLM on 2x 3090", True),
        ("2x 3090 in llama.cpp", False),
    ],
)
def test_tensor_parallel_is_said_or_follows_from_the_program(reading: Reading, text: str, expected: bool) -> None:
    assert reading(text).tensor_parallel is expected


def test_options_tell_the_program(reading: Reading) -> None:
    assert reading("-ngl 99 --n-cpu-moe 20 on a 3090").engine == reading("llama.cpp on a 3090").engine
    assert reading("num_ctx 8192 on a 3090").engine == reading("ollama on a 3090").engine


def test_a_cache_in_fp8_is_said_to_be_worked_out_otherwise(reading: Reading) -> None:
    for text in ("--kv-cache-dtype fp8_e4m3 on a 3090", "qwen3 8b with fp8 kv cache on a 3090"):
        situation = reading(text)
        assert situation.kv_cache_type == "q8_0"
        assert "fp8" in " ".join(situation.notes)
    assert reading("-ctk q8_0 -ctv q8_0 on a 3090").notes == ()
