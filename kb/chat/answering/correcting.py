"""What a question takes for granted and the records do not say, and names that no record has."""

import re
from collections.abc import Iterator, Sequence

from kb.catalogue import Catalogue
from kb.catalogue.names import DEVICE_KINDS
from kb.catalogue.records import Figure, MediaModel
from kb.catalogue.typed import parts_of
from kb.catalogue.units import label_of, unit_of
from kb.chat.reading.situation import Claim, Situation
from kb.text.statements import Basis, Quantity, Statement, state
from kb.text.wording import joined

KINDS = (*DEVICE_KINDS, "models", MediaModel.kind)
MOST_UNKNOWN = 3
SUGGESTED = 12
MOST_NEAR = 3
"""Of those that are suggested, so many are named where none has the whole name."""
NEAR_ENOUGH = 0.03
"""Of a figure, a claim may be off: 1,008 GB/s are called 1 TB/s."""
_LETTERS = re.compile(r"[a-z]{2,}")
_SIZE = re.compile(r"(?<![\w.])(\d{1,4}(?:\.\d{1,2})?)\s?b\b", re.I)


def corrections(catalogue: Catalogue, situation: Situation) -> Iterator[Statement]:
    """Each claim about a named device that its record contradicts."""
    seen: set[str] = set()
    for claim in situation.claims:
        correction = _correction(catalogue, claim)
        if correction and correction.template not in seen:
            seen.add(correction.template)
            yield correction


def _correction(catalogue: Catalogue, claim: Claim) -> Statement | None:
    match = claim.thing.match
    if claim.key == "memory_gib" and match.memory_gib is not None:
        return None
    record = catalogue.known.specs[match.kind][match.slug]
    figures = [
        figure
        for other in claim.thing.candidates
        if isinstance(figure := getattr(catalogue.known.specs[other.kind][other.slug], claim.key, None), Figure)
    ]
    if not figures:
        return None
    basis = Basis("spec", f"{match.kind}/{match.slug}#{claim.key}")
    about = (f"{match.kind}/{match.slug}",)
    if isinstance(figures[0].value, bool):
        if figures[0].value:
            return None
        what = label_of(claim.key)
        return state("correction", "The {device} has no {what}.", basis, about=about, device=record.name, what=what)
    values = {float(figure.value) for figure in figures}
    options = getattr(record, "memory_options_gib", None)
    if claim.key == "memory_gib":
        values |= {float(value) for value in options.value} if isinstance(options, Figure) else set()
        values |= {value * claim.thing.count for value in values}
    if any(abs(value - claim.value) <= NEAR_ENOUGH * value for value in values):
        return None
    unit = "GB" if claim.key == "memory_gib" else unit_of(claim.key)
    said = Quantity(claim.value, unit)
    if claim.key == "memory_gib" and isinstance(options, Figure):
        sizes = [f"{value:g}" for value in options.value]
        sold = f"{', '.join(sizes[:-1])} or {sizes[-1]} GB" if len(sizes) > 1 else f"{sizes[0]} GB"
        text = "The {device} is sold with {sold}, not with {said}."
        return state("correction", text, basis, about=about, device=record.name, sold=sold, said=said)
    text = "The {device} has {has} of {what}, not {said}." if unit else "The {device} has {has} {what}, not {said}."
    has = Quantity(float(figures[0].value), unit)
    what = label_of(claim.key)
    return state("correction", text, basis, about=about, device=record.name, has=has, what=what, said=said)


def unknown_names(catalogue: Catalogue, situation: Situation) -> Iterator[Statement]:
    """Each unknown name with the nearest ones, and what can be worked out for it all the same."""
    for name in situation.unknown[:MOST_UNKNOWN]:
        near = _of_the_family(name, catalogue.names.suggest(KINDS, name, SUGGESTED))
        called_so = [label for label in near if set(parts_of(name)) <= set(parts_of(label))]
        if len(called_so) > 1:
            shown = called_so if len(called_so) <= MOST_NEAR else [*called_so[:MOST_NEAR], "others"]
            yield state("unknown", "“{name}” may be several: {labels}.", name=name, labels=joined(shown, "or"))
            continue
        nearest = f" Nearest by name: {', '.join(near[:MOST_NEAR])}." if near else ""
        size = _SIZE.search(name)
        by_size = f" I can work it out for any {size[1]}B model: ask with the size alone." if size else ""
        text = "I have no data on “{name}”.{nearest}{by_size}"
        of_text = not situation.other_models and not _taken(situation, name)
        yield state("unknown", text, name=name, nearest=nearest, by_size=by_size if of_text else "")
    for note in situation.notes:
        yield state("assumption", "{note}", note=note)


def _of_the_family(name: str, labels: Sequence[str]) -> list[str]:
    """Those that share a word with the name: what is only spelled a little like it helps nobody."""
    words = {word for word in _LETTERS.findall(name.casefold()) if word not in ("pro", "max", "ultra", "super")}
    return [label for label in labels if words & set(_LETTERS.findall(label.casefold()))]


def _taken(situation: Situation, name: str) -> bool:
    """Whether what follows is worked out for a model of the unknown one's size."""
    size = _SIZE.search(name)
    return bool(size and any(_SIZE.fullmatch(model.name) for model in situation.models))
