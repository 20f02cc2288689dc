"""From a situation to tool calls: slots filled by what was said, defaults with their reasons, or a question back."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from kb.catalogue.records import MediaModel
from kb.chat.answering.filling import (
    MOST_CASES,
    MOST_READINGS,
    computer_of,
    is_any_of_several,
    meant,
    plain,
    slower_run,
    untold,
    values_of,
)
from kb.chat.reading.situation import Named, Situation
from kb.chat.reading.uses import is_of_text
from kb.tools.asks import AskFile, AskSlot, Role
from kb.tools.base import Registry

MOST_ASKS = 3
ALSO_ASKED = 0.5
"""A second ask is answered too from here on: it was asked rather than not."""
UNCLEAR = 0.25
"""Below this the likeliest ask is a guess."""
SUSPECTED = 0.1
"""From here on a claim is held against what sources disagree on: nothing is said where they do not."""
HALF = 0.5
"""Below this a question that names a term and nothing else is left to the passages."""
A_STORY = 14
"""Words from which on a message tells circumstances, of which a calculation takes only the figures."""
ANYTHING = "search_passages"
"""What answers where no calculator can: the passages."""
MOST_OF_A_QUERY = 2000
DEVICE_SLOTS = ("device", "devices")
MODEL_SLOTS = ("model", "models")
UNKNOWN_MODEL = "If you tell me how many parameters it has, I can work it out by that."
UNKNOWN_DEVICE = "If you tell me how much memory it has, and how fast that memory is in GB/s, I can work it out."


@dataclass(frozen=True)
class Step:
    """One tool call. ``stated`` are arguments that the user gave, ``assumed`` the slots left to defaults."""

    tool: str
    arguments: Mapping[str, Any]
    stated: frozenset[str] = frozenset()
    assumed: tuple[AskSlot, ...] = ()
    beside: bool = False
    """Its answer is a line beside another tool's."""
    left_out: tuple[str, ...] = ()
    """Of more cases than are worked out, what the others differ in."""


@dataclass(frozen=True)
class Missing:
    """What the user has to say first; no ``question`` where it is a name that they gave and nobody knows."""

    slot: str
    question: str


@dataclass(frozen=True)
class Plan:
    asks: tuple[str, ...]
    """What is answered: tools' names, the first first."""
    steps: tuple[Step, ...] = ()
    missing: Missing | None = None


def plan(tools: Registry, situation: Situation) -> Plan:
    """Calls for the likeliest ask, for another that is nearly as likely, and for a check of what is claimed."""
    steps: list[Step] = []
    asked: list[str] = []
    missing: Missing | None = None
    wanted = _wanted(tools, situation)
    checks = [ask for ask in wanted if _is_a_check(tools, ask)]
    for ask in (ask for ask in wanted if ask not in checks):
        for found in _steps(tools, ask, situation):
            if isinstance(found, Missing):
                missing = missing or found
            elif all((found.tool, found.arguments) != (step.tool, step.arguments) for step in steps):
                steps.append(found)
                if found.tool not in asked and not found.beside:
                    asked.append(found.tool)
    if not steps and checks != wanted and (missing is None or missing.question):
        # In general first; what is missing is asked for behind it.
        steps, asked = [passages_of(situation)], [ANYTHING]
    checking = [step for ask in checks for step in _steps(tools, ask, situation) if isinstance(step, Step)]
    claimed = checks[:1] == wanted[:1] or (situation.hearsay and asked == [ANYTHING])
    steps = checking + steps if claimed else steps + checking
    asks_back = not asked or (asked == [ANYTHING] and not situation.hearsay)
    return Plan((*asked, *checks), tuple(steps), missing if asks_back and missing and missing.question else None)


def is_about_something(situation: Situation) -> bool:
    media = any(named.kind == MediaModel.kind for named in situation.others)
    return media or bool(situation.models or situation.devices or situation.unknown)


def passages_of(situation: Situation) -> Step:
    return Step(ANYTHING, {"query": (situation.query or situation.text)[:MOST_OF_A_QUERY]}, frozenset({"query"}))


def _wanted(tools: Registry, situation: Situation) -> list[str]:
    ranked = [ask for ask in situation.asks if ask in tools]
    if over := _taking_over(tools, situation, ranked[0] if ranked else ""):
        return [over]
    if _are_apart(situation):
        return [ANYTHING]
    new_use = "use" not in situation.carried and not situation.named_now and bool(situation.carried)
    named = _of_named(tools, situation)
    if not is_of_text(situation.use) and not named and (new_use or _is_of_text(tools, next(iter(situation.asks), ""))):
        return [ANYTHING]
    if not ranked or situation.asks[ranked[0]] < UNCLEAR:
        if len(situation.text.split()) >= A_STORY:
            return [ANYTHING]  # told at length, and no calculator is asked
        bare = _bare(tools, situation) if situation.named_now or not situation.carried else []
        bare = [named] if bare and _tells(tools, named, situation) else bare
        return bare or [ask for ask in ranked[:1] if situation.asks[ask] >= UNCLEAR / 2]
    if situation.asks[ranked[0]] < HALF and situation.terms and not is_about_something(situation) and untold(situation):
        return [ANYTHING]  # asked of a matter, in words of which no calculator is sure
    ranked = _with_both(tools, situation, ranked)
    first = tools.asks(ranked[0])
    # What somebody is said to have said is a claim, whatever words it is told in.
    suspected = [tool.name for tool in tools if situation.hearsay or situation.asks.get(tool.name, 0.0) >= SUSPECTED]
    checks = [ask for ask in suspected if _is_a_check(tools, ask)]
    least = UNCLEAR if ranked[0] in checks else ALSO_ASKED
    also = [ask for ask in ranked[1:MOST_ASKS] if situation.asks[ask] >= least]
    wanted = [ranked[0], *(ask for ask in also if first is None or ask not in first.instead_of)]
    return list(dict.fromkeys((*wanted, *checks)))


_COMBINES = re.compile(r"\bcombin(?:e|ed|ing)\b|\bpool(?:ed|ing)?\b|\bcluster(?:ed|ing)?\b", re.I)


def _are_apart(situation: Situation) -> bool:
    """Whether different computers are to work as one: no calculator takes them together."""
    different = len({named.candidates for named in situation.devices if named.candidates}) > 1
    machines = any(named.kind == "machines" for named in situation.devices)
    return (situation.together or bool(_COMBINES.search(situation.text))) and different and machines


def _with_both(tools: Registry, situation: Situation, ranked: list[str]) -> list[str]:
    """Without the likeliest ask where another one, not unlikely either, tells of it too."""
    for ask in ranked[1:MOST_ASKS]:
        asks = tools.asks(ask)
        if (
            asks
            and ranked[0] in asks.beside
            and situation.asks[ask] >= UNCLEAR
            and len(list(_cases(asks, situation))) < 2
        ):
            return [ask, *(other for other in ranked[1:] if other != ask)]
    return ranked


def _is_a_check(tools: Registry, ask: str) -> bool:
    asks = tools.asks(ask)
    return asks is not None and asks.checks


def _is_of_text(tools: Registry, ask: str) -> bool:
    """Whether a tool chooses among text models, or nothing does."""
    asks = tools.asks(ask) if ask in tools else None
    return asks is None or any(slot.role == "use" for slot in asks.slots.values())


def _taking_over(tools: Registry, situation: Situation, ask: str) -> str:
    """The tool that holds what is considered against what is there, or that works for the use which is named, where the
    words ask for one of its neighbours."""
    first = tools.asks(ask) if ask in tools else None
    if first and first.of_one_model and _is_of_one_model(situation):
        return first.of_one_model
    if first and first.of_together and situation.together and len(situation.devices) > 1:
        return first.of_together
    new = any(named.standing == "considers" and named.label not in situation.carried for named in situation.devices)
    held_against = (new or situation.alternatives) and not situation.together
    for tool in tools:
        asks = tools.asks(tool.name)
        if not asks or not asks.when or ask not in asks.instead_of or _missing(asks, situation):
            continue
        if "considered" in asks.when and not held_against:
            continue
        if all(values_of(situation, role) for role in asks.when):
            return tool.name
    for tool in tools:
        asks = tools.asks(tool.name)
        if asks and asks.of_use and situation.use == asks.of_use and ask in asks.instead_of:
            return tool.name
    for tool in tools if len(situation.models) == 1 else ():
        asks = tools.asks(tool.name)
        if asks and asks.of_figure and ask in asks.instead_of and values_of(situation, asks.of_figure):
            return tool.name
    named = _of_named(tools, situation)
    asks = tools.asks(named) if named else None
    # What is trained takes more than what is run: a figure that is asked of it is in no record.
    takes = asks is not None and (
        ask in asks.instead_of or bool(situation.figure_keys and not situation.training_method)
    )
    return named if takes and _tells(tools, named, situation) else ""


_OTHERS = re.compile(
    r"\b(?:models|what else|else|others?|better|instead|besides?|alternatives?|than|more|similar|newer|like)\b", re.I
)
"""Whoever writes this beside a model's name asks for other ones."""


def _is_of_one_model(situation: Situation) -> bool:
    """*The biggest R1 that goes*: of which model is said, and only its quantization is open."""
    named = [one for one in situation.models if one.label not in situation.carried]
    known = len(named) == 1 and len(named[0].candidates) == 1 and not named[0].match.size
    return known and not situation.quantizations and not _OTHERS.search(situation.text)


def _of_named(tools: Registry, situation: Situation) -> str:
    """The tool that works out what is named, where no language model is named beside it."""
    for tool in () if situation.models else tools:
        asks = tools.asks(tool.name)
        if asks and asks.of_named and values_of(situation, asks.of_named):
            return tool.name
    return ""


def _tells(tools: Registry, named: str, situation: Situation) -> bool:
    """Whether no other figure is asked for than the tool works out."""
    asks = tools.asks(named) if named else None
    return asks is not None and asks.tells.issuperset(situation.figure_keys)


def instead(tools: Registry, step: Step, situation: Situation) -> Iterator[Step]:
    """What answers where a tool found nothing."""
    asks = tools.asks(step.tool)
    if asks and asks.otherwise:
        yield from (one for one in _steps(tools, asks.otherwise, situation) if isinstance(one, Step))


def _bare(tools: Registry, situation: Situation, at_least: int = 1) -> list[str]:
    """The tool that answers where only names are given: the one that takes most of them."""

    def is_filled(asks: AskFile, role: Role) -> bool:
        slot = next((name for name, slot in asks.slots.items() if slot.role == role), "")
        return bool(_filling(asks, slot, situation) if slot else values_of(situation, role))

    fitting = [
        (len(asks.bare), tool.name)
        for tool in tools
        if (asks := tools.asks(tool.name))
        and len(asks.bare) >= at_least
        and all(is_filled(asks, role) for role in asks.bare)
    ]
    return [max(fitting)[1]] if fitting and max(fitting)[0] else []


def _steps(
    tools: Registry, ask: str, situation: Situation, beside: bool = False, tried: tuple[str, ...] = ()
) -> Iterator[Step | Missing]:
    """The calls of one tool, or of the one that answers without what is missing."""
    asks = tools.asks(ask)
    if asks is None or ask in tried:
        return
    missing = _missing(asks, situation)
    if missing is not None:
        name, otherwise, question = missing
        if situation.unknown and name in asks.slots and asks.slots[name].role == "spec":
            yield Missing(name, "")  # it was named, and nobody knows it: no other thing's record answers
            return
        others = _steps(tools, otherwise, situation, beside, (*tried, ask)) if otherwise else ()
        instead = [one for one in others if not question or isinstance(one, Step)]
        yield from instead
        if question and not beside and all(isinstance(one, Step) and one.tool == ANYTHING for one in instead):
            yield Missing(name, _asked_for(name, question, situation))
        return
    cases = list(_cases(asks, situation))
    told_apart = all(len(named.candidates) < 2 for named in situation.models)
    most = MOST_CASES if told_apart else MOST_READINGS
    left_out = tuple(dict.fromkeys(one.label for one in cases[most:])) if told_apart else ()
    for one in cases[:most]:
        assumed = tuple(slot for name, slot in asks.slots.items() if slot.because and name not in one.stated)
        yield Step(ask, one.arguments, one.stated, assumed, beside, left_out)
    if len(cases) == 1:
        for other in () if beside else asks.beside:
            yield from _steps(tools, other, situation, True, (*tried, ask))


def _asked_for(slot: str, question: str, situation: Situation) -> str:
    """The question in return; of what was named and is not known, its figures."""
    if not situation.unknown or (slot in MODEL_SLOTS and situation.models):
        return question
    return UNKNOWN_MODEL if slot in MODEL_SLOTS else UNKNOWN_DEVICE if slot in DEVICE_SLOTS else question


def _is_left_out(asks: AskFile, slot: AskSlot, situation: Situation) -> bool:
    return any(values_of(situation, asks.slots[other].role) for other in slot.unless)


def _filling(asks: AskFile, name: str, situation: Situation) -> Sequence[Any]:
    slot = asks.slots[name]
    found = () if _is_left_out(asks, slot, situation) else values_of(situation, slot.role)
    computer = computer_of(situation, slot.of_ram) if slot.of_ram and not found else None
    return (computer,) if computer else found


def _missing(asks: AskFile, situation: Situation) -> tuple[str, str, str] | None:
    """The slot that the question leaves open and the tool needs, what answers without it, and how it is asked for."""
    if asks.longest is not None and len(situation.text.split()) > asks.longest:
        return "", asks.otherwise or ANYTHING, ""
    if asks.text_models and situation.other_models and not situation.models:
        return "", ANYTHING, ""
    if asks.of_layers and situation.models and all(_stands_in(named, situation) for named in situation.models):
        return "", ANYTHING, ""
    for name, slot in asks.slots.items():
        found = _filling(asks, name, situation)
        if (slot.required and not found) or (slot.at_most and len(found) > slot.at_most):
            return name, slot.otherwise, slot.ask_back
    if asks.needs_one_of and not any(_filling(asks, name, situation) for name in asks.needs_one_of):
        return asks.needs_one_of[0], asks.otherwise, asks.ask_back
    return None


def _stands_in(named: Named, situation: Situation) -> bool:
    """Whether it is only the size of a model that nobody knows."""
    size = named.name.casefold()
    return named.name[:1].isdigit() and any(size in name.casefold().split() for name in situation.unknown)


@dataclass
class _Choice:
    """One value of a slot, and what comes with it (a device's count)."""

    values: dict[str, Any] = field(default_factory=dict)
    label: str = ""
    """What tells it from others of its slot."""


@dataclass(frozen=True)
class _Case:
    arguments: dict[str, Any]
    stated: frozenset[str]
    label: str


def _cases(asks: AskFile, situation: Situation) -> Iterator[_Case]:
    """Every combination of what is named more than once, with the names of the slots that were stated."""
    choices: list[list[_Choice]] = []
    counted = next((name for name, slot in asks.slots.items() if slot.role == "device_count"), None)
    told = next((name for name, slot in asks.slots.items() if slot.role == "tokens_per_s"), None)
    several = len(meant(situation)) > 1 and slower_run(situation) is None
    apart = told is not None and (several or any(map(is_any_of_several, meant(situation))))
    for name, slot in asks.slots.items():
        if slot.role == "device_count" or (apart and name == told):
            continue
        found = _filling(asks, name, situation)
        if not found:
            if slot.default is not None and not _is_left_out(asks, slot, situation):
                choices.append([_Choice({name: slot.default})])
            continue
        options = []
        for value in found:
            label = value.label if isinstance(value, Named) else str(value)
            chosen = _Choice({name: plain(value)}, label if len(found) > 1 else "")
            if slot.role == "device" and isinstance(value, Named) and counted and value.count > 1:
                chosen.values[counted] = value.count
            if slot.role == "device" and apart and told and (speed := _speed_on(value, situation)):
                chosen.values[told] = speed
            options.append(chosen)
        choices.append(options)
    for combination in product(*choices):
        if not _belong_together(situation, combination):
            continue
        arguments = {key: value for choice in combination for key, value in choice.values.items()}
        stated = frozenset(name for name in arguments if _is_stated(asks, name, situation))
        yield _Case(arguments, stated, ", ".join(choice.label for choice in combination if choice.label))


def _belong_together(situation: Situation, combination: Sequence[_Choice]) -> bool:
    """Whether a model stands with its own quantization, where each of several is named with one: *a 32B at 8 bits, the
    72B at 4*."""
    models, types = situation.models, situation.quantizations
    if not 1 < len(models) == len(types):
        return True
    named = [name for pair in zip(models, types, strict=True) for name in (pair[0].name, pair[1].name)]
    places = [situation.text.find(name) for name in named]
    if -1 in places or places != sorted(places):
        return True
    labels = {choice.label for choice in combination}
    of_model, of_type = ([at for at, one in enumerate(group) if one.label in labels] for group in (models, types))
    return not of_model or not of_type or of_model == of_type  # a tool may take only one of the two, or all at once


def _speed_on(device: object, situation: Situation) -> float | None:
    """The speed that was told of this device; of several as one machine, that which is none of theirs alone. What
    nobody knows exactly (*a MacBook Pro*) has none: it would be judged by another's."""
    told = [speed for speed in situation.speeds if speed.speed_is != "wanted"]
    if isinstance(device, Named):
        named = next(one for one in situation.devices if one.name == device.name)
        if is_any_of_several(named):
            return None
        unplaced = named is meant(situation)[0] and not any(speed.device for speed in told)
        return next((speed.tokens_per_s for speed in told if speed.device == named.name or unplaced), None)
    alone = {named.name for named in situation.devices} if len(told) > 1 else set()
    return next((speed.tokens_per_s for speed in told if speed.device not in alone), None)


def _is_stated(asks: AskFile, name: str, situation: Situation) -> bool:
    return asks.slots[name].role == "device_count" or bool(_filling(asks, name, situation))
