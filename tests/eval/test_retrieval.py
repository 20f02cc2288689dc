import math
from pathlib import Path

import pytest
import yaml

from eval.retrieval import (
    QueryOutcome,
    judge_threshold,
    metrics,
    ndcg,
    read_off_topic,
    read_queries,
    recall,
)
from eval.samples import EvaluationDataInvalid
from kb.search.live import Index

QRELS = {"a": 3, "b": 2, "c": 1}


def test_ndcg_by_hand() -> None:
    ideal = 3 / math.log2(2) + 2 / math.log2(3) + 1 / math.log2(4)
    assert ndcg(["a", "b", "c"], QRELS) == 1
    assert ndcg(["c", "x", "a"], QRELS) == pytest.approx((1 / math.log2(2) + 3 / math.log2(4)) / ideal)
    assert ndcg(["x", "y"], QRELS) == 0
    assert ndcg(["x"] * 5 + ["a"], QRELS) == 0, "beyond the cutoff"
    assert ndcg(["p1", "p2", "p3", "p4", "p5"], {f"p{i}": 3 for i in range(1, 9)}) == 1, "eight right, five wanted"


def test_recall_by_hand() -> None:
    assert recall(["a", "b"], QRELS) == 1, "grade 1 is not asked for"
    assert recall(["a", "c"], QRELS) == 0.5
    assert recall(["c"], {"c": 1}) == 1, "where nothing better exists it is"
    assert recall(["p1", "p2", "p3", "p4", "p5"], {f"p{i}": 3 for i in range(1, 9)}) == 1


def test_means_are_of_the_split_that_is_asked_for() -> None:
    outcomes = [
        QueryOutcome(
            query=split, split=split, tags=(), found=(), missed=(),
            ndcg=dict.fromkeys(("bm25", "dense", "fused"), value),
            recall=dict.fromkeys(("bm25", "dense", "fused"), value),
        )
        for split, value in (("tune", 0.2), ("report", 0.6))
    ]  # fmt: skip
    assert metrics(outcomes, "tune")["fused"].ndcg == 0.2
    assert metrics(outcomes)["bm25"].ndcg == pytest.approx(0.4)


def test_threshold_by_hand() -> None:
    judged = judge_threshold([True, True, False], [False, False], 0.4)
    assert (judged.on_topic_kept, judged.off_topic_refused) == (0.6667, 1.0)


def test_the_set_is_large_and_spread(index: Index) -> None:
    queries = read_queries()
    assert len(queries) >= 100
    assert len({query.query for query in queries}) == len(queries)
    tags = {tag for query in queries for tag in query.tags}
    assert {"keyword", "question", "paraphrase", "name", "typo", "newcomer"} <= tags
    judged = {passage_id for query in queries for passage_id in query.qrels}
    passages = {passage.passage_id: passage for passage in index.searcher.passages}
    assert not judged - passages.keys(), "every judged passage exists"
    documents = {passage.source for passage in index.known.passages.values()}
    assert documents <= {passages[passage_id].source for passage_id in judged}
    topics = {term.topic for term in index.known.terms.values()}
    assert topics == {index.known.terms[p.removeprefix("term.")].topic for p in judged if p.startswith("term.")}


def test_off_topic_questions_are_many() -> None:
    assert len(set(read_off_topic())) >= 40


def test_a_wrong_query_is_named(tmp_path: Path) -> None:
    path = tmp_path / "q.yaml"
    path.write_text(yaml.safe_dump([{"query": "a", "split": "tune", "tags": [], "qrels": {"x": 4}}]), "utf-8")
    with pytest.raises(EvaluationDataInvalid, match=r"q\.yaml, entry 1, qrels\.x"):
        read_queries(path)
