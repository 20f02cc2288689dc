"""What fine-tuning says: whether it fits, what it takes, and what the other methods would take. Where memory ran out,
or a run was measured, that is true: what is told is what takes it, and what to change first."""

import re
from collections.abc import Iterator, Sequence

from kb.text.statements import Kind, Quantity, Said, Slot, Statement, Table, state
from kb.text.wording import joined
from kb.tools.asks import Asked
from kb.tools.estimate_training_memory.tool import TrainingMemoryAnswer
from kb.tools.shared.naming import OPENS, gb, opening, tokens
from kb.tools.shared.saying import notes

METHODS = {
    "full": "full fine-tuning",
    "lora": "LoRA in 16 bits",
    "lora_8bit": "LoRA in 8 bits",
    "qlora": "QLoRA",
}
SHARDINGS = {
    "ddp": "a whole copy on each",
    "zero1": "ZeRO stage 1",
    "zero2": "ZeRO stage 2",
    "zero3": "FSDP or ZeRO stage 3",
}
PIECES = "the loss in pieces (Liger, Unsloth, cut cross-entropy)"
VERDICTS = {
    "enough": "{device} is enough: fine-tuning {model} {method} takes about {need} of {each}.",
    "tight": "Barely: fine-tuning {model} {method} takes about {need}, and {device} has {each}.",
    "in_pieces": "Only with {loss}: then fine-tuning {model} {method} takes about {pieces} of {each}, else {need}.",
    "too_small": "{device} is too small: fine-tuning {model} {method} takes about {need}, and it has {each}.",
}
VERDICTS_OF_SEVERAL = {
    "enough": "{device} is enough: fine-tuning {model} {method} takes about {need} of {each} on each card, with "
    "{sharding}.",
    "tight": "Barely: fine-tuning {model} {method} takes about {need} on each card, with {sharding}, and each has "
    "{each}.",
    "sharded": "Only divided over the cards (FSDP, ZeRO stage 3): then fine-tuning {model} {method} takes about "
    "{need} of {each} on each; in ordinary training each holds a whole copy, {copy}.",
    "in_pieces": "Only with {sharding} and {loss}: then fine-tuning {model} {method} takes about {pieces} of "
    "{each} on each card, else {need}.",
    "too_small": "{device} is too small: fine-tuning {model} {method} takes about {need} on each card, with "
    "{sharding}, and each has {each}.",
}
RAN_OUT = {
    "fits": "Weights, gradients and optimizer are only {state} of the {each}{where}: what runs out is the rest, "
    "which grows with the tokens at once. {tokens} take {with} with gradient checkpointing and {without} without it, "
    "{logits} of that for logits.",
    "sharded": "In ordinary training each card holds a whole copy, {copy} for {model} {method}, and has {each}: "
    "the memory of several cards does not add up. Divided by FSDP or ZeRO stage 3 it is about {need} on each.",
    "loading": "Once loaded it fits, with about {need} of the {each}{where}: what runs out is the loading, where each "
    "process may hold the whole model in 16 bits, {loading}.",
    "too_small": "It runs out because fine-tuning {model} {method} takes about {need}{where}, more than {each}: "
    "{state} are weights, gradients and optimizer, and {tokens} take {with}, {logits} of that for logits.",
    "unknown": "Fine-tuning {model} {method} takes about {need}: {state} are weights, gradients and optimizer, "
    "and {tokens} take {with} with gradient checkpointing, {without} without it.",
}
NOTEWORTHY = 0.05
"""Of a device, that a moment's buffer takes."""
NEARLY = 0.9
"""Of what is worked out, that a measurement may be without anything being elsewhere."""
_LOADING = re.compile(
    r"\b(?:while|when|during|at|on|in|before|already) (?:it (?:is )?|the |still )?(?:model )?load(?:s|ing)\b"
    r"|\bload(?:s|ing) (?:the )?(?:model|checkpoint|shards?|weights)\b",
    re.I,
)

_LONGEST = re.compile(
    r"\b(?:max(?:imum)?|longest|how long|how many)\b[^.?!]{0,30}\b(?:seq\w*|length|context|tokens|texts?|samples?)\b"
    r"|\bhow long (?:can|may|could)\b|\bmax_seq\w*",
    re.I,
)
_SUM = re.compile(
    r"\b(?:come|comes|coming|got|get) from\b|\bformula\b|\bbytes (?:per|for each|a) param|\bcalculated?\b"
    r"|\bmade (?:up )?of\b|\bbreakdown\b|\bwhy\b",
    re.I,
)

Values = dict[str, Slot]


def say(result: TrainingMemoryAnswer, asked: Asked) -> Iterator[Said]:
    yield from _told(result, asked)
    if result.by_sharding and result.verdict in ("sharded", "in_pieces", "too_small"):
        rows = tuple((SHARDINGS[way], gb(size)) for way, size in result.by_sharding.items())
        yield Table("reason", ("how it is divided", "on each card"), rows)
    elif "method" not in asked.stated:
        yield _methods(result)
    yield state("detail", "{formula}.", formula=result.formula)
    yield from notes("detail", result.assumptions)


def side_by_side(results: Sequence[TrainingMemoryAnswer], asked: Asked) -> Iterator[Said]:
    """Of several models or devices: which go, and a line for each. What ran out or was measured, of the largest."""
    if asked.out_of_memory or results[0].measured_gb is not None:
        yield from _told(max(results, key=lambda one: one.total_gb), asked)
    else:
        yield from _verdict_of(results)
    yield _cases(results)
    for one in results:
        yield state("detail", "{model}: {formula}.", model=one.model, formula=one.formula)


def _told(result: TrainingMemoryAnswer, asked: Asked) -> Iterator[Statement]:
    values = _values(result) | {"batch": "" if asked.arguments.get("batch_size") == 1 else "batch 1, "}
    loading = asked.out_of_memory and _LOADING.search(asked.text) and result.verdict in ("enough", "tight", "sharded")
    if result.measured_gb is not None and not loading:
        yield from _measured(result, values)
    elif asked.out_of_memory:
        yield from _ran_out(result, values, bool(loading))
    elif result.most_tokens and _LONGEST.search(asked.text):
        text = (
            "Up to about {most} at once (batch × length) {method} for {model} on {device}, or {fused} with {loss}, "
            "with gradient checkpointing."
        )
        yield _filled("answer", text, values)
    elif result.verdict is not None:
        texts = VERDICTS_OF_SEVERAL if result.by_sharding else VERDICTS
        yield _filled("answer", texts[result.verdict], values, opens=OPENS.get(result.verdict, ""))
        yield from _what_fits(result, pieces=False)
    elif result.bytes_per_param and _SUM.search(asked.text):
        yield from _sum(result, values)
    else:
        yield _filled("answer", "Fine-tuning {model} {method} takes about {need}.", values)
    if result.mixture and result.method in ("qlora", "lora_8bit"):
        whole = gb(result.by_method["lora"])
        yield state("reason", "Some loaders leave the experts in 16 bits: then it is {whole}.", whole=whole)


def _sum(result: TrainingMemoryAnswer, values: Values) -> Iterator[Statement]:
    """How the memory of full fine-tuning is worked out."""
    parts = {name: Quantity(size) for name, size in result.bytes_per_param.items()}
    all_bytes = Quantity(sum(result.bytes_per_param.values()))
    text = (
        "{all} bytes for each parameter: {weights} for the weight, {gradients} for its gradient and {optimizer} for "
        "the optimizer, a copy in 32 bits and its two moments."
    )
    yield Statement("answer", text, {"all": all_bytes, **parts})
    yield state("reason", "With all in 32 bits it is as much: four numbers of four bytes each.")
    text = "With activations of {tokens} that makes about {need} for {model}."
    yield _filled("reason", text, values)


def _verdict_of(results: Sequence[TrainingMemoryAnswer]) -> Iterator[Statement]:
    method = METHODS[results[0].method]
    if results[0].verdict is None:
        sizes = {f"need{number}": gb(one.total_gb) for number, one in enumerate(results)}
        models = {f"model{number}": one.model for number, one in enumerate(results)}
        each = joined([f"{{model{number}}} {{need{number}}}" for number in range(len(results))])
        yield Statement("answer", f"With {{method}}, {each}.", {"method": method, **models, **sizes})
        return
    one_device = len({one.device for one in results}) == 1
    names = [one.model if one_device else f"{one.model} on {one.device}" for one in results]
    fitting = [name for name, one in zip(names, results, strict=True) if one.verdict not in ("in_pieces", "too_small")]
    others = [name for name in names if name not in fitting]
    where = f" on {results[0].device}" if one_device else ""
    if fitting and others:
        text = "With {method}{where}, {fitting} can be fine-tuned, but not {others}."
        yield state(
            "answer", text, method=method, where=where, fitting=joined(fitting), others=joined(others, "or")
        )  # fmt: skip
    elif fitting:
        text = "with {method}{where}, {fitting} can be fine-tuned."
        yield state("answer", text, opens="Yes, ", method=method, where=where, fitting=joined(fitting))
    else:
        text = "with {method}{where}, {others} cannot be fine-tuned."
        yield state("answer", text, opens="No, ", method=method, where=where, others=joined(others, "or"))


def _methods(result: TrainingMemoryAnswer) -> Table:
    """What each method takes, and whether it fits."""
    fits = {True: "yes", False: "no"}
    sizes = result.by_method
    if result.verdict is None:
        return Table("reason", ("method", "memory"), tuple((METHODS[one], gb(sizes[one])) for one in sizes))
    rows = tuple((METHODS[one], gb(sizes[one]), fits[one in result.methods_that_fit]) for one in sizes)
    return Table("reason", ("method", "memory", "fits"), rows)


def _cases(results: Sequence[TrainingMemoryAnswer]) -> Table:
    """Of several models, what each method takes; of several devices, what is needed on each."""
    if len({one.model for one in results}) > 1:
        sizes = [[gb(size) for size in one.by_method.values()] for one in results]
        head = ("model", *METHODS.values())
    else:
        sizes = [[gb(one.needed_gb), gb(one.each_gb or one.available_gb or 0.0)] for one in results]
        head = ("device", "needs on each", "has on each")
    names = [opening(one.model if head[0] == "model" else one.device or "") for one in results]
    rows: list[tuple[Slot, ...]] = [(name, *row) for name, row in zip(names, sizes, strict=True)]
    return Table("reason", head, tuple(rows))


def _what_fits(result: TrainingMemoryAnswer, *, pieces: bool) -> Iterator[Statement]:
    """Where it does not fit: what does; with the loss in ``pieces`` too, where that is not said yet."""
    if result.verdict not in ("in_pieces", "too_small"):
        return
    each = result.each_gb or result.available_gb or 0.0
    ways = [(METHODS[method], result.by_method[method]) for method in result.methods_that_fit if not result.by_sharding]
    if pieces and result.verdict == "in_pieces":
        ways.append((PIECES, result.fused_loss_gb))
    divided = result.by_sharding.get("zero3")
    if divided is not None and result.sharding != "zero3" and divided <= each:
        ways.append((SHARDINGS["zero3"], divided))
    if ways:
        text = joined([f"{{size{number}}} with {{way{number}}}" for number in range(len(ways))], "or")
        names = {f"way{number}": name for number, (name, _) in enumerate(ways)}
        sizes = {f"size{number}": gb(size) for number, (_, size) in enumerate(ways)}
        yield Statement("reason", f"What fits is {text}.", {**names, **sizes})


def _ran_out(result: TrainingMemoryAnswer, values: Values, loading: bool) -> Iterator[Statement]:
    """Memory ran out: why, and what to change."""
    cases = {None: "unknown", "enough": "fits", "tight": "fits", "in_pieces": "too_small"}
    case = cases.get(result.verdict, str(result.verdict))
    yield _filled("answer", RAN_OUT["loading" if loading else case], values)
    each = result.each_gb or result.available_gb or 0.0
    if case == "fits" and result.step_gb > NOTEWORTHY * each:
        yield _filled(
            "reason", "The optimizer's step makes its gradients in 32 bits too, {step} more for a moment.", values
        )
    ways = list(_what_fits(result, pieces=True))
    yield from ways
    if case == "too_small" and not result.most_tokens:
        if not ways:
            text = (
                "No setting of the run mends that: train adapters, in fewer bits, divide it over more cards, or leave "
                "a part in RAM."
            )
            yield _filled("next", text, values)
        return
    if not loading:
        yield _first(result, values)
    if result.method in ("qlora", "lora_8bit") and not result.by_sharding:
        yield _filled("next", "Look whether the base really loads in {bits} bits: in 16 it is {loading}.", values)
    if result.sharding == "zero3":
        text = (
            "Let one process load the model and send it to the others (FSDP: `fsdp_cpu_ram_efficient_loading` and "
            "`fsdp_sync_module_states`; ZeRO-3: `zero.Init`): else each reads all {loading}."
        )
        yield _filled("next", text, values)


def _first(result: TrainingMemoryAnswer, values: Values) -> Statement:
    """What to change first."""
    if result.most_tokens and result.verdict == "in_pieces":
        text = "First: gradient checkpointing on, {batch}and at most {most} at once, or up to {fused} with that loss."
    elif result.most_tokens:
        text = "First: gradient checkpointing on, {batch}and at most {most} at once; with {loss} {fused} go."
    else:
        text = "First: gradient checkpointing on, {batch}shorter texts, and {loss}, which saves {logits}."
    return _filled("next", text, values)


def _measured(result: TrainingMemoryAnswer, values: Values) -> Iterator[Statement]:
    """Where what was measured goes."""
    measured, beyond = result.measured_gb or 0.0, result.beyond_gb or 0.0
    if measured < NEARLY * result.state_gb:
        text = (
            "{measured} is less than weights, gradients and optimizer of {model} {method} take, {state}: part of "
            "them is in RAM, on other cards, or in fewer bits."
        )
        yield _filled("answer", text, values)
        return
    text = (
        "Of {measured}, {state} are weights, gradients and optimizer of {model} {method}; the rest grows with the "
        "tokens at once."
    )
    yield _filled("answer", text, values)
    text = "{tokens} take {with} with gradient checkpointing, {logits} of that for logits"
    if beyond < result.activations_gb - result.logits_gb / 2:
        text += ", where the loss is not computed in pieces."
    elif beyond > result.activations_gb:
        text += ", and {without} without it: it is off, or the texts are longer."
    else:
        text += "."
    yield _filled("reason", text, values)
    if result.verdict in ("enough", "tight"):
        yield _filled("reason", "By this sum it takes {need}, and {device} has {each}{where}.", values)
    yield _first(result, values)


def _values(result: TrainingMemoryAnswer) -> Values:
    """All that the sentences take."""
    return {
        "model": result.model,
        "method": "in full" if result.method == "full" else f"with {METHODS[result.method]}",
        "loss": PIECES,
        "bits": "4" if result.method == "qlora" else "8",
        "device": result.device or "",
        "where": f" on each card, with {SHARDINGS[result.sharding]}" if result.sharding else "",
        "sharding": SHARDINGS.get(result.sharding or "", ""),
        "need": gb(result.needed_gb),
        "pieces": gb(result.fused_loss_gb),
        "copy": gb(result.total_gb),
        "each": gb(result.each_gb or result.available_gb or 0.0),
        "state": gb(result.state_gb),
        "tokens": tokens(result.tokens),
        "with": gb(result.activations_gb),
        "without": gb(result.activations_uncheckpointed_gb),
        "logits": gb(result.logits_gb),
        "step": gb(result.step_gb),
        "loading": gb(result.loading_gb),
        "most": tokens(result.most_tokens or 0),
        "fused": tokens(result.most_tokens_fused or 0),
        "measured": gb(result.measured_gb or 0.0),
        "beyond": gb(result.beyond_gb or 0.0),
    }


def _filled(kind: Kind, text: str, values: Values, opens: str = "") -> Statement:
    used = {slot: value for slot, value in values.items() if f"{{{slot}}}" in text}
    return Statement(kind, text, used, opens=opens)
