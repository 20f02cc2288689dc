"""What a record says: the figures that were asked for, else what it is and what it is known by."""

from collections.abc import Iterator, Sequence
from typing import Any

from kb.catalogue.figure_names import figure_names
from kb.text.markdown import number
from kb.text.statements import Basis, Kind, Quantity, Said, Slot, Statement, Table, state
from kb.text.wording import first_sentences, plain
from kb.tools.asks import Asked
from kb.tools.lookup_spec.tool import SpecAnswer
from kb.tools.shared.views import FigureView, SpecView

MOST_MAIN = 4
MOST_PRICES = 3
SUMMARY_WORDS = 45
LONGEST_NOTE = 120


def say(result: SpecAnswer, asked: Asked) -> Iterator[Said]:
    record = Basis("spec", f"{result.kind}/{result.slug}")
    about = (f"{result.kind}/{result.slug}",)
    keys = tuple(asked.arguments.get("figures") or ())
    priced = "price" in keys
    shown = [(key, figure) for key, figure in result.figures.items() if keys]
    if priced:
        yield from _prices(result, record)
    for key, total in ((key, total) for key, total in result.totals.items() if keys and key in result.figures):
        each, label = _value(result.figures[key]), figure_names().label(key)
        text = "{count}× {name} have {total} of {label} in all, {each} each."
        yield state(
            "answer",
            text,
            count=str(result.count),
            name=result.name,
            label=label,
            total=Quantity(total, _unit(result.figures[key])),
            each=each,
        )
        shown = [one for one in shown if one[0] != key]
    for place, (key, figure) in enumerate(shown):
        kind: Kind = "answer" if place == 0 and not priced else "reason"
        yield from _figure(kind, result, key, figure)
    if keys and not shown and not priced:
        names = figure_names()
        what = ", ".join(dict.fromkeys(names.label(key) for key in keys[:2]))
        text = "The sources do not say the {what} of {the}{name}."
        yield state("answer", text, record, about=about, what=what, the=_the(result), name=result.name)
    if not keys:
        yield state("answer", "{text}", record, about=about, text=_summary(result))
        for key in figure_names().main(result.figures, MOST_MAIN):
            yield from _figure("detail", result, key, result.figures[key])
        yield from (price.as_kind("detail") for price in _prices(result, record))


def _summary(result: SpecView) -> str:
    text = first_sentences(plain(result.summary), SUMMARY_WORDS)
    return text if text.casefold().startswith(result.name.casefold()) else f"{result.name}: {text}"


def side_by_side(results: Sequence[SpecView], asked: Asked) -> Iterator[Said]:
    """A row for each record, a column for each figure that was asked for; each in a sentence where none was."""
    keys = list(dict.fromkeys(key for result in results for key in result.figures))[:4]
    if not keys or not asked.arguments.get("figures"):
        for result in results:
            basis = Basis("spec", f"{result.kind}/{result.slug}")
            yield state("answer", "{text}", basis, text=_summary(result))
        return
    names = figure_names()
    bases = tuple(Basis("spec", f"{result.kind}/{result.slug}") for result in results)
    yield state("answer", "Side by side, as the sources have it:", *bases)
    rows = tuple(
        (result.name, *(_value(found) if (found := result.figures.get(key)) else "not in the sources" for key in keys))
        for result in results
    )
    yield Table("answer", ("", *(names.label(key) for key in keys)), rows, bases)


def _figure(kind: Kind, result: SpecView, key: str, figure: FigureView) -> Iterator[Said]:
    basis = Basis("spec", f"{result.kind}/{result.slug}#{key}")
    label = figure_names().label(key)
    about = (f"{result.kind}/{result.slug}",)
    if isinstance(figure.value, bool):
        text = "Yes, {the}{name} has {label}." if figure.value else "No, {the}{name} has no {label}."
        yield state(kind, text, basis, about=about, the=_the(result), name=result.name, label=label)
        return
    date = f" (as of {figure.as_of})" if figure.as_of else ""
    note = f" ({figure.note})" if figure.note and len(figure.note) < LONGEST_NOTE else ""
    values: dict[str, Any] = {"value": _value(figure), "label": label, "note": note, "date": date}
    if kind == "answer":
        text = "The {label} of {the}{name} is {value}{note}{date}."
        yield state(kind, text, basis, about=about, the=_the(result), name=result.name, **values)
    else:
        yield state(kind, "{label}: {value}{note}{date}.", basis, about=about, **values)
    for slug in figure.disputed[:1] if kind != "detail" else ():
        dispute = next(one for one in result.disputes if one.slug == slug)
        ruling = first_sentences(dispute.ruling, SUMMARY_WORDS)
        yield state("dispute", "{title}: {ruling}", Basis("dispute", slug), title=dispute.title, ruling=ruling)


def _the(result: SpecView) -> str:
    """Models are called by their names, things by what they are."""
    return "" if result.kind in ("models", "quantizations", "engines") else "the "


def _unit(figure: FigureView) -> str:
    """A card's printed "24 GB" is 24 GiB."""
    return "GB" if figure.unit == "GiB" else figure.unit


def _value(figure: FigureView) -> Slot:
    value, unit = figure.value, _unit(figure)
    if isinstance(value, (int, float)):
        if value >= 1e9 and not unit:
            return Quantity(round(value / 1e9, 2), "billion")
        return Quantity(value, unit, 1 if float(value).is_integer() else None)
    if isinstance(value, (list, tuple)):
        parts = [one if isinstance(one, str) else number(one, 1 if float(one).is_integer() else None) for one in value]
        is_range = len(parts) == 2 and not isinstance(value[0], str) and not figure.label.endswith("options")
        return f"{(' to ' if is_range else ', ').join(parts)} {unit}".strip()
    return f"{value} {unit}".strip()


def _prices(result: SpecView, record: Basis) -> Iterator[Statement]:
    if not result.prices:
        yield state("answer", "The sources have no price of {the}{name}.", record, the=_the(result), name=result.name)
    for place, price in enumerate(result.prices[:MOST_PRICES]):
        text = "{amount}{per} {kind}, as of {date}{note}."
        values: dict[str, Any] = {
            "amount": Quantity((price.low, price.high), price.currency),
            "per": "" if price.per in ("unit", "system", "kit") else f" per {price.per}",
            "kind": KINDS[price.kind],
            "date": price.as_of,
            "note": f" ({price.note})" if price.note else "",
        }
        if place == 0:
            yield state("answer", f"{{name}}: {text}", record, name=result.name, **values)
        else:
            yield state("reason", text, record, **values)


KINDS = {"list": "at list price", "street": "in shops", "used": "used", "rent": "to rent"}
