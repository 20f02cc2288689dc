"""What an answer says, typed until it is rendered: sentences with slots, and the values that fill them.

Calculators give records, tools turn them into statements, and :mod:`kb.text.markdown` makes English of those, once.
Nothing reads the English again: what a check or a language model needs of an answer, it takes from here.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

Kind = Literal[
    "correction",  # a wrong premise, put right
    "unknown",  # a name that nobody here knows, and the nearest
    "answer",  # what was asked, in one sentence
    "quote",  # what a document of the user's own says: shown, and evidence of nothing
    "reason",  # a figure or a fact that decides it
    "next",  # what to do
    "command",  # a line to type
    "assumption",  # what was taken for granted, and could change the answer
    "detail",  # arithmetic, parts, conditions
    "dispute",  # where sources contradict each other
    "ask",  # a question back
]

BasisKind = Literal["call", "spec", "term", "passage", "dispute", "source"]


@dataclass(frozen=True)
class Basis:
    """What a statement stands on: ``spec`` as ``kind/slug#key``, the others by slug or id; ``call`` by its number."""

    kind: BasisKind
    name: str


@dataclass(frozen=True)
class Quantity:
    """A number, or a range of two, with its unit as answers write it (``GB``, ``tokens/s``, ``USD``, or none).

    ``step`` is how fine it is shown where three digits are too few (1 shows whole numbers).
    """

    value: float | tuple[float, float]
    unit: str = ""
    step: float | None = None


Slot = str | Quantity
_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Statement:
    """``template`` is a sentence, or a few, with ``{slots}``; ``values`` fill them.

    Without a ``basis``, a tool's statement stands on the tool's call. ``about`` names the records it is about.
    """

    kind: Kind
    template: str
    values: Mapping[str, Slot] = field(default_factory=dict)
    basis: tuple[Basis, ...] = ()
    about: tuple[str, ...] = ()
    opens: str = ""
    """``Yes, `` or ``No: ``, before the sentence, for whoever asks a question that this answers."""

    def __post_init__(self) -> None:
        missing = [slot for slot in _SLOT.findall(self.template) if slot not in self.values]
        if missing:
            raise ValueError(f"{self.template!r} has no value for {', '.join(missing)}")

    def as_kind(self, kind: Kind) -> "Statement":
        return replace(self, kind=kind)

    def not_opened(self) -> "Statement":
        """
        >>> state("answer", "all of them fit.", opens="Yes, ").not_opened().template
        'All of them fit.'
        """
        head = self.template[:1].upper() if self.opens else self.template[:1]
        return replace(self, template=head + self.template[1:], opens="")


@dataclass(frozen=True)
class Table:
    """Things side by side: a row each, a column for each figure."""

    kind: Kind
    columns: tuple[str, ...]
    rows: tuple[tuple[Slot, ...], ...]
    basis: tuple[Basis, ...] = ()


Said = Statement | Table


def state(
    kind: Kind, template: str, /, *basis: Basis, about: Sequence[str] = (), opens: str = "", **values: Slot
) -> Statement:
    """
    >>> state("answer", "{model} needs {need}.", model="A 7B", need=Quantity(4.4, "GB")).values["need"].unit
    'GB'
    """
    return Statement(kind, template, values, basis, tuple(about), opens)


def of_kind(statements: Iterable[Said], *kinds: Kind) -> list[Said]:
    return [statement for statement in statements if statement.kind in kinds]
