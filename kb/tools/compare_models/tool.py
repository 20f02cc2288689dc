"""Models side by side: size, memory, what is read for each token, and how they do on a device."""

from collections.abc import Callable
from typing import Annotated

from pydantic import Field

from kb.calc.memory.kv_cache import bytes_per_token
from kb.calc.results import Range, Verdict
from kb.catalogue import Catalogue
from kb.catalogue.records import Record, SourceRef
from kb.catalogue.units import GB
from kb.errors import InvalidArgument
from kb.tools.base import Arguments, Result, cite, tool
from kb.tools.shared.fitting import (
    Context,
    DeviceCount,
    FitArguments,
    KvCacheType,
    Parts,
    QuantizationArgument,
    ReservedMemory,
    SystemMemory,
    fit_of,
    resolve_parts,
    shared_with_fit,
    within_limit,
)
from kb.tools.shared.given import ROOMY
from kb.tools.shared.resolve import DeviceArgument, ModelArgument
from kb.tools.shared.speed import placed_speed

ALIKE = 1.15
"""Speeds that are less than so many times apart are called alike: the estimate is no finer."""


class CompareModelsArguments(Arguments):
    models: Annotated[tuple[ModelArgument, ...], Field(min_length=2, max_length=4)]
    """Two to four, each a name, a size or an object of config keys."""
    device: DeviceArgument | None = None
    """Where they are to run; without it, memory and reads alone are compared."""
    device_count: DeviceCount = 1
    quantization: QuantizationArgument = None
    context: Context = 8192
    kv_cache_type: KvCacheType = "f16"
    system_memory_gb: SystemMemory | None = None
    reserved_gib: ReservedMemory | None = None


class ComparedModel(Record):
    """One row. Of a device there is a verdict and, where its bandwidth is known, a speed."""

    model: str
    name: str
    """The same in short, where a size was named instead of a model."""
    quantization: str
    params_billions: float
    """Parameters in all."""
    active_billions: float
    """Parameters that each token passes through; fewer than all in a mixture of experts."""
    is_mixture: bool
    """Whether it is a mixture of experts, few of which are read for each token."""
    weights_gb: float
    required_gb: float
    """With the cache and buffers."""
    read_per_token_gb: float
    """What is read from memory for each token."""
    kb_per_token: float
    """What each token of context takes in the cache, in kB (1,000 bytes)."""
    model_context_limit: int | None
    released: str | None
    """A year or a month."""
    verdict: Verdict | None = None
    """Whether the device holds it; null without a device."""
    decode_tokens_per_s: Range | None = None
    """On the device; null without one."""
    max_context: int | None = None
    """Tokens that fit on the device; null without one."""


class CompareModelsAnswer(Result):
    """The conclusions name models by ``name``; None where they are alike, or where nothing is known."""

    models: tuple[ComparedModel, ...]
    """One row each."""
    device: str | None
    """As it was understood; null without one."""
    context: int
    smallest: str
    """The one that needs the least memory, and ``largest`` the most."""
    largest: str
    """The one that needs the most memory."""
    memory_ratio: float
    """What the largest needs against the smallest."""
    fastest: str | None
    """On the device, else by what each token reads; ``slowest`` the other end."""
    slowest: str | None
    """The other end."""
    speed_ratio: float | None
    """The fastest against the slowest."""
    fitting: tuple[str, ...] = ()
    """Those that the device holds whole."""
    recommended: str | None = None
    """Of those that fit, the one with the most parameters; None without a device."""
    formula: str
    assumptions: tuple[str, ...]


def run(catalogue: Catalogue, arguments: CompareModelsArguments) -> CompareModelsAnswer:
    shared = shared_with_fit(arguments) | {"device": arguments.device or ROOMY}
    rows: list[ComparedModel] = []
    references: dict[str, tuple[SourceRef, ...]] = {}
    notes: list[str] = []
    for model in arguments.models:
        asked = FitArguments(**shared, model=model)
        parts = resolve_parts(catalogue, asked)
        if arguments.device is not None:
            parts.devices.require_memory()
        rows.append(_row(parts, within_limit(parts.model, asked), on_device=arguments.device is not None))
        references |= parts.references
        notes += [note for note in parts.notes if note not in notes]
        label = parts.devices.label
    if len({row.model for row in rows}) < len(rows):
        raise InvalidArgument("models", [row.model for row in rows], "two to four models that differ")
    smallest, largest = _ends(rows, lambda row: row.required_gb)
    fast = [row for row in rows if row.verdict != "does_not_fit"]
    slowest, fastest = _ends(fast, _speed) if len(fast) > 1 else (None, None)
    ratio = _speed(fastest) / _speed(slowest) if fastest and slowest else None
    differ = ratio is not None and ratio >= ALIKE
    fitting = [row for row in rows if row.verdict == "fits"]
    chosen = max(fitting, key=lambda row: row.params_billions, default=None)
    sums = "; ".join(
        f"{row.model} at {row.quantization}: {row.required_gb:g} GB, {row.read_per_token_gb:g} GB read per token"
        for row in rows
    )
    return CompareModelsAnswer(
        models=tuple(rows),
        device=label if arguments.device is not None else None,
        context=arguments.context,
        smallest=smallest.name,
        largest=largest.name,
        memory_ratio=_ratio(largest.required_gb / smallest.required_gb),
        fastest=fastest.name if fastest and differ else None,
        slowest=slowest.name if slowest and differ else None,
        speed_ratio=_ratio(ratio) if ratio is not None else None,
        fitting=tuple(row.name for row in fitting),
        recommended=chosen.name if chosen else None,
        formula=sums,
        assumptions=tuple(notes),
        citations=cite(catalogue, references),
    )


def _row(parts: Parts, asked: FitArguments, *, on_device: bool) -> ComparedModel:
    architecture, record = parts.model.architecture, parts.model.record
    fit = fit_of(parts, asked)
    speed = placed_speed(parts, fit, asked) if on_device and parts.devices.bandwidth_known else None
    has_speed = speed is not None and fit.verdict != "does_not_fit"
    return ComparedModel(
        model=parts.model.label,
        name=parts.model.short or parts.model.label,
        quantization=parts.quantization.record.name,
        params_billions=round(architecture.params_total / 1e9, 1),
        active_billions=round(architecture.params_active / 1e9, 1),
        is_mixture=architecture.experts is not None,
        weights_gb=round(parts.weights.total_bytes / GB, 2),
        required_gb=fit.required_gb,
        read_per_token_gb=round(parts.weights.active_bytes / GB, 2),
        kb_per_token=round(bytes_per_token(architecture, asked.context, asked.kv_cache_type) / 1000, 2),
        model_context_limit=architecture.max_position_embeddings or None,
        released=record.released.value if record and record.released else None,
        verdict=fit.verdict if on_device else None,
        decode_tokens_per_s=speed.decode_tokens_per_s if speed and has_speed else None,
        max_context=fit.max_context if on_device else None,
    )


def _speed(row: ComparedModel) -> float:
    """On the device; without one, as the reading of the weights has it."""
    return row.decode_tokens_per_s.typical if row.decode_tokens_per_s else 1 / max(row.read_per_token_gb, 0.001)


def _ends(rows: list[ComparedModel], key: Callable[[ComparedModel], float]) -> tuple[ComparedModel, ComparedModel]:
    return min(rows, key=key), max(rows, key=key)


def _ratio(value: float) -> float:
    return round(value, 1 if value < 10 else 0)


TOOL = tool(
    run,
    "Two to four models side by side: parameters and how many of them each token uses, memory, context, and on a "
    "device whether each fits and how fast it is; with a conclusion.",
)
