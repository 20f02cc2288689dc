"""The whole answer of the rules: complete without any language model."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from kb.catalogue.names import DEVICE_KINDS
from kb.catalogue.records import Record
from kb.chat.answering.citing import Citations
from kb.chat.answering.correcting import corrections, unknown_names
from kb.chat.answering.disputing import relevant_disputes
from kb.chat.answering.filling import values_of
from kb.chat.answering.hearing import (
    MAY_ANSWER,
    answers,
    gives_way,
    goes_on_telling,
    is_a_story,
    is_apart,
    whole_story,
    with_query,
)
from kb.chat.answering.plan import (
    ANYTHING,
    DEVICE_SLOTS,
    HALF,
    MODEL_SLOTS,
    UNCLEAR,
    Missing,
    Plan,
    Step,
    instead,
    is_about_something,
    passages_of,
    plan,
)
from kb.chat.answering.remembering import remembering
from kb.chat.answering.talking import CERTAIN, UNDERSTOOD, Spoken, beyond, half_read, is_turned, spoken, talk
from kb.chat.reading.fragments import stated
from kb.chat.reading.language import ENGLISH
from kb.chat.reading.situation import Situation
from kb.chat.reply import Citation, QuestionBack, ToolCall
from kb.errors import KnowledgeBaseError, MissingArgument
from kb.search.answering import ANSWERS, Answering
from kb.search.live import Index
from kb.text import markdown
from kb.text.statements import Basis, Kind, Quantity, Said, Statement, Table, of_kind, state
from kb.text.wording import joined
from kb.tools import TOOLS, InvalidArguments
from kb.tools.asks import Asked
from kb.tools.search_passages.say import headed
from kb.tools.search_passages.tool import SearchAnswer

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


@dataclass(frozen=True)
class _Ran:
    step: Step
    number: int
    result: Record


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
    planned = _without_told(index, situation, planned)
    ran, planned, problems = _run(index, situation, planned, calls)
    if not ran and planned.steps and ANYTHING not in (step.tool for step in planned.steps):
        # Nothing could be worked out: what is written about it is better than nothing.
        ran, planned, _ = _run(
            index, situation, replace(planned, asks=(ANYTHING,), steps=(passages_of(situation),)), calls
        )
    strange = any(map(_is_strange, ran))
    told_at_length = is_a_story(situation)
    of_principle = stated(situation) <= {"term", "terms"}  # no figure and no thing: asked how it is in general
    unheard = situation.unknown and not (situation.devices or situation.models) and not told_at_length
    # A calculator that surely is asked goes before a passage that may answer; a conversation has led to the passage.
    heard = heard and (likeliest < CERTAIN or situation.earlier is not None)
    told = heard or answers(index, situation, ANSWERS if likeliest >= CERTAIN else MAY_ANSWER)
    if planned.missing and planned.asks == (ANYTHING,) and (unheard or not told):
        ran, calls = [], []
    said = _once(_said(situation, ran))
    stands_on = {basis for one in said if one.kind == "answer" for basis in one.basis}
    said = [one for one in said if not _is_told_above(one, stands_on)]
    if situation.why:
        said = _reasoned(said)
    elif repeats and ANYTHING not in planned.asks:
        said = [one for one in said if one.kind == "answer" and isinstance(one, Statement)]
    if is_turned(situation.text):
        said = [one.not_opened() if isinstance(one, Statement) else one for one in said]
    statements: list[Said] = [one for one in corrections(index, situation) if not stands_on.issuperset(one.basis)]
    unknown = list(unknown_names(index, situation))
    if planned.asks == (ANYTHING,) and any(map(_is_answered, ran)):  # by what holds whichever it is
        unknown = [one.as_kind("next") if one.kind == "unknown" else one for one in unknown]
    spills = any(getattr(one.result, "in_ram_percent", None) for one in ran)
    statements += [*_with_note(index, situation, planned, said, spills), *unknown]
    statements += _readings(index, situation, {name for one in ran for name in one.step.arguments})
    statements += _guessed_bandwidth(ran)
    statements += _unlimited(situation, ran)
    if left_out := [name for one in ran for name in one.step.left_out]:
        names = joined(list(dict.fromkeys(left_out)), "or")
        statements.append(state("next", "Not worked out here: {names}. Ask about it by itself.", names=names))
    if situation.unknown_processor and situation.unknown_processor in situation.text:
        text = "I have no data on the processor “{name}”; this is worked out without it."
        statements.append(state("next", text, name=situation.unknown_processor))
    if not of_kind(statements, "answer", "quote"):
        statements += _problems(problems)
    if (
        planned.missing
        and not ((told_at_length or heard or of_principle) and any(map(_is_answered, ran)))
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


def _run(
    index: Index, situation: Situation, planned: Plan, calls: list[ToolCall]
) -> tuple[list[_Ran], Plan, list[str]]:
    """What the steps gave, added to ``calls``; the plan, with what a tool found missing; and what tools refused."""
    ran: list[_Ran] = []
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
            ran.append(_Ran(step, len(calls) - 1, result))
        if not waiting and not ran and failed:
            waiting = [other for one in failed for other in instead(TOOLS, one, situation)]
            failed.clear()
    if all(one.step.beside for one in ran):  # what they stood beside could not be worked out
        ran = [replace(one, step=replace(one.step, beside=False)) for one in ran]
    return ran, planned, problems


FEW_WORDS = 4
"""Of a turn that goes on: with no more of them it is not clear what is asked."""
DEVICE_ARGUMENTS = (*DEVICE_SLOTS, "considered", "accelerator", "name")
"""Of the tools, those that take a device."""
ANSWERS_FIRST = 0.5
"""How likely it must to be told before a calculation."""
BEHIND, NEAR = 0.6, 0.55
"""How likely, and how near one of its questions must be to a short one, to be told behind a calculation."""
NOTE_WORDS = 45
BY_NAME = 3
"""Passages found by the whole message, of which one has to be what is found without names."""
SPEEDS = ("tokens_per_s", "prefill_tokens_per_s")


def _repeats(planned: Plan, situation: Situation) -> bool:
    """Whether nothing would be worked out but what the answer before has said."""
    return situation.earlier is not None and planned.steps == plan(TOOLS, situation.earlier).steps


def _with_note(index: Index, situation: Situation, planned: Plan, said: list[Said], spills: bool) -> list[Said]:
    """With what a passage says to the question for which something was calculated; first, where that answers it and
    the question tells circumstances or asks why. That a model ``spills`` into RAM goes before what any passage says."""
    if planned.asks[:1] == (ANYTHING,) or not of_kind(said, "answer"):
        return said
    asks_why, story = _is_unmeasured(planned, situation), is_a_story(situation)
    # Of a model and a device everything is worked out: a note on the two would say it again, with other figures.
    may = story or not (situation.earlier or (situation.models and situation.devices))
    nearest = index.searcher.answering(situation.query)[:1] if may else ()
    told = [one for one in nearest if (one.probability >= MAY_ANSWER if story else _is_near(one))]
    if asks_why:  # names of devices and models lead away from what is asked; without any, too much is alike
        by_name = index.searcher.answering(situation.text)[:BY_NAME]
        known = {one.passage.passage_id for one in by_name if one.probability >= MAY_ANSWER}
        plain = index.searcher.answering(situation.plain)[:1]
        told += [one for one in plain if one.is_heard and one.passage.passage_id in known]
    if not told:
        return said
    found = max(told, key=lambda one: one.probability)
    passage = found.passage
    kind = passage.passage_id.partition(".")[0]
    basis = Basis("passage", passage.passage_id)
    if kind in ("term", "dispute") or index.known.sources[passage.source].kind == "user":
        return said
    if any(basis in one.basis for one in said) or _is_of_others(index, passage.title, situation):
        return said
    note = state("answer", "{text}", basis, text=headed(passage, NOTE_WORDS))
    asks = TOOLS.asks(planned.asks[0]) if planned.asks else None
    takes = {slot.role for slot in asks.slots.values()} if asks else set()
    defines = "term" in takes and situation.asks.get(planned.asks[0], 0.0) >= CERTAIN
    # A comparison of what is named says more than a note on one, and so does what a word means, where that is asked.
    first = not spills and ((story and found.probability >= ANSWERS_FIRST) or (asks_why and found.is_heard))
    if not first or "compared" in takes or defines:
        return [*said, note.as_kind("next")] if story or "compared" not in takes else said
    return [note, *(_behind(one) for one in said if not (isinstance(one, Table) or one.kind == "next"))]


def _is_near(one: Answering) -> bool:
    """Whether it may be told behind what was calculated for a short question."""
    return one.probability >= BEHIND and one.asked >= NEAR


def _is_unmeasured(planned: Plan, situation: Situation) -> bool:
    """Whether it is asked why something is as fast as it is, and no speed is told that figures could explain."""
    asks = TOOLS.asks(planned.asks[0]) if planned.asks else None
    slots = asks.slots.items() if asks else ()
    takes = [slot.role for name, slot in slots if slot.role in SPEEDS and name.startswith("measured")]
    return bool(takes) and not any(values_of(situation, role) for role in takes)


def _is_of_others(index: Index, title: str, situation: Situation) -> bool:
    """Whether a passage is by its title about devices, and none of them is one that the question names."""
    titled = {match.slug for mention in index.names.scan(title, DEVICE_KINDS) for match in mention.matches}
    meant = {match.slug for named in situation.devices for match in named.candidates}
    return bool(titled and meant and titled.isdisjoint(meant))


def _behind(one: Said) -> Said:
    """What was calculated as the first reason of an answer that a passage gives; its own reasons as details."""
    kind: Kind = "reason" if one.kind == "answer" else "detail" if one.kind == "reason" else one.kind
    return replace(one, kind=kind)


def _readings(index: Index, situation: Situation, used: set[str]) -> Iterator[Statement]:
    """How a name was read that may mean several things, where it went into a call by these arguments; and in which
    language the answer is."""
    for named in situation.devices if not used.isdisjoint(DEVICE_ARGUMENTS) else ():
        if len(named.candidates) > 1:
            others = ", ".join(match.label for match in named.candidates[1:3])
            text = "“{name}” was read as {label}, not {others}"
            yield state("assumption", text, name=named.name, label=named.label, others=others)
        sizes = index.names.memory_options(named.match) if named.candidates else ()
        if len(sizes) > 1 and named.match.memory_gib is None and not used <= {"name", "figures", "keys", "terms"}:
            text = "the {label} with {size}, the most that it is sold with"
            yield state("assumption", text, label=named.label, size=Quantity(max(sizes), "GB"))
    for named in situation.models if not used.isdisjoint(MODEL_SLOTS) else ():
        if named.candidates and named.match.size:
            text = "{label} with the layers of {record}"
            yield state("assumption", text, label=named.label, record=named.match.label)
    if "reserved_gib" in used and situation.memory_in_use_gb:
        taken = Quantity(situation.memory_in_use_gb, "GB")
        yield state("assumption", "{taken} of the device's memory kept for other programs, as you say", taken=taken)
    if situation.language != ENGLISH:
        yield state("assumption", "answered in English, the only language that I write")


def _guessed_bandwidth(ran: Sequence[_Ran]) -> Iterator[Statement]:
    """Of a computer that was described: how fast its RAM was taken to be, where a speed depends on it."""
    for one in ran:
        device = one.step.arguments.get("device")
        if not isinstance(device, dict) or "decode_tokens_per_s" not in type(one.result).model_fields:
            continue
        if device.get("bandwidth_assumed"):
            rate = Quantity(device["memory_bandwidth_gb_per_s"], "GB/s")
            yield state("assumption", "RAM of {rate}, as nobody named its kind", rate=rate)
            return


def _unlimited(situation: Situation, ran: Sequence[_Ran]) -> Iterator[Statement]:
    """That a limit of power which was stated is in no speed that was worked out."""
    if not situation.power_limit_w or any("power_limit_w" in one.step.arguments for one in ran):
        return
    if any("decode_tokens_per_s" in type(one.result).model_fields for one in ran):
        limit = Quantity(situation.power_limit_w, "W")
        yield state("assumption", "full power: what a limit of {limit} costs is not in these speeds", limit=limit)


def _without_told(index: Index, situation: Situation, planned: Plan) -> Plan:
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


def _is_answered(one: _Ran) -> bool:
    """Whether a passage answers: then nothing has to be asked back."""
    found = one.result
    return isinstance(found, SearchAnswer) and found.near and (found.hits[0].answers or 0.0) >= MAY_ANSWER


def _is_strange(one: _Ran) -> bool:
    return isinstance(one.result, SearchAnswer) and one.result.strange


def _said(situation: Situation, ran: Sequence[_Ran]) -> Iterator[Said]:
    """What each tool says of its results; of several results of one tool, what it says of them side by side."""
    for tool, group in groupby(ran, key=lambda one: one.step.tool):
        several = _different(situation, list(group))
        asked = _asked(situation, tool, several)
        together = TOOLS.side_by_side(tool)
        if len(several) > 1 and together is not None:
            said = together([one.result for one in several], asked)
            yield from _on(said, several)
        else:
            for one in several:
                yield from _on(_beside(TOOLS.say(tool)(one.result, asked), one.step), [one])
        if not several[0].step.beside:
            yield from _assumptions(several[0])


def _once(said: Iterable[Said]) -> list[Said]:
    """What several results say word for word, once, with all that it stands on."""
    kept: list[Said] = []
    for one in said:
        same = next((at for at, other in enumerate(kept) if replace(other, basis=one.basis) == one), None)
        if same is None:
            kept.append(one)
        else:
            kept[same] = replace(kept[same], basis=tuple(dict.fromkeys((*kept[same].basis, *one.basis))))
    return kept


def _different(situation: Situation, ran: Sequence[_Ran]) -> list[_Ran]:
    """Of results for the records that one name may mean, those that differ in a figure."""
    one_name = {"model"} if len(situation.models) == 1 else set()
    one_name |= {"device"} if len(situation.devices) == 1 else set()
    kept: list[_Ran] = []
    for one in ran:
        figures = list(_figures(one.result.model_dump(exclude={"citations"})))
        if not any(
            _differing(one.step, other.step) <= one_name
            and figures == list(_figures(other.result.model_dump(exclude={"citations"})))
            for other in kept
        ):
            kept.append(one)
    return kept


def _differing(one: Step, other: Step) -> set[str]:
    names = {*one.arguments, *other.arguments}
    return {name for name in names if one.arguments.get(name) != other.arguments.get(name)}


def _figures(value: object) -> Iterator[float]:
    if isinstance(value, int | float):
        yield float(value)
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _figures(item)


def _reasoned(said: Sequence[Said]) -> list[Said]:
    """The answer with its arithmetic in the place of its other reasons."""
    told = [one for one in said if one.kind == "answer"]
    details = [one.as_kind("reason") for one in said if isinstance(one, Statement) and one.kind == "detail"]
    return [*told, *details, *(one for one in said if one.kind not in ("answer", "detail"))]


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


def _is_told_above(one: Said, stands_on: Collection[Basis]) -> bool:
    """A passage beside the answer, where the answer is the same record's."""
    records = [basis for basis in one.basis if basis.kind != "call"]
    return one.kind == "next" and bool(records) and all(basis in stands_on for basis in records)


def _asked(situation: Situation, tool: str, ran: Sequence[_Ran]) -> Asked:
    return Asked(
        tool=tool,
        stated=ran[0].step.stated,
        arguments=ran[0].step.arguments,
        text=situation.text,
        tokens_per_s=situation.tokens_per_s if situation.speed_is in ("measured", "claimed") else None,
        engine=situation.engine,
        use=situation.use,
        out_of_memory=situation.out_of_memory,
        beside=ran[0].step.beside,
    )


def _assumptions(ran: _Ran) -> Iterator[Statement]:
    """The defaults that were taken, with their reasons; a reason may name what the result says was taken."""
    given = {key: value for key, value in ran.result.model_dump().items() if isinstance(value, str)}
    for slot in ran.step.assumed:
        yield state("assumption" if slot.decides else "detail", slot.because, **given)


def _problems(problems: Sequence[str]) -> Iterator[Statement]:
    for problem in dict.fromkeys(problems):
        yield state("unknown", "That cannot be worked out: {problem}.", problem=problem.rstrip("."))


def _abstained(situation: Situation, calls: list[ToolCall], problems: list[str]) -> Answer:
    said = beyond(situation)
    ours = situation.terms or situation.named_now or situation.unknown or problems
    asked_in_words = situation.earlier and len(situation.text.split()) > FEW_WORDS and not said
    nothing = spoken("nothing_found") if ours or asked_in_words else spoken("out_of_scope", said)
    statements = (*_problems(problems), *nothing.statements)
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
