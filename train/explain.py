"""Explanations of facts, drawn from the phrases: what the model learns to write."""

import random
import re
from collections.abc import Mapping, Sequence

from kb.chat.facts import Facts
from kb.retrieval.intents import expanded, slots_of
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
        gists = [gist for one in facts for gist in self._phrases[one.case].get("gist", ())]
        said: list[str] = []
        for one, most in zip(facts, shares, strict=False):
            values = {**one.values, "gist": self._rng.choice(gists)} if gists else one.values
            said += [text for text in self._said(one, values, self._moves(question), most) if text not in said]
        return said

    def _moves(self, question: str) -> tuple[str, ...]:
        if _ASKS_WHY.search(question):
            return ("open", "why", "why", "how", "near", "next")
        if _ASKS_WHAT_TO_DO.search(question):
            return ("open", "why", "next", "next", "how", "near")
        twice = ("why",) if self._rng.random() < 0.4 else ()
        return ("open", "why", *twice, "how", "near", "next")

    def _said(self, facts: Facts, values: Mapping[str, str], moves: Sequence[str], most: int) -> list[str]:
        wanted: list[str] = []
        for move in moves:
            fitting = [
                phrase
                for phrase in self._phrases[facts.case].get(move, ())
                if phrase not in wanted and all(slot in values for slot in slots_of(phrase))
            ]
            if fitting:
                wanted.append(self._rng.choice(fitting))
        for trait in facts.traits:
            if wanted and self._rng.random() < 0.6:
                wanted.insert(self._rng.randrange(1, len(wanted) + 1), self._rng.choice(self._phrases[trait]["also"]))
        return [self._filled(phrase, values) for phrase in wanted][:most]

    def _filled(self, phrase: str, values: Mapping[str, str]) -> str:
        text = expanded(phrase, self._rng).format(**values)
        text = re.sub(r"\s+([.,;:])", r"\1", text)
        return text[0].upper() + text[1:]
