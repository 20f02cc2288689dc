from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kb.chat.engines.local import LocalEngine
from kb.chat.engines.wire import LoadModel
from tests.make_gguf import make_gguf


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_gguf(tmp_path_factory.mktemp("model") / "tiny.gguf")


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
