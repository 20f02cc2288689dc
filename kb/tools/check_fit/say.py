"""What a fit says: yes, no, or with a part of it in system memory; what decides it, and the way out."""

from collections.abc import Iterator, Sequence

from kb.text.statements import Quantity, Said, Table, state
from kb.tools.asks import Asked
from kb.tools.check_fit.tool import FitAnswer
from kb.tools.shared.saying import notes

VERDICTS = {"fits": "yes", "fits_with_offload": "partly in RAM", "does_not_fit": "no"}


def say(result: FitAnswer, asked: Asked) -> Iterator[Said]:
    names = {"model": result.model, "quantization": result.quantization, "device": result.device}
    need, have = Quantity(result.required_gb, "GB"), Quantity(result.available_gb, "GB")
    if result.verdict == "fits":
        spare = Quantity(result.headroom_gb, "GB")
        text = "Yes, {model} at {quantization} fits on {device}: it needs {need} of {have}, which leaves {spare}."
        yield state("answer", text, **names, need=need, have=have, spare=spare)
        yield state("reason", "The context can grow to {longest} tokens.", longest=Quantity(result.max_context, step=1))
    elif result.verdict == "fits_with_offload":
        text = "Only with help from system memory: {model} at {quantization} needs {need}, and {device} has {have}."
        yield state("answer", text, **names, need=need, have=have)
        if result.offload:
            part = Quantity(result.offload.weights_in_system_memory_gb, "GB")
            text = "It runs with {part} of its weights in RAM, and so it is slower."
            yield state("reason", text, part=part)
        if "system_memory_gb" not in asked.stated:
            yield state("assumption", "the machine has RAM enough for that part")
    else:
        text = "No, {model} at {quantization} does not fit on {device}: it needs {need}, and there are {have}."
        yield state("answer", text, **names, need=need, have=have)
    yield state("detail", "{formula}", formula=result.formula)
    yield from notes("detail", result.warnings, result.assumptions)
    if result.commands and result.commands.llama_cpp and result.verdict != "does_not_fit":
        yield state("command", "llama.cpp: `{line}`", line=result.commands.llama_cpp)


def side_by_side(results: Sequence[FitAnswer], asked: Asked) -> Iterator[Said]:
    """One line for each, and which of them do."""
    fitting = [
        f"{result.model} at {result.quantization} on {result.device}" for result in results if result.verdict == "fits"
    ]
    if fitting:
        yield state("answer", "These fit: {fitting}.", fitting="; ".join(fitting))
    else:
        yield state("answer", "None of them fits without help from system memory.")
    rows = tuple(
        (
            f"{result.model} at {result.quantization}",
            result.device,
            VERDICTS[result.verdict],
            Quantity(result.required_gb, "GB"),
            Quantity(result.available_gb, "GB"),
        )
        for result in results
    )
    yield Table("answer", ("model", "device", "fits", "needs", "has"), rows)
