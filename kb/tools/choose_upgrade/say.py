"""What an upgrade brings: the gain in one sentence, what newly runs, the price and the supply, the others beside it."""

import re
from collections.abc import Iterator

from kb.text.statements import Quantity, Said, Slot, Statement, Table, state
from kb.text.wording import joined
from kb.tools.asks import Asked
from kb.tools.choose_upgrade.tool import Upgrade, UpgradeAnswer, best_of
from kb.tools.shared.naming import gb, opening, the
from kb.tools.shared.saying import money, notes, rate

_IN_ITS_PLACE = re.compile(
    r"\binstead of\b|\breplac\w+|\bswap\w*|\btrade\b|\bsell\b|\bfrom (?:a|my)\b.{1,30}\bto (?:a|an)\b", re.I
)
"""Both cards in one machine are not thought of then."""
_OF_MEMORY = re.compile(
    r"\b(?:add|upgrade|extend|expand|replace|more)\b[^.?!]{0,24}\b(?:ram|memory)\b"
    r"|\b(?:ram|memory)\b[^.?!]{0,24}\b(?:upgrad\w{1,6}|added|extended|expanded|later)\b",
    re.I,
)
"""Whether memory can be put in is asked, and not only told how much there is."""
SLOWED = 0.95
"""Times as fast below which a model is slower for it."""


def say(result: UpgradeAnswer, asked: Asked) -> Iterator[Said]:
    options = tuple(option for option in result.options if option.kind != "beside")
    if options and _IN_ITS_PLACE.search(asked.text):
        result = result.model_copy(update={"options": options, "best": best_of(options)})
    if result.memory_is_fixed and _OF_MEMORY.search(asked.text):
        text = "No memory can be added to {device}: it is a part of the chip."
        yield state("answer", text, device=the(result.device))
    if result.best is None:
        yield from _keep(result)
    else:
        best = result.options[result.best]
        yield _gain(result, best)
        if best.kind == "more_channels":
            yield _twice(result, best)
        if best.memory_gained_gib < 0:
            have, get = gb(result.memory_gib), gb(best.memory_gib)
            yield state("reason", "But you would have {get} of memory instead of {have}.", get=get, have=have)
        if best.newly_runs and not _reference_is_new(result, best):
            yield _newly_runs(best)
        yield from _price_and_supply(best)
    if result.too_slow_everywhere:
        text = "{model} stays slower than you read with any of these, so it is not what I measured by."
        yield state("reason", text, model=result.too_slow_everywhere)
    if len(result.options) > 1:
        yield _table(result)
    if result.ram_could_help and result.options:
        yield state("next", "Tell me how much RAM you have: large models can run partly from there.")
    yield state("detail", "{formula}.", formula=result.formula)
    yield from notes("detail", result.assumptions)


def _with(option: Upgrade) -> str:
    bought = option.bought
    return {
        "second_card": f"{bought} more" if bought[:1].isdigit() else f"a second {bought}",
        "other_device": the(bought),
        "beside": f"{the(bought)} beside your card",
        "more_ram": bought,
        "more_channels": bought,
    }[option.kind]


def _reference_is_new(result: UpgradeAnswer, option: Upgrade) -> bool:
    return result.model_held == "no" and option.model_held != "no"


def _gain(result: UpgradeAnswer, option: Upgrade) -> Statement:
    values: dict[str, Slot] = {
        "bought": _with(option), "model": result.model or "", "before": rate(result.decode_tokens_per_s),
        "after": rate(option.decode_tokens_per_s), "device": the(result.device),
        "times": Quantity(option.times_as_fast or 0.0),
    }  # fmt: skip
    if _reference_is_new(result, option):
        text = "With {bought}, {model} runs at about {after}; {device} alone does not hold it."
        if option.decode_tokens_per_s is None:
            text = "With {bought}, {model} fits; {device} alone does not hold it."
    elif result.model is None:
        text = "With {bought} you could run current models at all, and {device} alone runs none at a usable speed."
    elif option.times_as_fast and option.times_as_fast >= 1.05:
        text = "With {bought}, {model} goes from about {before} to {after}, {times} times as fast."
    elif option.times_as_fast and option.times_as_fast < SLOWED:
        text = "{opening} brings larger models, and slows those that fit without it: {model} goes from about {before} "
        text += "to {after}."
        values["opening"] = opening(_with(option))
    elif option.times_as_fast:
        text = "{opening} brings larger models, not speed: {model} stays at about {after}."
        values["opening"] = opening(_with(option))
    else:
        text = "{opening} brings larger models."
        values["opening"] = opening(_with(option))
    return Statement("answer", text, values)


def _twice(result: UpgradeAnswer, option: Upgrade) -> Statement:
    before, after = (Quantity(rate, "GB/s") for rate in _rates(result, option))
    text = "Each token reads the whole model from RAM, and that gives {after} instead of {before} then."
    return state("reason", text, after=after, before=before)


def _rates(result: UpgradeAnswer, option: Upgrade) -> tuple[float, float]:
    return result.memory_bandwidth_gb_per_s or 0.0, option.memory_bandwidth_gb_per_s or 0.0


def _newly_runs(option: Upgrade) -> Statement:
    more = option.newly_runs_count - len(option.newly_runs)
    names = joined(option.newly_runs) if not more else f"{', '.join(option.newly_runs)} and others"
    text = "Too large or too slow now, and usable then: {names}."
    if option.start_with in option.newly_runs:
        text += " I would start with {first}, at about {speed}."
    values: dict[str, Slot] = {
        "names": names, "first": option.start_with or "", "speed": rate(option.start_with_tokens_per_s),
    }  # fmt: skip
    return Statement("reason", text, values)


def _price_and_supply(option: Upgrade) -> Iterator[Said]:
    if option.price is not None:
        price, date = money(option.price, option.currency), option.price_as_of
        yield state("reason", "It costs about {price} ({date}).", price=price, date=date)
    if option.psu_w is not None and option.kind not in ("more_ram", "more_channels"):
        supply = Quantity(option.psu_w, "W")
        yield state("reason", "Plan a power supply of {supply} for it.", supply=supply)


def _keep(result: UpgradeAnswer) -> Iterator[Said]:
    device = the(result.device)
    if not result.options:
        text = "I know of nothing to change {device} to that brings more memory at the same speed."
        if result.takes_no_card:
            text = "No graphics card can be put into {device}, and its speed is that of its memory."
        yield state("answer", text, device=device)
        text = (
            "A model with fewer active parameters (a mixture of experts such as 30B A3B), or a smaller file, is faster "
        )
        yield state("next", text + "on what you have.")
        return
    option = result.options[0]
    values: dict[str, Slot] = {
        "device": device, "bought": _with(option), "model": result.model or "",
        "before": rate(result.decode_tokens_per_s),
        "after": rate(option.decode_tokens_per_s), "have": gb(result.memory_gib),
        "get": gb(option.memory_gib),
    }  # fmt: skip
    if option.kind == "beside" and option.times_as_fast and option.times_as_fast < SLOWED:
        values["other"] = the(option.bought)
        text = "Use both only for what needs {get}: on {device} alone {model} writes about {before}, with {other} "
        text += "beside it about {after}."
        yield Statement("answer", text, {name: value for name, value in values.items() if f"{{{name}}}" in text})
        return
    text = "I would keep {device}: {bought} brings too little to notice"
    if result.model_held == "no" and option.model_held == "no" and result.model:
        text = "I would not buy {bought} for that: {model} does not fit with it either"
    elif option.times_as_fast:
        text += ", as {model} goes from about {before} to {after}"
    yield Statement("answer", f"{text}.", values)
    if option.memory_gib - option.memory_gained_gib == result.memory_gib:  # and no card beside the RAM of a processor
        yield Statement("reason", "You have {have} of memory now, and would have {get}.", values)


def _table(result: UpgradeAnswer) -> Table:
    columns: dict[str, list[Slot]] = {
        "change": [opening(_with(one)) for one in result.options],
        "memory": [gb(one.memory_gib) for one in result.options],
    }
    if result.model:
        columns[result.model] = [
            rate(one.decode_tokens_per_s) if one.model_held != "no" else "does not fit" for one in result.options
        ]
    if any(one.price for one in result.options):
        columns["price"] = [money(one.price, one.currency) if one.price else "not known" for one in result.options]
    return Table("answer", tuple(columns), tuple(zip(*columns.values(), strict=True)))
