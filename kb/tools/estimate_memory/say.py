"""What a memory need says: one number, and the same at the other quantizations."""

from collections.abc import Iterator, Sequence

from kb.text.statements import Quantity, Said, Slot, Statement, Table, state
from kb.tools.asks import Asked
from kb.tools.estimate_memory.tool import MemoryAnswer, MemoryNeed, Surplus
from kb.tools.shared.naming import gb, opening, tokens
from kb.tools.shared.saying import notes

SETTINGS = {
    "ollama": " (`num_ctx`, `OLLAMA_NUM_PARALLEL=1`)",
    "llama-cpp": " (`-c`, `-np 1`)",
    "vllm": " (`--max-model-len`, a lower `--gpu-memory-utilization`)",
}
"""How a program is told of them."""
MANY = 0.15
"""Of the weights: more in RAM than an input embedding takes."""


def say(result: MemoryAnswer, asked: Asked) -> Iterator[Said]:
    usual = _usual(result)
    total, context = gb(usual.total_gb), tokens(result.context)
    if result.surplus:
        yield from _where_it_goes(result, result.surplus, asked)
        return
    text = "{model} needs about {total} of memory at {quantization}, with {context} of context."
    yield state(
        "answer", text, model=opening(result.model), total=total,
        quantization=usual.quantization, context=context,
    )  # fmt: skip
    text = "The weights are {weights} of it and the cache of the conversation {cache}."
    if usual.looked_up_gb > MANY * usual.weights_gb:
        text = (
            "The weights are {weights}; {looked_up} of them are tables, which stay in RAM and are not counted. "
            "The cache of the conversation is {cache}."
        )
    weights, looked_up, cache = gb(usual.weights_gb), gb(usual.looked_up_gb), gb(usual.kv_cache_gb)
    yield state("reason", text, weights=weights, looked_up=looked_up, cache=cache)
    if usual.projector_gb:
        text = "What sees (the mmproj file) takes {part} of it."
        yield state("reason", text, part=gb(usual.projector_gb))
    if usual.smallest_card_gib:
        size = gb(usual.smallest_card_gib)
        yield state("next", "A graphics card sold with {size} is the smallest that holds it whole.", size=size)
    elif usual.quantization:
        yield state(
            "next", "No single graphics card holds that whole: it takes several, or a machine with shared memory."
        )
    if len(result.needs) > 1:
        yield Table(
            "reason",
            ("quantization", "weights", "in all"),
            tuple((need.quantization, gb(need.weights_gb), gb(need.total_gb)) for need in result.needs),
        )
    for need in result.needs:
        text = "{quantization}: {total} in all are {gib}; weights: {how}."
        total, gib = gb(need.total_gb), Quantity(need.total_gib, "GiB")
        yield state("detail", text, quantization=need.quantization, total=total, gib=gib, how=need.how)
    yield from notes("detail", result.assumptions)


def _where_it_goes(result: MemoryAnswer, surplus: Surplus, asked: Asked) -> Iterator[Said]:
    """Of a run that takes much more than is worked out: what the rest is, and what to do about it."""
    usual = _usual(result)
    measured, weights, rest = gb(surplus.measured_gb), gb(usual.weights_gb), gb(surplus.kv_cache_gb)
    names: dict[str, Slot] = {"model": result.model, "quantization": usual.quantization}
    text = "Not the weights: {model} at {quantization} has {weights} of them; about {rest} of {measured} is context."
    yield Statement("answer", text, {**names, "weights": weights, "rest": rest, "measured": measured})
    if surplus.context_expanded:
        text = "A program that keeps keys and values of each head, as older ones do, fills that with {held}"
        held = tokens(surplus.context_expanded)
        if surplus.context:
            text += "; one that keeps the latent with {more}"
        more = tokens(surplus.context or 0)
        yield Statement("reason", f"{text}.", {"held": held, **({"more": more} if surplus.context else {})})
    elif surplus.windows and surplus.window:
        text = "So much is the cache of {held}: {windows} times the {limit} that the model can read, as if several "
        text += "conversations were kept open."
        held, windows, limit = tokens(surplus.context or 0), Quantity(surplus.windows), tokens(surplus.window)
        yield state("reason", text, held=held, windows=windows, limit=limit)
    elif surplus.context:
        text = "So much is the cache of {held}, in one conversation or in several that are kept open."
        yield state("reason", text, held=tokens(surplus.context))
    total, context = gb(usual.total_gb), tokens(result.context)
    text = "Set a shorter context and one conversation at a time{how}: with {context} it needs about {total}."
    how = SETTINGS.get(asked.engine, "")
    yield state("next", text, how=how, context=context, total=total)
    yield state("detail", "{quantization}: {how}.", quantization=usual.quantization, how=usual.how)
    yield from notes("detail", result.assumptions)


def _usual(result: MemoryAnswer) -> MemoryNeed:
    """The one that is asked for, or that most people run."""
    return next(need for need in result.needs if need.is_usual)


def side_by_side(results: Sequence[MemoryAnswer], asked: Asked) -> Iterator[Said]:
    most, least = (pick(results, key=lambda one: _usual(one).total_gb) for pick in (max, min))
    text = "{most} needs the most, about {high}; {least} the least, about {low}."
    if len({one.model for one in results}) == 1:
        text = "{model} needs about {low} at {small} and about {high} at {large}."
    yield state(
        "answer", text, model=opening(least.model), most=opening(most.model), least=least.model,
        small=_usual(least).quantization, large=_usual(most).quantization,
        high=gb(_usual(most).total_gb), low=gb(_usual(least).total_gb),
    )  # fmt: skip
    rows = tuple(
        (one.model, need.quantization, gb(need.weights_gb), gb(need.total_gb))
        for one in results
        for need in one.needs
        if need.is_usual
    )
    yield Table("answer", ("model", "quantization", "weights", "in all"), rows)
    for one in results:
        yield state("detail", "{model}: {formula}.", model=one.model, formula=one.formula)
