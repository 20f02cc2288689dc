"""Search over passages: BM25, dense similarity and the names of terms, fused by a weighted sum of scores.

The weighted sum (Bruch, Gai & Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", TOIS 2023) was chosen
over reciprocal rank on one half of ``eval/retrieval/queries.yaml`` and confirmed on the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from kb.catalogue.names import Names
from kb.catalogue.records import Passage
from kb.last import Last
from kb.search.answering import CLOSE, Answering, Found, Likelihood
from kb.search.dense import DenseIndex
from kb.search.embed import Embedder
from kb.search.queries import Ranked, full_text_search
from kb.search.sense import Turn, turned
from kb.search.spelling import Spelling

WEIGHTS: Mapping[str, float] = {"bm25": 0.5, "dense": 0.6, "names": 0.2}
"""What each ranker's best passage adds to its score; ``names`` lifts the terms that the query names."""

POOL = 50
"""How deep each ranker is read before fusion."""

ONE_QUESTION = 0.5
"""How much the nearest of a passage's questions counts beside all of them; chosen on the tuning half."""

ABSTAIN_BELOW_COSINE = 0.46
"""Below this best similarity a question is taken to be about something else.

Calibrated with ``eval/retrieval``: all of its 163 queries reach it (0.49 and more), none of its 42 off-topic questions
does (0.44 and less).
For the packaged embedding model; another one needs another bar.
"""


MOSTLY_STRANGE = 0.3
"""From this share of words that no passage uses, a query counts as strange."""

STRANGER_BAR = 0.15
"""How much nearer a strange query must come; of the queries of ``eval/retrieval`` this refuses two."""


@dataclass(frozen=True)
class RankerScore:
    """Where one ranker put a passage: rank from 1, and its own score (BM25, cosine similarity, 1 for a name)."""

    rank: int
    score: float


@dataclass(frozen=True)
class Hit:
    """``score`` is at most the sum of :data:`WEIGHTS`, which a passage that every ranker puts first has."""

    passage: Passage
    score: float
    rankers: dict[str, RankerScore]


@dataclass(frozen=True)
class Findings:
    """Hits, best first, and the measures by which a question outside the domain is told."""

    hits: tuple[Hit, ...]
    best_cosine: float
    share_unknown: float
    """Of the query's words, those that no passage uses."""

    def reaches(self, bar: float = ABSTAIN_BELOW_COSINE) -> bool:
        """Whether the query is near enough to the passages; one of mostly strange words must come nearer."""
        return self.best_cosine >= bar + (STRANGER_BAR if self.share_unknown >= MOSTLY_STRANGE else 0.0)


def fuse(rankings: Mapping[str, Sequence[Ranked]], weights: Mapping[str, float] = WEIGHTS) -> list[tuple[int, float]]:
    """Row ids by the sum of ``weight * score / best score`` over rankers, best first; equal ones by row.

    A ranker whose best score is not positive says nothing.

    >>> fuse({"bm25": [Ranked(7, 4.0), Ranked(8, 3.0)], "dense": [Ranked(8, 0.6), Ranked(7, 0.3)]})
    [(8, 0.975), (7, 0.8)]
    """
    scores: dict[int, float] = {}
    for name, ranking in rankings.items():
        best = max((row.score for row in ranking), default=0.0)
        for row in ranking:
            share = max(row.score, 0.0) / best if best > 0 else 0.0
            scores[row.rowid] = scores.get(row.rowid, 0.0) + weights[name] * share
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))


@dataclass(frozen=True)
class _Looked:
    """What was found for a query: by each ranker, and what of it lies nearest by text and by question."""

    rankings: Mapping[str, Sequence[Ranked]]
    texts: Sequence[Ranked]
    questions: Sequence[Ranked]


KEPT = 16
"""Queries whose findings are kept: a reply looks for the same words several times."""


class Searcher:
    """Holds the open index; safe to call from several threads."""

    def __init__(
        self,
        engine: Engine,
        dense: DenseIndex,
        embedder: Embedder,
        turn: Turn,
        passages: Sequence[Passage],
        names: Names,
    ) -> None:
        self._engine = engine
        self._dense = dense
        self._embedder = embedder
        self._turn = turn
        self._names = names
        self.passages = tuple(passages)
        """In row order: row ``i`` is ``passages[i - 1]``."""
        self.likelihood = Likelihood(self.passages)
        self._looks = Last[tuple[str, int], _Looked](KEPT)
        self._answered = Last[str, Sequence[Answering]](KEPT)
        self._spelling = Spelling(
            " ".join((passage.heading_path, passage.text, *passage.questions)) for passage in self.passages
        )
        self._term_rows = {
            passage.passage_id.removeprefix("term."): row
            for row, passage in enumerate(self.passages, start=1)
            if passage.passage_id.startswith("term.")
        }

    def rank(self, query: str, pool: int = POOL) -> Mapping[str, Sequence[Ranked]]:
        """Each ranker's own order, for the query with its slips of the keyboard mended."""
        return self._look(query[:2000], pool).rankings

    def _look(self, query: str, pool: int) -> _Looked:
        return self._looks.get((query, pool), lambda: self._looked(query, pool))

    def _looked(self, query: str, pool: int) -> _Looked:
        mended = self._spelling.mended(query)
        found, texts, questions = list[Ranked](), list[Ranked](), list[Ranked]()
        if self.passages:
            vector = turned(self._embedder.embed_query(mended), self._turn)
            texts = self._dense.nearest(vector, min(pool, len(self.passages)))
            questions = self._dense.nearest_questions(vector, pool)
            found = _by_sense(texts, questions)[:pool]
        words = full_text_search(self._engine, mended, pool)
        return _Looked({"bm25": words, "dense": found, "names": self._named_terms(mended)[:pool]}, texts, questions)

    def answering(self, query: str) -> Sequence[Answering]:
        """The passages that may answer ``query`` outright, the likeliest first."""
        asked = query[:2000]
        return self._answered.get(asked, lambda: self._answering(asked))

    def _answering(self, query: str) -> Sequence[Answering]:
        found = [self.likelihood.of(query, found) for found in self.candidates(query)]
        return tuple(sorted(found, key=lambda one: -one.probability))

    def candidates(self, query: str) -> list[Found]:
        """What :meth:`answering` looks at."""
        looked = self._look(query[:2000], POOL)
        fused = fuse(looked.rankings)
        asked = {one.rowid: one.score for one in looked.questions}
        near = {one.rowid: one.score for one in looked.texts}
        best = dict(fused)
        most = max(best.values(), default=1.0)
        rows = dict.fromkeys((*(row for row, _ in fused[:CLOSE]), *list(asked)[:CLOSE]))
        return [
            Found(self.passages[row - 1], best.get(row, 0.0) / most, asked.get(row, 0.0), near.get(row, 0.0))
            for row in rows
        ]

    def _named_terms(self, query: str) -> list[Ranked]:
        slugs = [match.slug for mention in self._names.scan(query, ("terms",)) for match in mention.matches]
        return [Ranked(self._term_rows[slug], 1.0) for slug in dict.fromkeys(slugs) if slug in self._term_rows]

    def search(self, query: str, k: int = 5) -> Findings:
        """The ``k`` best passages for ``query``."""
        rankings = self.rank(query)
        places = {
            name: {row.rowid: RankerScore(rank, round(row.score, 4)) for rank, row in enumerate(ranking, start=1)}
            for name, ranking in rankings.items()
        }
        hits = tuple(
            Hit(
                self.passages[rowid - 1],
                round(score, 6),
                {name: place[rowid] for name, place in places.items() if rowid in place},
            )
            for rowid, score in fuse(rankings)[:k]
        )
        nearest = max((row.score for row in rankings["dense"]), default=0.0)
        return Findings(hits, nearest, self._spelling.share_unknown(query[:2000]))


def _by_sense(texts: Sequence[Ranked], questions: Sequence[Ranked]) -> list[Ranked]:
    """By a passage's text and its questions together, and lifted where one of its questions alone is nearer."""
    near = {row.rowid: row.score for row in texts}
    least = min(near.values())
    for asked in questions:
        score = near.get(asked.rowid, least)
        near[asked.rowid] = (1 - ONE_QUESTION) * score + ONE_QUESTION * max(score, asked.score)
    return [Ranked(row, score) for row, score in sorted(near.items(), key=lambda one: -one[1])]
