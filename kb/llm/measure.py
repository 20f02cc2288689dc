"""How fast llama.cpp runs a model, as JSON.

``python -m kb.llm.measure FILE THREADS GPU_LAYERS PROMPT_TOKENS GENERATED_TOKENS``: a process of its own, as
the model's at work (:mod:`kb.llm.worker`). Tokens are random, as in llama-bench: their meaning costs nothing.
What is timed is llama.cpp alone, without sampling or text.
"""

import json
import random
import sys
from time import perf_counter

import llama_cpp

from kb.llm.llama import LlamaLog
from kb.llm.threads import reading_threads, writing_threads


def measure(path: str, threads: int, gpu_layers: int, prompt_tokens: int, generated_tokens: int) -> dict[str, float]:
    """``load_s`` until the first token could be written; ``prompt_s`` and ``generation_s`` for all of theirs."""
    start = perf_counter()
    llama = llama_cpp.Llama(
        model_path=path,
        n_ctx=prompt_tokens + generated_tokens,
        n_batch=prompt_tokens,
        n_threads=writing_threads(threads),
        n_threads_batch=reading_threads(threads),
        n_gpu_layers=gpu_layers,
        verbose=False,
    )
    _run(llama, [max(llama.token_bos(), 0)])
    load_s = perf_counter() - start
    chance = random.Random(0)
    tokens = [chance.randrange(llama.n_vocab()) for _ in range(prompt_tokens + generated_tokens)]
    for _ in range(2):  # The first time reads what of the file is still on the disk: experts, for one.
        llama.reset()
        start = perf_counter()
        _run(llama, tokens[:prompt_tokens])
        prompt_s = perf_counter() - start
    start = perf_counter()
    for token in tokens[prompt_tokens:]:
        _run(llama, [token])
    return {"load_s": load_s, "prompt_s": prompt_s, "generation_s": perf_counter() - start}


def _run(llama: llama_cpp.Llama, tokens: list[int]) -> None:
    llama.eval(tokens)
    llama_cpp.llama_synchronize(llama.ctx)  # A GPU is given work and not waited for.


def main() -> None:
    path, *numbers = sys.argv[1:]
    threads, gpu_layers, prompt_tokens, generated_tokens = map(int, numbers)
    log = LlamaLog(lambda _: None)
    try:
        print(json.dumps(measure(path, threads, gpu_layers, prompt_tokens, generated_tokens)))
    except (AssertionError, OSError, RuntimeError, ValueError) as error:
        sys.exit(log.errors[0] if log.errors else str(error))


if __name__ == "__main__":
    main()
