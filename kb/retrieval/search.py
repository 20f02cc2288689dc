"""Search over passages: BM25 and dense ranking fused by reciprocal rank (Cormack, Clarke & Büttcher, SIGIR 2009)."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from kb.records import Passage
from kb.retrieval.dense import DenseIndex
from kb.retrieval.embed import Embedder
from kb.store.queries import Ranked, full_text_search

RRF_K = 60
"""The constant of the paper; larger flattens the influence of the first ranks."""

POOL = 50
"""How deep each ranker is read before fusion."""


ABSTAIN_BELOW_COSINE = 0.42
"""Below this best similarity a question is taken to be about something else."""


@dataclass(frozen=True)
class RankerScore:
    """Where one ranker put a passage: rank from 1, and its own score (BM25, or cosine similarity)."""

    rank: int
    score: float


@dataclass(frozen=True)
class Hit:
    passage: Passage
    score: float
    rankers: dict[str, RankerScore]


@dataclass(frozen=True)
class Findings:
    """Hits, best first, and the two measures by which a question outside the domain is told."""

    hits: tuple[Hit, ...]
    best_cosine: float
    best_bm25: float


def fuse(rankings: dict[str, Sequence[Ranked]], weights: dict[str, float] | None = None) -> list[tuple[int, float]]:
    """Row ids by the sum of ``weight / (k + rank)`` over rankers, best first.

    >>> fuse({"a": [Ranked(7, 2.0), Ranked(8, 1.0)], "b": [Ranked(8, 0.5)]})[0][0]
    8
    """
    scores: dict[int, float] = {}
    for name, ranking in rankings.items():
        weight = (weights or {}).get(name, 1.0)
        for rank, row in enumerate(ranking, start=1):
            scores[row.rowid] = scores.get(row.rowid, 0.0) + weight / (RRF_K + rank)
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))


class Searcher:
    """Holds the open index; safe to call from several threads."""

    def __init__(self, engine: Engine, dense: DenseIndex, embedder: Embedder, passages: Sequence[Passage]) -> None:
        self._engine = engine
        self._dense = dense
        self._embedder = embedder
        self._passages = tuple(passages)

    def rank(self, query: str, pool: int = POOL) -> dict[str, list[Ranked]]:
        """Each ranker's own order."""
        vector = self._embedder.embed([query[:2000]])[0]
        return {
            "bm25": full_text_search(self._engine, query, pool),
            "dense": self._dense.nearest(vector, min(pool, len(self._passages))) if self._passages else [],
        }

    def search(self, query: str, k: int = 5) -> Findings:
        """The ``k`` best passages for ``query``."""
        rankings = self.rank(query)
        places = {
            name: {row.rowid: RankerScore(rank, round(row.score, 4)) for rank, row in enumerate(ranking, start=1)}
            for name, ranking in rankings.items()
        }
        hits = tuple(
            Hit(
                self._passages[rowid - 1],
                round(score, 6),
                {name: place[rowid] for name, place in places.items() if rowid in place},
            )
            for rowid, score in fuse(dict(rankings))[:k]
        )
        best = {name: max((row.score for row in ranking), default=0.0) for name, ranking in rankings.items()}
        return Findings(hits, best["dense"], best["bm25"])
