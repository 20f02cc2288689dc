"""What the best quantization says: which, what it leaves, the next larger and smaller ones."""

from collections.abc import Iterator, Sequence

from kb.text.statements import Said, Slot, Table, state
from kb.tools.asks import Asked
from kb.tools.best_quantization.tool import BestQuantizationAnswer, FromRam, QuantizationChoice
from kb.tools.shared.naming import VERDICTS, gb, the
from kb.tools.shared.saying import notes, rate

BESIDE = 1
"""How many types above and below the best are shown."""


def say(result: BestQuantizationAnswer, asked: Asked) -> Iterator[Said]:
    names = {"model": result.model, "device": the(result.device)}
    have = gb(result.available_gb)
    if result.from_ram:
        yield from _from_ram(result, result.from_ram)
    elif result.recommended and result.recommended_required_gb:
        if result.recommended_is_lossy:
            text = "At most {best}: no larger type of {model} fits whole on {device}, and its loss of quality shows."
        else:
            text = "Take {best}: the best type at which {model} fits whole on {device} with some room left."
        yield state("answer", text, best=result.recommended, **names)
        text = "It needs {need} of {have}."
        yield state("reason", text, need=gb(result.recommended_required_gb), have=have)
        if result.best != result.recommended and result.best and result.best_headroom_gb is not None:
            text = "{largest} would fit too, but it leaves only {left}."
            if result.best_is_unquantized:
                text = "{largest} would fit too, but it is larger and slower for hardly any gain."
            left = gb(result.best_headroom_gb)
            yield state("reason", text, largest=result.best, left=left)
        if result.recommended_is_lossy:
            yield state("next", "A smaller model at 4 bits usually serves better.")
    else:
        yield state("answer", "None fits: {model} is too large for {device} at any of the common types.", **names)
        text = "Even {smallest} needs {need}, and {have} can be used."
        yield state("reason", text, smallest=result.smallest, need=gb(result.smallest_required_gb), have=have)
        if result.best_with_offload:
            text = "With a part of it in RAM {partly} would run, more slowly; whole, only a smaller model does."
            yield state("next", text, partly=result.best_with_offload)
    shown = _around(result)
    rows = tuple((one.quantization, gb(one.required_gb), VERDICTS[one.verdict]) for one in shown)
    yield Table("reason", ("quantization", "needs", "fits"), rows)
    for choice in result.choices:
        text = "{quantization}: {need}, {fits}."
        need = gb(choice.required_gb)
        yield state("detail", text, quantization=choice.quantization, need=need, fits=VERDICTS[choice.verdict])
    yield from notes("detail", result.assumptions)


def _from_ram(result: BestQuantizationAnswer, run: FromRam) -> Iterator[Said]:
    """What runs with the RAM that is there, and what is given up for having it whole."""
    whole = "whole on {device} goes none of the common types"
    if result.recommended:
        whole = "whole on {device} goes at most {best}, whose loss of quality shows"
    text = f"Take {{type}}, with a part of {{model}} in RAM; {whole}."
    names = {"model": result.model, "device": the(result.device)}
    yield state("answer", text, type=run.quantization, best=result.recommended or "", **names)
    text = "It needs {need}: {have} on the device, and {part} of the weights stay in RAM."
    need, have, part = gb(run.required_gb), gb(run.on_device_gb), gb(run.in_system_memory_gb)
    yield state("reason", text, need=need, have=have, part=part)
    if run.decode_tokens_per_s:
        yield state("reason", "It writes about {speed} then.", speed=rate(run.decode_tokens_per_s))
    if run.is_lossy:
        yield state("next", "Its loss of quality shows: a smaller model at 4 bits usually serves better.")
    elif run.decode_tokens_per_s and not run.is_readable:
        yield state("next", "A smaller model that fits whole is much faster.")


def _around(result: BestQuantizationAnswer) -> Sequence[QuantizationChoice]:
    """The best with its neighbours; without one, the smallest."""
    names = [choice.quantization for choice in result.choices]
    shown = result.from_ram.quantization if result.from_ram else result.recommended
    place = names.index(shown) if shown else len(names) - 1
    return result.choices[max(0, place - BESIDE) : place + BESIDE + 1]


def side_by_side(results: Sequence[BestQuantizationAnswer], asked: Asked) -> Iterator[Said]:
    several_models = len({one.model for one in results}) > 1
    cases = [one.model if several_models else one.device for one in results]
    fitting = [one for one in results if _taken(one)]
    if fitting:
        rows = [f"{_taken(one)} for {one.model if several_models else the(one.device)}" for one in fitting]
        yield state("answer", "Take {choices}.", choices="; ".join(rows))
    else:
        yield state("answer", "None fits whole in any of these cases.")
    table = tuple((case, *_row(one)) for case, one in zip(cases, results, strict=True))
    yield Table("answer", ("model" if several_models else "device", "take", "needs", "can use"), table)


def _taken(one: BestQuantizationAnswer) -> str | None:
    return f"{one.from_ram.quantization}, partly in RAM," if one.from_ram else one.recommended


def _row(one: BestQuantizationAnswer) -> tuple[Slot, ...]:
    if one.from_ram:
        return f"{one.from_ram.quantization}, partly in RAM", gb(one.from_ram.required_gb), gb(one.available_gb)
    need: Slot = gb(one.recommended_required_gb) if one.recommended_required_gb else "–"
    return one.recommended or "none", need, gb(one.available_gb)
