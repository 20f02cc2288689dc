"""The one place that knows Chroma: an embedded collection of passage vectors."""

from collections.abc import Sequence
from pathlib import Path

from chromadb.api.client import Client
from chromadb.api.collection_configuration import CreateHNSWConfiguration
from chromadb.api.rust import RustBindingsAPI
from chromadb.config import Settings as ChromaSettings
from chromadb.config import System
from chromadb.errors import ChromaError

from kb.errors import IndexUnusable
from kb.retrieval.embed import Vectors
from kb.store.manifest import MENDING
from kb.store.queries import Ranked

COLLECTION = "passages"
HNSW: CreateHNSWConfiguration = {
    "space": "cosine", "ef_construction": 400, "max_neighbors": 32, "ef_search": 400,
}  # fmt: skip
"""Wide enough that no near neighbour is missed among a few thousand vectors; tests hold it against exact search."""

_BATCH = 2000


def _client(folder: Path) -> Client:
    """On a system of its own: ``Client(settings)`` keeps one that failed to start, and gives it to whoever asks for
    the same folder later, when a build has mended it."""
    system = System(ChromaSettings(anonymized_telemetry=False, is_persistent=True, persist_directory=str(folder)))
    system.instance(RustBindingsAPI)
    system.start()
    return Client.from_system(system)


def write_vectors(folder: Path, vectors: Vectors) -> None:
    """Row ``i`` is stored under the id of passage row ``i + 1``."""
    client = _client(folder)
    collection = client.create_collection(COLLECTION, embedding_function=None, configuration={"hnsw": HNSW})
    for start in range(0, len(vectors), _BATCH):
        part = vectors[start : start + _BATCH]
        collection.add(ids=[str(start + i + 1) for i in range(len(part))], embeddings=part)
    client.close()


class DenseIndex:
    """Nearest passages by cosine similarity."""

    def __init__(self, folder: Path, count: int) -> None:
        """Raises :class:`IndexUnusable` unless ``folder`` holds ``count`` vectors that can be searched."""
        try:
            self._client = _client(folder)
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
        found = self._collection.query(query_embeddings=vector.reshape(1, -1), n_results=limit, include=["distances"])
        distances: Sequence[float] = (found["distances"] or [[]])[0]
        return [Ranked(int(i), 1.0 - distance) for i, distance in zip(found["ids"][0], distances, strict=True)]

    def close(self) -> None:
        self._client.close()
