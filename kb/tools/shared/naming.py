"""Labels inside sentences."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kb.text.statements import Quantity
from kb.text.wording import joined

VERDICTS = {"fits": "yes", "fits_with_offload": "partly in RAM", "does_not_fit": "no"}
"""What a table says of a fit."""


OPENS = {"enough": "Yes, ", "full": "Yes, ", "too_small": "No, ", "too_few": "No, "}
"""How a verdict opens the answer to a yes-or-no question; nothing where it is neither."""


def the(label: str) -> str:
    """A device's label as a sentence has it.

    >>> the("GeForce RTX 4090"), the("2× GeForce RTX 3090"), the("a device with 24 GB")
    ('the GeForce RTX 4090', '2× GeForce RTX 3090', 'a device with 24 GB')
    """
    has_article = label.casefold().startswith(("a ", "an ", "the ", "my ", "your "))
    return label if has_article or label[:1].isdigit() else f"the {label}"


def opening(label: str) -> str:
    """A label at the head of a sentence; names keep the letters that they have.

    >>> opening("a 7B model"), opening("gpt-oss 20B")
    ('A 7B model', 'gpt-oss 20B')
    """
    return label[:1].upper() + label[1:] if label.startswith(("a ", "an ", "the ")) else label


def several(count: int, name: str) -> str:
    """
    >>> several(1, "GeForce RTX 3090"), several(2, "GeForce RTX 3090")
    ('GeForce RTX 3090', '2× GeForce RTX 3090')
    """
    return name if count == 1 else f"{count}× {name}"


def tokens(count: int) -> Quantity:
    return Quantity(count, "tokens", step=1)


def gb(size: float) -> Quantity:
    return Quantity(size, "GB")


def lasting(seconds: float) -> Quantity:
    """A time in the unit in which people would say it.

    >>> [lasting(each).value for each in (90, 600, 9000, 400_000)]
    [90.0, 10.0, 2.5, 4.63]
    """
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return Quantity(float(f"{seconds / length:.3g}"), unit)
    return Quantity(float(f"{seconds:.3g}"), "s")


def speed_of(*ends: float) -> Quantity:
    """No finer than a speed can be told."""
    shown = [end if end >= 10 else round(end, 1 if end >= 1 else 2) for end in ends]
    value = (shown[0], shown[1]) if len(shown) > 1 else shown[0]
    return Quantity(value, "tokens/s", step=1 if shown[0] >= 10 else None)


class Case(Protocol):
    """A result of a model on a device."""

    @property
    def model(self) -> str: ...
    @property
    def quantization(self) -> str: ...
    @property
    def device(self) -> str: ...


def named(case: Case) -> dict[str, str]:
    """What a sentence calls model, quantization and device."""
    return {"model": case.model, "quantization": case.quantization, "device": the(case.device)}


@dataclass(frozen=True)
class Varied:
    """Several results of one question: what they share, and what is each one's own, as a sentence goes on."""

    shared: str
    each: tuple[str, ...]
    title: str
    """What they differ in."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The same as the first column of a table: without the word that leads on."""
        return tuple(re.sub(r"^(?:for|at|on) (?:the )?", "", case) for case in self.each)


def varied(results: Sequence[Case]) -> Varied:
    names = [(f"for {one.model}", f"at {one.quantization}", f"on {the(one.device)}") for one in results]
    differ = [len(set(column)) > 1 for column in zip(*names, strict=True)]
    return Varied(
        " ".join(name for name, other in zip(names[0], differ, strict=True) if not other),
        tuple(" ".join(name for name, other in zip(case, differ, strict=True) if other) for case in names),
        joined([what for what, other in zip(("model", "quantization", "device"), differ, strict=True) if other]),
    )
