"""The specification of a thing by name."""

from typing import Annotated

from pydantic import Field

from kb.catalogue import Catalogue
from kb.catalogue.figure_names import figure_names
from kb.catalogue.records import kinds
from kb.errors import InvalidArgument
from kb.tools.base import Arguments, Name, Tool
from kb.tools.shared.views import SpecView, spec_view

SPEC_KINDS = tuple(kinds)


class SpecArguments(Arguments):
    name: Name
    kind: Name | None = Field(None, description=f"one of {', '.join(SPEC_KINDS)}; without it, all are searched")
    figures: Annotated[tuple[Name, ...], Field(max_length=20)] | None = Field(
        None, description="keys of figures (`memory_gib`, `price` …) to give alone, with those that belong to them"
    )


def run(catalogue: Catalogue, arguments: SpecArguments) -> SpecView:
    if arguments.kind is not None and arguments.kind not in SPEC_KINDS:
        raise InvalidArgument("kind", arguments.kind, ", ".join(SPEC_KINDS))
    searched = (arguments.kind,) if arguments.kind else SPEC_KINDS
    match = catalogue.names.resolve(searched, arguments.name, "spec")
    view = spec_view(catalogue, catalogue.known.specs[match.kind][match.slug])
    if arguments.figures is None:
        return view
    names = figure_names()
    keys = dict.fromkeys(key for asked in arguments.figures for key in names.shown_for(asked, view.figures))
    return view.model_copy(update={"figures": {key: view.figures[key] for key in keys}})


TOOL = Tool(
    "lookup_spec",
    "The specification of a device, part, model, format, engine or build by name, every figure with its sources.",
    SpecArguments,
    SpecView,
    run,
    {"name": "RTX 5090", "kind": "accelerators"},
)
