"""``plan_build`` against the published builds, and around other cards."""

from typing import Any

import pytest

from kb.catalogue.records import Build
from kb.errors import InvalidArgument
from kb.search.live import Index
from kb.tools import TOOLS, InvalidArguments
from kb.tools.plan_build.tool import BuildPlan

# The nine lines of each tier in the long guide, lower and upper prices, added by hand.
PUBLISHED = {
    "Tier 1": ((5845, 6890), (5845, 7110)),
    "Tier 2": ((11305, 14505), (11305, 14255)),
    "Tier 3": ((36777, 42621), (36777, 42631)),
}


def plan(index: Index, **arguments: Any) -> BuildPlan:
    answer = TOOLS["plan_build"].call(index, arguments)
    assert isinstance(answer, BuildPlan)
    return answer


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_builds_add_up_to_their_parts(index: Index, name: str) -> None:
    """Their printed totals differ, which is disputed."""
    parts, printed = PUBLISHED[name]
    answer = plan(index, build=name)
    assert answer.total_usd == parts
    assert answer.stated_total_usd == printed
    assert len(answer.lines) == 9
    assert [dispute.slug for dispute in answer.disputes]
    assert f"{parts[0]:,}" in answer.formula
    assert f"{parts[1]:,}" in answer.formula


@pytest.mark.parametrize(("card", "count", "name"), [("RTX 5090", 1, "Tier 1"), ("L40S", 4, "Tier 3")])
def test_the_published_cards_make_the_published_machine(index: Index, card: str, count: int, name: str) -> None:
    answer = plan(index, accelerator=card, accelerator_count=count)
    assert answer.total_usd == PUBLISHED[name][0]
    assert answer.stated_total_usd is None


def test_tier_2_differs_by_its_supply_alone(index: Index) -> None:
    """Two cards of 575 W, 350 W and 100 W are 1,600 W, which fill the guide's 1,600 W supply to the brim."""
    guide, ours = plan(index, build="Tier 2"), plan(index, accelerator="2x RTX 5090")
    assert ours.sustained_w == 1600
    assert ours.recommended_psu_w == 2000
    assert "1,600 W" in guide.warnings[0]
    assert [line.component for line in guide.lines if line.price_usd not in [o.price_usd for o in ours.lines]] == [
        "PSU"
    ]
    supply = next(line for line in ours.lines if line.component == "PSU")
    assert supply.count == 2
    assert ours.total_usd[0] == PUBLISHED["Tier 2"][0][0] - 695 + supply.price_usd[0]
    assert any("start together" in warning for warning in ours.warnings)


def test_another_card_gets_its_own_price_and_a_supply_that_suffices(index: Index) -> None:
    answer = plan(index, accelerator="RTX 3090")
    components = {line.component: line for line in answer.lines}
    assert components["GPU"].from_build is None
    assert components["CPU"].from_build == "tier-1-practitioner"
    assert answer.sustained_w == 350 + 240 + 100
    assert answer.recommended_psu_w == 1000
    assert answer.total_usd[0] == sum(line.price_usd[0] for line in answer.lines)
    assert {citation.source for citation in answer.citations} >= {"local-ai-hardware-guide-2026"}


def test_a_given_price(index: Index) -> None:
    answer = plan(index, accelerator="H100 PCIe 80GB", accelerator_count=2, accelerator_price_usd=25000)
    assert next(line for line in answer.lines if line.component == "GPU").price_usd == (50000, 50000)
    with pytest.raises(InvalidArgument, match="accelerator_price_usd"):
        plan(index, accelerator="H100 PCIe 80GB")


def test_for_models_within_a_budget(index: Index) -> None:
    """The whole machine counts, not the cards alone."""
    answer = plan(index, models=["llama 3.1 70b"], budget_usd=6000)
    assert answer.within_budget is True
    assert answer.total_usd[0] <= 6000
    assert answer.decode_tokens_per_s is not None
    larger = plan(index, models=["llama 3.1 70b"], budget_usd=60000, min_tokens_per_s=25)
    assert larger.decode_tokens_per_s is not None
    assert larger.decode_tokens_per_s.typical >= 25
    tight = plan(index, models=["llama 3.1 8b"], budget_usd=400)
    assert tight.within_budget is False
    assert any("above the budget" in warning for warning in tight.warnings)


def test_every_build_with_parts_can_be_planned(index: Index) -> None:
    for slug, build in index.known.specs["builds"].items():
        assert isinstance(build, Build)
        if build.parts:
            answer = plan(index, build=slug)
            assert answer.total_usd[0] <= answer.total_usd[1]
        else:
            with pytest.raises(InvalidArgument, match="bill of parts"):
                plan(index, build=slug)


@pytest.mark.parametrize(
    "arguments",
    [
        {}, {"models": ["llama 3.1 8b"], "accelerator": "RTX 4090"}, {"accelerator": "16x RTX 5090"},
        {"accelerator": "M4 Max"}, {"accelerator": "H100 SXM"}, {"models": ["llama 3.1 405b"], "budget_usd": 100},
    ],
)  # fmt: skip
def test_what_cannot_be_built_says_what_could(index: Index, arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match="accepted"):
        plan(index, **arguments)


@pytest.mark.parametrize("change", [{"budget_usd": 0}, {"budget_usd": 1e30}, {"accelerator_count": 0}, {"users": -1}])
def test_bad_figures_are_refused_at_the_schema(index: Index, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidArguments):
        plan(index, accelerator="RTX 5090", **change)
