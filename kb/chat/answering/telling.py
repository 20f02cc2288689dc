"""What results say, in the order in which it is told."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from kb.chat.answering.plan import Step
from kb.chat.answering.running import Ran
from kb.chat.reading.situation import Situation
from kb.text.statements import Basis, Kind, Said, Statement, state
from kb.tools import TOOLS
from kb.tools.asks import Asked


def said_of(situation: Situation, ran: Sequence[Ran]) -> Iterator[Said]:
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


def once(said: Iterable[Said]) -> list[Said]:
    """What several results say word for word, once, with all that it stands on."""
    kept: list[Said] = []
    for one in said:
        same = next((at for at, other in enumerate(kept) if replace(other, basis=one.basis) == one), None)
        if same is None:
            kept.append(one)
        else:
            kept[same] = replace(kept[same], basis=tuple(dict.fromkeys((*kept[same].basis, *one.basis))))
    return kept


def _different(situation: Situation, ran: Sequence[Ran]) -> list[Ran]:
    """Of results for the records that one name may mean, those that differ in a figure."""
    one_name = {"model"} if len(situation.models) == 1 else set()
    one_name |= {"device"} if len(situation.devices) == 1 else set()
    kept: list[Ran] = []
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


def reasoned(said: Sequence[Said]) -> list[Said]:
    """The answer with its arithmetic in the place of its other reasons."""
    told = [one for one in said if one.kind == "answer"]
    details = [one.as_kind("reason") for one in said if isinstance(one, Statement) and one.kind == "detail"]
    return [*told, *details, *(one for one in said if one.kind not in ("answer", "detail"))]


def behind(one: Said) -> Said:
    """What was calculated as the first reason of an answer that a passage gives; its own reasons as details."""
    kind: Kind = "reason" if one.kind == "answer" else "detail" if one.kind == "reason" else one.kind
    return replace(one, kind=kind)


def _beside(said: Iterable[Said], step: Step) -> Iterator[Said]:
    """Of what stands beside another tool's answer: its own answer as a reason, and the details."""
    for one in said:
        if not step.beside:
            yield one
        elif one.kind == "answer" and isinstance(one, Statement):
            yield one.as_kind("reason")
        elif one.kind in ("detail", "reason"):
            yield replace(one, kind="detail")


def _on(said: Iterable[Said], ran: Sequence[Ran]) -> Iterator[Said]:
    """A tool's statements stand on its calls where they name nothing else."""
    calls = tuple(Basis("call", str(one.number)) for one in ran)
    for one in said:
        yield one if one.basis else replace(one, basis=calls)


def is_told_above(one: Said, stands_on: Collection[Basis]) -> bool:
    """A passage beside the answer, where the answer is the same record's."""
    records = [basis for basis in one.basis if basis.kind != "call"]
    return one.kind == "next" and bool(records) and all(basis in stands_on for basis in records)


def _asked(situation: Situation, tool: str, ran: Sequence[Ran]) -> Asked:
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


def _assumptions(ran: Ran) -> Iterator[Statement]:
    """The defaults that were taken, with their reasons; a reason may name what the result says was taken."""
    given = {key: value for key, value in ran.result.model_dump().items() if isinstance(value, str)}
    for slot in ran.step.assumed:
        yield state("assumption" if slot.decides else "detail", slot.because, **given)


def told_problems(problems: Sequence[str]) -> Iterator[Statement]:
    for problem in dict.fromkeys(problems):
        yield state("unknown", "That cannot be worked out: {problem}.", problem=problem.rstrip("."))
