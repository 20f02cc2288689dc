"""How good a trained model is, bare: no lock, no check behind it."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import llama_cpp

from train.data import Sample
from train.model import CONTEXT
from train.tokenizer import ANSWER, USER

_NUMBER = re.compile(r"\d[\d.,]*\d|\d")


@dataclass(frozen=True)
class Scores:
    explained: int
    supported: float
    """Share of explanations of which every figure stands in the prompt."""
    planned: int
    right_tool: float
    right_call: float


def score(path: Path, explained: Sequence[Sample], planned: Sequence[Sample]) -> Scores:
    """Greedy, by llama.cpp."""
    llama = llama_cpp.Llama(model_path=str(path), n_ctx=CONTEXT, verbose=False)

    def written(sample: Sample) -> str:
        tokens = llama.tokenize(f"{USER}{sample.prompt}{ANSWER}".encode(), add_bos=False, special=True)[: CONTEXT - 200]
        return str(llama.create_completion(tokens, max_tokens=180, temperature=0.0)["choices"][0]["text"])

    supported = sum(figures(written(sample)) <= figures(sample.prompt) for sample in explained)
    calls = [(written(sample), sample.target) for sample in planned]
    return Scores(
        explained=len(explained),
        supported=supported / max(1, len(explained)),
        planned=len(planned),
        right_tool=sum(tool_of(got) == tool_of(wanted) for got, wanted in calls) / max(1, len(calls)),
        right_call=sum(got == wanted for got, wanted in calls) / max(1, len(calls)),
    )


def figures(text: str) -> set[str]:
    return set(_NUMBER.findall(text))


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
