"""The retrieval set: queries with graded judgements, and how well each ranker answers them.

Terms as in TREC: ``qrels`` map passage ids to grades (3 answers the query, 2 answers it in part, 1 is about it).
nDCG is trec_eval's ``ndcg_cut``: the gain is the grade, the discount ``1 / log2(rank + 1)``.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from eval.samples import EvaluationDataInvalid, name_problems, read_entries
from kb.catalogue.records import Record
from kb.catalogue.records.base import Slug
from kb.search.live import Index

FOLDER = Path(__file__).parent / "retrieval"
CUTOFF = 5
RELEVANT = 2
"""From this grade on a passage counts for recall."""

Split = Literal["tune", "report"]


class Query(Record):
    """One query. ``split`` keeps the queries that settings were chosen on apart from those that are reported."""

    query: Annotated[str, Field(min_length=1)]
    split: Split
    tags: tuple[Slug, ...]
    qrels: Annotated[dict[str, Annotated[int, Field(ge=1, le=3)]], Field(min_length=1)]


class Metrics(Record):
    """Means over the queries, each from 0 to 1."""

    ndcg: float
    recall: float
    queries: int


class QueryOutcome(Record):
    """One query's nDCG by each ranker, and what the fused search put first."""

    query: str
    split: Split
    tags: tuple[str, ...]
    ndcg: dict[str, float]
    recall: dict[str, float]
    found: tuple[str, ...]
    missed: tuple[str, ...]
    """Passages that answer the query and are not among the first five."""


class Threshold(Record):
    """How well the best cosine tells questions of the domain from others."""

    cosine: float
    on_topic_kept: float
    off_topic_refused: float


def read_queries(path: Path = FOLDER / "queries.yaml") -> tuple[Query, ...]:
    return tuple(_validated(path))


def _validated(path: Path) -> Iterator[Query]:
    for number, entry in enumerate(read_entries(path), start=1):
        try:
            yield Query.model_validate(entry)
        except ValidationError as error:
            raise EvaluationDataInvalid(name_problems(path, number, error)) from None


def read_off_topic(path: Path = FOLDER / "offtopic.yaml") -> tuple[str, ...]:
    entries = read_entries(path)
    wrong = [number for number, entry in enumerate(entries, start=1) if not isinstance(entry, str)]
    if wrong:
        raise EvaluationDataInvalid(f"{path.name}, entry {wrong[0]}: must be a text")
    return tuple(str(entry) for entry in entries)


def ndcg(found: Sequence[str], qrels: Mapping[str, int], cutoff: int = CUTOFF) -> float:
    """
    >>> ndcg(["a", "b"], {"a": 3, "b": 2})
    1.0
    >>> round(ndcg(["x", "a"], {"a": 3}), 4)  # 3 / log2(3) against 3 / log2(2)
    0.6309
    """
    ideal = sorted(qrels.values(), reverse=True)[:cutoff]
    return _dcg([qrels.get(passage_id, 0) for passage_id in found[:cutoff]]) / _dcg(ideal)


def _dcg(grades: Sequence[int]) -> float:
    return sum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades, start=1))


def recall(found: Sequence[str], qrels: Mapping[str, int], cutoff: int = CUTOFF) -> float:
    """The share of relevant passages among the first ``cutoff``, of as many as can stand there.

    >>> recall(["a", "x"], {"a": 3, "b": 2, "c": 1})
    0.5
    """
    relevant = {passage_id for passage_id, grade in qrels.items() if grade >= RELEVANT} or set(qrels)
    return len(relevant & set(found[:cutoff])) / min(cutoff, len(relevant))


def run_queries(index: Index, queries: Sequence[Query]) -> tuple[QueryOutcome, ...]:
    """Every query by BM25 alone, dense alone and fused."""
    return tuple(_outcome(index, query) for query in queries)


def _outcome(index: Index, query: Query) -> QueryOutcome:
    passages = index.searcher.passages
    found = {
        name: [passages[row.rowid - 1].passage_id for row in ranking]
        for name, ranking in index.searcher.rank(query.query).items()
        if name in ("bm25", "dense")
    }
    found["fused"] = [hit.passage.passage_id for hit in index.searcher.search(query.query, CUTOFF).hits]
    return QueryOutcome(
        query=query.query,
        split=query.split,
        tags=query.tags,
        ndcg={name: round(ndcg(ids, query.qrels), 4) for name, ids in found.items()},
        recall={name: round(recall(ids, query.qrels), 4) for name, ids in found.items()},
        found=tuple(found["fused"]),
        missed=tuple(p for p, grade in query.qrels.items() if grade == 3 and p not in found["fused"]),
    )


def metrics(outcomes: Sequence[QueryOutcome], split: Split | None = None) -> dict[str, Metrics]:
    """Means by ranker, of one split or of all."""
    chosen = [outcome for outcome in outcomes if split in (None, outcome.split)]
    return {
        name: Metrics(
            ndcg=round(sum(o.ndcg[name] for o in chosen) / len(chosen), 4),
            recall=round(sum(o.recall[name] for o in chosen) / len(chosen), 4),
            queries=len(chosen),
        )
        for name in ("bm25", "dense", "fused")
    }


def judge_threshold(on_topic: Sequence[bool], off_topic: Sequence[bool], cosine: float) -> Threshold:
    """Of queries of both kinds, whether each was taken to be ours.

    >>> judge_threshold([True, True, False], [False, True], 0.35)
    Threshold(cosine=0.35, on_topic_kept=0.6667, off_topic_refused=0.5)
    """
    return Threshold(
        cosine=cosine,
        on_topic_kept=round(sum(on_topic) / len(on_topic), 4),
        off_topic_refused=round(1 - sum(off_topic) / len(off_topic), 4),
    )
