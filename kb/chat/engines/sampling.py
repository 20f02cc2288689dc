"""From a model's logits to a token."""

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Logits: TypeAlias = NDArray[np.float32]
"""One number for each token of the vocabulary."""

NEGLIGIBLE = 20.0
"""Tokens this many nats below the best are left out: 250,000 of them weigh less than a thousandth of it."""


def sampled(logits: Logits, temperature: float, top_p: float, random: np.random.Generator) -> int:
    """A token drawn from the most likely ones, which together have a probability of ``top_p``."""
    best = logits.max()
    near = np.flatnonzero(logits > best - NEGLIGIBLE * temperature)
    weights = np.exp((logits[near].astype(np.float64) - best) / temperature)
    order = np.argsort(-weights, kind="stable")
    sums = np.cumsum(weights[order])
    kept = int(np.searchsorted(sums, top_p * sums[-1])) + 1
    drawn = int(np.searchsorted(sums[:kept], random.random() * sums[kept - 1], side="right"))
    return int(near[order[min(drawn, kept - 1)]])


def log_probability(logits: Logits, token: int) -> float:
    """Of ``token`` at temperature 1, in nats."""
    best = logits.max()
    near = logits[logits > best - NEGLIGIBLE]
    return float(logits[token] - best) - math.log(float(np.exp(near - best).sum()))


def masked(logits: Logits, mask: bytes) -> Logits:
    """A copy in which tokens without a bit in ``mask`` (lowest bit first) cannot be drawn."""
    allowed = np.unpackbits(np.frombuffer(mask, dtype=np.uint8), count=logits.size, bitorder="little")
    return np.where(allowed, logits, np.float32(-np.inf))
