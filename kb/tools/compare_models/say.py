"""Models beside each other: which to take on the device, or how they differ; a table of the figures."""

from collections.abc import Iterator

from kb.text.statements import Quantity, Said, Slot, Table, state
from kb.text.wording import joined
from kb.tools.asks import Asked
from kb.tools.compare_models.tool import ALIKE, ComparedModel, CompareModelsAnswer
from kb.tools.shared.naming import VERDICTS, gb, opening, speed_of, the, tokens
from kb.tools.shared.saying import notes


def say(result: CompareModelsAnswer, asked: Asked) -> Iterator[Said]:
    yield from _conclusion(result)
    if result.fastest and result.slowest and result.speed_ratio:
        text = "{fast} writes about {times} times as fast as {slow}{why}."
        quick = next(row for row in result.models if row.name == result.fastest)
        why = ", as each token uses only {active} billion of its {total} billion parameters" if quick.is_mixture else ""
        yield state(
            "reason", text.replace("{why}", why), fast=opening(result.fastest), slow=result.slowest,
            times=Quantity(result.speed_ratio), active=Quantity(quick.active_billions),
            total=Quantity(quick.params_billions),
        )  # fmt: skip
    elif result.speed_ratio:
        yield state("reason", "In speed they are about alike.")
    if result.memory_ratio >= ALIKE and result.device and len(result.fitting) == len(result.models):
        text = "{large} takes about {times} times the memory of {small}."
        times = Quantity(result.memory_ratio)
        yield state("reason", text, large=opening(result.largest), small=result.smallest, times=times)
    yield _table(result)
    yield state("detail", "How well a model answers is not calculated here: try both on your own questions.")
    yield state("detail", "{formula}.", formula=result.formula)
    for row in result.models:
        text = "{model}: each token of context takes {each}{released}."
        released = f"; released {row.released}" if row.released else ""
        each = Quantity(row.kb_per_token, "kB")
        yield state("detail", text, model=opening(row.model), each=each, released=released)
    yield from notes("detail", result.assumptions)


def _conclusion(result: CompareModelsAnswer) -> Iterator[Said]:
    if result.device is None:
        text = "{small} is the smaller one to run, {large} takes about {times} times its memory."
        times = Quantity(result.memory_ratio)
        yield state("answer", text, small=opening(result.smallest), large=result.largest, times=times)
        return
    device = the(result.device)
    if not result.recommended:
        yield state("answer", "None of them fits whole on {device}.", device=device)
    elif len(result.fitting) < len(result.models):
        others = [row.name for row in result.models if row.name not in result.fitting]
        text = "Take {model} on {device}: {others} does not fit whole there."
        if len(others) > 1:
            text = "Take {model} on {device}: {others} do not fit whole there."
        yield state("answer", text, model=result.recommended, device=device, others=joined(others))
    elif result.fastest and result.fastest != result.recommended:
        text = "All fit on {device}: {fast} for speed, {model} for its parameters, which usually mean better answers."
        yield state("answer", text, device=device, fast=result.fastest, model=result.recommended)
    else:
        text = "Take {model} on {device}: all of them fit, and it has the most parameters without being slower."
        yield state("answer", text, model=result.recommended, device=device)


def _table(result: CompareModelsAnswer) -> Table:
    columns = ["model", "parameters", "needs", "reads up to"]
    if result.device is not None:
        columns += ["fits", "speed"]
    return Table("answer", tuple(columns), tuple(_cells(row, result) for row in result.models))


def _cells(row: ComparedModel, result: CompareModelsAnswer) -> tuple[Slot, ...]:
    size: Slot = Quantity(row.params_billions, "B")
    need = gb(row.required_gb)
    limit: Slot = tokens(row.model_context_limit) if row.model_context_limit else "–"
    cells: tuple[Slot, ...] = (f"{row.model} at {row.quantization}", size, need, limit)
    if result.device is None:
        return cells
    decode = row.decode_tokens_per_s
    fits = VERDICTS[row.verdict] if row.verdict else "–"
    return *cells, fits, speed_of(decode.typical) if decode else "–"
