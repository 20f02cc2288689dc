"""The choice of tools: the hand-written slice, and its scorer on plain values."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from eval.planning import (
    ABSTAIN,
    ANSWER,
    HeldBack,
    PlannedCall,
    call_of,
    read_held_back,
    score_plan,
)
from eval.samples import EvaluationDataInvalid, read_samples
from kb.chat.reply import Citation, Grounding, Reply, ToolCall
from kb.search.live import Index
from kb.tools import TOOLS

QUESTIONS = read_held_back()


def question(**entry: Any) -> HeldBack:
    return HeldBack.model_validate({"ask": "?"} | entry)


def test_the_slice_is_large_and_knows_every_tool() -> None:
    assert len(QUESTIONS) >= 120
    assert len({one.ask.casefold() for one in QUESTIONS}) == len(QUESTIONS)
    assert {one.tool for one in QUESTIONS} == {*TOOLS.names(), ANSWER, ABSTAIN}


def test_it_shares_no_question_with_the_others() -> None:
    others = {message.casefold() for sample in read_samples() for message in sample.messages}
    assert [one.ask for one in QUESTIONS if one.ask.casefold() in others] == []


@pytest.mark.parametrize("one", QUESTIONS, ids=[one.ask for one in QUESTIONS])
def test_the_expected_call_scores_full_marks_and_can_be_made(index: Index, one: HeldBack) -> None:
    chosen = {key: value.split(" | ")[0] if isinstance(value, str) else value for key, value in one.required.items()}
    score = score_plan(index.names, one, PlannedCall(tool=one.tool, arguments=chosen))
    assert score.right, score.wrong
    if one.tool not in (ANSWER, ABSTAIN):
        required = {"quantization": "q4_k_m", "context": 8192} | {"query": one.ask}
        fields = TOOLS[one.tool].input_model.model_fields
        needed = {key: value for key, value in required.items() if key in fields and fields[key].is_required()}
        TOOLS[one.tool].call(index, needed | chosen)


FIT = question(
    tool="check_fit",
    **{"with": {"model": "llama 3.1 70b", "device": "RTX 4090", "device_count": 2, "context": 32768}},
)


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        ({"model": "Llama-3.1-70B-Instruct", "device": "2x 4090", "context": 32000}, ()),
        ({"model": "llama 3.1 70b", "device": "GeForce RTX 4090", "device_count": 2, "context": 32768.0}, ()),
        ({"model": "llama 3.1 8b", "device": "4090", "device_count": 2, "context": 32768}, ("model",)),
        ({"model": "llama 3.1 70b", "device": "4090", "context": 32768}, ("device_count",)),
        ({"model": "llama 3.1 70b", "device": "rtx 9999", "device_count": 2}, ("device", "context")),
        ({}, ("model", "device", "device_count", "context")),
    ],
)
def test_names_count_by_what_they_mean_and_numbers_by_value(
    index: Index, arguments: dict[str, Any], wrong: tuple[str, ...]
) -> None:
    score = score_plan(index.names, FIT, PlannedCall(tool="check_fit", arguments=arguments))
    assert score.tool_right
    assert tuple(text.split(":")[0] for text in score.wrong) == wrong


def test_another_tool_is_wrong_unless_it_is_as_good(index: Index) -> None:
    call = PlannedCall(tool="estimate_speed", arguments={"model": "llama 3.1 70b"})
    assert not score_plan(index.names, FIT, call).tool_right
    either = question(tool="lookup_term", **{"with": {"name": "vram"}, "or": [{"tool": "estimate_speed"}]})
    assert score_plan(index.names, either, call).right


@pytest.mark.parametrize(
    ("given", "right"),
    [
        (["2x RTX 4090", "3090"], True),
        (["RTX 3090", "RTX 4090", "RTX 4090"], True),
        (["RTX 4090", "RTX 3090"], False),
        (["2x RTX 4090", "3090", "5090"], False),
        ("RTX 4090", False),
    ],
)
def test_lists_are_compared_as_bags(index: Index, given: object, right: bool) -> None:
    one = question(tool="compare_devices", **{"with": {"devices": ["RTX 4090", "RTX 4090", "RTX 3090"]}})
    assert (
        score_plan(index.names, one, PlannedCall(tool="compare_devices", arguments={"devices": given})).right is right
    )


def test_an_ambiguous_name_agrees_with_each_of_its_meanings(index: Index) -> None:
    one = question(tool="what_runs_on", **{"with": {"device": "RTX 3060 12GB"}})
    assert score_plan(index.names, one, PlannedCall(tool="what_runs_on", arguments={"device": "3060"})).right


def reply(**changes: Any) -> Reply:
    empty = Reply(
        answer="", citations=(), tool_calls=(), abstained=False, reason=None, engine="x", grounding=Grounding(figures=0)
    )
    return empty.model_copy(update=changes)


def test_the_call_that_a_reply_shows() -> None:
    def citing(**what: str) -> tuple[Citation, ...]:
        return (Citation(id=1, source="s", section="", title="t", **what),)

    called = ToolCall(name="check_fit", arguments={"model": "m"}, result={})
    assert call_of(reply(tool_calls=(called,))) == PlannedCall(tool="check_fit", arguments={"model": "m"})
    assert call_of(reply(abstained=True)).tool == ABSTAIN
    assert call_of(reply()).tool == ANSWER
    assert call_of(reply(citations=citing(term="vram"))).arguments == {"name": "vram"}
    assert call_of(reply(citations=citing(spec="accelerators/rtx-4090"))).arguments == {"name": "rtx-4090"}
    assert call_of(reply(citations=citing(passage_id="p"))).tool == "search_passages"


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({"ask": "x", "tool": "guess"}, "there is no tool 'guess'"),
        ({"ask": "x", "tool": "check_fit", "with": {"gpu": "4090"}}, "check_fit takes no 'gpu'"),
        ({"ask": "x", "tool": "abstain", "with": {"name": "y"}}, "abstain takes no 'name'"),
        ({"tool": "check_fit"}, "ask: Field required"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, entry: dict[str, Any], named: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(yaml.safe_dump([entry]), "utf-8")
    with pytest.raises(EvaluationDataInvalid, match=r"x\.yaml, entry 1") as caught:
        read_held_back(path)
    assert named in str(caught.value)
