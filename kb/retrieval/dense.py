"""The one place that knows Chroma: an embedded collection of passage vectors."""

from collections.abc import Sequence
from pathlib import Path

from chromadb.api.client import Client
from chromadb.config import Settings as ChromaSettings
from chromadb.errors import ChromaError

from kb.errors import IndexUnusable
from kb.retrieval.embed import Vectors
from kb.store.queries import Ranked

COLLECTION = "passages"
_BATCH = 2000


def _client(folder: Path) -> Client:
    return Client(
        settings=ChromaSettings(anonymized_telemetry=False, is_persistent=True, persist_directory=str(folder))
    )


def write_vectors(folder: Path, vectors: Vectors) -> None:
    """Row ``i`` is stored under the id of passage row ``i + 1``."""
    client = _client(folder)
    collection = client.create_collection(
        COLLECTION, embedding_function=None, configuration={"hnsw": {"space": "cosine", "ef_search": 200}}
    )
    for start in range(0, len(vectors), _BATCH):
        part = vectors[start : start + _BATCH]
        collection.add(ids=[str(start + i + 1) for i in range(len(part))], embeddings=part)
    client.close()


class DenseIndex:
    """Nearest passages by cosine similarity."""

    def __init__(self, folder: Path) -> None:
        try:
            self._client = _client(folder)
            self._collection = self._client.get_collection(COLLECTION, embedding_function=None)
        except (ChromaError, ValueError) as error:
            raise IndexUnusable(f"The vectors in {folder} cannot be read ({error}). Run `kb build`.") from None

    def __len__(self) -> int:
        return self._collection.count()

    def nearest(self, vector: Vectors, limit: int) -> list[Ranked]:
        found = self._collection.query(query_embeddings=vector.reshape(1, -1), n_results=limit, include=["distances"])
        distances: Sequence[float] = (found["distances"] or [[]])[0]
        return [Ranked(int(i), 1.0 - distance) for i, distance in zip(found["ids"][0], distances, strict=True)]

    def close(self) -> None:
        self._client.close()
