"""The one place that knows Chroma: an embedded collection of passage vectors."""

import errno
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path

from chromadb.api.client import Client
from chromadb.api.collection_configuration import CreateHNSWConfiguration
from chromadb.api.rust import RustBindingsAPI
from chromadb.config import Settings as ChromaSettings
from chromadb.config import System
from chromadb.errors import ChromaError

from kb.errors import IndexUnusable
from kb.search.embed import Vectors
from kb.search.manifest import MENDING
from kb.search.queries import Ranked

COLLECTION = "passages"
HNSW: CreateHNSWConfiguration = {
    "space": "cosine", "ef_construction": 400, "max_neighbors": 32, "ef_search": 400,
}  # fmt: skip
"""Wide enough that no near neighbour is missed among a few thousand vectors; tests hold it against exact search."""

_BATCH = 2000
_TEMPORARY = "Make room there, or set TMPDIR to a folder that can be written."


def _client(folder: Path) -> Client:
    """On a system of its own: ``Client(settings)`` keeps one that failed to start, and gives it to whoever asks for
    the same folder later, when a build has mended it."""
    system = System(ChromaSettings(anonymized_telemetry=False, is_persistent=True, persist_directory=str(folder)))
    system.instance(RustBindingsAPI)
    system.start()
    return Client.from_system(system)


def write_vectors(folder: Path, vectors: Vectors) -> None:
    """Row ``i`` is stored under the id of passage row ``i + 1``. Raises :class:`OSError`."""
    folder.mkdir()
    try:
        client = _client(folder)
        collection = client.create_collection(COLLECTION, embedding_function=None, configuration={"hnsw": HNSW})
        for start in range(0, len(vectors), _BATCH):
            part = vectors[start : start + _BATCH]
            collection.add(ids=[str(start + i + 1) for i in range(len(part))], embeddings=part)
        client.close()
    except ChromaError as error:
        raise OSError(errno.EIO, str(error), str(folder)) from error


def _private_copy(folder: Path) -> Path:
    """Chroma writes to whatever it opens, and an index is only read. Raises :class:`IndexUnusable`."""
    try:
        copy = Path(tempfile.mkdtemp(prefix="hardware-kb-"))
    except OSError as error:
        raise IndexUnusable(f"There is no folder for temporary files ({error.strerror}). {_TEMPORARY}") from None
    try:
        for path in sorted(folder.rglob("*")):
            target = copy / path.relative_to(folder)
            if path.is_dir():
                target.mkdir()
            else:
                shutil.copyfile(path, target)
    except OSError as error:
        shutil.rmtree(copy, ignore_errors=True)
        raise IndexUnusable(f"{folder} cannot be copied to {copy} ({error.strerror}). {_TEMPORARY}") from None
    return copy


class DenseIndex:
    """Nearest passages by cosine similarity. Holds a copy of its own, for as long as it lives."""

    def __init__(self, folder: Path, count: int) -> None:
        """Raises :class:`IndexUnusable` unless ``folder`` holds ``count`` vectors that can be searched."""
        copy = _private_copy(folder)
        weakref.finalize(self, shutil.rmtree, copy, ignore_errors=True)
        try:
            self._client = _client(copy)
        except (ChromaError, ValueError) as error:
            raise IndexUnusable(f"The vectors in {folder} cannot be read ({error}). {MENDING}") from None
        try:
            self._collection = self._client.get_collection(COLLECTION, embedding_function=None)
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
        """Raises :class:`IndexUnusable` where the copy was lost."""
        try:
            found = self._collection.query(
                query_embeddings=vector.reshape(1, -1), n_results=limit, include=["distances"]
            )
        except ChromaError as error:
            raise IndexUnusable(f"The vectors do not answer ({error}); the index is opened anew.") from None
        distances: Sequence[float] = (found["distances"] or [[]])[0]
        return [Ranked(int(i), 1.0 - distance) for i, distance in zip(found["ids"][0], distances, strict=True)]

    def close(self) -> None:
        self._client.close()
