"""Chats that nobody would write: ways to ask, names of the catalogue and loose words, thrown together by a seed."""

import random
from collections.abc import Iterator

from kb.chat.reply import Message
from kb.search.live import Index
from train.ask import Asker

_WORDS = """
    how long to load transfer price of cost watts hourly what is why best quant kv cache max context 8 users 64 gb 32k
    $2000 over 10 gbe rent or buy per million tokens and with two of them 4x twice 24gb psu 850 w disputed specs vs or
    compare speed fit does it run train lora qlora 128k used a week 0.30 kwh bandwidth half a dozen 3 years cheapest
    power supply build me lanes nvlink support native fp8 mxfp4 q8_0 laptop cpu only no gpu mac 96 gb ram offload
"""
_LOOSE = _WORDS.split()


def chats(index: Index, seed: int, number: int) -> Iterator[list[Message]]:
    rng = random.Random(seed)
    asker = Asker(index, rng)
    for _ in range(number):
        yield [Message(role="user", content=_text(index, asker, rng)) for _ in range(rng.choice((1, 1, 1, 2, 3)))]


def _text(index: Index, asker: Asker, rng: random.Random) -> str:
    asked = asker.ask(rng.choice(asker.tools)).text
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
