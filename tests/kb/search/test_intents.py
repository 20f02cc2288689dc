"""What a question means by its sense: learned from ways to ask, kept with the index."""

from pathlib import Path

import pytest

from kb.errors import InvalidKnowledge
from kb.search.embed import Embedder
from kb.search.intents import (
    IN_WORDS,
    WAYS_TO_ASK,
    IntentClassifier,
    learn,
    read_classifier,
    read_ways_to_ask,
    slots_of,
    write_classifier,
)
from kb.search.live import Index
from kb.tools import TOOLS

OURS = read_ways_to_ask(Path(__file__).parents[3])

WAYS = {
    "check_fit": ["does {model} fit on [a|my] {device}?", "is there room for {model} on {device}?"],
    "size_power_supply": [
        "how strong a power supply for {device}?",
        "which PSU feeds {device_count_in_words} {device}?",
    ],
    "abstain": ["what is the weather in Paris?", "write a poem about the sea"],
}


@pytest.fixture(scope="module")
def learned(embedder: Embedder) -> IntentClassifier:
    return learn(WAYS, embedder)


def likeliest(classifier: IntentClassifier, text: str) -> str:
    odds = classifier.probabilities(text)
    assert sum(odds.values()) == pytest.approx(1)
    return max(odds, key=odds.__getitem__)


@pytest.mark.parametrize(
    ("text", "tool"),
    [
        ("can the model be squeezed into my graphics card", "check_fit"),
        ("what brick do I need to feed the graphics card with electricity", "size_power_supply"),
        ("will it rain in London tomorrow", "abstain"),
    ],
)
def test_other_words_of_the_same_sense(learned: IntentClassifier, text: str, tool: str) -> None:
    assert likeliest(learned, text) == tool


def test_it_is_kept_as_it_was(learned: IntentClassifier, embedder: Embedder, tmp_path: Path) -> None:
    write_classifier(tmp_path / "intents.npz", learned)
    read = read_classifier(tmp_path / "intents.npz", embedder)
    assert read.probabilities("is there room?") == learned.probabilities("is there room?")


def test_nothing_learned_says_nothing(embedder: Embedder, tmp_path: Path) -> None:
    nothing = learn(read_ways_to_ask(tmp_path), embedder)
    write_classifier(tmp_path / "intents.npz", nothing)
    assert read_classifier(tmp_path / "intents.npz", embedder).probabilities("is there room?") == {}


@pytest.mark.parametrize("text", ["check_fit: fits?", "check_fit: [1, 2]", "check_fit: [unclosed"])
def test_a_mistake_in_the_ways_to_ask_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / WAYS_TO_ASK
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidKnowledge, match="ways_to_ask"):
        read_ways_to_ask(tmp_path)


def test_the_index_knows_its_own_ways_to_ask(index: Index) -> None:
    asked = {
        "is my graphics card big enough inside for model": "check_fit",
        "how many words a second would model write on a graphics card": "estimate_speed",
        "what does a year of running the graphics card add to the bill": "estimate_power_cost",
        "how do I bake bread": "abstain",
    }
    assert {text: likeliest(index.intents, text) for text in asked} == asked


def test_every_tool_is_asked_for() -> None:
    assert set(OURS) - {"answer", "abstain"} <= set(TOOLS.names())
    assert set(TOOLS.names()) - set(OURS) == {"search_passages"}  # what `answer` says comes from there


@pytest.mark.parametrize("tool", [name for name in OURS if name in TOOLS])
def test_slots_are_arguments_of_the_tool(tool: str) -> None:
    said_otherwise = {"device", "device_2", "device_count", "model", "spec", "platform", "accelerator_count"}
    for template in OURS[tool]:
        for slot in (slot.removesuffix(IN_WORDS) for slot in slots_of(template)):
            assert slot in said_otherwise or slot in TOOLS[tool].input_model.model_fields, (template, slot)
