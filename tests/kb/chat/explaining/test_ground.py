"""A sentence leaves only when its figures are in the evidence."""

import pytest

from kb.chat.explaining.ground import Evidence, sentences
from kb.text.figures import read
from kb.text.name_finder import NameFinder

NAMES = NameFinder(["RTX 4090", "Llama 3.1 70B", "Q4_K_M"])
EVIDENCE = Evidence(
    ["Llama 3.1 70B at Q4_K_M needs 45.68 GB; the RTX 4090 has 25.77 GB (24 GiB) and reads 1,008 GB/s; 1.92 tokens/s"],
    NAMES,
)


@pytest.mark.parametrize(
    "sentence",
    [
        "It needs 45.7 GB, and the RTX 4090 has 24 GB.",
        "It needs about 46 GB [1].",
        "Two cards would hold it.",
        "The RTX 4090 reads 1,008 GB/s.",
        "Llama 3.1 70B at Q4_K_M is too large for it.",
        "It generates about 1.9 tokens per second.",
    ],
)
def test_supported(sentence: str) -> None:
    assert EVIDENCE.unsupported(sentence) == []


@pytest.mark.parametrize(
    ("sentence", "figure"),
    [
        ("It needs 40 GB.", "40"),
        ("It has forty-eight gigabytes.", "forty-eight"),
        ("You get 25 tokens per second.", "25"),
        ("The card draws 450W.", "450"),
        ("It is twice as fast.", "twice"),
        ("It runs at 24 tokens per second.", "24"),
        ("A 3-fold gain of 12.5% follows.", "12.5"),
    ],
)
def test_unsupported(sentence: str, figure: str) -> None:
    assert figure in EVIDENCE.unsupported(sentence)


def test_names_and_marks_hold_no_figures() -> None:
    assert read("Llama 3.1 70B at Q4_K_M on an RTX 4090 [12]", NAMES) == []


def test_sentences_are_the_text() -> None:
    text = "It has 4.5 bits. Good!\n\nA list:\n- one\n- two"
    assert "".join(sentences(text)) == text
    assert sentences(text)[0] == "It has 4.5 bits. "
