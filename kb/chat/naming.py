"""The names in a question: what each is, how many, what is taken for granted of it, and which ones nobody knows."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from kb.catalogue.names import DEVICE_KINDS, Match, Mention, Names
from kb.catalogue.records import Figure, LanguageModel, kinds
from kb.chat.patterns import (
    ASKED_OF,
    BANDWIDTH_CLAIM,
    CORES_CLAIM,
    COUNT_AFTER,
    COUNT_BEFORE,
    LAPTOP,
    LOOKS_LIKE_DEVICE,
    LOOKS_LIKE_MODEL,
    LOOKS_LIKE_QUANTIZATION,
    MEMORY_BEFORE,
    MEMORY_CLAIM,
    NVLINK_CLAIM,
)
from kb.chat.quantities import WORDS_TO_COUNT, number
from kb.chat.question import Claim, Thing
from kb.chat.reading.asks import CALLED

OTHER_KINDS = tuple(kind for kind in kinds if kind not in (*DEVICE_KINDS, "models", "quantizations", "measurements"))
GROUPS = (("models",), DEVICE_KINDS, ("quantizations",), ("terms",), OTHER_KINDS)
"""Of kinds, those that are likelier meant first."""
BEFORE_A_NAME = 60
"""Characters before a name in which its count or its memory stands."""
NO_LANGUAGE_MODELS = frozenset({"flux", "wan", "whisper"})
"""Terms that name models of other kinds; a size behind them is theirs."""


_SIZE_BEHIND = re.compile(r"[\s-]{0,3}(\d{1,4}(?:\.\d{1,3})?)\s?b\b", re.I)


def mentions(text: str, names: Names) -> Iterator[Mention]:
    """Names in the text, each as the kind that it most likely is here, in order of place."""
    taken = Taken()
    for group, scanned in zip(GROUPS, names.scan_each(text, GROUPS), strict=True):
        for mention in scanned:
            if text[max(0, mention.start - 1) : mention.start] in ("$", "€", "£"):
                continue  # an amount of money, not the card of that number
            inside = taken.within(mention.start, mention.end)
            if group == ("quantizations",) and len(mention.matches) > 1 and names.knows("terms", mention.text):
                continue
            if group[0] not in DEVICE_KINDS and any(other.matches[0].kind in DEVICE_KINDS for other in inside):
                # "dual 3090" is two cards, not the build of that name.
                continue
            if all(mention.end - mention.start > other.end - other.start for other in inside):
                taken.put(mention)
    for mention in names.misspelt_mentions(text, (*DEVICE_KINDS, "models", "terms"), taken.in_order()):
        taken.put(mention)
    found = taken.in_order()
    other_kinds = any(match.slug in NO_LANGUAGE_MODELS for mention in found for match in mention.matches)
    for mention in found:
        if other_kinds and mention.matches[0].kind == "models" and re.match(r"\d", mention.text):
            continue
        yield mention


class Taken:
    """Which mention covers each place of a text: found without looking through all of them."""

    def __init__(self, mentions: Iterable[Mention] = ()) -> None:
        self._at: dict[int, Mention] = {}
        for mention in mentions:
            self.put(mention)

    def within(self, start: int, end: int) -> list[Mention]:
        """Those that share a character with ``[start, end)``."""
        covering = (self._at.get(place) for place in range(start, end))
        return list({id(mention): mention for mention in covering if mention is not None}.values())

    def put(self, mention: Mention) -> None:
        """In the place of those that it overlaps."""
        for other in self.within(mention.start, mention.end):
            for place in range(other.start, other.end):
                del self._at[place]
        self._at |= dict.fromkeys(range(mention.start, mention.end), mention)

    def in_order(self) -> list[Mention]:
        return sorted(self.within(min(self._at, default=0), max(self._at, default=-1) + 1), key=lambda m: m.start)


def thing_of(names: Names, text: str, mention: Mention) -> tuple[Thing, str]:
    kind = mention.matches[0].kind
    group = "devices" if kind in DEVICE_KINDS else kind if kind in ("models", "quantizations", "terms") else "others"
    count = 1
    if group == "devices":
        before = COUNT_BEFORE.search(text[max(0, mention.start - BEFORE_A_NAME) : mention.start])
        after = COUNT_AFTER.match(text, mention.end)
        word = before[1].lower() if before else after[1] if after else "1"
        count = WORDS_TO_COUNT.get(word) or (int(word) if word.isdigit() else 1)
        if not 1 <= count <= 64:
            count = 1
    matches = mention.matches
    if group == "devices" and _says(text, LAPTOP):
        matches = tuple(names.named("accelerators", f"{match.slug}-laptop") or match for match in matches)
    return Thing(mention.text if matches == mention.matches else matches[0].slug, matches, count), group


@lru_cache(maxsize=8)
def _says(text: str, pattern: re.Pattern[str]) -> bool:
    """Asked for each name in a text, and looked for once."""
    return pattern.search(text) is not None


def sized(names: Names, thing: Thing, said: Sequence[Claim]) -> Thing:
    """``M2 … 16 GB`` is the M2 with 16 GB, where it is sold so: of several candidates, those that are; of a chip in two
    versions (M4 Max with 32 or 40 GPU cores), the one that is."""
    for claim in said:
        if claim.key != "memory_gib":
            continue
        sold = [match for match in thing.candidates if claim.value in _memory_options(names, match)]
        sold = sold or [
            match for match in _siblings(names, thing.match) if claim.value in _memory_options(names, match)
        ]
        if sold:
            several = len(_memory_options(names, sold[0])) > 1
            chosen = tuple(replace(match, memory_gib=int(claim.value) if several else None) for match in sold)
            name = f"{sold[0].slug} {claim.value:g}GB" if several else sold[0].slug
            return replace(thing, name=name, candidates=chosen)
    return thing


def _memory_options(names: Names, match: Match) -> tuple[float, ...]:
    record = names.record(match)
    options, memory = getattr(record, "memory_options_gib", None), getattr(record, "memory_gib", None)
    if isinstance(options, Figure):
        return tuple(float(value) for value in options.value)
    return (float(memory.value),) if isinstance(memory, Figure) else ()


def _siblings(names: Names, match: Match) -> list[Match]:
    """Apple chips of the same name with another number of GPU cores, for a chip or for a Mac that has it."""
    slug = getattr(names.record(match), "accelerator", None) or match.slug
    stem = re.fullmatch(r"(m\d(?:-(?:pro|max|ultra))?)-\d+", slug)
    return names.starting_with("accelerators", f"{stem[1]}-") if stem else []


def claims(text: str, mention: Mention, thing: Thing) -> Iterator[Claim]:
    """What the words around a device take for granted of it."""
    after = re.split(r"[?!;\n]|\.\s|,\s*(?:and|but|so)\s", text[mention.end : mention.end + 90])[0]
    before = re.split(r"[?!;,\n]|\.\s", text[max(0, mention.start - 40) : mention.start])[-1]
    inside = re.search(r"(?<!\d)(\d{1,4})\s?(?:gb|gib)\b", mention.text, re.I)
    memory = MEMORY_CLAIM.search(after) or MEMORY_BEFORE.search(before) or inside
    direct = re.match(r"\s?\(?\s?(\d{1,4})\s?(?:gb|gib)\b(?!\s?(?:/|per|ps|of\sram|ram|ddr))", after, re.I)
    memory = memory or direct
    if memory and not _other_name_between(after, memory):
        yield Claim(thing, "memory_gib", float(memory[1]))
    bandwidth = BANDWIDTH_CLAIM.search(after)
    if bandwidth:
        scale = 1000 if bandwidth[2].lower() == "tb" else 1
        yield Claim(thing, "memory_bandwidth_gb_per_s", number(bandwidth[1].rstrip(".,")) * scale)
    cores = CORES_CLAIM.search(after)
    if cores:
        yield Claim(thing, "cuda_cores", number(cores[1]))
    if _says(text, NVLINK_CLAIM):
        yield Claim(thing, "nvlink", 1.0)


def _other_name_between(after: str, memory: re.Match[str]) -> bool:
    return memory.string is after and bool(re.search(r"\b(?:than|versus|vs|and|or)\b", after[: memory.start()], re.I))


def unknown_names(text: str, found: Sequence[Mention], names: Names) -> tuple[str, ...]:
    """Names in the form of a device's or a model's that no mention covers."""
    unknown: dict[str, None] = dict.fromkeys(_other_sizes(text, found, names))
    taken = Taken(found)
    for asked in ASKED_OF.finditer(text):
        subject = asked[1].strip()
        if not taken.within(*asked.span(1)) and not re.match(
            r"(?:it|they|i|we|you|this|that|one|these|those)\b", subject, re.I
        ):
            unknown[subject] = None
    for looks in LOOKS_LIKE_QUANTIZATION.finditer(text):
        if not taken.within(*looks.span()):
            unknown[looks[0]] = None
    for pattern in (LOOKS_LIKE_DEVICE, LOOKS_LIKE_MODEL):
        for looks in pattern.finditer(text):
            covered = any(
                mention.matches[0].kind in (*DEVICE_KINDS, "models", *OTHER_KINDS)
                and (pattern is LOOKS_LIKE_MODEL or mention.end >= looks.end())
                for mention in taken.within(*looks.span())
            )  # fmt: skip
            if not covered:
                unknown[looks[0].strip()] = None
    return tuple(unknown)


def outside(text: str, found: Sequence[Mention], unknown: Sequence[str]) -> list[Mention]:
    """Without those that are only a part of a name that we do not know (``RTX`` in ``RTX 6090``)."""
    spans = [(start, start + len(name)) for name in unknown if (start := text.find(name)) >= 0]
    return [m for m in found if not any(start <= m.start and m.end <= end for start, end in spans)]


def nameless(text: str, found: Sequence[Mention]) -> str:
    """``text`` with what a name stands for in the place of each name, known or not.

    >>> nameless("will it run on an RTX 9999?", [])
    'will it run on an graphics card?'
    """
    spans = [(m.start, m.end, CALLED[m.matches[0].kind]) for m in found if m.matches[0].kind in CALLED]
    for pattern, kind in ((LOOKS_LIKE_DEVICE, "accelerators"), (LOOKS_LIKE_MODEL, "models")):
        for looks in pattern.finditer(text):
            if all(looks.end() <= start or end <= looks.start() for start, end, _ in spans):
                spans.append((looks.start(), looks.end(), CALLED[kind]))
    for start, end, called in sorted(spans, reverse=True):
        text = text[:start] + called + text[end:]
    return text


def near_kv(text: str, mention: Mention) -> bool:
    around = text[max(0, mention.start - 18) : mention.end + 14]
    return bool(re.search(r"\bkv\b|cache", around, re.I))


def _other_sizes(text: str, found: Sequence[Mention], names: Names) -> Iterator[str]:
    """A model's name with a size that none of its records has (``Nemotron Nano 9B``)."""
    for mention in found:
        behind = _SIZE_BEHIND.match(text, mention.end)
        if mention.matches[0].kind != "models" or not behind or re.match(r"\d", mention.text):
            continue
        records = [names.record(match) for match in mention.matches]
        sizes = [r.params_total.value / 1e9 for r in records if isinstance(r, LanguageModel) and r.params_total]
        if all(abs(size - float(behind[1])) > 0.25 * size for size in sizes):
            yield text[mention.start : behind.end()]
