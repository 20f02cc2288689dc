"""Which tool a question means, by its sense: a softmax regression over sentence embeddings, learned at each build.

Words that ask for a tool are few and people use others; :mod:`kb.chat.understand` asks here where it finds none.
"""

import io
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kb.catalogue.files import UnreadableFile, read_mapping
from kb.disk import write_whole
from kb.errors import InvalidKnowledge
from kb.search.embed import Embedder, Vectors

WAYS_TO_ASK = "corpus/ways_to_ask.yaml"
READINGS = 2
"""Of each way to ask with choices in it, so many are learned."""
REGULARISATION = 10.0
"""``C`` of scikit-learn's LogisticRegression, the inverse of the penalty; 1 to 100 differ by less than one per cent of
the ways to ask when each fifth of them is left out in turn."""

CALLED = {
    "models": "model", "accelerators": "graphics card", "machines": "graphics card", "cpus": "processor",
    "quantizations": "Q4", "storage": "SSD", "motherboards": "motherboard",
}  # fmt: skip
"""What stands for a name of each kind, so that sense is learned and not names."""

_SLOTS = {
    "model": CALLED["models"], "device": CALLED["accelerators"], "device_2": CALLED["accelerators"],
    "accelerator": CALLED["accelerators"], "cpu": CALLED["cpus"],
    "platform": CALLED["motherboards"], "drive": CALLED["storage"], "quantization": CALLED["quantizations"],
    "kv_cache_type": "q8_0", "method": "qlora", "context": "8k", "budget_usd": "2000", "purchase": "2000",
    "price_per_kwh": "0.30", "rent_per_hour": "0.50", "cost_per_hour": "0.50", "hours_per_day": "8", "size_gb": "40",
    "read_mb_per_s": "3500", "tokens_per_s": "40", "min_tokens_per_s": "20", "watts": "450", "psu_w": "850",
    "system_memory_gb": "64", "sequence_length": "2048",
}  # fmt: skip
_SEVERAL = {
    "link": ("PCIe 4.0 x16", "10 GbE", "ConnectX-7", "NVLink", "Thunderbolt 5", "gigabit ethernet"),
    "name": ("VRAM", "KV cache", "quantization", "NVLink", "RAPIDS", "tensor cores", "GGUF", "bandwidth", "MoE", "Q4"),
    "spec": (*CALLED.values(), "power supply", "case", "cooler", "network card"),
}
_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{(\w+)\}")
IN_WORDS = "_in_words"
"""Ends a slot whose number is spelled out."""


class IntentClassifier:
    """``weights``: shape ``(len(tools), dimension + 1)``, the last column the bias."""

    def __init__(self, embedder: Embedder, tools: Sequence[str], weights: NDArray[np.float32]) -> None:
        self._embedder, self.tools, self.weights = embedder, tuple(tools), weights

    def probabilities(self, text: str) -> dict[str, float]:
        """Of each tool, ``answer`` for what the documents tell, and ``abstain``; empty where nothing was learned.

        Names in ``text`` stand as :data:`CALLED` has them.
        """
        if not self.tools:
            return {}
        logits = self.weights[:, :-1] @ self._embedder.embed([text])[0] + self.weights[:, -1]
        odds = np.exp(logits - logits.max())
        return dict(zip(self.tools, (odds / odds.sum()).tolist(), strict=True))


def read_ways_to_ask(root: Path) -> Mapping[str, Sequence[str]]:
    """Templates by tool; none where the file is missing. Raises :class:`InvalidKnowledge`."""
    path = root / WAYS_TO_ASK
    if not path.exists():
        return {}
    try:
        ways = read_mapping(path)
    except UnreadableFile as error:
        raise InvalidKnowledge([f"{WAYS_TO_ASK}: {error}"]) from error
    problems = [
        f"{WAYS_TO_ASK}: {tool}: must be a list of texts"
        for tool, texts in ways.items()
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts)
    ]
    if problems:
        raise InvalidKnowledge(problems)
    return ways


def learn(
    ways: Mapping[str, Sequence[str]], embedder: Embedder, embed: Callable[[Sequence[str]], Vectors] | None = None
) -> IntentClassifier:
    """A classifier of the tools in ``ways``; ``embed`` where somebody keeps vectors from build to build."""
    if len(ways) < 2:
        return IntentClassifier(embedder, (), np.zeros((0, 1), np.float32))
    from sklearn.linear_model import LogisticRegression  # slow to import, and needed at a build alone

    texts = [(reading, tool) for tool, templates in ways.items() for reading in _readings(templates)]
    vectors = (embed or embedder.embed)([text for text, _ in texts])
    fitted = LogisticRegression(C=REGULARISATION, max_iter=1000).fit(vectors, [tool for _, tool in texts])
    weights = np.hstack([fitted.coef_, fitted.intercept_[:, None]]).astype(np.float32)
    return IntentClassifier(embedder, [str(tool) for tool in fitted.classes_], weights)


def _readings(templates: Sequence[str]) -> Iterator[str]:
    rng = random.Random(0)
    for template in templates:
        for _ in range(READINGS if "[" in template else 1):
            text = expanded(template, rng)
            yield text.format(**{slot: _filled(slot, rng) for slot in slots_of(text)})


def _filled(slot: str, rng: random.Random) -> str:
    if slot.endswith(IN_WORDS):
        return "two"
    if slot in _SEVERAL:
        return rng.choice(_SEVERAL[slot])
    return _SLOTS.get(slot, "2")


def expanded(template: str, rng: random.Random) -> str:
    """One reading of a template: of each ``[a|b]`` one side, the innermost first.

    >>> expanded("[a|a] cat", random.Random(0))
    'a cat'
    """
    while _CHOICE.search(template):
        template = _CHOICE.sub(lambda found: rng.choice(found[1].split("|")), template)
    return re.sub(r"  +", " ", template).strip()


def slots_of(template: str) -> list[str]:
    """
    >>> slots_of("{model} on {device}?")
    ['model', 'device']
    """
    return _SLOT.findall(template)


def write_classifier(path: Path, classifier: IntentClassifier) -> None:
    content = io.BytesIO()
    np.savez(content, tools=np.array(classifier.tools, dtype=np.str_), weights=classifier.weights)
    write_whole(path, content.getvalue())


def read_classifier(path: Path, embedder: Embedder) -> IntentClassifier:
    with np.load(path) as kept:
        return IntentClassifier(embedder, [str(tool) for tool in kept["tools"]], kept["weights"])
