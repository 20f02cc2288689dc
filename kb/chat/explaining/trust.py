"""Whether a sentence of the language model is kept: where the model is unsure, the composed text stands alone."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from kb.chat.explaining.polarity import Verdict, denies

LEAST_LOG_PROBABILITY = -1.6
"""Mean nats per token: a model that gave each word a chance of one in five was guessing."""
LEAST_OF_FIGURES = -0.7
"""Of one token with a digit: a figure that the model itself gave less than an even chance was not read, but found."""
MOST_SHARED_WORDS = 0.8
"""Of all words of two sentences; with more in common the second repeats the first."""
MOST_ROUNDS = 3
"""The same three words in a row come no more often in one sentence."""


@dataclass(frozen=True)
class Certainty:
    """How sure a model was of a sentence, in nats: the mean of its tokens, and the least of those with a digit."""

    mean: float | None = None
    figures: float | None = None


UNTOLD = Certainty()
"""Of engines that do not tell."""


def objection(
    sentence: str,
    earlier: Sequence[str],
    verdict: Verdict | None,
    certainty: Certainty = UNTOLD,
    instead: Collection[str] = (),
) -> str | None:
    """Why ``sentence`` is dropped: it repeats one of ``earlier``, denies the verdict, or was guessed; else None.

    ``instead`` names what the answer says would fit where the question's own case does not.

    >>> objection("It fits.", (), "does_not_fit")
    'denies the verdict'
    >>> objection("It would fit on two cards.", (), "does_not_fit")
    >>> objection("Mind the memory.", ("Mind the memory!",), None)
    'repeats'
    """
    if certainty.mean is not None and certainty.mean < LEAST_LOG_PROBABILITY:
        return "unsure"
    if certainty.figures is not None and certainty.figures < LEAST_OF_FIGURES:
        return "unsure of a figure"
    if any(_alike(sentence, other) for other in earlier) or _goes_round(sentence):
        return "repeats"
    if verdict is not None and denies(sentence, verdict, instead):
        return "denies the verdict"
    return None


def _words(text: str) -> list[str]:
    return re.findall(r"(?<![\w.,%-])[\w.,%-]*\w", text.lower())


def _alike(one: str, other: str) -> bool:
    left, right = set(_words(one)), set(_words(other))
    return bool(left) and len(left & right) > MOST_SHARED_WORDS * len(left | right)


def _goes_round(sentence: str) -> bool:
    words = _words(sentence)
    rounds = [tuple(words[start : start + 3]) for start in range(len(words) - 2)]
    return any(rounds.count(three) > MOST_ROUNDS for three in set(rounds))
