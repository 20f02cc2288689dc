"""Figures, prices and the sources they stand on, and what every specification has."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(?:[-_.][a-z0-9]+)*$", max_length=100)]
AsOf = Annotated[
    str,
    BeforeValidator(lambda value: str(value) if type(value) is int else value),
    StringConstraints(pattern=r"^\d{4}(?:-\d{2}(?:-\d{2})?)?$"),
]
"""A year, a month or a day: ``2026``, ``2026-04``, ``2026-04-30``."""

Value = TypeVar("Value")


class Record(BaseModel):
    """The base of every record: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class SourceRef(Record):
    """A source and the place in it; files write it as ``source-id`` or ``source-id#Section``."""

    source: Slug
    section: str = ""


def _from_shorthand(value: Any) -> Any:
    if isinstance(value, str):
        source, _, section = value.partition("#")
        return {"source": source.strip(), "section": section.strip()}
    return value


Citation = Annotated[SourceRef, BeforeValidator(_from_shorthand)]
Citations = Annotated[tuple[Citation, ...], Field(min_length=1)]


class Figure(Record, Generic[Value]):
    """One sourced fact. Its unit stands in the key that it is stored under."""

    value: Value
    sources: Citations
    as_of: AsOf | None = None
    note: str = ""


Number = Figure[float]
Count = Figure[int]
Text = Figure[str]
Texts = Figure[tuple[str, ...]]
Flag = Figure[bool]
Span = Figure[float | tuple[float, float]]
"""A number, or a range ``[low, high]``: see :func:`ends`."""
Options = Figure[tuple[float, ...]]


def ends(value: float | tuple[float, float]) -> tuple[float, float]:
    """The lower and the upper; of a number that is no range, twice the number."""
    return value if isinstance(value, tuple) else (value, value)


PriceKind = Literal["list", "street", "used", "rent"]


class Price(Record):
    """What a thing costs; prices age, so the date is not optional."""

    kind: PriceKind
    """As the maker lists it, as shops ask, used, or for rent."""
    amount: float | tuple[float, float]
    """A price, or the lowest and the highest."""
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    per: Literal["unit", "kit", "pair", "hour", "month", "system"] = "unit"
    """What it buys."""
    as_of: AsOf
    """When it was asked: a year, a month or a day."""
    note: str = ""
    sources: Citations

    @model_validator(mode="after")
    def _ordered_and_positive(self) -> "Price":
        low, high = self.low, self.high
        if not 0 <= low <= high:
            raise ValueError(f"amount [{low:g}, {high:g}]: write the lower price first, both at least 0")
        return self

    @property
    def low(self) -> float:
        return ends(self.amount)[0]

    @property
    def high(self) -> float:
        return ends(self.amount)[1]

    def times(self, count: int) -> tuple[float, float]:
        """Of so many."""
        return self.low * count, self.high * count


Backend = Literal["cuda", "rocm", "metal", "vulkan", "sycl", "cpu"]


class Spec(Record):
    """What every kind of specification has."""

    kind: ClassVar[str]

    slug: Slug
    name: str
    vendor: str = ""
    aliases: tuple[str, ...] = ()
    ambiguous_aliases: tuple[str, ...] = ()
    """Names that other records of this kind answer to as well; asking by one lists them all."""
    summary: Annotated[str, Field(min_length=20)]
    prices: tuple[Price, ...] = ()
    sources: Citations

    def __hash__(self) -> int:
        """By its name, which no other has: calculators keep results by records, and look up hundreds in a call."""
        return hash((self.kind, self.slug))

    def figures(self) -> Iterator[tuple[str, Figure[Any]]]:
        """The figures that are known, by key."""
        for key in type(self).model_fields:
            value = getattr(self, key)
            if isinstance(value, Figure):
                yield key, value
