"""Why it is as fast as it is: the verdict on the speed that was named, the sum behind it, what to look at."""

import re
from collections.abc import Iterator, Mapping, Sequence

from kb.text.statements import Kind, Quantity, Said, Slot, Statement, Table, state
from kb.text.wording import joined
from kb.tools.asks import Asked
from kb.tools.explain_speed.prompts import is_of_prompts, of_prompts
from kb.tools.explain_speed.runs import next_of_two_runs, of_two_runs, worth
from kb.tools.explain_speed.together import alone, of_many
from kb.tools.explain_speed.tool import Check, ExplainAnswer, Grown, Help, Improvement, OtherWeights
from kb.tools.shared.naming import opening, speed_of, the, tokens, varied
from kb.tools.shared.saying import notes, shortened

WRONG: Mapping[Check, str] = {
    "runs_on_processor": "it runs on the processor instead of the card",
    "partly_on_processor": "a part of it runs on the processor",
    "shared_memory": "more of it has spilled into system memory than has to",
    "wrong_build": "the program does not use the GPU",
    "memory_swapped": "memory is short and the weights are read from the drive again and again",
    "one_memory_channel": "the RAM runs in one channel, or slower than its label",
    "context_full": "the context is full",
    "power_limit": "a power limit holds it back",
    "old_build": "the program is old",
    "other_programs": "other programs use the processor",
    "split": "the cards exchange too much for each token, over too slow a link",
    "memory_taken": "another program holds the card's memory",
}
LOOK: Mapping[Check, str] = {
    "runs_on_processor": "whether the program reports all layers on the GPU",
    "partly_on_processor": "whether the program reports all layers on the GPU",
    "shared_memory": "whether “shared GPU memory” is in use, which is RAM",
    "wrong_build": "whether the program was built for this GPU",
    "memory_swapped": "whether the memory is full and the drive busy while it writes",
    "one_memory_channel": "whether the RAM sits in all channels and runs at its rated speed",
    "context_full": "how many tokens are in the context: a full one is slower",
    "power_limit": "the power limit, and whether the laptop is plugged in",
    "old_build": "the version of the program",
    "other_programs": "what else uses the processor",
    "split": "how it is split (by layers, not by rows) and how many lanes the slower card's slot has",
    "memory_taken": "whether the other program still holds its model in memory",
}
HELPS: Mapping[Help, str] = {
    "smaller_quantization": "a smaller quantization ({quantization}: about {speed})",
    "more_device_memory": "a device that holds all of it",
    "faster_memory": "a device with faster memory",
    "all_cards_at_once": "splitting each layer over all cards (tensor parallel)",
    "mixture_of_experts": "a mixture-of-experts model (it reads only a part of its weights for each token)",
}
ONE_AFTER_ANOTHER = (
    "Several machines in a row add memory and no speed for one user: each token passes through one after the other, so "
    "the times of their shares add up, and the link's; only a split of every layer over a fast link (tensor parallel) "
    "can be faster."
)
CAUSES = {
    "memory_bandwidth": "Each token needs all active weights once, so the memory's speed decides.",
    "compute": "Here computing decides: unpacking the weights takes longer than reading them.",
    "fixed_costs": "The fixed work for each token decides, more than the memory.",
    "link": "The link between the cards decides.",
    "offload": "The part in RAM decides: RAM is read far more slowly than the card's memory.",
}
SPARSE = "For each token {model} reads {active} of its {total} parameters (mixture of experts), a dense model all"
NO_ANSWER = 3.0
"""So many times above what the memory allows, a speed is another thing's."""
MOST_LOOKED_AT = 3
MOST_OF_IT = 0.4
"""Of what the memory allows, what is called that; less of it is normal where it is usual."""
IN_A_ROW = re.compile(
    r"\b(?:exo|rpc|cluster\w*|linked|daisy\w*|distributed|over (?:ethernet|thunderbolt|the (?:network|lan)))\b", re.I
)
"""Several machines work as one."""
HELD_AGAINST = re.compile(r"\b(?:bigger|larger|heavier|more parameters|faster|same size)\b", re.I)
"""The size of a model is held against its speed."""
FEW = 0.5
"""Of its parameters: a model that uses fewer for each token is fast for its size."""
_GROWS = re.compile(
    r"\b(?:long(?:er)? (?:chats?|conversations?|contexts?)|(?:chat|context|conversation) (?:grows|gets long(?:er)?)"
    r"|over time|after a (?:while|few (?:messages|turns))|the longer)\b", re.I
)  # fmt: skip
"""It is of speed that falls as a conversation goes on."""
FROM_MEMORY = 2.0
"""Tokens a second that no drive gives to a model larger than the memory."""


def say(result: ExplainAnswer, asked: Asked) -> Iterator[Said]:
    case = f"{result.model} at {result.quantization} on {the(result.device)}"
    if result.verdict == "does_not_fit":
        text = "By what I know of the machine, {case} does not fit: it needs {needed}, and {have} can be used."
        if result.can_be_read_from_drive:
            text += " What does not fit is read from the drive for each token, and the drive sets the speed."
        tightest = result.overflow or result
        if over := result.overflow:
            text = text.replace("it needs", "the RAM would hold" if over.is_system else "one {memory} would hold")
        needed, have = Quantity(tightest.required_gb, "GB"), Quantity(tightest.available_gb, "GB")
        memory = result.overflow.memory if result.overflow else ""
        yield state("answer", text, case=case, needed=needed, have=have, memory=memory)
        if result.can_be_read_from_drive and (result.measured_tokens_per_s or 0.0) >= FROM_MEMORY:
            text = "{measured} is too fast for a drive: then there is more memory than I was told of, "
            text += "a larger share of it for the GPU, or a smaller file."
            yield state("reason", text, measured=speed_of(result.measured_tokens_per_s or 0.0))
        yield from _helps(result)
        return
    if result.shortened:
        yield shortened(result.context)
    if is_of_prompts(result, asked):
        yield from of_prompts(result, case, asked)
        if result.standing is not None:
            yield _answer(result, case, asked)
        return
    if IN_A_ROW.search(asked.text) and result.ceiling_all_at_once_tokens_per_s:
        yield state("answer", ONE_AFTER_ANOTHER)
    if result.grown and result.standing is None and _GROWS.search(asked.text):
        yield from _grows(result.grown, case)
        yield _answer(result, case, asked).as_kind("detail")
        return
    held_against = _is_sparse(result) and not result.checks and HELD_AGAINST.search(asked.text)
    if held_against:
        yield _by_experts(result).as_kind("answer")
    yield _answer(result, case, asked)
    if result.concurrency > 1:
        yield from alone(result)
    elif result.standing != "needs_drafts":  # it has said all of it
        yield from _sum(result)
    if not held_against and result.concurrency == 1:
        yield from _why(result)
    yield from _next(result, asked)
    if result.ceiling_is_assumed:
        read = result.reads[-1]
        text = "{memory} reads {rate}, as nobody named it"
        yield state("assumption", text, memory=read.memory, rate=Quantity(read.gb_per_s, "GB/s"))
    if result.verdict == "fits_with_offload" and result.engine and result.engine_can_offload is False:
        yield state(
            "reason", "{engine} cannot keep a part in RAM, so there it does not run at all.", engine=result.engine
        )
    for check in result.checks[MOST_LOOKED_AT:]:
        yield state("detail", "Look also at " + LOOK[check] + ".")
    yield state("detail", "Arithmetic: {formula}.", formula=result.formula)
    yield from notes("detail", result.assumptions)


def _grows(grown: Grown, case: str) -> Iterator[Said]:
    """What a long conversation costs."""
    start, there = speed_of(grown.start_tokens_per_s), speed_of(grown.tokens_per_s)
    text = (
        "It slows as the chat grows: {case} writes about {start} at the start, and about {there} with {context} in it."
    )
    yield state("answer", text, case=case, start=start, there=there, context=tokens(grown.context))
    yield state("reason", "Each new token reads the cache of the whole conversation beside the weights.")
    text = "Begin a new chat, or let the program keep a summary; a cache of 8 bits (q8_0) halves that part."
    yield state("next", text)


def _why(result: ExplainAnswer) -> Iterator[Said]:
    """What sets the speed, beside the sum."""
    in_doubt = result.normal_at is not None or result.likely == "memory_swapped"
    if result.standing == "far_below" and result.processor_tokens_per_s and not in_doubt:
        text = "A processor alone would reach about {processor}."
        yield state("reason", text, processor=speed_of(result.processor_tokens_per_s))
    if result.better_tokens_per_s:
        return
    if result.in_ram_percent and result.in_ram_time_percent:
        text = "{share} of the weights lie in RAM and take {time} of the time, as RAM is read far more slowly."
        share, time = Quantity(result.in_ram_percent, "%", 1), Quantity(result.in_ram_time_percent, "%", 1)
        yield state("reason", text, share=share, time=time)
    elif result.standing in (None, "as_expected", "fast") and _is_sparse(result):
        yield _by_experts(result)
    elif result.standing in (None, "as_expected", "fast"):
        yield state("reason", CAUSES[result.cause])
    if result.drafted and result.standing in ("as_expected", "below", "far_below"):
        text = "That is a speed without a draft, so the draft brings nothing: to check its guesses takes computing, "
        yield state("reason", text + "and those that are refused are lost.")


def _answer(result: ExplainAnswer, case: str, asked: Asked) -> Statement:
    ceiling, decode = speed_of(result.ceiling_tokens_per_s), result.decode_tokens_per_s
    usual = speed_of(decode.low, decode.high)
    wrong = WRONG[result.likely] if result.likely else ""
    if result.measured_tokens_per_s is None and result.concurrency > 1:
        return of_many(result, case, wrong)
    if result.measured_tokens_per_s is None:
        why = "what the memory allows" if result.cause != "offload" else "what is left when a part of it lies in RAM"
        text, values = _with_sum(result, "About {typical} is " + why + " for {case}: {sum}.")
        typical = speed_of(decode.typical)
        return Statement("answer", text, values | {"typical": typical, "case": case, "ceiling": ceiling})
    measured = Quantity(result.measured_tokens_per_s, "tokens/s")
    if result.better_tokens_per_s:
        return of_two_runs(result, case, asked, wrong)
    if result.normal_at:
        return _by_weights(result, result.normal_at, measured)
    if result.standing in ("below", "far_below") and result.ceiling_is_assumed and len(result.reads) == 1:
        return _by_memory(result, case, measured)
    if result.concurrency > 1:
        return of_many(result, case, wrong)
    match result.standing:
        case "above_ceiling" if (result.times_above_ceiling or 0.0) > NO_ANSWER:
            text = (
                "{measured} is no speed of writing one answer, which is {ceiling} at most with {case}: it counts the "
            )
            text += "reading of a prompt, or many users together."
        case "above_ceiling":
            text = "{measured} cannot be, not for one conversation: {sum} with {case}."
            if result.implied_gb_per_s:
                return _by_ram(result, case, measured)
            if result.ceiling_is_assumed:
                text = "{measured} is hardly possible: about {ceiling} at most with {case}."
        case "needs_drafts":
            text = "{measured} is possible only with the draft: {sum} without it with {case}, and {usual} are usual, "
            text += "so that each step has to give {taken}; " + worth(result) + "."
        case "needs_all_cards_at_once":
            text = (
                "{measured} is possible only where all cards work on each token at once: otherwise {sum} with {case}."
            )
        case "fast":
            text = "{measured} is good: most people get {usual} with {case}."
        case "as_expected" if result.cause == "offload":
            text = "{measured} is normal with a part in RAM: usual is {usual} for {case}; nothing is broken."
        case "as_expected":
            text = "{measured} is what the memory allows: {sum} with {case}; nothing is broken."
            if (result.measured_tokens_per_s or 0.0) < MOST_OF_IT * result.ceiling_tokens_per_s:
                text = "{measured} is normal: usual is {usual} for {case}, though its memory would allow {ceiling}."
        case "below":
            text = "{measured} is a little slow: usual is {usual} for {case}."
        case _:
            text = "{measured} is far below the {usual} that are usual for {case}: something is wrong"
            text += f"{wrong and f', most likely {wrong}'}."
    text, values = _with_sum(result, text)
    values |= {"taken": Quantity(result.tokens_per_step or 0.0, "tokens")}
    return Statement("answer", text, values | {"measured": measured, "usual": usual, "case": case, "ceiling": ceiling})


def _is_sparse(result: ExplainAnswer) -> bool:
    return result.active_params_billions < FEW * result.params_billions


def _by_experts(result: ExplainAnswer) -> Statement:
    return Statement("reason", SPARSE + ".", _sparse(result))


def _sparse(result: ExplainAnswer) -> dict[str, Slot]:
    active, total = (Quantity(count, "billion") for count in (result.active_params_billions, result.params_billions))
    return {"model": result.model, "active": active, "total": total}


def _by_weights(result: ExplainAnswer, other: OtherWeights, measured: Quantity) -> Statement:
    """No fault is told from weights that nobody named."""
    decode, more = result.aggregate_tokens_per_s or result.decode_tokens_per_s, other.decode_tokens_per_s
    in_ram = " with a part in RAM" if other.verdict == "fits_with_offload" else ""
    low = "far too low" if result.standing == "far_below" else "a little low"
    text = "{measured} is normal for {model} on {device} if the weights are {more}, where {usual_more} are usual"
    text += f"{in_ram}, and {low} if they are {{quantization}}, where {{usual}} are."
    if (result.measured_tokens_per_s or 0.0) > more.high:
        text = "{measured} lies between the {usual_more} that are usual for {model} on {device} at {more}" + in_ram
        text += " and the {usual} at {quantization}: it depends on the quantization, which you did not name."
    return state(
        "answer", text, measured=measured, model=result.model, device=the(result.device), more=other.quantization,
        quantization=result.quantization, usual=speed_of(decode.low, decode.high),
        usual_more=speed_of(more.low, more.high),
    )  # fmt: skip


def _by_memory(result: ExplainAnswer, case: str, measured: Quantity) -> Statement:
    """Nor from RAM that nobody named."""
    (read,) = result.reads
    decode = result.aggregate_tokens_per_s or result.decode_tokens_per_s
    text = (
        "{measured} depends on the RAM, which you did not name: at {rate}, two channels of a common kind, {usual} are "
        "usual for {case}; a single module halves that, and older RAM is slower too."
    )
    return state(
        "answer", text, measured=measured, rate=Quantity(read.gb_per_s, "GB/s"), case=case,
        usual=speed_of(decode.low, decode.high),
    )  # fmt: skip


def _by_ram(result: ExplainAnswer, case: str, measured: Quantity) -> Statement:
    """A speed that two channels of ordinary RAM do not give says how fast the RAM is."""
    read = next(read for read in result.reads if read.is_system)
    text = "{measured} is set by the RAM: each token takes {size} from it for {case}, so it delivers {implied} or more."
    size, implied = Quantity(read.gb_per_token, "GB"), Quantity(result.implied_gb_per_s or 0.0, "GB/s")
    return state("answer", text, measured=measured, size=size, case=case, implied=implied)


def _with_sum(result: ExplainAnswer, text: str) -> tuple[str, dict[str, Slot]]:
    """``{sum}`` of a sentence as the division that shows it, where there is one."""
    if len(result.reads) != 1:
        return text.replace("{sum}", "{ceiling} at most"), {}
    (read,) = result.reads
    values: dict[str, Slot] = {"rate": Quantity(read.gb_per_s, "GB/s"), "size": Quantity(read.gb_per_token, "GB")}
    return text.replace("{sum}", "{rate} ÷ {size} = {ceiling} at most"), values


def _sum(result: ExplainAnswer) -> Iterator[Said]:
    """What each token reads, and what that allows."""
    ceiling, decode = speed_of(result.ceiling_tokens_per_s), result.decode_tokens_per_s
    if len(result.reads) == 1:
        (read,) = result.reads
        rate, size = Quantity(read.gb_per_s, "GB/s"), Quantity(read.gb_per_token, "GB")
        text = "The memory reads {rate} and each token takes {size}, so no more than {ceiling} are possible."
        if result.standing not in ("fast", "below", "far_below") and not result.better_tokens_per_s:
            text = "That is what its memory reads, divided by what each token takes; usual is {usual}."
        usual = speed_of(decode.low, decode.high)
        yield state("reason", text, rate=rate, size=size, ceiling=ceiling, usual=usual)
        return
    told, values = [], dict[str, Slot]()
    for number, read in enumerate(result.reads):
        told.append(f"{{size{number}}} from {{memory{number}}} at {{rate{number}}}")
        memory = read.memory if read.is_system else the(read.memory)
        values |= {
            f"size{number}": Quantity(read.gb_per_token, "GB"), f"memory{number}": memory,
            f"rate{number}": Quantity(read.gb_per_s, "GB/s"),
        }  # fmt: skip
    if not told:
        return
    values["ceiling"] = ceiling
    yield Statement("reason", f"Each token takes {joined(told)}: {{ceiling}} at most.", values)


def _next(result: ExplainAnswer, asked: Asked) -> Iterator[Said]:
    if result.standing == "above_ceiling" and result.implied_gb_per_s:
        yield state("next", "Faster would be RAM with more channels or a higher rate.")
    elif result.standing == "above_ceiling":
        told = ["a draft model that guesses ahead", "another model or file"]
        if result.concurrency == 1:
            told.insert(0, "several users counted together")
        if result.possible_at:
            told.insert(0, "a smaller quantization ({possible} would allow it)")
        text = f"Where it was measured all the same, it was {joined(told, 'or')}."
        yield state("next", text, possible=result.possible_at or "")
    elif result.checks:
        looks = list(dict.fromkeys(LOOK[check] for check in result.checks))[:MOST_LOOKED_AT]
        looks = ["which quantization the file has", *looks[:-1]] if result.normal_at else looks
        yield state("next", f"Look at: {'; '.join(looks)}.")
    elif result.better_tokens_per_s:
        yield from next_of_two_runs(result, asked)
    elif result.standing != "needs_drafts":
        yield from _helps(result)


def _helps(result: ExplainAnswer) -> Iterator[Said]:
    told, values = [], dict[str, Slot]()
    for help in result.helps[:MOST_LOOKED_AT]:
        told.append(HELPS[help.help].replace("{speed}", "{speed} each" if result.concurrency > 1 else "{speed}"))
        values |= _figures(help)
    if told:
        yield Statement("next", f"Faster would be {joined(told, 'or')}.", values)


def _figures(help: Improvement) -> dict[str, Slot]:
    if help.quantization is None or help.decode_tokens_per_s is None:
        return {}
    return {"quantization": help.quantization, "speed": speed_of(help.decode_tokens_per_s)}


def side_by_side(results: Sequence[ExplainAnswer], asked: Asked) -> Iterator[Said]:
    """Why one is faster than another: what each token takes, and how fast it is read."""
    cases = varied(results)
    running = [(one, case) for one, case in zip(results, cases.each, strict=True) if one.verdict != "does_not_fit"]
    if not running:
        text = "By what I know of the machine none of them fits."
        if all(one.can_be_read_from_drive for one in results):
            text += " What does not fit is read from the drive for each token, and the drive sets the speed."
        yield state("answer", text)
        return
    if not cases.title:
        yield from _several_runs(results, asked)
        return
    first, best = max(running, key=lambda pair: pair[0].decode_tokens_per_s.typical)
    last, worst = min(running, key=lambda pair: pair[0].decode_tokens_per_s.typical)
    if IN_A_ROW.search(asked.text) and last.model == first.model:
        yield state("answer", ONE_AFTER_ANOTHER)
    for one in results:
        if one.standing:
            yield _answer(one, f"{one.model} at {one.quantization} on {the(one.device)}", asked)
    text, values = "The speed follows from what each token has to read", dict[str, Slot]()
    if _is_sparse(first) and first.model != last.model:
        text, values = SPARSE, _sparse(first)
    fast, slow = speed_of(first.decode_tokens_per_s.typical), speed_of(last.decode_tokens_per_s.typical)
    kind: Kind = "reason" if any(one.standing for one in results) else "answer"
    values |= {"fast": fast, "best": best, "slow": slow, "worst": worst}
    told = ": about {fast} {best}, about {slow} {worst}." if best != worst else ": about {fast} {best}."
    yield Statement(kind, text + told, values)
    rows = tuple((case, *_row(one)) for one, case in zip(results, cases.columns, strict=True))
    yield Table("answer", (cases.title, "reads per token", "at", "at most", "usually"), rows)
    yield from (shortened(one.context, case) for one, case in running if one.shortened)
    for one in results:
        yield state("detail", "{model}: {formula}.", model=opening(one.model), formula=one.formula)


def _several_runs(results: Sequence[ExplainAnswer], asked: Asked) -> Iterator[Said]:
    """Several speeds of one model on one device, of which some are only claimed: each against what memory allows, and
    what to do about the worst."""
    worst, *others = sorted(results, key=lambda one: one.measured_tokens_per_s or 0.0)
    for one in (worst, *others):
        yield _answer(one, f"{one.model} at {one.quantization} on {the(one.device)}", asked)
    yield from _next(worst, asked)


def _row(one: ExplainAnswer) -> tuple[Slot, ...]:
    if one.verdict == "does_not_fit":
        return "–", "–", "–", "does not fit"
    usual = speed_of(one.decode_tokens_per_s.low, one.decode_tokens_per_s.high)
    if not one.reads:  # all cards read at once
        return "–", "–", speed_of(one.ceiling_tokens_per_s), usual
    slowest = max(one.reads, key=lambda read: read.gb_per_token / read.gb_per_s)
    size, rate = Quantity(slowest.gb_per_token, "GB"), Quantity(slowest.gb_per_s, "GB/s")
    return size, rate, speed_of(one.ceiling_tokens_per_s), usual
