"""How many users: the number, or whether those who were named are served; what decides it."""

from collections.abc import Iterator, Sequence

from kb.text.statements import Quantity, Said, Table, state
from kb.text.wording import joined
from kb.tools.asks import Asked
from kb.tools.shared.naming import gb, named, opening, speed_of, tokens, varied
from kb.tools.shared.saying import notes
from kb.tools.users_served.tool import UsersAnswer

MOST_ENGINES = 2


def say(result: UsersAnswer, asked: Asked) -> Iterator[Said]:
    names = named(result)
    if result.limited_by == "weights":
        text = "Not even one: {model} at {quantization} does not fit whole on {device}."
        yield state("answer", text, **names)
        text = "The weights alone take {weights}, and {have} can be used."
        weights, have = gb(result.weights_gb), gb(result.available_gb)
        yield state("reason", text, weights=weights, have=have)
    elif result.enough is not None and result.users_asked is not None:
        yield from _asked_for(result, names)
        yield from _memory(result)
    else:
        yield from _most(result, names)
        yield from _memory(result)
    if result.limited_by == "memory" and result.kv_cache_type == "f16":
        yield state("next", "A cache in 8 bits or a shorter context for each makes room for more.")
    elif result.limited_by == "speed":
        text = "For more users take a smaller model or faster memory; programs made for many users: {engines}."
        yield state("next", text, engines=joined(result.engines[:MOST_ENGINES]))
    if result.users is not None and result.users_by_memory and "min_tokens_per_s" not in asked.stated:
        text = "each is to get at least {least}, which is about reading speed"
        yield state("assumption", text, least=speed_of(result.min_tokens_per_s))
    if result.decode_tokens_per_s_alone and "min_tokens_per_s" in asked.stated:
        alone = speed_of(result.decode_tokens_per_s_alone.typical)
        yield state("reason", "A single user gets about {alone}.", alone=alone)
    if result.tensor_parallel:
        text = "the cards work on each token together (tensor parallel), as programs for many users run them"
        yield state("assumption", text)
    yield state(
        "detail", "“At once” counts answers that are being written at the same moment; most users wait or read."
    )
    yield state("detail", "Memory: {formula}.", formula=result.formula)
    yield from notes("detail", result.assumptions)


def _asked_for(result: UsersAnswer, names: dict[str, str]) -> Iterator[Said]:
    there, context = Quantity(result.users_asked or 0, step=1), tokens(result.context)
    if result.enough:
        text = "{model} at {quantization} on {device} serves {there} users at once, with {context} of context each."
        yield state("answer", text, opens="Yes: ", there=there, context=context, **names)
    else:
        text = "{model} at {quantization} on {device} cannot serve {there} users at once, with {context} each."
        yield state("answer", text, opens="No: ", there=there, context=context, **names)
    if result.decode_tokens_per_s_asked:
        each = speed_of(result.decode_tokens_per_s_asked.typical)
        yield state("reason", "Each would get about {each} while all of them write.", each=each)
    served = result.users if result.users is not None else result.users_by_memory
    yield state("reason", "It serves up to {served}.", served=_people(served))


def _most(result: UsersAnswer, names: dict[str, str]) -> Iterator[Said]:
    served = _served(result)
    each, context = result.decode_tokens_per_s_each, tokens(result.context)
    if not served:
        text = "Not even one at {least}: {model} at {quantization} on {device} is too slow for that."
        yield state("answer", text, least=speed_of(result.min_tokens_per_s), **names)
        return
    text = "Up to {served} at once: {model} at {quantization} on {device}, with {context} of context each."
    yield state("answer", text, served=_people(served), context=context, **names)
    if each and result.aggregate_tokens_per_s:
        text = "Each then gets about {each}, all together {all}."
        together = speed_of(result.aggregate_tokens_per_s.typical)
        yield state("reason", text, each=speed_of(each.typical), all=together)
    elif each:
        yield state("reason", "That one gets about {each}.", each=speed_of(each.typical))


def _memory(result: UsersAnswer) -> Iterator[Said]:
    each, weights = gb(result.kv_cache_gb_per_user), gb(result.weights_gb)
    have, held = gb(result.available_gb), Quantity(result.users_by_memory, step=1)
    text = "Beside {weights} of weights each conversation takes {each} of the {have}: the memory holds {held}."
    yield state("reason", text, weights=weights, each=each, have=have, held=held)


def _served(result: UsersAnswer) -> int:
    return result.users if result.users is not None else result.users_by_memory


def _people(count: int) -> Quantity:
    return Quantity(count, "user" if count == 1 else "users", step=1)


def side_by_side(results: Sequence[UsersAnswer], asked: Asked) -> Iterator[Said]:
    cases = varied(results)
    best, case = max(zip(results, cases.each, strict=True), key=lambda pair: _served(pair[0]))
    served = _served(best)
    if served:
        yield state("answer", "The most are served {case}: up to {served} at once.", case=case, served=_people(served))
    else:
        yield state("answer", "Not even one is served in any of these cases.")
    rows = tuple(
        (
            case,
            Quantity(one.users_by_memory, step=1),
            Quantity(one.users, step=1) if one.users is not None else "–",
            speed_of(one.decode_tokens_per_s_each.typical) if one.decode_tokens_per_s_each else "–",
        )
        for case, one in zip(cases.columns, results, strict=True)
    )
    yield Table("answer", (cases.title, "users by memory", "users by speed", "speed of each"), rows)
    least = speed_of(results[0].min_tokens_per_s)
    yield state("assumption", "each is to get at least {least}, which is about reading speed", least=least)
    for one in results:
        yield state("detail", "{model}: {formula}.", model=opening(one.model), formula=one.formula)
