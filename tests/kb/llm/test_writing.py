"""Random weights at temperature 2, in real llama.cpp, under the figure lock: no figure that the evidence lacks."""

import ctypes
import re
import unicodedata
from collections.abc import Iterator

import llama_cpp
import pytest
from llguidance import LLMatcher, LLTokenizer

from kb.chat.explaining.ground import Evidence
from kb.llm.base import Grammar, Prompt
from kb.llm.llama import LlamaLog, Model
from kb.llm.lock import lock, locked
from kb.llm.wire import LoadModel
from kb.llm.writing import Draft, UnusableGrammar
from kb.text.name_finder import NameFinder
from tests.make_gguf import make_gguf

NAMES = NameFinder(["RTX 4090", "Q4_K_M", "Llama 3.1 70B", "H100", "4090"])
TOKENS = 3000
EVIDENCE = (
    ("Llama 3.1 70B at Q4_K_M needs 45.7 GB; the RTX 4090 has 24 GB and reads 1,008 GB/s: 2.13 tokens/s.", (1, 2, 3)),
    ("1, 2, 3, 4, 5, 6, 7, 8, 9, 0 and 10: digits as figures of their own.", ()),
    ("0.5 W, 5 W, 50 W, 500 W, 5,000 W, 5.0 W; 5 hours of 24; 7 %; $1,999; 4-bit, 16-pin, 12V-2x6", (7, 12)),
    ("", ()),
)
PROMPT = Prompt("Write.", "What?", (), 1)


@pytest.fixture(scope="module", params=[False, True], ids=["ascii", "any token"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = make_gguf(tmp_path_factory.mktemp("model") / "tiny.gguf", any_token=request.param)
    return Model(LoadModel(str(path), 1 << 13, 1, 0), LlamaLog(lambda _: None))


def written(model: Model, grammar: Grammar | None, tokens: int) -> Iterator[str]:
    """Texts of ``tokens`` tokens in all; where one ends, another begins."""
    while tokens > 0:
        draft = Draft(model, grammar, temperature=2.0)
        model.read([*model.chat.tokens(PROMPT), 3 + tokens % 256])
        text = ""
        while tokens > 0 and (piece := draft.next()) is not None:
            text += piece
            tokens -= 1
            draft.read_on()
        tokens -= 1
        yield text


def numbers(text: str) -> set[str]:
    """Runs of digits of any script, with the points and commas inside them."""
    shape = "".join("9" if unicodedata.category(c)[0] == "N" else c if c in ".," else " " for c in text)
    return {text[run.start() : run.end()].rstrip(".,") for run in re.finditer(r"[9.,]*9[9.,]*", shape)}


@pytest.mark.parametrize(("evidence", "marks"), EVIDENCE)
def test_no_figure_but_the_evidences(model: Model, evidence: str, marks: tuple[int, ...]) -> None:
    grammar = lock(locked((evidence,), NAMES), marks)
    texts = list(written(model, grammar, TOKENS))
    known = numbers(evidence)
    facts = Evidence((evidence,), NAMES, strict=True)
    seen: set[str] = set()
    for text in texts:
        cited = {int(mark) for mark in re.findall(r"\[(\d+)\]", text)}
        assert cited <= set(marks)
        assert not re.search(r"\[\d+\]\(", text)
        found = numbers(re.sub(r"\[\d+\]", " ", text))
        assert found <= known
        assert facts.unsupported(text) == []
        assert "<think" not in text
        seen |= found
    if known:
        assert seen, "the lock leaves figures to write"


def test_without_the_lock_it_writes_others(model: Model) -> None:
    assert numbers(" ".join(written(model, None, 500))) - numbers(EVIDENCE[0][0])


def test_a_figure_is_never_cut_short(model: Model) -> None:
    """Whatever the number of tokens, the text so far is one that might end there."""
    grammar = lock(locked(("12345.678 tokens/s",), NAMES), ())
    draft = Draft(model, grammar, temperature=2.0)
    model.read(model.chat.tokens(PROMPT))
    text = ""
    for _ in range(400):
        piece = draft.next()
        if piece is None:
            break
        text += piece
        assert all(number == "12345.678" for number in numbers(text))
        draft.read_on()


def test_the_probability_is_that_of_the_tokens(model: Model) -> None:
    draft = Draft(model, None)
    model.read(model.chat.tokens(PROMPT))
    before = 0.0
    for count in range(1, 20):
        if draft.next() is None:
            break
        assert draft.tokens == count
        assert draft.log_probability < before
        before = draft.log_probability
        draft.read_on()


def test_a_prompt_that_begins_as_the_last_one_is_read_from_there(model: Model) -> None:
    """And comes to the same logits as one that is read from its beginning."""
    model.read([5, 6, 7, 8, 9, 10])
    model.read([5, 6, 7, 20, 21])
    reused = model.logits().copy()
    model.forget()
    model.read([5, 6, 7, 20, 21])
    assert abs(reused - model.logits()).max() < 1e-3


def test_a_wrong_grammar_is_said(model: Model) -> None:
    with pytest.raises(UnusableGrammar, match="cannot be used"):
        Draft(model, Grammar("start: NOTHING", ""))


def gbnf_accepts(model: Model, grammar: Grammar, text: str) -> bool:
    """What llama-server's own grammar says, by way of the same llama.cpp."""
    vocab = llama_cpp.llama_model_get_vocab(model._llama.model)
    sampler = llama_cpp.llama_sampler_init_grammar(vocab, grammar.gbnf.encode(), b"root")
    assert sampler, grammar.gbnf

    def may_follow(token: int) -> bool:
        data = (llama_cpp.llama_token_data * 1)(llama_cpp.llama_token_data(token, 1.0, 0.0))
        candidates = llama_cpp.llama_token_data_array(data, 1, -1, False)
        llama_cpp.llama_sampler_apply(sampler, ctypes.byref(candidates))
        return bool(data[0].logit > float("-inf"))

    try:
        for byte in text.encode():
            if not may_follow(3 + byte):
                return False
            llama_cpp.llama_sampler_accept(sampler, 3 + byte)
        return may_follow(2)
    finally:
        llama_cpp.llama_sampler_free(sampler)


SAMPLES = (
    "It needs **45.7 GB** [1]; the RTX 4090 (24 GB) reads 1,008 GB/s.", "- 2.13 tokens/s, “so”… [2][3]", "", "x < y",
    "RTX 4090s", "Q4_K_M\n\n| 24 GB |", "45.7 TB", "45.7", "RTX 4090 Ti", "[4]", "[1](x)", "<think>", "1,008 GB x",
    "1008 GB/s", "24 GBx", "24 GB per card", "²", "4080", "24 GB/s", "4090 GB", "4090 wide", "4090 [1] W",
)  # fmt: skip


@pytest.mark.parametrize("text", SAMPLES)
def test_both_notations_say_the_same(model: Model, text: str) -> None:
    grammar = lock(locked((EVIDENCE[0][0],), NAMES), (1, 2, 3))
    matcher = LLMatcher(LLTokenizer("byte"), grammar.lark)
    tokens = list(text.encode())
    accepted = matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting()
    assert gbnf_accepts(model, grammar, text) == accepted
