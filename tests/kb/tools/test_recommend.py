"""``recommend_hardware``: its limits hold, reasons and rules stand on figures, two currencies never mix."""

from typing import Any

import pytest

from kb.errors import InvalidArgument
from kb.search.live import Index
from kb.tools import TOOLS, InvalidArguments
from kb.tools.recommend_hardware.tool import RecommendAnswer


def recommend(index: Index, **arguments: Any) -> RecommendAnswer:
    answer = TOOLS["recommend_hardware"].call(index, arguments)
    assert isinstance(answer, RecommendAnswer)
    return answer


def test_every_choice_is_within_the_limits_and_says_why(index: Index) -> None:
    answer = recommend(index, models=["llama 3.1 8b"], budget_usd=1000, max_power_w=300, min_tokens_per_s=40, limit=50)
    assert answer.choices
    for choice in answer.choices:
        assert choice.price_usd == choice.price
        assert choice.price[0] <= 1000
        assert choice.power_w is not None
        assert choice.power_w <= 300
        assert choice.decode_tokens_per_s.typical >= 40
        assert "holds Llama 3.1 8B" in choice.why[0]
        assert f"{choice.power_w:,.0f} W" in choice.why[-1]
        assert f"leaves {1000 - choice.price[0]:,.0f} USD" in choice.why[-2]
    values = [choice.tokens_per_s_per_1000 for choice in answer.choices]
    assert values == sorted(values, reverse=True)
    assert "300 W" in answer.formula


def test_power_counts_all_cards(index: Index) -> None:
    """Two RTX 3090 draw 700 W."""
    assert "2× GeForce RTX 3090" in {
        c.hardware for c in recommend(index, models=["70b"], max_power_w=700, limit=50).choices
    }
    slugs = {choice.slug for choice in recommend(index, models=["70b"], max_power_w=699, limit=50).choices}
    assert slugs
    assert "rtx-3090" not in slugs


def test_quiet_leaves_out_blowers_and_server_cards(index: Index) -> None:
    usual = recommend(index, models=["llama 3.1 8b"], limit=50, min_memory_gib=40)
    quiet = recommend(index, models=["llama 3.1 8b"], limit=50, min_memory_gib=40, quiet=True)
    assert {c.slug for c in usual.choices} - {c.slug for c in quiet.choices} >= {"l40s", "rtx-6000-ada"}
    assert any("no noise levels" in line for line in quiet.assumptions)


def test_a_machine_costs_what_its_memory_costs(index: Index) -> None:
    """The price "from" is that of the smallest memory: a Mac Studio M4 Max at $1,999 has 36 GB."""
    choices = recommend(index, models=["llama 3.1 8b"], vendor="Apple", limit=50).choices
    named = {choice.hardware: choice.price for choice in choices}
    assert named["Apple Mac Studio (M4 Max, 2025) with 36 GB"] == (1999, 1999)
    assert named["Apple Mac Studio (M3 Ultra, 2025) with 96 GB"] == (3999, 3999)
    assert named["Apple Mac Studio (M3 Ultra, 2025) with 512 GB"] == (9499, 9499)
    large = recommend(index, models=["gpt-oss-120b"], vendor="Apple", limit=50).choices
    assert "Apple Mac Studio (M4 Max, 2025) with 36 GB" not in {choice.hardware for choice in large}


def test_a_currency_in_which_prices_are_held_comes_first(index: Index) -> None:
    answer = recommend(index, models=["gpt-oss-120b"], budget=45000, currency="SEK")
    first, *others = answer.choices
    assert (first.slug, first.currency, first.price, first.price_usd) == ("dgx-spark", "SEK", (30000, 40000), None)
    assert {choice.currency for choice in others} == {"USD"}
    assert any("not applied" in line and "45,000 SEK" in line for line in answer.assumptions)
    too_little = recommend(index, models=["gpt-oss-120b"], budget=20000, currency="SEK", limit=50)
    assert {choice.currency for choice in too_little.choices} == {"USD"}


def test_a_currency_without_prices_is_answered_in_dollars(index: Index) -> None:
    answer = recommend(index, models=["llama 3.1 8b"], budget=500, currency="EUR")
    assert {choice.currency for choice in answer.choices} == {"USD"}
    assert "at any price" in answer.formula
    assert "1,000 USD" in answer.formula
    assert any("prices of all choices are held in USD only" in line for line in answer.assumptions)
    assert [rule.applies for rule in answer.rules] == [None] * len(answer.rules)


def test_rules_of_the_decision_framework(index: Index) -> None:
    answer = recommend(index, models=["llama 3.1 70b"], budget_usd=13000, users=5)
    applies = {rule.slug: rule.applies for rule in answer.rules}
    assert applies["tier-1-practitioner"] is False  # one user
    assert applies["tier-2-power-user"] is True  # $12,000 and two to six people
    assert applies["tier-3-research-station"] is False  # $25,000
    for rule in answer.rules:
        assert rule.choose_if
        assert rule.why
    cited = [citation for citation in answer.citations if citation.section == "Decision Framework"]
    assert {citation.source for citation in cited} == {"local-ai-hardware-guide-2026"}


def test_without_models_the_largest_that_the_budget_holds(index: Index) -> None:
    assert recommend(index, budget_usd=300).models != recommend(index, budget_usd=20000).models


def test_two_budgets_are_one_too_many(index: Index) -> None:
    with pytest.raises(InvalidArgument, match="budget"):
        recommend(index, budget=500, budget_usd=500)


@pytest.mark.parametrize(
    "change",
    [
        {"max_power_w": 0}, {"max_power_w": -1}, {"max_power_w": float("nan")}, {"max_power_w": 1e30},
        {"budget": 0}, {"budget": float("inf")}, {"currency": "kronor"}, {"currency": "sek"}, {"users": 0},
    ],
)  # fmt: skip
def test_bad_figures_are_refused_at_the_schema(index: Index, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidArguments):
        recommend(index, **change)
