"""What is known, in memory at once: records of files, their names, and the units of the field."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from kb.catalogue.load import Knowledge, load, require_folders
from kb.catalogue.names import Match, Names
from kb.catalogue.records import Spec
from kb.settings import KNOWLEDGE

S = TypeVar("S", bound=Spec)


@dataclass(frozen=True)
class Catalogue:
    """Records and what they are called; all that calculators and look-ups need."""

    known: Knowledge
    names: Names

    @staticmethod
    def load(root: Path = KNOWLEDGE) -> "Catalogue":
        """From the files of the folder that holds ``glossary/`` and ``corpus/``, in about half a second.

        Raises :class:`KnowledgeBaseError` naming the folder that is missing, or every file and key that is wrong.
        """
        require_folders(root)
        known = load(root)
        return Catalogue(known, Names(known))

    def find(self, cls: type[S], name: str, what: str | None = None) -> tuple[S, Match]:
        """The one record of a kind that a name leads to. Raises as :meth:`Names.resolve`."""
        match = self.names.resolve((cls.kind,), name, what)
        return self.known.of(cls)[match.slug], match
