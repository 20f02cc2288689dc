"""Greetings, questions about the answers themselves, and what is not ours to answer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from kb.catalogue import Catalogue
from kb.catalogue.records import Record
from kb.chat.reading.situation import Situation
from kb.text.statements import Statement, state

CLEAR = 0.5
"""How likely it must be, where something of ours was spoken of before."""
_THANKS = re.compile(r"\b(?:thanks?|thank you|thx|cheers|great|cool|perfect|bye|good night|ok(?:ay)?)\b", re.I)
_ABILITIES = re.compile(r"\b(?:what can you|who are you|what are you|help|can you do|how do you work)\b", re.I)


class Talk(Record):
    """What is said for one of the asks that need no tool."""

    replies: Mapping[str, str]
    abstains: bool = False


@dataclass(frozen=True)
class Spoken:
    statements: tuple[Statement, ...]
    abstains: bool = False
    reason: str | None = None


@cache
def talks() -> Mapping[str, Talk]:
    given = yaml.safe_load(files(__package__).joinpath("talk.yaml").read_text(encoding="utf-8"))
    return {ask: Talk.model_validate(talk) for ask, talk in given.items()}


def talk(catalogue: Catalogue, situation: Situation) -> Spoken | None:
    """What is said, where the likeliest ask is one that needs no tool and nothing of ours is named."""
    ask = next(iter(situation.asks), "")
    if ask not in talks() or (ask != "about_answers" and names_something(situation)):
        return None
    if situation.carried and situation.asks[ask] < CLEAR:
        return None
    return spoken(ask, situation)


def spoken(ask: str, situation: Situation) -> Spoken:
    known = talks()[ask]
    reply = next(iter(known.replies))
    if ask == "small_talk" and _ABILITIES.search(situation.text):
        reply = "abilities"
    elif ask == "small_talk" and _THANKS.search(situation.text):
        reply = "thanks"
    return Spoken(
        (state("answer", "{text}", text=" ".join(known.replies[reply].split())),),
        known.abstains,
        "nothing in the knowledge base answers this" if known.abstains else None,
    )


def names_something(situation: Situation) -> bool:
    """In this message: what earlier ones left standing does not make it ours."""
    named = (*situation.models, *situation.devices, *situation.quantizations)
    return bool(situation.unknown) or any(one.label not in situation.carried for one in named)
