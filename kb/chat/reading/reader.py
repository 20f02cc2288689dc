"""A conversation to a :class:`Situation`: the last message, with what earlier ones left standing."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Protocol

from kb.catalogue.names import Names
from kb.catalogue.records import MediaModel
from kb.chat.reading.fragments import TELLING, stated
from kb.chat.reading.language import ENGLISH
from kb.chat.reading.message import Read, read_message
from kb.chat.reading.rig import (
    ADDS,
    BOTH,
    MOST_WORDS_OF_A_COUNT,
    WHICH,
    devices_after,
    is_of_ram,
    may_be_several,
    owned_of,
    recounted,
    with_memory,
    with_more,
)
from kb.chat.reading.roles import RoleReader
from kb.chat.reading.situation import Named, Quantities, Situation
from kb.chat.reading.training import at_bits
from kb.chat.reading.turn import Turn
from kb.chat.reading.uses import is_of_text
from kb.tools import TOOLS
from kb.tools.shared.given import DeviceFigures

MOST_CONVERSATION = 16_000
"""Characters of all messages that are read, the last ones first."""
CLASSIFIED_TURNS = 4
"""Of how many turns it is asked what they ask: each costs as much as all the rest of its reading."""
FOLLOW_UP = "follow_up"
"""The ask of a fragment that goes on from the turn before (*and with two?*)."""
GOES_ON = 0.5
"""How likely that ask must be."""
CLEAR = 0.3
"""How likely an ask must be to be a message's own, where the message goes on from the turn before."""
CONTINUED = 0.9
"""How likely the ask is with which a fragment goes on."""
PASSAGES = "search_passages"
"""What is asked where no calculator is."""
COMPARING, FIGURES = "compare_devices", "lookup_spec"
"""What *which would you take* asks of several devices, and *what about power* of those that are known."""
MOST_BACK = 8
"""Turns that are looked back for it."""
SHORT = 6
"""Words; a message of no more that names no subject of its own goes on from the turn before."""


_KEPT = ("system_memory_gb", "memory_type", "memory_channels", "system_bandwidth_gb_per_s", "memory_in_use_gb", "memory_free_gb", "psu_w", "power_limit_w",
    "price_per_kwh", "kwh_currency", "currency", "system")  # fmt: skip
"""What is true of the person or of their machine, whatever is asked next."""
_OF_ONE_ASK = frozenset(
    {
        "size_gb",
        "memory_needed_gb",
        "cache_gb",
        "tokens_per_s",
        "speed_is",
        "prefill_tokens_per_s",
        "wait_s",
        "watts",
        "rent_per_hour",
        "prompt_tokens",
        "output_tokens",
        "requests",
        "batch_size",
        "measured_gb",
    }
)
"""What belonged to the question before, unless the same one is gone on with."""
_OF_ONE_RUN = frozenset({"tokens_per_s", "speed_is", "prefill_tokens_per_s", "wait_s"})
"""What was measured of one model on one machine: with another it says nothing."""
_OF_RAM = frozenset({"system_memory_gb"})
_OF_ONE_MODEL = frozenset({"model", "model_name"})
_HOW_IT_RUNS = ("quantizations", "context", "users", "kv_cache_type")

_GOES_ON = re.compile(
    r"^\W{0,3}(?:and|or|but|also|what about|how about|what if|then|so|ok(?:ay)?|with|on|at|in|same|now|if|no|sorry|wait"
    r"|actually|i meant?|make (?:it|that)|yes|yeah|yep|sure|even|only|just|plus|still|hm+|instead|why)\b"
    r"|\b(?:it|its|them|they|their|that|those|this one|this|these|the same|instead|both|that one|one)\b", re.I
)  # fmt: skip
_DEFINES = re.compile(
    r"\b(?:what(?:'?s| is| are| does| do)|explain|define|meaning of|difference between|how (?:does|do) .{1,40}\bwork)\b",
    re.I,
)
_CORRECTS = re.compile(
    r"^\W{0,3}(?:no\b|nope|wait\b|sorry\b|actually\b|correction|i meant?\b|oops|my (?:bad|mistake))|\bi meant?\b|\bnot the\b"
    r"|\brather the\b|\bmake (?:it|that)\b|\bit'?s (?:actually )?(?:the|a)\b", re.I
)  # fmt: skip
_COMPARATIVE = re.compile(
    r"\b(?:cheap|fast|slow|quiet|loud|strong|small|larg|bigg|cool|hott|old|new|pric|thrift)i?er\b", re.I
)
_RAM = re.compile(
    r"\b(?:put|with|have|had|get|got|take|took|add|to|upgrade|go|if)\b[^.?!\d]{0,12}?"
    r"\b(8|12|16|24|32|48|64|96|128|192|256|512)\b(?=\W*$| (?:in|instead|then|of|there|ram)\b)", re.I
)  # fmt: skip
"""*What if I put 32 in*: a size of RAM without its unit, where that of the machine was told."""
_WHICH_ONE = re.compile(
    r"\bwhich (?:one|of (?:those|these|them)|would you|do you)\b|\bwhat would you (?:take|pick|choose|do)\b|\bdecide for me\b"
    r"|\bwhich (?:should|shall) i\b", re.I
)  # fmt: skip
MOST_WORDS_OF_WHICH = 12
_REPLACES = re.compile(
    r"\b(?:buy|get|purchase)(?:ing)?\b[^.?!]{0,20}\b(?:new|another|different|other|better) one\b", re.I
)
_IT = re.compile(r"\b(?:it|its|them|they|that|those|this|these|same|one|both)\b", re.I)


class Asks(Protocol):
    """Says what a text asks for, in which names are replaced by what they stand for."""

    def probabilities(self, text: str, present: Collection[str] = ()) -> dict[str, float]: ...


def read(messages: Sequence[str], names: Names, asks: Asks | None = None, roles: RoleReader | None = None) -> Situation:
    """``messages`` are the user's, oldest first. Without ``asks`` nothing is said of what is asked, without ``roles``
    nothing of what figures are for."""
    turns = _turns(messages, names, roles)
    return turns[-1].situation if asks is None else _with_asks(turns, asks)


def _turns(messages: Sequence[str], names: Names, roles: RoleReader | None) -> list[Turn]:
    turns: list[Turn] = []
    for message in _within(messages):
        before = turns[-1] if turns else None
        said = read_message(message, names, roles, before.situation.language if before else ENGLISH)
        turns.append(_next(before, said, names))
    return turns


_PRESENT = {
    "quantizations": "quantization", "terms": "term", "kv_cache_type": "kv_cache_type", "context": "context",
    "users": "users", "budget": "budget", "system_memory_gb": "ram", "tokens_per_s": "speed", "watts": "watts",
    "psu_w": "psu", "price_per_kwh": "price_per_kwh", "hours_per_day": "hours", "size_gb": "size", "vram_gib": "size",
    "rent_per_hour": "rent", "engine": "engine", "options": "options", "gpu_layers": "options",
}  # fmt: skip
"""What of a situation the reader of asks is told, in the words of ``slots.yaml``."""
_PRESENT_KINDS = {
    "cpus": "cpu", "motherboards": "board", "storage": "drive", "interconnects": "link", "engines": "engine",
}  # fmt: skip


def present(situation: Situation) -> frozenset[str]:
    return frozenset(_present(situation))


def _present(situation: Situation) -> Iterator[str]:
    models = [*situation.models, *(one for one in situation.others if one.kind == MediaModel.kind)]
    for name, count in (("model", len(models)), ("device", len(situation.devices))):
        yield from (name,) if count else ()
        yield from (f"two_{name}s",) if count > 1 else ()
    yield from (mark for name, mark in _PRESENT.items() if getattr(situation, name))
    for named in (*situation.devices, *situation.others):
        yield from (_PRESENT_KINDS[named.kind],) if named.kind in _PRESENT_KINDS else ()


def _within(messages: Sequence[str]) -> list[str]:
    """The last messages, as many as are read."""
    kept: list[str] = []
    left = MOST_CONVERSATION
    for message in reversed(messages):
        if left <= 0:
            break
        kept.append(message[:left])
        left -= len(message)
    return kept[::-1]


def _with_asks(turns: Sequence[Turn], asks: Asks) -> Situation:
    asked = _Asked(turns, asks)
    odds = {at: dict(asked.odds(at)) for at in range(len(turns) - 1, max(-1, len(turns) - 1 - CLASSIFIED_TURNS), -1)}
    earlier: Situation | None = None
    for at in sorted(odds):
        before = next(iter(earlier.asks), "") if earlier else ""
        earlier = replace(turns[at].situation, asks=odds[at], earlier_ask=before, earlier=earlier)
    assert earlier is not None  # there is a message
    return earlier


class _Asked:
    """What each turn asks, likeliest first; a turn that only goes on asks what the one before it asked."""

    def __init__(self, turns: Sequence[Turn], asks: Asks) -> None:
        self.turns, self.asks = turns, asks
        self.known: dict[int, dict[str, float]] = {}
        self.left = CLASSIFIED_TURNS

    def odds(self, at: int) -> dict[str, float]:
        if at not in self.known:
            self.known[at] = self._odds(at)
        return self.known[at]

    def _odds(self, at: int) -> dict[str, float]:
        turn = self.turns[at]
        if turn.fragment and (earlier := self._earlier(at)):
            return {earlier: CONTINUED}
        if turn.fragment and at and self._tells_of_a_passage(at):
            return {PASSAGES: CONTINUED}
        if turn.fragment and turn.states == _TOGETHER:
            return {}  # what they do together is asked without a word for it
        if turn.fragment and turn.states in (_COMPARED, _FIGURES):
            return {COMPARING if turn.states == _COMPARED else FIGURES: CONTINUED}
        said = self._classified(turn)
        goes_on = said.pop(FOLLOW_UP, 0.0)
        ranked = dict(sorted(said.items(), key=lambda item: -item[1]))
        likeliest = max(ranked.values(), default=0.0)
        sure = likeliest >= GOES_ON and turn.situation.named_now
        if turn.situation.only_names and not sure and not (at and self.odds(at - 1)):
            return {}  # what is worked out for such names is known without a word for it
        beside_us = "use" in turn.states and next(iter(ranked), "") not in TOOLS and likeliest < CONTINUED
        if at and turn.goes_on and (goes_on >= max(GOES_ON, likeliest) or likeliest < CLEAR or beside_us):
            earlier = self._earlier(at) if turn.states else ""
            return (
                {earlier: CONTINUED, **{ask: odd for ask, odd in ranked.items() if ask != earlier}}
                if earlier
                else ranked
            )
        return ranked

    def _classified(self, turn: Turn) -> dict[str, float]:
        if not turn.plain.strip() or self.left <= 0:
            return {}
        self.left -= 1
        situation = turn.situation
        carried = [one.label for one in situation.terms if one.label in situation.carried]
        plain = _IT.sub(carried[0], turn.plain, count=1) if carried else turn.plain
        return dict(self.asks.probabilities(plain, present(situation)))

    def _tells_of_a_passage(self, at: int) -> bool:
        """*It has 16 GB though*, after what no calculator was asked for: more of the same story."""
        ask, odd = next(iter(self.odds(at - 1).items()), ("", 0.0))
        return ask == PASSAGES and odd >= GOES_ON and not self.turns[at].situation.named_now

    def _earlier(self, at: int) -> str:
        """The last question that takes something of what this turn states."""
        states, found = self.turns[at].states, ""
        for before in range(at - 1, max(-1, at - 1 - MOST_BACK), -1):
            ask, odd = next(iter(self.odds(before).items()), ("", 0.0))
            known = TOOLS.asks(ask) if ask in TOOLS else None
            takes = {slot.role for slot in known.slots.values()} if known else set()
            if known and odd >= CLEAR and (not states or (states & takes and states & TELLING <= takes)):
                if states <= _OF_RAM and takes & _OF_ONE_MODEL:
                    found = found or ask  # of other RAM it is asked what it runs, where that was asked
                else:
                    return ask
        return found


def _next(before: Turn | None, said: Read, names: Names) -> Turn:
    now = said.situation
    if before is None:
        devices = with_more(now.devices, said.more)
        situation = replace(now, devices=devices)
        situation = _without_processor(situation, said)
        return Turn(
            situation, said.plain, said.unknown_models, owned_of(devices), False, said.fragment, stated(now), devices,
            _habits(situation, {}), devices,
        )  # fmt: skip
    goes_on = said.fragment or _is_going_on(now)
    if goes_on and (size := _ram_alone(before, now)):
        now = replace(now, system_memory_gb=size)
        said = replace(said, situation=now)
    corrects = goes_on and bool(_CORRECTS.search(now.text))
    taken: dict[str, Any] = {}
    carried: list[str] = []
    devices = devices_after(before, said, names, goes_on, corrects, carried)
    if goes_on:
        _carry_names(before, said, names, taken, carried)
    for item in fields(Quantities):
        earlier = getattr(before.situation, item.name)
        same_run = item.name in _OF_ONE_RUN and not now.named_now  # "my 4090 does 12 t/s", "is that normal?"
        kept = item.name in _KEPT or said.fragment or (goes_on and (item.name not in _OF_ONE_ASK or same_run))
        if item.name in _OF_ONE_RUN and (now.models or now.devices or now.quantizations) and not corrects:
            continue
        if kept and earlier is not None and earlier != "" and getattr(now, item.name) in (None, ""):
            taken[item.name] = earlier
            carried.append(item.name)
    if goes_on:
        known_method = before.situation.training_method
        full = said.fragment and known_method and re.search(r"\bfull\b", now.text, re.I)
        if known_method and now.quantizations:
            known_method = at_bits("lora" if known_method == "qlora" else known_method, now.quantizations)
        taken["training_method"] = now.training_method or ("full" if full else known_method)
        taken["sharding"] = now.sharding or before.situation.sharding
        another = now.models or now.devices or now.quantizations
        taken["out_of_memory"] = now.out_of_memory or (before.situation.out_of_memory and not another)
        taken["engine"] = now.engine or before.situation.engine
        taken["use"] = now.use or before.situation.use
        taken["tensor_parallel"] = now.tensor_parallel or before.situation.tensor_parallel
        carried += ["use"] if taken["use"] and not now.use else []
        taken["other_models"] = now.other_models or not is_of_text(taken["use"])
        if len(now.text.split()) <= SHORT and (now.devices or now.others):
            taken["figure_keys"] = now.figure_keys or before.situation.figure_keys
    for name, habit in before.habits.items() if now.models or taken.get("models") else ():
        if not getattr(now, name) and not taken.get(name):
            taken[name] = habit
            carried += [named.label for named in habit] if name == "quantizations" else [name]
    unchanged = bool(devices) and set(devices) <= set(before.situation.devices)
    compares = len(devices) > 1 and len(now.devices) == 1 and not now.together
    taken["alternatives"] = now.alternatives or compares or (unchanged and before.situation.alternatives)
    taken["unknown_processor"] = before.situation.unknown_processor
    taken["together"] = now.together or (
        len({named.candidates for named in devices}) > 1
        and (
            bool(said.more)
            or bool(ADDS.search(now.text))
            or bool(not now.devices and BOTH.search(now.text))
            or _unchanged(devices, before)
        )
    )
    hosts = [
        one.figures.memory_gib for one in devices if isinstance(one.figures, DeviceFigures) and not may_be_several(one)
    ]
    if hosts and hosts[0] and not now.system_memory_gb and taken.get("system_memory_gb"):
        taken["system_memory_gb"] = hosts[0]
    # What a Mac or a computer without a card runs models from is its own RAM, not that of the one spoken of before.
    if now.system_memory_gb or not _is_another_computer(names, now.devices, before.situation.devices):
        memory = now.system_memory_gb or (taken.get("system_memory_gb") if now.devices else None)
        devices = tuple(
            with_memory(one, memory, names)
            if memory and is_of_ram(names, one) and not (one in now.devices and _is_sized(one))
            else one
            for one in devices
        )
    computers = [one for one in devices if not may_be_several(one) or one.kind == "machines"]
    taken["replaces"] = bool(goes_on and computers and _REPLACES.search(now.text))
    situation = replace(now, **taken, devices=devices, carried=tuple(dict.fromkeys(carried)), goes_on=goes_on)
    situation = _without_processor(situation, said)
    unknown_models = tuple(name for name in situation.unknown if name in (*said.unknown_models, *before.unknown_models))
    owned = owned_of(devices) or before.owned
    tried = devices if now.alternatives or not goes_on or corrects else tuple(
        dict.fromkeys((*(before.tried or before.situation.devices), *devices))
    )  # fmt: skip
    states = stated(now) | _said_of(said, now, 0 if now.devices else len(devices))
    if taken.get("training_method") != before.situation.training_method:
        states |= {"training_method"}
    if said.fragment and len(devices) > 1 and not situation.models and now.alternatives:
        states = _COMPARED
    if said.fragment and not now.devices and len(devices) > 1 and WHICH.search(now.text) and not states:
        states = _COMPARED
    judged = (
        goes_on and taken["alternatives"] and len(devices) > 1 and not now.devices and _COMPARATIVE.search(now.text)
        and len(now.text.split()) <= SHORT
    )  # fmt: skip
    if judged:
        states = _COMPARED
    if states == _TOGETHER:
        situation = replace(situation, named_now=True)
    asks_which = (
        goes_on and not now.named_now and len(now.text.split()) <= MOST_WORDS_OF_WHICH and _WHICH_ONE.search(now.text)
    )
    if asks_which and not states and taken["alternatives"] and len(devices) > 1:
        states = _COMPARED
    fragment = said.fragment or bool(judged) or bool(asks_which)
    habits = _habits(situation, before.habits)
    met = tuple(dict.fromkeys((*devices, *before.met)))
    return Turn(situation, said.plain, unknown_models, owned, goes_on, fragment, states, tried, habits, met)


def _habits(situation: Situation, known: Mapping[str, Any]) -> Mapping[str, Any]:
    if situation.models or "?" in situation.text or _DEFINES.search(situation.text):
        return known
    return {**known, **{name: told for name in _HOW_IT_RUNS if (told := getattr(situation, name))}}


def _is_another_computer(names: Names, now: Sequence[Named], known: Sequence[Named]) -> bool:
    """Whether one that runs models from its own RAM is named beside what is known of."""
    described = all(one.figures is not None for one in known)  # what is named now may be the name of that one
    return any(is_of_ram(names, one) and (_is_sized(one) or not described) for one in now if one not in known)


def _is_sized(named: Named) -> bool:
    """Whether its memory was named with it."""
    return bool(named.candidates) and named.match.memory_gib is not None


def _ram_alone(before: Turn, now: Situation) -> float | None:
    if not before.situation.system_memory_gb or stated(now) or len(now.text.split()) > MOST_WORDS_OF_A_COUNT:
        return None
    found = _RAM.search(now.text)
    return float(found[1]) if found else None


_TOGETHER, _COMPARED, _FIGURES = frozenset({"together"}), frozenset({"compared"}), frozenset({"figure_keys"})


def _said_of(said: Read, now: Situation, known: int) -> frozenset[str]:
    """*And two of them?* and *both together* say something of the devices."""
    if known > 1 and BOTH.search(now.text):
        return _TOGETHER
    return frozenset(("device", "cards", "owned")) if said.fragment and recounted(now.text) is not None else frozenset()


def _without_processor(situation: Situation, said: Read) -> Situation:
    """Beside a device that runs models, an unknown processor is a remark."""
    known = [named for named in situation.devices if named.candidates and named.kind != "cpus"]
    if not known or not said.unknown_processors:
        return situation
    unknown = tuple(name for name in situation.unknown if name not in said.unknown_processors)
    return replace(situation, unknown=unknown, unknown_processor=said.unknown_processors[0])


def _unchanged(devices: Sequence[Named], before: Turn) -> bool:
    return before.situation.together and len(devices) == len(before.situation.devices)


def _is_going_on(now: Situation) -> bool:
    """Whether a message goes on from the turn before: it says so, or names nothing to begin anew with."""
    named = now.models or now.devices or now.unknown
    if _GOES_ON.search(now.text) or not (named or ((now.terms or now.others) and _DEFINES.search(now.text))):
        return True
    return len(now.text.split()) <= SHORT and not (now.terms or now.others or (now.models and now.devices))


def _carry_names(before: Turn, said: Read, names: Names, taken: dict[str, Any], carried: list[str]) -> None:
    now, known = said.situation, before.situation
    if not now.models and not said.unknown_models:
        taken["models"] = known.models
        carried += [named.label for named in known.models]
        taken["unknown"] = (*(before.unknown_models if now.devices else known.unknown), *now.unknown)
    elif not now.devices:
        taken["unknown"] = (*now.unknown, *(name for name in known.unknown if name not in before.unknown_models))
    if not now.quantizations and (not now.models or said.fragment or _CORRECTS.search(now.text)):
        taken["quantizations"] = known.quantizations
        carried += [named.label for named in known.quantizations]
    media = tuple(one for one in known.others if one.kind == MediaModel.kind)
    # "Do I need a GPU for it" is about what was spoken of, and not about what a GPU is.
    telling = [one for one in now.terms if not names.is_generic(one.match)]
    if media and not (now.terms or now.others or now.models or said.unknown_models):
        taken["others"] = media
        carried += [named.label for named in media]
    elif not (telling or now.others or now.models or now.devices) and _IT.search(now.text):
        taken["terms"], taken["others"] = known.terms, known.others
        carried += [named.label for named in (*known.terms, *known.others)]
