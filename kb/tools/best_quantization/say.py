"""What the best quantization says: which, what it leaves, the next larger and smaller ones."""

from collections.abc import Iterator, Sequence

from kb.text.statements import Said, Slot, Table, state
from kb.tools.asks import Asked
from kb.tools.best_quantization.tool import BestQuantizationAnswer, QuantizationChoice
from kb.tools.shared.naming import VERDICTS, gb, the
from kb.tools.shared.saying import notes

BESIDE = 1
"""How many types above and below the best are shown."""


def say(result: BestQuantizationAnswer, asked: Asked) -> Iterator[Said]:
    names = {"model": result.model, "device": the(result.device)}
    have = gb(result.available_gb)
    if result.recommended and result.recommended_required_gb:
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


def _around(result: BestQuantizationAnswer) -> Sequence[QuantizationChoice]:
    """The best with its neighbours; without one, the smallest."""
    names = [choice.quantization for choice in result.choices]
    place = names.index(result.recommended) if result.recommended else len(names) - 1
    return result.choices[max(0, place - BESIDE) : place + BESIDE + 1]


def side_by_side(results: Sequence[BestQuantizationAnswer], asked: Asked) -> Iterator[Said]:
    several_models = len({one.model for one in results}) > 1
    cases = [one.model if several_models else one.device for one in results]
    fitting = [one for one in results if one.recommended]
    if fitting:
        rows = [f"{one.recommended} for {one.model if several_models else the(one.device)}" for one in fitting]
        yield state("answer", "Take {choices}.", choices="; ".join(rows))
    else:
        yield state("answer", "None fits whole in any of these cases.")
    table = tuple((case, *_row(one)) for case, one in zip(cases, results, strict=True))
    yield Table("answer", ("model" if several_models else "device", "take", "needs", "can use"), table)


def _row(one: BestQuantizationAnswer) -> tuple[Slot, ...]:
    need: Slot = gb(one.recommended_required_gb) if one.recommended_required_gb else "–"
    return one.recommended or "none", need, gb(one.available_gb)
