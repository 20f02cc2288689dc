"""From a model's logits to a token."""

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Logits: TypeAlias = NDArray[np.float32]
"""One number for each token of the vocabulary."""

NEGLIGIBLE = 20.0
"""Tokens this many nats below the best are not drawn: 250,000 of them weigh less than a thousandth of it."""


class Likely:
    """How far each token is below the best, once for all that is asked of them: the vocabulary is long.

    In single precision, where NumPy works on many at once.
    """

    def __init__(self, logits: Logits, temperature: float) -> None:
        self._temperature = temperature
        self._below = logits - logits.max()

    def drawn(self, top_p: float, random: np.random.Generator) -> int:
        """One of the most likely ones, which together have a probability of ``top_p``."""
        near = np.flatnonzero(self._below > -NEGLIGIBLE * self._temperature)
        weights = np.exp(self._below[near].astype(np.float64) / self._temperature)
        order = np.argsort(-weights, kind="stable")
        sums = np.cumsum(weights[order])
        kept = int(np.searchsorted(sums, top_p * sums[-1])) + 1
        place = int(np.searchsorted(sums[:kept], random.random() * sums[kept - 1], side="right"))
        return int(near[order[min(place, kept - 1)]])

    def log_probability(self, token: int) -> float:
        """At temperature 1, in nats."""
        return float(self._below[token]) - math.log(float(np.exp(self._below).sum(dtype=np.float64)))


def masked(logits: Logits, mask: bytes) -> Logits:
    """A copy in which tokens without a bit in ``mask`` (lowest bit first) cannot be drawn."""
    allowed = np.unpackbits(np.frombuffer(mask, dtype=np.uint8), count=logits.size, bitorder="little")
    return np.where(allowed, logits, np.float32(-np.inf))
