"""Messages to a :class:`Question`: which names, which quantities, what is asked."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from kb.chat.patterns import (
    ASKED_OF,
    BANDWIDTH_CLAIM,
    CALCULATED,
    CHEAPEST,
    COUNT_AFTER,
    COUNT_BEFORE,
    ENOUGH,
    FIGURE_KEYS,
    FOLLOW_UP,
    GENERIC_TERMS,
    INTENTS,
    LOOKS_LIKE_DEVICE,
    LOOKS_LIKE_MODEL,
    LOOKS_LIKE_QUANTIZATION,
    MEMORY_BEFORE,
    MEMORY_CLAIM,
    MOVES,
    NVLINK_CLAIM,
    OF_THEM,
    SECOND,
    TOGETHER,
    WORDS_TO_COUNT,
)
from kb.chat.quantities import Quantities, number, read_quantities
from kb.chat.question import Claim, Intent, Question, Thing
from kb.names import DEVICE_KINDS, Mention, Names
from kb.records import kinds

_OTHER_KINDS = tuple(kind for kind in kinds if kind not in (*DEVICE_KINDS, "models", "quantizations", "measurements"))


def understand(messages: Sequence[str], names: Names) -> Question:
    """``messages`` are the user's, oldest first; the last is the question."""
    question = _read(messages[-1], names)
    if len(messages) > 1:
        question = _completed(question, messages[:-1], names)
    return question


def _read(text: str, names: Names) -> Question:
    text = text[:8000]
    found = list(_mentions(text, names))
    unknown = _unknown(text, found)
    found = [mention for mention in found if not _inside_any(text, mention, unknown)]
    quantities = read_quantities(text)
    by_kind: dict[str, list[Thing]] = {"models": [], "devices": [], "quantizations": [], "terms": [], "others": []}
    claims: list[Claim] = []
    for mention in found:
        thing, group = _thing(text, mention)
        if group == "terms" and MOVES.search(text):
            by_kind["others"] += [
                Thing(mention.text, (link,)) for link in names.matches("interconnects", mention.text)
            ][:1]
        if group == "quantizations" and quantities.kv_cache_type and _near_kv(text, mention):
            continue
        known = next((other for other in by_kind[group] if other.match == thing.match), None)
        if group == "devices":
            said = tuple(_claims(text, mention, thing))
            thing = _sized(names, thing, said)
            claims += said
        if known is None:
            by_kind[group].append(thing)
    terms = _telling(by_kind["terms"], by_kind)
    notes = tuple(m.note for mention in found for m in mention.matches[:1] if m.note and m.kind != "terms")
    question = Question(
        text=text,
        models=tuple(by_kind["models"]),
        devices=tuple(by_kind["devices"]),
        quantizations=tuple(by_kind["quantizations"]),
        terms=terms,
        others=tuple(by_kind["others"]),
        claims=tuple(claims),
        unknown=unknown,
        notes=notes,
        training_method=_training_method(text),
        **vars(quantities),
    )
    if question.models and not question.devices and question.vram_gib is None and ENOUGH.search(text):
        question = replace(question, vram_gib=question.size_gb)
    question = replace(question, together=len(question.devices) > 1 and bool(TOGETHER.search(text)))
    question = replace(question, figure_keys=tuple(key for key, pattern in FIGURE_KEYS if pattern.search(text)))
    return replace(question, intents=_intents(question))


def _mentions(text: str, names: Names) -> Iterator[Mention]:
    """Names in the text, each as the kind that it most likely is here, in order of place."""
    taken: list[Mention] = []
    for group in (("models",), DEVICE_KINDS, ("quantizations",), ("terms",), _OTHER_KINDS):
        for mention in names.scan(text, group):
            inside = [other for other in taken if mention.start < other.end and other.start < mention.end]
            if group == ("quantizations",) and len(mention.matches) > 1 and names.knows("terms", mention.text):
                continue
            if group[0] not in DEVICE_KINDS and any(other.matches[0].kind in DEVICE_KINDS for other in inside):
                # "dual 3090" is two cards, not the build of that name.
                continue
            if all(mention.end - mention.start > other.end - other.start for other in inside):
                taken = [other for other in taken if other not in inside] + [mention]
    taken += names.misspelt_mentions(text, (*DEVICE_KINDS, "models", "terms"), taken)
    yield from sorted(taken, key=lambda mention: mention.start)


def _thing(text: str, mention: Mention) -> tuple[Thing, str]:
    kind = mention.matches[0].kind
    group = "devices" if kind in DEVICE_KINDS else kind if kind in ("models", "quantizations", "terms") else "others"
    count = 1
    if group == "devices":
        before = COUNT_BEFORE.search(text[: mention.start])
        after = COUNT_AFTER.search(text[mention.end :])
        word = before[1].lower() if before else after[1] if after else "1"
        count = WORDS_TO_COUNT.get(word) or (int(word) if word.isdigit() else 1)
        if not 1 <= count <= 64:
            count = 1
    return Thing(mention.text, mention.matches, count), group


def _sized(names: Names, thing: Thing, said: Sequence[Claim]) -> Thing:
    """``M2 … 16 GB`` is the M2 with 16 GB, where it is sold so."""
    options = getattr(names.record(thing.match), "memory_options_gib", None)
    for claim in said:
        if claim.key == "memory_gib" and options is not None and claim.value in options.value:
            match = replace(thing.match, memory_gib=int(claim.value))
            return replace(thing, name=f"{thing.match.slug} {claim.value:g}GB", candidates=(match,))
    return thing


def _claims(text: str, mention: Mention, thing: Thing) -> Iterator[Claim]:
    """What the words around a device take for granted of it."""
    after = re.split(r"[?!;\n]|\.\s|,\s*(?:and|but|so)\s", text[mention.end : mention.end + 90])[0]
    before = re.split(r"[?!;,\n]|\.\s", text[max(0, mention.start - 40) : mention.start])[-1]
    inside = re.search(r"(\d{1,4})\s*(?:gb|gib)\b", mention.text, re.I)
    memory = MEMORY_CLAIM.search(after) or MEMORY_BEFORE.search(before) or inside
    direct = re.match(r"\s*\(?\s*(\d{1,4})\s*(?:gb|gib)\b(?!\s*(?:/|per|ps|of\s+ram|ram|ddr))", after, re.I)
    memory = memory or direct
    if memory and not _other_name_between(after, memory):
        yield Claim(thing, "memory_gib", float(memory[1]))
    bandwidth = BANDWIDTH_CLAIM.search(after)
    if bandwidth:
        scale = 1000 if bandwidth[2].lower() == "tb" else 1
        yield Claim(thing, "memory_bandwidth_gb_per_s", number(bandwidth[1].rstrip(".,")) * scale)
    if NVLINK_CLAIM.search(text):
        yield Claim(thing, "nvlink", 1.0)


def _other_name_between(after: str, memory: re.Match[str]) -> bool:
    return memory.string is after and bool(re.search(r"\b(?:than|versus|vs|and|or)\b", after[: memory.start()], re.I))


def _unknown(text: str, found: Sequence[Mention]) -> tuple[str, ...]:
    """Names in the form of a device's or a model's that no mention covers."""
    unknown: dict[str, None] = {}
    for asked in ASKED_OF.finditer(text):
        subject = asked[1].strip()
        overlapped = any(mention.start < asked.end(1) and asked.start(1) < mention.end for mention in found)
        if not overlapped and not re.match(r"(?:it|they|i|we|you|this|that|one|these|those)\b", subject, re.I):
            unknown[subject] = None
    for looks in LOOKS_LIKE_QUANTIZATION.finditer(text):
        if not any(mention.start < looks.end() and looks.start() < mention.end for mention in found):
            unknown[looks[0]] = None
    for pattern in (LOOKS_LIKE_DEVICE, LOOKS_LIKE_MODEL):
        for looks in pattern.finditer(text):
            covered = any(
                mention.start < looks.end() and looks.start() < mention.end
                and mention.matches[0].kind in (*DEVICE_KINDS, "models", *_OTHER_KINDS)
                and (pattern is LOOKS_LIKE_MODEL or mention.end >= looks.end())
                for mention in found
            )  # fmt: skip
            if not covered:
                unknown[looks[0].strip()] = None
    return tuple(unknown)


def _inside_any(text: str, mention: Mention, unknown: Sequence[str]) -> bool:
    """Whether a term is only a part of a name that we do not know (``RTX`` in ``RTX 6090``)."""
    for name in unknown:
        start = text.find(name)
        if start <= mention.start and mention.end <= start + len(name):
            return True
    return False


def _near_kv(text: str, mention: Mention) -> bool:
    around = text[max(0, mention.start - 18) : mention.end + 14]
    return bool(re.search(r"\bkv\b|cache", around, re.I))


def _telling(terms: Sequence[Thing], by_kind: dict[str, list[Thing]]) -> tuple[Thing, ...]:
    """Terms without the generic ones, unless nothing else was named."""
    telling = tuple(thing for thing in terms if thing.match.slug not in GENERIC_TERMS)
    named = by_kind["models"] or by_kind["devices"] or by_kind["quantizations"] or by_kind["others"]
    return telling if telling or named else tuple(terms)


def _training_method(text: str) -> Literal["full", "lora", "qlora"] | None:
    found = re.search(r"\b(qlora|lora|full(?:[\s-](?:fine|parameter|train))?)", text, re.I)
    if not found:
        return None
    word = found[1].lower()
    return "qlora" if word == "qlora" else "lora" if word == "lora" else "full"


def _intents(question: Question) -> tuple[Intent, ...]:
    """What is asked, most specific first; judged by words and by what is named."""
    text = question.text
    spoken = [intent for intent, pattern in INTENTS if pattern.search(text)]
    if question.figure_keys and question.devices and not question.models and CHEAPEST.search(text) is None:
        spoken = [intent for intent in spoken if intent != "recommend"]
    models = bool(question.models)
    devices = bool(question.devices) or question.vram_gib is not None
    several = len(question.devices) + len(question.models) > 1
    chosen: list[Intent] = []
    for intent in spoken:
        keep = {
            "training": models or bool(re.search(r"how much|vram|memory|gpu|can i", text, re.I)),
            "fit": models and devices,
            "what_runs": devices and not models,
            "memory": models and not (devices and question.figure_keys and not spoken_fit(spoken)),
            "speed": devices and models,
            "compare": several
            or len(question.terms) > 1
            or len(question.quantizations) > 1
            or len(question.others) > 1,
            "max_context": models and devices,
            "best_quantization": models and devices,
            "kv_cache": models,
            "power_supply": bool(question.devices),
            "power_cost": bool(question.devices) or question.watts is not None,
            "load_time": models or question.size_gb is not None,
            "transfer": question.size_gb is not None or models,
            "token_cost": question.tokens_per_s is not None and question.rent_per_hour is not None,
            "rent_or_buy": question.budget is not None and question.rent_per_hour is not None,
            "recommend": not (models and devices and "fit" in spoken),
        }.get(intent, True)
        if keep:
            chosen.append(intent)
    if "best_quantization" in spoken and models and not devices:
        chosen.append("memory")
    if "fit" in spoken and devices and not models and "what_runs" not in chosen and not question.figure_keys:
        chosen.append("what_runs")
    if models and devices and not set(chosen) & {
        "fit", "speed", "max_context", "best_quantization", "training", "compare", "kv_cache", "load_time",
        "power_supply",
    }:  # fmt: skip
        chosen = ["fit", "speed", *chosen]
    if "fit" in chosen and "memory" in chosen and devices:
        chosen.remove("memory")
    if {"power_supply", "power_cost"} & set(chosen) and not models:
        chosen = [intent for intent in chosen if intent not in ("what_runs", "fit", "recommend")]
        if "power_supply" in chosen and "power_connectors" in question.figure_keys:
            chosen.insert(0, "spec")
    if "recommend" in chosen and question.terms and not models and not devices and question.budget is None:
        # "what GPU does autoresearch need" asks about the thing named, not for a shopping list.
        chosen = ["define", *(intent for intent in chosen if intent not in ("recommend", "define", "what_runs"))]
    if "disputes" in chosen and len(chosen) > 1 and not CALCULATED & set(chosen):
        chosen = ["disputes", *(intent for intent in chosen if intent not in ("disputes", "define"))]
    if "max_context" in chosen and question.context is not None and not re.search(r"max|long|larg|big", text, re.I):
        chosen = ["fit", *(intent for intent in chosen if intent not in ("max_context", "fit"))]
    if "max_context" in chosen or "best_quantization" in chosen:
        chosen = [intent for intent in chosen if intent not in ("fit", "memory")]
    if question.together:
        chosen = [intent for intent in chosen if intent != "compare"]
        if not models and "what_runs" not in chosen:
            chosen.append("what_runs")
    if "compare" in chosen and models and devices and len(question.quantizations) > 1:
        chosen = ["fit", "speed", *(intent for intent in chosen if intent not in ("compare", "fit", "speed"))]
    if "fit" in spoken and models and not devices and "memory" not in chosen and "training" not in chosen:
        chosen.append("memory")
    if "compare" in chosen and models and len(question.devices) > 1:
        chosen = ["compare", "fit", "speed", *(i for i in chosen if i not in ("compare", "fit", "speed"))]
    if _asks_for_figures(question, chosen):
        chosen.insert(0, "spec")
    if "define" in chosen and (set(chosen) & CALCULATED or "spec" in chosen) and not _asks_what_a_term_is(question):
        chosen.remove("define")
    named = (*question.terms, *question.quantizations, *question.others)
    if not chosen and named:
        chosen.append("define")
    if not chosen and devices:
        chosen.append("spec")
    if not chosen and models:
        chosen.append("memory")
    if question.unknown:
        # What was asked about is not known: a list of what else there is answers nobody's question.
        chosen = [intent for intent in chosen if intent not in ("what_runs", "define", "spec", "recommend")]
    return tuple(dict.fromkeys(chosen)) or ("passages",)


def _asks_what_a_term_is(question: Question) -> bool:
    """``what is a KV cache, and how big is it for …``: the term stands right behind the asking words."""
    asked = re.search(
        r"\b(?:what(?:'s|s| is| are)|explain|define|meaning of)\s+(?:an?\s+|the\s+)?(.{3,30})", question.text, re.I
    )
    return bool(asked and any(asked[1].lower().startswith(thing.name.lower()) for thing in question.terms))


def spoken_fit(spoken: Sequence[Intent]) -> bool:
    return bool({"fit", "what_runs"} & set(spoken))


def _asks_for_figures(question: Question, chosen: Sequence[Intent]) -> bool:
    """``how much VRAM does the 4090 have`` asks a figure of a record; ``… does a 70B need`` does not."""
    records = (*question.devices, *question.others, *question.models, *question.quantizations)
    return bool(records and question.figure_keys and not CALCULATED & set(chosen))


def _completed(question: Question, earlier: Sequence[str], names: Names) -> Question:
    """Names and quantities of earlier messages, where this one leaves them open and reads as their continuation."""
    lacks_model_or_device = not question.models or not question.devices
    own_subject = [thing for thing in question.terms if thing.match.slug not in GENERIC_TERMS] or question.others
    follow_up = bool(FOLLOW_UP.search(question.text)) or (not own_subject and len(question.text.split()) <= 6)
    asks_for_both = bool({"speed", "fit", "max_context"} & {name for name, p in INTENTS if p.search(question.text)})
    follow_up = follow_up or (asks_for_both and not question.models and not question.devices)
    if not follow_up or (not lacks_model_or_device and question.intents != ("passages",)):
        return question
    if (
        own_subject
        and not asks_for_both
        and "define" in question.intents
        and not re.search(r"\b(?:its?|them|their|that)\b", question.text, re.I)
    ):
        return question
    before = understand(earlier, names)
    taken: dict[str, object] = {}
    carried: list[str] = []
    asked_of_them = OF_THEM.search(question.text)
    for key in ("models", "devices", "quantizations"):
        if not getattr(question, key) and (things := getattr(before, key)):
            taken[key] = things
            carried += [thing.label for thing in things]
    if "devices" in taken and asked_of_them:
        word = (asked_of_them[1] or asked_of_them[2]).lower()
        count = WORDS_TO_COUNT.get(word) or int(word)
        if SECOND.search(question.text):
            count = before.devices[0].count + 1
        taken["devices"] = tuple(replace(thing, count=count) for thing in before.devices)
    for key in Quantities.__dataclass_fields__:
        if getattr(question, key) is None and getattr(before, key) is not None and key != "size_gb":
            taken[key] = getattr(before, key)
    if question.training_method is None and before.training_method:
        taken["training_method"] = before.training_method
    figure_keys = question.figure_keys or before.figure_keys
    merged = replace(question, **taken, carried=tuple(dict.fromkeys(carried)))  # type: ignore[arg-type]
    own = [intent for intent, pattern in INTENTS if pattern.search(question.text)]
    telling = [intent for intent in own if intent not in ("define", "recommend", "fit", "disputes")]
    if telling or (own and "fit" in own):
        return replace(merged, intents=_intents(merged))
    kept = tuple(intent for intent in before.intents if intent not in ("spec", "define", "passages"))
    return replace(merged, intents=kept or _intents(merged), terms=question.terms, figure_keys=figure_keys)
