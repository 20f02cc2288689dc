"""How likely a passage answers a question outright, and not only speaks of its matter: learned from passages that
readers judged (``eval/passages``), by how search found it and which words they share."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from kb.catalogue.records import Passage
from kb.search.queries import STOPWORDS

ANSWERS = 0.3
"""How likely a passage must answer to be told."""
HEARD = 0.5
"""How near, as a cosine, one of its questions must be to a short message: of those, every likelihood is high."""
CLOSE = 10
"""How many that search puts first are looked at, and as many whose questions are nearest."""

_WORD = re.compile(r"[^\W_]{2,}")


@dataclass(frozen=True)
class Found:
    """A passage as search found it: ``fused`` is its score beside the best one's, ``asked`` the cosine of its nearest
    question, ``text`` that of its text; 0 where a ranker did not find it."""

    passage: Passage
    fused: float
    asked: float
    text: float


@dataclass(frozen=True)
class Answering:
    passage: Passage
    probability: float
    asked: float
    """The cosine of its nearest question."""

    @property
    def is_heard(self) -> bool:
        """Whether it answers, be the message ever so short."""
        return self.probability >= ANSWERS and self.asked >= HEARD


@cache
def weights() -> Mapping[str, float]:
    """Of each feature, and ``bias``; made by ``python -m eval.passages``."""
    given = yaml.safe_load(files(__package__).joinpath("answering.yaml").read_text(encoding="utf-8"))
    return {str(name): float(weight) for name, weight in given.items()}


class Likelihood:
    def __init__(self, passages: Sequence[Passage]) -> None:
        self._words = {
            passage.passage_id: frozenset(_telling(f"{passage.title} {' '.join(passage.questions)}"))
            for passage in passages
        }
        used = Counter(
            word for passage in passages for word in {*_telling(passage.text), *self._words[passage.passage_id]}
        )
        self._rarity = {word: math.log((len(passages) + 1) / (count + 0.5)) for word, count in used.items()}
        self._rarest = math.log(2 * (len(passages) + 1))

    def features(self, question: str, found: Found) -> dict[str, float]:
        kind = found.passage.passage_id.partition(".")[0]
        return {
            "fused": found.fused,
            "asked": found.asked,
            "text": found.text,
            "shared": self._shared(question, found.passage),
            "is_note": float(kind == "field-notes"),
            "is_term": float(kind == "term"),
        }

    def of(self, question: str, found: Found) -> Answering:
        given = weights()
        odds = given["bias"] + sum(given[name] * value for name, value in self.features(question, found).items())
        return Answering(found.passage, 1 / (1 + math.exp(-odds)), found.asked)

    def _shared(self, question: str, passage: Passage) -> float:
        """Of the question's words, weighed by their rarity, the share that the passage's title and questions have."""
        words = set(_telling(question))
        told = sum(map(self._weight, words))
        return sum(map(self._weight, words & self._words[passage.passage_id])) / told if told else 0.0

    def _weight(self, word: str) -> float:
        return self._rarity.get(word, self._rarest)


def _telling(text: str) -> Iterator[str]:
    return (word for word in _WORD.findall(text.casefold()) if word not in STOPWORDS)
