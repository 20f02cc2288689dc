"""The live index: opened once, and opened anew when a build has swapped another one in."""

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import Engine

from kb.catalogue import Catalogue
from kb.catalogue.names import Names
from kb.errors import IndexUnusable
from kb.search.classify import Classifier, read_classifier
from kb.search.dense import DenseIndex
from kb.search.embed import Embedder, model_sha256
from kb.search.manifest import CHROMA, DATABASE, LEARNED, MANIFEST, MENDING, ROLES, TURN, Manifest, current_link, verify
from kb.search.queries import full_text_search, open_database, read_knowledge
from kb.search.searcher import Searcher
from kb.search.tags import Tagger, read_tagger

Identity = tuple[int, ...] | None
"""Of a file, to tell whether it is still the same; None where there is none."""


@dataclass(frozen=True)
class Index(Catalogue):
    """Everything that answers are made from, of one build: the catalogue that went into it, and what searches."""

    folder: Path
    database: Identity
    manifest: Manifest
    engine: Engine
    dense: DenseIndex
    searcher: Searcher
    embedder: Embedder
    asks: Classifier
    """What a message asks for, learned of the lessons that the build was given."""
    roles: Tagger
    """What its figures are for."""

    def check(self) -> None:
        """Asks both stores. Raises :class:`IndexUnusable` saying which does not answer from what was opened."""
        database = self.folder / DATABASE
        if identity(database) != self.database:
            raise IndexUnusable(f"{database} is gone or was changed while it was open. {MENDING}")
        full_text_search(self.engine, "memory", 1)
        if self.manifest.counts["searchable"]:
            self.dense.nearest(np.ones(self.manifest.embedding_dimension, np.float32), 1)

    def close(self) -> None:
        """Where the process ends without an end of its objects; else they go with their last user."""
        self.dense.close()
        self.engine.dispose()


def identity(path: Path) -> Identity:
    """Another file of the same name, or the same one written to, is told by its inode, time and size."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def open_index(folder: Path, embedder: Embedder) -> Index:
    """Raises :class:`IndexUnusable` where the files or the embedding model do not fit the manifest."""
    folder = folder.resolve()
    database = identity(folder / DATABASE)
    manifest = verify(folder)
    if manifest.embedding_sha256 != model_sha256(embedder.folder):
        raise IndexUnusable(
            f"The index was built with the embedding model {manifest.embedding_model!r}, and {embedder.name!r} is "
            "another one. Run `kb build` to make it anew."
        )
    engine = open_database(folder / DATABASE)
    known, passages = read_knowledge(engine)
    dense = DenseIndex(folder / CHROMA, len(passages))
    names = Names(known)
    searcher = Searcher(engine, dense, embedder, np.load(folder / TURN), passages, names)
    asks = read_classifier(folder / LEARNED, embedder)
    roles = read_tagger(folder / ROLES)
    return Index(known, names, folder, database, manifest, engine, dense, searcher, embedder, asks, roles)


class LiveIndex:
    """The one holder of the open index. Whoever asks has it at once; whoever follows ``data/current`` waits for a new
    build, or one made anew under the same name, to be opened. One that cannot be leaves the open one in place."""

    def __init__(self, data_dir: Path, embedder: Embedder) -> None:
        self._link = current_link(data_dir)
        self._embedder = embedder
        self._lock = threading.Lock()
        self._seen: Identity = None
        self.opened: Index | None = None

    def get(self) -> Index:
        """The open one; the first to ask opens it. Raises :class:`IndexUnusable` where no index is live."""
        if self.opened is None:
            with self._lock:
                if self.opened is None:
                    self._open(identity(self._link / MANIFEST))
        assert self.opened is not None
        return self.opened

    def follow(self) -> Index:
        """The newest that can be opened, after asking it. Raises :class:`IndexUnusable` saying what is broken; the next
        call opens anew."""
        with self._lock:
            seen = identity(self._link / MANIFEST)
            if self.opened is None or seen not in (None, self._seen):
                self._open(seen)
            assert self.opened is not None
            try:
                self.opened.check()
            except IndexUnusable:
                self._seen = None
                raise
            return self.opened

    def _open(self, seen: Identity) -> None:
        try:
            self.opened = open_index(self._link, self._embedder)
        except IndexUnusable:
            if self.opened is None:
                raise
        self._seen = seen
