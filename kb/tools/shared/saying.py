"""What several tools say in the same way."""

from collections.abc import Iterable, Iterator

from kb.calc.results import Range
from kb.text.statements import Kind, Quantity, Statement, state
from kb.tools.shared.naming import speed_of


def notes(kind: Kind, *groups: Iterable[str]) -> Iterator[Statement]:
    """A result's own remarks, each as a whole sentence.

    >>> next(notes("detail", ["one currency throughout"])).values["note"]
    'One currency throughout'
    """
    for text in dict.fromkeys(text for group in groups for text in group):
        yield state(kind, "{note}.", note=text[:1].upper() + text[1:].rstrip("."))


def rate(speed: Range | None) -> Quantity | str:
    """The typical speed as a table or a sentence has it."""
    if speed is None:
        return "not known"
    return speed_of(speed.typical)


def money(price: tuple[float, float], currency: str) -> Quantity:
    return Quantity(price if price[0] != price[1] else price[0], currency, 1)
