"""Passages to vectors, each text embedded once however often the index is built."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from kb.records import Passage
from kb.retrieval.embed import Embedder, Vectors

Watch = Callable[[Sequence[Sequence[str]]], Iterable[Sequence[str]]]
"""Shows how far a loop over batches of texts has come."""
AT_ONCE = 256
"""How many texts are embedded between two steps of the progress bar."""

QUESTIONS_WEIGHT = 0.5
"""How much the mean of a passage's questions counts beside its text; chosen on one half of ``eval/retrieval``."""


def passage_vectors(
    passages: Sequence[Passage], embedder: Embedder, cache: Path, model: str, watch: Watch = list
) -> Vectors:
    """A unit vector per passage: its heading path and text, drawn towards the questions that it answers."""
    texts = [f"{passage.heading_path}\n{passage.text}" for passage in passages]
    asked = [question for passage in passages for question in passage.questions]
    vectors = dict(zip([*texts, *asked], embedded([*texts, *asked], embedder, cache, model, watch), strict=True))
    drawn = []
    for passage, text in zip(passages, texts, strict=True):
        vector = vectors[text]
        if passage.questions:
            vector = vector + QUESTIONS_WEIGHT * np.mean([vectors[question] for question in passage.questions], axis=0)
        drawn.append(vector / np.linalg.norm(vector))
    return np.stack(drawn).astype(np.float32)


def embedded(texts: Sequence[str], embedder: Embedder, cache: Path, model: str, watch: Watch = list) -> Vectors:
    """Shape ``(len(texts), dimension)``; what an earlier build computed with the same model is reused."""
    kept = _read_cache(cache, model)
    # Texts of one length together: within a batch each costs as much as the longest.
    new = sorted((text for text in dict.fromkeys(texts) if text not in kept), key=len, reverse=True)
    for batch in watch([new[start : start + AT_ONCE] for start in range(0, len(new), AT_ONCE)]):
        kept |= dict(zip(batch, embedder.embed(batch), strict=True))
    _write_cache(cache, model, {text: kept[text] for text in texts})
    return np.stack([kept[text] for text in texts])


def _read_cache(cache: Path, model: str) -> dict[str, Vectors]:
    try:
        texts = json.loads((cache / f"{model[:16]}.json").read_text("utf-8"))
        vectors = np.load(cache / f"{model[:16]}.npy")
    except (OSError, ValueError):
        return {}
    return dict(zip(texts, vectors, strict=True)) if len(texts) == len(vectors) else {}


def _write_cache(cache: Path, model: str, kept: dict[str, Vectors]) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    (cache / f"{model[:16]}.json").write_text(json.dumps(list(kept)), "utf-8")
    np.save(cache / f"{model[:16]}.npy", np.stack(list(kept.values())))
