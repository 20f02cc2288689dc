"""How a message trains a model: by which method, divided over cards in which way, and whether its memory ran out."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

from kb.chat.reading.situation import Named, TrainingMethod

_TRAINING = re.compile(
    r"\b(?:(?P<rl>rlhf|rl|ppo|grpo|dpo|reinforcement)\b|(?<!not )(?<!no )(?<!instead of )(?<!than )(?P<qlora>qlora)"
    r"|(?<!not )(?<!no )(?<!instead of )(?<!than )\b(?P<lora>lora)"
    r"|(?P<full>full)[\s-](?:fine|param|train|sft|weight|\d+b))", re.I
)  # fmt: skip
_BITS = re.compile(r"(?<![\d.])[48](?![\d.])")
_BESIDE_ANOTHER = re.compile(r"[\s,/]{0,3}(?:or|and|vs\.?|versus|&|/|,|\+)?[\s,/]{0,3}(?:a )?", re.I)
"""Between two methods of training that are asked about both."""
_SHARDING = re.compile(
    r"\bzero[\s_-]?(?:stage[\s_-]?)?(?P<stage>[123])\b|\bstage[\s_-]?(?P<alone>[123])\b"
    r"|(?P<ddp>\bddp\b|\bdata[- ]parallel\w*)|\bfsdp\w*|\bfull[_-]shard\b|\bfully[- ]sharded\b", re.I
)  # fmt: skip
_OUT_OF_MEMORY = re.compile(
    r"(?<!without )(?<!avoid )(?<!not )(?:\boom(?:s|'?ed|'?ing|'d)?\b|\bout[- ]?of[- ]?memory|\boutofmemory\w*"
    r"|\b(?:runs?|ran|running) out of (?:v?ram|(?:gpu |cuda )?memory)\b)", re.I
)  # fmt: skip
_WOULD = re.compile(r"\b(?:would|will|could|might)\b(?:[^.?!;,]|\.\d){0,80}[?]", re.I)
"""What is asked of a run that has not been."""


def training_method(text: str, quantizations: Sequence[Named], use: str) -> TrainingMethod | None:
    """None where several are held beside each other: the answer has them all then. Whoever trains weights of four or
    eight bits trains adapters."""
    found = list(_TRAINING.finditer(text))
    if any(
        one.lastgroup != other.lastgroup and _BESIDE_ANOTHER.fullmatch(text, one.end(), other.start())
        for one, other in pairwise(found)
    ):
        return None
    if not found and use != "training":
        return None
    return at_bits(cast(TrainingMethod, found[0].lastgroup) if found else None, quantizations)


def at_bits(method: TrainingMethod | None, quantizations: Sequence[Named]) -> TrainingMethod | None:
    """LoRA adapters on weights of as many bits as are named with it."""
    labels = " ".join(label for one in quantizations for label in (one.name, one.label))
    if method not in (None, "lora", "lora_8bit"):
        return method
    bits = _BITS.search(labels)
    return method if bits is None else "qlora" if bits[0] == "4" else "lora_8bit"


def sharding(text: str) -> str | None:
    """As it is named; nothing where several ways are."""
    ways = {
        f"zero{one['stage'] or one['alone']}" if one["stage"] or one["alone"] else "ddp" if one["ddp"] else "zero3"
        for one in _SHARDING.finditer(text)
    }
    return ways.pop() if len(ways) == 1 else None


def ran_out(text: str) -> bool:
    """Whether it tells that memory ran out, in training or not."""
    return _OUT_OF_MEMORY.search(_WOULD.sub(" ", text)) is not None
