"""Records as they are shown: with what other records say about them (narrower terms, disputes, units)."""

from typing import Annotated, Any

from pydantic import WithJsonSchema

from kb.catalogue import Catalogue
from kb.catalogue.records import Dispute, Figure, Price, Record, SourceRef, Spec, Term, kinds
from kb.catalogue.records.glossary import Level, TermFigure, Topic
from kb.catalogue.units import label_of, unit_of


class DisputeNote(Record):
    """A dispute in short; the whole of it is at ``/disputes/{slug}``."""

    slug: str
    title: str
    ruling: str


class TermView(Record):
    slug: str
    pref_label: str
    alt_labels: tuple[str, ...]
    level: Level
    topic: Topic
    definition: str
    in_practice: str
    pitfalls: str
    broader: tuple[str, ...]
    narrower: tuple[str, ...]
    """Slugs of the terms under it."""
    related: tuple[str, ...]
    figures: tuple[TermFigure, ...]
    sources: tuple[SourceRef, ...]
    disputes: tuple[DisputeNote, ...]


class FigureView(Record):
    """``value`` is a number, a text, a flag, a list of options or a range ``[low, high]``."""

    value: bool | int | float | str | tuple[float, ...] | tuple[str, ...]
    """A number, a text, a flag, a list of options, or a range `[low, high]`."""
    unit: str
    """Of the value; empty where it counts or names."""
    label: str
    """The figure's name in words."""
    sources: tuple[SourceRef, ...]
    as_of: str | None
    note: str
    disputed: tuple[str, ...]
    """Slugs of the disputes about this figure; empty where nobody contradicts it."""


SpecKind = Annotated[str, WithJsonSchema({"type": "string", "enum": list(kinds)})]


class SpecView(Record):
    kind: SpecKind
    slug: str
    name: str
    vendor: str
    summary: str
    aliases: tuple[str, ...]
    """Other names that it answers to."""
    figures: dict[str, FigureView]
    """By key; each key ends in its unit."""
    prices: tuple[Price, ...]
    details: dict[str, Any]
    """What is no sourced figure: relations, files, parts."""
    sources: tuple[SourceRef, ...]
    disputes: tuple[DisputeNote, ...]


def disputes_about(catalogue: Catalogue, kind: str, slug: str, key: str | None = None) -> list[Dispute]:
    """Disputes about a record or anything of it; with ``key``, about that figure."""
    wanted = f"{kind}/{slug}" if key is None else f"{kind}/{slug}#{key}"
    return [
        dispute
        for dispute in catalogue.known.disputes.values()
        if any(target == wanted or (key is None and target.startswith(wanted + "#")) for target in dispute.about)
    ]


def note_of(dispute: Dispute) -> DisputeNote:
    return DisputeNote(slug=dispute.slug, title=dispute.title, ruling=dispute.ruling)


def term_view(catalogue: Catalogue, term: Term) -> TermView:
    narrower = tuple(other.slug for other in catalogue.known.terms.values() if term.slug in other.broader)
    return TermView(
        **term.model_dump(exclude={"figures", "sources", "generic", "other_models"}),
        figures=term.figures,
        sources=term.sources,
        narrower=narrower,
        disputes=tuple(note_of(dispute) for dispute in disputes_about(catalogue, "terms", term.slug)),
    )


def spec_view(catalogue: Catalogue, spec: Spec) -> SpecView:
    disputes = disputes_about(catalogue, spec.kind, spec.slug)
    figures = {key: _figure_view(spec, key, figure, disputes) for key, figure in spec.figures()}
    shown_elsewhere = {
        *figures,
        "slug",
        "name",
        "vendor",
        "summary",
        "aliases",
        "ambiguous_aliases",
        "prices",
        "sources",
    }
    details = {
        key: value
        for key, value in spec.model_dump(mode="json", exclude_none=True, exclude=shown_elsewhere).items()
        if value not in ([], "")
    }
    return SpecView(
        kind=spec.kind,
        slug=spec.slug,
        name=spec.name,
        vendor=spec.vendor,
        summary=spec.summary,
        aliases=(*spec.aliases, *spec.ambiguous_aliases),
        figures=figures,
        prices=spec.prices,
        details=details,
        sources=spec.sources,
        disputes=tuple(map(note_of, disputes)),
    )


def _figure_view(spec: Spec, key: str, figure: Figure[Any], disputes: list[Dispute]) -> FigureView:
    target = f"{spec.kind}/{spec.slug}#{key}"
    return FigureView(
        value=figure.value,
        unit=unit_of(key),
        label=label_of(key),
        sources=figure.sources,
        as_of=figure.as_of,
        note=figure.note,
        disputed=tuple(dispute.slug for dispute in disputes if target in dispute.about),
    )
