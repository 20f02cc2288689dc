"""What the steps of a plan gave."""

from dataclasses import dataclass, replace

from kb.catalogue.records import Record
from kb.chat.answering.hearing import MAY_ANSWER, goes_on_telling, whole_story
from kb.chat.answering.plan import ANYTHING, HALF, UNCLEAR, Missing, Plan, Step, instead
from kb.chat.reading.situation import Situation
from kb.chat.reply import ToolCall
from kb.errors import KnowledgeBaseError, MissingArgument
from kb.search.live import Index
from kb.tools import TOOLS, InvalidArguments
from kb.tools.search_passages.tool import SearchAnswer


@dataclass(frozen=True)
class Ran:
    """A step with what it gave; ``number`` is that of its call among all of the answer."""

    step: Step
    number: int
    result: Record


def run(index: Index, situation: Situation, planned: Plan, calls: list[ToolCall]) -> tuple[list[Ran], Plan, list[str]]:
    """What the steps gave, added to ``calls``; the plan, with what a tool found missing; and what tools refused."""
    ran: list[Ran] = []
    problems: list[str] = []
    waiting, failed = list(planned.steps), list[Step]()
    while waiting:
        step = waiting.pop(0)
        try:
            result = TOOLS[step.tool].call(index, step.arguments)
        except MissingArgument as error:
            if planned.missing is None and not step.beside:
                planned = replace(planned, missing=Missing(error.field, error.question))
        except InvalidArguments:  # a slot was filled with what the tool does not take: no word for the user
            failed.append(step)
        except KnowledgeBaseError as error:
            asks = TOOLS.asks(step.tool)
            if not (asks and asks.checks):  # a claim that no source disputes is no word for the user
                problems.append(str(error))
            failed.append(step)
        else:
            result = _in_talk(result, situation)
            shown = result.model_dump(mode="json")
            calls.append(ToolCall(name=step.tool, arguments=dict(step.arguments), result=shown))
            ran.append(Ran(step, len(calls) - 1, result))
        if not waiting and not ran and failed:
            waiting = [other for one in failed for other in instead(TOOLS, one, situation)]
            failed.clear()
    if all(one.step.beside for one in ran):  # what they stood beside could not be worked out
        ran = [replace(one, step=replace(one.step, beside=False)) for one in ran]
    return ran, planned, problems


def without_told(index: Index, situation: Situation, planned: Plan) -> Plan:
    """Where a story goes on, without the passage that was told of it before, if another may answer too."""
    if situation.earlier is None or not goes_on_telling(situation):
        return planned
    told = [one.passage.passage_id for one in index.searcher.answering(whole_story(situation.earlier))[:1]]
    others = [one for one in index.searcher.answering(situation.query) if one.passage.passage_id not in told]
    if not others or others[0].probability < MAY_ANSWER:
        return planned
    steps = (
        replace(step, arguments={**step.arguments, "leave_out": told}) if step.tool == ANYTHING else step
        for step in planned.steps
    )
    return replace(planned, steps=tuple(steps))


def _in_talk(result: Record, situation: Situation) -> Record:
    """What may answer is near enough, where a talk on our matter goes on in words that passages hardly use."""
    calculated = max((odd for ask, odd in situation.asks.items() if ask in TOOLS and ask != ANYTHING), default=0.0)
    asked = situation.earlier and (situation.asks.get(ANYTHING, 0.0) >= HALF or calculated < UNCLEAR)
    if asked and isinstance(result, SearchAnswer) and result.hits and (result.hits[0].answers or 0.0) >= MAY_ANSWER:
        return result.model_copy(update={"near": True})
    return result


def is_answered(one: Ran) -> bool:
    """Whether a passage answers: then nothing has to be asked back."""
    found = one.result
    return isinstance(found, SearchAnswer) and found.near and (found.hits[0].answers or 0.0) >= MAY_ANSWER


def is_strange(one: Ran) -> bool:
    return isinstance(one.result, SearchAnswer) and one.result.strange
