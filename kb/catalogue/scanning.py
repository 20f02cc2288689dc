"""Where names may stand in running text: pieces of it to look up."""

import itertools
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass

from kb.catalogue.records.labels import label_key

# The look-behind starts it once in a run of such characters: a text of dots must not cost the square of its length.
_WORD = re.compile(r"(?<![\w.:×+/-])[\w.:×+/-]*\w\+?")
# What parts two words so that no name has both; and words with which something begins or ends that is taken off a name.
_PARTED = re.compile(r"[?!;\n%]|, |\. ")
_RATIO = re.compile(r"\d/\d")
_HEAD_WORD = re.compile(r"[\w.-]{1,80}/|meta|(?:nvidia|geforce|amd|radeon|intel|apple|google)\b", re.I)
_TAIL_WORD = re.compile(
    r"(?:\d(?:gb|gib|g)|\b(?:gb|gib|g|vram|ram|memory|gpu|card|machine|chip|edition)|(?:\d|\b)(?:b|billion)"
    r"|\b(?:parameters?|params?|models?|llms?)|\b(?:v?\d{4})"
    r"|(?:\b|_)(?:instruct|it|chat|hf|gguf|base|text|latest|i?q\d\w{0,20}|fp16|bf16|f16|fp8|awq|gptq|mxfp4|nvfp4|v?\d{4}))$",
    re.I,
)


_RANGE = re.compile(r"\d{1,6} ?-{1,2} ?")
_NO_NAME = re.compile(r"\d{1,6}-\d{1,6}|m\.2", re.I)
"""A range of numbers (*30-60 seconds*) is no RTX 3060, and a slot for drives no chip of Apple's."""
_ARTICLES = frozenset({"a", "an", "the"})


@dataclass(frozen=True, slots=True)
class Piece:
    """Text at ``[start, end)`` that may be a name, or become one by taking something off."""

    start: int
    end: int
    text: str
    may_be_stripped: bool
    ends_as_quantization: bool


def pieces_of(text: str, known: Container[str], longest: int, quantizations: Container[str]) -> Iterator[list[Piece]]:
    """For each word that a name may begin with: the pieces of text that may be one, the longest first. ``known`` are
    the keys of all names, ``longest`` the length of the longest; a name does not end as a quantization."""
    words = list(_WORD.finditer(text))
    keys = ["" if _NO_NAME.fullmatch(word[0]) else label_key(word[0]) for word in words]
    gaps = [text[left.end() : right.start()] for left, right in itertools.pairwise(words)]
    parted = [_PARTED.search(gap) is not None for gap in gaps]
    gap_keys = ["" if gap == " " else label_key(gap) for gap in gaps]
    tails = [_TAIL_WORD.search(word[0]) is not None for word in words]
    for first, word in enumerate(words):
        if word[0].casefold() in _ARTICLES:
            continue  # "a 2000 W supply" is no A2000
        pieces, key = [], ""
        opens = _HEAD_WORD.match(word[0]) is not None
        named = _starts_like_a_name(word[0])
        for last in range(first, min(first + 8, len(words))):
            if not keys[last]:
                break  # a word of another script is no part of a name, nor is what is none
            if last > first:
                if parted[last - 1] or (
                    words[last][0].isdigit() and _RANGE.fullmatch(words[last - 1][0] + gaps[last - 1])
                ):
                    break
                key += gap_keys[last - 1]
            key += keys[last]
            if len(key) > longest + 12 or ("/" in words[last][0] and _RATIO.search(words[last][0])):
                break
            strippable = named and last - first < 5 and (opens or tails[last])
            if key not in known and key.removesuffix("s") not in known and not strippable:
                continue
            piece = text[word.start() : words[last].end()]
            if " " not in piece or len(key) > 3:
                is_quantization = last > first and keys[last] in quantizations
                pieces.append(Piece(word.start(), words[last].end(), piece, strippable, is_quantization))
        if pieces:
            yield pieces[::-1]


def _starts_like_a_name(word: str) -> bool:
    """Whether stripping may be tried inside running text, where ``a model`` must not become ``model``."""
    return not re.match(r"(?:an?|the|my|one|used|new|single)\b", word, re.I)
