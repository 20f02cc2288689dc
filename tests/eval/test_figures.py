from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from eval.figures import FigureCheck, Reference, matches, read_figures, run_figures
from eval.samples import EvaluationDataInvalid
from kb.search.live import Index


def run(index: Index, **check: Any) -> str:
    """The explanation; empty where the check passes."""
    reference = Reference("s", "section", FigureCheck.model_validate({"id": "x", "statement": "by hand"} | check))
    (outcome,) = run_figures(index, [reference])
    assert outcome.passed == (outcome.explanation == "")
    return outcome.explanation


def test_there_is_a_figure_of_every_document(index: Index) -> None:
    """Of those that others wrote; what we wrote ourselves shows its arithmetic."""
    references = read_figures()
    assert len(references) >= 250
    assert {reference.source for reference in references} == {
        p.source for p in index.known.passages.values() if index.known.sources[p.source].kind == "document"
    }


CARD = "accelerators/rtx-5090"


@pytest.mark.parametrize(
    ("check", "explanation"),
    [
        ({"spec": f"{CARD}#memory_gib", "equals": 32}, ""),
        ({"spec": f"{CARD}#memory_gib", "equals": 33}, "expected 33.0, held is 32.0"),
        ({"spec": f"{CARD}#memory_gib", "equals": 33, "tolerance": 0.05}, ""),
        ({"spec": f"{CARD}#nvlink", "equals": False}, ""),
        ({"spec": f"{CARD}#architecture", "equals": "blackwell"}, ""),
        ({"spec": "accelerators/nothing#memory_gib", "equals": 1}, "there is no accelerators/nothing"),
        ({"spec": f"{CARD}#gpu_cores", "equals": 1}, f"{CARD} has no figure gpu_cores"),
        ({"ratio": [f"{CARD}#memory_gib", "accelerators/rtx-4090#memory_gib"], "equals": 4 / 3}, ""),
        ({"price": CARD, "price_kind": "list", "equals": 1999}, ""),
        ({"price": CARD, "price_kind": "rent", "equals": 1}, f"{CARD} has no rent price in USD"),
        ({"part": "tier-1-practitioner", "component": "GPU", "equals": [3500, 4200]}, ""),
        ({"parts_total": "tier-1-practitioner", "equals": [5845, 6890]}, ""),
        ({"term": "fp16", "label": "7B", "equals": 14}, ""),
        ({"term": "fp16", "label": "9B", "equals": 14}, "terms/fp16 has no figure whose label begins with '9B'"),
        (
            {"tool": "estimate_power_cost", "arguments": {"watts": 2000}, "path": "kwh_per_year", "equals": 17520},
            "",
        ),
        (
            {"tool": "estimate_power_cost", "arguments": {"watts": 2000}, "path": "nothing", "equals": 1},
            "the result of estimate_power_cost has nothing at nothing",
        ),
        (
            {"spec": f"{CARD}#memory_gib", "equals": 32, "disputed": "no-such-dispute"},
            "the dispute 'no-such-dispute' is not there",
        ),
        (
            {"spec": f"{CARD}#memory_gib", "equals": 32, "claimed": 32, "disputed": "fp16-838-or-330-tflops"},
            "the claim 32.0 is disputed, yet it is what we hold",
        ),
    ],
)
def test_checks(index: Index, check: dict[str, Any], explanation: str) -> None:
    assert run(index, **check) == explanation


def test_a_tool_that_refuses_is_a_wrong_figure(index: Index) -> None:
    explanation = run(index, tool="estimate_power_cost", arguments={"watts": -1}, path="x", equals=1)
    assert "watts" in explanation


@pytest.mark.parametrize(
    ("wanted", "held", "same"),
    [
        (True, True, True),
        (True, 1.0, False),
        (1.0, True, False),
        ((1, 2), [1.0, 2.0], True),
        ((1, 2), (1.0,), False),
        ((1, 2), 1.5, False),
        ("dual", ("a dual port", "Wi-Fi"), True),
        ("dual", 2.0, False),
        (2.0, "2", False),
    ],
)
def test_matching(wanted: Any, held: Any, same: bool) -> None:
    assert matches(wanted, held) is same


@pytest.mark.parametrize(
    "check",
    [
        {"equals": 1},
        {"spec": "accelerators/x#memory_gib", "term": "vram", "equals": 1},
        {"spec": "accelerators/x", "equals": 1},
        {"spec": "accelerators/x#memory_gib", "equals": 1, "claimed": 2},
    ],
)
def test_an_undecided_check_does_not_load(check: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FigureCheck.model_validate({"id": "x", "statement": "by hand"} | check)


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(yaml.safe_dump({"source": "s", "sections": [{"section": "a"}]}), "utf-8")
    with pytest.raises(EvaluationDataInvalid, match=r"x\.yaml: sections\.0\.figures"):
        read_figures(tmp_path)
