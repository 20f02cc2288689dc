"""From a situation to tool calls: slots filled by what was said, defaults with their reasons, or a question back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from kb.chat.reading.situation import Named, Situation
from kb.tools.asks import AskFile, AskSlot, Role
from kb.tools.base import Arguments, Registry

MOST_CASES = 4
"""Calls of one tool for one question."""
MOST_ASKS = 2
ALSO_ASKED = 0.3
"""How likely a second ask must be to be answered too."""
UNCLEAR = 0.25
"""Below this the likeliest ask is a guess."""
ANYTHING = "search_passages"
"""What answers where no calculator can: the passages."""


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
    """What the user has to say first."""

    slot: str
    question: str


@dataclass(frozen=True)
class Plan:
    asks: tuple[str, ...]
    """What is answered: tools' names, the first first."""
    steps: tuple[Step, ...] = ()
    missing: Missing | None = None


def plan(tools: Registry, situation: Situation) -> Plan:
    """Calls for the likeliest ask, and for another that is nearly as likely."""
    steps: list[Step] = []
    asked: list[str] = []
    missing: Missing | None = None
    for ask in _wanted(tools, situation):
        for found in _steps(tools, ask, situation):
            if isinstance(found, Missing):
                missing = missing or found
            elif all((found.tool, found.arguments) != (step.tool, step.arguments) for step in steps):
                steps.append(found)
                if found.tool not in asked and not found.beside:
                    asked.append(found.tool)
    if not steps and (missing is None or not _is_about_something(situation)):
        # In general first; what is missing is asked for behind it.
        steps = [step for step in _steps(tools, ANYTHING, situation) if isinstance(step, Step)]
        asked = [ANYTHING]
    return Plan(tuple(asked), tuple(steps), missing if not asked or asked == [ANYTHING] else None)


def _is_about_something(situation: Situation) -> bool:
    """Whether a model or a device is named: then a question in return is nearer than what is true in general."""
    return bool(situation.models or situation.devices or situation.unknown)


def _wanted(tools: Registry, situation: Situation) -> list[str]:
    ranked = [ask for ask in situation.asks if ask in tools]
    if not ranked or situation.asks[ranked[0]] < UNCLEAR:
        return _bare(tools, situation) or ranked[:1]
    return [ask for ask in ranked[:MOST_ASKS] if ask == ranked[0] or situation.asks[ask] >= ALSO_ASKED]


def _bare(tools: Registry, situation: Situation) -> list[str]:
    """The tool that answers where only names are given: the one that takes most of them."""
    fitting = [
        (len(asks.bare), tool.name)
        for tool in tools
        if (asks := tools.asks(tool.name)) and asks.bare and all(values_of(situation, role) for role in asks.bare)
    ]
    return [max(fitting)[1]] if fitting else []


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
        if otherwise:
            yield from _steps(tools, otherwise, situation, beside, (*tried, ask))
        elif question and not beside:
            yield Missing(name, question)
        return
    cases = list(_cases(asks, situation))
    for arguments, stated in cases[:MOST_CASES]:
        assumed = tuple(slot for name, slot in asks.slots.items() if slot.because and name not in stated)
        yield Step(ask, arguments, stated, assumed, beside)
    if len(cases) == 1:
        for other in () if beside else asks.beside:
            yield from _steps(tools, other, situation, True, (*tried, ask))


def _missing(asks: AskFile, situation: Situation) -> tuple[str, str, str] | None:
    """The slot that the question leaves open and the tool needs, what answers without it, and how it is asked for."""
    for name, slot in asks.slots.items():
        if slot.required and not values_of(situation, slot.role):
            return name, slot.otherwise, slot.ask_back
    if asks.needs_one_of and not any(values_of(situation, asks.slots[name].role) for name in asks.needs_one_of):
        return asks.needs_one_of[0], asks.otherwise, asks.ask_back
    return None


@dataclass
class _Choice:
    """One value of a slot, and what comes with it (a device's count)."""

    values: dict[str, Any] = field(default_factory=dict)


def _cases(asks: AskFile, situation: Situation) -> Iterator[tuple[dict[str, Any], frozenset[str]]]:
    """Every combination of what is named more than once, with the names of the slots that were stated."""
    choices: list[list[_Choice]] = []
    counted = next((name for name, slot in asks.slots.items() if slot.role == "device_count"), None)
    for name, slot in asks.slots.items():
        if slot.role == "device_count":
            continue
        found = values_of(situation, slot.role)
        if not found:
            if slot.default is not None:
                choices.append([_Choice({name: slot.default})])
            continue
        options = []
        for value in found:
            chosen = _Choice({name: _plain(value)})
            if slot.role == "device" and isinstance(value, Named) and counted and value.count > 1:
                chosen.values[counted] = value.count
            options.append(chosen)
        choices.append(options)
    for combination in product(*choices):
        arguments = {key: value for choice in combination for key, value in choice.values.items()}
        stated = frozenset(name for name in arguments if _is_stated(situation, asks.slots[name]))
        yield arguments, stated


def _is_stated(situation: Situation, slot: AskSlot) -> bool:
    return slot.role == "device_count" or bool(values_of(situation, slot.role))


def _plain(value: Any) -> Any:
    if isinstance(value, Named):
        value = value.argument
    return value.model_dump(exclude_none=True, exclude_defaults=True) if isinstance(value, Arguments) else value


def values_of(situation: Situation, role: Role) -> Sequence[Any]:
    """What fills a slot of this role: each value where there may be several, a list as one value."""
    match role:
        case "model":
            return [one for named in situation.models for one in _each(named)]
        case "models":
            return _whole([_plain(one) for named in situation.models for one in _each(named)])
        case "device":
            return _devices(situation)
        case "devices":
            return _whole([_counted(one) for named in runners(situation) for one in _each(named)])
        case "cards":
            return _whole([_counted(named) for named in situation.devices if named.kind == "accelerators"])
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
            return situation.terms
        case "terms":
            return _whole([named.argument for named in situation.terms])
        case "spec":
            return _specs(situation)
        case "specs":
            return _whole([_plain(named) for named in _specs(situation)])
        case "figure_keys":
            return _whole(list(situation.figure_keys))
        case "query":
            return [situation.text]
        case "min_memory_gib":
            return _stated(situation.vram_gib)
        case "quiet":
            return _stated(situation.quiet or None)
        case "models_for_a_card":
            # Where the card is named, no model has to choose it.
            named_cards = values_of(situation, "card")
            return () if named_cards else values_of(situation, "models")
        case "size_to_move_gb":
            return _stated(situation.size_gb)
        case "model_if_nothing_is_moved":
            return () if situation.size_gb else values_of(situation, "model")
        case "compared":
            compared = [_counted(one) for named in runners(situation) for one in _each(named)]
            return _whole(compared) if len(compared) > 1 else ()
        case "owned":
            return _joined(_owned(situation))
        case "owned_devices":
            return _whole([_counted(named) for named in situation.devices if named.standing == "has"])
        case "considered":
            owned = _owned(situation)
            return _whole([_counted(named) for named in runners(situation) if named not in owned])
        case "spec_count":
            return [named.count for named in situation.devices if named.count > 1][:1]
        case "machine":
            return [named for named in situation.devices if named.kind == "machines"][:1]
        case "card":
            return [named for named in situation.devices if named.kind == "accelerators"][:1]
        case "card_count":
            return [named.count for named in situation.devices if named.kind == "accelerators" and named.count > 1][:1]
        case "wanted_tokens_per_s":
            return _stated(situation.tokens_per_s) if situation.speed_is == "wanted" else ()
        case "device_count" | "rest_w" | "near_usd":
            return ()
    return _stated(getattr(situation, role) or None)


def _stated(value: Any) -> Sequence[Any]:
    return () if value is None else (value,)


def _whole(values: list[Any]) -> Sequence[Any]:
    return (values,) if values else ()


def _each(named: Named) -> Iterator[Named]:
    """One for each that an ambiguous name may mean."""
    if named.figures is not None:
        yield named
    for match in named.candidates[:MOST_CASES]:
        yield Named(named.name, (match,), None, named.count, named.standing)


def runners(situation: Situation) -> list[Named]:
    """The devices that run a model: a processor only where nothing else does."""
    others = [named for named in situation.devices if named.kind != "cpus"]
    return others or list(situation.devices)


def _devices(situation: Situation) -> Sequence[Any]:
    devices = runners(situation)
    if situation.together and len(devices) > 1 and all(named.candidates for named in devices):
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
