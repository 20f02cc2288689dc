"""The grammar of the figure lock, by feeding it strings through llguidance."""

import string
from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from llguidance import LLMatcher, LLTokenizer

from kb.chat.explaining.explanation import Explanation
from kb.llm.lock import UNITS, lock, locked
from kb.search.live import Index
from kb.text.name_finder import NameFinder
from tests.kb.chat.asking import answered

NAMES = NameFinder(["RTX 4090", "RTX 4070", "Q4_K_M", "Llama 3.1 70B", "M4 Pro", "4090"])
EVIDENCE = (
    "**Llama 3.1 70B** at Q4_K_M needs 45.7 GB, and the RTX 4090 (24GB) reads 1,008 GB/s: about 2.13 tokens/s [1]",
    "It has 80 layers and a context of 8192; 7 % more for $1,999, on 16-pin plugs; the RTX 4070 and the M4 Pro mini",
    "Of 2× cards each draws 450 W per card, from 12 to 15 hours. FP8 takes 8 bits per weight, and 32 GB/s.",
)
BYTES = LLTokenizer("byte")


def accepted_by(evidence: tuple[str, ...], marks: tuple[int, ...] = (1, 2)) -> Callable[[str], bool]:
    grammar = lock(locked(evidence, NAMES), marks)
    assert not LLMatcher.validate_grammar(grammar.lark, BYTES)

    def accepts(text: str) -> bool:
        matcher = LLMatcher(BYTES, grammar.lark, log_level=0)
        tokens = list(text.encode())
        return matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting()

    return accepts


ACCEPTS = accepted_by(EVIDENCE)


@pytest.mark.parametrize(
    "text",
    [
        *EVIDENCE,
        "",
        "It does not fit.",
        "**45.7 GB** are needed [1][2], and the card (RTX 4090) has 24GB.",
        "# Why\n\n- *45.7 GB* of weights\n- `Q4_K_M` | 24GB | x\n\n> 1,008 GB/s, said “2.13 tokens/s”",
        "RTX 4090s cost $1,999; a 4090 reads 1,008 GB/s.",
        "The 4090's memory, RTX 4090-based, at 45.7 GB-class.",
        "See [the docs](/terms/vram), it's < 45.7 GB and <= 24GB.",
        "8192 wide; of 8192. Of 8192, and (8192)",
        "12 to 15 hours",
        "8 bits per weight in FP8",
        "Ångström, naïve, 24GB – “so”… → x ≈ 24GB",
    ],
)
def test_accepted(text: str) -> None:
    assert ACCEPTS(text)


@pytest.mark.parametrize(
    "text",
    [
        "45.8 GB", "145.7 GB", "45.7", "5.7 GB", "45.70 GB", "45.7 TB", "45.7 GiB", "45.7GB", "45,7 GB",
        "1,008 GB", "1,008 GB/sec", "1008 GB/s", "008 GB/s", "24 GB", "24GBx", "x24GB", "_24GB",
        "32 GB", "450 W", "450 W per hour", "8 bits", "80 heads", "2.13 tokens",
        "8192 GB", "8192GB", "8192-GB", "8192 gb", "**8192** GB", "8192 [1] GB", "8192 (GB)", "8192 - GB",
        "8192 tokens", "8192 %", "8192 k", "8192 million", "8192 times", "8192 per", "8192 80 layers",
        "8192/8192", "8192–8192", "8192.5", "8192,000", "8192e5", "8192^2", "8192:8192", "8192'8192", "8192·2",
        ".24GB", ",24GB", "-24GB", "−24GB", "+24GB", "/24GB", "$24GB", "€1,999", "1,999", "0.8192", "1.8192",
        "RTX 4080", "RTX 4090 Ti", "RTX 4070 SUPER", "RTX 4070-Ti", "M4 Pro max", "Q4_K_S", "Q4_0", "Llama 3.1 8B",
        "Llama 3", "3.1", "70B", "RTX 40",
        "[3]", "[0]", "[24GB]", "[8192]", "[1](http://x)", "[1", "[1,2]", "[^1]",
        "1. First", "²", "½", "٣", "３２", "Ⅷ", "①", "二十四", "24\u200bGB", "8192\u20e3",
        "<think>", "<|im_end|>", "</s>", "<b>", "100%", "$5",
    ],
)  # fmt: skip
def test_rejected(text: str) -> None:
    assert not ACCEPTS(text)
    assert not ACCEPTS(f"It needs {text} and so on.")


_PROSE = st.text(string.ascii_letters + " \n.,;:!?()*_-'\"“”–é", max_size=12).map(lambda text: f"x {text} x")
_NUMBER = st.from_regex(r"\A[1-9][0-9]{0,4}([.][0-9]{1,2})?\Z").filter(lambda text: float(text) > 3)
_UNIT = st.sampled_from(["GB", "GiB", "tokens/s", "W", "GB/s", "TFLOPS", "%", "layers"])


@given(_PROSE, _NUMBER, _UNIT, _PROSE)
@settings(max_examples=30, deadline=None)
def test_what_the_evidence_says_can_be_said(before: str, number: str, unit: str, after: str) -> None:
    accepts = accepted_by((f"It is {number} {unit}.",))
    assert accepts(f"{before} {number} {unit}, {after}")
    assert accepts(f"{before} (**{number} {unit}**) {after}")


@given(_NUMBER, _UNIT, _NUMBER, _UNIT, st.sampled_from(["", " ", "**", ".", ",", "-", "x", " x "]))
@settings(max_examples=40, deadline=None)
def test_nothing_else_can_be_said(number: str, unit: str, other: str, other_unit: str, between: str) -> None:
    assume(number != other)
    accepts = accepted_by((f"It is {number} {unit}, of {other}.",))
    if other_unit != unit:
        assert not accepts(f"It is {number} {other_unit}.")
    assert not accepts(f"It is {other} {other_unit}.")
    assert not accepts(f"It is {number}{between}{other}.")
    assert not accepts(f"It is {other}{number} {unit}.")
    if f"{other}0" != number:
        assert not accepts(f"It is {other}0.")


@given(st.text(max_size=40))
@settings(max_examples=300, deadline=None)
def test_no_other_digit_of_any_script_passes(text: str) -> None:
    if any(character.isnumeric() for character in text):
        assert not accepted_by(())(text)


@pytest.mark.parametrize("unit", UNITS)
def test_no_unit_comes_to_a_figure_without_one(unit: str) -> None:
    assert not ACCEPTS(f"8192 {unit}")
    assert not ACCEPTS(f"8192 {unit.upper()} x")
    assert ACCEPTS(f"8192 {unit}qq")


@pytest.mark.parametrize(
    "question",
    ["can I run a 70B on my 4090, and how fast?", "what is a KV cache?", "power supply for two 3090s?"],
)
def test_the_answers_own_sentences_pass(index: Index, question: str) -> None:
    """All evidence, and what of the composed answer a language model may build on."""
    answer = answered(index, question)
    grammar = Explanation(index, answer).prompt(100).grammar
    assert grammar
    for text in (*answer.evidence, *answer.worded):
        for line in text.replace("`", "").splitlines():
            if "llama-server" in line:
                continue
            matcher = LLMatcher(BYTES, grammar.lark, log_level=0)
            read = matcher.try_consume_tokens(list(line.encode()))
            assert read == len(line.encode()), f"stops before {line.encode()[read:]!r} in {line!r}"
