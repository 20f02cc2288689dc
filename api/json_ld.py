"""Terms and specs as linked data: schema.org, with SKOS for what it has no word for."""

from collections.abc import Callable, Iterable
from typing import Any

from kb.catalogue import Catalogue
from kb.catalogue.records import SourceRef
from kb.text.wording import one_line
from kb.tools.shared.views import FigureView, SpecView, TermView

Whole = Callable[[str], str]
"""A path of ours to its whole address."""
Node = dict[str, Any]

_CONTEXT = ["https://schema.org", {"skos": "http://www.w3.org/2004/02/skos/core#"}]


def of_term(view: TermView, catalogue: Catalogue, whole: Whole) -> Node:
    """https://schema.org/DefinedTerm"""
    relations = {"broader": view.broader, "narrower": view.narrower, "related": view.related}
    return {
        "@context": _CONTEXT,
        "@type": "DefinedTerm",
        "@id": whole(f"/terms/{view.slug}"),
        "name": view.pref_label,
        "alternateName": list(view.alt_labels),
        "termCode": view.slug,
        "description": one_line(view.definition),
        "inDefinedTermSet": {"@type": "DefinedTermSet", "@id": whole("/terms"), "name": "Hardware KB"},
        "subjectOf": _sources(view.sources, catalogue, whole),
        **{f"skos:{kind}": [{"@id": whole(f"/terms/{slug}")} for slug in slugs] for kind, slugs in relations.items()},
    }


def of_spec(view: SpecView, catalogue: Catalogue, whole: Whole) -> Node:
    """https://schema.org/Product, with a https://schema.org/PropertyValue for each figure."""
    return {
        "@context": _CONTEXT,
        "@type": "Product",
        "@id": whole(f"/specs/{view.kind}/{view.slug}"),
        "name": view.name,
        "alternateName": list(view.aliases),
        "description": view.summary,
        "additionalProperty": [_property(key, figure, whole) for key, figure in view.figures.items()],
        "subjectOf": _sources(view.sources, catalogue, whole),
    } | ({"brand": {"@type": "Brand", "name": view.vendor}} if view.vendor else {})


def _property(key: str, figure: FigureView, whole: Whole) -> Node:
    value = figure.value
    cited = [{"@id": whole(f"/sources/{ref.source}")} for ref in figure.sources]
    found: Node = {"@type": "PropertyValue", "propertyID": key, "name": figure.label, "subjectOf": cited}
    ends = value if isinstance(value, tuple) and len(value) == 2 and not figure.label.endswith("options") else ()
    if ends and isinstance(ends[0], (int, float)):
        found |= {"minValue": ends[0], "maxValue": ends[1]}
    else:
        found["value"] = list(value) if isinstance(value, tuple) else value
    return found | ({"unitText": figure.unit} if figure.unit else {})


def _sources(refs: Iterable[SourceRef], catalogue: Catalogue, whole: Whole) -> list[Node]:
    found = (catalogue.known.sources[slug] for slug in dict.fromkeys(ref.source for ref in refs))
    return [
        {
            "@type": "CreativeWork",
            "@id": whole(f"/sources/{source.slug}"),
            "name": source.title,
            "publisher": {"@type": "Organization", "name": source.publisher},
        }
        | ({"url": source.url} if source.url else {})
        for source in found
    ]
