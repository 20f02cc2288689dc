"""The specification of a thing by name."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from kb.catalogue import Catalogue
from kb.catalogue.figure_names import figure_names
from kb.catalogue.records import Record, kinds
from kb.errors import InvalidArgument
from kb.tools.base import Arguments, Name, Whole, tool
from kb.tools.shared.views import FigureView, SpecView, spec_view

SPEC_KINDS = tuple(kinds)


class SpecArguments(Arguments):
    name: Name
    """As people write it: `4090`, `llama 3.1 70b`."""
    kind: Name | None = Field(None, description=f"one of {', '.join(SPEC_KINDS)}; else all")
    count: Annotated[Whole, Field(ge=1, le=1024, description="of the same thing, for totals")] = 1
    figures: Annotated[tuple[Name, ...], Field(max_length=20)] | None = Field(
        None, description="keys of figures (`memory_gib`, `price` …) to give alone"
    )


class Explained(Record):
    """A term of the glossary, in short."""

    slug: str
    definition: str
    in_practice: str


class SpecAnswer(SpecView):
    """``totals``: of ``count`` of them, for the figures that add up."""

    count: int = 1
    """How many were asked about."""
    totals: dict[str, float] = Field(default_factory=dict)
    """Of so many, for the figures that add up, by key."""
    term: Explained | None = None
    """Of the record's own name."""
    named_in_figures: dict[str, Explained] = Field(default_factory=dict)
    """Terms that the texts of the figures name, by the figure's key (a power connector's)."""


def run(catalogue: Catalogue, arguments: SpecArguments) -> SpecAnswer:
    if arguments.kind is not None and arguments.kind not in SPEC_KINDS:
        raise InvalidArgument("kind", arguments.kind, ", ".join(SPEC_KINDS))
    searched = (arguments.kind,) if arguments.kind else SPEC_KINDS
    match = catalogue.names.resolve_record(searched, arguments.name, "spec")
    seen = spec_view(catalogue, catalogue.known.specs[match.kind][match.slug])
    names = figure_names()
    adding = [key for key in seen.figures if arguments.count > 1 and key in names.by_key and names.by_key[key].adds]
    totals = {key: seen.figures[key].value * arguments.count for key in adding}
    own = catalogue.names.matches("terms", seen.name)
    term = _explained(catalogue, own[0].slug) if own else None
    view = SpecAnswer(**dict(seen), count=arguments.count, totals=totals, term=term)
    if arguments.figures is None:
        return view
    keys = dict.fromkeys(key for asked in arguments.figures for key in names.shown_for(asked, view.figures))
    figures = {key: view.figures[key] for key in keys}
    return view.model_copy(update={"figures": figures, "named_in_figures": _named_in(catalogue, figures)})


def _explained(catalogue: Catalogue, slug: str) -> Explained:
    term = catalogue.known.terms[slug]
    return Explained(slug=slug, definition=term.definition, in_practice=term.in_practice)


def _named_in(catalogue: Catalogue, figures: Mapping[str, FigureView]) -> dict[str, Explained]:
    """The first term that the text of each names."""
    texts = {key: figure.value for key, figure in figures.items() if isinstance(figure.value, str)}
    found = {key: catalogue.names.scan(text, ("terms",)) for key, text in texts.items()}
    return {key: _explained(catalogue, named[-1].matches[0].slug) for key, named in found.items() if named}


TOOL = tool(
    run, "The specification of a device, part, model, format, engine or build by name, every figure with its sources."
)
