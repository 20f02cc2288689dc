"""A whole machine: how its lanes are shared, and what its parts cost."""

from collections import Counter
from typing import Any

from kb.chat.evidence import Desk, Section
from kb.chat.question import cards_of, platform_of
from kb.chat.sections.fitting import subjects
from kb.chat.wording import fmt, money


def lanes(desk: Desk) -> list[Section]:
    question = desk.question
    platform, cards = platform_of(question), cards_of(question)
    if platform is None or not cards:
        return []
    subjects(desk)
    result, mark = desk.call(
        "check_pcie_lanes", platform=platform.match.slug,
        devices=[f"{thing.count}x {thing.match.slug}" for thing in cards], nvme_drives=question.nvme_drives,
        model=question.models[0].match.slug if question.models else None,
    )  # fmt: skip
    verdicts = {
        "full": f"**Yes, {result.platform} has lanes enough**: every card runs at full width",
        "shared": f"**{result.platform} shares its lanes**: the cards run at {result.split}",
        "too_few": f"**{result.platform} has too few lanes** for all of that",
    }
    section = Section(f"{verdicts[result.verdict]}. {mark}", [f"{result.formula} {mark}"])
    counts = Counter(link.device for link in result.links)
    for device, width in dict.fromkeys((link.device, link.lanes) for link in result.links):
        link = next(link for link in result.links if (link.device, link.lanes) == (device, width))
        alike = all(other.lanes == width for other in result.links if other.device == device)
        each = f"{counts[device]}× {device}" if alike and counts[device] > 1 else device
        rate = f"{fmt(link.bandwidth_gb_per_s)} GB/s each way"
        section.lines.append(f"{each}: x{width} of PCIe {link.pcie_generation:.1f}, {rate} {mark}")
    section.lines += [f"{text} {mark}" for text in (*result.inference, *result.warnings)]
    section.notes = [*result.assumptions]
    return [section]


def build(desk: Desk) -> list[Section]:
    question = desk.question
    cards = cards_of(question)
    dollars = question.currency in (None, "USD", "EUR", "GBP")
    arguments: dict[str, Any] = {
        "budget_usd": question.budget if dollars else None,
        "users": question.users,
        "context": question.context,
    }
    if cards:
        arguments |= {"accelerator": cards[0].match.slug, "accelerator_count": cards[0].count}
    if question.models:
        arguments["models"] = [question.models[0].match.slug]
    subjects(desk)
    result, mark = desk.call("plan_build", **arguments)
    section = Section(f"**{result.name}: {_span(result.total_usd)} in all.** {mark}")
    for line in result.lines:
        section.lines.append(f"{line.component}: {line.part}, {_span(line.price_usd)} ({line.price_as_of}) {mark}")
    section.lines.append(f"Sum: {result.formula} {mark}")
    if result.sustained_w and result.recommended_psu_w:
        supply = f"{fmt(result.sustained_w)} W sustained, a supply of {fmt(result.recommended_psu_w)} W"
        section.lines.append(f"Power: {supply} {mark}")
    section.lines += [f"{warning} {mark}" for warning in result.warnings]
    section.notes = [*result.assumptions]
    return [section]


def _span(price: tuple[float, float] | None) -> str:
    if price is None:
        return "no price in the sources"
    low, high = (money(amount, "USD") for amount in price)
    return low if low == high else f"{low} to {high}"
