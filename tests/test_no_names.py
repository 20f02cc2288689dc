"""Knowledge lives in records: no model, card, machine or part of the catalogue is named in Python."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kb.catalogue import Catalogue

ROOT = Path(__file__).parents[1]
ROOMS = ("kb", "api", "eval")
KINDS = (
    "accelerators", "machines", "cpus", "models", "motherboards", "storage", "builds", "power-supplies", "memory-kits",
    "cases", "coolers", "network-cards", "providers", "media-models",
)  # fmt: skip
WORDS = {
    "minilm": "the embedding model that is packaged with the program",
    "all minilm": "the same",
    "minilm l6": "the same",
    "all minilm l6 v2": "the same",
    "cpu": "the llama.cpp backend and a word of the language",
    "laptop": "a word of the language",
    "llama": "the first half of llama.cpp",
    "hdd": "a word of the language",
    "hard disk": "a word of the language",
    "practitioner": "a level of the glossary's readers",
}
"""Names of records that are words or keys of other things too, and why they may stand."""
ROOMS_OF_NAMES = {
    "kb/calc/memory/families": "architectures, as configs and GGUF files spell them: parts of a format",
}
"""Where names of records stand for what is not knowledge, and why they may."""


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """Texts of a module that are no documentation."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.lineno, node.value


def key(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", text.casefold()).strip()


@pytest.fixture(scope="module")
def names() -> set[str]:
    known = Catalogue.load().known
    found = {
        key(name)
        for kind in KINDS
        for record in known.specs.get(kind, {}).values()
        for name in (record.slug, record.name, *record.aliases, *record.ambiguous_aliases)
    }
    return {name for name in found if len(name) >= 3 and not name.isdigit()} - set(WORDS)


def test_python_names_no_record(names: set[str]) -> None:
    longest = max(len(name.split()) for name in names)
    found = []
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if any(path.is_relative_to(ROOT / allowed) for allowed in ROOMS_OF_NAMES):
                continue
            for line, text in literals(path):
                words = key(text).split()
                pieces = {
                    " ".join(words[start : start + length])
                    for start in range(len(words))
                    for length in range(1, longest + 1)
                }
                found += [f"{path.relative_to(ROOT)}:{line}: {name}" for name in sorted(pieces & names)]
    assert not found, "\n".join(found)
