from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kb.llm.local import LocalEngine
from kb.llm.wire import LoadModel
from tests.make_gguf import make_gguf


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gguf(tmp_path_factory.mktemp("model") / "tiny.gguf")


@pytest.fixture(scope="module")
def local(tiny_gguf: Path) -> Iterator[LocalEngine]:
    """One engine for all the tests that leave it as they found it, which is what most of them are about."""
    engine = LocalEngine(LoadModel(str(tiny_gguf), 1 << 17, 1, 0), 7)
    yield engine
    engine.close()


StartLocal = Callable[..., LocalEngine]


@pytest.fixture
def start_local(tiny_gguf: Path) -> Iterator[StartLocal]:
    """Starts engines and closes them."""
    started: list[LocalEngine] = []

    def start(path: Path = tiny_gguf, *, context: int = 1 << 17, waiting: int = 4) -> LocalEngine:
        started.append(LocalEngine(LoadModel(str(path), context, 1, 0), waiting))
        return started[-1]

    yield start
    for engine in started:
        engine.close()
