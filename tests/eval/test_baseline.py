"""The evaluation as a whole, and that nothing has become worse than the committed baseline."""

import json
from pathlib import Path

import pytest

from eval.report import Report
from eval.run import run_eval
from kb.chat.assistant import Assistant
from kb.search.live import Index, LiveIndex
from kb.settings import Settings

BASELINE = Path(__file__).resolve().parents[2] / "eval" / "baseline.json"
NOISE = 0.005
"""What another processor's arithmetic may change in a mean over rankings."""


@pytest.fixture(scope="module")
def report(index: Index, live: LiveIndex, settings: Settings) -> Report:
    return run_eval(index, Assistant(live, None, settings))


def test_no_score_has_dropped(report: Report) -> None:
    baseline: dict[str, float] = json.loads(BASELINE.read_text("utf-8"))
    scores = report.scores()
    assert scores.keys() == baseline.keys()
    worse = {name: (value, scores[name]) for name, value in baseline.items() if scores[name] < value - NOISE}
    assert not worse, f"(baseline, now); if this is meant, commit a new {BASELINE.name}\n{report.table()}"


def test_every_reference_figure_is_right(report: Report) -> None:
    wrong = [f"{o.id}: {o.explanation}" for o in report.figures if not o.passed]
    assert not wrong


def test_no_figure_is_unsupported_and_every_question_scored(report: Report) -> None:
    assert report.unsupported() == 0
    assert [score.sample for score in report.questions if score.value is None] == []


def test_answers_are_right(report: Report) -> None:
    assert report.scores()["questions"] >= 0.95, report.table()


def test_fusion_beats_each_ranker_alone(report: Report) -> None:
    means = report.retrieval.report
    assert means["fused"].ndcg > max(means["bm25"].ndcg, means["dense"].ndcg)


def test_the_report_is_written_and_needs_nothing_else(report: Report, tmp_path: Path) -> None:
    json_path, html_path = report.write(tmp_path / "out")
    assert Report.model_validate_json(json_path.read_bytes()) == report
    page = html_path.read_text("utf-8")
    assert report.questions[0].sample in page
    assert "http" not in page.split("</style>")[0]
    for name in report.scores():
        assert name in page
        assert name in report.table()


def test_without_an_assistant_questions_are_not_scored(index: Index) -> None:
    report = run_eval(index, None)
    assert {score.value for score in report.questions} == {None}
    assert "questions" not in report.scores()
    assert "Not scored" in report.table()
