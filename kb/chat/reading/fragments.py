"""Messages that only state or change something: the question is the one before."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from kb.chat.reading.situation import Situation
from kb.tools.asks import read_form

MOST_WORDS = 14
"""A longer message says what it wants."""


@cache
def _small() -> frozenset[str]:
    known = read_form(Path(__file__).with_name("small_words.yaml"), TypeAdapter(dict[str, tuple[str, ...]]))
    return frozenset(word for words in known.values() for word in words)


_CHANGES = re.compile(
    r"\bcod(?:e|ing)\b|\bprogramming\b|\bimages?\b|\bpictures?\b|\bvideos?\b|\bvoice\b|\bspeech\b|\bdocuments?\b|\bpdfs?\b"
    r"|\brag\b|\bwriting\b|\bstories\b|\bagents?\b|\bchat(?:ting)?\b|\bquiet\b|\bsilent\b|\bnoise\b|\bloud\b"
    r"|\b(?:two|three|four|five|six|eight|twelve)\b|\bx\b|\bwindows\b|\blinux\b|\bubuntu\b|\bmac ?os\b", re.I
)  # fmt: skip
"""Words that a situation has in a field of its own."""
_DEFINES = re.compile(
    r"\bwhat(?:'?s| is| are)\b|\bmeans?\b(?<!i mean)|\bexplain\b|\bhow much\b|\bhow many\b|\bhow long\b"
    r"|\bdo(?:es)? \w+ (?:really |even |still )?need\b",
    re.I,
)
_WORD = re.compile(r"[^\W\d_][\w'’]*")


def is_fragment(text: str, covered: Sequence[tuple[int, int]]) -> bool:
    """Whether nothing but small words is left of it without the names and figures, at ``covered``.

    >>> is_fragment("and with 16k context?", [(9, 12)]), is_fragment("does it fit then", [])
    (True, False)
    """
    if len(text.split()) > MOST_WORDS or _DEFINES.search(text):
        return False
    kept = list(text)
    for start, end in covered:
        kept[start:end] = " " * (end - start)
    left = _CHANGES.sub(" ", "".join(kept)).replace("’", "'").casefold()
    if any(character.isdigit() for character in re.sub(r"\b\d{1,2}\b", "", left)):
        return False
    return all(word in _small() for word in _WORD.findall(left))


_DEVICE_ROLES = ("device", "devices", "cards", "card", "machine", "owned", "considered", "compared", "spec", "specs")
_ROLES: dict[str, tuple[str, ...]] = {
    "models": ("model", "models", "spec", "specs"), "devices": _DEVICE_ROLES,
    "quantizations": ("quantization",), "terms": ("term", "terms"), "vram_gib": ("min_memory_gib", "device"),
    "memory_type": ("memory_type", "system_bandwidth_gb_per_s"),
    "memory_channels": ("memory_channels", "system_bandwidth_gb_per_s"),
    "gpu_layers": ("options",),
    "tokens_per_s": ("tokens_per_s", "wanted_tokens_per_s"), "size_gb": ("size_gb",),
}  # fmt: skip
_STATED = (
    "models", "devices", "quantizations", "context", "users", "kv_cache_type", "system_memory_gb", "memory_type",
    "memory_channels", "system_bandwidth_gb_per_s", "memory_in_use_gb", "power_limit_w", "psu_w", "watts", "budget",
    "price_per_kwh", "hours_per_day", "rent_per_hour", "size_gb", "vram_gib", "read_mb_per_s", "tokens_per_s",
    "nvme_drives", "batch_size", "gpu_layers", "options", "prompt_tokens", "output_tokens", "requests", "training_method", "engine", "use", "quiet",
    "tensor_parallel", "draft", "system",
)  # fmt: skip


TELLING = frozenset(
    {"tokens_per_s", "psu_w", "budget", "price_per_kwh", "hours_per_day", "rent_per_hour", "watts", "quiet"}
)  # fmt: skip
"""Roles of figures that no other question has: one that does not take them is not gone on with."""


def stated(situation: Situation) -> frozenset[str]:
    """The roles of what a message states; a term counts only where nothing else does (*16k context*)."""
    roles = {role for name in _STATED if getattr(situation, name) for role in _ROLES.get(name, (name,))}
    return frozenset(roles or (_ROLES["terms"] if situation.terms else situation.figure_keys and ("figure_keys",)))
