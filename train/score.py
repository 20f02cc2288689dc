"""How good a trained model is, bare: no lock, no check behind it."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import llama_cpp

from kb.chat.ground import sentences
from train.data import Case, Sample
from train.explain import Judge, Judgement
from train.model import CONTEXT
from train.tokenizer import ANSWER, USER


@dataclass(frozen=True)
class Scores:
    sentences: Counter[Judgement]
    planned: int
    right_tool: float
    right_call: float

    def share(self, judgement: Judgement) -> float:
        return self.sentences[judgement] / max(1, self.sentences.total())


def score(path: Path, cases: Sequence[Case], planned: Sequence[Sample]) -> Scores:
    """Greedy, by llama.cpp."""
    llama = llama_cpp.Llama(model_path=str(path), n_ctx=CONTEXT, verbose=False)
    judge = Judge()

    def written(prompt: str) -> str:
        tokens = llama.tokenize(f"{USER}{prompt}{ANSWER}".encode(), add_bos=False, special=True)[: CONTEXT - 200]
        return str(llama.create_completion(tokens, max_tokens=180, temperature=0.0)["choices"][0]["text"])

    judged = Counter(
        judge.judgement(sentence.strip(), case.facts)
        for case in cases
        for sentence in sentences(written(case.prompt))
        if sentence.strip()
    )
    calls = [(written(sample.prompt), sample.target) for sample in planned]
    return Scores(
        sentences=judged,
        planned=len(planned),
        right_tool=sum(tool_of(got) == tool_of(wanted) for got, wanted in calls) / max(1, len(calls)),
        right_call=sum(got == wanted for got, wanted in calls) / max(1, len(calls)),
    )


def tool_of(call: str) -> str | None:
    """
    >>> tool_of('{"tool":"check_fit","arguments":{}}'), tool_of("no call")
    ('check_fit', None)
    """
    try:
        planned = json.loads(call)
    except ValueError:
        return None
    return planned.get("tool") if isinstance(planned, dict) else None
