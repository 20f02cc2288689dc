"""Greetings, questions about the answers themselves, and what is not ours to answer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

from kb.catalogue import Catalogue
from kb.catalogue.records import Record
from kb.chat.answering.plan import HALF, UNCLEAR
from kb.chat.reading.situation import Situation
from kb.text.statements import Statement, state

_THANKS = re.compile(r"\b(?:thanks?|thank you|thx|cheers|great|cool|perfect|bye|good night|ok(?:ay)?)\b", re.I)
_ABILITIES = re.compile(r"\b(?:what can you|who are you|what are you|help|can you do|how do you work)\b", re.I)


_OURS = re.compile(
    r"\bai\b|\ba\.i\.|\bartificial intelligence\b|\b(?:language )?models?\b|\bllms?\b|\blocal(?:ly)?\b|\boffline\b"
    r"|\bcloud\b|\bchatgpt\b|\bgpus?\b|\bgraphics cards?\b|\bmy own (?:pc|computer|machine|server)\b",
    re.I,
)
"""Words of which a message is hardly ever beyond us: what a local model is good for is asked too."""
_MEASURED = re.compile(r"\bmeasured?\b|\bbenchmark\w*|\btested?\b|\baccura\w+|\bsure\b|\btheor\w+|\breal\b", re.I)
_FUTURE = re.compile(
    r"\bin (?:a|one|two|three|five|\d+|some|a few) (?:years?|months?)\b|\bnext (?:year|generation)\b|\bfuture\b", re.I
)  # fmt: skip
_SLOT = re.compile(r"\{(\w+)\}")
MOST_OFFERS = 3
UNDERSTOOD = 0.5
"""Of a message's words, the share that must be known for it to be read."""
MOST_WORDS_OF_THANKS = 4
FOREIGN = 0.7
"""How likely a question that goes on must be beyond us to be called so; below it, it is not understood."""
CERTAIN = 0.85
"""How likely a question must be beyond us to be so although something of ours is named."""


class Talk(Record):
    """What is said for one of the asks that need no tool."""

    replies: Mapping[str, str]
    abstains: bool = False
    offers: tuple[str, ...] = ()
    """What could be asked of what is named."""


@dataclass(frozen=True)
class Spoken:
    statements: tuple[Statement, ...]
    abstains: bool = False
    reason: str | None = None
    offers: tuple[str, ...] = ()


@cache
def talks() -> Mapping[str, Talk]:
    given = yaml.safe_load(files(__package__).joinpath("talk.yaml").read_text(encoding="utf-8"))
    return {ask: Talk.model_validate(talk) for ask, talk in given.items()}


@cache
def _turning() -> re.Pattern[str]:
    given = yaml.safe_load(files(__package__).joinpath("words.yaml").read_text(encoding="utf-8"))
    return re.compile(rf"\b(?:{'|'.join(re.escape(str(words)) for words in given['turned'])})\b", re.I)


def is_turned(question: str) -> bool:
    """Whether a bare yes or no could be taken for its opposite.

    >>> is_turned("is my card too small for it?"), is_turned("does it fit?")
    (True, False)
    """
    return _turning().search(question) is not None


def talk(catalogue: Catalogue, situation: Situation) -> Spoken | None:
    """What is said, where the likeliest ask is one that needs no tool and nothing of ours is named."""
    if not any(character.isalnum() for character in situation.text):
        return spoken("out_of_scope", "unclear")
    ask = next(iter(situation.asks), "")
    known = talks().get(ask)
    least = HALF if situation.carried and ask != "out_of_scope" else UNCLEAR
    if known is None or situation.asks[ask] < least:
        return None
    if (
        situation.named_now
        and ask != "about_answers"
        and not (ask == "out_of_scope" and situation.asks[ask] >= CERTAIN)
    ):
        return None
    if ask == "out_of_scope" and situation.asks[ask] < CERTAIN and (situation.goes_on or _OURS.search(situation.text)):
        return None  # a passage may answer; where none does, that is said
    if ask == "small_talk" and situation.earlier and len(situation.text.split()) > MOST_WORDS_OF_THANKS:
        return None  # "ok and which one is quieter?" is no thanks
    reply = ""
    if ask == "small_talk" and _ABILITIES.search(situation.text):
        reply = "abilities"
    elif ask == "small_talk" and _THANKS.search(situation.text):
        reply = "thanks"
    elif ask == "about_answers" and _MEASURED.search(situation.text):
        reply = "measured"
    elif ask == "out_of_scope":
        reply = beyond(situation)
    return spoken(ask, reply)


def half_read(situation: Situation) -> Spoken:
    """What is said to a message of which most words are not known: nothing is made of it."""
    known = {
        slot: named[0].label
        for slot, named in (("model", situation.models), ("device", situation.devices))
        if named and named[0].candidates
    }
    talk = talks()["half_read"]
    text = " ".join(talk.replies["names" if known else "nothing"].split())
    offers = (offer for offer in talk.offers if all(slot in known for slot in _SLOT.findall(offer)))
    return Spoken(
        (state("answer", text, names=" and ".join(known.values())),),
        talk.abstains,
        "too few words of the message are known",
        tuple(offer.format(**known) for offer in offers)[:MOST_OFFERS],
    )


def beyond(situation: Situation) -> str:
    """Which reply says that a question is not answered."""
    if _FUTURE.search(situation.text):
        return "future"
    return "unclear" if situation.carried and situation.asks.get("out_of_scope", 0.0) < FOREIGN else ""


def spoken(ask: str, reply: str = "") -> Spoken:
    """One of the replies of an ask; without a name, the first."""
    known = talks()[ask]
    text = known.replies[reply] if reply else next(iter(known.replies.values()))
    return Spoken(
        (state("answer", "{text}", text=" ".join(text.split())),),
        known.abstains,
        "nothing in the knowledge base answers this" if known.abstains else None,
    )
