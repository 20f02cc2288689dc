"""Which sentences of the language model are kept."""

import pytest

from kb.chat.explaining.polarity import Verdict
from kb.chat.explaining.trust import LEAST_LOG_PROBABILITY, LEAST_OF_FIGURES, Certainty, objection

EARLIER = ("The weights alone take most of the card. ", "The rest has to be read from system memory [1]. ")


def test_a_guessed_sentence_is_dropped() -> None:
    assert objection("It is so.", (), None, Certainty(LEAST_LOG_PROBABILITY - 0.1)) == "unsure"
    assert objection("It is so.", (), None, Certainty(LEAST_LOG_PROBABILITY + 0.1)) is None
    assert objection("It is so.", (), None) is None
    assert objection("It is 24 GB.", (), None, Certainty(-0.1, LEAST_OF_FIGURES - 0.1)) == "unsure of a figure"
    assert objection("It is 24 GB.", (), None, Certainty(-0.1, LEAST_OF_FIGURES + 0.1)) is None


@pytest.mark.parametrize(
    "sentence",
    [
        "The weights alone take most of the card.",
        "The weights alone take the most of the card!",
        "the rest has to be read from system memory [2].",
        "It is the memory, the memory, the memory, the memory, the memory, the memory.",
    ],
)
def test_repetition(sentence: str) -> None:
    assert objection(sentence, EARLIER, None, Certainty(-0.1)) == "repeats"


@pytest.mark.parametrize("sentence", ["The weights take 41.9 GB of it.", "System memory is slow.", "So it waits."])
def test_no_repetition(sentence: str) -> None:
    assert objection(sentence, EARLIER, None, Certainty(-0.1)) is None


@pytest.mark.parametrize(
    ("verdict", "sentence"),
    [
        ("fits", "The model does not fit."),
        ("fits", "The model cannot fit the card."),
        ("fits", "It is too large for the card."),
        ("fits", "There isn't enough memory."),
        ("does_not_fit", "It fits."),
        ("does_not_fit", "The card has enough memory."),
        ("fits_with_offload", "The model fits the card."),
    ],
)
def test_the_verdict_is_not_denied(verdict: Verdict, sentence: str) -> None:
    assert objection(sentence, (), verdict, Certainty(-0.1)) == "denies the verdict"


@pytest.mark.parametrize(
    ("verdict", "sentence"),
    [
        ("fits", "It fits, with room to spare."),
        ("fits", "A longer context would not fit."),
        ("does_not_fit", "It does not fit."),
        ("does_not_fit", "It would fit if the card had more memory."),
        ("does_not_fit", "Speed is a matter of bandwidth."),
        ("fits_with_offload", "It does not fit."),
        ("fits_with_offload", "It fits only with a part in system memory."),
        (None, "It fits."),
        (None, "It does not fit."),
    ],
)
def test_what_agrees_with_it_stays(verdict: Verdict | None, sentence: str) -> None:
    assert objection(sentence, (), verdict, Certainty(-0.1)) is None


def test_a_way_out_of_the_answer_may_be_repeated() -> None:
    assert objection("It fits on 2× RTX 4090.", (), "does_not_fit") == "denies the verdict"
    assert objection("It fits on 2× RTX 4090.", (), "does_not_fit", instead=("2× RTX 4090",)) is None
