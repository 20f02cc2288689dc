"""Explanations of facts, drawn from the phrases: what the model learns to write."""

import random
import re
from collections.abc import Mapping, Sequence
from typing import Literal

from kb.chat.facts import Facts
from kb.search.intents import expanded, slots_of
from train.ask import read_phrases

Phrases = dict[str, dict[str, list[str]]]

_ASKS_WHY = re.compile(r"\b(?:why|how come|reason|explain|what limits)\b", re.I)
_ASKS_WHAT_TO_DO = re.compile(
    r"\b(?:should i|what (?:can|could) i|how (?:can|could|do) i|what (?:to|do i) do|advice|recommend|help)\b", re.I
)


def read_explanations() -> Phrases:
    """Phrases by case and move."""
    return {**read_phrases("phrases_calculated.yaml"), **read_phrases("phrases_told.yaml")}


class Explainer:
    """Writes an explanation of facts, each time in other words."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._phrases = read_explanations()

    def explain(self, question: str, facts: Sequence[Facts]) -> list[str]:
        """Sentences, of two facts at most; why it is so or what to do comes first where that is asked."""
        shares = (3, 2) if len(facts) > 1 else (self._rng.choice((3, 4, 4, 5)),)
        said: list[str] = []
        for one, most in zip(facts, shares, strict=False):
            said += [text for text in self._said(one, self._moves(question), most) if text not in said]
        return said

    def _moves(self, question: str) -> tuple[str, ...]:
        if _ASKS_WHY.search(question):
            return ("why", "why", "how", "next")
        if _ASKS_WHAT_TO_DO.search(question):
            return ("why", "next", "next", "how")
        twice = ("why",) if self._rng.random() < 0.4 else ()
        return ("why", *twice, "how", "next")

    def _said(self, facts: Facts, moves: Sequence[str], most: int) -> list[str]:
        wanted: list[str] = []
        for move in moves:
            fitting = [
                phrase
                for phrase in self._phrases[facts.case].get(move, ())
                if phrase not in wanted and all(slot in facts.values for slot in slots_of(phrase))
            ]
            if fitting:
                wanted.append(self._rng.choice(fitting))
        for trait in facts.traits:
            if wanted and self._rng.random() < 0.6:
                wanted.insert(self._rng.randrange(1, len(wanted) + 1), self._rng.choice(self._phrases[trait]["also"]))
        return [self._filled(phrase, facts.values) for phrase in wanted][:most]

    def _filled(self, phrase: str, values: Mapping[str, str]) -> str:
        text = expanded(phrase, self._rng).format(**values)
        text = re.sub(r"\s+([.,;:])", r"\1", text)
        return text if phrase.startswith("{") else text[0].upper() + text[1:]


def pattern_of(phrase: str, values: Mapping[str, str] | None = None) -> re.Pattern[str]:
    """What finds every reading of a phrase, with these values in its slots, or with any.

    >>> bool(pattern_of("[a|the] cat of {m}", {"m": "4.5 kg"}).fullmatch("The cat of 4.5 kg"))
    True
    >>> bool(pattern_of("[a|the] cat of {m}", {"m": "4.5 kg"}).fullmatch("The cat of 4.6 kg"))
    False
    """
    text = re.sub(r"[.^$*+?()\\]", lambda found: f"\\{found[0]}", phrase).replace("[", "(?:").replace("]", ")")
    text = re.sub(
        r"\{(\w+)\}", lambda slot: re.escape(values[slot[1]]) if values and slot[1] in values else ".{0,90}?", text
    )
    return re.compile(re.sub(r"(?:\\ | )+", r"\\s*", text), re.IGNORECASE)


Judgement = Literal["right", "wrong value", "other case", "broken"]


class Judge:
    """Holds sentences against the phrases: what was said, of the right case and with the right values?"""

    def __init__(self) -> None:
        self._phrases = read_explanations()
        self._any = {
            case: [pattern_of(phrase) for phrases in moves.values() for phrase in phrases]
            for case, moves in self._phrases.items()
        }

    def judgement(self, sentence: str, facts: Sequence[Facts]) -> Judgement:
        own = [(case, one.values) for one in facts for case in (one.case, *one.traits)]
        for case, values in own:
            for phrases in self._phrases[case].values():
                if any(
                    pattern_of(phrase, values).fullmatch(sentence)
                    for phrase in phrases
                    if all(slot in values for slot in slots_of(phrase))
                ):
                    return "right"
        found = {case for case, patterns in self._any.items() if any(p.fullmatch(sentence) for p in patterns)}
        if not found:
            return "broken"
        return "wrong value" if found & {case for case, _ in own} else "other case"
