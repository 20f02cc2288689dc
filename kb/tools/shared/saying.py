"""What several tools say in the same way."""

from collections.abc import Iterable, Iterator, Sequence

from kb.calc.results import Range
from kb.text.statements import Kind, Quantity, Statement, state


def notes(kind: Kind, *groups: Iterable[str]) -> Iterator[Statement]:
    """A result's own remarks, each as a whole sentence.

    >>> next(notes("detail", ["one currency throughout"])).values["note"]
    'One currency throughout'
    """
    for text in dict.fromkeys(text for group in groups for text in group):
        yield state(kind, "{note}.", note=text[:1].upper() + text[1:].rstrip("."))


def the(label: str) -> str:
    """A device's label inside a sentence.

    >>> the("GeForce RTX 4090"), the("2× GeForce RTX 3090"), the("an 8 GB graphics card")
    ('the GeForce RTX 4090', '2× GeForce RTX 3090', 'an 8 GB graphics card')
    """
    has_article = label.casefold().startswith(("a ", "an ", "the ", "my ", "your "))
    return label if has_article or label[:1].isdigit() else f"the {label}"


def opening(text: str) -> str:
    """
    >>> opening("the card"), opening("iMac")
    ('The card', 'IMac')
    """
    return text[:1].upper() + text[1:]


def listed(labels: Sequence[str], last: str = "and") -> str:
    """
    >>> listed(["A", "B", "C"]), listed(["A"])
    ('A, B and C', 'A')
    """
    return f"{', '.join(labels[:-1])} {last} {labels[-1]}" if len(labels) > 1 else "".join(labels)


def rate(speed: Range | None) -> Quantity | str:
    """The typical speed as a table or a sentence has it."""
    if speed is None:
        return "not known"
    return Quantity(speed.typical, "tokens/s", 1 if speed.typical >= 20 else None)


def money(price: tuple[float, float], currency: str) -> Quantity:
    return Quantity(price if price[0] != price[1] else price[0], currency, 1)
