"""What several tools say in the same way."""

import re
from collections.abc import Iterable, Iterator

from kb.calc.results import Range
from kb.text.statements import Kind, Quantity, Slot, Statement, state
from kb.tools.shared.naming import speed_of, tokens

OF_PROMPTS = re.compile(
    r"\bprompt (?:processing|eval\w*|reading|speed|ingest\w*)\b|\bprompts\b|\bprefill\w*|\bpp\d*\b|\bttft\b"
    r"|\b(?:first|1st) (?:token|word)\b|\b(?:has|have) read\b|\bto read (?:it|them|that|this|all|through|\d)"
    r"|\bbefore (?:it|the|anything|any)\b[^.?!]{0,24}\b(?:start|answer|come|repl|word)",
    re.I,
)
"""Whoever writes this asks for the reading of a prompt, and not for the writing of the answer."""


def notes(kind: Kind, *groups: Iterable[str]) -> Iterator[Statement]:
    """A result's own remarks, each as a whole sentence.

    >>> next(notes("detail", ["one currency throughout"])).values["note"]
    'One currency throughout'
    """
    for text in dict.fromkeys(text for group in groups for text in group):
        yield state(kind, "{note}.", note=text[:1].upper() + text[1:].rstrip("."))


def rate(speed: Range | None) -> Quantity | str:
    """The typical speed as a table or a sentence has it."""
    if speed is None:
        return "not known"
    return speed_of(speed.typical)


def money(price: tuple[float, float], currency: str) -> Quantity:
    return Quantity(price if price[0] != price[1] else price[0], currency, 1)


def over_hosts(hosts: int, *, at_once: bool = False) -> Iterator[Statement]:
    """What it means that the devices stand in several computers, and how a program is started over them."""
    if hosts < 2:
        return
    values: dict[str, Slot] = {"hosts": Quantity(hosts, step=1)}
    if at_once:
        text = "The {hosts} computers work on each token together, and wait for the network twice in each layer."
        start = (
            "vLLM: the same line on each, `--tensor-parallel-size N --nnodes {hosts} --master-addr ADDRESS` with "
            "`--node-rank 0` on the first, `--node-rank 1 --headless` on the next; on Macs exo or `mlx.launch`."
        )
    else:
        text = "The {hosts} computers work one after the other: more memory, and not more speed."
        start = (
            "llama.cpp: start `rpc-server -H ADDRESS -p PORT` with its own address on each of the others, only in a "
            "network that you trust, and give the first `--rpc ADDRESS:PORT`. On Macs exo does it by itself."
        )
    yield Statement("reason", text, values)
    yield Statement("next", start, {name: value for name, value in values.items() if f"{{{name}}}" in start})


def shortened(context: int, case: str = "") -> Statement:
    """Of a result for the longest context that fits, as nobody named one: of which ``case`` of several."""
    text = "no more than {context} of context{case}, as more does not fit"
    return state("assumption", text, context=tokens(context), case=f" {case}" if case else "")
