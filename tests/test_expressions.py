"""No expression of the code takes longer than in proportion to the text, whatever the text is."""

import re
import time
from collections.abc import Iterator

import pytest

from kb.search.live import Index
from kb.text.name_finder import NameFinder
from tests.expressions import Expression, expressions, modules, worst

NUMBER = r"(\d{1,3}(?:[, ]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
FORMER = {
    "a number, from each of its digits": rf"{NUMBER}\s*(?:users?|people)\b",
    "blanks that three parts may take": rf"{NUMBER}\s*(k|m)?[\s-]*(?:tokens?)?[\s-]*(?:of\s+)?(?:context|ctx)",
    "two words for one": rf"\b(?:hour|hourly)\b(?:\s*(?:rate|cost|costs?|for))*\s*[$€£]?\s*{NUMBER}",
    "blanks before the end, from each of them": r"(\d{1,3}|an?)\s*[x×]?\s*(?:gpus?\s+)?(?:nvidia)?\s*$",
    "to the end, from each beginning": r"\bcan (?:i|you)\b[^?]*\b(?:run|fit)",
}


@pytest.mark.parametrize("pattern", FORMER.values(), ids=FORMER.keys())
def test_what_was_slow_is_found(pattern: str) -> None:
    assert worst(Expression("formerly", re.compile(pattern, re.I))) is not None


def all_of_them() -> Iterator[Expression]:
    met = set[tuple[str, int, bool]]()
    for module in modules("kb", "api", "eval"):
        for one in expressions(module):
            key = (one.pattern.pattern, one.pattern.flags, one.anchored)
            if key not in met:
                met.add(key)
                yield one


def test_no_expression_is_slow() -> None:
    every = list(all_of_them())
    assert len(every) > 200
    assert [str(slow) for one in every if (slow := worst(one))] == []


def test_finding_names_is_not_slow(index: Index) -> None:
    """In texts of what begins most names, and what stands between their words."""
    names = index.names.with_digits
    for pump in ("rtx ", "rtx-", "llama ", "llama-3-", "4090 ", "4090", "a", "-", " ", "m2 ultra ", "q4_k_", "12v-2x"):
        times = []
        for length in (2_000, 8_000):
            times.append(min(_seconds(names, pump, length) for _ in range(3)))
        assert times[1] < 0.005 or times[1] / times[0] < 8, pump


def _seconds(names: NameFinder, pump: str, length: int) -> float:
    text = pump * (length // len(pump)) + "\0"
    start = time.thread_time()
    list(names.spans(text))
    return time.thread_time() - start
