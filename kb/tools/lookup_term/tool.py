"""A glossary term by any of its names."""

from kb.catalogue import Catalogue
from kb.tools.base import Arguments, Name, tool
from kb.tools.shared.views import TermView, term_view


class TermArguments(Arguments):
    name: Name
    """Slug, label or alias, in any spelling."""


def run(catalogue: Catalogue, arguments: TermArguments) -> TermView:
    match = catalogue.names.resolve(("terms",), arguments.name, "term")
    return term_view(catalogue, catalogue.known.terms[match.slug])


TOOL = tool(run, "A glossary term by any of its names: definition, practice, pitfalls, figures, sources, disputes.")
