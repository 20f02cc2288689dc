"""What calculators keep from one call to the next is bound by bytes."""

import gc
import tracemalloc
from dataclasses import replace

from kb.calc.memory.families import Config, architecture_of
from kb.calc.memory.kept import Kept
from kb.calc.memory.weights import Weights, weights_of
from kb.catalogue.records import Quantization
from kb.catalogue.records.base import SourceRef

DEEP = architecture_of(Config("deep", 10**11, 10**11, 1000, 4096, 32, 8, 128, 128256, 14336))
"""As deep as a model may be given."""


def test_the_weights_kept_are_bound_by_bytes() -> None:
    """What is counted is what they really take, and no more of it is kept than allowed: the 8,192 results of such
    models that were kept before took 0.7 GB."""
    q4 = Quantization(
        slug="q4-0", name="Q4_0", summary="Four bits a weight, in blocks of 32.", format="gguf", family="legacy",
        sources=(SourceRef(source="a-test"),),
    )  # fmt: skip
    limit = 3_000_000
    small = Kept(weights_of.__wrapped__, limit, weights_of.bytes_of)
    small(DEEP, q4)
    gc.collect()
    tracemalloc.start()
    try:
        for vocabulary in range(100_000, 100_100):
            small(replace(DEEP, vocab_size=vocabulary), q4)
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert limit / 2 < small.held_bytes <= limit
    assert taken < 1.2 * limit
    assert weights_of.limit_bytes <= 100_000_000


def test_what_is_kept_is_not_worked_out_again() -> None:
    calls: list[int] = []

    def work(number: int) -> Weights:
        calls.append(number)
        return Weights(1, 1, 1, (1,) * 10, (0,) * 10, 1, str(number))

    keeping = Kept(work, 3, lambda _: 1)
    asked = (1, 2, 3, 1, 4, 1, 2)
    assert [keeping(number).how for number in asked] == [str(number) for number in asked]
    assert calls == [1, 2, 3, 4, 2], "2 had been unused for longest when 4 came"
