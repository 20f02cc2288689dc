"""What names look like: the words that names in the catalogue are made of, and the words of ordinary text."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from kb.catalogue.names import DEVICE_KINDS, Names
from kb.catalogue.records import MediaModel
from kb.catalogue.typed import Parts, parts_of, without_owner
from kb.chat.reading.gloss_files import english_words

MODEL_NUMBER = re.compile(r"([a-z]{1,3})(\d{1,4})[a-z]{0,2}")
"""``a100``, ``l40s``, ``mi50``, ``m3``."""
FAMILY = 3
"""So many devices whose names begin with a word make it a product line's."""
_PROSE_WORD = re.compile(r"(?<![\w-])[a-z]{2,20}(?![\w-])")
_ENGLISH = """
a about all also an and another any are aren around as at be best better between both but buy by can card cards
could did didn do does don down each even fit fits for from full get gets getting give good got gpu gpus had has
have having he here how i if in into is isn it its just less like llm llms load loading loads local locally
make makes many may maybe me might model models more most much must my need needs new no nor not now of off old
on one only onto or other our out over per quant quants run running runs same she should so some still take
takes than that the their then there these they this those to too tried try two under up use used uses using
version versus very vs want wants was we what when where which who why will with without would you your
"""
_ENDING = re.compile(r"(?<=[a-z]{3})(?:ing|ed|s)$")
_FUNCTION_WORDS = frozenset(_ENGLISH.split())
"""Words of English that are no part of a name wherever they stand."""


@dataclass(frozen=True)
class Lexicon:
    model_families: frozenset[str]
    """First words of models' names, without their numbers: ``qwen``, ``gpt``."""
    model_letters: frozenset[tuple[str, str]]
    """A family with the letters that its versions begin with: DeepSeek R1, Kimi K2."""
    whole_versions: frozenset[str]
    """Families with a version that is a whole number: ``Llama 4``, and not ``Step 3.7``."""
    model_words: frozenset[str]
    """Words within models' names: ``coder``, ``flash``."""
    family_words: frozenset[tuple[str, str]]
    """A family with each word within its models' names."""
    media_words: frozenset[str]
    """Words within the names of models that write no text, and none of the language: ``schnell``, ``kontext``."""
    device_words: frozenset[str]
    """Words with which devices' names begin: ``rtx``, ``macbook``."""
    device_suffixes: frozenset[str]
    """Words by which two devices of the same name differ: ``ti``, ``xtx``, ``ultra``."""
    device_numbers: frozenset[tuple[str, int]]
    """Letters and how many digits follow: A100 is ``("a", 3)``."""
    device_memory: frozenset[float]
    """Sizes with which some device is sold."""
    makers: Mapping[str, str]
    """Of words that several devices' names begin with, all of one maker: ``mac``, ``geforce``."""
    ordinary: frozenset[str]

    def is_ordinary(self, word: str) -> bool:
        """A word of the language rather than of a name."""
        stem = _ENDING.sub("", word)
        return any(one in _FUNCTION_WORDS or one in self.ordinary for one in (word, stem, f"{stem}e"))

    def joins_nothing(self, word: str) -> bool:
        return word in _FUNCTION_WORDS


@lru_cache(maxsize=2)
def lexicon(names: Names) -> Lexicon:
    models = list(_ways(names, ("models",)))
    first = list(_first_words(names))
    devices = [parts for parts in _ways(names, DEVICE_KINDS) if len(parts) > 1 or parts[0][0].isalpha()]
    labels = [parts_of(names.label("models", slug)) for slug in names.slugs("models")]
    families = frozenset(parts[0] for parts in labels)
    ordinary = frozenset(_prose(names)) | english_words()
    ordinary -= families
    inside = {part for parts in models for part in parts[1:] if part.isalpha() and len(part) > 1}
    return Lexicon(
        model_families=families,
        model_letters=frozenset((parts[0], parts[1]) for parts in labels if _is_lettered(parts)),
        whole_versions=frozenset(parts[0] for parts in labels if len(parts) > 1 and parts[1].isdigit()),
        family_words=frozenset((parts[0], part) for parts in models for part in parts[1:]),
        media_words=frozenset(
            part
            for parts in _ways(names, (MediaModel.kind,))
            for part in parts[1:]
            if part.isalpha() and len(part) > 1 and part not in ordinary and part not in _FUNCTION_WORDS
        ),
        model_words=frozenset(inside - families - _FUNCTION_WORDS),
        device_words=frozenset(
            {
                *(word for word, _ in first),
                *{parts[0] for parts in devices if len(parts[0]) > 1 and parts[0] not in ordinary} - _vendors(names),
            }
        ),
        device_suffixes=frozenset(
            part for part in _telling_apart(devices) - _FUNCTION_WORDS - ordinary if len(part) > 1
        ),
        device_numbers=frozenset(
            (found[1], len(found[2]))
            for kind in DEVICE_KINDS
            for name in names.ways_to_write(kind)
            for word in re.split(r"[\s()-]+", name.casefold())
            if (found := MODEL_NUMBER.fullmatch(word))
        ),
        device_memory=frozenset(
            size for kind in DEVICE_KINDS for slug in names.slugs(kind) for size in names.sold_with(kind, slug)
        ),
        makers=_makers(first),
        ordinary=ordinary,
    )


def _makers(first: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, list[str]] = defaultdict(list)
    for word, maker in first:
        found[word].append(maker)
    return {word: makers[0] for word, makers in found.items() if len(makers) >= FAMILY and len(set(makers)) == 1}


def _first_words(names: Names) -> Iterator[tuple[str, str]]:
    """The first word of each device's label behind its maker's; the maker's where there is no other (Raspberry Pi 5).
    With the maker."""
    makers = _vendors(names)
    for kind in DEVICE_KINDS:
        for slug in names.slugs(kind):
            words = [part for part in parts_of(names.label(kind, slug)) if part.isalpha() and len(part) > 1]
            for word in ([word for word in words if word not in makers] or words)[:1]:
                yield word, names.vendor(kind, slug)


def _vendors(names: Names) -> set[str]:
    return {part for kind in DEVICE_KINDS for vendor in names.vendors(kind) for part in parts_of(vendor)}


def _ways(names: Names, kinds: Iterable[str]) -> Iterator[Parts]:
    for kind in kinds:
        for name in names.ways_to_write(kind):
            if parts := parts_of(without_owner(name)):
                yield parts


def _is_lettered(parts: Parts) -> bool:
    """``Kimi K2``: a letter and the number that belongs to it."""
    return len(parts) > 2 and len(parts[1]) == 1 and parts[1].isalpha() and parts[2][0].isdigit()


def _telling_apart(names: Iterable[Parts]) -> set[str]:
    without: dict[Parts, set[str]] = defaultdict(set)
    for parts in names:
        numbers = [at for at, part in enumerate(parts) if part[0].isdigit()]
        without[parts].add("")
        for at in range(numbers[0] + 1 if numbers else len(parts), len(parts)):
            if parts[at].isalpha():
                without[(*parts[:at], *parts[at + 1 :])].add(parts[at])
    return {part for told in without.values() if len(told) > 1 for part in told if part}


def _prose(names: Names) -> Iterator[str]:
    for text in names.prose():
        yield from _PROSE_WORD.findall(text)
