"""Why a model is as fast as it is: what the memory allows, and where a speed that somebody names lies."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from kb.calc.device import Device
from kb.calc.memory.overhead import DEFAULT_SYSTEM_MEMORY_BYTES, SYSTEM_RESERVE_BYTES, shares_system_memory
from kb.calc.results import Fit, Limit, MemoryRead, Overflow, Range, Speed, Verdict
from kb.calc.speed.estimate import DEFAULT_SYSTEM_MEMORY_BYTES_PER_S, estimate_speed
from kb.catalogue import Catalogue
from kb.catalogue.records import Engine, Record
from kb.catalogue.units import GB, GIB
from kb.tools.base import Name, Real, Result, Tool, cite
from kb.tools.shared.fitting import (
    LADDER,
    TIGHT,
    Context,
    FitArguments,
    Parts,
    fit_at_usual,
    fit_of,
    resolve_parts,
    within_limit,
)
from kb.tools.shared.resolve import quantization_for, resolve_quantization, resolve_weights
from kb.tools.shared.speed import placed_speed, speed_at

Standing = Literal[
    "above_ceiling", "needs_drafts", "needs_all_cards_at_once", "fast", "as_expected", "below", "far_below"
]  # fmt: skip
PrefillStanding = Literal["fast", "as_expected", "below"]
Cause = Literal["memory_bandwidth", "compute", "fixed_costs", "link", "offload", "does_not_fit"]
Check = Literal[
    "runs_on_processor", "partly_on_processor", "shared_memory", "wrong_build", "memory_swapped", "one_memory_channel",
    "context_full", "power_limit", "old_build", "other_programs", "split", "memory_taken",
]  # fmt: skip
Help = Literal["smaller_quantization", "more_device_memory", "faster_memory", "all_cards_at_once", "mixture_of_experts"]

AT_THE_START = 512
LONG = 32_768
EXAMPLE_PROMPT = 10_000
"""Tokens of a context that is as good as empty."""
FAR_BELOW = 2.0
"""How many times slower than the typical speed nothing but a fault explains."""
LIKE_A_PROCESSOR = 1.5
"""Up to so many times what a processor reaches from system memory, a card's speed is a processor's."""
SYSTEM_GB = 16
"""What the system and the buffers take of the RAM of a machine that holds a model too large for its card."""
MORE_BITS = ("q8_0", "f16")
"""What else people run who do not say what."""
LIKE_A_DRIVE = 5.0
"""So many times slower than a processor, weights are read from the drive again and again."""

_NOT_SHORT: dict[Check, Check] = {"memory_swapped": "runs_on_processor", "one_memory_channel": "other_programs"}
"""What is likelier where another run shows that the memory suffices."""
_CAUSES: dict[Limit, Cause] = {
    "memory_bandwidth": "memory_bandwidth", "compute": "compute", "fixed_costs": "fixed_costs", "link": "link",
    "system_memory": "offload",
}  # fmt: skip


class ExplainArguments(FitArguments):
    measured_tokens_per_s: Annotated[Real, Field(ge=0.0001, le=1_000_000)] | None = Field(
        None, description="measured, claimed or hoped for; of all `concurrency` together"
    )
    drafted: bool = Field(False, description="a draft or MTP guesses ahead")
    prompt_tokens: Context | None = Field(None, description="of that prompt")
    waited_s: Annotated[Real, Field(ge=0.001, le=1_000_000)] | None = Field(
        None, description="seconds to the first word, or for a whole answer"
    )
    better_tokens_per_s: Annotated[Real, Field(ge=0.0001, le=1_000_000)] | None = Field(
        None, description="another run there: other program, version"
    )
    measured_prefill_tokens_per_s: Annotated[Real, Field(ge=0.0001, le=10_000_000)] | None = Field(
        None, description="measured reading of a prompt"
    )
    engine: Name | None = Field(None, description="the program that runs the model")
    better_engine: Name | None = Field(None, description="the program that is faster")


class Improvement(Record):
    """What would make it faster; with figures where the change is one that can be calculated."""

    help: Help
    """What to change."""
    quantization: str | None = None
    """The type of weights that it is worked out for."""
    decode_tokens_per_s: float | None = None
    """What it would be then."""


class OtherWeights(Record):
    """What holds with weights of more bits, where nobody said which there are."""

    quantization: str
    verdict: Verdict
    decode_tokens_per_s: Range
    """Of all conversations together."""


class Grown(Record):
    """A long conversation, and how fast it writes there."""

    context: int
    """Tokens in the cache: the most that fits, 32,768 at most."""
    start_tokens_per_s: float
    """With as good as nothing in the cache."""
    tokens_per_s: float
    """With so many in it."""


class Alone(Record):
    """What one conversation gets that has the device to itself."""

    decode_tokens_per_s: Range
    ceiling_tokens_per_s: float
    """What memory bandwidth allows it at most."""


class ExplainAnswer(Result):
    """All speeds are of one conversation while it writes; where there are several at once, of each of them, but for
    the two that were given."""

    model: str
    quantization: str
    device: str
    context: int
    shortened: bool = False
    """Whether no context was given and the usual one does not fit: this is the longest that does."""
    verdict: Verdict
    required_gb: float
    available_gb: float
    """Of device memory; where it does not even fit with the help of RAM, of both."""
    overflow: Overflow | None = None
    """What is too small, where the devices' memory is enough in sum."""
    can_be_read_from_drive: bool
    """Whether what no memory holds can be read from the drive for each token; of GGUF files alone."""
    reads: tuple[MemoryRead, ...]
    """What each token takes from each memory: the ceiling is 1 / the sum of GB ÷ GB/s."""
    ceiling_tokens_per_s: float
    """What memory bandwidth allows at most."""
    ceiling_is_assumed: bool
    """The bandwidth of a memory was not given: the ceiling is a guess then."""
    ceiling_all_at_once_tokens_per_s: float | None = None
    """Of several cards, where each token is worked on by all of them at once (tensor parallel)."""
    decode_tokens_per_s: Range
    """What is to be expected."""
    concurrency: int = 1
    """Conversations at once."""
    aggregate_tokens_per_s: Range | None = None
    """Of several, what is to be expected of all together."""
    aggregate_ceiling_tokens_per_s: float | None = None
    """Of several, what memory bandwidth allows all together at most."""
    alone: Alone | None = None
    """Where there are several, what one gets without the others."""
    measured_tokens_per_s: float | None
    """The one that was given, of all together; null where none was."""
    standing: Standing | None
    """Where the measured speed lies; None where none is given, or the model does not fit."""
    better_tokens_per_s: float | None = None
    """What the same machine reached with the same model, where that is more than the measured speed and possible."""
    better_standing: Standing | None = None
    """Where that lies."""
    better_engine: str | None = None
    """The program that reached it, as it was understood."""
    less_percent: float | None = None
    """How much less than that the measured speed is."""
    drafted: bool
    """Whether something guesses ahead; the speeds below are without it."""
    tokens_per_step: float | None = None
    """With a draft: how many of its guesses each step has to take for the speed, one token of the model's own among
    them; against the better of two runs, how many times as fast that is."""
    active_params_billions: float
    """What each token passes through."""
    params_billions: float
    """What the model holds; more than that in a mixture of experts."""
    in_ram_percent: float | None = None
    """Of the weights, what lies in system memory; null where nothing has to."""
    in_ram_time_percent: float | None = None
    """Of the time of each token, what reading from there takes."""
    short_context_tokens_per_s: Range | None = None
    """What is to be expected at the start of a conversation, where a longer one was named."""
    grown: Grown | None = None
    """How much slower it gets; null where it does not fit."""
    example_prompt_tokens: int
    """Of a prompt such as a program sends."""
    example_prompt_s: float
    """For reading it."""
    quantization_because: str
    """Why this one, where none was named."""
    prefill_tokens_per_s: Range
    """How fast a prompt of ``context`` tokens is read."""
    measured_prefill_tokens_per_s: float | None = None
    """What was measured of it."""
    prefill_standing: PrefillStanding | None = None
    """Where that lies; None where none is given."""
    prompt_tokens: int | None = None
    """Of the prompt that was waited for, where that is known."""
    waited_s: float | None = None
    """How long somebody waited for it, or for an answer."""
    tokens_read_while_waiting: float | None = None
    """So long a prompt takes that time, where its length is not known."""
    share_of_ceiling_percent: float | None = None
    """The measured speed against the ceiling."""
    times_below_typical: float | None = None
    """How many times as fast the typical speed is."""
    times_above_ceiling: float | None = None
    """How many times as fast as the ceiling the measured speed is."""
    implied_gb_per_s: float | None = None
    """What RAM of unknown speed must deliver at least where a speed above the guessed ceiling was measured."""
    normal_at: OtherWeights | None = None
    """Of a speed that is low for a quantization which nobody named: the larger one at which it is not."""
    possible_at: str | None = None
    """The largest common quantization at which a speed above the ceiling would be possible."""
    cause: Cause
    """What sets the speed."""
    likely: Check | None = None
    """What most likely is wrong where the speed is far below."""
    checks: tuple[Check, ...] = ()
    """What to look at, the likeliest first."""
    helps: tuple[Improvement, ...] = ()
    """What would make it faster."""
    processor_tokens_per_s: float | None = None
    """What an ordinary desktop's processor would reach with the same file: what a speed far below is held against."""
    engine: str | None = None
    """The program, as it was understood."""
    engine_can_offload: bool | None = None
    """Whether it can keep a part in system memory; null where none was named."""
    formula: str
    assumptions: tuple[str, ...]


def run(catalogue: Catalogue, arguments: ExplainArguments) -> ExplainAnswer:
    engine = _engine(catalogue, arguments.engine)
    parts, because = _parts(catalogue, arguments, engine)
    filled = "context" in arguments.model_fields_set
    arguments = arguments.model_copy(update={"context": within_limit(parts.model, arguments).context})
    arguments, fit, shortened = fit_at_usual(parts, arguments, filled)
    if arguments.measured_tokens_per_s and fit.verdict == "does_not_fit" and arguments.system_memory_gb is None:
        arguments = arguments.model_copy(update={"system_memory_gb": _memory_to_run(parts)})
        fit = fit_of(parts, arguments)
    at_start = arguments.model_copy(update={"context": AT_THE_START})
    start = placed_speed(parts, fit, at_start)
    told = arguments if filled else at_start
    speed = placed_speed(parts, fit, told, arguments.prompt_tokens or arguments.context)
    if not filled:
        # The most is possible with as good as nothing in the context; what is usual begins at the usual context.
        low = placed_speed(parts, fit, arguments).decode_tokens_per_s.low
        usual = speed.decode_tokens_per_s.model_copy(update={"low": low})
        speed = speed.model_copy(update={"decode_tokens_per_s": usual})
    at_once = _all_at_once(parts, fit, told)
    processor = _on_processor(parts, told)
    measured = _of_each(arguments.measured_tokens_per_s, arguments) if fit.verdict != "does_not_fit" else None
    standing = _standing(measured, speed, at_once, arguments.drafted) if measured is not None else None
    better, better_standing = _better(measured, standing, speed, at_once, arguments)
    other = _engine(catalogue, arguments.better_engine) if better else None
    likely = _likely(measured, parts, fit, processor) if measured is not None and standing == "far_below" else None
    if likely and better_standing not in (None, "far_below"):  # the machine is sound, as the other run shows
        likely = "split" if len(parts.devices.devices) > 1 else _NOT_SHORT.get(likely, likely)
    assumed = _is_assumed(parts, fit, arguments)
    prompts, prefill = speed.prefill_tokens_per_s, _prefill(arguments)
    is_slow, over = standing in ("below", "far_below"), standing == "above_ceiling"
    typical, ceiling = speed.decode_tokens_per_s.typical, speed.ceiling_tokens_per_s
    return ExplainAnswer(
        model=parts.model.label,
        quantization=parts.quantization.record.name,
        device=parts.devices.label,
        context=arguments.context,
        shortened=shortened,
        verdict=fit.verdict,
        required_gb=fit.required_gb,
        available_gb=_available(parts, fit, arguments),
        overflow=fit.overflow if fit.verdict == "does_not_fit" else None,
        can_be_read_from_drive=parts.load(arguments).is_gguf,
        reads=speed.reads,
        ceiling_tokens_per_s=ceiling,
        ceiling_is_assumed=assumed,
        ceiling_all_at_once_tokens_per_s=at_once,
        decode_tokens_per_s=speed.decode_tokens_per_s,
        concurrency=arguments.concurrency,
        aggregate_tokens_per_s=_of_all(speed.decode_tokens_per_s, arguments.concurrency),
        aggregate_ceiling_tokens_per_s=ceiling * arguments.concurrency if arguments.concurrency > 1 else None,
        alone=_alone(parts, told),
        measured_tokens_per_s=arguments.measured_tokens_per_s,
        standing=standing,
        better_tokens_per_s=arguments.better_tokens_per_s if better else None,
        better_standing=better_standing,
        better_engine=other.name if other else None,
        less_percent=round(100 * (1 - measured / better)) if measured and better else None,
        drafted=arguments.drafted,
        tokens_per_step=_tokens_per_step(measured, better, typical) if arguments.drafted else None,
        active_params_billions=parts.model.architecture.params_active / 1e9,
        params_billions=parts.model.architecture.params_total / 1e9,
        in_ram_percent=fit.offload.weights_offloaded_percent if fit.offload else None,
        in_ram_time_percent=_ram_time(speed) if fit.offload else None,
        short_context_tokens_per_s=start.decode_tokens_per_s if better and filled else None,
        grown=_grown(parts, fit, arguments, start.decode_tokens_per_s.typical),
        example_prompt_tokens=EXAMPLE_PROMPT,
        example_prompt_s=round(EXAMPLE_PROMPT / prompts.typical, 1) if prompts.typical else 0.0,
        quantization_because=because,
        prefill_tokens_per_s=prompts,
        measured_prefill_tokens_per_s=prefill,
        prefill_standing=_prefill_standing(prefill, prompts),
        prompt_tokens=arguments.prompt_tokens,
        waited_s=arguments.waited_s,
        tokens_read_while_waiting=round(arguments.waited_s * prompts.typical) if arguments.waited_s else None,
        share_of_ceiling_percent=round(100 * measured / ceiling, 0) if measured else None,
        times_below_typical=_times(typical, measured) if measured and is_slow else None,
        times_above_ceiling=_times(measured, ceiling) if measured and over else None,
        implied_gb_per_s=_implied(measured, speed) if measured and assumed and over else None,
        normal_at=_normal_at(catalogue, parts, arguments, measured) if measured and is_slow and not better else None,
        possible_at=_possible_at(catalogue, parts, arguments, measured) if over else None,
        cause="does_not_fit" if fit.verdict == "does_not_fit" else _CAUSES[speed.limited_by],
        likely=likely,
        checks=tuple(_checks(parts, fit, likely, other is not None)) if is_slow else (),
        helps=tuple(_helps(catalogue, parts, fit, told, at_once)),
        processor_tokens_per_s=processor,
        engine=engine.name if engine else None,
        engine_can_offload=engine.cpu_offload.value if engine and engine.cpu_offload else None,
        formula=speed.formula,
        assumptions=speed.assumptions,
        citations=cite(catalogue, parts.references),
    )


def _grown(parts: Parts, fit: Fit, arguments: FitArguments, start: float) -> Grown | None:
    if fit.verdict == "does_not_fit":
        return None
    limit = parts.model.architecture.max_position_embeddings or LONG
    context = min(LONG, limit, max(fit.max_context, arguments.context))
    longer = arguments.model_copy(update={"context": context})
    speed = placed_speed(parts, fit_of(parts, longer), longer).decode_tokens_per_s.typical
    return Grown(context=context, start_tokens_per_s=start, tokens_per_s=speed) if speed else None


def _available(parts: Parts, fit: Fit, arguments: ExplainArguments) -> float:
    """GB; of what does not fit, with the RAM that can help, without the system's share of it."""
    helps = parts.load(arguments).is_gguf and not shares_system_memory(parts.devices.devices)
    if fit.verdict != "does_not_fit" or not helps:
        return fit.available_gb
    ram = max(0.0, (arguments.system_memory_gb or 0.0) * GIB - SYSTEM_RESERVE_BYTES)
    return round(fit.available_gb + ram / GB, 3)


def _memory_to_run(parts: Parts) -> float:
    """GB of RAM in which all the weights and the system have room: what it has that somebody measured a speed on."""
    return 2.0 ** math.ceil(math.log2(parts.weights.total_bytes / GB + SYSTEM_GB))


def _of_each(total: float | None, arguments: FitArguments) -> float | None:
    """Of several conversations the speed of all together is given."""
    return None if total is None else total / arguments.concurrency


def _of_all(each: Range, count: int) -> Range | None:
    total = {name: round(value * count, 1) for name, value in each.model_dump().items()}
    return Range(**total) if count > 1 else None


def _alone(parts: Parts, arguments: FitArguments) -> Alone | None:
    if arguments.concurrency == 1:
        return None
    arguments = arguments.model_copy(update={"concurrency": 1})
    fit = fit_of(parts, arguments)
    if fit.verdict == "does_not_fit":
        return None
    speed = placed_speed(parts, fit, arguments)
    return Alone(decode_tokens_per_s=speed.decode_tokens_per_s, ceiling_tokens_per_s=speed.ceiling_tokens_per_s)


def _implied(measured: float, speed: Speed) -> float | None:
    """The RAM's bandwidth at which ``measured`` is the most that is possible."""
    others = sum(read.gb_per_token / read.gb_per_s for read in speed.reads if not read.is_system)
    in_ram = sum(read.gb_per_token for read in speed.reads if read.is_system)
    left = 1 / measured - others
    return in_ram / left if in_ram and left > 0 else None


def _times(more: float, less: float) -> float:
    """
    >>> _times(40, 19), _times(100, 0.38)
    (2.1, 263.0)
    """
    return round(more / less, 1 if more < 10 * less else 0)


def _engine(catalogue: Catalogue, name: str | None) -> Engine | None:
    if name is None:
        return None
    record = catalogue.names.record(catalogue.names.resolve(("engines",), name, "engine"))
    assert isinstance(record, Engine)
    return record


def _is_assumed(parts: Parts, fit: Fit, arguments: FitArguments) -> bool:
    guessed = any(device.bandwidth_assumed for device in parts.devices.devices)
    return guessed or (fit.offload is not None and arguments.system_bandwidth_gb_per_s is None)


def _all_at_once(parts: Parts, fit: Fit, arguments: FitArguments) -> float | None:
    """The ceiling of a split through every layer, for cards that hold it whole and that a server would let do so."""
    if fit.verdict != "fits" or not parts.works_at_once(arguments):
        return None
    return speed_at(parts, None, arguments, tensor_parallel=True).ceiling_tokens_per_s


def _on_processor(parts: Parts, arguments: FitArguments) -> float | None:
    """An ordinary desktop's, for what has memory of its own: there, weights may have come to lie in system memory."""
    if parts.devices.each.backend == "cpu" or parts.devices.each.unified_memory:
        return None
    rate = (arguments.system_bandwidth_gb_per_s or 0.0) * GB or DEFAULT_SYSTEM_MEMORY_BYTES_PER_S
    processor = Device("system memory", "cpu", DEFAULT_SYSTEM_MEMORY_BYTES, rate)
    speed = estimate_speed(
        parts.model.architecture, parts.weights, [processor],
        quantization_family=parts.quantization.record.family, context=arguments.context,
        concurrency=arguments.concurrency,
    )  # fmt: skip
    return speed.decode_tokens_per_s.typical


def _parts(catalogue: Catalogue, arguments: ExplainArguments, engine: Engine | None) -> tuple[Parts, str]:
    """With the weights that the program loads by itself, where they fit and none were named; and why these."""
    parts = resolve_parts(catalogue, arguments)
    if arguments.quantization is None and engine and engine.starts_with and not parts.model.native:
        own = _at(catalogue, parts, engine.starts_with)
        if own.holds(arguments):
            return own, f"which {engine.name} loads where no other is asked for"
    return parts, "which the model is published in" if parts.model.native else "the common choice"


def _prefill(arguments: ExplainArguments) -> float | None:
    """What was measured of it, or what the wait for a prompt of so many tokens comes to."""
    if arguments.measured_prefill_tokens_per_s is None and arguments.waited_s and arguments.prompt_tokens:
        return arguments.prompt_tokens / arguments.waited_s
    return arguments.measured_prefill_tokens_per_s


def _tokens_per_step(measured: float | None, better: float | None, typical: float) -> float | None:
    if measured is None or not typical:
        return None
    return round(better / measured if better else measured / typical, 1)


def _ram_time(speed: Speed) -> float:
    seconds = [(read.gb_per_token / read.gb_per_s, read.is_system) for read in speed.reads]
    return round(100 * sum(time for time, is_system in seconds if is_system) / sum(time for time, _ in seconds))


def _standing(measured: float, speed: Speed, at_once: float | None, drafted: bool) -> Standing:
    decode = speed.decode_tokens_per_s
    if measured > speed.ceiling_tokens_per_s:
        if drafted:
            return "needs_drafts"
        return "needs_all_cards_at_once" if at_once and measured <= at_once else "above_ceiling"
    if measured > decode.high:
        return "fast"
    if measured >= decode.low:
        return "as_expected"
    return "far_below" if measured * FAR_BELOW < decode.typical else "below"


def _better(
    measured: float | None, standing: Standing | None, speed: Speed, at_once: float | None, arguments: ExplainArguments
) -> tuple[float | None, Standing | None]:
    """The other run and where it stands, where both can be of one conversation."""
    better = _of_each(arguments.better_tokens_per_s, arguments)
    if measured is None or better is None or better <= measured or standing == "above_ceiling":
        return None, None
    stands = _standing(better, speed, at_once, arguments.drafted)
    return (None, None) if stands == "above_ceiling" else (better, stands)


def _prefill_standing(measured: float | None, usual: Range) -> PrefillStanding | None:
    if measured is None or not usual.typical:
        return None
    return "fast" if measured > usual.high else "as_expected" if measured >= usual.low else "below"


def _likely(measured: float, parts: Parts, fit: Fit, processor: float | None) -> Check:
    is_tight = fit.headroom_gb < TIGHT * fit.available_gb
    if processor is None and is_tight:
        return "memory_swapped"
    if processor is None:
        return "wrong_build" if parts.devices.each.unified_memory else "one_memory_channel"
    if measured * LIKE_A_DRIVE < processor:
        return "memory_swapped"
    if is_tight:
        return "shared_memory"
    return "runs_on_processor" if measured <= LIKE_A_PROCESSOR * processor else "partly_on_processor"


def _checks(parts: Parts, fit: Fit, likely: Check | None, two_programs: bool) -> Iterator[Check]:
    """What to look at, the likeliest first."""
    each = parts.devices.each
    found: list[Check] = [likely] if likely else []
    found += ["memory_taken"] if two_programs else []
    if each.backend == "cpu":
        found += ["one_memory_channel", "other_programs", "memory_swapped"]
    elif each.unified_memory:
        found += ["wrong_build", "memory_swapped", "context_full"]
    else:
        found += ["partly_on_processor", "shared_memory", "wrong_build", "context_full"]
    found.append("power_limit" if each.segment == "laptop" else "old_build")
    yield from dict.fromkeys(found)


def _possible_at(catalogue: Catalogue, parts: Parts, arguments: FitArguments, wanted: float | None) -> str | None:
    for slug in LADDER:
        tried = _at(catalogue, parts, slug)
        if tried.weights.total_bytes >= parts.weights.total_bytes:
            continue
        if wanted and speed_at(tried, None, arguments).ceiling_tokens_per_s >= wanted:
            return tried.quantization.record.name
    return None


def _normal_at(catalogue: Catalogue, parts: Parts, arguments: ExplainArguments, measured: float) -> OtherWeights | None:
    if arguments.quantization is not None or parts.model.native:
        return None
    for slug in MORE_BITS:
        tried = _at(catalogue, parts, slug)
        fit = fit_of(tried, arguments)
        if fit.verdict == "does_not_fit" or tried.weights.total_bytes <= parts.weights.total_bytes:
            continue
        usual = placed_speed(tried, fit, arguments).decode_tokens_per_s
        # Between 4 and 8 bits lie others that people run.
        if usual.low <= measured and (measured <= usual.high or slug == MORE_BITS[0]):
            name = tried.quantization.record.name
            total = _of_all(usual, arguments.concurrency) or usual
            return OtherWeights(quantization=name, verdict=fit.verdict, decode_tokens_per_s=total)
    return None


def _at(catalogue: Catalogue, parts: Parts, slug: str) -> Parts:
    quantization = resolve_quantization(catalogue, slug)
    return replace(parts, quantization=quantization, weights=resolve_weights(catalogue, parts.model, quantization))


def _helps(
    catalogue: Catalogue, parts: Parts, fit: Fit, arguments: FitArguments, at_once: float | None
) -> Iterator[Improvement]:
    """Changes in the order of what they bring for what they cost."""
    usual = quantization_for(catalogue, parts.model, None)
    smaller = _at(catalogue, parts, usual.record.slug)
    if (
        smaller.weights.total_bytes < parts.weights.total_bytes
        and smaller.requirement(arguments).verdict != "does_not_fit"
    ):
        again = fit_of(smaller, arguments)
        speed = speed_at(smaller, again.offload, arguments).decode_tokens_per_s.typical
        now = placed_speed(parts, fit, arguments).decode_tokens_per_s.typical
        if speed > now:  # weights that have to be unpacked can be slower for many at once
            name = smaller.quantization.record.name
            yield Improvement(help="smaller_quantization", quantization=name, decode_tokens_per_s=speed)
    if fit.verdict != "fits":
        yield Improvement(help="more_device_memory")
    if at_once and not arguments.tensor_parallel:
        yield Improvement(help="all_cards_at_once")
    if not parts.model.architecture.experts:
        yield Improvement(help="mixture_of_experts")
    if fit.verdict == "fits":
        yield Improvement(help="faster_memory")


TOOL = Tool(
    "explain_speed",
    "Why a model runs as fast as it does on a device: what the memory's bandwidth allows, what is usual, whether a "
    "measured or claimed speed is possible, normal or too slow, what causes it, what to check and what would help.",
    ExplainArguments,
    ExplainAnswer,
    run,
)
