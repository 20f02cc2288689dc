"""The whole answer of the rules: complete without any language model."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from kb.catalogue.records import Record
from kb.chat.answering.citing import Citations
from kb.chat.answering.correcting import corrections, unknown_names
from kb.chat.answering.disputing import relevant_disputes
from kb.chat.answering.plan import ANYTHING, Missing, Plan, Step, plan
from kb.chat.answering.talking import talk
from kb.chat.reading.situation import Situation
from kb.chat.reply import Citation, QuestionBack, ToolCall
from kb.errors import KnowledgeBaseError, MissingArgument
from kb.search.live import Index
from kb.text import markdown
from kb.text.statements import Basis, Said, Statement, of_kind, state
from kb.tools import TOOLS
from kb.tools.asks import Asked


@dataclass(frozen=True)
class Answer:
    """``text`` is the brief answer, ``details`` what it leaves out; both are made of ``statements``."""

    situation: Situation
    statements: tuple[Said, ...]
    text: str
    details: str
    citations: tuple[Citation, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    question: QuestionBack | None = None
    follow_ups: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    """What each citation says, with its number: all that a language model is shown beside the answer."""
    problems: tuple[str, ...] = ()
    """What tools said of arguments that they do not take."""
    abstained: bool = False
    reason: str | None = None

    @property
    def worded(self) -> tuple[str, ...]:
        """Each statement as words, those first that answer; nothing of a kind that repeats what others claim."""
        told = of_kind(self.statements, "answer"), of_kind(self.statements, "reason", "next")
        more = of_kind(self.statements, "assumption", "detail")
        return tuple(markdown.plain([*told[0], *told[1], *more]))


@dataclass(frozen=True)
class _Ran:
    step: Step
    number: int
    result: Record


def answer(index: Index, situation: Situation) -> Answer:
    if spoken := talk(index, situation):
        text = markdown.brief(spoken.statements, lambda basis: 0)
        return Answer(situation, spoken.statements, text, "", abstained=spoken.abstains, reason=spoken.reason)
    planned = plan(TOOLS, situation)
    calls: list[ToolCall] = []
    ran: list[_Ran] = []
    problems: list[str] = []
    for step in planned.steps:
        try:
            result = TOOLS[step.tool].call(index, step.arguments)
        except MissingArgument as error:
            if planned.missing is None and not step.beside:
                planned = replace(planned, missing=Missing(error.field, error.question))
            continue
        except KnowledgeBaseError as error:
            problems.append(str(error))
            continue
        shown = result.model_dump(mode="json")
        calls.append(ToolCall(name=step.tool, arguments=dict(step.arguments), result=shown))
        ran.append(_Ran(step, len(calls) - 1, result))
    if all(one.step.beside for one in ran):  # what they stood beside could not be worked out
        ran = [replace(one, step=replace(one.step, beside=False)) for one in ran]
    said = list(_said(situation, ran))
    told = {basis for one in said if one.kind == "answer" for basis in one.basis}
    statements: list[Said] = [one for one in corrections(index, situation) if not told.issuperset(one.basis)]
    statements += [*unknown_names(index, situation), *said]
    if not ran:
        statements += _problems(problems)
    if planned.missing:
        statements.append(state("ask", "{question}", question=planned.missing.question))
    if not of_kind(statements, "answer", "quote", "ask", "correction", "unknown"):
        return _abstained(index, situation, calls, problems)
    statements += relevant_disputes(index, situation, planned.asks)
    return _written(index, situation, planned, statements, tuple(calls), tuple(problems))


def _said(situation: Situation, ran: Sequence[_Ran]) -> Iterator[Said]:
    """What each tool says of its results; of several results of one tool, what it says of them side by side."""
    for tool, group in groupby(ran, key=lambda one: one.step.tool):
        several = list(group)
        asked = _asked(situation, tool, several)
        together = TOOLS.side_by_side(tool)
        if len(several) > 1 and together is not None:
            said = together([one.result for one in several], asked)
            yield from _on(said, several)
        else:
            for one in several:
                yield from _on(_beside(TOOLS.say(tool)(one.result, asked), one.step), [one])
        if not several[0].step.beside:
            yield from _assumptions(several[0].step)


def _beside(said: Iterable[Said], step: Step) -> Iterator[Said]:
    """Of what stands beside another tool's answer: its own answer as a reason, and the details."""
    for one in said:
        if not step.beside:
            yield one
        elif one.kind == "answer" and isinstance(one, Statement):
            yield one.as_kind("reason")
        elif one.kind in ("detail", "reason"):
            yield replace(one, kind="detail")


def _on(said: Iterable[Said], ran: Sequence[_Ran]) -> Iterator[Said]:
    """A tool's statements stand on its calls where they name nothing else."""
    calls = tuple(Basis("call", str(one.number)) for one in ran)
    for one in said:
        yield one if one.basis else replace(one, basis=calls)


def _asked(situation: Situation, tool: str, ran: Sequence[_Ran]) -> Asked:
    return Asked(
        tool=tool,
        stated=ran[0].step.stated,
        arguments=ran[0].step.arguments,
        text=situation.text,
        tokens_per_s=situation.tokens_per_s if situation.speed_is in ("measured", "claimed") else None,
        engine=situation.engine,
        use=situation.use,
        beside=ran[0].step.beside,
    )


def _assumptions(step: Step) -> Iterator[Statement]:
    for slot in step.assumed:
        yield state("assumption" if slot.decides else "detail", "{because}", because=slot.because)


def _problems(problems: Sequence[str]) -> Iterator[Statement]:
    for problem in dict.fromkeys(problems):
        yield state("unknown", "That cannot be worked out: {problem}.", problem=problem.rstrip("."))


def _abstained(index: Index, situation: Situation, calls: list[ToolCall], problems: list[str]) -> Answer:
    spoken = talk(index, replace(situation, asks={"out_of_scope": 1.0}))
    assert spoken is not None
    statements = (*_problems(problems), *spoken.statements)
    text = markdown.brief(statements, lambda basis: 0)
    return Answer(
        situation, statements, text, "", tool_calls=tuple(calls), problems=tuple(problems), abstained=True,
        reason="nothing in the knowledge base answers this",
    )  # fmt: skip


def _written(
    index: Index, situation: Situation, planned: Plan, statements: list[Said], calls: tuple[ToolCall, ...],
    problems: tuple[str, ...],
) -> Answer:  # fmt: skip
    numbers = Citations(index, calls)
    text = markdown.brief(statements, numbers.mark)
    details = markdown.details(statements, numbers.mark)
    cited = {(citation.source, citation.section) for citation in numbers.listed}
    for call in calls:
        for citation in call.result.get("citations", ()):
            if (citation["source"], citation["section"]) not in cited:
                numbers.mark(Basis("source", f"{citation['source']}#{citation['section']}"))
    return Answer(
        situation=situation,
        statements=tuple(statements),
        text=text,
        details=details,
        citations=tuple(numbers.listed),
        tool_calls=calls,
        question=QuestionBack(text=planned.missing.question, slot=planned.missing.slot) if planned.missing else None,
        follow_ups=_follow_ups(planned),
        evidence=numbers.evidence(),
        problems=problems,
    )


def _follow_ups(planned: Plan) -> tuple[str, ...]:
    asks = TOOLS.asks(planned.asks[0]) if planned.asks and planned.asks[0] != ANYTHING else None
    return asks.follow_ups[:3] if asks else ()
