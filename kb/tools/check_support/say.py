"""What is said of a program on a device: yes or no, by which interface, and what else runs there."""

import re
from collections.abc import Iterator

from kb.catalogue.records import Interface, System
from kb.text.statements import Basis, Kind, Said, Table, state
from kb.text.wording import joined
from kb.tools.asks import Asked
from kb.tools.check_support.tool import ProgramSupport, SupportAnswer, Way
from kb.tools.shared.naming import the
from kb.tools.start_model.say import SYSTEMS

NAMES: dict[Interface, str] = {
    "cuda": "CUDA", "rocm": "ROCm", "metal": "Metal", "vulkan": "Vulkan", "sycl": "SYCL", "cpu": "the processor",
    "openvino": "OpenVINO", "npu": "the NPU",
}  # fmt: skip
MOST_INSTEAD = 4
_TURNED = re.compile(r"\b(?:drop|end|stop|los|kill|remov|deprecat|abandon|refus|too old|no longer|anymore)\w*", re.I)
"""Who asks whether it was dropped is not told Yes where it runs."""
_GRAPHICS = frozenset({"cuda", "rocm", "metal", "vulkan", "sycl"})
WORDS = {"yes": "yes", "unlisted": "not listed", "no": "no", "unknown": "not known"}


def say(result: SupportAnswer, asked: Asked) -> Iterator[Said]:
    if "program" not in asked.stated:
        yield from _all(result)
        return
    (one,) = result.programs
    if result.device is None:
        yield from _whatever(one, result)
        return
    names = {"program": one.program, "device": the(result.device)}
    basis = Basis("spec", f"engines/{one.slug}")
    if not one.ways:
        yield from _without_interface(one, names)
    else:
        best, *others = one.ways
        yield from _best(result, asked, best, names)
        if best.note and best.support in ("yes", "unlisted"):
            yield state("reason", "{interface}: {note}", basis, interface=NAMES[best.interface], note=best.note)
        for way in {way.interface: way for way in others if way.interface != best.interface}.values():
            yield from _other(way, best)
    if result.instead:
        text = "What runs there: {instead}."
        yield state("next", text, instead=joined(result.instead[:MOST_INSTEAD]))
    yield state("detail", "{formula}.", formula=result.formula)


def _whatever(one: ProgramSupport, result: SupportAnswer) -> Iterator[Said]:
    """All that a program runs on, where no device is named."""
    if not one.ways:
        yield from _without_interface(one, {"program": one.program})
        return
    on: dict[Interface, tuple[System, ...]] = {}
    for way in one.ways:
        on[way.interface] = tuple(dict.fromkeys((*on.get(way.interface, ()), *way.systems)))
    told = [f"{NAMES[interface]} ({_systems(systems)})" for interface, systems in on.items() if interface in _GRAPHICS]
    there = [NAMES[interface] for interface, systems in on.items() if result.system in systems]
    if result.system and there:
        text = "{program} is offered for {system}, with {there}."
        yield state("answer", text, program=one.program, system=SYSTEMS[result.system], there=joined(there))
    elif result.system:
        text = "{program} is not offered for {system}."
        yield state("answer", text, opens="No: ", program=one.program, system=SYSTEMS[result.system])
        if one.elsewhere:
            yield state("reason", "{elsewhere}", elsewhere=one.elsewhere)
    if told:
        text = "{program} uses graphics cards with {told}."
        kind: Kind = "reason" if result.system else "answer"
        yield state(kind, text, program=one.program, told=joined(told))
    if one.on_processor:
        yield state("reason" if told else "answer", "It runs on the processor alone too, more slowly.")
    if "npu" in on or "openvino" in on:
        npu = joined([NAMES[interface] for interface in ("npu", "openvino") if interface in on])
        yield state("reason", "It can use {npu} as well.", npu=npu)
    for way in one.ways:
        if way.needs:
            text = "With CUDA it needs compute capability {needs} or newer."
            yield state("reason", text, needs=_version(way.needs))
        if way.listed:
            text = "With {interface} its makers list {listed}."
            yield state("detail", text, interface=NAMES[way.interface], listed=joined(way.listed))
        if way.note:
            yield state("detail", "{interface}: {note}", interface=NAMES[way.interface], note=way.note)


def _best(result: SupportAnswer, asked: Asked, way: Way, names: dict[str, str]) -> Iterator[Said]:
    values = {**names, "interface": NAMES[way.interface], "systems": _systems(way.systems)}
    if way.support == "yes":
        text = "{program} runs on {device} with {interface}, on {systems}."
        if way.interface == "cpu":
            text = "{program} runs on {device}, on {systems}."
        yield state("answer", text, opens="" if _TURNED.search(asked.text) else "Yes: ", **values)
    elif way.support == "unlisted":
        text = "{device} is not on the list of {program}: it is {architecture}."
        yield state("answer", text, opens="Not officially: ", architecture=result.architecture or "", **names)
        yield from _listed(way, names["program"])
    elif way.support == "unknown":
        yield state("answer", "My sources do not say whether {program} runs on {device}.", **names)
        if way.needs:
            text = "It needs compute capability {needs} or newer, and that of this device is not in my sources."
            yield state("reason", text, needs=_version(way.needs))
    elif way.needs and way.has is not None and way.has < way.needs:
        text = "{program} needs compute capability {needs} or newer, and {device} has {has}."
        opens = "" if _TURNED.search(asked.text) else "No: "
        yield state("answer", text, opens=opens, needs=_version(way.needs), has=_version(way.has), **names)
        if way.note:
            yield state("detail", "{note}", note=way.note)
    elif way.at_most and way.has is not None and way.has > way.at_most:
        text = "the packages of {program} go up to compute capability {most}, and {device} has {has}."
        yield state("answer", text, opens="No: ", most=_version(way.at_most), has=_version(way.has), **names)
        if way.note:
            yield state("reason", "{note}", note=way.note)
    else:
        text = "with {interface}, which is the way to {device}, {program} is offered for {systems} alone."
        yield state("answer", text, opens=f"Not on {SYSTEMS[result.system]}: " if result.system else "No: ", **values)


def _listed(way: Way, program: str) -> Iterator[Said]:
    if way.listed:
        text = "With {interface} its makers list {listed}."
        yield state("reason", text, interface=NAMES[way.interface], listed=joined(way.listed))
    if way.unlisted:
        yield state("next", "{unlisted}", unlisted=way.unlisted)


def _other(way: Way, best: Way) -> Iterator[Said]:
    """Of another interface than the best one's."""
    if way.support == "yes":
        text = "With {interface} too, on {systems}."
        yield state("reason", text, interface=NAMES[way.interface], systems=_systems(way.systems))
    elif way.support == "unlisted":
        text = "With {interface} the device is not listed."
        yield state("reason", text, interface=NAMES[way.interface])
        if way.unlisted and best.support == "yes":
            yield state("detail", "{unlisted}", unlisted=way.unlisted)
    elif way.support == "no" and way.needs and way.has is not None and way.has < way.needs:
        text = "Not with {interface}: that needs compute capability {needs}, and the device has {has}."
        needs, has = _version(way.needs), _version(way.has)
        yield state("reason", text, interface=NAMES[way.interface], needs=needs, has=has)


def _without_interface(one: ProgramSupport, names: dict[str, str]) -> Iterator[Said]:
    if one.support == "unknown":
        yield state("answer", "My sources do not say what {program} runs on.", program=one.program)
        return
    graphics = [NAMES[interface] for interface in one.interfaces if interface not in ("cpu", "npu")]
    if not graphics:
        yield state("answer", "{program} uses the processor, not {device}.", opens="No: ", **names)
        return
    text = "{program} runs with {interfaces}, and {device} has none of them."
    if len(graphics) == 1:
        text = "{program} runs with {interfaces} alone, which {device} does not have."
    yield state("answer", text, opens="No: ", interfaces=joined(graphics, "or"), **names)
    if one.on_processor:
        yield state("reason", "It runs on the processor beside it, more slowly.")


def _all(result: SupportAnswer) -> Iterator[Said]:
    """A line for each program."""
    device = the(result.device or "")
    runs = [one.program for one in result.programs if one.support == "yes"]
    if not runs:
        yield state("answer", "Of the programs that I know none is made for {device}.", device=device)
        return
    text = "{runs} run on {device}."
    yield state("answer", text, runs=joined(runs[:MOST_INSTEAD]), device=device)
    rows = tuple(
        (
            one.program,
            WORDS[one.support],
            ", ".join(NAMES[way.interface] for way in one.ways if way.support == one.support) or "–",
            ", ".join(SYSTEMS[system] for system in _of_all(one)) or "–",
        )
        for one in result.programs
    )
    yield Table("detail", ("program", "runs", "with", "on"), rows)


def _version(number: float) -> str:
    """
    >>> _version(8.0), _version(12.1)
    ('8.0', '12.1')
    """
    return f"{number:.1f}"


def _of_all(one: ProgramSupport) -> tuple[System, ...]:
    return tuple(dict.fromkeys(system for way in one.ways if way.support == one.support for system in way.systems))


def _systems(systems: tuple[System, ...]) -> str:
    return joined([SYSTEMS[system] for system in systems])
