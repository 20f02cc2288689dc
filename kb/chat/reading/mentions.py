"""The names in a text: what each is, how many, and which ones nobody knows.

The catalogue's own names are found first. Then each is held against the *form* of a name: how far its words and numbers
go on. A form with a part that no record explains is unknown as a whole, and nothing in it is read as something else.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from kb.catalogue.names import DEVICE_KINDS, MODEL_KINDS, Match, Mention, Names
from kb.catalogue.records import MediaModel, Term
from kb.chat.reading.forms import OTHER_KINDS, Forms
from kb.chat.reading.spans import Span, Taken
from kb.text.figures import FigureFound

GROUPS = (("models",), DEVICE_KINDS, ("quantizations",), ("terms",), (MediaModel.kind,), OTHER_KINDS)
"""Of kinds, those that are likelier meant first."""

_ARTICLE = re.compile(r"(?:an?|the|my|one|single|used|new)\s+", re.I)
_COUNTED = re.compile(r"(?:\d{1,2}\s?[x×]|dual|two|twin|quad|four|eight)\s?", re.I)
_MONEY_BEFORE = frozenset("$€£")
_VALUE_BEFORE = re.compile(r"(?:=|\bpp\d{0,5}:?|\btg\d{0,5}:?) ?$", re.I)
LONGEST_BEFORE = 12
"""Characters of what stands before a value."""
_VALUE_BEHIND = re.compile(r" ?(?:t/s|tok|tokens|mb\b|mhz\b|w\b|watts?\b|rpm\b|mm\b|kb\b)", re.I)
"""Around a number that is measured, and no card's."""
_FILE = re.compile(
    r"[-_.: ]((?:ud-)?i?q\d\w{0,12}|fp8|awq|gptq|mxfp4|nvfp4|bf16|fp16|int[48]|[348]bit)(?:[. -](?:gguf|dynamic|mlx))?$",
    re.I,
)


def spans(text: str, names: Names, figures: Sequence[FigureFound]) -> list[Span]:
    """Every name in the text, known or not, in order of place."""
    taken = Taken(_known(text, names))
    forms = Forms(text, names, taken, figures)
    for form in forms.found():
        forms.settle(form)
    mentions = [Mention(span.start, span.end, span.text, span.matches) for span in taken.in_order()]
    for slip in names.misspelt_mentions(text, (*DEVICE_KINDS, "models", "terms"), mentions, forms.words.ordinary):
        taken.put(_span(slip))
    found = taken.in_order()
    for span in found:
        if span.kind in MODEL_KINDS and (file := _FILE.search(span.text)):
            inner = names.scan(file[1], ("quantizations",))
            found += [replace(_span(mention), start=span.start, end=span.end) for mention in inner[-1:]]
    return found


def _span(mention: Mention) -> Span:
    article = _ARTICLE.match(mention.text)
    start = mention.start + (article.end() if article else 0)
    text = mention.text[start - mention.start :]
    return Span(start, mention.end, text, mention.matches[0].kind, mention.matches)


def _uncounted(span: Span, names: Names) -> Span:
    """``8x 3090`` is eight cards, and not the server of that name."""
    counted = _COUNTED.match(span.text)
    if counted is None or span.kind == "accelerators":
        return span
    cards = names.find(("accelerators",), span.text[counted.end() :])
    if not cards:
        return span
    start = span.start + counted.end()
    return Span(start, span.end, span.text[counted.end() :], "accelerators", tuple(cards))


def _known(text: str, names: Names) -> list[Span]:
    """Names of the catalogue, each as the kind that it most likely is here."""
    taken = Taken()
    for group, scanned in zip(GROUPS, names.scan_each(text, GROUPS), strict=True):
        for mention in scanned:
            if text[max(0, mention.start - 1) : mention.start] in _MONEY_BEFORE:
                continue  # an amount of money, not the card of that number
            if mention.text.isdigit() and (
                _VALUE_BEFORE.search(text, max(0, mention.start - LONGEST_BEFORE), mention.start)
                or _VALUE_BEHIND.match(text, mention.end)
            ):
                continue
            inside = taken.within(mention.start, mention.end)
            if group == ("quantizations",) and len(mention.matches) > 1 and names.knows("terms", mention.text):
                continue
            if group[0] not in (*DEVICE_KINDS, MediaModel.kind) and any(other.kind in DEVICE_KINDS for other in inside):
                # "dual 3090" is two cards, not the build of that name.
                continue
            if all(mention.end - mention.start > other.end - other.start for other in inside):
                taken.put(_uncounted(_span(mention), names))
    return taken.in_order()


def is_of_another_kind(names: Names, span: Span) -> bool:
    """A name of models for images or sound, of which a size says nothing about a language model."""
    if span.kind == MediaModel.kind:
        return True
    records = [names.record(match) for match in span.matches if match.kind == "terms"]
    return any(isinstance(record, Term) and record.other_models for record in records)


def sized(names: Names, matches: Sequence[Match], memory_gib: float) -> tuple[Match, ...]:
    """``M2 … 16 GB`` is the M2 with 16 GB, where it is sold so: of several candidates, those that are; of a chip in two
    versions (M4 Max with 32 or 40 GPU cores), the one that is; of a plain chip, a larger one of its generation."""
    for ways in (lambda _: matches, names.siblings, names.classes):
        candidates = ways(matches[0])
        if sold := [match for match in candidates if memory_gib in names.memory_options(match)]:
            several = len(names.memory_options(sold[0])) > 1
            return tuple(replace(match, memory_gib=int(memory_gib) if several else None) for match in sold)
    return ()
