"""The catalogue alone: the calculators need no index."""

import pytest

from kb.catalogue import Catalogue


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return Catalogue.load()
