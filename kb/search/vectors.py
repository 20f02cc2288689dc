"""Passages to vectors, each text embedded once however often the index is built."""

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kb.catalogue.records import Passage
from kb.disk import write_whole
from kb.search.embed import Embedder, Vectors
from kb.search.sense import Turn, learn_turn, turned

Watch = Callable[[Sequence[Sequence[str]]], Iterable[Sequence[str]]]
"""Shows how far a loop over batches of texts has come."""
AT_ONCE = 256
"""How many texts are embedded between two steps of the progress bar."""

QUESTIONS_WEIGHT = 0.5
"""How much the mean of a passage's questions counts beside its text; chosen on one half of ``eval/retrieval``."""


@dataclass(frozen=True)
class PassageVectors:
    """``passages``: a unit vector each, its heading path and text drawn towards the questions that it answers;
    ``questions``: a unit vector each, and in ``rows`` the row of its passage, from 1. All are ``turned``."""

    passages: Vectors
    questions: Vectors
    rows: tuple[int, ...]
    turn: Turn


def passage_vectors(
    passages: Sequence[Passage], embedder: Embedder, cache: Path, model: str, watch: Watch = list
) -> PassageVectors:
    texts = [f"{passage.heading_path}\n{passage.text}" for passage in passages]
    asked = [question for passage in passages for question in passage.questions]
    vectors = embedded([*texts, *asked], embedder, cache, model, watch)
    said, questions = vectors[: len(texts)], vectors[len(texts) :]
    rows = tuple(row for row, passage in enumerate(passages, start=1) for _ in passage.questions)
    turn = learn_turn(said, questions, rows)
    said, questions = turned(said, turn), turned(questions, turn)
    drawn = said.copy()
    for row in range(1, len(texts) + 1):
        own = questions[np.array(rows, int) == row]
        if len(own):
            drawn[row - 1] += QUESTIONS_WEIGHT * own.mean(axis=0)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return PassageVectors(drawn, questions, rows, turn)


def embedded(texts: Sequence[str], embedder: Embedder, cache: Path, model: str, watch: Watch = list) -> Vectors:
    """Shape ``(len(texts), dimension)``; what an earlier build computed with the same model is reused."""
    file = cache / f"{model[:16]}.npz"
    kept = _read_cache(file)
    # Texts of one length together: within a batch each costs as much as the longest.
    new = sorted((text for text in dict.fromkeys(texts) if text not in kept), key=len, reverse=True)
    for batch in watch([new[start : start + AT_ONCE] for start in range(0, len(new), AT_ONCE)]):
        kept |= dict(zip(batch, embedder.embed(batch), strict=True))
    _write_cache(file, {text: kept[text] for text in texts})
    return np.stack([kept[text] for text in texts])


def _read_cache(file: Path) -> dict[str, Vectors]:
    try:
        with file.open("rb") as opened, np.load(opened) as kept:
            return dict(zip(json.loads(kept["texts"].tobytes()), kept["vectors"], strict=True))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}


def _write_cache(file: Path, kept: dict[str, Vectors]) -> None:
    """Texts and vectors in one file: half of them from an earlier build would be other texts' vectors."""
    content = io.BytesIO()
    texts = np.frombuffer(json.dumps(list(kept)).encode(), np.uint8)
    np.savez(content, texts=texts, vectors=np.stack(list(kept.values())))
    write_whole(file, content.getvalue())
