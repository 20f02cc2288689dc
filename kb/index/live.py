"""The live index: opened once, and opened anew when a build has swapped another one in."""

import threading
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from kb.errors import IndexUnusable
from kb.index.build import current_link
from kb.load import Knowledge
from kb.names import Names
from kb.retrieval.dense import DenseIndex
from kb.retrieval.embed import Embedder, model_sha256
from kb.retrieval.intents import IntentClassifier, read_classifier
from kb.retrieval.search import Searcher
from kb.store.manifest import INTENTS, Manifest, verify
from kb.store.queries import open_database, read_knowledge


@dataclass(frozen=True)
class Index:
    """Everything that answers are made from, of one build."""

    manifest: Manifest
    engine: Engine
    known: Knowledge
    names: Names
    searcher: Searcher
    intents: IntentClassifier


def open_index(folder: Path, embedder: Embedder) -> Index:
    """Raises :class:`IndexUnusable` where the files or the embedding model do not fit the manifest."""
    manifest = verify(folder)
    if manifest.embedding_sha256 != model_sha256(embedder.folder):
        raise IndexUnusable(
            f"The index was built with the embedding model {manifest.embedding_model!r}, and {embedder.name!r} is "
            "another one. Run `kb build` to make it anew."
        )
    engine = open_database(folder / "kb.sqlite3")
    known, passages = read_knowledge(engine)
    dense = DenseIndex(folder / "chroma", len(passages))
    names = Names(known)
    searcher = Searcher(engine, dense, embedder, passages, names)
    return Index(manifest, engine, known, names, searcher, read_classifier(folder / INTENTS, embedder))


class LiveIndex:
    """Follows ``data/current``. A new build is opened by the first request after it; an index that cannot be opened
    leaves the one that is open in place."""

    def __init__(self, data_dir: Path, embedder: Embedder) -> None:
        self._link = current_link(data_dir)
        self._embedder = embedder
        self._lock = threading.Lock()
        self._target: str | None = None
        self._index: Index | None = None

    def get(self) -> Index:
        """Raises :class:`IndexUnusable` where no index is live."""
        target = str(self._link.readlink()) if self._link.is_symlink() else None
        if target != self._target or self._index is None:
            with self._lock:
                if target != self._target or self._index is None:
                    self._open(target)
        if self._index is None:
            raise IndexUnusable(f"There is no index at {self._link.parent}. Run `kb build` first.")
        return self._index

    def _open(self, target: str | None) -> None:
        if target is None:
            if self._index is None:
                raise IndexUnusable(f"There is no index at {self._link.parent}. Run `kb build` first.")
            return
        try:
            self._index = open_index(self._link.parent / target, self._embedder)
        except IndexUnusable:
            if self._index is None:
                raise
        self._target = target
