"""What a record says: the figures that were asked for, else what it is and what it is known by."""

from collections.abc import Iterator, Sequence
from typing import Any

from kb.catalogue.figure_names import figure_names
from kb.catalogue.records import Price
from kb.text.markdown import number
from kb.text.markdown import shown as written
from kb.text.statements import Basis, Kind, Quantity, Said, Slot, Statement, Table, state
from kb.text.wording import first_paragraph, first_sentences, joined, plain
from kb.tools.asks import Asked
from kb.tools.lookup_spec.tool import Explained, SpecAnswer
from kb.tools.shared.views import FigureView, SpecView

MOST_MAIN = 4
MOST_PRICES = 3
MOST_COLUMNS = 4
READS = "reads"
IMAGE_FIGURES = {
    "image_tokens": "{name} makes {value} tokens of each image",
    "image_token_side": "{name} makes a token of each {value} × {value} pixels",
    "image_tokens_most": "One image of {name} is at most {value} tokens",
}
INPUTS = {"image": "images", "video": "video", "audio": "sound"}
UNKNOWN = "not in the sources"
SUMMARY_WORDS, DETAIL_WORDS = 45, 90
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
    if READS in keys and result.kind == "models" and READS not in result.figures:
        text = "{name} reads text alone, as far as the sources say."
        yield state("answer", text, record, about=about, name=result.name)
    elif keys and not shown and not priced and not result.figures:
        names = figure_names()
        what = ", ".join(dict.fromkeys(names.label(key) for key in keys[:2]))
        text = "The sources do not say the {what} of {the}{name}."
        yield state("answer", text, record, about=about, what=what, the=_the(result), name=result.name)
    for term in result.named_in_figures.values():
        text = first_sentences(first_paragraph(term.definition), SUMMARY_WORDS)
        yield state("detail", "{text}", Basis("term", term.slug), text=text)
    if not keys:
        yield state("answer", "{text}", record, about=about, text=_summary(result))
        if result.term is not None:
            yield from _explained(result.term)
        for key in figure_names().main(result.figures, MOST_MAIN):
            yield from _figure("detail", result, key, result.figures[key])
        yield from (price.as_kind("detail") for price in _prices(result, record))


def _explained(term: Explained) -> Iterator[Said]:
    """What a record's name means, where the glossary has it too."""
    basis = Basis("term", term.slug)
    yield state("reason", "{text}", basis, text=first_sentences(first_paragraph(term.definition), SUMMARY_WORDS))
    yield state("detail", "{text}", basis, text=first_sentences(term.in_practice, DETAIL_WORDS))


def _summary(result: SpecView) -> str:
    text = first_sentences(plain(result.summary), SUMMARY_WORDS)
    return text if text.casefold().startswith(result.name.casefold()) else f"{result.name}: {text}"


def side_by_side(results: Sequence[SpecView], asked: Asked) -> Iterator[Said]:
    """A row for each record that has something of what was asked for, a column for each figure; each in a sentence
    where nothing was asked for, and its main figures behind that."""
    names = figure_names()
    wanted = asked.arguments.get("figures") or ()
    if not wanted:
        for result in results:
            basis = Basis("spec", f"{result.kind}/{result.slug}")
            yield state("answer", "{text}", basis, text=_summary(result))
        keys = dict.fromkeys(key for result in results for key in names.main(result.figures, MOST_MAIN))
        yield _table("detail", results, tuple(keys))
        return
    priced = "price" in wanted
    having = [result for result in results if result.figures or (priced and result.prices)]
    if len(having) < 2:
        yield from (one for result in having or results[:1] for one in say(SpecAnswer(**dict(result)), asked))
        return
    bases = tuple(Basis("spec", f"{result.kind}/{result.slug}") for result in having)
    keys = dict.fromkeys(key for result in having for key in result.figures)
    yield state("answer", "Side by side, as the sources have it:", *bases)
    yield _table("answer", having, tuple(keys)[:MOST_COLUMNS], priced)
    for result in having:
        for key in result.figures:
            yield from _disputed(result, result.figures[key])


def _table(kind: Kind, results: Sequence[SpecView], keys: Sequence[str], priced: bool = False) -> Table:
    rows = tuple(
        (
            result.name,
            *(_value(found) if (found := result.figures.get(key)) else UNKNOWN for key in keys),
            *(("; ".join(map(_price, result.prices[:MOST_PRICES])) or UNKNOWN,) if priced else ()),
        )
        for result in results
    )
    bases = tuple(Basis("spec", f"{result.kind}/{result.slug}") for result in results)
    columns = ("", *(figure_names().label(key) for key in keys), *(("price",) if priced else ()))
    return Table(kind, columns, rows, bases)


def _price(price: Price) -> str:
    return f"{written(Quantity((price.low, price.high), price.currency))} {KINDS[price.kind]}"


def _figure(kind: Kind, result: SpecView, key: str, figure: FigureView) -> Iterator[Said]:
    basis = Basis("spec", f"{result.kind}/{result.slug}#{key}")
    label = figure_names().label(key)
    about = (f"{result.kind}/{result.slug}",)
    if isinstance(figure.value, bool):
        text = "Yes, {the}{name} has {label}." if figure.value else "No, {the}{name} has no {label}."
        yield state(kind, text, basis, about=about, the=_the(result), name=result.name, label=label)
        yield from _disputed(result, figure) if kind != "detail" else ()
        return
    if key == READS and isinstance(figure.value, tuple):
        text = "{the}{name} reads text, {inputs}." if len(figure.value) > 1 else "{the}{name} reads text and {inputs}."
        inputs = joined([INPUTS.get(str(one), str(one)) for one in figure.value])
        yield state(kind, text, basis, about=about, the=_the(result), name=result.name, inputs=inputs)
        return
    if key in IMAGE_FIGURES and isinstance(figure.value, int):
        is_short = key == "image_tokens_most" and 0 < len(figure.note) < LONGEST_NOTE
        note = f" ({figure.note[0].lower()}{figure.note[1:].rstrip('.')})" if is_short else ""
        value = Quantity(figure.value, step=1)
        yield state(kind, IMAGE_FIGURES[key] + note + ".", basis, about=about, name=result.name, value=value)
        return
    date = f" (as of {figure.as_of})" if figure.as_of else ""
    note = f" ({figure.note})" if figure.note and len(figure.note) < LONGEST_NOTE else ""
    values: dict[str, Any] = {"value": _value(figure), "label": label, "note": note, "date": date}
    if kind == "answer":
        text = "The {label} of {the}{name} is {value}{note}{date}."
        yield state(kind, text, basis, about=about, the=_the(result), name=result.name, **values)
    else:
        yield state(kind, "{label}: {value}{note}{date}.", basis, about=about, **values)
    yield from _disputed(result, figure) if kind != "detail" else ()


def _disputed(result: SpecView, figure: FigureView) -> Iterator[Said]:
    for slug in figure.disputed[:1]:
        dispute = next(one for one in result.disputes if one.slug == slug)
        ruling = first_sentences(dispute.ruling, SUMMARY_WORDS)
        yield state("dispute", "{title}: {ruling}", Basis("dispute", slug), title=dispute.title, ruling=ruling)


def _the(result: SpecView) -> str:
    """Models are called by their names, things by what they are."""
    return "" if result.kind in ("models", "media-models", "quantizations", "engines") else "the "


def _unit(figure: FigureView) -> str:
    """A card's printed "24 GB" is 24 GiB."""
    return "GB" if figure.unit == "GiB" else figure.unit


def _value(figure: FigureView) -> Slot:
    value, unit = figure.value, _unit(figure)
    if isinstance(value, (int, float)):
        if value >= 1e9 and not unit:
            return Quantity(value / 1e9, "billion")
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
