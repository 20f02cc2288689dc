"""How many cards a server can split a model's layers over: each takes an equal number of attention heads.

Sources: vLLM, vllm/config (verify_with_parallel_config: "Total number of attention heads must be divisible by tensor
parallel size"), https://github.com/vllm-project/vllm/issues/4232; SGLang asserts the same for each model.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class HeadSplit:
    """``tensor`` cards are the most that work on each token; all of them do as ``tensor_of_all`` times ``pipeline``,
    stages one after another."""

    tensor: int
    tensor_of_all: int
    pipeline: int


def head_split(heads: int, cards: int) -> HeadSplit | None:
    """What goes instead where the heads cannot be divided over the cards; None where they can.

    >>> head_split(64, 6)
    HeadSplit(tensor=4, tensor_of_all=2, pipeline=3)
    >>> head_split(64, 7)
    HeadSplit(tensor=4, tensor_of_all=1, pipeline=7)
    >>> head_split(64, 8)
    """
    if heads < 1 or cards < 1 or heads % cards == 0:
        return None
    tensor = max(count for count in range(1, cards) if heads % count == 0)
    of_all = max(count for count in range(1, cards) if heads % count == 0 and cards % count == 0)
    return HeadSplit(tensor, of_all, cards // of_all)
