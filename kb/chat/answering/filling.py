"""What fills a slot of a tool: the values that a situation has for a role."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from kb.catalogue.names import DEVICE_KINDS
from kb.catalogue.records import MediaModel
from kb.chat.reading.described import processor, system_bandwidth
from kb.chat.reading.situation import Named, Situation, Speed
from kb.tools.asks import Role
from kb.tools.base import Arguments
from kb.tools.shared.given import DeviceFigures
from kb.tools.shared.resolve import BACKEND_NAMES
from kb.tools.shared.running import VISION
from kb.tools.shared.saying import OF_PROMPTS

MOST_CASES = 6
"""Calls of one tool for one question."""
MOST_READINGS = 4
"""Records that one name may mean."""
DIFFERENT_RUNS = 1.18
"""How many times faster a second speed is another run's, and not the same one measured again."""

SHORT_OF = 2.0
"""How many times faster a claimed speed may be, to be what one's own is short of; of a higher one it is asked if it
is possible."""

IT = re.compile(r"\b(?:it|its|they|them|that|those|this|these)\b", re.I)
_AND_MORE = re.compile(
    r"\b(?:and|or) (?:(?:even|also|maybe|what|anything) )?(?:more|bigger|larger|above|beyond|up|else|over)\b"
    r"(?! \w*(?:ram|vram|memory|context|gb|tokens))"
    r"|\bor (?:can|could) it do (?:more|bigger|larger)\b|\b\d+b ?\+", re.I
)  # fmt: skip
_SPLIT_MODE = re.compile(r"(?<![\w-])(?:-sm|--split-mode)\b")
_PROMPT = re.compile(r"\bprompts?\b", re.I)
OLDER_KINDS = ("DDR3", "DDR4")
_JUDGES = re.compile(
    r"\b(?:normal|possible|plausible|believable|realistic|reasonable|expected|legit|true|real|right|ok(?:ay)?|good|bad|slow|fast"
    r"|too (?:low|high|good)|make sense)\b",
    re.I,
)
_OR = re.compile(r"\bor\b|\bvs\b", re.I)
_ALL = re.compile(r"\b(?:each|both|all|them|they|either|those|these|which (?:of|card|gpu|one is))\b", re.I)


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
            planned = [named for named in _planned(situation) if named.kind == "accelerators"]
            if not situation.together and all(named.label in situation.carried for named in planned):
                planned = planned[-1:]  # of several that were thought of, the one that was spoken of last
            cards = [_counted(named) for named in planned]
            return [[card] for card in cards] if situation.alternatives and not situation.together else _whole(cards)
        case "quantization":
            return situation.quantizations
        case "media_model":
            return [one for named in situation.others if named.kind == MediaModel.kind for one in _each(named)]
        case "cpu":
            return [named for named in situation.devices if named.kind == "cpus"][:1]
        case "platform":
            boards = [named for named in situation.others if named.kind == "motherboards"]
            return (boards or [named for named in situation.devices if named.kind == "cpus"])[:1]
        case "drive":
            return [named for named in situation.others if named.kind == "storage"][:1]
        case "link":
            links = [named for named in situation.others if named.kind == "interconnects"]
            return links or _stated(f"{situation.mbit_per_s:g} Mbit/s" if situation.mbit_per_s else None)
        case "split":  # what comes by a line that is sold by its rate is the file
            return _stated("none" if situation.mbit_per_s and not situation.tensor_parallel else None)
        case "hosts":
            return _stated(situation.hosts if _are_spread(situation) else None)
        case "host_link":
            links = [named for named in situation.others if named.kind == "interconnects"]
            spread = _are_spread(situation) or any(
                one.kind == "machines" and one.count > 1 for one in situation.devices
            )
            return links[:1] if spread else ()
        case "term":
            # "what is its TDP": a figure of what was spoken of, and no definition
            of_carried = [named for named in _specs(situation) if named.label in situation.carried]
            return () if situation.figure_keys and of_carried else untold(situation)
        case "terms":
            return _whole([named.argument for named in _terms(situation)])
        case "spec":
            specs = _specs(situation)
            now = [named for named in specs if named.label not in situation.carried]
            if now and not situation.figure_keys and IT.search(situation.text):
                return [*now, *(named for named in situation.quantizations if named not in now)]  # does it support it?
            return now or (specs if situation.figure_keys else [])
        case "unknown_processor":
            return _stated(situation.unknown_processor or None)
        case "specs":
            return _whole([plain(named) for named in _specs(situation)])
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
        case "form" if situation.replaces:
            return _stated(situation.form or "computer")
        case "replaces":
            return _stated(situation.replaces or None)
        case "quiet":
            return _stated(situation.quiet or None)
        case "budget":  # where nothing is named that it could be the price of
            return _stated(situation.budget) or ([] if situation.devices else _stated(situation.price))
        case "purchase":
            return _stated(situation.price) or _stated(situation.budget)
        case "tokens_per_s" if _differ(runs := _told(situation)):
            if slow := slower_run(situation):
                return (slow.tokens_per_s,)
            if (own := [speed for speed in runs if speed.speed_is == "measured"]) and _is_about(own[0], runs[-1]):
                return (own[0].tokens_per_s,)
            return [speed.tokens_per_s for speed in runs[:MOST_CASES]] if _is_of_one(situation) else ()
        case "better_tokens_per_s":
            return _stated(fast.tokens_per_s if (fast := better_run(situation)) else None)
        case "better_engine":
            slow, fast = slower_run(situation), better_run(situation)
            both = slow and fast and slow.engine and slow.engine != fast.engine
            return _stated(fast.engine or None if fast and both else None)
        case "engine" if (slow := slower_run(situation)) and any(speed.engine for speed in situation.speeds):
            return _stated(slow.engine or None)
        case "drafted":
            terms = [term.match.slug for term in situation.terms if term.label not in situation.carried]
            return _stated(bool(situation.draft or "speculative-decoding" in terms) or None)
        case "tokens_waited_for":  # "a 50k context, the full prompt waits 200 s"
            of_context = situation.context if situation.wait_s and _PROMPT.search(situation.text) else None
            return _stated(situation.prompt_tokens or of_context)
        case "backend":
            named = [term.match.slug for term in situation.terms if term.label not in situation.carried]
            backends = [slug for slug in BACKEND_NAMES if slug in named] if "vulkan" in named else []
            return () if len(backends) > 1 and slower_run(situation) else backends  # of two runs it is what differs
        case "options":
            layers = [] if situation.gpu_layers is None else [f"-ngl {situation.gpu_layers}"]
            return _stated(" ".join([*layers, *filter(None, [situation.options])]) or None)
        case "context":
            return _stated(situation.context or situation.prompt_tokens)
        case "compared":
            # "my 5600X without a card, or a 3060?": a processor is one of two, where there is no other.
            alone = len(runners(situation)) < 2 and _OR.search(situation.text)
            rivals = list(situation.devices) if alone else runners(situation)
            compared = [_counted(one) for named in rivals for one in _each(named)]
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
            # Two channels of a rate or of an older kind, and a kind in so many channels, are likelier than any other.
            kind = situation.memory_type or ""
            likely = "-" in kind or (kind and (situation.memory_channels or kind in OLDER_KINDS))
            return (bandwidth,) if likely or not assumed else ()
        case "wanted_tokens_per_s":
            wanted = (speed.tokens_per_s for speed in situation.speeds if speed.speed_is == "wanted")
            carried = situation.tokens_per_s if situation.speed_is == "wanted" else None
            return _stated(next(wanted, carried))
        case "of_prompts":
            return _stated(situation.prompt_tokens or bool(OF_PROMPTS.search(situation.text)) or None)
        case "judged_speed":  # *I get 180: is that possible?*
            told = {"tokens_per_s", "prefill_tokens_per_s"} - set(situation.carried)
            runs = [getattr(situation, name) for name in told if situation.speed_is != "wanted"]
            return _stated(next(filter(None, runs), None) if _JUDGES.search(situation.text) else None)
        case "images":
            return _stated(situation.images or (1 if situation.use == VISION else None))
        case "and_more":  # *7B and what else?*
            return _stated(bool(_AND_MORE.search(situation.text)) or None)
        case "server_tensor_parallel":  # as servers do it, and not llama.cpp by its options
            return _stated((situation.tensor_parallel and not _SPLIT_MODE.search(situation.text)) or None)
        case "cache_gb" | "memory_needed_gb":  # of which of several models is not said
            return _stated(getattr(situation, role)) if len(situation.models) == 1 else ()
        case "device_count" | "rest_w" | "near_usd":
            return ()
    return _stated(getattr(situation, role) or None)


def _are_spread(situation: Situation) -> bool:
    """Whether cards stand in several computers, as many in each."""
    cards = [named.count for named in situation.devices if named.kind == "accelerators"]
    hosts = situation.hosts or 1
    return hosts > 1 and bool(cards) and all(count % hosts == 0 for count in cards)


def computer_of(situation: Situation, told: Sequence[str]) -> Named | None:
    """Where no device is named and these of its fields are, a computer by the RAM that it has; also where all that is
    named is only thought of for it."""
    before = situation.earlier.devices if situation.earlier else ()
    considered = all(named.standing == "considers" for named in situation.devices)
    for_it = bool(situation.devices and situation.system_memory_gb)
    if not considered or not (for_it or all(getattr(situation, name) for name in told)):
        return None
    known = [named for named in before if named.standing != "considers"]
    return None if "system_memory_gb" in situation.carried and known else processor(situation, "a computer")


def _told(situation: Situation) -> list[Speed]:
    """The speeds of runs, the slowest first."""
    runs = (speed for speed in situation.speeds if speed.speed_is != "wanted")
    return sorted(runs, key=lambda speed: speed.tokens_per_s)


def _differ(runs: Sequence[Speed]) -> bool:
    """Whether these, the slowest first, are of different runs: each is the other's measure."""
    return len(runs) > 1 and runs[-1].tokens_per_s > DIFFERENT_RUNS * runs[0].tokens_per_s


def _is_about(own: Speed, claimed: Speed) -> bool:
    """Whether a claimed speed is what the own one is short of (*the readme says 8, I get 6*), and not asked about."""
    return claimed.speed_is == "claimed" and own.tokens_per_s < claimed.tokens_per_s <= SHORT_OF * own.tokens_per_s


def _is_of_one(situation: Situation) -> bool:
    """Whether one model, on one machine, is spoken of."""
    return all(len(names) < 2 for names in (_devices(situation), situation.models, situation.quantizations))


def slower_run(situation: Situation) -> Speed | None:
    """Of what was measured twice on one machine the worse: it is asked about. Of several cards as one machine it is
    none that was told of one of them alone."""
    runs = _told(situation)
    if not _differ(runs) or not _is_of_one(situation) or any(speed.speed_is != "measured" for speed in runs):
        return None
    alone = {named.name for named in situation.devices} if len(meant(situation)) > 1 else set()
    return next((speed for speed in runs if speed.device not in alone), runs[0])


def better_run(situation: Situation) -> Speed | None:
    slow = slower_run(situation)
    fast = _told(situation)[-1] if slow else None
    return fast if slow and fast and _differ((slow, fast)) else None


def is_any_of_several(named: Named) -> bool:
    """Whether it is a product that is sold with several chips."""
    return named.kind == "machines" and len(named.candidates) > 1


def plain(value: Any) -> Any:
    if isinstance(value, Named):
        value = value.argument
    return value.model_dump(exclude_none=True, exclude_defaults=True) if isinstance(value, Arguments) else value


def untold(situation: Situation) -> list[Named]:
    """Terms that the answer before has not explained."""
    told = situation.carried if situation.earlier_ask == "lookup_term" else ()
    return [named for named in _terms(situation) if named.label not in told]


def _terms(situation: Situation) -> Sequence[Named]:
    """None of those of earlier turns where a format is named now: it is what is asked about."""
    named_now = any(named.label not in situation.carried for named in situation.quantizations)
    if named_now and all(named.label in situation.carried for named in situation.terms):
        return ()
    return situation.terms


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
    for match in named.candidates[: 1 if one else MOST_READINGS]:
        yield Named(named.name, (match,), None, named.count, named.standing)


def runners(situation: Situation) -> list[Named]:
    """The devices that run a model: a processor only where nothing else does."""
    others = [named for named in situation.devices if named.kind != "cpus"]
    return others or list(situation.devices)


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
    carried = [named for named in situation.devices if named.label in situation.carried]
    if carried and all(named.kind == "cpus" for named in carried) and len(carried) < len(situation.devices):
        return carried  # a card is thought of for a machine that had none
    has = [named for named in devices if named.standing == "has"]
    first = devices[:1] if len(devices) > 1 or not any(named.standing == "considers" for named in devices) else []
    return has or first


def _joined(devices: list[Named]) -> Sequence[Any]:
    """As one machine, where their names can be joined."""
    if len(devices) > 1 and all(named.candidates for named in devices):
        return [" + ".join(_counted(named) for named in devices)]
    return [_counted(named) for named in devices[:1]]


def _counted(named: Named) -> Any:
    argument = plain(named)
    return f"{named.count}x {argument}" if named.count > 1 and isinstance(argument, str) else argument


def _specs(situation: Situation) -> Sequence[Named]:
    groups = (situation.devices, situation.others, situation.models, situation.quantizations)
    return [named for group in groups for named in group if named.candidates]
