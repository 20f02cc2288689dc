"""What to buy: one recommendation with its speed and price, and up to three others beside it."""

from collections.abc import Iterator

from kb.text.statements import Quantity, Said, Slot, Statement, Table, state
from kb.text.wording import joined
from kb.tools.asks import Asked
from kb.tools.recommend_hardware.tool import RecommendAnswer
from kb.tools.shared.hardware import HardwareChoice
from kb.tools.shared.naming import gb, opening, the
from kb.tools.shared.saying import money, notes, rate

MOST_ROWS = 4


def say(result: RecommendAnswer, asked: Asked) -> Iterator[Said]:
    shown = result.choices[:MOST_ROWS]
    if not result.budget_applied:
        text = "How much is {budget} in US dollars or euros? The prices that I know are in dollars."
        yield Statement("ask", text, _budget(result))
        if not result.model_named:
            return
    if shown:
        yield _recommended(result, shown[0])
        yield from _price_note(shown[0], asked)
        yield from _for_less(result)
    else:
        yield _nothing(result)
        yield from _price_note(result.nearest, asked)
    if len(shown) > 1 and shown[0].owned < shown[0].count:
        yield _table(shown)
    if shown and not result.model_named and result.budget is None and "min_memory_gib" not in asked.stated:
        yield state(
            "next", "Tell me your budget and which models or use you have in mind, and I can choose more closely."
        )
    if result.budget_taken_as and result.budget is not None:
        budget = f"{result.budget:,.0f} {result.budget_currency}"
        text = "your {budget} as that many US dollars, the only currency that the prices are held in"
        yield state("assumption", text, budget=budget)
    yield state("detail", "{formula}.", formula=result.formula)
    for rule in [rule for rule in result.rules if rule.applies][-1:]:
        text = "As a whole machine, {build} is for you if: {conditions}."
        yield state("detail", text, build=rule.build, conditions="; ".join(rule.choose_if).rstrip("."))
    yield from notes("detail", result.assumptions, shown[0].why if shown else ())


def _recommended(result: RecommendAnswer, choice: HardwareChoice) -> Statement:
    values: dict[str, Slot] = {
        "models": joined(result.models), "quantization": result.quantization, "hardware": the(choice.hardware),
        "speed": rate(choice.decode_tokens_per_s), "price": money(choice.price, choice.currency), **_budget(result),
    }  # fmt: skip
    if choice.owned == choice.count:
        values["opening"] = opening(the(choice.hardware))
        text = "Nothing has to be bought: {hardware} that you have holds {models}, at about {speed}."
    elif choice.owned:
        values["bought"] = Quantity(choice.count - choice.owned)
        more = (
            "one more of the card that you have" if choice.count - choice.owned == 1 else "{bought} more of your cards"
        )
        text = f"I would add {more}, for {{price}}: {{hardware}} run {{models}} at about {{speed}}."
    elif not result.model_named:
        lead = "For {budget} I would take" if result.budget is not None else "I would take"
        text = f"{lead} {{hardware}} at {{price}}: it runs models up to {{models}}, at about {{speed}}."
    else:
        text = "For {models} I would take {hardware}: about {speed} at {quantization}, for {price}."
    return Statement("answer", text, values)


def _for_less(result: RecommendAnswer) -> Iterator[Said]:
    choice = result.for_less
    if choice is not None:
        text = "For less, {hardware} at {price} runs models up to {model}, at about {speed}."
        yield state(
            "reason", text, hardware=the(choice.hardware), price=money(choice.price, choice.currency),
            model=result.for_less_model or "", speed=rate(choice.decode_tokens_per_s),
        )  # fmt: skip


def _budget(result: RecommendAnswer) -> dict[str, Slot]:
    return {"budget": Quantity(result.budget, result.budget_currency) if result.budget is not None else ""}


def _nothing(result: RecommendAnswer) -> Statement:
    values: dict[str, Slot] = {"models": joined(result.models), **_budget(result)}
    if result.nearest is None:
        return Statement("answer", "I know of nothing on sale that holds {models} whole within these limits.", values)
    nearest = result.nearest
    values |= {
        "hardware": the(nearest.hardware), "price": money(nearest.price, nearest.currency),
        "speed": rate(nearest.decode_tokens_per_s),
    }  # fmt: skip
    text = "holds {models} whole; the nearest is {hardware}, at {price}, with about {speed}."
    lead = "Nothing for {budget}" if result.budget is not None else "Nothing within these limits"
    return Statement("answer", f"{lead} {text}", values)


def _price_note(choice: HardwareChoice | None, asked: Asked) -> Iterator[Said]:
    if choice is None or choice.price[1] == 0:
        return
    kind = {"used": "used price", "street": "shop price"}.get(choice.price_kind, "list price")
    extra = "" if choice.is_machine or asked.arguments.get("owned") else ", and a computer around it costs extra"
    text = f"That is a {{kind}} of {{date}}{extra}."
    yield state("reason", text, kind=kind, date=choice.price_as_of)


def _table(choices: tuple[HardwareChoice, ...]) -> Table:
    rows = tuple(
        (
            one.hardware,
            gb(one.memory_gib) if one.memory_gib else "not known",
            rate(one.decode_tokens_per_s),
            money(one.price, one.currency),
            Quantity(one.power_w, "W") if one.power_w else "not known",
        )
        for one in choices
    )
    return Table("answer", ("choice", "memory", "speed", "price", "power"), rows)
