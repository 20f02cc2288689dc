"""What runs on a machine: up to which size, what to start with, and the others worth a try."""

from collections.abc import Iterator, Sequence

from kb.text.statements import Quantity, Said, Slot, Statement, Table, state
from kb.text.wording import joined
from kb.tools.asks import Asked
from kb.tools.shared.naming import gb, opening, the
from kb.tools.shared.saying import notes, rate
from kb.tools.what_runs_on.tool import RunnableModel, WhatRunsOnAnswer


def say(result: WhatRunsOnAnswer, asked: Asked) -> Iterator[Said]:
    yield from _answer(result, asked)
    if result.suggested:
        yield from _first(result.suggested[0])
    if len(result.suggested) > 1:
        yield _table(result.suggested)
    if asked.use and not result.use:
        text = "No text model here is made for {use}; these are for text."
        yield state("assumption", text, use=asked.use)
    if result.assumed_system_bandwidth_gb_per_s is not None:
        speed = Quantity(result.assumed_system_bandwidth_gb_per_s, "GB/s")
        yield state("assumption", "RAM of {speed}, as nobody named its kind", speed=speed)
    yield from _held(result)
    yield state("detail", "{formula}.", formula=result.formula)
    yield from notes("detail", result.assumptions)


def _answer(result: WhatRunsOnAnswer, asked: Asked) -> Iterator[Said]:
    several = result.device[:1].isdigit() or " + " in result.device
    values: dict[str, Slot] = {"device": opening(the(result.device)), "runs": "run" if several else "runs"}
    if not result.suggested:
        text = "{device} {runs} none of the current models at a usable speed and 4 bits or more."
        yield Statement("answer", text, values)
        yield state("next", "More memory, or a smaller context, would change that.")
        return
    first = result.suggested[0]
    values["model"] = first.model
    text, what = "I would start with {model}", "models for {use}" if result.use else "models"
    values["use"] = result.use
    if first.decode_tokens_per_s is not None:
        text += ": about {speed}"
        values["speed"] = rate(first.decode_tokens_per_s)
    if result.largest_billions is None:
        values |= {"device": the(result.device), "needs": "need" if several else "needs"}
        yield Statement("answer", f"For current {what} {{device}} {{needs}} the help of system memory; {text}.", values)
        return
    size = result.largest_billions
    values["size"] = Quantity(size, "", 1 if size >= 2 else None)
    values["kind"] = first.quantization if "quantization" in asked.stated else "4 bits"
    whole = " whole, larger ones with the help of RAM" if first.in_system_memory_gb else ""
    yield Statement("answer", f"{{device}} {{runs}} {what} up to about {{size}}B at {{kind}}{whole}; {text}.", values)


def _held(result: WhatRunsOnAnswer) -> Iterator[Said]:
    if result.models:
        held = joined([f"{one.model} ({one.quantization})" for one in result.models])
        text = "{device} {holds} whole, the largest first: {held}."
        holds = "hold" if result.device[:1].isdigit() else "holds"
        yield state("detail", text, device=opening(the(result.device)), holds=holds, held=held)


def _first(first: RunnableModel) -> Iterator[Said]:
    if first.in_system_memory_gb:
        part = gb(first.in_system_memory_gb)
        text = "It keeps {part} of its weights in RAM, which works well because few of them are used for each token."
        plain = "It keeps {part} of its weights in RAM, which makes it slower."
        yield state("reason", text if first.is_mixture else plain, part=part)
    else:
        need, kind = gb(first.required_gb), first.quantization
        yield state("reason", "At {kind} it takes {need} with its context.", need=need, kind=kind)
    if first.decode_tokens_per_s is None:
        yield state("next", "Say which card it is, and I can say how fast.")


def _table(suggested: Sequence[RunnableModel]) -> Table:
    """Columns that say the same of all are left out."""
    columns: dict[str, list[Slot]] = {
        "model": [one.model for one in suggested],
        "file": [one.quantization for one in suggested],
    }
    if any(one.in_system_memory_gb for one in suggested):
        columns["runs from"] = ["card and RAM" if one.in_system_memory_gb else "the card" for one in suggested]
    if any(one.decode_tokens_per_s for one in suggested):
        columns["speed"] = [rate(one.decode_tokens_per_s) for one in suggested]
    return Table("answer", tuple(columns), tuple(zip(*columns.values(), strict=True)))


def side_by_side(results: Sequence[WhatRunsOnAnswer], asked: Asked) -> Iterator[Said]:
    """A line for each machine: how large, and with what to start."""
    for result in results:
        yield from _answer(result, asked)
    rows = tuple(
        (result.device, one.model, one.quantization, rate(one.decode_tokens_per_s))
        for result in results
        for one in result.suggested[:2]
    )
    if rows:
        yield Table("answer", ("machine", "model", "file", "speed"), rows)
    for result in results:
        yield from _held(result)
    yield from notes("detail", *(result.assumptions for result in results))
