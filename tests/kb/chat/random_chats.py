"""Chats that nobody would write: ways to ask, names of the catalogue and loose words, thrown together by a seed."""

import random
from collections.abc import Iterator

from kb.chat.reading.asks import IN_WORDS, SLOT, expanded, slots
from kb.chat.reply import Message
from kb.search.live import Index
from kb.tools import TOOLS

_WORDS = """
    how long to load transfer price of cost watts hourly what is why best quant kv cache max context 8 users 64 gb 32k
    $2000 over 10 gbe rent or buy per million tokens and with two of them 4x twice 24gb psu 850 w disputed specs vs or
    compare speed fit does it run train lora qlora 128k used a week 0.30 kwh bandwidth half a dozen 3 years cheapest
    power supply build me lanes nvlink support native fp8 mxfp4 q8_0 laptop cpu only no gpu mac 96 gb ram offload
"""
_LOOSE = _WORDS.split()
_WAYS = {name: [text for texts in TOOLS.ways(name).values() for text in texts] for name in TOOLS.names()}
_KINDS = {
    "model": ("models",), "model_2": ("models",), "device": ("accelerators", "machines"),
    "device_2": ("accelerators", "machines"), "accelerator": ("accelerators",), "cpu": ("cpus",),
    "platform": ("cpus", "motherboards"), "board": ("motherboards",), "drive": ("storage",), "link": ("interconnects",),
    "quantization": ("quantizations",),
}  # fmt: skip
_NUMBERS = ("2", "3", "4", "8", "0.3", "24", "40", "850", "2000", "4096", "32k")


def chats(index: Index, seed: int, number: int) -> Iterator[list[Message]]:
    rng = random.Random(seed)
    for _ in range(number):
        yield [Message(role="user", content=_text(index, rng)) for _ in range(rng.choice((1, 1, 1, 2, 3)))]


def _asked(index: Index, rng: random.Random) -> str:
    """A way to ask, each slot of it with a name or a number."""
    template = expanded(rng.choice(_WAYS[rng.choice(list(_WAYS))]), rng)
    text = SLOT.sub(lambda found: _filled(index, found[1], rng), template)
    return text.lower() if rng.random() < 0.4 else text


def _filled(index: Index, slot: str, rng: random.Random) -> str:
    specs = index.known.specs
    if slot.endswith(IN_WORDS):
        return rng.choice(("two", "three", "four"))
    if slot in ("name", "term", "term_2"):
        return rng.choice(list(index.known.terms.values())).pref_label
    if slot in _KINDS or slot == "spec":
        records = specs[rng.choice(_KINDS.get(slot, tuple(specs)))]
        return rng.choice(list(records.values())).name
    known = slots().get(slot)
    return rng.choice(known.values if known else _NUMBERS)


def _text(index: Index, rng: random.Random) -> str:
    asked = _asked(index, rng)
    match rng.randrange(4):
        case 0:
            return asked
        case 1:
            words = [*asked.split(), *rng.choices(_LOOSE, k=3)]
            rng.shuffle(words)
            return " ".join(words)
        case 2:
            known = index.known
            names = [record.name for records in known.specs.values() for record in records.values()]
            names += [term.pref_label for term in known.terms.values()]
            words = [*rng.choices(_LOOSE, k=rng.randrange(1, 6)), *rng.choices(names, k=rng.randrange(1, 4))]
            rng.shuffle(words)
            return " ".join(words)
        case _:
            words = rng.choices(_LOOSE, k=rng.randrange(1, 8))
            return f"{asked} {' '.join(words)}" if rng.random() < 0.5 else " ".join(words)
