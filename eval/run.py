"""``kb eval``: reference figures, the retrieval set and the questions, in one report."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from eval.asking import Asked, ask
from eval.comparison import EngineReport
from eval.engines import open_engine
from eval.figures import read_figures, run_figures
from eval.perturb import kind_scores, outcome, vary
from eval.planning import PlannedCall, Planner, PlanScore, call_of, read_held_back, score_plan
from eval.report import Report, RetrievalReport
from eval.retrieval import Query, judge_threshold, metrics, read_off_topic, read_queries, run_queries
from eval.rubric import read_rubric
from eval.samples import Sample, read_samples
from eval.scorers import Score, unscored
from kb.chat.assistant import Assistant
from kb.chat.reply import EvidenceEvent, Message, TokenEvent
from kb.search.live import Index, LiveIndex
from kb.search.searcher import ABSTAIN_BELOW_COSINE
from kb.settings import Settings

Watch = Callable[[Sequence[Sample], str], Iterable[Sample]]
"""Hands the samples on one by one, and may show how far it is."""


def run_eval(index: Index, assistant: Assistant | None, engines: Sequence[EngineReport] = ()) -> Report:
    """Everything that can be run; without an assistant the questions stay unscored.

    Where engines have been asked already, the questions are scored as the first of them answered.
    """
    if engines:
        questions = tuple(one.score for one in engines[0].asked)
    elif assistant is None:
        questions = tuple(unscored(sample, "no assistant was given") for sample in read_samples())
    else:
        questions = tuple(one.score for one in _ask_all(assistant, read_samples()))
    return Report(
        build_id=index.manifest.build_id,
        figures=run_figures(index, read_figures()),
        retrieval=_retrieval(index, read_queries(), read_off_topic()),
        questions=questions,
        engines=tuple(engines),
    )


def run_engine(
    live: LiveIndex, wanted: str, settings: Settings, perturb: bool, watch: Watch = lambda samples, _: samples
) -> EngineReport:
    """One engine, asked every question, the held-back ones for tools, and on demand every variation of each.

    Raises :class:`eval.engines.EngineMissing` before anything is asked.
    """
    index = live.get()
    with open_engine(wanted, settings) as engine:
        assistant = Assistant(live, engine, settings)
        asked = tuple(_ask_all(assistant, watch(read_samples(), f"Questions, {wanted}")))
        plans = run_plans(index, planner_of(assistant))
        variations = vary(index, read_samples()) if perturb else ()
        samples = watch([variation.sample for variation in variations], f"Variations, {wanted}") if perturb else ()
        scores: list[Score] = [one.score for one in _ask_all(assistant, samples)]
    varied = tuple(outcome(variation, score) for variation, score in zip(variations, scores, strict=True))
    right = frozenset(one.score.sample for one in asked if one.score.value == 1)
    kinds = kind_scores(varied, right) if perturb else ()
    return EngineReport(engine=wanted, asked=asked, plans=plans, varied=varied, kinds=kinds)


def planner_of(assistant: Assistant) -> Planner:
    """The call that the chat makes for a question, by the evidence that it ends with; nothing is written for it."""

    def plan(question: str) -> PlannedCall:
        evidence = None
        for event in assistant.stream([Message(role="user", content=question)]):
            if isinstance(event, TokenEvent):
                break
            evidence = event if isinstance(event, EvidenceEvent) else evidence
        assert evidence is not None
        return call_of(evidence)

    return plan


def run_plans(index: Index, planner: Planner) -> tuple[PlanScore, ...]:
    return tuple(score_plan(index.names, question, planner(question.ask)) for question in read_held_back())


def _ask_all(assistant: Assistant, samples: Iterable[Sample]) -> Iterator[Asked]:
    rubric = read_rubric()
    return (ask(assistant, sample, rubric) for sample in samples)


def _retrieval(index: Index, queries: Sequence[Query], off_topic: Sequence[str]) -> RetrievalReport:
    outcomes = run_queries(index, queries)
    on = [index.searcher.search(query.query, 1).reaches() for query in queries]
    off = [index.searcher.search(query, 1).reaches() for query in off_topic]
    return RetrievalReport(
        report=metrics(outcomes, "report"),
        tune=metrics(outcomes, "tune"),
        threshold=judge_threshold(on, off, ABSTAIN_BELOW_COSINE),
        outcomes=outcomes,
    )
