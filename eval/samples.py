"""What a chat question is expected to be answered with: the declared half of the question evaluation."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from kb.catalogue.records import Record
from kb.catalogue.records.base import Slug
from kb.errors import KnowledgeBaseError

QUESTIONS = Path(__file__).parent / "questions"


class EvaluationDataInvalid(KnowledgeBaseError):
    """A file of the evaluation that does not fit its format; names the file, the entry and the key."""


class ExpectedFigure(Record):
    """A number that must stand in the answer's text, with its unit (``GB``, ``GiB``, ``tok/s``, ``W``, ``$`` …).

    ``value`` may be several numbers of which one must occur (the same size in GB and in GiB, say).
    """

    value: float | tuple[float, ...]
    unit: str = ""
    tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.02
    """Relative."""

    @property
    def values(self) -> tuple[float, ...]:
        return self.value if isinstance(self.value, tuple) else (self.value,)


class ExpectedCitation(Record):
    """One citation of the reply must match; exactly one key is given.

    ``spec`` is ``kind/slug``; ``source`` is a source's id; ``tool`` a tool's name.
    """

    term: Slug | None = None
    spec: str | None = None
    tool: str | None = None
    dispute: Slug | None = None
    source: Slug | None = None
    passage_id: str | None = None

    @model_validator(mode="after")
    def _one_key(self) -> "ExpectedCitation":
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError("give exactly one of term, spec, tool, dispute, source and passage_id")
        return self


class Expectation(Record):
    """Every key that is given must hold; what is not given is not scored."""

    verdict: Literal["fits", "fits_with_offload", "does_not_fit"] | None = None
    """Of the first ``check_fit`` among the reply's tool calls: the case that was asked; ways out are tried after it."""
    figures: tuple[ExpectedFigure, ...] = ()
    contains: tuple[str | tuple[str, ...], ...] = ()
    """Phrases in the answer, any case; a list in the list means: one of these."""
    not_contains: tuple[str, ...] = ()
    cites: tuple[ExpectedCitation, ...] = ()
    abstains: bool | None = None
    """False is checked as well: the reply must not abstain."""
    tool_calls: tuple[str, ...] = ()
    """Names of tools that must have been called, in any order."""
    disputed: tuple[Slug, ...] = ()
    """Disputes that the reply must cite."""
    about: tuple[str, ...] = ()
    """Devices, as the tools print their names, that must each stand in a tool call's result."""

    @property
    def all_cites(self) -> tuple[ExpectedCitation, ...]:
        return (*self.cites, *(ExpectedCitation(dispute=slug) for slug in self.disputed))

    @model_validator(mode="after")
    def _not_empty(self) -> "Expectation":
        if not self.model_dump(exclude_defaults=True):
            raise ValueError("is empty: give at least one thing that the answer can be held against")
        return self


class Sample(Record):
    """One conversation; ``messages`` are the user's turns, the assistant's own answers stand between them.

    The expectation is of the last answer.
    """

    id: Slug
    messages: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
    expect: Expectation
    tags: tuple[Slug, ...] = ()
    why: Slug | None = None
    """The class of the rubric that its explanation is held against; left out where no class fits."""
    note: Annotated[str, Field(min_length=5)]
    """Where the expectation comes from: the source, the arithmetic or the rule."""


def read_entries(path: Path) -> list[object]:
    """The list that a YAML file of the evaluation holds."""
    try:
        entries = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise EvaluationDataInvalid(f"{path.name}: is not YAML ({error})") from None
    if not isinstance(entries, list):
        raise EvaluationDataInvalid(f"{path.name}: must hold a list of entries, each beginning with '- '")
    return entries


def name_problems(path: Path, number: int, error: ValidationError) -> str:
    """``file, entry 3, expect.figures.0.unit: message`` for every problem of one entry."""
    return "; ".join(
        f"{path.name}, entry {number}, {'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()
    )


def read_samples(folder: Path = QUESTIONS) -> tuple[Sample, ...]:
    """All questions, in the order of the files' names. Raises :class:`EvaluationDataInvalid`."""
    samples = tuple(sample for path in sorted(folder.glob("*.yaml")) for sample in _read(path))
    twice = sorted({s.id for s in samples if sum(1 for other in samples if other.id == s.id) > 1})
    if twice:
        raise EvaluationDataInvalid(f"{folder.name}: the id {twice[0]!r} is given more than once; ids must differ")
    return samples


def _read(path: Path) -> Iterator[Sample]:
    for number, entry in enumerate(read_entries(path), start=1):
        try:
            yield Sample.model_validate(entry)
        except ValidationError as error:
            raise EvaluationDataInvalid(name_problems(path, number, error)) from None
