"""One index of the repository's own knowledge for all tests, built once per run."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from kb.llm.default_model import write_default_model
from kb.search.build import build
from kb.search.embed import Embedder
from kb.search.live import Index, LiveIndex
from kb.settings import Settings

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    return Embedder()


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config, embedder: Embedder) -> Path:
    """A data folder with a fresh build, and no language model but where a test asks for one; only the embeddings of
    unchanged passages are kept from run to run."""
    folder = tmp_path_factory.mktemp("data")
    kept = pytestconfig.cache.mkdir("embeddings") if pytestconfig.cache else folder / "none"
    if kept.is_dir():
        shutil.copytree(kept, folder / "embeddings")
    build(ROOT, folder, embedder)
    write_default_model(folder, "none")
    shutil.copytree(folder / "embeddings", kept, dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def index_dir(data_dir: Path) -> Path:
    return (data_dir / "current").resolve()


@pytest.fixture(scope="session")
def live(data_dir: Path, embedder: Embedder) -> LiveIndex:
    return LiveIndex(data_dir, embedder)


@pytest.fixture(scope="session")
def index(live: LiveIndex) -> Iterator[Index]:
    opened = live.get()
    yield opened
    opened.engine.dispose()


@pytest.fixture(scope="session")
def settings(data_dir: Path) -> Settings:
    return Settings(data_dir=data_dir, knowledge_dir=ROOT)
