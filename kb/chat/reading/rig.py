"""The devices that are there, or thought of, after a message."""

import re
from collections.abc import Sequence
from dataclasses import replace

from kb.catalogue.names import Names
from kb.catalogue.records import Accelerator
from kb.chat.reading.described import NO_CARD, on_processor
from kb.chat.reading.devices import MOST_COUNT, is_unified
from kb.chat.reading.mentions import sized
from kb.chat.reading.message import Read
from kb.chat.reading.situation import Named
from kb.chat.reading.spans import gib_of
from kb.chat.reading.turn import Turn
from kb.text.figures import read as read_figures
from kb.text.numerals import counted
from kb.tools.shared.given import DeviceFigures

_COMPARES = re.compile(
    r"\bgain\b|\bcompar\w+|\bvs\b|\bversus\b|\bbetter\b|\bfaster\b|\bslower\b|\bdifference\b|\bworth\b|\bupgrad\w+"
    r"|^\W{0,3}or\b|\bthan\b|\bwhich (?:one|of)\b|\bover (?:the|my|a)\b|\bjump\b|\bimprove\w*", re.I
)  # fmt: skip
_CHOSEN = re.compile(r"\bthe (first|second|former|latter|last)\b(?! (?:slot|card|gpu|drive|socket))", re.I)
_THE = re.compile(
    r"\b(?:on|the|my) (?:the |my )?(?:gaming |old |new )?(?:(laptop|notebook)|(desktop|tower|pc)|(i?mac(?:book)?))\b",
    re.I,
)
_PLACES = {"first": 0, "former": 0, "second": 1, "latter": -1, "last": -1}
_OR = re.compile(r"^\W{0,3}or\b|\b(?:them|those|these|either)\b", re.I)
ADDS = re.compile(
    r"\b(?:add(?:ing|ed)?|another|plus|together|alongside|as well|on top|in addition|second|combin\w+|next to)\b|^\W{0,3}\+",
    re.I,
)
_COUNTED = re.compile(
    r"(?<![\d.,/])\b(\d{1,2}|(?<=\bon )one|(?<=\bwith )one|(?<=\bonly )one|(?<=\bjust )one|single|two|three|four|five|six"
    r"|eight|a pair|both)\b(?![.,/]\d)"
    r"(?:\s?(?:of\s(?:them|those|these)|cards?|gpus?|ones?|x)\b|\s?\?|\W{0,2}$| together| instead)", re.I
)  # fmt: skip
_OF_THEM = re.compile(r"\b(\d{1,2}|one|two|three|four|five|six|eight) of (?:them|those|these)\b", re.I)
BOTH = re.compile(r"\bboth\b|\btogether\b|\bcombined?\b|\bin (?:one|the same) (?:machine|box|pc|rig)\b", re.I)
_ONE_MORE = re.compile(
    r"\b(?:a (?:second|third|fourth|2nd|3rd|4th)|another|one more|an additional)\b(?: one| card| gpu|\W|$)", re.I
)
_WITHOUT = re.compile(
    r"\b(?:drop(?:ped|ping)?|without|remov(?:e|ed|ing)|tak(?:e|ing) out|pull(?:ed|ing)? out|leav(?:e|ing) out|sell(?:ing)?|sold|get(?:ting)? rid of|minus)"
    r" (?:the|my|that|one|both)\b",
    re.I,
)
WHICH = re.compile(r"\bwhich\b|\bbetter\b|\bof (?:them|those|these)\b|\bcompared?\b", re.I)
MOST_COMPUTERS = 4
"""Of one kind side by side; a larger number said of one is its memory."""
MOST_WORDS_OF_A_COUNT = 12
"""In a longer message a number counts other things too."""


def devices_after(
    before: Turn, said: Read, names: Names, goes_on: bool, corrects: bool, carried: list[str]
) -> tuple[Named, ...]:
    """What the message says of devices, against those that are known of."""
    now, known = said.situation, before.situation.devices
    if _is_remark_of_processor(said, known):
        now = replace(now, devices=())
    only_memory = all(named.figures is not None for named in now.devices)
    if (corrects or said.fragment) and only_memory and (resized := _resized(known, now.text, names)):
        return resized
    if not now.devices:
        if goes_on and len(before.tried) > 1 and WHICH.search(now.text):
            carried += [named.label for named in before.tried]
            return before.tried
        if goes_on and len(known) > 1 and (chosen := _CHOSEN.search(now.text)):
            known = (known[_PLACES[chosen[1].lower()]],)
        elif named := _pointed_at(before.met, now.text, names):
            known, goes_on = (named,), True
        if not (goes_on and known):
            same_rig = known if now.models and not before.situation.alternatives else ()
            known = same_rig or (() if now.terms and not now.models else before.owned)
        if said.fragment and (resized := _resized(known, now.text, names)):
            return resized
        carried += [named.label for named in known]
        count = recounted(now.text) if goes_on else None
        of_ram = bool(known) and all(is_of_ram(names, named) for named in known)
        if count and (count > MOST_COMPUTERS if of_ram else not any(map(may_be_several, known))):
            # "and with 32?" of a laptop is its memory
            return tuple(with_memory(named, float(count), names) for named in known)
        if count is None or (len(known) > 1 and BOTH.search(now.text)):
            return tuple(known)
        counted_anew = tuple(replace(named, count=min(count or named.count + 1, MOST_COUNT)) for named in known)
        if (
            len(known) == 1 and known[0].standing == "has" and count == 0
        ):  # one more is thought of, beside what is there
            return (*known, replace(counted_anew[0], standing="considers"))
        return counted_anew
    if corrects and known:
        return _corrected(known, now.devices)
    if goes_on and known and all(named.kind == "cpus" for named in now.devices):
        kept = [named for named in known if named.kind != "cpus"]
        carried += [named.label for named in kept]
        return (*kept, *now.devices)
    if said.more:
        return with_more(now.devices, said.more, known)
    if goes_on and known and _WITHOUT.search(now.text) and (left := _left(known, now.devices)):
        carried += [named.label for named in left]
        return left
    others = [
        named
        for named in known
        if not any(named.candidates == new.candidates and named.figures == new.figures for new in now.devices)
    ]
    if goes_on and ADDS.search(now.text) and others:
        carried += [named.label for named in others]
        return (*others, *now.devices)
    if _COMPARES.search(now.text) and others and len(now.devices) == 1:
        beside = [named for named in before.owned if named in others] or others
        if _OR.search(now.text):
            beside = [*beside, *(named for named in others if named not in beside)]
        carried += [named.label for named in beside]
        considered = replace(now.devices[0], standing="considers" if now.devices[0].standing != "has" else "has")
        return (*beside, considered)
    return now.devices


def _pointed_at(met: Sequence[Named], text: str, names: Names) -> Named | None:
    """*On the laptop*, *can the Mac do it*: of several devices the one that is so."""
    words = _THE.search(text)
    if words is None:
        return None
    laptop, desktop, _ = words.groups()
    of_apple = [named for named in met if _is_of_apple(named, names)]
    portable = [named for named in met if is_portable(named, names) or named in of_apple]
    meant = portable if laptop else [named for named in met if named not in portable] if desktop else of_apple
    return meant[0] if len(meant) == 1 and len(met) > 1 else None


def _is_of_apple(named: Named, names: Names) -> bool:
    if isinstance(named.figures, DeviceFigures):
        return named.figures.backend == "metal"
    return bool(named.candidates) and names.vendor(named.kind, named.match.slug) == "Apple"


def is_portable(named: Named, names: Names) -> bool:
    record = names.record(named.match) if named.candidates else None
    laptop = isinstance(record, Accelerator) and record.segment == "laptop"
    return laptop or (isinstance(named.figures, DeviceFigures) and named.figures.portable)


def _left(known: Sequence[Named], gone: Sequence[Named]) -> tuple[Named, ...]:
    """What is there when others are taken out: all of them, or as many as are said."""
    left: list[Named] = []
    for named in known:
        out = next((one for one in gone if set(one.candidates) & set(named.candidates)), None)
        if out is None:
            left.append(named)
        elif named.count > out.count:
            left.append(replace(named, count=named.count - out.count))
    return tuple(left)


def _is_remark_of_processor(said: Read, known: Sequence[Named]) -> bool:
    """*It only uses the CPU*, of a machine whose graphics card is known: the card is still there."""
    text = said.situation.text
    card = any(named.kind in ("accelerators", "machines") or named.figures for named in known)
    return bool(card and not said.fragment and on_processor(text) and not NO_CARD.search(text))


def may_be_several(named: Named) -> bool:
    """Whether more of it can go into one machine: no computer with its own memory."""
    figures = named.figures
    return not (isinstance(figures, DeviceFigures) and (figures.backend == "cpu" or figures.unified_memory))


def is_of_ram(names: Names, named: Named) -> bool:
    """Whether what it runs models from is the RAM that was told."""
    return is_unified(names, named) or (named.figures is not None and not may_be_several(named))


def recounted(text: str) -> int | None:
    """How many of them are spoken of; 0 for one more."""
    if of_them := _OF_THEM.search(text):
        return counted(of_them[1])
    if len(text.split()) > MOST_WORDS_OF_A_COUNT:
        return None
    if _ONE_MORE.search(text):
        return 0
    found = _COUNTED.search(text)
    if not found or any(figure.dimension or figure.kind == "name" for figure in read_figures(found[0])):
        return None
    return counted(found[1])


def _resized(known: Sequence[Named], text: str, names: Names) -> tuple[Named, ...] | None:
    """``I meant the 12gb one``: the same name with another memory."""
    for figure in read_figures(text):
        if figure.dimension == "bytes" and not figure.per:
            changed = tuple(with_memory(named, gib_of(figure), names) for named in known)
            if any(new is not old for new, old in zip(changed, known, strict=True)):
                return changed
    return None


def with_memory(named: Named, size: float, names: Names) -> Named:
    if isinstance(named.figures, DeviceFigures) and not may_be_several(named):
        name = re.sub(r"(?<![\d.])[\d.]{1,8} GB", f"{size:g} GB", named.figures.name)
        return replace(named, name=name, figures=named.figures.model_copy(update={"name": name, "memory_gib": size}))
    if named.figures is not None or not named.candidates:
        return named
    called = _without_size(named.match.label)
    stem = re.sub(r"-\d+gb$", "", named.match.slug)
    same = [other for other in names.starting_with(named.kind, stem) if _without_size(other.label) == called]
    sold = sized(names, named.candidates, size) or sized(names, same, size)
    name = re.sub(r"(?i)\s?\d{1,4}\s?GB$", "", named.name)
    return replace(named, candidates=sold, name=f"{name} {size:g}GB") if sold else named


def _without_size(label: str) -> str:
    """Without its memory, and the number of cores by which a chip is sold: no other chip is called so."""
    return re.sub(r"\s?\([^()]{0,20}core[^()]{0,20}\)|\s?\d{1,4}\s?GB$", "", label)


def _corrected(known: Sequence[Named], new: Sequence[Named]) -> tuple[Named, ...]:
    """What is named now in the place of what was; the rest of the machine stays."""
    processors = {named.kind == "cpus" for named in new}
    kept = [named for named in known if (named.kind == "cpus") not in processors]
    replaced = next((named for named in known if (named.kind == "cpus") in processors), None)
    if replaced is None:
        return (*known, *new)
    return (*(replace(named, standing=replaced.standing) for named in new), *kept)


def with_more(devices: Sequence[Named], more: Sequence[Named], known: Sequence[Named] = ()) -> tuple[Named, ...]:
    """*Another 3090* beside one that is there, or that it tells of: two of them are considered."""
    result = list(known)
    for named in devices:
        if named not in more:
            result.append(named)
            continue
        like = set(named.candidates)
        same = [one for one in (*known, *devices) if one not in more and like.intersection(one.candidates)]
        if not same:
            same = [replace(named, count=1, standing="has")]
            result += same
        count = max(one.count for one in same) + named.count
        result.append(replace(named, candidates=same[0].candidates, count=count, standing="considers"))
    return tuple(result)


def owned_of(devices: Sequence[Named]) -> tuple[Named, ...]:
    return tuple(device for device in devices if device.standing == "has")
