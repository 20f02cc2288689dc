"""How fast a model generates on a device."""

from typing import Annotated

from pydantic import Field

from kb.calc.results import Speed, Verdict
from kb.catalogue import Catalogue
from kb.catalogue.records import Figure, LanguageModel, Measurement, Quantization, Record
from kb.tools.base import Real, Result, Whole, cite, tool
from kb.tools.estimate_speed.drafting import Drafting, with_draft
from kb.tools.shared.fitting import Context, FitArguments, Parts, fit_at_usual, resolve_parts, within_limit
from kb.tools.shared.resolve import ModelArgument, ResolvedModel
from kb.tools.shared.speed import placed_speed
from kb.tools.shared.views import disputes_about


class PublishedMeasurement(Record):
    """A published measurement of this very case, or of the nearest that we hold; shown beside the estimate."""

    name: str
    """What was measured."""
    slug: str
    device_count: int
    """On how many devices."""
    quantization: str | None
    depth_tokens: int | None
    """How much context there was before it; null where nobody said."""
    decode_tokens_per_s: float | tuple[float, float]
    """A speed, or the lowest and the highest."""
    source: str
    section: str
    as_of: str | None
    same_quantization: bool
    """Whether it is of the type asked about."""


class Job(Record):
    """One request after the other: each is read, then answered."""

    requests: int
    """How many."""
    prompt_tokens: int
    """Of each; 0 where nobody said."""
    output_tokens: int
    """Of each."""
    seconds: float
    """For all of them."""
    formula: str


class SpeedArguments(FitArguments):
    prompt_tokens: Context | None = Field(None, description="new ones in the prompt; else all of the context")
    output_tokens: Annotated[Whole, Field(ge=1, le=10_000_000)] | None = Field(
        None, description="to write for a request"
    )
    requests: Annotated[Whole, Field(ge=1, le=10_000_000_000)] | None = Field(None, description="how many, one by one")
    draft: ModelArgument | None = Field(None, description="what guesses ahead: a model, `mtp` (own heads) or `ngram`")
    draft_tokens: Annotated[Whole, Field(ge=1, le=64)] | None = Field(None, description="guesses for each step")
    draft_acceptance: Annotated[Real, Field(ge=0, le=1)] | None = Field(
        None, description="share of guesses that are right"
    )


class SpeedAnswer(Speed, Result):
    """``Speed`` with the names as they were understood and whether it fits; all zero where it does not."""

    model: str
    quantization: str
    device: str
    verdict: Verdict
    context: int
    shortened: bool = False
    """Whether no context was given and the usual one does not fit: this is the longest that does."""
    hosts: int = 1
    """Computers that the devices are spread over."""
    at_once: bool = False
    """Whether all of the devices work on each token together."""
    prompt_tokens: int
    """Of the prompt that prefill and time to first token are of."""
    job: "Job | None" = None
    """How long the writing takes, where it was said how much is to be written."""
    drafting: Drafting | None = None
    """With a draft, where one was named."""
    measured: PublishedMeasurement | None = None
    """What somebody published of such a case; null where we hold nothing."""


def run(catalogue: Catalogue, arguments: SpeedArguments) -> SpeedAnswer:
    return speed_answer(catalogue, resolve_parts(catalogue, arguments), arguments)


def speed_answer(catalogue: Catalogue, parts: Parts, given: FitArguments) -> SpeedAnswer:
    stated = "context" in given.model_fields_set
    arguments, fit, shortened = fit_at_usual(parts, within_limit(parts.model, given), stated)
    prompt_tokens = given.prompt_tokens if isinstance(given, SpeedArguments) else None
    speed = placed_speed(parts, fit, arguments, prompt_tokens)
    drafting = None
    if isinstance(given, SpeedArguments) and given.draft is not None and fit.verdict != "does_not_fit":
        drafting = with_draft(
            catalogue, parts, arguments, fit.offload, speed, given.draft, given.draft_tokens, given.draft_acceptance
        )
        speed = speed.model_copy(update={"warnings": (*speed.warnings, *drafting.warnings)})
    if parts.devices.memory_asked and fit.verdict == "fits":
        note = f"{parts.devices.label} has the {fit.required_gb:g} GB of memory that this takes; its size was not given"
        speed = speed.model_copy(update={"assumptions": (note, *speed.assumptions)})
    if shortened:
        note = f"{arguments.context:,} tokens of context, the most that fits"
        speed = speed.model_copy(update={"assumptions": (note, *speed.assumptions)})
    return SpeedAnswer(
        **{name: getattr(speed, name) for name in Speed.model_fields},
        model=parts.model.label,
        quantization=parts.quantization.record.name,
        device=parts.devices.label,
        verdict=fit.verdict,
        context=arguments.context,
        hosts=parts.devices.network.hosts,
        at_once=arguments.tensor_parallel and fit.verdict == "fits" and parts.works_at_once(arguments),
        prompt_tokens=prompt_tokens or arguments.context,
        shortened=shortened,
        job=_job(given, speed) if isinstance(given, SpeedArguments) and fit.verdict != "does_not_fit" else None,
        drafting=drafting,
        measured=nearest_measurement(catalogue, parts),
        citations=cite(catalogue, parts.references),
    )


def _job(given: SpeedArguments, speed: Speed) -> Job | None:
    """At the typical speeds."""
    if given.output_tokens is None:
        return None
    requests, prompt = given.requests or 1, given.prompt_tokens or 0
    read, write = speed.prefill_tokens_per_s.typical, speed.decode_tokens_per_s.typical
    each = prompt / read + given.output_tokens / write
    formula = f"{given.output_tokens:,} tokens / {write:g} tokens/s"
    if prompt:
        formula = f"{prompt:,} tokens / {read:,.0f} tokens/s + {formula}"
    formula += f" = {each:.3g} s"
    if requests > 1:
        formula = f"{requests:,} × ({formula}) = {requests * each:,.0f} s"
    return Job(
        requests=requests, prompt_tokens=prompt, output_tokens=given.output_tokens,
        seconds=requests * each, formula=formula,
    )  # fmt: skip


def nearest_measurement(catalogue: Catalogue, parts: Parts) -> PublishedMeasurement | None:
    """Of the same device, as many of them, and the same architecture; the same quantization first, then public
    benchmarks before the documents' claims."""
    model, quantization, devices = parts.model, parts.quantization, parts.devices
    found: list[tuple[bool, bool, int, Measurement]] = []
    for record in catalogue.known.of(Measurement).values():
        if record.basis != "measured" or record.decode_tokens_per_s is None or record.offloaded:
            continue
        here = record.device == f"{devices.kind}/{devices.slug}" and record.device_count == len(devices.devices)
        if not here or record.model is None or not _same_architecture(catalogue, record.model, model):
            continue
        same = record.quantization == quantization.record.slug
        if disputes_about(catalogue, "measurements", record.slug):
            continue
        claimed = any(catalogue.known.sources[s.source].kind == "document" for s in record.decode_tokens_per_s.sources)
        depth = record.depth_tokens.value if record.depth_tokens else 0
        found.append((not same, claimed, depth, record))
    if not found:
        return None
    not_same, _, depth, record = min(found, key=lambda entry: (*entry[:3], entry[3].slug))
    figure = record.decode_tokens_per_s
    assert isinstance(figure, Figure)
    named = catalogue.known.of(Quantization).get(record.quantization or "")
    return PublishedMeasurement(
        name=record.name,
        slug=record.slug,
        device_count=record.device_count,
        quantization=named.name if named else None,
        depth_tokens=depth or None,
        decode_tokens_per_s=figure.value,
        source=figure.sources[0].source,
        section=figure.sources[0].section,
        as_of=figure.as_of,
        same_quantization=not not_same,
    )


def _same_architecture(catalogue: Catalogue, slug: str, model: ResolvedModel) -> bool:
    if model.record is None:
        return False
    other = catalogue.known.of(LanguageModel)[slug]
    family = {model.record.slug, model.record.same_architecture_as or model.record.slug}
    return other.slug in family or other.same_architecture_as in family


TOOL = tool(
    run,
    "How fast a model generates on a device: decode speed as a range that holds about 80 % of measurements, the "
    "bandwidth ceiling, prefill speed, time to first token, and what limits it.",
)
