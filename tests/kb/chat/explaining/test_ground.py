"""A sentence leaves only when its figures are in the evidence."""

from itertools import permutations

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


TEXTS = (
    "a", "it has 80 layers", "Llama 3.1 70B at Q4_K_M needs 45.68 GB", "it reads 1,008 GB/s and draws 450 W",
    "at 57.2.1 it was twice as fast, 24 GiB, and cost $1,599 in 2023",
)  # fmt: skip
ASKED = "45.7 GB, 46 GB, 40 GB; 450 W, 451 W; 80, 81 layers; twice, half; 24 GB, 25 GB; $1,599, $1,600; 57.2.1, 57.2.2"


@pytest.mark.parametrize("strict", [False, True])
def test_what_is_supported_does_not_depend_on_the_order(strict: bool) -> None:
    """Nor on what was asked before; each figure that no text has is named, whichever are found on the way there."""
    wanted = {"40", "451", "81", "half", "25", "1,600", "57.2.2"}
    for texts in permutations(TEXTS):
        evidence = Evidence(texts, NAMES, strict=strict)
        count, unsupported = evidence.check(ASKED)
        assert set(unsupported) == wanted
        assert count == 15
        assert evidence.check(ASKED) == (count, unsupported)
        assert Evidence(texts, NAMES, strict=strict).unsupported("It has 24 GB, and draws 99 W.") == ["99"]
    assert Evidence((), NAMES, strict=strict).unsupported("It draws 450 W.") == ["450"]


def test_names_and_marks_hold_no_figures() -> None:
    assert read("Llama 3.1 70B at Q4_K_M on an RTX 4090 [12]", NAMES) == []


def test_sentences_are_the_text() -> None:
    text = "It has 4.5 bits. Good!\n\nA list:\n- one\n- two"
    assert "".join(sentences(text)) == text
    assert sentences(text)[0] == "It has 4.5 bits. "
