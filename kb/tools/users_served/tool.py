"""How many people can use a model on a device at once: by memory, and by the speed that each is to get."""

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field

from kb.calc.memory.kv_cache import kv_cache_bytes
from kb.calc.results import Range
from kb.catalogue import Catalogue
from kb.catalogue.records import Engine
from kb.catalogue.units import GB
from kb.tools.base import Arguments, Real, Result, Whole, cite, tool
from kb.tools.shared.fitting import (
    Context,
    DeviceCount,
    FitArguments,
    KvCacheType,
    MemoryShare,
    QuantizationArgument,
    ReservedMemory,
    SystemMemory,
    fit_of,
    resolve_parts,
    shared_with_fit,
    within_limit,
)
from kb.tools.shared.resolve import DeviceArgument, ModelArgument
from kb.tools.shared.speed import speed_at

MOST_USERS = 4096
COMFORTABLE_TOKENS_PER_S = 8.0
"""About as fast as people read: 238 words a minute of English (Brysbaert 2019, doi:10.1016/j.jml.2019.104047) are 4.0
words a second, at some 1.3 tokens each 5.2 tokens, with half as much again so that nobody waits."""


class UsersArguments(Arguments):
    model: ModelArgument
    quantization: QuantizationArgument = None
    device: DeviceArgument
    device_count: DeviceCount = 1
    context: Context = 8192
    kv_cache_type: KvCacheType = "f16"
    system_memory_gb: SystemMemory | None = None
    reserved_gib: ReservedMemory | None = None
    memory_share: MemoryShare | None = None
    users: Annotated[Whole, Field(ge=1, le=10_000)] | None = Field(None, description="how many there are to be")
    tensor_parallel: bool | None = Field(
        None,
        description="all cards work on each token; the default for many users",
    )
    min_tokens_per_s: Annotated[Real, Field(ge=0.01, le=10_000)] = Field(
        COMFORTABLE_TOKENS_PER_S, description="what each is to get at least while all of them write"
    )


class UsersAnswer(Result):
    """Users at once are conversations that are being answered at the same moment, each with its own context."""

    model: str
    quantization: str
    device: str
    context: int
    kv_cache_type: KvCacheType
    min_tokens_per_s: float
    """What each is to get at least."""
    users_by_memory: int
    """How many conversations fit beside the weights; 0 where not even one does."""
    users: int | None
    """How many of them get at least ``min_tokens_per_s`` each; None where the bandwidth is not given."""
    limited_by: Literal["memory", "speed", "weights"]
    """What sets the number."""
    weights_gb: float
    kv_cache_gb_per_user: float
    """What the cache of each takes."""
    available_gb: float
    decode_tokens_per_s_alone: Range | None = None
    """What one alone gets."""
    decode_tokens_per_s_each: Range | None = None
    """With so many users as ``users``."""
    aggregate_tokens_per_s: Range | None = None
    """Of all together."""
    users_asked: int | None = None
    """How many there are to be; null where nobody said."""
    enough: bool | None = None
    """Whether ``users_asked`` fit and each gets the speed; None where nobody asked."""
    decode_tokens_per_s_asked: Range | None = None
    """What each of ``users_asked`` would get, where they fit."""
    required_gb_asked: float | None = None
    """What so many need."""
    tensor_parallel: bool = False
    """Whether several cards work on each token together."""
    engines: tuple[str, ...]
    """Programs of the catalogue that are made to serve several users."""
    formula: str
    assumptions: tuple[str, ...]


def run(catalogue: Catalogue, arguments: UsersArguments) -> UsersAnswer:
    given = shared_with_fit(arguments)
    asked = FitArguments(**{name: value for name, value in given.items() if name != "tensor_parallel"})
    parts = resolve_parts(catalogue, asked)
    parts.devices.require_memory()
    at_once = len(parts.devices.devices) > 1 if arguments.tensor_parallel is None else arguments.tensor_parallel
    asked = within_limit(parts.model, asked).model_copy(update={"tensor_parallel": at_once})
    wanted = arguments.min_tokens_per_s
    has_speed = parts.devices.bandwidth_known

    def of(users: int) -> FitArguments:
        return asked.model_copy(update={"concurrency": users})

    def each(users: int) -> Range:
        return speed_at(parts, None, of(users)).decode_tokens_per_s

    by_memory = _most(MOST_USERS, lambda users: parts.holds(of(users)))
    by_speed = _most(by_memory, lambda users: each(users).typical >= wanted) if has_speed else None
    served = by_speed if by_speed is not None else by_memory
    fit = fit_of(parts, of(max(1, by_memory)))
    per_user = kv_cache_bytes(parts.model.architecture, asked.context, asked.kv_cache_type, 1)
    limited: Literal["memory", "speed", "weights"] = "memory" if served == by_memory else "speed"
    together = speed_at(parts, None, of(served)).aggregate_tokens_per_s if has_speed and served else None
    there = arguments.users
    fits_asked = there is not None and parts.holds(of(there))
    return UsersAnswer(
        model=parts.model.label,
        quantization=parts.quantization.record.name,
        device=parts.devices.label,
        context=asked.context,
        kv_cache_type=asked.kv_cache_type,
        min_tokens_per_s=wanted,
        users_by_memory=by_memory,
        users=by_speed,
        limited_by=limited if by_memory else "weights",
        weights_gb=fit.breakdown.weights_gb,
        kv_cache_gb_per_user=round(per_user / GB, 3),
        available_gb=fit.available_gb,
        decode_tokens_per_s_alone=each(1) if has_speed and by_memory else None,
        decode_tokens_per_s_each=each(served) if has_speed and served else None,
        aggregate_tokens_per_s=together,
        users_asked=there,
        enough=None if there is None else there <= served,
        decode_tokens_per_s_asked=each(there) if there and fits_asked and has_speed else None,
        required_gb_asked=parts.requirement(of(there)).required_gb if there else None,
        tensor_parallel=at_once,
        engines=tuple(_engines(catalogue)),
        formula=fit.formula,
        assumptions=fit.assumptions,
        citations=cite(catalogue, parts.references),
    )


def _most(limit: int, holds: Callable[[int], bool]) -> int:
    """The largest count up to ``limit`` for which ``holds``, which is false from some count on.

    >>> _most(4096, lambda count: count <= 21), _most(8, lambda count: False)
    (21, 0)
    """
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low


def _engines(catalogue: Catalogue) -> list[str]:
    """Of those that serve many users, first the ones that were not made for one with a part in RAM."""
    engines = catalogue.known.of(Engine).values()
    serving = [engine for engine in engines if engine.multi_user and engine.multi_user.value]
    return [engine.name for engine in sorted(serving, key=lambda one: bool(one.cpu_offload and one.cpu_offload.value))]


TOOL = tool(
    run,
    "How many people can use a model on a device at the same time: how many conversations the memory holds, how many "
    "of them get at least a given speed each, and whether a given number of users is served.",
)
