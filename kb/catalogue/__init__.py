"""What is known, in memory at once: records of files, their names, and the units of the field."""

from dataclasses import dataclass
from pathlib import Path

from kb.catalogue.load import Knowledge, load, require_folders
from kb.catalogue.names import Names
from kb.settings import KNOWLEDGE


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
