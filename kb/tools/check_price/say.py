"""What a price is worth: the verdict first, then what others pay, and what costs less."""

from collections.abc import Iterator

from kb.text.statements import Basis, Kind, Quantity, Said, Slot, Statement, state
from kb.tools.asks import Asked
from kb.tools.check_price.tool import CheckPriceAnswer, KnownPrice
from kb.tools.shared.naming import the
from kb.tools.shared.saying import money

VERDICTS = {
    "low": "{price} is cheap for {device}: {others}. Look closely at why",
    "fair": "{price} is a fair price for {device}: {others}",
    "high": "{price} is too much for {device}: {others}",
    "below_list": "{price} is no more than the list price of {device}: {others}. What it is sold for now I do not know",
    "above_list": "{price} is more than the list price of {device}: {others}",
}
KINDS = {
    "used": "used ones were sold at {amount} in {date}",
    "street": "shops asked {amount} in {date}",
    "list": "the list price was {amount} in {date}",
}


def say(result: CheckPriceAnswer, asked: Asked) -> Iterator[Said]:
    device = the(result.device)
    if not result.known:
        yield state("answer", "I have no price for {device}.", device=device)
        if result.cheaper and result.cheaper_price:
            text = "For comparison: {other} has as much memory and costs {amount} ({date})."
            yield _told("reason", result.cheaper_price, text, other=the(result.cheaper))
        return
    first, *more = result.known
    record = Basis("spec", result.spec)
    if result.price is None or result.verdict is None:
        yield _told("answer", first, f"What {{device}} costs: {KINDS[first.kind]}.", record, device=device)
    else:
        price = Quantity(result.price, result.currency, 1)
        text = VERDICTS[result.verdict].replace("{others}", KINDS[first.kind])
        yield _told("answer", first, f"{text}.", device=device, price=price)
    for one in more:
        yield _told("reason", one, f"{opening_letter(KINDS[one.kind])}.", record)
    if result.cheaper and result.cheaper_price:
        text = "{other} has as much memory, is about as fast, and costs {amount} ({date})."
        yield _told("next", result.cheaper_price, text, other=opening_letter(the(result.cheaper)))
    if result.taken_as:
        text = "your {currency} as that many {known}, as I hold no exchange rates"
        yield state("assumption", text, currency=result.currency, known=result.taken_as)
    if result.price_per_gib:
        yield state("detail", "{price} a GB of memory.", price=Quantity(result.price_per_gib, result.currency, 1))


def _told(kind: Kind, known: KnownPrice, text: str, *basis: Basis, **values: Slot) -> Statement:
    """Without a basis it stands on the call."""
    told: dict[str, Slot] = {"amount": money(known.amount, known.currency), "date": known.as_of, **values}
    return Statement(kind, text, told, basis)


def opening_letter(text: str) -> str:
    return text[:1].upper() + text[1:]
