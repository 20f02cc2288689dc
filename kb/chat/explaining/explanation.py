"""What a language model adds to a composed answer: its sentences, each judged before it leaves."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kb.chat.answering.answer import Answer
from kb.chat.explaining.ground import Evidence, figures_of_names, figures_with_units, sentences
from kb.chat.explaining.owners import Owners
from kb.chat.explaining.pieces import Endless, Sentences
from kb.chat.explaining.polarity import Verdict
from kb.chat.explaining.prompt import prompt_for
from kb.chat.explaining.trust import Certainty, objection
from kb.llm.base import Grammar, Prompt, Run
from kb.llm.lock import Locked, lock, locked
from kb.llm.waiting import too_slow
from kb.search.live import Index
from kb.text.numerals import foreign

_MARK = re.compile(r"\[(\d{1,3})\]")
_WORD = re.compile(r"[^\W\d_]{2}")
_NAME = re.compile(r"(?<=[a-z,;:] )[A-Z]\w{0,40}(?: [A-Z]\w{0,40}){0,6} \d[\w.]{0,40}\w")
_SUM = re.compile(r"\d.{0,1000}\s[+×÷=]\s.*")
_WHOLE = '.!?)”"'
"""A last sentence that ends otherwise was cut by the token limit."""

MOST_FACTS, LONGEST_FACT = 5, 300
"""With which a sentence is checked, and characters of one: a small model loses its way among more."""
MOST_REPETITIONS = 2
"""A model that repeats itself so often is stopped: nothing more will come."""


class Explanation:
    """``text`` and the number of sentences ``removed`` grow while the model writes; ``evidence`` does not."""

    def __init__(self, index: Index, answer: Answer) -> None:
        self._answer = answer
        self._embed = index.embedder.embed_query
        self._names = index.names.with_digits
        results = (figures_with_units(call.result) for call in answer.tool_calls)
        self._shown = (*answer.evidence, *answer.worded)
        self.evidence = Evidence((*self._shown, *results), self._names, strict=True)
        named = (line for call in answer.tool_calls for line in figures_of_names(call.result))
        self._owners = Owners((*self._shown, *named), self._names)
        self._marks = {citation.id for citation in answer.citations}
        self._verdict = _verdict(answer)
        self._instead = tuple(_instead(answer))
        self._kept: list[str] = []
        self._repetitions = 0
        self.text = ""
        self.removed = 0

    def prompt(self, max_tokens: int) -> Prompt:
        prompt = prompt_for(self._answer, max_tokens)
        return replace(prompt, grammar=self._grammar())

    def _grammar(self) -> Grammar:
        """Figures come from the texts that the model is shown; the question's own only where the evidence has them."""
        shown = locked(self._shown, self._names)
        asked = locked((self._answer.situation.text,), self._names)
        allowed = Locked(
            bare=shown.bare | {figure for figure in asked.bare if not self.evidence.unsupported(figure)},
            united=shown.united | {figure for figure in asked.united if not self.evidence.unsupported(figure)},
            names=shown.names | asked.names,
        )
        return lock(allowed, self._marks)

    def take(self, pieces: Iterable[str], run: Run) -> Iterator[str]:
        """The text that the rules let leave, sentence by sentence."""
        return map(self.told, self.drafted(pieces, run))

    def drafted(self, pieces: Iterable[str], run: Run) -> Iterator[str]:
        """The sentences that the rules let leave; they are no part of the text before :meth:`told`."""
        pending = Sentences()
        told = _Told(run)
        try:
            for piece in pieces:
                for sentence in pending.of(piece):
                    yield from self._judged(sentence, told.certainty())
                if self._repetitions >= MOST_REPETITIONS:
                    return
                if not run.left_s:
                    raise too_slow(run)
        except Endless:
            self.removed += 1
            return
        if rest := pending.rest.rstrip():
            if rest[-1] in _WHOLE:
                yield from self._judged(pending.rest, told.certainty())
            else:
                self.removed += 1

    def _judged(self, sentence: str, certainty: Certainty) -> Iterator[str]:
        if not _WORD.search(sentence):
            return
        against = objection(sentence, self._kept, self._verdict, certainty, self._instead)
        self._repetitions += against == "repeats"
        unsaid = self._answer.is_written and not _MARK.search(sentence)
        if against or unsaid or not self._grounded(sentence):
            self.removed += 1
            return
        self._kept.append(sentence)
        yield sentence

    def told(self, sentence: str) -> str:
        """The piece of text that it makes."""
        text = sentence if self.text else f"\n\n{sentence.lstrip()}"
        self.text += text
        return text

    def facts(self, sentence: str) -> list[str]:
        """What the answer stands on, as far as it is nearest in sense to the sentence; in the answer's order."""
        if not self._facts:
            return []
        near = self._vectors @ self._embed(_MARK.sub("", sentence))
        return [self._facts[place] for place in sorted(np.argsort(-near, kind="stable")[:MOST_FACTS])]

    @cached_property
    def _facts(self) -> list[str]:
        """The evidence in pieces, without those that another one contains."""
        pieces = [piece.strip() for text in self._shown for piece in sentences(_MARK.sub("", text))]
        found = dict.fromkeys(piece[:LONGEST_FACT] for piece in pieces if _WORD.search(piece))
        return [piece for piece in found if not any(piece in other and piece != other for other in found)]

    @cached_property
    def _vectors(self) -> NDArray[np.float32]:
        return np.array([self._embed(fact) for fact in self._facts])

    def _grounded(self, sentence: str) -> bool:
        """Whether the sentence's figures are in the evidence, in words too, and its citation marks exist."""
        marks = {int(number) for number in _MARK.findall(sentence)}
        copied = self._copied_sums(sentence) and self._copied_names(sentence)
        read = not foreign(sentence) and not self._owners.swapped(sentence)
        return marks <= self._marks and copied and read and not self.evidence.unsupported(sentence)

    def _copied_names(self, sentence: str) -> bool:
        """Whether what bears a figure like a name (``Zeta RT 100``) bears it in the evidence or the question."""
        known = " ".join((*self._shown, self._answer.situation.text)).casefold()
        return all(name[0].casefold() in known for name in _NAME.finditer(_MARK.sub("", sentence)))

    def _copied_sums(self, sentence: str) -> bool:
        """Whether what is worked out in the sentence, if anything, stands in the evidence just so."""
        found = _SUM.search(_MARK.sub("", sentence))
        return found is None or any(found[0].strip(" .!") in text for text in self._shown)


@dataclass
class _Told:
    """What the engine tells of its tokens, sentence by sentence."""

    run: Run
    tokens: int = 0
    log_probability: float = 0.0

    def certainty(self) -> Certainty:
        """Of the tokens since the last call, as far as there are any and the engine tells."""
        so_far, figures = self.run.log_probability, self.run.figure_log_probability
        self.run.figure_log_probability = None
        if so_far is None or self.run.completion_tokens <= self.tokens:
            return Certainty(figures=figures)
        mean = (so_far - self.log_probability) / (self.run.completion_tokens - self.tokens)
        self.tokens, self.log_probability = self.run.completion_tokens, so_far
        return Certainty(mean, figures)


def _verdict(answer: Answer) -> Verdict | None:
    """Of the question's own case: the first that was checked."""
    verdicts = [call.result["verdict"] for call in answer.tool_calls if call.name == "check_fit"]
    return verdicts[0] if verdicts else None


def _instead(answer: Answer) -> Iterator[str]:
    """What the answer says would fit where the question's own case does not."""
    verdict = _verdict(answer)
    for call in answer.tool_calls if verdict != "fits" else ():
        if call.name == "best_quantization" and call.result["best"]:
            yield call.result["best"]
        if call.name == "check_fit" and call.result["verdict"] == "fits":
            yield call.result["device"]
