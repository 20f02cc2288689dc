"""What a fit says: yes, no, or with a part of it in system memory; what decides it, and the ways out."""

import re
from collections.abc import Iterator, Sequence

from kb.calc.results import Offload, Overflow
from kb.text.statements import Kind, Quantity, Said, Slot, Statement, Table, state
from kb.text.wording import joined
from kb.tools.asks import Asked
from kb.tools.check_fit.tool import FitAnswer, Seeing, WayOut
from kb.tools.shared.naming import VERDICTS, Varied, gb, named, tokens, varied
from kb.tools.shared.saying import notes, over_hosts

KEPT = {
    "own": "",
    "shared": " (its memory is sold as {sold}; the system keeps a part)",
    "system": " (it runs on the processor, from {sold} of RAM of which the system keeps a part)",
}
SHARED = " (the program may take {share} of what is there)"
WAYS = {
    "more_devices": "{device} would hold all of it",
    "smaller_quantization": "at {quantization} it fits whole",
    "shorter_context": "with a context of {context} it fits whole",
    "smaller_cache_type": "with the cache stored as {kv_cache_type} it fits whole",
    "other_placement": "with `{options}` it fits",
    "smaller_model": "a model of about {size} fits whole at {quantization}",
}
_OF_EXPERTS = re.compile(r"\bactive\b|\bmoe\b|\bexperts?\b|\bsparse\b", re.I)
_OF_LAYERS = re.compile(
    r"\b(?:ngl|n-?gpu-?layers|num_gpu|gpu-?layers|n-?cpu-?moe|ncmoe|cpu-?moe|moe layers|gpu offload|layers|couches"
    r"|schichten|capas|camadas|слоёв|слоев)\b(?! ?[=:]? ?\d)|层|レイヤー", re.I
)  # fmt: skip
"""Without a number behind it, which would be the asker's own."""
LARGE_SHARE = 0.1
"""Of the context: what an image takes is told first where it is more."""
LOSS = ", at a loss of quality that is easy to notice"


def say(result: FitAnswer, asked: Asked) -> Iterator[Said]:
    if not result.within_model_limit and result.model_context_limit:
        limit, context = tokens(result.model_context_limit), tokens(result.context)
        text = "A context of {context} is more than {model} was made for: {limit}."
        yield state("correction", text, limit=limit, context=context, model=result.model)
    yield from _cannot_see(result)
    refused = list(_refused(result))
    yield from refused
    if asked.out_of_memory and result.verdict == "fits" and not refused:
        yield from _ran_out(result)
        yield from _details(result)
        return
    placed = list(_placed(result, asked))
    yield from placed
    yield from (_behind(one) if refused or placed else one for one in _verdict(result, asked))
    if result.active_percent and _OF_EXPERTS.search(asked.text):
        text = "All of its weights have to be held: the {share} that a token passes through say how fast it is."
        yield state("reason", text, share=Quantity(result.active_percent, "%"))
    if (split := result.tensor_parallel) and split.tensor > 1 and not split.fewer_hold_it:
        text = "{cards} of the cards alone do not hold it at {quantization}."
        yield state("reason", text, cards=Quantity(split.tensor, step=1), quantization=result.quantization)
    if result.within_model_limit and result.verdict == "fits":
        if result.max_context == result.model_context_limit:
            yield state(
                "reason", "The context can grow to all of the model's {longest}.", longest=tokens(result.max_context)
            )
        else:
            yield state("reason", "The context can grow to {longest}.", longest=tokens(result.max_context))
    yield from _seeing(result, asked)
    yield from _further(result)
    yield from _next(result)
    if result.verdict == "fits":
        yield from over_hosts(result.hosts, at_once=bool(asked.arguments.get("tensor_parallel")))
    if result.system_memory_assumed:
        yield state("assumption", "{ram} of RAM, as none was named", ram=_ram([result]))
    yield from _details(result)


def _placed(result: FitAnswer, asked: Asked) -> Iterator[Said]:
    """How many layers, where that was asked and is to be chosen."""
    if result.options or not _OF_LAYERS.search(asked.text):
        return
    if result.offload:
        yield _placement(result.offload)
    elif result.verdict == "fits":
        text = "All layers of {model} go on {device}: `-ngl all`, or leave the option out."
        yield Statement("answer", text, {name: named(result)[name] for name in ("model", "device")})


def _placement(offload: Offload) -> Said:
    """Where the layers lie, and the options of llama.cpp for it; the output counts as one more layer there."""
    values: dict[str, Slot] = {
        "layers": Quantity(offload.layers_total, step=1), "here": Quantity(offload.layers_on_device, step=1),
        "option": f"-ngl {offload.layers_on_device + 1}",
    }  # fmt: skip
    text = "Of {layers} layers {here} go on the card: `{option}`."
    if offload.experts_on_cpu_layers:
        values["experts"] = Quantity(offload.experts_on_cpu_layers, step=1)
        values["option"] = f"--n-cpu-moe {offload.experts_on_cpu_layers}"
        text = "Of {layers} layers {experts} leave their experts in RAM: `{option}`."
        if offload.layers_on_device < offload.layers_total:
            values["option"] = f"-ngl {offload.layers_on_device + 1} {values['option']}"
            text = (
                "Of {layers} layers {here} go on the card, of which {experts} leave their experts in RAM: `{option}`."
            )
        else:
            del values["here"]
    return Statement("answer", text, values)


def _ran_out(result: FitAnswer) -> Iterator[Said]:
    """It ran out of memory all the same: that is true, and not for the weights."""
    text = "By its weights {model} at {quantization} fits on {device}, so something else takes the memory."
    yield Statement("answer", text, {**named(result)})
    text = "With {context} of context it takes {need} of {have}; more than {longest} does not fit."
    if result.max_context == result.model_context_limit:
        text = "With {context} of context it takes {need} of {have}, and with all of the model's {longest} it fits too."
    figures: dict[str, Slot] = {
        "context": tokens(result.context), "need": gb(result.required_gb), "have": gb(result.available_gb),
        "longest": tokens(result.max_context),
    }  # fmt: skip
    yield Statement("reason", text, figures)
    yield state(
        "next",
        "Look at the context that the program opens, at how many conversations it holds at once (`--parallel`, "
        "`OLLAMA_NUM_PARALLEL`, `--max-num-seqs`), and at what else is on the device.",
    )


def _details(result: FitAnswer) -> Iterator[Said]:
    yield state("detail", "Memory: {formula}.", formula=result.formula)
    if result.memory_kind == "own":
        text = "A card sold with {sold} holds {bytes}: its GB are counted in powers of two."
        sold, held = gb(result.sold_as_gb), gb(result.available_gb)
        yield state("detail", text, sold=sold, bytes=held)
    yield from notes("detail", result.warnings, result.assumptions)
    if result.commands and result.commands.llama_cpp and result.verdict != "does_not_fit":
        yield state("command", "llama.cpp: `{line}`", line=result.commands.llama_cpp)


def _verdict(result: FitAnswer, asked: Asked) -> Iterator[Said]:
    what = "{model} at {quantization}"
    if "context" in asked.stated:
        what += " with {context} of context"
    if result.concurrency > 1:
        what += " for each of {users} users"
    if result.options:
        what += ", placed by `{options}`,"
    names = named(result)
    load: dict[str, Slot] = {
        "context": tokens(result.context), "users": Quantity(result.concurrency, step=1), "options": result.options,
    }  # fmt: skip
    have = gb(result.available_gb)
    if result.verdict == "fits":
        opens = "Yes, but only just: " if result.is_tight else "Yes: "
        text = f"{what} fits on {{device}} and leaves {{spare}}."
        yield Statement("answer", text, {**names, **load, "spare": gb(result.headroom_gb)}, opens=opens)
    elif result.offload and result.options:
        text = f"{what} runs on {{device}} with a part of it in RAM."
        yield Statement("answer", text, {**names, **load}, opens="Yes: ")
    elif result.offload:
        text = f"Only with help from system memory (RAM): {what} does not fit on {{device}} alone."
        yield Statement("answer", text, {**names, **load})
    else:
        yield Statement("answer", f"{what} does not fit on {{device}}.", {**names, **load}, opens="No: ")
    need, sold = gb(result.required_gb), gb(result.sold_as_gb)
    sees = gb(result.seeing.projector_gb) if result.seeing else ""
    seeing = ", {sees} of it for what sees (the mmproj file)" if sees else ""
    text = (
        f"It needs {{need}} of {{have}}{seeing}{{why}}."
        if result.verdict == "fits"
        else f"It needs {{need}}{seeing}, and {{have}} can be used{{why}}."
    )
    values: dict[str, Slot] = {"need": need, "have": have, "sold": sold, "sees": sees}
    why = KEPT[result.memory_kind]
    if result.memory_share is not None:
        why, values["share"] = SHARED, Quantity(100 * result.memory_share, "%")
    yield Statement("reason", text.replace("{why}", why), values)
    if result.offload and result.options and result.headroom_gb >= 0:
        yield state("reason", "Without these options all of it would fit on the device, which is faster.")
    if result.offload:
        part = gb(result.offload.weights_in_system_memory_gb)
        yield state("reason", "{part} of the weights stay in RAM, which makes it slower.", part=part)
    if over := result.overflow:
        yield _overflow(result, over)
    elif result.verdict == "does_not_fit" and result.options:
        yield state("reason", "That is what this placement puts on it; another may do.")
    elif result.verdict == "does_not_fit" and result.can_offload:
        text = "Even with {ram} of RAM beside it there is not enough"
        text += "; with {enough} it would run, slower." if result.system_memory_required_gb else "."
        yield state("reason", text, ram=_ram([result]), enough=gb(result.system_memory_required_gb or 0.0))
    elif result.verdict == "does_not_fit" and result.memory_kind == "own":
        yield state("reason", "Weights in this format cannot stay partly in RAM.")


def _overflow(result: FitAnswer, over: Overflow) -> Statement:
    """What is too small where the devices have enough in sum."""
    if over.is_system:
        text = "The device holds its part; what overflows is the RAM: {enough} are needed, the system's share among "
        text += "them, and {ram} are there."
        return state("reason", text, enough=gb(result.system_memory_required_gb or 0.0), ram=_ram([result]))
    text = "In sum there is room, but layers cannot be cut: one {memory} would have to hold {need}, and it has {have}."
    return state("reason", text, memory=over.memory, need=gb(over.required_gb), have=gb(over.available_gb))


def _cannot_see(result: FitAnswer) -> Iterator[Said]:
    """Where images were to be shown to a model that does not read them, or more than any context holds."""
    if result.reads_images is False:
        text = "{model} is not known to read images; what follows is for text alone."
        yield state("correction", text, model=result.model)
    elif (seen := result.seeing) and seen.tokens and _is_too_many(result, seen):
        text, most = "{images} take {tokens}, more than the {most} that {model} can read.", result.model_context_limit
        told = {"images": _images(seen.images), "tokens": tokens(seen.tokens), "most": tokens(most or 0)}
        yield Statement("correction", text, {**told, "model": result.model})
    elif result.offload is None and (seen := result.seeing) and seen.tokens and seen.tokens > result.max_context > 0:
        text = "{images} take {tokens}, and no context of more than {longest} fits."
        longest = tokens(result.max_context)
        yield state("correction", text, images=_images(seen.images), tokens=tokens(seen.tokens), longest=longest)


def _is_too_many(result: FitAnswer, seen: Seeing) -> bool:
    """More than the model can read."""
    limit = result.model_context_limit
    return limit is not None and (seen.tokens or 0) > limit


def _seeing(result: FitAnswer, asked: Asked) -> Iterator[Said]:
    """What images take of the context."""
    seen = result.seeing
    if seen is None or not seen.tokens or not seen.tokens_each or _is_too_many(result, seen):
        return
    if seen.images == 1:
        kind: Kind = "reason" if seen.tokens > LARGE_SHARE * result.context else "detail"
        yield state(kind, "Each image takes {each} of the context.", each=tokens(seen.tokens_each))
    else:
        text = "{images} take {all} of the context."
        if result.context < seen.tokens and (result.offload or seen.tokens <= result.max_context):
            text = "{images} take {all}: open a larger context for them."
        yield Statement("reason", text, {"images": _images(seen.images), "all": tokens(seen.tokens)})
    if seen.image_size and "image_size" not in asked.stated:
        width, height = (int(side) for side in re.findall(r"\d+", seen.image_size))
        yield state("assumption", "images of {size} pixels", size=f"{width:,} × {height:,}")


def _images(count: int) -> Quantity:
    return Quantity(count, "image" if count == 1 else "images", step=1)


def _further(result: FitAnswer) -> Iterator[Said]:
    """The largest other model that fits, and the next that does not."""
    beyond = result.beyond
    if beyond is None:
        return
    values: dict[str, Slot] = {
        "largest": beyond.largest or "", "need": gb(beyond.largest_required_gb or 0.0),
        "next": beyond.too_large or "", "more": gb(beyond.too_large_required_gb or 0.0),
    }  # fmt: skip
    told = ["{largest} still fits, with {need}"] if beyond.largest else []
    told += ["{next} does not fit whole, with {more}"] if beyond.too_large else []
    if told:
        text = f"Of larger ones {'; '.join(told)}."
        yield Statement("next", text, {name: value for name, value in values.items() if f"{{{name}}}" in text})


def _refused(result: FitAnswer) -> Iterator[Said]:
    """That servers cannot let these cards work on each token, and what they can do."""
    if split := result.tensor_parallel:
        ways = ["use {tensor} of them"] if split.fewer_hold_it else []
        ways.append("all {cards} as tensor parallel {each} times pipeline parallel {stages}")
        if split.tensor_of_all == 1:
            ways[-1] = "all {cards} as pipeline parallel {stages}"
        text = "Not as tensor parallel over {cards} cards: {model} has {heads} attention heads, which {cards} does not "
        text += f"divide; {', or '.join(ways)}."
        values: dict[str, Slot] = {
            "cards": Quantity(split.cards, step=1), "heads": Quantity(split.heads, step=1), "model": result.model,
            "tensor": Quantity(split.tensor, step=1), "each": Quantity(split.tensor_of_all, step=1),
            "stages": Quantity(split.pipeline, step=1),
        }  # fmt: skip
        yield Statement("answer", text, {name: value for name, value in values.items() if f"{{{name}}}" in text})
    each, smallest = result.equal_share_gb, result.smallest_card_gb
    if each and smallest and each > smallest:
        text = "Not in tensor parallel: all cards get equal shares, here {each}, and the smallest has {smallest}."
        yield state("answer", text, each=gb(each), smallest=gb(smallest))


def _behind(one: Said) -> Said:
    return one.as_kind("reason").not_opened() if isinstance(one, Statement) and one.kind == "answer" else one


def _next(result: FitAnswer) -> Iterator[Said]:
    ways = [way for way in result.ways_out if not way.is_lossy] or list(result.ways_out)
    lossy = [way for way in result.ways_out if way.is_lossy]
    told = [*ways, *(way for way in lossy if way not in ways)][:3]
    if told:
        parts, values = [], dict[str, Slot]()
        for number, way in enumerate(told):
            text, filled = _way(way, number)
            parts.append(text)
            values |= filled
        yield Statement("next", f"What would do: {'; or '.join(parts)}.", values)


def _way(way: WayOut, number: int) -> tuple[str, dict[str, Slot]]:
    """The words of a way out, with slots that are its own."""
    values: dict[str, Slot] = {
        "device": way.device, "quantization": way.quantization, "context": tokens(way.context),
        "kv_cache_type": way.kv_cache_type, "size": way.size, "options": way.options,
    }  # fmt: skip
    text = WAYS[way.change]
    used = {slot: value for slot, value in values.items() if f"{{{slot}}}" in text}
    for slot in used:
        text = text.replace(f"{{{slot}}}", f"{{{slot}{number}}}")
    return text + (LOSS if way.is_lossy else ""), {f"{slot}{number}": value for slot, value in used.items()}


_SUPERLATIVE = re.compile(r"\b(?:biggest|largest|smallest)\b", re.I)


def side_by_side(results: Sequence[FitAnswer], asked: Asked) -> Iterator[Said]:
    """Which of them do, and one line for each."""
    cases = varied(results)
    if (superlative := _SUPERLATIVE.search(asked.text)) and len({one.model for one in results}) > 1:
        yield from _extreme(results, largest=superlative[0].casefold() != "smallest")
        yield _each(results, cases)
        return
    for one in results:
        yield from _refused(one)
    fitting, partly = (
        [case for case, one in zip(cases.each, results, strict=True) if one.verdict == verdict]
        for verdict in ("fits", "fits_with_offload")
    )
    others = [case for case in cases.each if case not in fitting]
    if fitting and others:
        text = (
            "Yes {fitting}, but not whole {others}: that is {shared}."
            if cases.shared
            else "Yes {fitting}, but not {others}."
        )
        yield state("answer", text, fitting=joined(fitting), others=joined(others, "or"), shared=cases.shared)
    elif fitting:
        yield state("answer", "all of them fit: {fitting}.", opens="Yes, ", fitting=joined(fitting))
    elif partly:
        text = "Only with help from system memory (RAM), {partly}."
        yield state("answer", text, partly=joined(partly))
    else:
        yield state("answer", "none of them fits.", opens="No, ")
    yield _each(results, cases)
    for one in results:
        text = "{model} at {quantization} on {device}: {formula}."
        yield state("detail", text, **named(one), formula=one.formula)
    if any(one.system_memory_assumed for one in results):
        yield state("assumption", "{ram} of RAM, as none was named", ram=_ram(results))


def _each(results: Sequence[FitAnswer], cases: Varied) -> Table:
    rows = tuple(
        (case, VERDICTS[one.verdict], gb(one.required_gb), gb(one.available_gb))
        for case, one in zip(cases.columns, results, strict=True)
    )
    return Table("answer", (cases.title, "fits", "needs", "can use"), rows)


def _extreme(results: Sequence[FitAnswer], *, largest: bool) -> Iterator[Said]:
    """Of several models the largest that runs, or whether the smallest does."""
    by_size = sorted(results, key=lambda one: one.required_gb)
    whole = [one for one in by_size if one.verdict == "fits"]
    partly = [one for one in by_size if one.verdict == "fits_with_offload"]
    if not largest or not whole:
        least = by_size[0]
        opens = {"fits": "Yes: ", "does_not_fit": "No: "}.get(least.verdict, "Only partly in RAM: ")
        text = "the smallest, {model} at {quantization}, needs {need} of {have} on {device}."
        need, have = gb(least.required_gb), gb(least.available_gb)
        yield Statement("answer", text, {**named(least), "need": need, "have": have}, opens=opens)
        return
    text = "{model} at {quantization} is the largest of them that fits whole on {device}."
    values: dict[str, Slot] = dict(named(whole[-1]))
    if partly and partly[-1].required_gb > whole[-1].required_gb:
        text = text[:-1] + "; {other} runs only with a part of it in RAM, more slowly."
        values["other"] = partly[-1].model
    yield Statement("answer", text, values)


def _ram(results: Sequence[FitAnswer]) -> Quantity:
    return gb(max(one.system_memory_gb or 0.0 for one in results))
