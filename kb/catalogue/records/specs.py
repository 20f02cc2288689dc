"""What is offered, built and measured, of hardware and software."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kb.catalogue.records.base import AsOf, Count, Number, Record, Slug, Span, Spec, Text, Texts


class Provider(Spec):
    """A cloud provider that rents GPUs, a shop, or a company that builds systems."""

    kind: ClassVar[str] = "providers"

    offers: Literal["cloud", "systems", "shop", "parts", "alerts"]
    lead_time_weeks: Span | None = None
    features: Texts | None = None


class Part(Record):
    """One line of a build's bill of parts; ``refs`` lists the specs that may fill it (``accelerators/rtx-5090``)."""

    component: str
    selection: str
    refs: tuple[str, ...] = ()
    count: Annotated[int, Field(ge=1)] = 1
    price_usd: float | tuple[float, float]
    """For the whole line, not each."""
    note: str = ""


class Build(Spec):
    """A build tier or a documented build: its parts with prices, and what it is for."""

    kind: ClassVar[str] = "builds"

    parts: tuple[Part, ...] = ()
    price_as_of: AsOf | None = None
    headline_price_usd: Span | None = None
    stated_total_usd: Span | None = None
    """What the document prints as the total; the parts' sum is computed."""
    sustained_power_w: Span | None = None
    circuit: Text | None = None
    concurrent_users: Span | None = None
    annual_power_cost_usd: Number | None = None
    suits: Texts | None = None
    choose_if: Texts | None = None
    location: Text | None = None


class Measurement(Spec):
    """A speed that a source gives for a model on a device: measured, expected or derived, as ``basis`` says."""

    kind: ClassVar[str] = "measurements"

    device: str
    """A slug of accelerators, machines or builds, written ``accelerators/rtx-5090``."""
    device_count: Annotated[int, Field(ge=1)] = 1
    model: Slug | None = None
    quantization: Slug | None = None
    engine: Slug | None = None
    basis: Literal["measured", "expected", "ceiling", "relative"]
    decode_tokens_per_s: Span | None = None
    prefill_tokens_per_s: Span | None = None
    aggregate_tokens_per_s: Span | None = None
    users: Span | None = None
    depth_tokens: Count | None = None
    offloaded: bool = False
