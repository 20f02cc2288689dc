"""Which passages answer a question outright: learns ``kb/search/answering.yaml`` from passages that readers judged.

Usage: python -m eval.passages [--write]

``eval/passages/labels.jsonl``: a question, and for passages that search found, 2 where what it says first answers the
question, 1 where it is on the matter, 0 beside it. Readers judged without seeing scores or code. Prints, for questions
left out of what was learned, how often the likeliest passage answers.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from kb.search import answering
from kb.search.embed import Embedder
from kb.search.live import Index, LiveIndex
from kb.settings import settings

LABELS = Path(__file__).parent / "passages" / "labels.jsonl"
WEIGHTS = Path(answering.__file__).with_name("answering.yaml")
ANSWERS = 2
FOLDS = 10
STRENGTH = 0.1
"""``C`` of the regression, on features scaled to their spread."""


@dataclass(frozen=True)
class Judged:
    features: NDArray[np.float64]
    labels: NDArray[np.int64]


def judged(index: Index, lines: Sequence[str]) -> list[Judged]:
    found: list[Judged] = []
    for line in lines:
        given = json.loads(line)
        question = given["question"]
        candidates = {one.passage.passage_id: one for one in index.searcher.candidates(question)}
        known = [(candidates[name], label) for name, label in given["passages"].items() if name in candidates]
        if known:
            rows = [list(index.searcher.likelihood.features(question, one).values()) for one, _ in known]
            found.append(Judged(np.array(rows), np.array([label for _, label in known])))
    return found


@dataclass(frozen=True)
class Model:
    weights: NDArray[np.float64]
    bias: float

    def scores(self, one: Judged) -> NDArray[np.float64]:
        return np.asarray(one.features @ self.weights + self.bias)


def learn(taught: Sequence[Judged]) -> Model:
    features = np.vstack([one.features for one in taught])
    answers = np.concatenate([one.labels == ANSWERS for one in taught])
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    fitted = LogisticRegression(C=STRENGTH, max_iter=2000).fit((features - mean) / spread, answers)
    weights = fitted.coef_[0] / spread
    return Model(weights, float(fitted.intercept_[0] - weights @ mean))


def left_out(known: Sequence[Judged]) -> list[tuple[float, int, bool]]:
    """Of each question, by what others teach: the likeliest passage's probability and label; whether any answers."""
    found: list[tuple[float, int, bool]] = []
    for fold in range(FOLDS):
        model = learn([one for number, one in enumerate(known) if number % FOLDS != fold])
        for one in known[fold::FOLDS]:
            scores = model.scores(one)
            best = int(scores.argmax())
            found.append(
                (float(1 / (1 + np.exp(-scores[best]))), int(one.labels[best]), bool((one.labels == ANSWERS).any()))
            )
    return found


def main() -> None:
    index = LiveIndex(settings().data_dir, Embedder(settings().embedding_model)).get()
    known = judged(index, LABELS.read_text(encoding="utf-8").splitlines())
    shown = left_out(known)
    possible = sum(one[2] for one in shown) / len(shown)
    first = sum(one[1] == ANSWERS for one in shown) / len(shown)
    print(f"{len(known)} questions; a passage answers {possible:.0%}, the likeliest one answers {first:.0%}")
    for low, high in ((0.0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 1.0)):
        those = [label for odds, label, _ in shown if low <= odds < high]
        if those:
            right, near = sum(label == ANSWERS for label in those), sum(label > 0 for label in those)
            print(f"  {low:.1f} to {high:.1f}: {len(those)}, of which {right} answer and {near} are on the matter")
    model = learn(known)
    names = list(index.searcher.likelihood.features("", index.searcher.candidates("memory")[0]))
    weights = {"bias": round(model.bias, 3)} | {
        name: round(float(weight), 3) for name, weight in zip(names, model.weights, strict=True)
    }
    text = yaml.safe_dump(weights, sort_keys=False)
    print(text)
    if "--write" in sys.argv:
        WEIGHTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
