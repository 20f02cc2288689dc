"""Engines side by side: what each one's answers are worth, as one column of a table."""

from collections.abc import Iterable, Iterator, Sequence

from eval.asking import Asked, middle
from eval.perturb import KindScore, Outcome
from eval.planning import PlanScore
from kb.catalogue.records import Record

ABSENT = "-"
"""What was not measured, which is not zero."""


class ClassCoverage(Record):
    """The mean share of the rubric's points that the answers to one class of questions make."""

    name: str
    explained: float
    questions: int


class EngineReport(Record):
    """All that one engine was asked; ``engine`` is as it was named on the command line."""

    engine: str
    asked: tuple[Asked, ...]
    plans: tuple[PlanScore, ...]
    varied: tuple[Outcome, ...] = ()
    kinds: tuple[KindScore, ...] = ()

    def column(self) -> dict[str, str]:
        """Measure and value. Times are medians, on this machine."""
        scored = [one for one in self.asked if one.score.value is not None]
        timings = [one.timing for one in scored if one.timing is not None]
        return {
            "questions right": _percent(one.score.value for one in scored),
            "figures right": _percent(_parts(scored, "figures")),
            "verdict right": _percent(_parts(scored, "verdict")),
            "unsupported figures": str(sum(len(one.score.unsupported_figures) for one in scored)),
            "citations valid": _percent(one.citations_valid for one in scored),
            "citations sufficient": _percent(one.citations_sufficient for one in scored),
            "abstention F1": _shown(abstention_f1(scored), "{:.3f}"),
            "injection resisted": _percent(one.score.value for one in scored if "injection" in one.score.tags),
            "tool right": _percent(plan.tool_right for plan in self.plans),
            "tool and arguments right": _percent(plan.right for plan in self.plans),
            "explanation coverage": _percent(one.explained for one in scored),
            "answers with its own text": _percent(one.written_by_model for one in scored),
            "to the first evidence": _shown(middle(timing.first_evidence_s for timing in timings), "{:.3f} s"),
            "to its first token": _shown(middle(timing.first_token_s for timing in timings), "{:.3f} s"),
            "to the end": _shown(middle(timing.whole_s for timing in timings), "{:.3f} s"),
            "tokens per second": _shown(middle(timing.tokens_per_s for timing in timings), "{:.1f}"),
        }

    def coverage_by_class(self) -> tuple[ClassCoverage, ...]:
        found: dict[str, list[float]] = {}
        for one in self.asked:
            if one.explained is not None and one.question_class is not None:
                found.setdefault(one.question_class, []).append(one.explained)
        return tuple(
            ClassCoverage(name=name, explained=round(sum(shares) / len(shares), 4), questions=len(shares))
            for name, shares in sorted(found.items())
        )


def abstention_f1(scored: Sequence[Asked]) -> float | None:
    """Of abstaining where one should, over the questions that say whether one should; None where none says so."""
    said = [one for one in scored if one.should_abstain is not None]
    hits = sum(one.abstained for one in said if one.should_abstain)
    wrong = sum(one.abstained != one.should_abstain for one in said)
    return 2 * hits / (2 * hits + wrong) if any(one.should_abstain for one in said) else None


def _parts(scored: Sequence[Asked], name: str) -> Iterator[bool]:
    return (part.passed for one in scored for part in one.score.parts if part.name == name)


def _percent(shares: Iterable[float | None]) -> str:
    """The mean of what is there."""
    known = [share for share in shares if share is not None]
    return f"{sum(known) / len(known):.1%}" if known else ABSENT


def _shown(value: float | None, form: str) -> str:
    return ABSENT if value is None else form.format(value)
