"""Speculative decoding: a draft guesses some tokens, and the model checks them all in one step.

Of ``k`` guesses, each right with probability ``a`` where those before it were, a step yields
``(1 - a^(k+1)) / (1 - a)`` tokens: the guesses up to the first wrong one, and one of the model's own (Leviathan et al.,
2023, arXiv:2211.17192).
"""

from dataclasses import dataclass

ACCEPTANCE = (0.5, 0.7, 0.85)
"""Low, usual and high share of guesses that are right, where nobody measured it: code and lists are guessed well, free
writing badly (an estimate)."""
GUESSES = 4


@dataclass(frozen=True)
class Drafted:
    tokens_per_step: float
    step_s: float

    @property
    def tokens_per_s(self) -> float:
        return self.tokens_per_step / self.step_s


def drafted(check_s: float, guess_s: float, guesses: int, acceptance: float) -> Drafted:
    """``check_s`` is a step of the model over all guesses and one more token, ``guess_s`` one guess of the draft.

    >>> round(drafted(0.1, 0.0, 4, 0.5).tokens_per_step, 4)
    1.9375
    >>> drafted(0.1, 0.01, 3, 1.0).tokens_per_step
    4
    """
    tokens = guesses + 1 if acceptance >= 1 else (1 - acceptance ** (guesses + 1)) / (1 - acceptance)
    return Drafted(tokens, check_s + guesses * guess_s)
