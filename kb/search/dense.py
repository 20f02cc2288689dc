"""The one place that knows Chroma: an embedded collection of passage vectors."""

import errno
import fcntl
import os
import shutil
import tempfile
import time
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from chromadb.api.client import Client
from chromadb.api.collection_configuration import CreateHNSWConfiguration
from chromadb.api.models.Collection import Collection
from chromadb.api.rust import RustBindingsAPI
from chromadb.config import Settings as ChromaSettings
from chromadb.config import System
from chromadb.errors import ChromaError

from kb.errors import IndexUnusable
from kb.search.embed import Vectors
from kb.search.manifest import MENDING
from kb.search.queries import Ranked
from kb.search.vectors import PassageVectors

COLLECTION, QUESTIONS = "passages", "questions"
HNSW: CreateHNSWConfiguration = {
    "space": "cosine", "ef_construction": 400, "max_neighbors": 32, "ef_search": 400,
}  # fmt: skip
"""Wide enough that no near neighbour is missed among a few thousand vectors; tests hold it against exact search."""

_BATCH = 2000
_COPY = "hardware-kb-vectors-"
_SETTLED_S = 60.0
"""Long after a copy was made it is locked by its process, and by none once that has ended, however it ended."""
_FOLDER, _LOCK = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, fcntl.LOCK_EX | fcntl.LOCK_NB
_TEMPORARY = "Make room there, or set TMPDIR to a folder that can be written."


def _client(folder: Path) -> Client:
    """On a system of its own: ``Client(settings)`` keeps one that failed to start, and gives it to whoever asks for
    the same folder later, when a build has mended it."""
    system = System(ChromaSettings(anonymized_telemetry=False, is_persistent=True, persist_directory=str(folder)))
    system.instance(RustBindingsAPI)
    system.start()
    return Client.from_system(system)


def write_vectors(folder: Path, vectors: PassageVectors) -> None:
    """A passage under the id of its row, a question under that of its passage's row and its own number. Raises
    :class:`OSError`."""
    folder.mkdir()
    try:
        client = _client(folder)
        _write(client, COLLECTION, [str(row) for row in range(1, len(vectors.passages) + 1)], vectors.passages)
        _write(client, QUESTIONS, [f"{row}:{number}" for number, row in enumerate(vectors.rows)], vectors.questions)
        client.close()
    except ChromaError as error:
        raise OSError(errno.EIO, str(error), str(folder)) from error


def _write(client: Client, name: str, ids: Sequence[str], vectors: Vectors) -> None:
    collection = client.create_collection(name, embedding_function=None, configuration={"hnsw": HNSW})
    for start in range(0, len(ids), _BATCH):
        collection.add(ids=list(ids[start : start + _BATCH]), embeddings=vectors[start : start + _BATCH])


def _private_copy(folder: Path) -> tuple[Path, int]:
    """With the lock that shows it in use. Chroma writes to whatever it opens, and an index is only read. Raises
    :class:`IndexUnusable`."""
    try:
        _remove_left_behind(Path(tempfile.gettempdir()))
        copy = Path(tempfile.mkdtemp(prefix=_COPY))
        lock = os.open(copy, _FOLDER)
    except OSError as error:
        raise IndexUnusable(f"There is no folder for temporary files ({error.strerror}). {_TEMPORARY}") from None
    with suppress(OSError):  # a file system without locks: nobody takes it for left behind then
        fcntl.flock(lock, _LOCK)
    try:
        for path in sorted(folder.rglob("*")):
            target = copy / path.relative_to(folder)
            if path.is_dir():
                target.mkdir()
            else:
                shutil.copyfile(path, target)
    except OSError as error:
        _discard(copy, lock)
        raise IndexUnusable(f"{folder} cannot be copied to {copy} ({error.strerror}). {_TEMPORARY}") from None
    return copy, lock


def _remove_left_behind(temporary: Path) -> None:
    """The copies of processes that were killed; what is not ours, or in use, stays."""
    for copy in temporary.glob(f"{_COPY}*"):
        with suppress(OSError):
            found = copy.lstat()
            if found.st_uid == os.getuid() and time.time() - found.st_mtime > _SETTLED_S:
                lock = os.open(copy, _FOLDER)
                try:
                    fcntl.flock(lock, _LOCK)
                    shutil.rmtree(copy, ignore_errors=True)
                finally:
                    os.close(lock)


def _discard(copy: Path, lock: int, client: Client | None = None) -> None:
    if client is not None:
        client.close()
    shutil.rmtree(copy, ignore_errors=True)
    os.close(lock)


class DenseIndex:
    """Nearest passages by cosine similarity. Holds a copy of its own, for as long as it lives."""

    def __init__(self, folder: Path, count: int) -> None:
        """Raises :class:`IndexUnusable` unless ``folder`` holds ``count`` vectors that can be searched."""
        copy, lock = _private_copy(folder)
        try:
            client = _client(copy)
        except (ChromaError, ValueError) as error:
            _discard(copy, lock)
            raise IndexUnusable(f"The vectors in {folder} cannot be read ({error}). {MENDING}") from None
        self.close = weakref.finalize(self, _discard, copy, lock, client)
        """Removes the copy, as the end of the object does."""
        try:
            self._collection = client.get_collection(COLLECTION, embedding_function=None)
            self._questions = client.get_collection(QUESTIONS, embedding_function=None)
            if len(self) != count:
                raise IndexUnusable(f"{folder} holds {len(self)} vectors for {count} passages. {MENDING}")
        except (ChromaError, ValueError) as error:
            self.close()
            raise IndexUnusable(f"The vectors in {folder} cannot be read ({error}). {MENDING}") from None
        except IndexUnusable:
            self.close()
            raise

    def __len__(self) -> int:
        return self._collection.count()

    def nearest(self, vector: Vectors, limit: int) -> list[Ranked]:
        """Passages, the nearest first. Raises :class:`IndexUnusable` where the copy was lost."""
        return [Ranked(int(name), near) for name, near in _query(self._collection, vector, limit)]

    def nearest_questions(self, vector: Vectors, limit: int) -> list[Ranked]:
        """Passages by the nearest of the questions that they answer. Raises as :meth:`nearest`."""
        best: dict[int, float] = {}
        if self._questions.count():
            for name, near in _query(self._questions, vector, limit):
                best.setdefault(int(name.partition(":")[0]), near)
        return [Ranked(row, near) for row, near in best.items()]


def _query(collection: Collection, vector: Vectors, limit: int) -> list[tuple[str, float]]:
    """Ids with their cosine similarity, the nearest first."""
    try:
        found = collection.query(query_embeddings=vector.reshape(1, -1), n_results=limit, include=["distances"])
    except ChromaError as error:
        raise IndexUnusable(f"The vectors do not answer ({error}); the index is opened anew.") from None
    distances: Sequence[float] = (found["distances"] or [[]])[0]
    return [(name, 1.0 - distance) for name, distance in zip(found["ids"][0], distances, strict=True)]
