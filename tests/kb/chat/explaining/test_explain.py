"""What of a language model's text may stand below an answer."""

import pytest

from kb.chat.explaining.explanation import Explanation
from kb.llm.base import Run
from kb.search.live import Index
from tests.kb.chat.asking import answered

PSU = "what power supply for two 3090s?"


def explanation(index: Index, text: str) -> Explanation:
    return Explanation(index, answered(index, text))


def kept(index: Index, *sentences: str) -> str:
    return "".join(explanation(index, PSU).take([" ".join(sentences)], Run(10))).strip()


def test_a_sum_that_the_evidence_has_is_kept(index: Index) -> None:
    sentence = "The sum: 2 × 350 W (GeForce RTX 3090) + 125 W (CPU (assumed)) + 100 W (rest) [1]."
    assert kept(index, sentence) == sentence


@pytest.mark.parametrize(
    "sentence",
    [
        "The sum: 2 × 350 W (GeForce RTX 3090) + 125 W (CPU (assumed)) + 250 W (rest) [1].",
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
