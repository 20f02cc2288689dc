"""The texts that the model learns from: explanations over composed answers, planned calls, and the knowledge itself.

Every prompt is what the server sends: composed by the same code, put into the same messages.
"""

import json
import random
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import yaml

from kb.chat.compose import compose
from kb.chat.facts import Facts, facts
from kb.chat.question import Question
from kb.chat.understand import understand
from kb.chat.wording import one_line, plain
from kb.errors import KnowledgeBaseError
from kb.llm import messages as assembly
from kb.llm.base import Prompt
from kb.search.embed import Embedder
from kb.search.live import Index, LiveIndex
from kb.settings import settings
from kb.tools import TOOLS
from train.ask import Asked, Asker
from train.explain import Explainer
from train.names import QUANTIZATIONS, invented_device, invented_model

_NUMBER = re.compile(r"\d[\d.,]*")
_NAMES = (
    "device",
    "more",
    "fast",
    "model",
    "first",
    "link",
    "quant",
    "best",
    "term",
    "broader",
    "related",
    "bottleneck",
)
"""Values that are names; of the others the digits are drawn anew."""
FOLLOWED_UP = 0.1
"""Share of the plans that show a call which was made already."""


@dataclass(frozen=True)
class Sample:
    """``prompt`` is the user's message as the engine renders it; of a ``text`` it is empty."""

    kind: Literal["explain", "plan", "text"]
    prompt: str
    target: str

    def line(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


@dataclass(frozen=True)
class Case:
    """What is to be explained."""

    asked: str
    facts: Sequence[Facts]

    @property
    def prompt(self) -> str:
        return _user_message(Prompt("", self.asked, tuple(one.text for one in self.facts), max_tokens=1))


class Writer:
    """Makes samples; the same seed makes the same ones."""

    def __init__(self, index: Index, seed: int) -> None:
        self._index, self._rng = index, random.Random(seed)
        self._asker = Asker(index, self._rng, invented=0.0)
        self._planner = Asker(index, self._rng, invented=0.45)
        self._explainer = Explainer(self._rng)

    def explanations(self, count: int, variants: int) -> Iterator[Sample]:
        for case in self.cases(count, variants):
            yield Sample("explain", case.prompt, " ".join(self._explainer.explain(case.asked, case.facts)))

    def cases(self, count: int, variants: int) -> Iterator[Case]:
        """Of ``count`` composed answers, each in ``variants`` forms, all but one with other names and figures in it."""
        collected = _collected_questions(self._index)
        for _ in range(count):
            asked = self._rng.choice(collected) if self._rng.random() < 0.12 else self._question()
            question = understand([asked], self._index.names)
            composed = compose(self._index, question)
            found = [] if composed.abstained else facts(self._index, question, composed)
            for number in range(variants if found else 0):
                yield Case(asked, found) if number == 0 else self._changed(question, found)

    def _question(self) -> str:
        tools = [tool for tool in self._asker.tools if tool != "abstain"]
        # Most of what people ask is whether it fits and how fast it runs.
        often = [tool for tool in ("check_fit", "estimate_speed", "estimate_memory", "lookup_term") for _ in range(3)]
        return self._asker.ask(self._rng.choice(tools + often)).text

    def _changed(self, question: Question, found: Sequence[Facts]) -> Case:
        """The question and the facts about things that nobody knows, so that figures and names are read."""
        names = self._renaming(question, found)
        figures: dict[str, str] = {}

        def drawn(number: re.Match[str]) -> str:
            return figures.setdefault(number[0], self._figure_like(number[0]))

        asked = question.text
        for old, new in names:
            asked = asked.replace(old, new)
        changed = []
        for one in found:
            values = {}
            for key, value in one.values.items():
                for old, new in names:
                    value = value.replace(old, new)
                values[key] = value if key in _NAMES or value.startswith("[") else _NUMBER.sub(drawn, value)
            changed.append(Facts(one.case, values, one.traits))
        return Case(asked, changed)

    def _figure_like(self, number: str) -> str:
        """Other digits in the same places; a leading zero stays, and no other comes to lead."""
        digits = [self._rng.choice("0123456789") if mark.isdigit() else mark for mark in number]
        digits[0] = "0" if number[0] == "0" else self._rng.choice("123456789")
        return "".join(digits)

    def _renaming(self, question: Question, found: Sequence[Facts]) -> list[tuple[str, str]]:
        """Names of the question and of the facts to invented ones, the longest first."""
        pairs: dict[str, str] = {}
        specs = self._index.known.specs
        for things, invent in ((question.models, invented_model), (question.devices, invented_device)):
            for thing in things:
                new = invent(self._rng)
                pairs |= {specs[match.kind][match.slug].name: new for match in thing.candidates}
                pairs.setdefault(thing.name, new)
        quantizations = {value for one in found for key, value in one.values.items() if key in ("quant", "best")}
        pairs |= {name: self._rng.choice(QUANTIZATIONS).upper() for name in sorted(quantizations)}
        for one in found:
            for key in ("device", "more", "fast", "first", "model"):
                name = re.sub(r"^\d+× ", "", one.values.get(key, ""))
                if name and not any(old in name for old in pairs):
                    of_a_model = key == "model" or (key == "first" and one.case == "what_runs")
                    pairs[name] = (invented_model if of_a_model else invented_device)(self._rng)
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
