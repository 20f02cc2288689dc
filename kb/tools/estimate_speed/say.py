"""What a speed says: the number, what bounds it, how long a prompt takes, what others measured."""

import re
from collections.abc import Iterator, Sequence

from kb.text.statements import Basis, Kind, Quantity, Said, Slot, Statement, Table, state
from kb.text.wording import joined
from kb.tools.asks import Asked
from kb.tools.estimate_speed.drafting import Drafting
from kb.tools.estimate_speed.tool import Job, PublishedMeasurement, SpeedAnswer
from kb.tools.shared.naming import gb, lasting, named, speed_of, the, tokens, varied
from kb.tools.shared.running import READABLE_TOKENS_PER_S
from kb.tools.shared.saying import OF_PROMPTS, notes, over_hosts, shortened

_ENOUGH = re.compile(r"\b(?:fast|quick|good) enough\b|\benough (?:for|to)\b|\btoo slow\b|\busable\b|\bbearable\b", re.I)
LIMITS = {
    "memory_bandwidth": "What limits it is how fast the memory is read",
    "compute": "What limits it is computing: unpacking the weights takes longer than reading them",
    "fixed_costs": "What limits it is the fixed work for each token, not the memory",
    "link": "What limits it is the link between the cards",
    "system_memory": "What limits it is the part in RAM, which is read far more slowly",
}


def say(result: SpeedAnswer, asked: Asked) -> Iterator[Said]:
    names = named(result)
    if asked.beside and (result.verdict == "does_not_fit" or result.shortened or asked.out_of_memory):
        return  # it is beside a verdict on the usual context, or nothing runs
    if result.verdict == "does_not_fit":
        text = "No speed to give: {model} at {quantization} does not fit on {device}, with or without RAM."
        if "system_memory_gb" not in asked.stated:
            text = "No speed to give without the size of the RAM: {model} at {quantization} does not fit on {device}."
        if "options" in asked.stated:
            text = "No speed to give: placed by `{options}`, {model} at {quantization} does not fit on {device}."
        yield state("answer", text, options=str(asked.arguments.get("options", "")), **names)
        return
    decode = result.decode_tokens_per_s
    partly = ", with a part of it in RAM" if result.verdict == "fits_with_offload" else ""
    each = " for each of the users" if result.aggregate_tokens_per_s else ""
    if asked.beside:
        yield state("answer", "It writes about {typical}" + each + ".", typical=speed_of(decode.typical))
        yield from _more(result)
        return
    if OF_PROMPTS.search(asked.text) and not result.aggregate_tokens_per_s:
        first, prompt = Quantity(result.time_to_first_token_s, "s"), Quantity(result.prompt_tokens, "tokens", 1)
        text = "About {first} until the first token, for a prompt of {prompt}: it is read at about {read}."
        yield state("answer", text, first=first, prompt=prompt, read=speed_of(result.prefill_tokens_per_s.typical))
    depth = ", with {context} in the context" if "context" in asked.stated or result.shortened else ""
    if result.shortened:
        yield shortened(result.context)
    if result.drafting:
        yield from _drafted(result, result.drafting, depth)
        yield from _bound(result)
        return
    if result.job and not result.aggregate_tokens_per_s:
        yield from _job(result.job)
    text = "About {typical}" + each + " is what {model} at {quantization} reaches on {device}" + partly + depth + "."
    yield state("answer", text, typical=speed_of(decode.typical), context=tokens(result.context), **names)
    if _ENOUGH.search(asked.text):
        faster = decode.typical >= READABLE_TOKENS_PER_S
        yield state("answer", "That is faster than most people read." if faster else "That is slower than people read.")
    yield from over_hosts(result.hosts, at_once=result.at_once)
    yield from _more(result)


def _drafted(result: SpeedAnswer, drafting: Drafting, depth: str) -> Iterator[Said]:
    """With a draft first, as it was asked for; the text is the same with and without."""
    yield from notes("correction", drafting.warnings)
    found = drafting.decode_tokens_per_s
    text = "About {typical} is what {model} at {quantization} reaches on {device} with a draft by {draft}" + depth + "."
    context = tokens(result.context)
    names = named(result)
    yield state("answer", text, typical=speed_of(found.typical), draft=drafting.draft, context=context, **names)
    text = "That is {times} times the {without} without it, if {share} of its guesses are right."
    share, times = Quantity(round(drafting.acceptance[1] * 100), "%"), Quantity(drafting.times_as_fast)
    without = speed_of(result.decode_tokens_per_s.typical)
    yield state("reason", text, times=times, without=without, share=share)
    if drafting.acceptance[0] < drafting.acceptance[-1]:
        yield state("reason", "It depends on the text: {range}.", range=speed_of(found.low, found.high))
    if drafting.draft_gb:
        yield state("reason", "The draft takes {size} beside the model.", size=gb(drafting.draft_gb))
    yield state("detail", "Draft: {formula}.", formula=drafting.formula)


def _job(job: Job) -> Iterator[Said]:
    """How long it takes, first, as it was asked for."""
    values: dict[str, Slot] = {
        "time": lasting(job.seconds), "requests": Quantity(job.requests, step=1),
        "output": Quantity(job.output_tokens, "tokens", 1), "prompt": Quantity(job.prompt_tokens, "tokens", 1),
    }  # fmt: skip
    text = "Writing {output} takes about {time}."
    if job.requests > 1:
        text = "One after the other, {requests} answers of {output} take about {time}."
    elif job.prompt_tokens:
        text = "Reading {prompt} and writing {output} takes about {time}."
    used = {name: value for name, value in values.items() if f"{{{name}}}" in text}
    yield Statement("answer", text, used)
    if job.requests > 1:
        yield state("next", "A server that works on many at once (vLLM, or slots in llama.cpp) needs far less time.")
    yield state("detail", "Time: {formula}.", formula=job.formula)


def _more(result: SpeedAnswer) -> Iterator[Said]:
    decode = result.decode_tokens_per_s
    yield from _bound(result)
    text = "Most people would measure {likely}."
    yield state("reason", text, likely=speed_of(decode.low, decode.high))
    if result.aggregate_tokens_per_s:
        text = "All of them together get about {all}."
        yield state("reason", text, all=speed_of(result.aggregate_tokens_per_s.typical))
    if result.measured and result.measured.same_quantization:
        yield _measured(result.measured, "reason")
    elif result.measured:
        yield _measured(result.measured, "detail")
    prefill = Quantity((result.prefill_tokens_per_s.low, result.prefill_tokens_per_s.high), "tokens/s", 1)
    first, prompt = Quantity(result.time_to_first_token_s, "s"), Quantity(result.prompt_tokens, "tokens", 1)
    text = "A prompt is read at {prefill}; one of {prompt} takes about {first} until the first word."
    yield state("detail", text, prefill=prefill, prompt=prompt, first=first)
    yield state("detail", LIMITS[result.limited_by] + ".")
    yield state("detail", "Arithmetic: {formula}.", formula=result.formula)
    yield from notes("detail", result.warnings, result.ceiling_conditions, result.assumptions)


def _bound(result: SpeedAnswer) -> Iterator[Said]:
    """The one figure that shows why it is not faster."""
    ceiling = speed_of(result.ceiling_tokens_per_s)
    token = "each token of all users together" if result.aggregate_tokens_per_s else "each token"
    alone = " without a draft" if result.drafting else ""
    if len(result.reads) == 1 and not result.ceiling_conditions:
        (read,) = result.reads
        text = "The memory gives {rate} and {token} takes {size}, so no program gets past {ceiling}" + alone + "."
        rate, size = Quantity(read.gb_per_s, "GB/s"), gb(read.gb_per_token)
        yield state("reason", text, rate=rate, size=size, ceiling=ceiling, token=token)
    elif len(result.reads) == 1:
        (read,) = result.reads
        text = "{token} takes {size} at {rate}, which allows {ceiling}" + alone + "."
        rate, size = Quantity(read.gb_per_s, "GB/s"), gb(read.gb_per_token)
        yield state("reason", text, rate=rate, size=size, ceiling=ceiling, token=token.capitalize())
    elif not result.reads and result.ceiling_tokens_per_s:
        yield state("reason", "The cards read their parts at once, which allows {ceiling}.", ceiling=ceiling)
    elif result.reads:
        slowest = max(result.reads, key=lambda read: read.gb_per_token / read.gb_per_s)
        text = "Most of the time goes into {memory}: {size} of each token are read there, at {rate}."
        size, rate = gb(slowest.gb_per_token), Quantity(slowest.gb_per_s, "GB/s")
        yield state(
            "reason", text, memory=slowest.memory if slowest.is_system else the(slowest.memory), size=size, rate=rate
        )


def _measured(measured: PublishedMeasurement, kind: Kind) -> Said:
    basis = Basis("spec", f"measurements/{measured.slug}#decode_tokens_per_s")
    speed = Quantity(measured.decode_tokens_per_s, "tokens/s")
    how = measured.quantization or "a quantization that is not stated"
    text = "A published measurement says {speed} (with {how})."
    return state(kind, text, basis, speed=speed, how=how)


def side_by_side(results: Sequence[SpeedAnswer], asked: Asked) -> Iterator[Said]:
    """The fastest first, and a line for each."""
    cases = varied(results)
    running = [(one, case) for one, case in zip(results, cases.each, strict=True) if one.verdict != "does_not_fit"]
    if not running:
        yield state("answer", "No speed to give: none of them fits.")
        return
    ranked = sorted(running, key=lambda pair: -pair[0].decode_tokens_per_s.typical)
    told = [f"about {{speed{number}}} {{case{number}}}" for number in range(len(ranked))]
    values: dict[str, Slot] = {}
    for number, (one, case) in enumerate(ranked):
        values |= {f"speed{number}": speed_of(one.decode_tokens_per_s.typical), f"case{number}": case}
    of_prompt = "prompt_tokens" in asked.stated or bool(OF_PROMPTS.search(asked.text))
    if of_prompt:
        yield _first_words(running)
    what = " ({shared})" if cases.shared else ""
    yield Statement("answer", f"A{joined(told)[1:]}{what}.", values | {"shared": cases.shared})
    rows: tuple[tuple[Slot, ...], ...] = tuple(
        (
            case,
            speed_of(one.decode_tokens_per_s.typical),
            speed_of(one.decode_tokens_per_s.low, one.decode_tokens_per_s.high),
            "in RAM in part" if one.verdict == "fits_with_offload" else "whole",
        )
        if one.verdict != "does_not_fit"
        else (case, "–", "–", "does not fit")
        for one, case in zip(results, cases.columns, strict=True)
    )
    heads: tuple[str, ...] = (cases.title, "speed", "usually", "held")
    if of_prompt:
        first = (Quantity(one.time_to_first_token_s or 0.0, "s") for one in results)
        rows, heads = tuple((*row, time) for row, time in zip(rows, first, strict=True)), (*heads, "first word after")
    yield Table("answer", heads, rows)
    for one, case in running:
        if one.shortened:
            yield shortened(one.context, case)
    for one in results:
        yield state("detail", "{device}: {formula}.", device=one.device, formula=one.formula)


def _first_words(running: Sequence[tuple[SpeedAnswer, str]]) -> Statement:
    """How long each reads the prompt, the quickest first."""
    ranked = sorted(running, key=lambda pair: pair[0].time_to_first_token_s or 0.0)
    told = [f"{{time{number}}} {{case{number}}}" for number in range(len(ranked))]
    values: dict[str, Slot] = {"prompt": Quantity(ranked[0][0].prompt_tokens, "tokens", 1)}
    for number, (one, case) in enumerate(ranked):
        values |= {f"time{number}": Quantity(one.time_to_first_token_s or 0.0, "s"), f"case{number}": case}
    return Statement("answer", f"Until the first word of an answer to a prompt of {{prompt}}: {joined(told)}.", values)
