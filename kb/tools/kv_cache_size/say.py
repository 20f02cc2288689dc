"""What a cache size says: the gigabytes, what a token takes, what fewer bits save."""

from collections.abc import Iterator, Sequence

from kb.text.statements import Quantity, Said, Table, state
from kb.tools.asks import Asked
from kb.tools.kv_cache_size.tool import Claimed, KvCacheAnswer
from kb.tools.shared.naming import gb, tokens
from kb.tools.shared.saying import notes


def say(result: KvCacheAnswer, asked: Asked) -> Iterator[Said]:
    context, size = tokens(result.context), gb(result.kv_cache_gb)
    stored = "" if result.kv_cache_type == "f16" else f", stored as {result.kv_cache_type}"
    if not result.within_model_limit and result.model_context_limit:
        text = "A context of {context} is more than {model} was made for: {limit}."
        limit = tokens(result.model_context_limit)
        yield state("correction", text, context=context, model=result.model, limit=limit)
    if result.claimed:
        yield from _judged(result, result.claimed, stored)
    elif result.concurrency > 1:
        text = (
            "{users} conversations of {context} take {size} with {model}{stored}: their KV cache, beside the weights."
        )
        users = Quantity(result.concurrency, step=1)
        yield state("answer", text, users=users, context=context, size=size, model=result.model, stored=stored)
    else:
        text = "A context of {context} takes {size} with {model}{stored}: that is its KV cache, beside the weights."
        yield state("answer", text, context=context, size=size, model=result.model, stored=stored)
    if result.claimed and result.gb_per_layer:
        text = "That is {layers} layers of {each}."
        yield state("reason", text, layers=Quantity(result.layers, step=1), each=gb(result.gb_per_layer))
    text = "Each further token takes {each}, so the cache grows with the length of the conversation."
    if not result.kb_per_token:
        text = "It grows no further: every layer keeps a window or a state of fixed size."
    yield state("reason", text, each=Quantity(result.kb_per_token, "kB"))
    if result.kv_cache_gb_at_q8_0 is not None:
        text = "Stored in 8 bits (q8_0) it takes {less}, at hardly any loss."
        yield state("next", text, less=gb(result.kv_cache_gb_at_q8_0))
    yield state("detail", "Arithmetic: {formula}.", formula=result.formula)
    yield state("detail", "{size} are {gib}.", size=size, gib=Quantity(result.kv_cache_gib, "GiB"))
    yield from notes("detail", result.assumptions)


def _judged(result: KvCacheAnswer, claimed: Claimed, stored: str) -> Iterator[Said]:
    """The size against the one that was said."""
    context, size, said = tokens(result.context), gb(result.kv_cache_gb), gb(claimed.gb)
    held = tokens(claimed.context)
    text = "{size}, not {said}, is what a context of {context} takes with {model}{stored}: that is its KV cache."
    if claimed.is_right:
        text = "That is right: a context of {context} takes {size} with {model}{stored}, beside the weights."
    elif claimed.of == "one_layer":
        text = "{size}, not {said}, is what a context of {context} takes with {model}{stored}: {said} is one layer."
    yield state("answer", text, size=size, said=said, context=context, model=result.model, stored=stored)
    if not claimed.is_right and claimed.context:
        yield state("reason", "{said} hold {held}.", said=said, held=held)


def side_by_side(results: Sequence[KvCacheAnswer], asked: Asked) -> Iterator[Said]:
    most, least = (pick(results, key=lambda one: one.kv_cache_gb) for pick in (max, min))
    if len({one.model for one in results}) > 1:
        text = "With {least} the context takes the least, {low}; with {most} the most, {high}."
    else:
        text = "Between {low} and {high}, with {most}."
    if most.kv_cache_gb == least.kv_cache_gb:
        text = "The context takes {low} with each of them."
    low, high = gb(least.kv_cache_gb), gb(most.kv_cache_gb)
    yield state("answer", text, least=least.model, low=low, most=most.model, high=high)
    rows = tuple(
        (
            one.model,
            tokens(one.context),
            one.kv_cache_type,
            gb(one.kv_cache_gb),
            Quantity(one.kb_per_token, "kB"),
        )
        for one in results
    )
    yield Table("answer", ("model", "context", "stored as", "takes", "each token"), rows)
    for one in results:
        yield state("detail", "{model}: {formula}.", model=one.model, formula=one.formula)
