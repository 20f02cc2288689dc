"""Tools that say how fast, and what runs on a device."""

from typing import Annotated

from pydantic import Field

from kb.calc.results import Fit, Offload, Range, Speed
from kb.calc.speed.estimate import estimate_speed
from kb.catalogue import Catalogue
from kb.catalogue.records import Figure, LanguageModel, Measurement, Record
from kb.catalogue.units import GB
from kb.errors import InvalidArgument
from kb.tools.base import Arguments, Name, Result, Tool, Whole, cite
from kb.tools.memory import LADDER, Context, DeviceCount, FitArguments, Parts, SystemMemory, fit_of, resolve_parts
from kb.tools.resolve import (
    DeviceArgument,
    ResolvedDevices,
    ResolvedModel,
    native_quantization,
    resolve_devices,
    resolve_model,
    resolve_quantization,
    resolve_weights,
)
from kb.tools.views import disputes_about

_NOTHING = Range(low=0.0, typical=0.0, high=0.0)


class PublishedMeasurement(Record):
    """A published measurement of this very case, or of the nearest that we hold; shown beside the estimate."""

    name: str
    slug: str
    device_count: int
    quantization: str | None
    depth_tokens: int | None
    decode_tokens_per_s: float | tuple[float, float]
    source: str
    section: str
    as_of: str | None
    same_quantization: bool


class SpeedAnswer(Speed, Result):
    """``Speed`` with the names as they were understood and whether it fits; all zero where it does not."""

    model: str
    quantization: str
    device: str
    verdict: str
    measured: PublishedMeasurement | None = None


def speed_of(parts: Parts, fit: Fit, arguments: FitArguments) -> Speed:
    """The speed at the placement that ``check_fit`` found."""
    if fit.verdict == "does_not_fit":
        return Speed(
            decode_tokens_per_s=_NOTHING,
            ceiling_tokens_per_s=0.0,
            prefill_tokens_per_s=_NOTHING,
            time_to_first_token_s=0.0,
            bottleneck="memory: it does not fit",
            bytes_read_per_token_gb=round(parts.weights.active_bytes / GB, 3),
            formula=fit.formula,
            assumptions=fit.assumptions,
            warnings=("it does not fit, so there is no speed to estimate",),
        )
    speed = _estimate(parts, fit.offload, arguments)
    return speed.model_copy(
        update={"assumptions": (*parts.notes, *speed.assumptions), "warnings": (*fit.warnings, *speed.warnings)}
    )


def decode_speed(parts: Parts, arguments: FitArguments) -> Range:
    """The decode speed of what the devices hold whole."""
    return _estimate(parts, None, arguments).decode_tokens_per_s


def _estimate(parts: Parts, offload: Offload | None, arguments: FitArguments) -> Speed:
    if not parts.devices.bandwidth_known:
        raise InvalidArgument("device.memory_bandwidth_gb_per_s", None, "the memory bandwidth: a speed depends on it")
    return estimate_speed(
        parts.model.architecture,
        parts.weights,
        parts.devices.devices,
        quantization_family=parts.quantization.record.family,
        context=arguments.context,
        kv_cache_type=arguments.kv_cache_type,
        flash_attention=arguments.flash_attention,
        concurrency=arguments.concurrency,
        offload=offload,
    )


def run_estimate_speed(catalogue: Catalogue, arguments: FitArguments) -> SpeedAnswer:
    return speed_answer(catalogue, resolve_parts(catalogue, arguments), arguments)


def speed_answer(catalogue: Catalogue, parts: Parts, arguments: FitArguments) -> SpeedAnswer:
    fit = fit_of(parts, arguments)
    speed = speed_of(parts, fit, arguments)
    if parts.devices.memory_asked and fit.verdict == "fits":
        note = f"{parts.devices.label} has the {fit.required_gb:g} GB of memory that this takes; its size was not given"
        speed = speed.model_copy(update={"assumptions": (note, *speed.assumptions)})
    return SpeedAnswer(
        **{name: getattr(speed, name) for name in Speed.model_fields},
        model=parts.model.label,
        quantization=parts.quantization.record.name,
        device=parts.devices.label,
        verdict=fit.verdict,
        measured=nearest_measurement(catalogue, parts),
        citations=cite(catalogue, parts.references),
    )


def nearest_measurement(catalogue: Catalogue, parts: Parts) -> PublishedMeasurement | None:
    """Of the same device, as many of them, and the same architecture; the same quantization first, then public
    benchmarks before the documents' claims."""
    model, quantization, devices = parts.model, parts.quantization, parts.devices
    found: list[tuple[bool, bool, int, Measurement]] = []
    for record in catalogue.known.specs["measurements"].values():
        assert isinstance(record, Measurement)
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
    named = catalogue.known.specs["quantizations"].get(record.quantization or "")
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
    other = catalogue.known.specs["models"][slug]
    assert isinstance(other, LanguageModel)
    family = {model.record.slug, model.record.same_architecture_as or model.record.slug}
    return other.slug in family or other.same_architecture_as in family


class WhatRunsOnArguments(Arguments):
    device: DeviceArgument
    device_count: DeviceCount = 1
    context: Context = 8192
    quantization: Name | None = Field(None, description="only this one; without it, the best that fits for each model")
    models: Annotated[tuple[Name, ...], Field(max_length=100)] | None = Field(None, description="only these")
    limit: Annotated[Whole, Field(ge=1, le=200)] = 20
    system_memory_gb: SystemMemory | None = None


class RunnableModel(Record):
    model: str
    slug: str
    params_billions: float
    quantization: str
    required_gb: float
    headroom_gb: float
    max_context: int
    decode_tokens_per_s: Range | None
    """None where the device's memory bandwidth is not given."""


class WhatRunsOnAnswer(Result):
    """Models that fit whole at a type that keeps their quality (4 bits and up), the largest first."""

    device: str
    models: tuple[RunnableModel, ...]
    count: int
    formula: str
    assumptions: tuple[str, ...]


GOOD_TYPES = tuple(slug for slug in LADDER if slug in ("q8_0", "q6_k", "q5_k_m", "q4_k_m"))


def run_what_runs_on(catalogue: Catalogue, arguments: WhatRunsOnArguments) -> WhatRunsOnAnswer:
    devices = resolve_devices(catalogue, arguments.device, arguments.device_count, arguments.system_memory_gb)
    devices.require_memory()
    held: list[tuple[Parts, FitArguments]] = []
    for record in _models_meant(catalogue, arguments):
        native = native_quantization(record)
        types = (arguments.quantization,) if arguments.quantization else (native,) if native else GOOD_TYPES
        best = _best(catalogue, record, types, arguments, devices)
        if best:
            held.append(best)
    held.sort(key=lambda entry: (-entry[0].model.architecture.params_total, entry[0].model.label))
    kind = arguments.quantization or "Q4_K_M or better"
    return WhatRunsOnAnswer(
        device=devices.label,
        models=tuple(_runnable(parts, asked) for parts, asked in held[: arguments.limit]),
        count=len(held),
        formula=(
            f"{len(held)} models of the catalogue hold weights ({kind}), {arguments.context:,} tokens of cache and "
            f"buffers in {devices.label}'s memory"
        ),
        assumptions=(*devices.notes, f"a context of {arguments.context:,} tokens, nothing offloaded"),
        citations=cite(catalogue, devices.references),
    )


def _models_meant(catalogue: Catalogue, arguments: WhatRunsOnArguments) -> list[LanguageModel]:
    """The models named, or the catalogue without twins of one architecture."""
    known = catalogue.known.specs["models"]
    if arguments.models is not None:
        named = [known[catalogue.names.resolve(("models",), name, "model").slug] for name in arguments.models]
    else:
        named = list(known.values())
    models = [record for record in named if isinstance(record, LanguageModel) and record.params_total is not None]
    return [record for record in models if arguments.models is not None or not record.same_architecture_as]


def _best(
    catalogue: Catalogue,
    record: LanguageModel,
    types: tuple[str, ...],
    arguments: WhatRunsOnArguments,
    devices: ResolvedDevices,
) -> tuple[Parts, FitArguments] | None:
    """The largest of ``types`` at which the devices hold the model and the context."""
    limit = record.max_position_embeddings
    if limit is not None and limit.value < arguments.context:
        return None
    try:
        model = resolve_model(catalogue, record.slug)
    except InvalidArgument:
        return None
    for slug in types:
        asked = FitArguments(
            model=record.slug,
            quantization=slug,
            device=arguments.device,
            device_count=arguments.device_count,
            context=arguments.context,
        )
        quantization = resolve_quantization(catalogue, slug)
        parts = Parts(model, quantization, devices, resolve_weights(catalogue, model, quantization))
        if parts.holds(asked):
            return parts, asked
    return None


def _runnable(parts: Parts, asked: FitArguments) -> RunnableModel:
    held = parts.requirement(asked)
    assert parts.model.slug is not None
    return RunnableModel(
        model=parts.model.label,
        slug=parts.model.slug,
        params_billions=round(parts.model.architecture.params_total / 1e9, 2),
        quantization=parts.quantization.record.name,
        required_gb=held.required_gb,
        headroom_gb=held.headroom_gb,
        max_context=parts.longest_context(asked),
        decode_tokens_per_s=decode_speed(parts, asked) if parts.devices.bandwidth_known else None,
    )


ESTIMATE_SPEED = Tool(
    "estimate_speed",
    "How fast a model generates on a device: decode speed as a range that holds about 80 % of measurements, the "
    "bandwidth ceiling, prefill speed, time to first token, and what limits it.",
    FitArguments,
    SpeedAnswer,
    run_estimate_speed,
    {"model": "llama 3.1 8b", "quantization": "q4_k_m", "device": "RTX 4090", "context": 2048},
)
WHAT_RUNS_ON = Tool(
    "what_runs_on",
    "Which models of the catalogue fit whole on a device, the largest first, with the quantization and the speed.",
    WhatRunsOnArguments,
    WhatRunsOnAnswer,
    run_what_runs_on,
    {"device": "RTX 3060 12GB", "limit": 10},
)
