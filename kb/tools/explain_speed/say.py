"""Why it is as fast as it is: the verdict on the speed that was named, the sum behind it, what to look at."""

from collections.abc import Iterator, Mapping, Sequence

from kb.text.statements import Kind, Quantity, Said, Slot, Statement, Table, state
from kb.text.wording import joined
from kb.tools.asks import Asked
from kb.tools.explain_speed.tool import Check, ExplainAnswer, Help, Improvement, OtherWeights, PrefillStanding
from kb.tools.shared.naming import opening, speed_of, the, varied
from kb.tools.shared.saying import OF_PROMPTS

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
}
HELPS: Mapping[Help, str] = {
    "smaller_quantization": "a smaller quantization ({quantization}: about {speed})",
    "more_device_memory": "a device that holds all of it",
    "faster_memory": "a device with faster memory",
    "all_cards_at_once": "splitting each layer over all cards (tensor parallel)",
    "mixture_of_experts": "a mixture-of-experts model (it reads only a part of its weights for each token)",
}
CAUSES = {
    "memory_bandwidth": "Each token needs all active weights once, so the memory's speed decides.",
    "compute": "Here computing decides: unpacking the weights takes longer than reading them.",
    "fixed_costs": "The fixed work for each token decides, more than the memory.",
    "link": "The link between the cards decides.",
    "offload": "The part in RAM decides: RAM is read far more slowly than the card's memory.",
}
EXAMPLE_PROMPT = 10_000
NO_ANSWER = 3.0
"""So many times above what the memory allows, a speed is another thing's."""
MOST_LOOKED_AT = 3
MOST_OF_IT = 0.4
"""Of what the memory allows, what is called that; less of it is normal where it is usual."""
FROM_MEMORY = 2.0
"""Tokens a second that no drive gives to a model larger than the memory."""


def say(result: ExplainAnswer, asked: Asked) -> Iterator[Said]:
    case = f"{result.model} at {result.quantization} on {the(result.device)}"
    if result.verdict == "does_not_fit":
        text = "By what I know of the machine, {case} does not fit: it needs {needed}, and {have} can be used."
        if result.can_be_read_from_drive:
            text += " What does not fit is read from the drive for each token, and the drive sets the speed."
        needed, have = Quantity(result.required_gb, "GB"), Quantity(result.available_gb, "GB")
        yield state("answer", text, case=case, needed=needed, have=have)
        if result.can_be_read_from_drive and (result.measured_tokens_per_s or 0.0) >= FROM_MEMORY:
            text = "{measured} is too fast for a drive: then there is more memory than I was told of, "
            text += "a larger share of it for the GPU, or a smaller file."
            yield state("reason", text, measured=speed_of(result.measured_tokens_per_s or 0.0))
        yield from _helps(result)
        return
    if result.prefill_standing or (result.standing is None and OF_PROMPTS.search(asked.text)):
        yield from _of_prompts(result, case)
        if result.standing is not None:
            yield _answer(result, case)
        return
    yield _answer(result, case)
    yield from _sum(result)
    in_doubt = result.normal_at is not None or result.likely == "memory_swapped"
    if result.standing == "far_below" and result.processor_tokens_per_s and not in_doubt:
        text = "A processor alone would reach about {processor}."
        yield state("reason", text, processor=speed_of(result.processor_tokens_per_s))
    elif result.standing in (None, "as_expected", "fast"):
        yield state("reason", CAUSES[result.cause])
    yield from _next(result)
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
    for note in result.assumptions:
        yield state("detail", "{note}.", note=note[:1].upper() + note[1:].rstrip("."))


def _answer(result: ExplainAnswer, case: str) -> Statement:
    ceiling, decode = speed_of(result.ceiling_tokens_per_s), result.decode_tokens_per_s
    usual = speed_of(decode.low, decode.high)
    if result.measured_tokens_per_s is None:
        why = "what the memory allows" if result.cause != "offload" else "what is left when a part of it lies in RAM"
        text, values = _with_sum(result, "About {typical} is " + why + " for {case}: {sum}.")
        typical = speed_of(decode.typical)
        return Statement("answer", text, values | {"typical": typical, "case": case, "ceiling": ceiling})
    measured = Quantity(result.measured_tokens_per_s, "tokens/s")
    if result.normal_at:
        return _by_weights(result, result.normal_at, measured)
    if result.standing in ("below", "far_below") and result.ceiling_is_assumed and len(result.reads) == 1:
        return _by_memory(result, case, measured)
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
            wrong = f", most likely {WRONG[result.likely]}" if result.likely else ""
            text = "{measured} is far below the {usual} that are usual for {case}: something is wrong" + wrong + "."
    text, values = _with_sum(result, text)
    return Statement("answer", text, values | {"measured": measured, "usual": usual, "case": case, "ceiling": ceiling})


def _of_prompts(result: ExplainAnswer, case: str) -> Iterator[Said]:
    """How fast prompts are read, which is another matter than how fast it writes."""
    usual = result.prefill_tokens_per_s
    texts: Mapping[PrefillStanding | None, str] = {
        None: "Prompts are read at about {typical} with {case} ({usual} are usual), so {example} take about {time}.",
        "fast": "{measured} for the prompt is good: usual is {usual} with {case}.",
        "as_expected": "{measured} for the prompt is normal: usual is {usual} with {case}.",
        "below": "{measured} for the prompt is slow: usual is {usual} with {case}.",
    }
    yield state(
        "answer", texts[result.prefill_standing], case=case, typical=speed_of(usual.typical),
        usual=speed_of(usual.low, usual.high), measured=speed_of(result.measured_prefill_tokens_per_s or 0.0),
        example=Quantity(EXAMPLE_PROMPT, "tokens", 1), time=Quantity(EXAMPLE_PROMPT / usual.typical, "s"),
    )  # fmt: skip
    text = "Reading a prompt is limited by computing, not by the memory's speed; writing is the other way round."
    if result.verdict == "fits_with_offload":
        text = "The part in RAM makes it slow: its weights have to reach the card for each batch of the prompt."
    yield state("reason", text)
    if result.prefill_standing == "below":
        text = (
            "Look at: whether the program reports all layers on the GPU, whether flash attention is on, and whether "
            "the beginning of the prompt changes each time, so that all of it is read again."
        )
        yield state("next", text)
        return
    yield state(
        "next",
        "What helps: shorter prompts, a prompt cache that stays (the beginning unchanged), larger batches (`-ub`), a "
        "model with fewer active parameters, or a device that computes faster.",
    )


def _by_weights(result: ExplainAnswer, other: OtherWeights, measured: Quantity) -> Statement:
    """No fault is told from weights that nobody named."""
    decode, more = result.decode_tokens_per_s, other.decode_tokens_per_s
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
    decode = result.decode_tokens_per_s
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
        if result.standing not in ("fast", "below", "far_below"):
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
    values["ceiling"] = ceiling
    yield Statement("reason", f"Each token takes {joined(told)}: {{ceiling}} at most.", values)


def _next(result: ExplainAnswer) -> Iterator[Said]:
    if result.standing == "above_ceiling" and result.implied_gb_per_s:
        yield state("next", "Faster would be RAM with more channels or a higher rate.")
    elif result.standing == "above_ceiling":
        told = ["several users counted together", "a draft model that guesses ahead", "another model or file"]
        if result.possible_at:
            told.insert(0, "a smaller quantization ({possible} would allow it)")
        text = f"Where it was measured all the same, it was {joined(told, 'or')}."
        yield state("next", text, possible=result.possible_at or "")
    elif result.checks:
        looks = list(dict.fromkeys(LOOK[check] for check in result.checks))[:MOST_LOOKED_AT]
        looks = ["which quantization the file has", *looks[:-1]] if result.normal_at else looks
        yield state("next", f"Look at: {'; '.join(looks)}.")
    else:
        yield from _helps(result)


def _helps(result: ExplainAnswer) -> Iterator[Said]:
    told, values = [], dict[str, Slot]()
    for help in result.helps[:MOST_LOOKED_AT]:
        told.append(HELPS[help.help])
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
        yield from _several_runs(results)
        return
    first, best = max(running, key=lambda pair: pair[0].decode_tokens_per_s.typical)
    last, worst = min(running, key=lambda pair: pair[0].decode_tokens_per_s.typical)
    for one in results:
        if one.standing:
            yield _answer(one, f"{one.model} at {one.quantization} on {the(one.device)}")
    text = "The speed follows from what each token has to read: about {fast} {best}, about {slow} {worst}."
    fast, slow = speed_of(first.decode_tokens_per_s.typical), speed_of(last.decode_tokens_per_s.typical)
    kind: Kind = "reason" if any(one.standing for one in results) else "answer"
    yield state(kind, text, fast=fast, best=best, slow=slow, worst=worst)
    rows = tuple((case, *_row(one)) for one, case in zip(results, cases.columns, strict=True))
    yield Table("answer", (cases.title, "reads per token", "at", "at most", "usually"), rows)
    for one in results:
        yield state("detail", "{model}: {formula}.", model=opening(one.model), formula=one.formula)


def _several_runs(results: Sequence[ExplainAnswer]) -> Iterator[Said]:
    """Several speeds of one model on one device: each against what memory allows, and what to do about the worst."""
    *others, worst = sorted(results, key=lambda one: -(one.measured_tokens_per_s or 0.0))
    if worst.likely and any(one.standing in ("as_expected", "fast") for one in others):
        # The machine is sound, as another program shows.
        checks: tuple[Check, ...] = tuple(dict.fromkeys(("wrong_build", "runs_on_processor", *worst.checks)))
        worst = worst.model_copy(update={"likely": "wrong_build", "checks": checks})
    for one in (*others, worst):
        yield _answer(one, f"{one.model} at {one.quantization} on {the(one.device)}")
    yield from _next(worst)


def _row(one: ExplainAnswer) -> tuple[Slot, ...]:
    if one.verdict == "does_not_fit":
        return "–", "–", "–", "does not fit"
    usual = speed_of(one.decode_tokens_per_s.low, one.decode_tokens_per_s.high)
    if not one.reads:  # all cards read at once
        return "–", "–", speed_of(one.ceiling_tokens_per_s), usual
    slowest = max(one.reads, key=lambda read: read.gb_per_token / read.gb_per_s)
    size, rate = Quantity(slowest.gb_per_token, "GB"), Quantity(slowest.gb_per_s, "GB/s")
    return size, rate, speed_of(one.ceiling_tokens_per_s), usual
