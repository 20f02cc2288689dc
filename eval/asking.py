"""A question put to an assistant as a user would: what comes, when it comes, and how it scores."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from eval.rubric import QuestionClass
from eval.samples import Sample
from eval.scorers import Score, cited, said, score, unscored
from kb.catalogue.records import Record
from kb.chat.assistant import COMPOSED, Assistant
from kb.chat.reply import MAX_MESSAGE, DoneEvent, EvidenceEvent, Message, Reply, TokenEvent
from kb.errors import KnowledgeBaseError

_MARK = re.compile(r"\[(\d{1,3})\]")


class Timing(Record):
    """Of one reply, in seconds from the question. ``first_token_s`` is the language model's first text after the
    grounding, ``tokens_per_s`` its tokens over all the time after the evidence; both None where it wrote nothing."""

    first_evidence_s: float
    first_token_s: float | None
    whole_s: float
    tokens_per_s: float | None


class Asked(Record):
    """``explained`` is the rubric's coverage; None where the question has no class there, or was not scored."""

    score: Score
    question_class: str | None = None
    should_abstain: bool | None = None
    abstained: bool = False
    timing: Timing | None = None
    explained: float | None = None
    points_missing: tuple[str, ...] = ()
    written_by_model: bool = False
    citations_valid: bool | None = None
    """Every mark in the text has its citation."""
    citations_sufficient: bool | None = None
    """What the sample wants cited is, with its mark in the text; None where it wants nothing cited."""


@dataclass(frozen=True)
class Answered:
    reply: Reply
    timing: Timing


def ask(assistant: Assistant, sample: Sample, rubric: Mapping[str, QuestionClass]) -> Asked:
    """The user's turns in order, the assistant's own answers between them; the last one is scored."""
    try:
        answered = converse(assistant, sample.messages)
    except KnowledgeBaseError as error:
        return Asked(score=unscored(sample, f"{type(error).__name__}: {error}"))
    return judge(sample, answered, rubric)


def converse(assistant: Assistant, turns: Sequence[str]) -> Answered:
    """The answer to the last turn."""
    messages = [Message(role="user", content=turns[0])]
    answered = _answered(assistant, messages)
    for turn in turns[1:]:
        messages += [
            Message(role="assistant", content=answered.reply.answer[:MAX_MESSAGE]),
            Message(role="user", content=turn),
        ]
        answered = _answered(assistant, messages)
    return answered


def _answered(assistant: Assistant, messages: Sequence[Message]) -> Answered:
    start = perf_counter()
    evidence_s = first_token_s = None
    composed, length = "", 0
    for event in assistant.stream(messages):
        now_s = perf_counter() - start
        if isinstance(event, EvidenceEvent):
            evidence_s, composed = now_s, event.answer
        elif isinstance(event, TokenEvent):
            length += len(event.text)
            if first_token_s is None and length > len(composed):
                first_token_s = now_s
        elif isinstance(event, DoneEvent):
            first_s = now_s if evidence_s is None else evidence_s
            tokens = event.reply.usage.completion_tokens
            timing = Timing(
                first_evidence_s=first_s,
                first_token_s=first_token_s,
                whole_s=now_s,
                tokens_per_s=tokens / (now_s - first_s) if tokens and now_s > first_s else None,
            )
            return Answered(event.reply, timing)
    raise AssertionError("a stream ends with its reply")


def judge(sample: Sample, answered: Answered, rubric: Mapping[str, QuestionClass]) -> Asked:
    reply = answered.reply
    points = rubric.get(sample.why or "")
    marks = {int(number) for number in _MARK.findall(said(reply))}
    wanted = sample.expect.all_cites
    return Asked(
        score=score(sample, reply),
        question_class=sample.why,
        should_abstain=sample.expect.abstains,
        abstained=reply.abstained,
        timing=answered.timing,
        explained=points.coverage(said(reply)) if points else None,
        points_missing=points.missing(said(reply)) if points else (),
        written_by_model=reply.engine != COMPOSED,
        citations_valid=marks <= {citation.id for citation in reply.citations},
        citations_sufficient=all(cited(one, reply, marks) for one in wanted) if wanted else None,
    )


def middle(values: Iterable[float | None]) -> float | None:
    """The median of what is there."""
    known = [value for value in values if value is not None]
    return median(known) if known else None
