"""Reference figures: every checkable figure of the five documents against records and calculators.

An undisputed figure must be what we hold. Of a disputed one ``equals`` is the ruling's value, ``claimed`` what the
document says: the dispute must exist, and must be about the claim.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from eval.samples import EvaluationDataInvalid
from kb.catalogue.records import Build, Record, ends
from kb.catalogue.records.base import Slug
from kb.errors import KnowledgeBaseError
from kb.search.live import Index
from kb.tools import TOOLS

FIGURES = Path(__file__).parent / "figures"

Wanted = bool | float | str | tuple[float, ...]
SpecPath = Annotated[str, Field(pattern=r"^[a-z-]+/[^#/]+#\w+$")]


class FigureCheck(Record):
    """One figure of a document: ``statement`` in our words, and one key that says what it is held against.

    - ``spec``: a record's figure, ``kind/slug#key``; a text must contain ``equals``,
      of a list of texts one must.
    - ``price``: a record with a price of ``price_kind`` that equals; any of several passes.
    - ``ratio``: the first figure divided by the second.
    - ``part``: a build's component by name, its price; ``parts_total``: the sum of a build's parts.
    - ``term``: the figure of a term whose label begins with ``label``.
    - ``tool``: a tool's result at ``path`` (keys and list positions with dots between).
    """

    id: Slug
    statement: Annotated[str, Field(min_length=4)]
    spec: SpecPath | None = None
    ratio: tuple[SpecPath, SpecPath] | None = None
    price: Annotated[str, Field(pattern=r"^[a-z-]+/[^#/]+$")] | None = None
    price_kind: Literal["list", "street", "used", "rent"] | None = None
    currency: str = "USD"
    part: Slug | None = None
    component: str = ""
    parts_total: Slug | None = None
    term: Slug | None = None
    label: str = ""
    tool: str | None = None
    arguments: Mapping[str, Any] = {}
    path: str = ""
    equals: Wanted
    tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Relative; for figures that the document rounds or that a calculator works out."""
    disputed: Slug | None = None
    claimed: Wanted | None = None
    """What the document says where the ruling says otherwise."""

    @model_validator(mode="after")
    def _one_check(self) -> "FigureCheck":
        targets = (self.spec, self.ratio, self.price, self.part, self.parts_total, self.term, self.tool)
        if sum(target is not None for target in targets) != 1:
            raise ValueError("give exactly one of spec, ratio, price, part, parts_total, term and tool")
        if self.claimed is not None and self.disputed is None:
            raise ValueError("claimed needs the dispute that contradicts it: add disputed")
        return self


class FigureSection(Record):
    section: str
    figures: Annotated[tuple[FigureCheck, ...], Field(min_length=1)]


class FigureFile(Record):
    """The figures of one source, by section."""

    source: Slug
    sections: tuple[FigureSection, ...]


@dataclass(frozen=True)
class Reference:
    """A figure with the place that it stands in."""

    source: str
    section: str
    check: FigureCheck


class FigureOutcome(Record):
    """``found`` is what we hold, as text; ``explanation`` says what is wrong where ``passed`` is false."""

    id: str
    source: str
    section: str
    statement: str
    disputed: str | None
    passed: bool
    found: str
    explanation: str


def read_figures(folder: Path = FIGURES) -> tuple[Reference, ...]:
    """All reference figures. Raises :class:`EvaluationDataInvalid` naming the file and the entry."""
    references = tuple(reference for path in sorted(folder.glob("*.yaml")) for reference in _read(path))
    seen: set[str] = set()
    for reference in references:
        if reference.check.id in seen:
            raise EvaluationDataInvalid(f"{folder.name}: the id {reference.check.id!r} is given more than once")
        seen.add(reference.check.id)
    return references


def _read(path: Path) -> Iterator[Reference]:
    try:
        file = FigureFile.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise EvaluationDataInvalid(f"{path.name}: is not YAML ({error})") from None
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise EvaluationDataInvalid(f"{path.name}: {problems}") from None
    for section in file.sections:
        for check in section.figures:
            yield Reference(file.source, section.section, check)


class _NotHeld(Exception):
    """What a check looks for is not there."""


def run_figures(index: Index, references: Sequence[Reference]) -> tuple[FigureOutcome, ...]:
    return tuple(_outcome(index, reference) for reference in references)


def _outcome(index: Index, reference: Reference) -> FigureOutcome:
    check = reference.check
    try:
        held = tuple(_held(index, check))
        explanation = _compare(check, held) or _dispute_problem(index, check)
    except (_NotHeld, KnowledgeBaseError) as error:
        held, explanation = (), str(error)
    return FigureOutcome(
        id=check.id,
        source=reference.source,
        section=reference.section,
        statement=check.statement,
        disputed=check.disputed,
        passed=not explanation,
        found=" or ".join(map(str, held)),
        explanation=explanation,
    )


def _held(index: Index, check: FigureCheck) -> Iterator[Any]:
    """What we hold: one value, or several of which any may match."""
    if check.spec:
        yield _spec_value(index, check.spec)
    elif check.ratio:
        yield _spec_value(index, check.ratio[0]) / _spec_value(index, check.ratio[1])
    elif check.price:
        yield from _prices(index, check)
    elif check.part or check.parts_total:
        yield _part_price(index, check)
    elif check.term:
        yield _term_value(index, check.term, check.label)
    elif check.tool:
        yield _tool_value(index, check)


def _spec_value(index: Index, path: str) -> Any:
    name, _, key = path.partition("#")
    kind, _, slug = name.partition("/")
    record = index.known.specs.get(kind, {}).get(slug)
    if record is None:
        raise _NotHeld(f"there is no {name}")
    figure = getattr(record, key, None)
    if figure is None:
        raise _NotHeld(f"{name} has no figure {key}")
    return figure.value


def _prices(index: Index, check: FigureCheck) -> Iterator[Any]:
    kind, _, slug = (check.price or "").partition("/")
    record = index.known.specs.get(kind, {}).get(slug)
    if record is None:
        raise _NotHeld(f"there is no {check.price}")
    prices = [p for p in record.prices if p.currency == check.currency and check.price_kind in (None, p.kind)]
    if not prices:
        raise _NotHeld(f"{check.price} has no {check.price_kind or ''} price in {check.currency}")
    yield from (price.amount for price in prices)


def _part_price(index: Index, check: FigureCheck) -> float | tuple[float, float]:
    slug = check.part or check.parts_total
    build = index.known.of(Build).get(slug or "")
    if build is None:
        raise _NotHeld(f"there is no builds/{slug}")
    parts = [part for part in build.parts if not check.component or part.component == check.component]
    if not parts:
        raise _NotHeld(f"builds/{slug} has no part {check.component!r}")
    spans = [ends(part.price_usd) for part in parts]
    low, high = sum(span[0] for span in spans), sum(span[1] for span in spans)
    return low if low == high else (low, high)


def _term_value(index: Index, slug: str, label: str) -> float | tuple[float, float] | str:
    term = index.known.terms.get(slug)
    if term is None:
        raise _NotHeld(f"there is no terms/{slug}")
    for figure in term.figures:
        if figure.label.startswith(label):
            return figure.value
    raise _NotHeld(f"terms/{slug} has no figure whose label begins with {label!r}")


def _tool_value(index: Index, check: FigureCheck) -> Any:
    value: Any = TOOLS[check.tool or ""].call(index, check.arguments).model_dump(mode="json")
    for key in check.path.split("."):
        try:
            value = value[int(key)] if isinstance(value, list) else value[key]
        except (KeyError, IndexError, ValueError, TypeError):
            raise _NotHeld(f"the result of {check.tool} has nothing at {check.path}") from None
    return value


def _compare(check: FigureCheck, held: Sequence[Any]) -> str:
    """Why what is held is not what is wanted; empty where it is."""
    if not any(matches(check.equals, value, check.tolerance) for value in held):
        return f"expected {check.equals}, held is {' or '.join(map(str, held))}"
    if check.claimed is not None and any(matches(check.claimed, value, check.tolerance) for value in held):
        return f"the claim {check.claimed} is disputed, yet it is what we hold"
    return ""


def matches(wanted: Wanted, held: Any, tolerance: float = 0.0) -> bool:
    """Whether ``held`` is what is ``wanted``.

    >>> matches(43, 42.52, 0.02), matches((28, 35), (28.0, 35.0)), matches("Blackwell", "NVIDIA Blackwell")
    (True, True, True)
    """
    if isinstance(wanted, bool) or isinstance(held, bool):
        return wanted is held
    if isinstance(wanted, str):
        texts = held if isinstance(held, tuple) else (held,)
        return any(isinstance(text, str) and wanted.casefold() in text.casefold() for text in texts)
    if isinstance(wanted, tuple):
        if not isinstance(held, tuple | list) or len(held) != len(wanted):
            return False
        return all(matches(one, other, tolerance) for one, other in zip(wanted, held, strict=True))
    if not isinstance(held, int | float):
        return False
    return abs(held - wanted) <= tolerance * abs(wanted) + 1e-9


def _dispute_problem(index: Index, check: FigureCheck) -> str:
    if check.disputed is None or check.disputed in index.known.disputes:
        return ""
    return f"the dispute {check.disputed!r} is not there"
