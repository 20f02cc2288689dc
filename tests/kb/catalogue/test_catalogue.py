"""The catalogue as a whole."""

from pathlib import Path

import pytest

from kb.catalogue import Catalogue
from kb.errors import KnowledgeBaseError


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeBaseError, match=r"glossary is not there; KB_KNOWLEDGE_DIR must hold"):
        Catalogue.load(tmp_path)
