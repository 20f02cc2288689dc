"""What of a language model's text may stand below an answer."""

import pytest

from kb.chat.compose import compose
from kb.chat.explain import Explanation
from kb.chat.facts import EXPLAINED_FIGURES, facts
from kb.chat.understand import understand
from kb.llm.base import Run
from kb.search.live import Index
from train.explain import read_explanations

PSU = "what power supply for two 3090s?"


def explanation(index: Index, text: str) -> Explanation:
    question = understand([text], index.names, index.intents)
    return Explanation(index, question, compose(index, question))


def kept(index: Index, *sentences: str) -> str:
    return "".join(explanation(index, PSU).take([" ".join(sentences)], Run(10))).strip()


def test_a_sum_that_the_evidence_has_is_kept(index: Index) -> None:
    sentence = "The sum: 2 × 350 W (GeForce RTX 3090) + 250 W (CPU (assumed)) + 100 W (rest) [1]."
    assert kept(index, sentence) == sentence


@pytest.mark.parametrize(
    "sentence",
    [
        "The sum: 2 × 350 W (GeForce RTX 3090) + 250 W (CPU (assumed)) + 250 W (rest) [1].",
        "That makes 350 W + 350 W for the cards [1].",
        "It is more than what Draqual 350 holds [1].",
        "It is more than what Quadra B 350 holds [1].",
        "```",
    ],
)
def test_what_the_calculators_did_not_work_out_is_dropped(index: Index, sentence: str) -> None:
    assert kept(index, "Mind the peaks.", sentence) == "Mind the peaks."


def test_a_name_of_the_evidence_is_kept(index: Index) -> None:
    assert kept(index, "Two of the GeForce RTX 3090 draw 350 W each [1].").startswith("Two of the")


def test_facts_name_the_case_and_its_values(index: Index) -> None:
    question = understand(["does llama 3.1 70b q4_k_m fit on a 4090?"], index.names, index.intents)
    first = facts(index, question, compose(index, question))[0]
    assert first.case == "fit.offload"
    assert (first.values["device"], first.values["have"]) == ("GeForce RTX 4090", "25.8")
    assert first.text.startswith("fit.offload\n")


@pytest.mark.parametrize(
    "text",
    [
        "how fast is llama 3.1 8b q4 on a 3090",
        "max context of llama 3.3 70b on 2x3090",
        "what can I run on a 3060 12gb",
        "3090 or 4090?",
        "what is NVFP4?",
        "my 4090 has 48 GB, does llama 3.3 70b q4 fit?",
        "load time of a 40 GB model from a samsung 990 pro",
        "is it cheaper to rent at $0.5 an hour than to buy for $1,600?",
        "memory for qlora of llama 3.1 8b",
        "how much vram has a 4080?",
    ],
)
def test_every_case_has_something_that_can_be_said(index: Index, text: str) -> None:
    question = understand([text], index.names, index.intents)
    phrases = read_explanations()
    found = facts(index, question, compose(index, question))
    assert found
    assert all(name in phrases for one in found for name in (one.case, *one.traits))


def test_every_explained_figure_has_phrases() -> None:
    assert {f"spec.{key}" for key in EXPLAINED_FIGURES} <= set(read_explanations())


@pytest.mark.parametrize(
    ("sentence", "stays"),
    [
        ("The GeForce RTX 4090 reads 1,008 GB/s, the GeForce RTX 3090 936 GB/s [1].", True),
        ("The RTX 4090 reads 1,008 GB/s and the RTX 3090 936 GB/s [1].", True),
        ("The GeForce RTX 4090 reads 936 GB/s, the GeForce RTX 3090 1,008 GB/s [1].", False),
        ("The RTX 3090 reads 1,008 GB/s [1].", False),
        ("The RTX 3090 draws 450 W [1].", False),
        ("The RTX 3090 draws 350 W [1].", True),
    ],
)
def test_figures_of_two_devices_are_not_swapped(index: Index, sentence: str, stays: bool) -> None:
    of_two = explanation(index, "compare the 3090 with the 4090")
    assert ("".join(of_two.take([sentence], Run(10))).strip() == sentence) == stays
