"""Messages to a :class:`Question`: which names, which quantities, what is asked."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from kb.catalogue.names import Names
from kb.chat.naming import claims, mentions, nameless, near_kv, outside, sized, thing_of, unknown_names
from kb.chat.patterns import (
    CALCULATED,
    CHEAPEST,
    CPU_ONLY,
    ENOUGH,
    FIGURE_KEYS,
    FOLLOW_UP,
    GENERIC_TERMS,
    HOW_MANY_USERS,
    INTENTS,
    JOINS,
    MOVES,
    OF_THEM,
    SECOND,
    SUPPORTS,
    TOGETHER,
)
from kb.chat.quantities import WORDS_TO_COUNT, Quantities, read_quantities, system_memory
from kb.chat.question import INTENT_OF_TOOL, MEANT, Claim, Intent, Question, Thing, cards_of, platform_of
from kb.chat.reading.asks import AskReader
from kb.text.squeezed import LEFT_OUT, MOST_DIGITS, squeezed

LEAST_BESIDE_WEAK_WORDS = 0.45
LEAST_AGAINST_WORDS = 0.85
"""How likely an intent must be by sense where the words ask for something else; less where they are :data:`WEAK`.
Without such words :data:`MEANT` is enough."""
HELD: tuple[Intent, ...] = ("fit", "best_quantization", "max_context")
"""Intents of which an amount of memory is the device's."""
SENSED_TURNS = 4
WEAK = frozenset({"fit", "memory"})
"""Intents whose words stand in all sorts of questions."""
TOLD = frozenset({"spec", "define", "passages"})
"""Intents that ask for nothing to be worked out."""


def understand(
    messages: Sequence[str], names: Names, senses: AskReader | None = None, turns: int = SENSED_TURNS
) -> Question:
    """``messages`` are the user's, oldest first; the last is the question. Without ``senses``, and before the last
    ``turns``, by words alone: the sense of each costs as much as all the rest of its reading."""
    question = _read(squeezed(messages[-1]), names, senses)
    if len(messages) > 1:
        question = _completed(question, messages[:-1], names, senses if turns > 1 else None, turns - 1)
    return question


def _read(text: str, names: Names, senses: AskReader | None) -> Question:
    # "2x3090" and "2xRTX3090" are two cards.
    text = re.sub(r"\b(\d{1,2})\s?[x×](?=(?:rtx|gtx|rx|[a-z]{0,2}\d{2,4}))", r"\1x ", text, flags=re.I)
    found = list(mentions(text, names))
    unknown = unknown_names(text, found, names)
    found = outside(text, found, unknown)
    quantities = read_quantities(text)
    by_kind: dict[str, list[Thing]] = {"models": [], "devices": [], "quantizations": [], "terms": [], "others": []}
    claimed: list[Claim] = []
    links: list[Thing] = []
    for mention in found:
        thing, group = thing_of(names, text, mention)
        if group == "terms":
            links += [Thing(mention.text, (link,)) for link in names.matches("interconnects", mention.text)[:1]]
        if group == "quantizations" and quantities.kv_cache_type and near_kv(text, mention):
            continue
        if group == "devices":
            said = tuple(claims(text, mention, thing))
            thing = sized(names, thing, said)
            claimed += [replace(claim, thing=thing) for claim in said]
        if all(other.match != thing.match for other in by_kind[group]):
            by_kind[group].append(thing)
    meant = _meant(senses, nameless(text, found)) if senses else {}
    if MOVES.search(text) or meant.get("transfer", 0.0) >= MEANT:
        by_kind["others"] += links
    notes = tuple(m.note for mention in found for m in mention.matches[:1] if m.note and m.kind != "terms")
    if LEFT_OUT in text:
        notes += (f"a number of more than {MOST_DIGITS} digits was left unread",)
    question = Question(
        text=text,
        models=tuple(by_kind["models"]),
        devices=tuple(by_kind["devices"]),
        quantizations=tuple(by_kind["quantizations"]),
        terms=_telling(by_kind["terms"], by_kind),
        others=tuple(by_kind["others"]),
        claims=tuple(claimed),
        unknown=unknown,
        notes=notes,
        training_method=_training_method(text),
        meant=meant,
        **vars(quantities),
    )
    if not question.devices and CPU_ONLY.search(text):
        memory = system_memory(text)
        question = replace(
            question, cpu_bandwidth_gb_per_s=memory.bandwidth_gb_per_s, cpu_bandwidth_assumed=memory.assumed
        )
    elif question.models and not question.devices and question.vram_gib is None:
        held = ENOUGH.search(text) or max(meant.get(intent, 0.0) for intent in HELD) >= MEANT
        question = replace(question, vram_gib=question.size_gb) if held else question
    question = replace(question, together=len(question.devices) > 1 and bool(TOGETHER.search(text)))
    question = replace(question, figure_keys=tuple(key for key, pattern in FIGURE_KEYS if pattern.search(text)))
    return replace(question, intents=_intents(question))


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


def _meant(senses: AskReader, text: str) -> dict[Intent, float]:
    odds = senses.probabilities(text)
    return {intent: odds[tool] for tool, intent in INTENT_OF_TOOL.items() if tool in odds} | {
        "passages": odds.get("search_passages", 0.0)
    }


def _asked(question: Question) -> list[Intent]:
    """What the words ask for; what the question means, where that is likelier."""
    spoken = [intent for intent, pattern in INTENTS if pattern.search(question.text)]
    possible = _possible(question, spoken)
    odds = {intent: chance for intent, chance in question.meant.items() if possible.get(intent, True)}
    if not odds:
        return spoken
    best = max(odds, key=odds.__getitem__)
    if best in spoken or not _is_meant(question, spoken, best, odds[best]):
        return spoken
    # With a model and a device, a question of no other kind is answered with both fit and speed.
    return spoken if best == "fit" else [best]


def _is_meant(question: Question, spoken: Sequence[Intent], best: Intent, chance: float) -> bool:
    telling = set(spoken) - {"define", "disputes"}
    if telling - WEAK or (telling and best in TOLD):
        return chance >= LEAST_AGAINST_WORDS
    return chance >= (LEAST_BESIDE_WEAK_WORDS if telling or question.figure_keys else MEANT)


def _possible(question: Question, spoken: Sequence[Intent]) -> dict[Intent, bool]:
    """Whether the question has what an intent needs; those that are not here need nothing."""
    text = question.text
    models = bool(question.models)
    devices = bool(question.devices) or _is_nameless(question)
    several = len(question.devices) + len(question.models) > 1
    return {
        "training": models or bool(re.search(r"how much|vram|memory|gpu|can i", text, re.I)),
        "fit": models and devices,
        "what_runs": devices and not models,
        "memory": models and not (devices and question.figure_keys and not spoken_fit(spoken)),
        "speed": devices and models,
        "compare": several or len(question.terms) > 1 or len(question.quantizations) > 1 or len(question.others) > 1,
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
        "lanes": platform_of(question) is not None and bool(cards_of(question)),
        "build": bool(cards_of(question)) or models,
        "spec": bool(question.devices or question.models or question.others or question.quantizations),
        "define": bool(question.terms or question.others or question.quantizations) or "define" in spoken,
    }


def _is_nameless(question: Question) -> bool:
    """Whether the device is given by its figures."""
    return question.vram_gib is not None or question.cpu_bandwidth_gb_per_s is not None


def _intents(question: Question) -> tuple[Intent, ...]:
    """What is asked, most specific first; judged by words, by sense and by what is named."""
    text = question.text
    spoken = _asked(question)
    if question.figure_keys and question.devices and not question.models and CHEAPEST.search(text) is None:
        spoken = [intent for intent in spoken if intent != "recommend"]
    models = bool(question.models)
    devices = bool(question.devices) or _is_nameless(question)
    possible = _possible(question, spoken)
    chosen: list[Intent] = [intent for intent in spoken if possible.get(intent, True)]
    for whole in ("lanes", "build"):
        if whole in chosen:
            return (whole,)
    if models and devices and HOW_MANY_USERS.search(text):
        chosen = ["max_users", *(intent for intent in chosen if intent not in ("fit", "memory"))]
    if models and re.search(r"\bkv[\s-]?cache\b", text, re.I) and not devices and "kv_cache" not in chosen:
        chosen.insert(0, "kv_cache")
    if question.devices and question.quantizations and not models and SUPPORTS.search(text):
        chosen = ["supports", *(intent for intent in chosen if intent not in ("what_runs", "define", "fit"))]
    if question.budget is not None and not question.devices and not {"rent_or_buy", "token_cost"} & set(chosen):
        chosen = ["recommend", *(intent for intent in chosen if intent not in ("recommend", "memory", "fit", "define"))]
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
    if "what_runs" in chosen and question.terms and not re.search(r"\bllms?\b|models?\b", text, re.I):
        # "can I run flux on a 3060" is about the thing named, not about language models.
        chosen = [intent for intent in chosen if intent != "what_runs"] or ["define"]
    told_by_words = question.meant.get("max_context", 0.0) < LEAST_AGAINST_WORDS
    if (
        "max_context" in chosen
        and question.context is not None
        and told_by_words
        and not re.search(r"max|long|larg|big", text, re.I)
    ):
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
        r"\b(?:what(?:'s|s| is| are)|explain|define|meaning of)\s(?:an?\s|the\s)?(.{3,30})", question.text, re.I
    )
    return bool(asked and any(asked[1].lower().startswith(thing.name.lower()) for thing in question.terms))


def spoken_fit(spoken: Sequence[Intent]) -> bool:
    return bool({"fit", "what_runs"} & set(spoken))


def _asks_for_figures(question: Question, chosen: Sequence[Intent]) -> bool:
    """``how much VRAM does the 4090 have`` asks a figure of a record; ``… does a 70B need`` does not."""
    records = (*question.devices, *question.others, *question.models, *question.quantizations)
    return bool(records and question.figure_keys and not CALCULATED & set(chosen))


def _completed(
    question: Question, earlier: Sequence[str], names: Names, senses: AskReader | None, turns: int
) -> Question:
    """Names and quantities of earlier messages, where this one leaves them open and reads as their continuation."""
    lacks_model_or_device = not question.models or not question.devices
    own_subject = [thing for thing in question.terms if thing.match.slug not in GENERIC_TERMS] or question.others
    follow_up = bool(FOLLOW_UP.search(question.text)) or (not own_subject and len(question.text.split()) <= 6)
    asks_for_both = bool({"speed", "fit", "max_context"} & {name for name, p in INTENTS if p.search(question.text)})
    follow_up = follow_up or (asks_for_both and not question.models and not question.devices)
    only_quantities = any(getattr(question, key) is not None for key in Quantities.__dataclass_fields__)
    follow_up = follow_up or (only_quantities and not question.models and not own_subject)
    if not follow_up or (not lacks_model_or_device and question.intents != ("passages",)):
        return question
    if (
        own_subject
        and not asks_for_both
        and "define" in question.intents
        and not re.search(r"\b(?:its?|them|their|that)\b", question.text, re.I)
    ):
        return question
    before = understand(earlier, names, senses, turns)
    taken: dict[str, Any] = {}
    carried: list[str] = []
    asked_of_them = OF_THEM.search(question.text)
    for key in ("models", "devices", "quantizations"):
        if not getattr(question, key) and (things := getattr(before, key)):
            taken[key] = things
            carried += [thing.label for thing in things]
    if question.devices and before.devices and JOINS.search(question.text):
        taken["devices"] = (*before.devices, *question.devices)
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
    sure = max(question.meant.values(), default=0.0) >= LEAST_AGAINST_WORDS
    meant = question.meant if sure else {}
    merged = replace(question, **taken, meant=meant, carried=tuple(dict.fromkeys(carried)))
    own = _asked(merged)
    weak = ("define", "fit", "disputes") if question.budget is not None else ("define", "recommend", "fit", "disputes")
    telling = [intent for intent in own if intent not in weak]
    if telling or (own and "fit" in own):
        return replace(merged, intents=_intents(merged))
    kept = tuple(intent for intent in before.intents if intent not in ("spec", "define", "passages"))
    return replace(merged, intents=kept or _intents(merged), terms=question.terms, figure_keys=figure_keys)
