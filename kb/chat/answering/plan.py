"""From a situation to tool calls: slots filled by what was said, defaults with their reasons, or a question back."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from kb.catalogue.names import DEVICE_KINDS
from kb.chat.reading.described import system_bandwidth
from kb.chat.reading.situation import Named, Situation
from kb.chat.reading.uses import is_of_text
from kb.tools.asks import AskFile, AskSlot, Role
from kb.tools.base import Arguments, Registry
from kb.tools.shared.given import DeviceFigures

MOST_CASES = 4
"""Calls of one tool for one question."""
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
DIFFERENT_RUNS = 1.3
"""How many times faster a second speed is another run's, and no range's end."""
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
    steps = checking + steps if checks[:1] == wanted[:1] else steps + checking
    asks_back = not asked or (asked == [ANYTHING] and not situation.hearsay)
    return Plan((*asked, *checks), tuple(steps), missing if asks_back and missing and missing.question else None)


def is_about_something(situation: Situation) -> bool:
    return bool(situation.models or situation.devices or situation.unknown)


def passages_of(situation: Situation) -> Step:
    return Step(ANYTHING, {"query": (situation.query or situation.text)[:MOST_OF_A_QUERY]}, frozenset({"query"}))


def _wanted(tools: Registry, situation: Situation) -> list[str]:
    new_use = "use" not in situation.carried and not situation.named_now and bool(situation.carried)
    if not is_of_text(situation.use) and (new_use or _is_of_text(tools, next(iter(situation.asks), ""))):
        return [ANYTHING]
    ranked = [ask for ask in situation.asks if ask in tools]
    if over := _taking_over(tools, situation, ranked[0] if ranked else ""):
        return [over]
    if not ranked or situation.asks[ranked[0]] < UNCLEAR:
        if len(situation.text.split()) >= A_STORY:
            return [ANYTHING]  # told at length, and no calculator is asked
        bare = _bare(tools, situation) if situation.named_now or not situation.carried else []
        return bare or [ask for ask in ranked[:1] if situation.asks[ask] >= UNCLEAR / 2]
    if (
        situation.asks[ranked[0]] < HALF
        and situation.terms
        and not is_about_something(situation)
        and _untold(situation)
    ):
        return [ANYTHING]  # asked of a matter, in words of which no calculator is sure
    first = tools.asks(ranked[0])
    checks = [ask for ask in ranked if situation.asks[ask] >= SUSPECTED and _is_a_check(tools, ask)]
    least = UNCLEAR if ranked[0] in checks else ALSO_ASKED
    also = [ask for ask in ranked[1:MOST_ASKS] if situation.asks[ask] >= least]
    wanted = [ranked[0], *(ask for ask in also if first is None or ask not in first.instead_of)]
    return list(dict.fromkeys((*wanted, *checks)))


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
    new = any(named.standing == "considers" and named.label not in situation.carried for named in situation.devices)
    for tool in tools if (new or situation.alternatives) and not situation.together else ():
        asks = tools.asks(tool.name)
        if asks and asks.when and ask in asks.instead_of and all(values_of(situation, role) for role in asks.when):
            return tool.name
    for tool in tools:
        asks = tools.asks(tool.name)
        if asks and asks.of_use and situation.use == asks.of_use and ask in asks.instead_of:
            return tool.name
    return ""


def instead(tools: Registry, step: Step, situation: Situation) -> Iterator[Step]:
    """What answers where a tool found nothing."""
    asks = tools.asks(step.tool)
    if asks and asks.otherwise:
        yield from (one for one in _steps(tools, asks.otherwise, situation) if isinstance(one, Step))


def _bare(tools: Registry, situation: Situation, at_least: int = 1) -> list[str]:
    """The tool that answers where only names are given: the one that takes most of them."""
    fitting = [
        (len(asks.bare), tool.name)
        for tool in tools
        if (asks := tools.asks(tool.name))
        and len(asks.bare) >= at_least
        and all(values_of(situation, role) for role in asks.bare)
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
    for arguments, stated in cases[:MOST_CASES]:
        assumed = tuple(slot for name, slot in asks.slots.items() if slot.because and name not in stated)
        yield Step(ask, arguments, stated, assumed, beside)
    if len(cases) == 1:
        for other in () if beside else asks.beside:
            yield from _steps(tools, other, situation, True, (*tried, ask))


def _asked_for(slot: str, question: str, situation: Situation) -> str:
    """The question in return; of what was named and is not known, its figures."""
    if not situation.unknown:
        return question
    return UNKNOWN_MODEL if slot in MODEL_SLOTS else UNKNOWN_DEVICE if slot in DEVICE_SLOTS else question


def _is_left_out(asks: AskFile, slot: AskSlot, situation: Situation) -> bool:
    return any(values_of(situation, asks.slots[other].role) for other in slot.unless)


def _filling(asks: AskFile, name: str, situation: Situation) -> Sequence[Any]:
    slot = asks.slots[name]
    return () if _is_left_out(asks, slot, situation) else values_of(situation, slot.role)


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


def _cases(asks: AskFile, situation: Situation) -> Iterator[tuple[dict[str, Any], frozenset[str]]]:
    """Every combination of what is named more than once, with the names of the slots that were stated."""
    choices: list[list[_Choice]] = []
    counted = next((name for name, slot in asks.slots.items() if slot.role == "device_count"), None)
    told = next((name for name, slot in asks.slots.items() if slot.role == "tokens_per_s"), None)
    apart = told is not None and (len(meant(situation)) > 1 or any(map(_is_any_of_several, meant(situation))))
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
            chosen = _Choice({name: _plain(value)})
            if slot.role == "device" and isinstance(value, Named) and counted and value.count > 1:
                chosen.values[counted] = value.count
            if slot.role == "device" and apart and told and (speed := _speed_on(value, situation)):
                chosen.values[told] = speed
            options.append(chosen)
        choices.append(options)
    for combination in product(*choices):
        arguments = {key: value for choice in combination for key, value in choice.values.items()}
        stated = frozenset(name for name in arguments if _is_stated(asks, name, situation))
        yield arguments, stated


def _compares_runs(situation: Situation) -> bool:
    """Whether several speeds of one thing are told: each is the other's measure, and none is judged alone."""
    told = [speed.tokens_per_s for speed in situation.speeds if speed.speed_is != "wanted"]
    return len(told) > 1 and max(told) > DIFFERENT_RUNS * min(told)


def _is_any_of_several(named: Named) -> bool:
    """Whether it is a product that is sold with several chips."""
    return named.kind == "machines" and len(named.candidates) > 1


def _speed_on(device: object, situation: Situation) -> float | None:
    """The speed that was told of this device; of several as one machine, that which is none of theirs alone. What
    nobody knows exactly (*a MacBook Pro*) has none: it would be judged by another's."""
    told = [speed for speed in situation.speeds if speed.speed_is != "wanted"]
    if isinstance(device, Named):
        named = next(one for one in situation.devices if one.name == device.name)
        if _is_any_of_several(named):
            return None
        unplaced = named is meant(situation)[0] and not any(speed.device for speed in told)
        return next((speed.tokens_per_s for speed in told if speed.device == named.name or unplaced), None)
    alone = {named.name for named in situation.devices} if len(told) > 1 else set()
    return next((speed.tokens_per_s for speed in told if speed.device not in alone), None)


def _is_stated(asks: AskFile, name: str, situation: Situation) -> bool:
    return asks.slots[name].role == "device_count" or bool(_filling(asks, name, situation))


def _plain(value: Any) -> Any:
    if isinstance(value, Named):
        value = value.argument
    return value.model_dump(exclude_none=True, exclude_defaults=True) if isinstance(value, Arguments) else value


def values_of(situation: Situation, role: Role) -> Sequence[Any]:
    """What fills a slot of this role: each value where there may be several, a list as one value."""
    match role:
        case "model":
            return [one for named in situation.models for one in _each(named)]
        case "model_name":
            return [one.name if one.figures else one.argument for named in situation.models for one in _each(named)]
        case "models":
            # A list of models takes one of a size by its name: "70B".
            each = [one for named in situation.models for one in _each(named)]
            return _whole([one.name if one.figures else one.argument for one in each])
        case "device":
            return _devices(situation)
        case "devices":
            return _whole([_counted(one) for named in runners(situation) for one in _each(named)])
        case "cards":
            cards = [_counted(named) for named in _planned(situation) if named.kind == "accelerators"]
            return [[card] for card in cards] if situation.alternatives and not situation.together else _whole(cards)
        case "quantization":
            return situation.quantizations
        case "cpu":
            return [named for named in situation.devices if named.kind == "cpus"][:1]
        case "platform":
            boards = [named for named in situation.others if named.kind == "motherboards"]
            return (boards or [named for named in situation.devices if named.kind == "cpus"])[:1]
        case "drive":
            return [named for named in situation.others if named.kind == "storage"][:1]
        case "link":
            return [named for named in situation.others if named.kind == "interconnects"]
        case "term":
            # "what is its TDP": a figure of what was spoken of, and no definition
            of_carried = [named for named in _specs(situation) if named.label in situation.carried]
            return () if situation.figure_keys and of_carried else _untold(situation)
        case "terms":
            return _whole([named.argument for named in situation.terms])
        case "spec":
            specs = _specs(situation)
            now = [named for named in specs if named.label not in situation.carried]
            if now and not situation.figure_keys and _IT.search(situation.text):
                return [*now, *(named for named in situation.quantizations if named not in now)]  # does it support it?
            return now or (specs if situation.figure_keys else [])
        case "unknown_processor":
            return _stated(situation.unknown_processor or None)
        case "specs":
            return _whole([_plain(named) for named in _specs(situation)])
        case "figure_keys":
            return _whole(list(situation.figure_keys))
        case "models_compared":
            return values_of(situation, "models") if len(situation.models) > 1 else ()
        case "query":
            return [situation.query or situation.text]
        case "told":
            known = situation.terms if situation.earlier_ask == "lookup_term" else ()
            return _whole([f"term.{named.match.slug}" for named in known if named.label in situation.carried])
        case "min_memory_gib":
            described = [named.figures for named in situation.devices if named.standing != "has"]
            sizes = [figures.memory_gib for figures in described if isinstance(figures, DeviceFigures)]
            return _stated(situation.vram_gib) or _stated(next(iter(sizes), None))
        case "quiet":
            return _stated(situation.quiet or None)
        case "budget":  # where nothing is named that it could be the price of
            return _stated(situation.budget) or ([] if situation.devices else _stated(situation.price))
        case "purchase":
            return _stated(situation.price) or _stated(situation.budget)
        case "tokens_per_s" if _compares_runs(situation):
            told = [speed.tokens_per_s for speed in situation.speeds if speed.speed_is != "wanted"]
            alone = all(len(names) < 2 for names in (meant(situation), situation.models, situation.quantizations))
            return told[:MOST_CASES] if alone else ()
        case "context":
            return _stated(situation.context or situation.prompt_tokens)
        case "compared":
            compared = [_counted(one) for named in runners(situation) for one in _each(named)]
            return _whole(compared) if len(compared) > 1 and not situation.together else ()
        case "owned":
            return _joined(_owned(situation))
        case "owned_devices":
            return _whole(
                [_counted(named) for named in situation.devices if named.standing == "has" and named.candidates]
            )
        case "considered":
            owned = _owned(situation)
            return _whole([_counted(named) for named in runners(situation) if named not in owned])
        case "spec_count":
            return [named.count for named in situation.devices if named.count > 1][:1]
        case "machine":
            return [named for named in meant(situation) if named.kind == "machines"][:1]
        case "card":
            return [named for named in meant(situation) if named.kind == "accelerators"][:1]
        case "card_count":
            return [named.count for named in meant(situation) if named.kind == "accelerators" and named.count > 1][:1]
        case "system_bandwidth_gb_per_s":
            bandwidth, assumed = system_bandwidth(situation)
            rated = "-" in (situation.memory_type or "")  # two channels of it are likelier than any other memory
            return (bandwidth,) if rated or not assumed else ()
        case "wanted_tokens_per_s":
            wanted = (speed.tokens_per_s for speed in situation.speeds if speed.speed_is == "wanted")
            carried = situation.tokens_per_s if situation.speed_is == "wanted" else None
            return _stated(next(wanted, carried))
        case "device_count" | "rest_w" | "near_usd":
            return ()
    return _stated(getattr(situation, role) or None)


def _untold(situation: Situation) -> list[Named]:
    """Terms that the answer before has not explained."""
    told = situation.carried if situation.earlier_ask == "lookup_term" else ()
    return [named for named in situation.terms if named.label not in told]


def queries(situation: Situation) -> Iterator[str]:
    """What to look for in the passages, the plainest first: the message, with what its pronouns stand for, with what it
    goes on from."""
    yield situation.text
    carried = [one.label for one in (*situation.terms, *situation.models) if one.label in situation.carried]
    if carried and _IT.search(situation.text) and not any(one.label not in carried for one in situation.terms):
        yield f"{situation.text} {', '.join(carried)}"
    if not is_of_text(situation.use):
        yield f"{situation.use}: {situation.text}"
    if situation.earlier and len(situation.text.split()) < A_STORY:
        yield f"{situation.earlier.text} {situation.text}"
    if not is_of_text(situation.use):
        yield f"{situation.use.removesuffix('s')} models: memory, speed, which cards"


def _stated(value: Any) -> Sequence[Any]:
    return () if value is None else (value,)


def _whole(values: list[Any]) -> Sequence[Any]:
    return (values,) if values else ()


def _each(named: Named) -> Iterator[Named]:
    """One for each that an ambiguous name may mean."""
    if named.figures is not None:
        yield named
    one = (
        named.candidates and named.candidates[0].kind in DEVICE_KINDS
    )  # the likeliest; the answer says how it was read
    for match in named.candidates[: 1 if one else MOST_CASES]:
        yield Named(named.name, (match,), None, named.count, named.standing)


def runners(situation: Situation) -> list[Named]:
    """The devices that run a model: a processor only where nothing else does."""
    others = [named for named in situation.devices if named.kind != "cpus"]
    return others or list(situation.devices)


_IT = re.compile(r"\b(?:it|its|they|them|that|those|this|these)\b", re.I)
_ALL = re.compile(r"\b(?:each|both|all|them|they|either|those|these|which (?:of|card|gpu|one is))\b", re.I)


def meant(situation: Situation) -> list[Named]:
    """The devices that a question about one of them means: where it names none, of what is considered beside what is
    there the last."""
    devices = runners(situation)
    several = len(devices) > 1 and not situation.together
    if not several or any(one.label not in situation.carried for one in devices) or _ALL.search(situation.text):
        return devices
    considered = [one for one in devices if one.standing == "considers"]
    return considered[-1:] if len(considered) < len(devices) and considered else devices


def _planned(situation: Situation) -> list[Named]:
    """What is to be there at last: more of a card is in the place of fewer, and where one takes another's place, it."""
    devices = _at_last(meant(situation))
    considered = [one for one in devices if one.standing == "considers"]
    if situation.together or situation.alternatives or len(considered) == len(devices):
        return devices
    return considered or devices


def _at_last(devices: Sequence[Named]) -> list[Named]:
    """Without fewer of a card of which more are considered."""
    return [
        one
        for one in devices
        if not any(other.candidates == one.candidates and other.count > one.count for other in devices)
        or not one.candidates
    ]


def _devices(situation: Situation) -> Sequence[Any]:
    devices = _at_last(meant(situation)) if situation.together else meant(situation)
    if situation.together and len(devices) > 1 and all(named.kind == "accelerators" for named in devices):
        return [" + ".join(_counted(named) for named in devices)]
    return [one for named in devices for one in _each(named)]


def _owned(situation: Situation) -> list[Named]:
    """What is there: said to be, or named first where another is held against it."""
    devices = runners(situation)
    has = [named for named in devices if named.standing == "has"]
    first = devices[:1] if len(devices) > 1 or not any(named.standing == "considers" for named in devices) else []
    return has or first


def _joined(devices: list[Named]) -> Sequence[Any]:
    """As one machine, where their names can be joined."""
    if len(devices) > 1 and all(named.candidates for named in devices):
        return [" + ".join(_counted(named) for named in devices)]
    return [_counted(named) for named in devices[:1]]


def _counted(named: Named) -> Any:
    argument = _plain(named)
    return f"{named.count}x {argument}" if named.count > 1 and isinstance(argument, str) else argument


def _specs(situation: Situation) -> Sequence[Named]:
    groups = (situation.devices, situation.others, situation.models, situation.quantizations)
    return [named for group in groups for named in group if named.candidates]
