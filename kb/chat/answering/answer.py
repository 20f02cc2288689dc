"""The whole answer of the rules: complete without any language model."""

from dataclasses import dataclass, replace

from kb.chat.answering.assuming import guessed_bandwidth, readings, unlimited
from kb.chat.answering.citing import Citations
from kb.chat.answering.correcting import corrections, unknown_names
from kb.chat.answering.disputing import relevant_disputes
from kb.chat.answering.hearing import MAY_ANSWER, answers, gives_way, is_a_story, is_apart, with_query
from kb.chat.answering.noting import with_note
from kb.chat.answering.plan import ANYTHING, HALF, UNCLEAR, Plan, is_about_something, passages_of, plan
from kb.chat.answering.remembering import remembering
from kb.chat.answering.running import is_answered, is_strange, run, without_told
from kb.chat.answering.talking import CERTAIN, UNDERSTOOD, Spoken, beyond, half_read, is_turned, spoken, talk
from kb.chat.answering.telling import is_told_above, once, reasoned, said_of, told_problems
from kb.chat.reading.fragments import stated
from kb.chat.reading.situation import Situation
from kb.chat.reply import Citation, QuestionBack, ToolCall
from kb.search.answering import ANSWERS
from kb.search.live import Index
from kb.text import markdown
from kb.text.statements import Basis, Said, Statement, of_kind, state
from kb.text.wording import joined
from kb.tools import TOOLS

FEW_WORDS = 4
"""Of a turn that goes on: with no more of them it is not clear what is asked."""
SHARED = 0.75
"""Of a short question: how likely two tools are together, for one of them to be meant for sure."""


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
    def is_written(self) -> bool:
        """Whether it tells what passages and terms say, and nothing was calculated."""
        return bool(self.citations) and all(citation.passage_id or citation.term for citation in self.citations)

    @property
    def worded(self) -> tuple[str, ...]:
        """Each statement as words, those first that answer; nothing of a kind that repeats what others claim."""
        told = of_kind(self.statements, "answer"), of_kind(self.statements, "reason", "next")
        more = of_kind(self.statements, "assumption", "detail")
        return tuple(markdown.plain([*told[0], *told[1], *more]))


def answer(index: Index, situation: Situation) -> Answer:
    if situation.understood < UNDERSTOOD:
        return _talked(situation, half_read(situation))
    remembered = remembering(index, situation, lambda before: {call.name for call in _answer(index, before).tool_calls})
    return _answer(index, remembered)


def _answer(index: Index, situation: Situation) -> Answer:
    situation, heard = with_query(index, situation)
    heard = heard and not (situation.only_names and not situation.earlier)
    likeliest = max(situation.asks.values(), default=0.0)
    alone = heard and situation.query == situation.text
    if not (alone and likeliest < CERTAIN) and (said_so := talk(index, situation)):
        return _talked(situation, said_so)
    planned = plan(TOOLS, situation)
    # Of a model and a device that are named something can be worked out; beside it a passage is told all the same.
    named = situation.only_names or (situation.models and situation.devices)
    # Two tools that share a question tell of the same thing: it is clear that one is meant.
    two = sum(sorted((share for ask, share in situation.asks.items() if ask in TOOLS and ask != ANYTHING))[-2:])
    unsure = (
        likeliest < HALF
        and (is_a_story(situation) or two < SHARED)
        and not (situation.carried or situation.unknown or named)
    )
    if planned.missing and not is_a_story(situation):
        unsure = False  # it is asked for
    repeats = not situation.why and _repeats(planned, situation)
    guessed = situation.earlier is not None and 0 < likeliest < UNCLEAR
    of_no_tool = alone and next(iter(situation.asks), ANYTHING) not in TOOLS
    by_passage = guessed or of_no_tool or (repeats and is_apart(index, situation))
    answered = heard or answers(index, situation, max(likeliest, MAY_ANSWER))
    if (unsure and answered) or (heard and by_passage) or gives_way(index, situation, planned):
        planned = Plan((ANYTHING,), (passages_of(situation),))
    calls: list[ToolCall] = []
    planned = without_told(index, situation, planned)
    ran, planned, problems = run(index, situation, planned, calls)
    if not ran and planned.steps and ANYTHING not in (step.tool for step in planned.steps):
        # Nothing could be worked out: what is written about it is better than nothing.
        ran, planned, _ = run(
            index, situation, replace(planned, asks=(ANYTHING,), steps=(passages_of(situation),)), calls
        )
    strange = any(map(is_strange, ran))
    told_at_length = is_a_story(situation)
    of_principle = stated(situation) <= {"term", "terms"}  # no figure and no thing: asked how it is in general
    unheard = situation.unknown and not (situation.devices or situation.models) and not told_at_length
    # A calculator that surely is asked goes before a passage that may answer; a conversation has led to the passage.
    heard = heard and (likeliest < CERTAIN or situation.earlier is not None)
    told = heard or answers(index, situation, ANSWERS if likeliest >= CERTAIN else MAY_ANSWER)
    if planned.missing and planned.asks == (ANYTHING,) and (unheard or not told):
        ran, calls = [], []
    said = once(said_of(situation, ran))
    stands_on = {basis for one in said if one.kind == "answer" for basis in one.basis}
    said = [one for one in said if not is_told_above(one, stands_on)]
    if situation.why:
        said = reasoned(said)
    elif repeats and ANYTHING not in planned.asks:
        said = [one for one in said if one.kind == "answer" and isinstance(one, Statement)]
    if is_turned(situation.text):
        said = [one.not_opened() if isinstance(one, Statement) else one for one in said]
    statements: list[Said] = [one for one in corrections(index, situation) if not stands_on.issuperset(one.basis)]
    unknown = list(unknown_names(index, situation))
    if planned.asks == (ANYTHING,) and any(map(is_answered, ran)):  # by what holds whichever it is
        unknown = [one.as_kind("next") if one.kind == "unknown" else one for one in unknown]
    spills = any(getattr(one.result, "in_ram_percent", None) for one in ran)
    statements += [*with_note(index, situation, planned, said, spills), *unknown]
    statements += readings(index, situation, ran)
    statements += guessed_bandwidth(ran)
    statements += unlimited(situation, ran)
    if left_out := [name for one in ran for name in one.step.left_out]:
        names = joined(list(dict.fromkeys(left_out)), "or")
        statements.append(state("next", "Not worked out here: {names}. Ask about it by itself.", names=names))
    if situation.unknown_processor and situation.unknown_processor in situation.text:
        text = "I have no data on the processor “{name}”; this is worked out without it."
        statements.append(state("next", text, name=situation.unknown_processor))
    if not of_kind(statements, "answer", "quote"):
        statements += told_problems(problems)
    if (
        planned.missing
        and not ((told_at_length or heard or of_principle) and any(map(is_answered, ran)))
        and (said or is_about_something(situation) or not strange or (situation.earlier and likeliest >= CERTAIN))
    ):
        statements.append(state("ask", "{question}", question=planned.missing.question))
    if not of_kind(statements, "answer", "quote", "ask", "correction", "unknown"):
        return _abstained(situation, calls, problems)
    stands_on |= {basis for one in said if one.kind == "dispute" for basis in one.basis}
    disputes = relevant_disputes(index, situation, planned.asks)
    statements += [one for one in disputes if not stands_on.issuperset(one.basis)]
    return _written(index, situation, planned, statements, tuple(calls), tuple(problems))


def _talked(situation: Situation, said: Spoken) -> Answer:
    text = markdown.brief(said.statements, lambda basis: 0)
    return Answer(
        situation, said.statements, text, "", follow_ups=said.offers, abstained=said.abstains, reason=said.reason
    )


def _repeats(planned: Plan, situation: Situation) -> bool:
    """Whether nothing would be worked out but what the answer before has said."""
    return situation.earlier is not None and planned.steps == plan(TOOLS, situation.earlier).steps


def _abstained(situation: Situation, calls: list[ToolCall], problems: list[str]) -> Answer:
    said = beyond(situation)
    ours = situation.terms or situation.named_now or situation.unknown or problems
    asked_in_words = situation.earlier and len(situation.text.split()) > FEW_WORDS and not said
    nothing = spoken("nothing_found") if ours or asked_in_words else spoken("out_of_scope", said)
    statements = (*told_problems(problems), *nothing.statements)
    text = markdown.brief(statements, lambda basis: 0)
    return Answer(
        situation, statements, text, "", tool_calls=tuple(calls), problems=tuple(problems), abstained=True,
        reason="nothing in the knowledge base answers this",
    )  # fmt: skip


def _written(
    index: Index, situation: Situation, planned: Plan, statements: list[Said], calls: tuple[ToolCall, ...],
    problems: tuple[str, ...],
) -> Answer:  # fmt: skip
    nothing_told = not of_kind(statements, "answer", "quote", "ask", "correction")
    asked_back = None
    if planned.missing and of_kind(statements, "ask"):
        asked_back = QuestionBack(text=planned.missing.question, slot=planned.missing.slot)
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
        question=asked_back,
        follow_ups=_follow_ups(planned),
        evidence=numbers.evidence(),
        problems=problems,
        abstained=nothing_told,
        reason="no record has the name that is asked about" if nothing_told else None,
    )


def _follow_ups(planned: Plan) -> tuple[str, ...]:
    asks = TOOLS.asks(planned.asks[0]) if planned.asks and planned.asks[0] != ANYTHING else None
    return asks.follow_ups[:3] if asks else ()
