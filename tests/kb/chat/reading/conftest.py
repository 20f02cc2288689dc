from collections.abc import Callable

import pytest

from kb.catalogue.load import load
from kb.catalogue.names import Names
from kb.chat.reading.reader import read
from kb.chat.reading.roles import RoleReader
from kb.chat.reading.situation import Situation
from tests.conftest import ROOT

Reading = Callable[..., Situation]


@pytest.fixture(scope="session")
def names() -> Names:
    return Names(load(ROOT))


@pytest.fixture(scope="session")
def reading(names: Names, roles: RoleReader) -> Reading:
    return lambda *messages: read(messages, names, roles=roles)
