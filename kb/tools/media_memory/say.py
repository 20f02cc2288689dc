"""What is said of the memory of a model for pictures, video or sound: whether it fits, in turn or at once, and why."""

import re
from collections.abc import Iterable, Iterator, Sequence

from kb.catalogue.records import StatedMemory
from kb.text.statements import Kind, Quantity, Said, Slot, Statement, Table, state
from kb.text.wording import joined
from kb.tools.asks import Asked
from kb.tools.media_memory.tool import MediaAnswer, PartMemory, Smaller
from kb.tools.shared.naming import gb, the
from kb.tools.shared.saying import notes

MOST_STATED = 2
KEPT = {
    "own": "",
    "shared": ", of memory sold as {sold} of which the system keeps a part",
    "system": ", of {sold} of RAM of which the system keeps a part",
}
COLUMNS = {
    "together": "yes",
    "in_turn": "yes, parts in turn",
    "encoder_on_processor": "yes, text encoder on the processor",
    "layers_in_ram": "only with layers in RAM",
    "none": "no",
}
WAYS = {
    "together": "all parts fit at once",
    "in_turn": "the parts fit in turn",
    "encoder_on_processor": "it fits with the text encoder on the processor",
    "layers_in_ram": "it runs with a part of its layers in RAM",
}
FITTING = ("together", "in_turn", "encoder_on_processor")
_SPEED = re.compile(r"\b(?:fast|faster|speed|slow|long|minutes?|seconds?|time|it/s|s/it)\b", re.I)
NOT_ESTIMATED = "How fast it runs is not estimated here: it depends on computing power and steps, not on memory alone."


def say(result: MediaAnswer, asked: Asked) -> Iterator[Said]:
    names: dict[str, Slot] = {"model": result.model, "quantization": result.quantization}
    told: Smaller | None = None
    if result.device is None:
        yield from _need(result, names)
    elif (told := None if "quantization" in asked.stated else _smaller_file(result)) is not None:
        yield from _with_smaller(result, told, names | {"device": the(result.device)})
    else:
        yield from _verdict(result, names | {"device": the(result.device)})
    yield from _stated(result.stated[:MOST_STATED], "reason")
    yield from _next(result, [way for way in result.smaller if way is not told])
    if _SPEED.search(asked.text):
        yield state("reason", NOT_ESTIMATED)
    if result.system_memory_assumed and result.system_memory_gb:
        yield state("assumption", "{ram} of RAM, as none was named", ram=gb(result.system_memory_gb))
    if len(result.parts) > 1 and "quantization" in asked.stated:
        yield state("assumption", "the text encoder at {quantization} too", quantization=result.quantization)
    for part in result.parts:
        text = "{part}: {params} parameters × {bits} bits = {weights}."
        params = Quantity(part.params / 1e9, "billion")
        bits = Quantity(part.bits_per_weight)
        yield state("detail", text, part=_capital(part.name), params=params, bits=bits, weights=gb(part.weights_gb))
    yield from _stated(result.stated[MOST_STATED:], "detail")
    if result.licence:
        yield state("detail", "Licence: {licence}.", licence=result.licence)
    yield state("detail", NOT_ESTIMATED)
    yield from notes("detail", result.assumptions)


def _need(result: MediaAnswer, names: dict[str, Slot]) -> Iterator[Said]:
    all_of, turn = gb(result.together_gb), gb(result.in_turn_gb)
    if len(result.parts) == 1:
        text = "{model} needs about {all} of memory at {quantization}{work}."
        yield Statement("answer", text, {**names, "all": all_of, "work": _with_work(result)})
        return
    text = "{model} needs about {all} at {quantization} with all its parts loaded{work}, or {turn} with one at a time."
    yield Statement("answer", text, {**names, "all": all_of, "turn": turn, "work": _with_work(result)})
    yield _by_part(result)


def _with_work(result: MediaAnswer) -> str:
    return ", room to work in it" if result.working_gb else " for its weights"


def _by_part(result: MediaAnswer) -> Statement:
    """The largest parts, in one sentence."""
    largest = sorted(result.parts, key=lambda part: -part.weights_gb)[:3]
    slots = ", ".join(f"{{part{at}}} {{gb{at}}}" for at in range(len(largest)))
    values: dict[str, Slot] = {f"part{at}": part.name for at, part in enumerate(largest)}
    values |= {f"gb{at}": gb(part.weights_gb) for at, part in enumerate(largest)}
    return Statement("reason", f"Its weights: {slots}.", values)


def _largest(parts: Iterable[PartMemory]) -> PartMemory:
    return max(parts, key=lambda part: part.weights_gb)


def _verdict(result: MediaAnswer, names: dict[str, Slot]) -> Iterator[Said]:
    largest, have = _largest(result.parts), gb(result.available_gb or 0.0)
    values: dict[str, Slot] = {
        "have": have, "sold": gb(result.sold_as_gb or 0.0),
        "all": gb(result.together_gb), "turn": gb(result.in_turn_gb),
        "part": largest.name, "part_gb": gb(largest.weights_gb),
    }  # fmt: skip
    if result.working_gb:
        values["work"] = gb(result.working_gb)
    kept = KEPT[result.memory_kind]
    beside = ", {work} of it for the work" if result.working_gb else ", the weights alone"
    several = len(result.parts) > 1
    if result.placement == "together":
        whole = " with all its parts" if several else ""
        yield Statement("answer", f"{{model}} at {{quantization}} fits on {{device}}{whole}.", names, opens="Yes: ")
        yield _reason(f"It needs {{all}} of {{have}}{beside}{kept}.", values)
    elif result.placement == "encoder_on_processor":
        text = "{model} at {quantization} fits on {device} when its text encoder works on the processor, from RAM."
        yield Statement("answer", text, names, opens="Yes: ")
        encoder = _largest(part for part in result.parts if part.role == "encoder")
        main = _largest(part for part in result.parts if part.role != "encoder")
        values |= {"part": main.name, "part_gb": gb(main.weights_gb)}
        values |= {"encoder": encoder.name, "encoder_gb": gb(encoder.weights_gb)}
        text = f"The {{encoder}} takes {{encoder_gb}}, and {{have}} can be used{kept}; the {{part}} takes {{part_gb}}."
        yield _reason(text, values)
    elif result.placement == "in_turn":
        text = "{model} at {quantization} fits on {device} when its parts take turns, the others waiting in RAM."
        yield Statement("answer", text, names, opens="Yes: ")
        text = f"One at a time they need {{turn}} of {{have}}{beside}{kept}; all at once would need {{all}}."
        yield _reason(text, values)
    elif result.placement == "layers_in_ram":
        text = "Only with a part of its layers in RAM, which makes it slower: {model} at {quantization} on {device}."
        yield Statement("answer", text, names)
        need = f"one part at a time needs {{turn}}{beside}"
        text = f"The {{part}} alone takes {{part_gb}}; {need}, and {{have}} can be used{kept}."
        yield _reason(text, values)
    else:
        yield Statement("answer", "{model} at {quantization} does not fit on {device}.", names, opens="No: ")
        yield _reason(f"It needs {{all}}{beside}, and {{have}} can be used{kept}.", values)
        if result.system_memory_gb and not result.ram_holds_all:
            text = "Nor do {ram} of RAM hold {weights} of weights and the system."
            yield state("reason", text, ram=gb(result.system_memory_gb), weights=gb(result.weights_gb))
    if result.device_count > 1 and result.placement != "together":
        yield state("reason", "A second card does not add to the room of one part; it can hold the text encoder.")


HOW = {
    "together": "",
    "in_turn": ", when its parts take turns",
    "encoder_on_processor": ", when its text encoder works on the processor",
    "layers_in_ram": ", with a part of its layers in RAM",
}


def _smaller_file(result: MediaAnswer) -> Smaller | None:
    """The largest file that does, where the published one does not; most people run such a file then."""
    ways = result.smaller if result.placement not in FITTING else ()
    return next((one for one in ways if one.placement in FITTING), None) or next(iter(ways), None)


def _with_smaller(result: MediaAnswer, way: Smaller, names: dict[str, Slot]) -> Iterator[Said]:
    """That it runs as a smaller file, before what the published one would take."""
    named = {"model": names["model"], "device": names["device"], "type": way.quantization}
    yield Statement("answer", f"{{model}} runs on {{device}} at {{type}}{HOW[way.placement]}.", named, opens="Yes: ")
    values: dict[str, Slot] = {
        "need": gb(way.required_gb), "have": gb(result.available_gb or 0.0), "sold": gb(result.sold_as_gb or 0.0),
        "published": result.quantization, "turn": gb(result.in_turn_gb),
    }  # fmt: skip
    one = "one part at a time" if len(result.parts) > 1 and way.placement != "together" else "it"
    need = "takes {need} of {have}" if way.placement in FITTING else "takes {need}, and {have} can be used"
    text = f"Then {one} {need}{KEPT[result.memory_kind]}; as it is published, at {{published}}, {{turn}}."
    yield _reason(text, values)


def _reason(text: str, values: dict[str, Slot]) -> Statement:
    return Statement("reason", text, {slot: value for slot, value in values.items() if f"{{{slot}}}" in text})


def _stated(stated: Sequence[StatedMemory], kind: Kind) -> Iterator[Said]:
    for one in stated:
        text = "{by} {says} {gb} ({load})."
        yield state(kind, text, by=_capital(one.by), says=_verb(one), gb=Quantity(one.gb, "GB"), load=one.load)


def _verb(one: StatedMemory) -> str:
    several = one.by == "its makers"
    if one.says == "takes":
        return "state" if several else "states"
    return "ask for a card with" if several else "asks for a card with"


def _next(result: MediaAnswer, ways: Sequence[Smaller]) -> Iterator[Said]:
    parts, values = [], dict[str, Slot]()
    for at, way in enumerate(ways):
        parts.append(f"at {{type{at}}} {_fits(way, result)} ({{need{at}}})")
        values |= {f"type{at}": way.quantization, f"need{at}": gb(way.required_gb)}
    if parts:
        yield Statement("next", f"What would do: {'; or '.join(parts)}.", values)


def _fits(way: Smaller, result: MediaAnswer) -> str:
    if len(result.parts) == 1:
        return "it fits"
    return WAYS[way.placement]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def side_by_side(results: Sequence[MediaAnswer], asked: Asked) -> Iterator[Said]:
    """One line for each model or device."""
    models = list(dict.fromkeys(one.model for one in results))
    devices = [one.device for one in results]
    types = list(dict.fromkeys(one.quantization for one in results))
    by_type = len(types) > 1 and len(results) > len({(one.model, one.device) for one in results})
    labels = [_label(one, len(models) > 1, len(set(devices)) > 1, by_type) for one in results]
    if all(devices):
        yield _which(results, labels, "quantization" in asked.stated)
        columns: tuple[str, ...] = ("case", "fits", "one part at a time", "can use", "would fit")
    else:
        yield state("answer", "That depends on which one is meant: {models}.", models=joined(models, "or"))
        columns = ("model", "all at once", "one part at a time")
    yield Table("answer", columns, tuple(_row(one, label) for one, label in zip(results, labels, strict=True)))
    yield state("assumption", "weights as {types}", types=joined(types))
    if _SPEED.search(asked.text):
        yield state("reason", NOT_ESTIMATED)
    for one in results:
        yield from notes("detail", one.assumptions)


def _which(results: Sequence[MediaAnswer], labels: Sequence[str], stated: bool) -> Statement:
    """Which of them run as they are, which as a smaller file, and which only with layers in RAM."""
    fitting = [label for label, one in zip(labels, results, strict=True) if one.placement in FITTING]
    smaller = [
        f"{label} at {way.quantization}"
        for label, one in zip(labels, results, strict=True)
        if (way := _smaller_file(one)) and way.placement in FITTING and not stated
    ]
    others = [
        label
        for label, one in zip(labels, results, strict=True)
        if label not in fitting and not any(case.startswith(f"{label} at ") for case in smaller)
    ]
    if not fitting and not smaller:
        return state("answer", "none of them fits without layers in RAM.", opens="No, ")
    if not smaller and not others:
        return state("answer", "all of them fit: {fitting}.", opens="Yes, ", fitting=joined(fitting))
    text = "Yes {fitting}" if fitting else "Yes"
    if smaller:
        text += ", and {smaller}" if fitting else " {smaller}"
    if others:
        text += ", but not {others} without layers in RAM"
    values = {"fitting": joined(fitting), "smaller": joined(smaller), "others": joined(others, "or")}
    return Statement("answer", f"{text}.", {name: value for name, value in values.items() if value})


def _label(one: MediaAnswer, by_model: bool, by_device: bool, by_type: bool) -> str:
    said = [
        f"for {one.model}" if by_model else "",
        f"at {one.quantization}" if by_type else "",
        f"on {the(one.device)}" if by_device and one.device else "",
    ]
    return " ".join(word for word in said if word) or one.model


def _row(one: MediaAnswer, label: str) -> tuple[Slot, ...]:
    name = re.sub(r"^(?:for|at|on) (?:the )?", "", label)
    if one.placement is None or one.available_gb is None:
        return (name, gb(one.together_gb), gb(one.in_turn_gb))
    would = one.smaller[0].quantization if one.smaller and one.placement not in FITTING else ""
    return (name, COLUMNS[one.placement], gb(one.in_turn_gb), gb(one.available_gb), f"at {would}" if would else "–")
