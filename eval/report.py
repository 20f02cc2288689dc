"""The evaluation's result: as scores, as a table, as JSON and as one HTML page that needs nothing else."""

from collections import Counter
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from eval.comparison import EngineReport
from eval.figures import FigureOutcome
from eval.retrieval import Metrics, QueryOutcome, Threshold
from eval.scorers import Score
from kb.catalogue.records import Record

TEMPLATES = Path(__file__).parent / "templates"


class RetrievalReport(Record):
    report: dict[str, Metrics]
    """By ranker, over the queries that no setting was chosen on."""
    tune: dict[str, Metrics]
    threshold: Threshold
    outcomes: tuple[QueryOutcome, ...]


class TagScore(Record):
    tag: str
    right: int
    scored: int


class Report(Record):
    build_id: str
    figures: tuple[FigureOutcome, ...]
    retrieval: RetrievalReport
    questions: tuple[Score, ...]
    engines: tuple[EngineReport, ...] = ()

    def scores(self) -> dict[str, float]:
        """What the baseline holds; a score that could not be taken is absent, not zero."""
        undisputed = [outcome for outcome in self.figures if outcome.disputed is None]
        disputed = [outcome for outcome in self.figures if outcome.disputed is not None]
        fused, threshold = self.retrieval.report["fused"], self.retrieval.threshold
        scores = {
            "figures_undisputed": _share(sum(o.passed for o in undisputed), len(undisputed)),
            "figures_disputed": _share(sum(o.passed for o in disputed), len(disputed)),
            "retrieval_ndcg_at_5": fused.ndcg,
            "retrieval_recall_at_5": fused.recall,
            "on_topic_kept": threshold.on_topic_kept,
            "off_topic_refused": threshold.off_topic_refused,
        }
        scored = [score for score in self.questions if score.value is not None]
        if scored:
            scores["questions"] = _share(sum(score.value or 0.0 for score in scored), len(scored))
            scores["questions_scored"] = _share(len(scored), len(self.questions))
            scores["supported_figures"] = _share(sum(not s.unsupported_figures for s in scored), len(scored))
        return scores

    def by_tag(self) -> tuple[TagScore, ...]:
        scored = [score for score in self.questions if score.value is not None]
        counted = Counter(tag for score in scored for tag in score.tags)
        right = Counter(tag for score in scored if score.value == 1 for tag in score.tags)
        return tuple(TagScore(tag=tag, right=right[tag], scored=n) for tag, n in sorted(counted.items()))

    def unsupported(self) -> int:
        return sum(len(score.unsupported_figures) for score in self.questions)

    def columns(self) -> list[dict[str, str]]:
        """Of the table of engines, in their order."""
        return [one.column() for one in self.engines]

    def table(self) -> str:
        """The scores as plain text, what failed below."""
        return _environment().get_template("report.txt").render(report=self, scores=self.scores())

    def write(self, folder: Path) -> tuple[Path, Path]:
        """``report.json`` and ``report.html`` in ``folder``, which is made where it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        json_path, html_path = folder / "report.json", folder / "report.html"
        json_path.write_text(self.model_dump_json(indent=2) + "\n", "utf-8")
        page = _environment().get_template("report.html").render(report=self, scores=self.scores())
        html_path.write_text(page, "utf-8")
        return json_path, html_path


def _share(part: float, whole: int) -> float:
    return round(part / whole, 4) if whole else 1.0


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
