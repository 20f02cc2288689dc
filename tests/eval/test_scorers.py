from typing import Any

import pytest

from eval.samples import Expectation, ExpectedFigure, Sample
from eval.scorers import has_figure, score, unscored
from kb.chat.reply import Citation, Grounding, Reply, ToolCall
from kb.text.figures import read

REPLY = Reply(
    answer="**Not wholly: it runs only with part of it offloaded.** The weights are 42.5 GB [1]; the card holds 24 GiB."
    " Expect 3–4 tokens/s.",
    citations=(
        Citation(id=1, source="calculator", section="", title="check_fit", tool="check_fit"),
        Citation(id=2, source="s", section="", title="VRAM", term="vram"),
        Citation(id=3, source="s", section="", title="d", dispute="70b-at-4-bit-35-to-48-gb"),
    ),
    tool_calls=(
        ToolCall(name="check_fit", arguments={}, result={"verdict": "fits_with_offload"}),
        ToolCall(name="check_fit", arguments={}, result={"verdict": "fits"}),
    ),
    abstained=False,
    reason=None,
    engine="composed",
    grounding=Grounding(figures=3),
)


def sample(**expect: Any) -> Sample:
    return Sample(id="s", messages=("?",), expect=Expectation.model_validate(expect), note="by hand")


@pytest.mark.parametrize(
    "expect",
    [
        {"verdict": "fits_with_offload"},
        {"figures": [{"value": 42.5, "unit": "GB"}, {"value": 24, "unit": "GiB"}]},
        {"figures": [{"value": 3, "unit": "tok/s"}, {"value": 4, "unit": "tokens per second"}]},
        {"figures": [{"value": [39.6, 42.5]}]},
        {"contains": ["OFFLOAD", "GB", ["cannot", "only with"]]},
        {"not_contains": ["fits easily"]},
        {"cites": [{"tool": "check_fit"}, {"term": "vram"}]},
        {"disputed": ["70b-at-4-bit-35-to-48-gb"]},
        {"abstains": False},
        {"tool_calls": ["check_fit"]},
    ],
)
def test_a_right_reply_scores_one(expect: dict[str, Any]) -> None:
    scored = score(sample(**expect), REPLY)
    assert scored.value == 1
    assert all(part.passed for part in scored.parts)


@pytest.mark.parametrize(
    ("expect", "explanation"),
    [
        ({"verdict": "fits"}, "verdict: fits expected, fits_with_offload"),
        ({"figures": [{"value": 42.5, "unit": "GiB"}]}, "figures: 42.5 GiB"),
        ({"figures": [{"value": 40, "unit": "GB"}]}, "figures: 40 GB"),
        ({"contains": [["yes", "surely"]]}, "contains: 'yes' or 'surely'"),
        ({"contains": ["5"]}, "contains: '5'"),
        ({"contains": ["old", "GB"]}, "contains: 'old'"),
        ({"not_contains": ["offloaded"]}, "not_contains: must not say 'offloaded'"),
        ({"cites": [{"term": "ram"}]}, "cites: {'term': 'ram'}"),
        ({"disputed": ["other"]}, "cites: {'dispute': 'other'}"),
        ({"abstains": True}, "abstains: it answers and should abstain"),
        ({"tool_calls": ["estimate_speed"]}, "tool_calls: estimate_speed"),
    ],
)
def test_a_wrong_reply_scores_zero_and_says_why(expect: dict[str, Any], explanation: str) -> None:
    scored = score(sample(**expect), REPLY)
    assert scored.value == 0
    assert scored.explanation == explanation


def test_a_verdict_that_the_words_contradict() -> None:
    for answer in (
        "**Yes, it fits on the card**: it needs 42.5 GB. [1]",
        "**No, it does not run on the card at all.**",
    ):
        scored = score(sample(verdict="fits_with_offload"), REPLY.model_copy(update={"answer": answer}))
        assert scored.value == 0
        assert scored.explanation.startswith("verdict: fits_with_offload expected, the answer says")


def test_a_device_within_another_ones_result_is_not_worked_out() -> None:
    call = ToolCall(name="check_fit", arguments={}, result={"device": "RTX 4090", "instead": ["RTX 5090"]})
    reply = REPLY.model_copy(update={"tool_calls": (call,)})
    assert score(sample(about=["RTX 4090"]), reply).value == 1
    assert score(sample(about=["RTX 5090"]), reply).value == 0


def test_a_verdict_without_check_fit() -> None:
    scored = score(sample(verdict="fits"), REPLY.model_copy(update={"tool_calls": ()}))
    assert "check_fit was not called" in scored.explanation


def test_unscored_is_not_zero() -> None:
    assert unscored(sample(abstains=True), "no assistant").value is None


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("1,792 GB/s", [(1792, "GB/s")]),
        ("$1,999 to $4,200", [(1999, "$"), (4200, "usd")]),
        ("25 to 35 tok/s", [(25, "tokens/s"), (35, "tokens per second")]),
        ("an RTX 4090 draws 450 watts", [(450, "W")]),
        ("32 GiB, 34.4 GB [12]", [(32, "GiB"), (34.4, "GB")]),
        ("Q4_K_M at 4.82 bits", [(4.82, "bit")]),
        ("8192 tokens", [(8192, "tokens")]),
        ("`95–96 %`", [(95, "percent"), (96, "%")]),
    ],
)
def test_figures_are_read_with_their_units(text: str, figures: list[tuple[float, str]]) -> None:
    for value, unit in figures:
        for wanted in (unit, ""):
            assert has_figure(ExpectedFigure(value=value, unit=wanted, tolerance=0), text)
        for other in {"GB", "GB/s", "$", "W", "tokens", "tokens/s", "%", "bits"} - {unit}:
            if read(f"1 {other}")[0].dimension != read(f"1 {unit}")[0].dimension:
                assert not has_figure(ExpectedFigure(value=value, unit=other, tolerance=0), text)


@pytest.mark.parametrize("text", ["no figures", "Q4_K_M", "[4]", "four of them", "14", "4.5", "4,000"])
def test_what_is_no_such_figure(text: str) -> None:
    assert not has_figure(ExpectedFigure(value=4, tolerance=0), text)


def test_tolerance_is_relative() -> None:
    assert has_figure(ExpectedFigure(value=42.5, unit="GB"), "about 43 GB")
    assert not has_figure(ExpectedFigure(value=42.5, unit="GB", tolerance=0.01), "about 43 GB")
