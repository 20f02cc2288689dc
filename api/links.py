"""Which page leads to which: from figures to terms, among records that name one another, from disputes to both."""

from collections.abc import Iterator
from dataclasses import dataclass

from kb.catalogue import Catalogue
from kb.catalogue.figure_names import figure_names
from kb.catalogue.records import Build, Dispute, Measurement, Spec, kinds
from kb.catalogue.units import label_of
from kb.tools.shared.views import SpecView

MOST = 12
"""Of one kind on one page."""
MOST_NEAR = 6
_NAMING = {
    "accelerator": "accelerators", "cpu": "cpus", "motherboard": "motherboards", "model": "models",
    "quantization": "quantizations", "engine": "engines", "same_architecture_as": "models",
}  # fmt: skip
"""Fields that hold the slug of another record, and its kind."""


@dataclass(frozen=True)
class Link:
    words: str
    address: str


def term_of(name: object, catalogue: Catalogue) -> Link | None:
    """The term that a figure's key, or its value, is called by."""
    texts = (figure_names().label(name), label_of(name), name) if isinstance(name, str) else ()
    found = next((matches for text in texts if (matches := catalogue.names.matches("terms", text))), [])
    return Link(found[0].label, f"/terms/{found[0].slug}") if len(found) == 1 else None


def specs_in(text: str, catalogue: Catalogue) -> list[Link]:
    """The records that a text names: what a term's figures are of."""
    mentions = catalogue.names.scan(text, tuple(kinds))
    found = [mention.matches[0] for mention in mentions if len(mention.matches) == 1]
    return [Link(match.label, f"/specs/{match.kind}/{match.slug}") for match in found]


def named_in(question: str, catalogue: Catalogue) -> dict[str, list[Link]]:
    """The terms and records that are called as somebody typed, slips of spelling allowed; by their kinds."""
    everything = ("terms", *kinds)
    mentions = catalogue.names.scan(question, everything)
    mentions += catalogue.names.misspelt_mentions(question, everything, mentions)
    found = dict.fromkeys(match for mention in mentions for match in mention.matches)
    grouped: dict[str, list[Link]] = {}
    for match in found:
        place = match.kind if match.kind == "terms" else f"specs/{match.kind}"
        grouped.setdefault(match.kind, []).append(Link(match.label, f"/{place}/{match.slug}"))
    return {kind: links[:MOST] for kind, links in grouped.items()}


def related(view: SpecView, catalogue: Catalogue) -> dict[str, list[Link]]:
    """The records that this one names and that name it, by their kinds."""
    own = (view.kind, view.slug)
    spec = catalogue.known.specs[view.kind][view.slug]
    found = dict.fromkeys(_named_by(spec))
    found |= {
        (kind, slug): None
        for kind, records in catalogue.known.specs.items()
        for slug, record in records.items()
        if own in _named_by(record)
    }
    found.pop(own, None)
    grouped: dict[str, list[Link]] = {}
    for kind, slug in found:
        record = catalogue.known.specs.get(kind, {}).get(slug)
        if record is not None:
            grouped.setdefault(kind, []).append(Link(record.name, f"/specs/{kind}/{slug}"))
    return {kind: links[:MOST] for kind, links in grouped.items()}


def _named_by(spec: Spec) -> Iterator[tuple[str, str]]:
    has = type(spec).model_fields
    for field, kind in _NAMING.items():
        if field in has and isinstance(slug := getattr(spec, field), str):
            yield kind, slug
    addresses = [spec.device] if isinstance(spec, Measurement) else []
    addresses += [ref for part in spec.parts for ref in part.refs] if isinstance(spec, Build) else []
    for address in addresses:
        kind, _, slug = address.partition("/")
        yield kind, slug


def about(dispute: Dispute, catalogue: Catalogue) -> list[Link]:
    """The records and figures that it is about, by their names."""
    found = []
    for target in dispute.about:
        place, _, key = target.partition("#")
        kind, _, slug = place.partition("/")
        name = catalogue.names.label(kind, slug)
        address = f"/{place}" if kind == "terms" else f"/specs/{place}"
        found.append(Link(f"{name}: {label_of(key)}" if key else name, address))
    return found


def others_about(dispute: Dispute, catalogue: Catalogue) -> list[Link]:
    """Other disputes about the same records, those that share most of them first."""
    places = _places(dispute)
    shared = {slug: len(places & _places(other)) for slug, other in catalogue.known.disputes.items()}
    near = sorted((slug for slug, count in shared.items() if count), key=lambda slug: -shared[slug])
    others = (catalogue.known.disputes[slug] for slug in near if slug != dispute.slug)
    return [Link(other.title, f"/disputes/{other.slug}") for other in others][:MOST_NEAR]


def _places(dispute: Dispute) -> set[str]:
    return {target.partition("#")[0] for target in dispute.about}
