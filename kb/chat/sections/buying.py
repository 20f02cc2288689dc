"""What to buy: what fits and what it costs, and the rules of the documents."""

import re

from kb.chat.evidence import Desk, Section
from kb.chat.sections.fitting import DEFAULT_QUANTIZATION
from kb.chat.wording import fmt, money
from kb.records import Build

LARGEST_WITHIN = (
    ("llama-3-1-70b", 48.0), ("qwen2-5-32b", 24.0), ("qwen2-5-14b", 12.0), ("llama-3-1-8b", 8.0), ("llama-3-2-3b", 4.0),
)  # fmt: skip
"""The model whose Q4_K_M a memory size is usually bought for, in GiB."""


def recommend(desk: Desk) -> list[Section]:
    question = desk.question
    models = [thing.match.slug for thing in question.models][:2]
    if not models and question.vram_gib is not None:
        models = [next((slug for slug, gib in LARGEST_WITHIN if gib <= question.vram_gib), LARGEST_WITHIN[-1][0])]
    result, mark = desk.call(
        "recommend_hardware", models=models or None, budget_usd=_budget_usd(desk), users=question.users,
        context=question.context,
        quantization=question.quantizations[0].match.slug if question.quantizations else DEFAULT_QUANTIZATION,
        min_tokens_per_s=question.tokens_per_s, vendor=_vendor(question.text), limit=5,
        min_memory_gib=question.vram_gib,
    )  # fmt: skip
    for thing in question.models:
        desk.about("models", thing.match.slug)
    if result.choices:
        first = result.choices[0]
        verdict = (
            f"**{first.hardware}**: holds {result.models[0]} at {result.quantization}, about "
            f"{fmt(first.decode_tokens_per_s.typical)} tokens/s, {_cost(first.price_usd)} "
            f"({first.price_kind}, {first.price_as_of}). {mark}"
        )
    else:
        verdict = f"**Nothing in the catalogue holds {result.models[0]} whole within these limits.** {mark}"
    section = Section(verdict)
    for choice in result.choices[1:]:
        section.lines.append(
            f"{choice.hardware}: about {fmt(choice.decode_tokens_per_s.typical)} tokens/s, {_cost(choice.price_usd)} "
            f"({choice.price_kind}, {choice.price_as_of}) {mark}"
        )
    section.lines.append(f"{result.formula} {mark}")
    section.notes = [*result.assumptions]
    if question.budget is not None and question.currency not in (None, "USD"):
        amount = money(question.budget, question.currency)
        taken = "was taken as that many dollars" if _budget_usd(desk) else "could not be held against them"
        section.notes.insert(0, f"the sources' prices are in US dollars; your {amount} {taken}")
    if not question.models:
        section.notes.insert(0, "no model was named: the largest common size that the budget may hold was taken")
    return [section, *_rules(desk)]


def _vendor(text: str) -> str | None:
    makers = {
        "NVIDIA": r"nvidia|geforce|\brtx\b",
        "AMD": r"\bamd\b|radeon",
        "Apple": r"\bmacs?\b|apple|macbook",
        "Intel": r"\bintel\b",
    }
    meant = [maker for maker, pattern in makers.items() if re.search(pattern, text, re.I)]
    return meant[0] if len(meant) == 1 else None


def _budget_usd(desk: Desk) -> float | None:
    """Prices of the sources are in dollars; euros and pounds are near enough to stand for them, kronor are not."""
    question = desk.question
    return question.budget if question.currency in (None, "USD", "EUR", "GBP") else None


def _cost(price: tuple[float, float]) -> str:
    low, high = price
    return money(low, "USD") if low == high else f"{money(low, 'USD')} to {money(high, 'USD')}"


def _rules(desk: Desk) -> list[Section]:
    """The long guide's decision framework, in our words."""
    builds = [
        record
        for record in desk.index.known.specs["builds"].values()
        if isinstance(record, Build) and record.choose_if and record.headline_price_usd
    ]
    budget = _budget_usd(desk)
    if budget is not None:
        builds = [record for record in builds if _lowest(record) <= budget]
    if not builds:
        return []
    build = max(builds, key=_lowest) if budget is not None else min(builds, key=_lowest)
    assert build.choose_if is not None
    text = "; ".join(build.choose_if.value)
    return [Section(f"As a whole machine, the documents' {build.name} is for you if: {text} {desk.spec(build, text)}")]


def _lowest(build: Build) -> float:
    assert build.headline_price_usd is not None
    value = build.headline_price_usd.value
    return min(value) if isinstance(value, tuple) else value
