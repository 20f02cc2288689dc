"""Does a model at a quantization fit on a device?"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from pydantic import Field

from kb.calc.memory.commands import ALL_LAYERS
from kb.calc.memory.overhead import DEFAULT_SYSTEM_MEMORY_BYTES
from kb.calc.parallel import head_split
from kb.calc.results import Fit
from kb.catalogue import Catalogue
from kb.catalogue.records import LanguageModel, Record
from kb.catalogue.units import GB, GIB
from kb.tools.base import Result, cite, tool
from kb.tools.shared.fitting import (
    IMAGE_SIZE,
    LOSSY,
    TIGHT,
    FitArguments,
    KvCacheType,
    Parts,
    fit_of,
    parts_of,
    reads_images,
    resolve_parts,
    shared_with_fit,
    smaller_types,
    within_limit,
)
from kb.tools.shared.resolve import quantization_for, resolve_devices, resolve_model, resolve_quantization
from kb.tools.shared.running import models_for, usual_type

MOST_CARDS = 16
"""How many equal cards are tried as a way out; more are no longer one machine."""
SMALLER = 0.9
"""A size that is called by almost as many parameters is the same size."""


Change = Literal[
    "more_devices", "smaller_quantization", "shorter_context", "smaller_cache_type", "smaller_model", "other_placement"
]


class WayOut(Record):
    """What to change so that all of it is held by the device; the rest stays as it was asked for."""

    change: Change
    """What is changed."""
    device: str
    """With it: the device or devices."""
    model: str
    """With it: the model."""
    size: str
    """Of another model: how large it is (``14B``)."""
    quantization: str
    context: int
    kv_cache_type: KvCacheType
    options: str = ""
    """Of another placement: how llama.cpp is told of it."""
    required_gb: float
    is_lossy: bool = False
    """Whether the quantization costs quality that is easy to notice."""


class TensorParallel(Record):
    """How a server that lets all cards work on each token can use them, where it refuses so many: each has to take an
    equal number of attention heads."""

    heads: int
    """Attention heads of the model."""
    cards: int
    """How many there are."""
    tensor: int
    """The most that work on each token."""
    tensor_of_all: int
    """Of all of them, so many on each token, in ``pipeline`` stages one after another."""
    pipeline: int
    """Stages of the pipeline then."""
    fewer_hold_it: bool
    """Whether ``tensor`` cards hold the model."""


class Beyond(Record):
    """What else the device holds, of the models that people run now and at the usual type of each."""

    largest: str | None = None
    """The largest that it holds whole; null where it is no larger than the one asked about."""
    largest_required_gb: float | None = None
    """What that one needs."""
    too_large: str | None = None
    """The smallest that it does not hold, larger than that."""
    too_large_required_gb: float | None = None
    """What that one needs."""


class Seeing(Record):
    """What images take, where there are some."""

    images: int
    """How many."""
    tokens_each: int | None
    """Of each; null where it is not known."""
    tokens: int | None
    """Of all, which are a part of the context."""
    image_size: str
    """Of each, in pixels; empty where it does not matter."""
    projector_gb: float
    """What sees, with its buffer."""


class CheckArguments(FitArguments):
    beyond: bool = Field(False, description="also the largest model that fits, and the next that does not")


class FitAnswer(Fit, Result):
    """``Fit`` with the names as they were understood."""

    model: str
    quantization: str
    device: str
    context: int
    concurrency: int
    options: str = ""
    """How llama.cpp was told to place it; empty where that was left to it."""
    active_percent: float | None = None
    """Of a mixture of experts: the percentage of its parameters that each token passes through; all have to be held."""
    model_context_limit: int | None = None
    """How many tokens the model itself can read; None where it is not known."""
    within_model_limit: bool = True
    """Whether the model can read so much at all."""
    memory_kind: Literal["own", "shared", "system"] = "own"
    """The device's own, shared with the operating system, or the processor's RAM."""
    sold_as_gb: float
    """The memory as it is printed on the box: 24 GB are 24 GiB, 25.8 GB of 10^9 bytes."""
    memory_share: float | None = None
    """Of the memory, what the program may take, where it was told."""
    is_tight: bool = False
    """It fits, with so little room that nothing else may run."""
    can_offload: bool = False
    """Whether a part may stay in system memory: of GGUF weights, beside a device with memory of its own."""
    system_memory_gb: float | None = None
    """As printed (64 means 64 GiB), where it matters; ``system_memory_assumed`` where nobody named it."""
    system_memory_assumed: bool = False
    """Nobody named it."""
    ways_out: tuple[WayOut, ...] = ()
    """What would make it fit whole."""
    beyond: Beyond | None = None
    """Where it was asked for: what else fits."""
    reads_images: bool | None = None
    """Where images are to be shown: whether the model is known to read them; null of a size and of given figures."""
    seeing: Seeing | None = None
    """Where images are shown to a model that reads them."""
    hosts: int = 1
    """Computers that the devices are spread over."""
    tensor_parallel: TensorParallel | None = None
    """Where all cards were to work on each token, and servers refuse so many."""
    equal_share_gb: float | None = None
    """Of unequal cards that are to work on each token: what each gets, as their shares are equal."""
    smallest_card_gb: float | None = None
    """Of such cards: what the smallest has."""


def fit_named(catalogue: Catalogue, arguments: FitArguments) -> FitAnswer:
    return fit_answer(catalogue, resolve_parts(catalogue, arguments), arguments)


def run(catalogue: Catalogue, arguments: CheckArguments) -> FitAnswer:
    parts = resolve_parts(catalogue, arguments)
    answer = fit_answer(catalogue, parts, arguments)
    return answer.model_copy(update={"beyond": _beyond(catalogue, parts, arguments)}) if arguments.beyond else answer


def _beyond(catalogue: Catalogue, parts: Parts, arguments: FitArguments) -> Beyond:
    asked = parts.model.architecture.params_total
    largest: tuple[str, float] | None = None
    for record in reversed(models_for(catalogue)):  # the smallest first
        model = resolve_model(catalogue, record.slug)
        quantization = resolve_quantization(catalogue, usual_type(record))
        tried = parts_of(catalogue, model, quantization, parts.devices)
        if model.architecture.params_total <= asked:
            continue
        load = within_limit(model, FitArguments(**shared_with_fit(arguments)))
        need = tried.requirement(load)
        if need.verdict == "fits":
            largest = (model.label, need.required_gb)
        elif largest is None or need.required_gb > largest[1]:
            first = (model.label, need.required_gb)
            break
    else:
        first = None
    return Beyond(
        largest=largest[0] if largest else None, largest_required_gb=largest[1] if largest else None,
        too_large=first[0] if first else None, too_large_required_gb=first[1] if first else None,
    )  # fmt: skip


def fit_answer(catalogue: Catalogue, parts: Parts, arguments: FitArguments) -> FitAnswer:
    parts.devices.require_memory()
    arguments = within_limit(parts.model, arguments)
    fit = fit_of(parts, arguments)
    limit = parts.model.architecture.max_position_embeddings or None
    each = parts.devices.each
    kind: Literal["own", "shared", "system"] = (
        "system" if each.backend == "cpu" else "shared" if each.unified_memory else "own"
    )
    can_offload = kind == "own" and parts.quantization.record.format == "gguf"
    needs_ram = can_offload and fit.verdict != "fits"
    given = arguments.system_memory_gb
    sizes = {device.memory_bytes for device in parts.devices.devices}
    unequal = arguments.tensor_parallel and len(sizes) > 1
    return FitAnswer(
        **{name: getattr(fit, name) for name in Fit.model_fields},
        model=parts.model.label,
        quantization=parts.quantization.record.name,
        device=parts.devices.label,
        context=arguments.context,
        concurrency=arguments.concurrency,
        hosts=parts.devices.network.hosts,
        options=(arguments.options or "") if parts.load(arguments).is_placed else "",
        active_percent=_active_percent(parts),
        model_context_limit=limit,
        within_model_limit=limit is None or arguments.context <= limit,
        memory_kind=kind,
        sold_as_gb=round(parts.devices.memory_bytes / GIB, 1),
        memory_share=arguments.memory_share,
        is_tight=fit.verdict == "fits" and fit.headroom_gb < TIGHT * fit.available_gb,
        can_offload=can_offload,
        system_memory_gb=(given or DEFAULT_SYSTEM_MEMORY_BYTES / GIB) if needs_ram else None,
        system_memory_assumed=needs_ram and given is None,
        ways_out=tuple(_ways_out(catalogue, parts, arguments, fit)) if fit.verdict != "fits" else (),
        reads_images=reads_images(parts.model) if arguments.images else None,
        seeing=_seeing(parts, arguments, fit),
        tensor_parallel=_tensor_parallel(parts, arguments),
        equal_share_gb=round(fit.required_gb / len(parts.devices.devices), 3) if unequal else None,
        smallest_card_gb=round(min(sizes) / GB, 3) if unequal else None,
        citations=cite(catalogue, parts.references),
    )


def _seeing(parts: Parts, arguments: FitArguments, fit: Fit) -> Seeing | None:
    projector, each = parts.projector, parts.image_tokens(arguments)
    if projector is None or not arguments.images:
        return None
    return Seeing(
        images=arguments.images,
        tokens_each=each or None,
        tokens=each * arguments.images or None,
        image_size=(arguments.image_size or IMAGE_SIZE) if projector.token_side else "",
        projector_gb=fit.breakdown.projector_gb,
    )


def _active_percent(parts: Parts) -> float | None:
    architecture = parts.model.architecture
    return round(100 * architecture.params_active / architecture.params_total, 1) if architecture.experts else None


def _tensor_parallel(parts: Parts, arguments: FitArguments) -> TensorParallel | None:
    cards = len(parts.devices.devices)
    heads = parts.model.architecture.num_attention_heads
    split = head_split(heads, cards) if arguments.tensor_parallel and cards > 1 else None
    if split is None:
        return None
    fewer = replace(parts.devices, devices=parts.devices.devices[: split.tensor])
    return TensorParallel(
        heads=heads, cards=cards, tensor=split.tensor, tensor_of_all=split.tensor_of_all, pipeline=split.pipeline,
        fewer_hold_it=replace(parts, devices=fewer).holds(arguments),
    )  # fmt: skip


def _ways_out(catalogue: Catalogue, parts: Parts, arguments: FitArguments, fit: Fit) -> Iterator[WayOut]:
    """Each change that alone is enough. Of a placement that somebody asked for and that holds, there is none."""
    if parts.load(arguments).is_placed:
        if fit.verdict == "does_not_fit":
            yield from _placed_otherwise(parts, arguments.model_copy(update={"options": None}))
        return
    ways = [*_more_devices(catalogue, parts, arguments)]
    if smaller := next(smaller_types(catalogue, parts, arguments), None):
        is_lossy = smaller.quantization.record.slug in LOSSY
        ways.append(_way("smaller_quantization", smaller, arguments, is_lossy=is_lossy))
    if fit.max_context > parts.load(arguments).seen_tokens:
        ways.append(_way("shorter_context", parts, arguments.model_copy(update={"context": fit.max_context})))
    elif fit.breakdown.kv_cache_gb > fit.breakdown.weights_gb / 10 and arguments.kv_cache_type == "f16":
        shrunk = arguments.model_copy(update={"kv_cache_type": "q8_0"})
        if parts.holds(shrunk):
            ways.append(_way("smaller_cache_type", parts, shrunk))
    if all(way.is_lossy or way.change == "more_devices" for way in ways):
        ways += _smaller_model(catalogue, parts, arguments)
    yield from ways


def _way(
    change: Change,
    parts: Parts,
    arguments: FitArguments,
    *,
    is_lossy: bool = False,
) -> WayOut:
    return WayOut(
        change=change,
        device=parts.devices.label,
        model=parts.model.label,
        size=parts.model.size.upper() if change == "smaller_model" else "",
        quantization=parts.quantization.record.name,
        context=arguments.context,
        kv_cache_type=arguments.kv_cache_type,
        required_gb=parts.requirement(arguments).required_gb,
        is_lossy=is_lossy,
    )


def _placed_otherwise(parts: Parts, arguments: FitArguments) -> Iterator[WayOut]:
    """What is put where as much as possible goes on the device."""
    fit = fit_of(parts, arguments)
    if fit.verdict == "does_not_fit":
        return
    way = _way("other_placement", parts, arguments)
    offload = fit.offload
    if offload is None:
        told = "-ngl all"
    elif offload.experts_on_cpu_layers:
        whole = offload.layers_on_device == offload.layers_total
        layers = ALL_LAYERS if whole else offload.layers_on_device + 1
        told = f"-ngl {layers} --n-cpu-moe {offload.experts_on_cpu_layers}"
    else:
        told = f"-ngl {offload.layers_on_device + 1}"
    yield way.model_copy(update={"options": told})


def _more_devices(catalogue: Catalogue, parts: Parts, arguments: FitArguments) -> Iterator[WayOut]:
    """The fewest equal cards that hold it; only cards can be put together in one machine."""
    devices = parts.devices
    if devices.kind != "accelerators" or devices.each.unified_memory or len(devices.devices) >= MOST_CARDS:
        return
    assert devices.slug is not None
    each = resolve_devices(catalogue, devices.slug)
    for count in range(2, MOST_CARDS + 1):
        more = replace(each, devices=each.devices * count, label=f"{count}× {each.label}")
        if len(more.devices) > len(devices.devices) and (tried := replace(parts, devices=more)).holds(arguments):
            yield _way("more_devices", tried, arguments)
            return


def _smaller_model(catalogue: Catalogue, parts: Parts, arguments: FitArguments) -> Iterator[WayOut]:
    """The largest of the usual sizes that fits, of the models that stand for one."""
    named = [record.stands_for_size for record in catalogue.known.of(LanguageModel).values()]
    sizes = sorted((float(size.removesuffix("b")), size) for size in named if size)
    for billions, size in reversed(sizes):
        if billions * 1e9 >= SMALLER * parts.model.architecture.params_total:
            continue
        model = resolve_model(catalogue, size)
        if 0 < model.architecture.max_position_embeddings < arguments.context:
            continue
        tried = parts_of(catalogue, model, quantization_for(catalogue, model, None), parts.devices)
        if tried.holds(arguments):
            yield _way("smaller_model", tried, arguments)
            return


TOOL = tool(
    run,
    "Does a model at a quantization fit on a device (or several), at a context length? Gives the verdict, the memory "
    "it needs by part, the headroom, the longest context, what would be offloaded, and what to change where it does "
    "not fit.",
)
