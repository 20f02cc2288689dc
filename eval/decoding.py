"""``python -m eval.decoding MODEL.gguf``: what our writing costs beside llama-cpp-python's own, locked and not.

One thread, its own time on the processor, and the best of several rounds: the ratios hold on a busy machine too.
We hold ourselves to 95 % of the bare library's speed, lock on.
"""

import sys
import time
from collections.abc import Callable

from kb.llm.base import Grammar
from kb.llm.llama import LlamaLog, Model
from kb.llm.lock import lock, locked
from kb.llm.messages import SEED, TEMPERATURE, TOP_P
from kb.llm.wire import LoadModel
from kb.llm.writing import Draft
from kb.text.name_finder import NameFinder

TOKENS = 64
ROUNDS = 7
EVIDENCE = (
    "Model One 70B at Q4_K_M needs 45.7 GB; the Card One has 25.8 GB (24 GiB) and reads 1,008 GB/s: 2.13 tokens/s [1]",
    "weights 25.30 ms + unpacking 0.50 ms + cache 1.76 ms + system memory 439.32 ms (19.02 GB) = 468.95 ms a token [2]",
    "70B at Q2_K on a Card One: 26.4 GB and the card holds 25.8 with nothing left for context; 43 of 80 layers [3]",
)
NAMES = NameFinder(["Model One 70B", "Card One", "Q4_K_M", "Q2_K"])


def bare(model: Model, prompt: list[int]) -> float:
    """Tokens per second behind the first token."""
    pieces = model._llama.create_completion(
        prompt=prompt, max_tokens=TOKENS, temperature=TEMPERATURE, top_p=TOP_P, seed=SEED, stream=True
    )
    next(pieces)
    start = time.process_time()
    written = sum(1 for _ in pieces)
    model.forget()
    return written / (time.process_time() - start)


def ours(model: Model, prompt: list[int], grammar: Grammar | None) -> float:
    draft = Draft(model, grammar)
    model.read(prompt)
    draft.next()
    start = time.process_time()
    while draft.tokens < TOKENS:
        draft.read_on()
        if draft.next() is None:
            break
    return (draft.tokens - 1) / (time.process_time() - start)


def main() -> None:
    model = Model(LoadModel(sys.argv[1], 2048, 1, 0), LlamaLog(lambda _: None))
    prompt = [*range(300, 400)]
    grammar = lock(locked(EVIDENCE, NAMES), (1, 2, 3))
    start = time.process_time()
    print(f"vocabulary {model.vocabulary:,}; made ready for grammars in {_seconds(lambda: model.tokenizer):.2f} s")
    print(f"a grammar made ready in {_seconds(lambda: Draft(model, grammar)) * 1000:.0f} ms")
    ways: dict[str, Callable[[], float]] = {
        "bare": lambda: bare(model, prompt),
        "ours": lambda: ours(model, prompt, None),
        "locked": lambda: ours(model, prompt, grammar),
    }
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):  # in turn, so that what else the machine does falls on all alike
        for name, way in ways.items():
            speeds[name].append(way())
    base = max(speeds["bare"])
    for name, measured in speeds.items():
        speed = max(measured)
        print(f"{name:<8}{speed:>10,.1f} tokens/s{1000 / speed:>10.3f} ms/token{speed / base:>8.2f} × bare")
    print(f"in {time.process_time() - start:.0f} s")


def _seconds(action: Callable[[], object]) -> float:
    start = time.process_time()
    action()
    return time.process_time() - start


if __name__ == "__main__":
    main()
