"""What the model learns to say: every phrase can be filled, and claims no figure of its own."""

import random
import re
from pathlib import Path

import pytest

from kb.chat.ground import Evidence
from kb.search.intents import IN_WORDS, expanded, read_ways_to_ask, slots_of
from kb.tools import TOOLS
from train.ask import read_phrases

PHRASES = {**read_phrases("phrases_calculated.yaml"), **read_phrases("phrases_told.yaml")}
QUESTIONS = read_ways_to_ask(Path(__file__).parents[2])
READINGS = 12


@pytest.mark.parametrize("name", PHRASES)
def test_phrases_have_figures_only_in_their_slots(name: str) -> None:
    rng = random.Random(0)
    for phrases in PHRASES[name].values():
        for phrase in phrases:
            for _ in range(READINGS):
                said = re.sub(r"\{\w+\}", " that ", expanded(phrase, rng))
                assert Evidence((), strict=True).unsupported(said) == [], said
                assert "[" not in said
                assert "|" not in said


def test_every_tool_is_asked_for() -> None:
    answered = {"answer", "abstain"}
    assert set(QUESTIONS) - answered <= set(TOOLS.names())
    assert set(TOOLS.names()) - set(QUESTIONS) == {"search_passages"}  # what `answer` says comes from there


@pytest.mark.parametrize("tool", [name for name in QUESTIONS if name in TOOLS])
def test_slots_are_arguments_of_the_tool(tool: str) -> None:
    said_otherwise = {"device", "device_2", "device_count", "model", "spec", "platform", "accelerator_count"}
    for template in QUESTIONS[tool]:
        for slot in (slot.removesuffix(IN_WORDS) for slot in slots_of(template)):
            assert slot in said_otherwise or slot in TOOLS[tool].input_model.model_fields, (template, slot)
