"""What a thing in a text is, by what stands around it: a linear classifier of features, learned at each build."""

import hashlib
import io
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kb.catalogue.names import Names
from kb.disk import write_whole
from kb.search.classify import COLUMNS, column

PENALTY = 3.0
"""``C`` of the support vector machines."""


@dataclass(frozen=True)
class Tagged:
    """A thing by its features, with what it is."""

    features: frozenset[str]
    tag: str
    kind: str = ""
    """Each feature counts once for all things and once for those of this kind."""
    weight: float = 1.0


@dataclass(frozen=True)
class Tagger:
    """``weights``: shape ``(COLUMNS, tags)``. Where nothing was learned there are no tags."""

    tags: tuple[str, ...]
    weights: NDArray[np.float16]
    bias: NDArray[np.float32]

    def tag(self, features: Collection[str], kind: str = "") -> tuple[str, float]:
        """The likeliest tag, and how far it leads before the next."""
        columns = _columns(features, kind)
        scores = self.weights[columns].sum(axis=0, dtype=np.float32) / _length(columns) + self.bias
        next_best, best = np.sort(scores)[-2:]
        return self.tags[int(scores.argmax())], float(best - next_best)


@dataclass(frozen=True)
class Taught:
    """What a build teaches: lessons, in which names are told by ``Names``, and a hash of what they are made from."""

    sha256: str
    lessons: Callable[[Names], Sequence[Tagged]]


def told_sha256(told: object) -> str:
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


NOTHING = Taught("", lambda _: ())


def learn_tags(lessons: Sequence[Tagged]) -> Tagger:
    """Nothing is learned of fewer than three tags."""
    tags = tuple(sorted({lesson.tag for lesson in lessons}))
    if len(tags) < 3:
        return Tagger((), np.zeros((COLUMNS, 0), np.float16), np.zeros(0, np.float32))
    from scipy.sparse import csr_matrix
    from sklearn.svm import LinearSVC  # slow to import, and needed at a build alone

    rows = [_columns(lesson.features, lesson.kind) for lesson in lessons]
    known = csr_matrix(
        (
            np.concatenate([np.full(len(row), 1 / _length(row), np.float32) for row in rows]),
            np.concatenate(rows),
            np.cumsum([0, *(len(row) for row in rows)]),
        ),
        shape=(len(lessons), COLUMNS),
    )
    weights = [lesson.weight for lesson in lessons]
    fitted = LinearSVC(C=PENALTY).fit(known, [lesson.tag for lesson in lessons], sample_weight=weights)
    return Tagger(tags, fitted.coef_.T.astype(np.float16), fitted.intercept_.astype(np.float32))


def _columns(features: Collection[str], kind: str) -> NDArray[np.intp]:
    known = np.fromiter(map(column, features), np.intp, len(features))
    return np.concatenate([known, known ^ column(f"kind {kind}")])


def _length(columns: NDArray[np.intp]) -> float:
    return float(np.sqrt(max(1, len(columns))))


def write_tagger(path: Path, tagger: Tagger) -> None:
    content = io.BytesIO()
    tags = np.frombuffer(json.dumps(tagger.tags).encode(), np.uint8)
    np.savez(content, tags=tags, weights=tagger.weights, bias=tagger.bias)
    write_whole(path, content.getvalue())


def read_tagger(path: Path) -> Tagger:
    with np.load(path) as kept:
        return Tagger(tuple(json.loads(kept["tags"].tobytes())), kept["weights"], kept["bias"])
