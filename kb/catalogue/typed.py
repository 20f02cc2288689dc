"""A name as people type it: what can be taken off without making it another's, its words and numbers, and slips."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from rapidfuzz.distance import OSA

_MODEL_SUFFIX = re.compile(
    r"[-_ :.]{1,3}(?:instruct|it|chat|hf|gguf|base|text|latest|i?q\d\w{0,20}|fp16|bf16|f16|fp8|awq|gptq|mxfp4|nvfp4)$",
    re.I,
)
_OWNER = re.compile(r"^[\w.-]+/(?=[\w.-]+$)")
_DEVICE_PREFIX = re.compile(
    r"^(?:an?|the|my|one|single|nvidia|geforce|amd|radeon|intel|apple|google|used|new)[\s-]+(?=\S)", re.I
)
_DEVICE_SUFFIX = re.compile(r"[\s-]{1,3}(?:gpu|card|graphics card|machine|chip|edition|founders edition)$", re.I)
_MEMORY_SUFFIX = re.compile(
    r"[\s(-]{0,3}(?<!\d)(\d{1,4})\s?(?:gb|gib|g)\)?(?:\s?(?:vram|ram|memory|unified memory))?$", re.I
)
_MEMORY_WITHIN = re.compile(r"(?<=\w)[\s(-]{1,3}(\d{1,3})\s?(?:gb|gib|g)\)?[\s-](?!ram|vram)(?=[^\d\s])", re.I)
_SIZE = re.compile(
    r"(?<![\w.])(\d{1,4}(?:\.\d{1,2})?)\s?(?:b|billion)(?![\w])(?:[\s-]{0,3}(?:parameters?|params?|models?|llms?)){0,4}",
    re.I,
)
_BARE_NUMBER = re.compile(r"[\s-]\d{1,4}$")
_GB = re.compile(r"(?<=[\s(-]\d\d)g\b")
"""``2080 Ti 22G``, and not the A10G."""
_PARTS = re.compile(r"[a-z]+|\d+(?:\.\d+)*")

SHORTEST_SLIP = 5
"""Letters: shorter words are names by themselves (``Ti``, ``XTX``, ``Max``, ``Air``)."""
TWO_SLIPS = 10
"""Letters from which on a word may have two slips."""


Parts = tuple[str, ...]
"""A name's words and numbers."""


def parts_of(name: str) -> Parts:
    """
    >>> parts_of("Radeon RX-7900XTX"), parts_of("Llama-3.1 70B")
    (('radeon', 'rx', '7900', 'xtx'), ('llama', '3.1', '70', 'b'))
    """
    folded = unicodedata.normalize("NFKD", name).casefold().replace("×", "x").replace("+", " plus ")
    return tuple(_PARTS.findall(_GB.sub("gb", folded)))


def is_mistyped(typed: str, meant: str) -> bool:
    """Whether a word is another with a slip in it.

    >>> is_mistyped("geforse", "geforce"), is_mistyped("quantisaton", "quantization"), is_mistyped("xtx", "xt")
    (True, True, False)
    """
    longest = max(len(typed), len(meant))
    if longest < SHORTEST_SLIP or not (typed + meant).isalpha():
        return False
    return OSA.distance(typed, meant) <= (2 if longest >= TWO_SLIPS else 1)


def memory_stated(name: str) -> int | None:
    """The size of memory, in GB as printed, with which a device's name ends.

    >>> memory_stated("M2 Ultra 192GB"), memory_stated("RTX 3060"), memory_stated("16 GB")
    (192, None, None)
    """
    found = _MEMORY_SUFFIX.search(name[:200].strip())
    return int(found[1]) if found and found.start() > 0 else None


def ends_in_a_number(name: str) -> bool:
    return _BARE_NUMBER.search(name[:200]) is not None


def memory_last(name: str) -> str:
    """With a size of memory that stands within it at its end; empty where there is none.

    >>> memory_last("RTX 4060 8GB laptop"), memory_last("RTX 4060 laptop 8GB")
    ('RTX 4060 laptop 8GB', '')
    """
    name = name[:200].strip()
    found = _MEMORY_WITHIN.search(name)
    return f"{name[: found.start()]} {name[found.end() :]} {found[1]}GB" if found else ""


def without_owner(name: str) -> str:
    """
    >>> without_owner("Qwen/QwQ-32B")
    'QwQ-32B'
    """
    return _OWNER.sub("", name)


@dataclass(frozen=True)
class Shorter:
    name: str
    memory_gib: int | None = None
    model: bool = False
    """What was taken off belongs to models' names only: without its number RTX 5091 is still no term."""


def shorter_names(name: str, model: bool, device: bool) -> Iterator[Shorter]:
    plain = " ".join(name.split())
    if model:
        shorter = without_owner(plain).removesuffix(".gguf")
        yield Shorter(shorter, model=True)
        while (cut := _MODEL_SUFFIX.sub("", shorter)) != shorter and cut:
            shorter = cut
            yield Shorter(shorter, model=True)
        yield Shorter(re.sub(r"^meta[-_ ]+", "", shorter, flags=re.I), model=True)
        size = _SIZE.fullmatch(plain)
        if size:
            yield Shorter(size[1] + "b", model=True)
    if device:
        shorter = plain
        while (cut := _DEVICE_SUFFIX.sub("", _DEVICE_PREFIX.sub("", shorter))) != shorter and cut:
            shorter = cut
            yield Shorter(shorter)
        for whole in dict.fromkeys((plain, shorter)):
            memory = _MEMORY_SUFFIX.search(whole)
            if memory and memory.start() > 0:
                base = whole[: memory.start()]
                yield Shorter(base, int(memory[1]))
                yield Shorter(_DEVICE_SUFFIX.sub("", base), int(memory[1]))
