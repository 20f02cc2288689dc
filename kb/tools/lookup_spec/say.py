"""What a record says: the figures that were asked for, else what it is and what it is known by."""

from collections.abc import Iterator, Sequence
from typing import Any

from kb.catalogue.figure_names import figure_names
from kb.catalogue.records import Price
from kb.text.markdown import number
from kb.text.statements import Basis, Quantity, Said, Slot, Table, state
from kb.text.wording import first_sentences, plain
from kb.tools.asks import Asked
from kb.tools.shared.views import FigureView, SpecView

MOST_MAIN = 4
MOST_PRICES = 3
SUMMARY_WORDS = 45


def say(result: SpecView, asked: Asked) -> Iterator[Said]:
    record = Basis("spec", f"{result.kind}/{result.slug}")
    about = (f"{result.kind}/{result.slug}",)
    keys = tuple(asked.arguments.get("figures") or ())
    priced = "price" in keys
    shown = [(key, figure) for key, figure in result.figures.items() if keys]
    if priced:
        yield from _prices(result, record)
    for place, (key, figure) in enumerate(shown):
        kind = "answer" if place == 0 and not priced else "reason"
        yield from _figure(kind, result, key, figure)
    if keys and not shown and not priced:
        names = figure_names()
        what = ", ".join(dict.fromkeys(names.label(key) for key in keys[:2]))
        text = "The sources do not say the {what} of the {name}."
        yield state("answer", text, record, about=about, what=what, name=result.name)
    if not keys:
        yield state("answer", "{text}", record, about=about, text=_summary(result))
        for key in figure_names().main(result.figures, MOST_MAIN):
            yield from _figure("detail", result, key, result.figures[key])
        yield from (price.as_kind("detail") for price in _prices(result, record) if not isinstance(price, Table))


def _summary(result: SpecView) -> str:
    text = first_sentences(plain(result.summary), SUMMARY_WORDS)
    return text if text.casefold().startswith(result.name.casefold()) else f"{result.name}: {text}"


def side_by_side(results: Sequence[SpecView], asked: Asked) -> Iterator[Said]:
    """A row for each record, a column for each figure that was asked for; each in a sentence where none was."""
    keys = (
        list(dict.fromkeys(key for result in results for key in result.figures))
        if asked.arguments.get("figures")
        else []
    )
    if not keys:
        for result in results:
            basis = Basis("spec", f"{result.kind}/{result.slug}")
            yield state("answer", "{text}", basis, text=_summary(result))
        return
    names = figure_names()
    bases = tuple(Basis("spec", f"{result.kind}/{result.slug}") for result in results)
    yield state("answer", "Side by side, as the sources have it:", *bases)
    rows = tuple(
        (
            result.name,
            *(_value(result.figures[key]) if key in result.figures else "not in the sources" for key in keys[:4]),
        )
        for result in results
    )
    yield Table("answer", ("", *(names.label(key) for key in keys[:4])), rows, bases)


def _figure(kind: Any, result: SpecView, key: str, figure: FigureView) -> Iterator[Said]:
    basis = Basis("spec", f"{result.kind}/{result.slug}#{key}")
    label = figure_names().label(key)
    about = (f"{result.kind}/{result.slug}",)
    if isinstance(figure.value, bool):
        text = "Yes, the {name} has {label}." if figure.value else "No, the {name} has no {label}."
        yield state(kind, text, basis, about=about, name=result.name, label=label)
        return
    date = f" (as of {figure.as_of})" if figure.as_of else ""
    note = f" ({figure.note})" if figure.note and len(figure.note) < 120 else ""
    text = "{name}: {label} {value}{note}{date}."
    value = _value(figure)
    yield state(kind, text, basis, about=about, name=result.name, label=label, value=value, note=note, date=date)
    for slug in figure.disputed[:1]:
        dispute = next(one for one in result.disputes if one.slug == slug)
        ruling = first_sentences(dispute.ruling, SUMMARY_WORDS)
        yield state("dispute", "{title}: {ruling}", Basis("dispute", slug), title=dispute.title, ruling=ruling)


def _value(figure: FigureView) -> Slot:
    value = figure.value
    unit = "GB" if figure.unit == "GiB" else figure.unit
    if isinstance(value, (int, float)):
        if value >= 1e9 and not unit:
            return Quantity(round(value / 1e9, 2), "billion")
        return Quantity(value, unit, 1 if float(value).is_integer() else None)
    if isinstance(value, (list, tuple)):
        parts = [
            number(one, 1 if float(one).is_integer() else None) if isinstance(one, (int, float)) else str(one)
            for one in value
        ]
        is_range = len(parts) == 2 and not isinstance(value[0], str) and not figure.label.endswith("options")
        return f"{(' to ' if is_range else ', ').join(parts)} {unit}".strip()
    return f"{value} {unit}".strip()


def _prices(result: SpecView, record: Basis) -> Iterator[Any]:
    if not result.prices:
        yield state("answer", "The sources have no price of the {name}.", record, name=result.name)
    for place, price in enumerate(result.prices[:MOST_PRICES]):
        amount = Quantity((price.low, price.high), price.currency)
        text = (
            "The {name} costs {amount}{per} {kind}, as of {date}{note}."
            if place == 0
            else "{amount}{per} {kind}, as of {date}{note}."
        )
        yield state(
            "answer" if place == 0 else "reason", text, record, name=result.name, amount=amount, per=_per(price),
            kind=KINDS.get(price.kind, price.kind), date=price.as_of, note=f" ({price.note})" if price.note else "",
        )  # fmt: skip


KINDS = {"list": "at list price", "street": "in shops", "used": "used", "rent": "to rent", "launch": "at launch"}


def _per(price: Price) -> str:
    return "" if price.per in ("unit", "system", "kit") else f" per {price.per}"
