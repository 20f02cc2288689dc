"""What was taken for granted, by what was said and left unsaid."""

from collections.abc import Iterator, Sequence

from kb.chat.answering.plan import DEVICE_SLOTS, MODEL_SLOTS
from kb.chat.answering.running import Ran
from kb.chat.reading.language import ENGLISH
from kb.chat.reading.situation import Situation
from kb.search.live import Index
from kb.text.statements import Quantity, Statement, state

DEVICE_ARGUMENTS = (*DEVICE_SLOTS, "considered", "accelerator", "name")
"""Of the tools, those that take a device."""


def readings(index: Index, situation: Situation, ran: Sequence[Ran]) -> Iterator[Statement]:
    """How a name was read that may mean several things, where it went into a call; and in which language the answer
    is."""
    used = {name for one in ran for name in one.step.arguments}
    for named in situation.devices if not used.isdisjoint(DEVICE_ARGUMENTS) else ():
        if len(named.candidates) > 1:
            others = ", ".join(match.label for match in named.candidates[1:3])
            text = "“{name}” was read as {label}, not {others}"
            yield state("assumption", text, name=named.name, label=named.label, others=others)
        sizes = index.names.memory_options(named.match) if named.candidates else ()
        if len(sizes) > 1 and named.match.memory_gib is None and _tells(ran, f"{max(sizes):g} GB"):
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


def _tells(ran: Sequence[Ran], size: str) -> bool:
    """Whether a result says that it counted so much; what it does not depend on is no word for the user."""
    return any(f" {size} was taken" in note for one in ran for note in getattr(one.result, "assumptions", ()))


def guessed_bandwidth(ran: Sequence[Ran]) -> Iterator[Statement]:
    """Of a computer that was described: how fast its RAM was taken to be, where a speed depends on it."""
    for one in ran:
        device = one.step.arguments.get("device")
        if not isinstance(device, dict) or "decode_tokens_per_s" not in type(one.result).model_fields:
            continue
        if device.get("bandwidth_assumed"):
            rate = Quantity(device["memory_bandwidth_gb_per_s"], "GB/s")
            yield state("assumption", "RAM of {rate}, as nobody named its kind", rate=rate)
            return


def unlimited(situation: Situation, ran: Sequence[Ran]) -> Iterator[Statement]:
    """That a limit of power which was stated is in no speed that was worked out."""
    if not situation.power_limit_w or any("power_limit_w" in one.step.arguments for one in ran):
        return
    if any("decode_tokens_per_s" in type(one.result).model_fields for one in ran):
        limit = Quantity(situation.power_limit_w, "W")
        yield state("assumption", "full power: what a limit of {limit} costs is not in these speeds", limit=limit)
