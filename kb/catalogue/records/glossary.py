"""Sources, terms, disputes and passages: what is said, by whom, and where it is contradicted."""

from typing import Annotated, Literal

from pydantic import Field

from kb.catalogue.records.base import AsOf, Citations, Record, Slug

SourceKind = Literal[
    "document", "datasheet", "model-config", "software", "measurement", "standard", "reference", "user"
]
Level = Literal["newcomer", "practitioner", "expert"]
Topic = Literal["computer", "precision", "inference", "training", "machines", "data", "networks", "power", "software"]
DisputeKind = Literal["between-sources", "within-source", "arithmetic", "public-fact", "units", "outdated"]


class Source(Record):
    """A document, datasheet, model config or published measurement that figures are cited from."""

    slug: Slug
    title: str
    publisher: str
    """Who published it."""
    kind: SourceKind
    """What it is."""
    published: AsOf | None = None
    """A year, a month or a day."""
    url: str | None = None
    """Where it was found."""
    note: str = ""
    """What it holds, and how it was read."""


class TermFigure(Record):
    """A figure that a term is often asked for: ``label`` says of what."""

    label: str
    """Of what it is."""
    value: float | tuple[float, float] | str
    """A number, a range `[low, high]` or a text."""
    unit: str = ""
    """Of the value; empty where it counts or names."""
    as_of: AsOf | None = None
    note: str = ""
    sources: Citations


class Term(Record):
    """A concept of the glossary (SKOS: ``pref_label``, ``alt_labels``, ``broader``, ``related``).

    ``definition``, ``in_practice`` and ``pitfalls`` are Markdown; links ``[text](slug)`` lead to other terms.
    """

    slug: Slug
    pref_label: str
    alt_labels: tuple[str, ...] = ()
    level: Level
    topic: Topic
    generic: bool = False
    """A word that stands in all sorts of questions and says little of what one is about."""
    other_models: bool = False
    """Names models of another kind (images, sound): no language model is meant by their sizes."""
    definition: Annotated[str, Field(min_length=40)]
    in_practice: Annotated[str, Field(min_length=20)]
    pitfalls: Annotated[str, Field(min_length=20)]
    broader: tuple[Slug, ...] = ()
    related: tuple[Slug, ...] = ()
    figures: tuple[TermFigure, ...] = ()
    sources: Citations


class Claim(Record):
    """What one source says, in our words, with its figure where it has one."""

    source: Slug
    section: str = ""
    says: str
    """In our words."""


class Dispute(Record):
    """A contradiction: the claims side by side, our ruling and why.

    ``about`` names records (``accelerators/rtx-5090``), single figures (``accelerators/rtx-5090#tdp_w``)
    and terms (``terms/nvlink``). Each line of ``arithmetic`` is an equation ``expression = result`` that is
    checked when the file loads.
    """

    slug: Slug
    title: str
    """The contradiction in one line."""
    kind: DisputeKind
    """What it is a contradiction of."""
    about: Annotated[tuple[str, ...], Field(min_length=1)]
    """Records, figures and terms: `accelerators/rtx-5090#tdp_w`, `terms/nvlink`."""
    claims: Annotated[tuple[Claim, ...], Field(min_length=1)]
    """What each source says."""
    ruling: Annotated[str, Field(min_length=20)]
    reason: Annotated[str, Field(min_length=20)]
    arithmetic: tuple[str, ...] = ()
    """Equations `expression = result`, checked when the file is loaded."""
    sources: Citations


class Passage(Record):
    """One idea of a source, in our own words (or, for a user's own document, in its words)."""

    passage_id: str
    source: Slug
    section: str
    title: str
    """What it is about."""
    text: str
    """Of our own words, or those of a user's document."""
    questions: tuple[str, ...] = ()
    """What people ask who need this passage: searched, never shown."""

    @property
    def heading_path(self) -> str:
        return " › ".join(part for part in (self.section, self.title) if part)
