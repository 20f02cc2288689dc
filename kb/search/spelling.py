"""Slips of the keyboard in a query, mended by the words that the passages use."""

import re
from collections import Counter
from collections.abc import Iterable

from rapidfuzz import fuzz, process

from kb.search.queries import STOPWORDS

_WORD = re.compile(r"[^\W\d_]+")
SHORTEST = 5
"""Shorter words have too many neighbours to say which one was meant."""
ALIKE = 80
"""Least similarity in per cent: one slip in five letters, two in ten."""


NEARLY = 86
"""Least similarity at which a word that nobody uses is taken for a slip: one in seven letters."""


class Spelling:
    """The vocabulary of all passages, each word with the number of its uses."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._uses = Counter(word.casefold() for text in texts for word in _WORD.findall(text))
        self._words = [word for word in self._uses if len(word) >= SHORTEST - 1]

    def mended(self, query: str) -> str:
        """``query`` with unknown words replaced by their nearest known ones, and model numbers in the singular; names
        with digits stay as they are otherwise.

        >>> Spelling(["quantization explained"]).mended("qantization of a 70B on two 5090s")
        'quantization of a 70B on two 5090'
        """
        singular = re.sub(r"\b(\d{3,4})s\b", r"\1", query)
        return re.sub(r"(?<![\w-])[^\W\d_]{5,30}(?![\w-])", lambda word: self._known(word[0]), singular)

    def share_unknown(self, query: str) -> float:
        """How much of a query, from 0 to 1, is words of three letters and more that no passage uses nor nearly uses;
        words that only put a question do not count.

        >>> Spelling(["how fast models run"]).share_unknown("how fast does Mbappe run")
        0.3333333333333333
        """
        words = [word.casefold() for word in _WORD.findall(query) if len(word) > 2]
        telling = [word for word in words if word not in STOPWORDS]
        unknown = [word for word in telling if not self._is_near(word)]
        return len(unknown) / len(telling) if telling else 0.0

    def _is_near(self, word: str) -> bool:
        if word in self._uses or word.removesuffix("s") in self._uses:
            return True
        return process.extractOne(word, self._words, scorer=fuzz.ratio, score_cutoff=NEARLY) is not None

    def _known(self, word: str) -> str:
        folded = word.casefold()
        if folded in self._uses or folded.removesuffix("s") in self._uses:
            return word
        near = process.extract(folded, self._words, scorer=fuzz.ratio, score_cutoff=ALIKE, limit=3)
        return max(near, key=lambda found: (found[1], self._uses[found[0]]))[0] if near else word
