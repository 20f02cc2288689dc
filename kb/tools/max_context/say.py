"""What the longest context says: how many tokens, whether memory or the model ends it, what lengthens it."""

from collections.abc import Iterator, Sequence

from kb.text.statements import Quantity, Said, Slot, Statement, Table, state
from kb.tools.asks import Asked
from kb.tools.max_context.tool import MaxContextAnswer, WayToContext
from kb.tools.shared.naming import gb, named, the, tokens, varied
from kb.tools.shared.saying import notes

ENDS = {"memory": "memory", "model": "the model's own limit", "weights": "weights leave no room"}


def say(result: MaxContextAnswer, asked: Asked) -> Iterator[Said]:
    if result.way:
        yield from _how(result, result.way)
        yield from (_behind(one) for one in _longest(result, asked))
        return
    yield from _longest(result, asked)


def _behind(one: Said) -> Said:
    return one.as_kind("reason") if isinstance(one, Statement) and one.kind == "answer" else one


def _how(result: MaxContextAnswer, way: WayToContext) -> Iterator[Said]:
    """What the context takes that is to fit, where it does not by itself."""
    text = "{wanted} fit on {device} with {model} at {quantization} and the cache stored as {kind}."
    values: dict[str, Slot] = {
        "wanted": tokens(result.wanted or 0), "device": the(result.device), "model": result.model,
        "quantization": way.quantization, "kind": way.kv_cache_type,
    }  # fmt: skip
    yield Statement("answer", text, values)
    yield state("reason", "That takes {need} of {have}.", need=gb(way.required_gb), have=gb(result.available_gb))
    if way.is_lossy:
        yield state("reason", "So small a file costs quality that is easy to notice.")


def _longest(result: MaxContextAnswer, asked: Asked) -> Iterator[Said]:
    names = named(result)
    longest, cache = tokens(result.max_context), gb(result.kv_cache_gb_at_max)
    if result.max_context_with_ram and result.in_system_memory_gb:
        whole = result.max_context_with_ram == result.model_limit
        text = "Up to" if whole else "At least"
        text += " {longest} with {model} at {quantization} on {device}, with {rest} of the weights in RAM."
        yield state(
            "answer", text, longest=tokens(result.max_context_with_ram), rest=gb(result.in_system_memory_gb), **names
        )
        text = "The cache lies on the card; the longer it is, the more of the weights move to RAM."
        if result.tokens_per_s_with_ram:
            text += " Behind so much text it writes about {speed}."
        yield state("reason", text, speed=Quantity(result.tokens_per_s_with_ram or 0.0, "tokens/s"))
    elif result.limited_by == "weights":
        text = (
            "No context at all: {model} at {quantization} does not fit whole on {device}, so nothing is left for one."
        )
        yield state("answer", text, **names)
        if not result.way and result.smaller_quantization and result.max_context_of_smaller:
            text = "At {smaller} it would fit, with a context of up to {longer}."
            longer = tokens(result.max_context_of_smaller)
            yield state("next", text, smaller=result.smaller_quantization, longer=longer)
    elif result.limited_by == "model":
        text = "Up to {longest}: all that {model} can read, and at {quantization} it fits on {device}."
        yield state("answer", text, longest=longest, **names)
        yield state("reason", "The cache of that context takes {cache}.", cache=cache)
    else:
        text = "Up to {longest} of context fit with {model} at {quantization} on {device}."
        yield state("answer", text, longest=longest, **names)
        text = "Their cache takes {cache}, which is what the weights leave free; each token takes {each}."
        yield state("reason", text, cache=cache, each=Quantity(result.kb_per_token, "kB"))
        if result.model_limit:
            yield state("reason", "The model itself could read {limit}.", limit=tokens(result.model_limit))
        if result.max_context_at_q8_0:
            text = "With the cache in 8 bits (q8_0) it is {longer}, at hardly any loss."
            yield state("next", text, longer=tokens(result.max_context_at_q8_0))
    if result.image_tokens and result.max_context:
        text = "Of images, with {each} each, that is room for about {count}."
        yield state(
            "reason", text, each=tokens(result.image_tokens),
            count=Quantity(result.max_context // result.image_tokens, step=1),
        )  # fmt: skip
        if result.image_size and "image_size" not in asked.stated:
            yield state("assumption", "images of {size} pixels", size=result.image_size.replace("x", " × "))
    if result.wanted and not result.way:
        text = "The {wanted} that you name fit."
        if not result.wanted_fits:
            text = "{wanted} fit at none of the common types, however the cache is stored."
        yield state("reason", text, wanted=tokens(result.wanted))
    yield state("detail", "{formula}.", formula=result.formula)
    yield from notes("detail", result.assumptions)


def side_by_side(results: Sequence[MaxContextAnswer], asked: Asked) -> Iterator[Said]:
    cases = varied(results)
    most, case = max(zip(results, cases.each, strict=True), key=lambda pair: pair[0].max_context)
    if most.max_context:
        text = "The longest context, {longest}, fits {case}."
        yield state("answer", text, longest=tokens(most.max_context), case=case)
    else:
        yield state("answer", "No context at all: the weights do not fit whole in any of these cases.")
    rows = tuple(
        (case, tokens(one.max_context), ENDS[one.limited_by]) for case, one in zip(cases.columns, results, strict=True)
    )
    yield Table("answer", (cases.title, "longest context", "ended by"), rows)
    for one in results:
        yield state("detail", "{device}: {formula}.", device=one.device, formula=one.formula)
