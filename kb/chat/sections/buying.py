"""What to buy: what fits and what it costs, and the rules of the documents."""

import re
from collections.abc import Sequence

from kb.chat.evidence import Desk, Section
from kb.chat.question import DEFAULT_QUANTIZATION
from kb.chat.sections.fitting import default_quantization
from kb.chat.wording import fmt, money
from kb.tools.recommend_hardware.rules import BuildRule
from kb.tools.shared.hardware import HardwareChoice

LEAST_PER_USER = 5.0
"""Tokens per second below which a shared answer is slower than reading."""
_QUIET = re.compile(r"\bquiet|\bsilent|\bnoise|\bnoisy|\bloud", re.I)
LARGEST_WITHIN = (
    ("llama-3-1-70b", 48.0), ("qwen2-5-32b", 24.0), ("qwen2-5-14b", 12.0), ("llama-3-1-8b", 8.0), ("llama-3-2-3b", 4.0),
)  # fmt: skip
"""The model whose Q4_K_M a memory size is usually bought for, in GiB."""


def recommend(desk: Desk) -> list[Section]:
    question = desk.question
    models = [thing.match.slug for thing in question.models][:2]
    if not models and question.vram_gib is not None:
        models = [next((slug for slug, gib in LARGEST_WITHIN if gib <= question.vram_gib), LARGEST_WITHIN[-1][0])]
    shared = LEAST_PER_USER if (question.users or 1) > 1 else None
    result, mark = desk.call(
        "recommend_hardware", models=models or None, budget_usd=_budget_usd(desk), users=question.users,
        context=question.context,
        quantization=_quantization(desk, models),
        min_tokens_per_s=question.tokens_per_s or shared, vendor=_vendor(question.text), limit=5,
        min_memory_gib=question.vram_gib, max_power_w=question.watts, quiet=bool(_QUIET.search(question.text)) or None,
    )  # fmt: skip
    for thing in question.models:
        desk.about("models", thing.match.slug)
    if result.choices:
        first = result.choices[0]
        verdict = (
            f"**{first.hardware}**: holds {result.models[0]} at {result.quantization}, about "
            f"{fmt(first.decode_tokens_per_s.typical)} tokens/s, {_cost(first)} "
            f"({first.price_kind}, {first.price_as_of}). {mark}"
        )
    else:
        verdict = f"**Nothing in the catalogue holds {result.models[0]} whole within these limits.** {mark}"
    section = Section(verdict)
    for choice in result.choices[1:]:
        section.lines.append(
            f"{choice.hardware}: about {fmt(choice.decode_tokens_per_s.typical)} tokens/s, {_cost(choice)} "
            f"({choice.price_kind}, {choice.price_as_of}) {mark}"
        )
    section.lines.append(f"{result.formula} {mark}")
    section.notes = [*result.assumptions]
    if shared and not question.tokens_per_s:
        section.notes.insert(0, f"at least {fmt(shared)} tokens/s for each user")
    if question.budget is not None and question.currency not in (None, "USD"):
        amount = money(question.budget, question.currency)
        taken = "was taken as that many dollars" if _budget_usd(desk) else "could not be held against them"
        section.notes.insert(0, f"the sources' prices are in US dollars; your {amount} {taken}")
    if not question.models:
        section.notes.insert(0, "no model was named: the largest common size that the budget may hold was taken")
    return [section, *_rules(desk, result.rules)]


def _quantization(desk: Desk, models: Sequence[str]) -> str:
    if desk.question.quantizations:
        return desk.question.quantizations[0].match.slug
    return default_quantization(desk, models[0]) if models else DEFAULT_QUANTIZATION


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


def _cost(choice: HardwareChoice) -> str:
    low, high = (money(amount, choice.currency) for amount in choice.price)
    return low if low == high else f"{low} to {high}"


def _rules(desk: Desk, rules: Sequence[BuildRule]) -> list[Section]:
    """The long guide's decision framework, in our words: the dearest build that the budget allows."""
    applying = [rule for rule in rules if rule.applies]
    if not applying:
        return []
    rule = applying[-1]
    text = "; ".join(rule.choose_if)
    record = desk.index.known.specs["builds"][rule.slug]
    return [
        Section(f"As a whole machine, the long guide's {rule.build} is for you if: {text} {desk.spec(record, text)}")
    ]
