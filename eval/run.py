"""``kb eval``: reference figures, the retrieval set and the questions, in one report."""

from collections.abc import Sequence

from eval.figures import read_figures, run_figures
from eval.report import Report, RetrievalReport
from eval.retrieval import Query, judge_threshold, metrics, read_off_topic, read_queries, run_queries
from eval.samples import Sample, read_samples
from eval.scorers import Score, score, unscored
from kb.chat.assistant import Assistant
from kb.chat.reply import MAX_MESSAGE, Message, Reply
from kb.errors import KnowledgeBaseError
from kb.index.live import Index
from kb.retrieval.search import ABSTAIN_BELOW_COSINE


def run_eval(index: Index, assistant: Assistant | None) -> Report:
    """Everything that can be run; without an assistant the questions stay unscored."""
    return Report(
        build_id=index.manifest.build_id,
        figures=run_figures(index, read_figures()),
        retrieval=_retrieval(index, read_queries(), read_off_topic()),
        questions=tuple(ask(assistant, sample) for sample in read_samples()),
    )


def ask(assistant: Assistant | None, sample: Sample) -> Score:
    """One sample: the user's turns in order, the assistant's own answers between them; the last one is scored."""
    if assistant is None:
        return unscored(sample, "no assistant was given")
    try:
        return score(sample, _last_reply(assistant, sample.messages))
    except KnowledgeBaseError as error:
        return unscored(sample, f"{type(error).__name__}: {error}")


def _last_reply(assistant: Assistant, turns: Sequence[str]) -> Reply:
    messages = [Message(role="user", content=turns[0])]
    reply = assistant.answer(messages)
    for turn in turns[1:]:
        messages += [
            Message(role="assistant", content=reply.answer[:MAX_MESSAGE]),
            Message(role="user", content=turn),
        ]
        reply = assistant.answer(messages)
    return reply


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
