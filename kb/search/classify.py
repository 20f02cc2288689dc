"""What a text is, of several labels: linear classifiers over its sense and its words, learned at each build.

The sense is a sentence embedding; the words are n-grams of words and of letters, each hashed to a column.
"""

import hashlib
import io
import json
import re
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kb.disk import write_whole
from kb.search.embed import Embedder, Vectors

COLUMNS = 1 << 16
"""Of n-grams; fewer, and those that share one disturb each other."""
LETTERS = (2, 3, 4, 5)
SENSE = 0.7
"""The length of a text's embedding beside that of its n-grams, which is 1."""
MARK = 0.1
"""The length of each mark: more helps with short questions, and misleads where much is told beside what is asked."""
PENALTY = 0.5
"""``C`` of the support vector machines."""
SHARPNESS = 4.0
"""How much likelier a label is whose score is higher by 1, as a power of e: fitted to what people asked in public, left
out of what was learned."""

_WORD = re.compile(r"\w+|\?")


@dataclass(frozen=True)
class Lesson:
    """A text with its labels, the main one first; ``marks`` say what else is known of it."""

    text: str
    labels: tuple[str, ...]
    marks: frozenset[str] = frozenset()
    weight: float = 1.0


@dataclass(frozen=True)
class Classifier:
    """``words``: shape ``(COLUMNS, labels)``; ``sense``: ``(dimension, labels)``; ``marked``: ``(marks, labels)``."""

    embedder: Embedder
    labels: tuple[str, ...]
    marks: tuple[str, ...]
    rarity: NDArray[np.float32]
    words: NDArray[np.float16]
    sense: NDArray[np.float32]
    marked: NDArray[np.float32]
    bias: NDArray[np.float32]

    def probabilities(self, texts: Sequence[str], marks: Collection[str] = ()) -> NDArray[np.float32]:
        """Shape ``(texts, labels)``, each row of sum 1; ``marks`` are those of all."""
        sense = self.embedder.embed_queries(texts)
        scores = SENSE * sense @ self.sense + self.bias
        scores += MARK * sum((self.marked[self.marks.index(mark)] for mark in marks if mark in self.marks), 0.0)
        for row, text in enumerate(texts):
            columns, values = _weighed(text, self.rarity)
            scores[row] += values @ self.words[columns].astype(np.float32)
        odds = np.exp(SHARPNESS * (scores - scores.max(axis=1, keepdims=True)))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def lessons_sha256(lessons: Sequence[Lesson]) -> str:
    told = [[lesson.text, lesson.labels, sorted(lesson.marks), lesson.weight] for lesson in lessons]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def learn(lessons: Sequence[Lesson], embedder: Embedder, embed: Callable[[Sequence[str]], Vectors]) -> Classifier:
    """``embed`` keeps vectors from build to build. Nothing is learned of fewer than two labels."""
    labels = tuple(sorted({lesson.labels[0] for lesson in lessons}))
    marks = tuple(sorted({mark for lesson in lessons for mark in lesson.marks}))
    if len(labels) < 2:
        none = np.zeros((0, 0), np.float32)
        return Classifier(embedder, (), (), none.ravel(), none.astype(np.float16), none, none, none.ravel())
    from scipy.sparse import csr_matrix, hstack
    from sklearn.svm import LinearSVC  # slow to import, and needed at a build alone

    counted = [Counter(map(column, _grams(lesson.text))) for lesson in lessons]
    rarity = _rarity(counted)
    rows = [_weighed(lesson.text, rarity) for lesson in lessons]
    words = csr_matrix(
        (
            np.concatenate([values for _, values in rows]),
            np.concatenate([columns for columns, _ in rows]),
            np.cumsum([0, *(len(columns) for columns, _ in rows)]),
        ),
        shape=(len(lessons), COLUMNS),
    )
    sense = SENSE * embed([lesson.text for lesson in lessons])
    marked = MARK * np.array([[mark in lesson.marks for mark in marks] for lesson in lessons], np.float32)
    known = hstack([words, sense, marked.reshape(len(lessons), len(marks))]).tocsr()
    weights = [lesson.weight for lesson in lessons]
    fitted = LinearSVC(C=PENALTY).fit(known, [lesson.labels[0] for lesson in lessons], sample_weight=weights)
    coefficients = np.asarray(fitted.coef_.T, np.float32)
    if len(labels) == 2:  # of two, scikit-learn tells the second alone
        coefficients = np.hstack([-coefficients, coefficients])
    bias = np.asarray(fitted.intercept_, np.float32)
    bias = np.array([-bias[0], bias[0]], np.float32) if len(labels) == 2 else bias
    ends = [COLUMNS, COLUMNS + sense.shape[1]]
    by_words, by_sense, by_marks = np.split(coefficients, ends)
    return Classifier(embedder, labels, marks, rarity, by_words.astype(np.float16), by_sense, by_marks, bias)


def _grams(text: str) -> Iterator[str]:
    text = text.lower()
    words = _WORD.findall(text)
    yield from words
    yield from (f"{first} {second}" for first, second in pairwise(words))
    for word in text.split():
        padded = f" {word} "
        for size in LETTERS:
            for start in range(max(1, len(padded) - size + 1)):
                yield f"\0{padded[start : start + size]}"
            if len(padded) <= size:
                break


def column(gram: str) -> int:
    return zlib.crc32(gram.encode()) % COLUMNS


def _rarity(counted: Iterable[Counter[int]]) -> NDArray[np.float32]:
    """Of each column, the inverse share of texts that have it, as a logarithm; 0 where only one has."""
    found = np.zeros(COLUMNS, np.float32)
    total = 0
    for columns in counted:
        found[list(columns)] += 1
        total += 1
    return np.where(found < 2, 0, np.log((1 + total) / (1 + found)) + 1).astype(np.float32)


def _weighed(text: str, rarity: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """The columns of a text's n-grams, and a vector of length 1 of how much each says."""
    counts = Counter(map(column, _grams(text)))
    columns = np.fromiter(counts, np.intp, len(counts))
    values = (1 + np.log(np.fromiter(counts.values(), np.float32, len(counts)))) * rarity[columns]
    return columns, (values / max(float(np.linalg.norm(values)), 1e-9)).astype(np.float32)


def write_classifier(path: Path, classifier: Classifier) -> None:
    content = io.BytesIO()
    np.savez(
        content,
        names=np.frombuffer(json.dumps([classifier.labels, classifier.marks]).encode(), np.uint8),
        rarity=classifier.rarity,
        words=classifier.words,
        sense=classifier.sense,
        marked=classifier.marked,
        bias=classifier.bias,
    )
    write_whole(path, content.getvalue())


def read_classifier(path: Path, embedder: Embedder) -> Classifier:
    with np.load(path) as kept:
        labels, marks = json.loads(kept["names"].tobytes())
        arrays = (kept[name] for name in ("rarity", "words", "sense", "marked", "bias"))
        return Classifier(embedder, tuple(labels), tuple(marks), *arrays)
