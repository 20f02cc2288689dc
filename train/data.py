"""The texts that the model learns from: explanations over composed answers, planned calls, and the knowledge itself.

Every prompt is what the server sends: composed by the same code, put into the same messages.
"""

import json
import random
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import yaml

from kb.chat.compose import Composed, compose
from kb.chat.engines import messages as assembly
from kb.chat.engines.base import Prompt
from kb.chat.prompt import prompt_for
from kb.chat.question import Question
from kb.chat.understand import understand
from kb.chat.wording import one_line, plain
from kb.errors import KnowledgeBaseError
from kb.index.live import Index, LiveIndex
from kb.retrieval.embed import Embedder
from kb.settings import settings
from kb.tools import TOOLS
from train.ask import Asked, Asker
from train.explain import Explainer
from train.names import invented_device, invented_model

_NUMBER = re.compile(r"\d[\d.,]*")
_MARK = re.compile(r"\[\d{1,3}\]")
CHARACTERS = (750, 900, 1100, 1500)
"""Of a prompt: evidence is cut to one of these lengths, as the engine cuts what its context does not hold."""
SHORTENED = 0.7
"""Share of the prompts that have no more evidence than the explanation stands on: reading is learned from these."""
FOLLOWED_UP = 0.2
"""Share of the plans that show a call which was made already."""


@dataclass(frozen=True)
class Sample:
    """``prompt`` is the user's message as the engine renders it; of a ``text`` it is empty."""

    kind: Literal["explain", "plan", "text"]
    prompt: str
    target: str

    def line(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


class Writer:
    """Makes samples; the same seed makes the same ones."""

    def __init__(self, index: Index, seed: int) -> None:
        self._index, self._rng = index, random.Random(seed)
        self._asker = Asker(index, self._rng, invented=0.0)
        self._planner = Asker(index, self._rng, invented=0.45)
        self._explainer = Explainer(index, self._rng)

    def explanations(self, count: int, variants: int) -> Iterator[Sample]:
        """Over ``count`` composed answers, each explained in up to ``variants`` ways, most with other names in it."""
        collected = _collected_questions(self._index)
        for _ in range(count):
            asked = self._rng.choice(collected) if self._rng.random() < 0.12 else self._question()
            question = understand([asked], self._index.names)
            composed = compose(self._index, question)
            if composed.abstained:
                continue
            written = set()
            for number in range(variants):
                sample = self._explained(question, composed, renamed=number > 0)
                if sample and sample.target not in written:
                    written.add(sample.target)
                    yield sample

    def _question(self) -> str:
        tools = [tool for tool in self._asker.tools if tool != "abstain"]
        # Most of what people ask is whether it fits and how fast it runs.
        often = [tool for tool in ("check_fit", "estimate_speed", "estimate_memory", "lookup_term") for _ in range(3)]
        return self._asker.ask(self._rng.choice(tools + often)).text

    def _explained(self, question: Question, composed: Composed, *, renamed: bool) -> Sample | None:
        sentences = self._explainer.explain(question, composed)
        prompt = _rendered(question, composed, self._rng.choice(CHARACTERS))
        kept = [sentence for sentence in sentences if _stands_on(sentence, prompt)]
        if not kept:
            return None
        target = " ".join(kept)
        if self._rng.random() < SHORTENED:
            prompt = _shortest(question, composed, target) or prompt
        if renamed:
            for old, new in self._renaming(question, composed):
                prompt, target = prompt.replace(old, new), target.replace(old, new)
        return Sample("explain", prompt, target)

    def _renaming(self, question: Question, composed: Composed) -> list[tuple[str, str]]:
        """Names of the question and of the results to invented ones, the longest first."""
        pairs: dict[str, str] = {}
        specs = self._index.known.specs
        for things, invent in ((question.models, invented_model), (question.devices, invented_device)):
            for thing in things:
                for match in thing.candidates:
                    new = invent(self._rng)
                    pairs |= {specs[match.kind][match.slug].name: new, match.slug: new.lower().replace(" ", "-")}
                    pairs.setdefault(thing.name, new)
        return sorted(((old, new) for old, new in pairs.items() if len(old) > 3), key=lambda pair: -len(pair[0]))

    def plans(self, count: int) -> Iterator[Sample]:
        tools = [tool for tool in self._planner.tools if tool != "premise"]
        for _ in range(count):
            asked = self._planner.ask(self._rng.choice(tools))
            if asked.tool in TOOLS and self._rng.random() < FOLLOWED_UP:
                yield self._after_call(asked)
            else:
                yield Sample("plan", planning_message(asked), asked.call)

    def _after_call(self, asked: Asked) -> Sample:
        """What follows a call: the answer, or nothing to answer with."""
        try:
            result = TOOLS[asked.tool].call(self._index, asked.arguments)
        except KnowledgeBaseError as error:
            said, then = str(error), "abstain"
        else:
            said, then = str(getattr(result, "formula", asked.tool)), "answer"
        called = assembly.as_data(f"{asked.call} -> {one_line(said)[:200]}")
        return Sample("plan", f"{planning_message(asked)}\n\nCalled:\n{called}", Asked("", then, {}).call)

    def texts(self) -> Iterator[Sample]:
        """Terms and passages as plain text, for the language itself."""
        for term in self._index.known.terms.values():
            body = "\n".join((term.definition, term.in_practice, term.pitfalls))
            yield Sample("text", "", f"{term.pref_label}: {plain(body)}")
        for passage in self._index.known.passages.values():
            yield Sample("text", "", f"{passage.title}: {plain(passage.text)}")


def planning_message(asked: Asked) -> str:
    return f"Choose a tool.\n\nQuestion:\n{assembly.as_data(asked.text)}"


def _rendered(question: Question, composed: Composed, characters: int) -> str:
    """The user's message of the prompt, with as much evidence as the built-in model's context holds."""
    prompt = prompt_for(question, composed, max_tokens=1)
    # Characters stand for tokens here, so that no tokenizer is needed before there is one.
    fitted, _ = assembly.fitted(prompt, characters, lambda cut: [0] * len(_user_message(cut)))
    return _user_message(fitted)


def _stands_on(text: str, prompt: str) -> bool:
    """Whether every figure and every citation mark of ``text`` is in the prompt."""

    def figures(of: str) -> set[str]:
        return {number.rstrip(".,") for number in _NUMBER.findall(_MARK.sub(" ", of))}

    return figures(text) <= figures(prompt) and all(mark in prompt for mark in _MARK.findall(text))


def _shortest(question: Question, composed: Composed, target: str) -> str | None:
    """The prompt with the least evidence, from the first piece on, that ``target`` stands on."""
    prompt = prompt_for(question, composed, max_tokens=1)
    messages = (
        _user_message(replace(prompt, evidence=prompt.evidence[:count])) for count in range(1, len(prompt.evidence) + 1)
    )
    return next((message for message in messages if _stands_on(target, message)), None)


def _user_message(prompt: Prompt) -> str:
    return assembly.messages(prompt)[1]["content"]


def _collected_questions(index: Index) -> list[str]:
    """Questions that were written beside the passages."""
    folder = Path(__file__).parent.parent / "corpus" / "questions"
    found: list[str] = []
    for path in sorted(folder.glob("*.yaml")):
        for questions in yaml.safe_load(path.read_text(encoding="utf-8")).values():
            found += questions
    return found


def main() -> None:
    """``python -m train.data SEED EXPLAINED VARIANTS FILE``: a part of the texts, by seed, one sample a line."""
    seed, explained, variants = (int(argument) for argument in sys.argv[1:4])
    live = LiveIndex(settings().data_dir, Embedder(settings().embedding_model))
    with Path(sys.argv[4]).open("w", encoding="utf-8") as file:
        for sample in Writer(live.get(), seed).explanations(explained, variants):
            print(sample.line(), file=file)


if __name__ == "__main__":
    main()
