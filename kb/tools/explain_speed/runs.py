"""What is said of two runs of one model on one machine: the worse is asked about, the better shows what can be."""

import re
from collections.abc import Iterator

from kb.text.statements import Quantity, Statement, state
from kb.tools.asks import Asked
from kb.tools.explain_speed.tool import ExplainAnswer
from kb.tools.shared.naming import speed_of, tokens

UPDATED = re.compile(
    r"\b(?:updat\w+|upgrad(?:ed|ing) to|new(?:er|est)? (?:version|driver|build|release|os)|regress\w+|downgrad\w+"
    r"|(?:version|build|driver|release) before|roll(?:ed|ing)? back)\b",
    re.I,
)
"""Whoever writes this tells what changed between the two."""
MORE_CARDS = re.compile(r"\b(?:more|both|two|2|second|several|multiple) (?:gpus?|cards?)\b", re.I)
"""Runs on one card and on more are compared."""
NOTICED, AS_IT_VARIES = 1.15, 2.0
"""How many times slower a full context makes it, for that to be the reason, and how far off that measurements are."""
MOST_TAKEN = 4.0
"""Tokens a step at most that drafts bring in practice."""


def of_two_runs(result: ExplainAnswer, case: str, asked: Asked, wrong: str) -> Statement:
    """``wrong`` is what most likely is; empty where nothing is known to be."""
    decode = result.aggregate_tokens_per_s or result.decode_tokens_per_s
    start = result.short_context_tokens_per_s if result.concurrency == 1 else None
    here = " in {engine}" if result.better_engine and result.engine else ""
    there = " in {better_engine}" if result.better_engine else ""
    wrong = f"most likely {wrong}" if wrong else "something is wrong"
    updated = UPDATED.search(asked.text) is not None
    if result.drafted:
        text = "{better} instead of {measured} is {times} times as fast, so with a draft each step gives {times} "
        text += "tokens or more; " + worth(result)
    elif start and is_by_context(result):
        text = "{measured} instead of {better} is normal with {context} in the context, as each token has to read them "
        text += "too: then {usual} are usual with {case}, and {start} at the start"
    elif result.better_standing == "far_below":
        text = "{measured} is far too slow, and so is {better}: {usual} are usual for {case}; " + wrong
    elif result.standing == "far_below":
        text = f"{{measured}}{here} is far too slow, for the same machine reaches {{better}}{there}: {wrong}"
        text += ", since the update" * updated
    elif is_by_cards(result, asked):
        text = "{measured} is normal for {case}: split by layers, the cards work one after another, so that more of "
        text += "them add memory and no speed, and {better} on fewer is no sign of a fault"
    else:
        what = "the program takes it" if there else "what differs between the two runs takes it"
        what = "the update took it" if updated else what
        text = f"{{measured}}{here} is {{less}} less than this machine can do, as the {{better}}{there} show: {what}, "
        text += "not the hardware; {usual} are what others measure with {case}"
    return state(
        "answer", text + ".", measured=Quantity(result.measured_tokens_per_s or 0.0, "tokens/s"), case=case,
        better=Quantity(result.better_tokens_per_s or 0.0, "tokens/s"), less=Quantity(result.less_percent or 0.0, "%"),
        engine=result.engine or "", better_engine=result.better_engine or "", context=tokens(result.context),
        usual=speed_of(decode.low, decode.high), start=speed_of(start.low, start.high) if start else "",
        times=Quantity(result.tokens_per_step or 0.0),
    )  # fmt: skip


def is_by_context(result: ExplainAnswer) -> bool:
    """Whether what fills the context explains that the one is slower than the other."""
    start, told = result.short_context_tokens_per_s, result.better_tokens_per_s
    if start is None or told is None or not result.measured_tokens_per_s or result.better_engine:
        return False
    slower = start.typical / result.decode_tokens_per_s.typical
    usual = result.standing in ("as_expected", "fast")
    return usual and slower >= NOTICED and told / result.measured_tokens_per_s < AS_IT_VARIES * slower


def is_by_cards(result: ExplainAnswer, asked: Asked) -> bool:
    """Whether the slower run is one on more cards, and as fast as it should be."""
    several = result.ceiling_all_at_once_tokens_per_s is not None or MORE_CARDS.search(asked.text) is not None
    return several and result.standing in ("as_expected", "fast", "needs_all_cards_at_once")


def worth(result: ExplainAnswer) -> str:
    """Whether so many tokens come out of each step."""
    if (result.tokens_per_step or 0.0) > MOST_TAKEN:
        return "that is more than drafts bring in practice"
    return "code and other predictable text give that, free writing seldom does"


def next_of_two_runs(result: ExplainAnswer, asked: Asked) -> Iterator[Statement]:
    """What to do where nothing is known to be wrong."""
    if result.drafted or is_by_cards(result, asked) or is_by_context(result):
        return
    text = "Use {better_engine} for this, or measure both" if result.better_engine else "Measure both"
    text += " with the same file, prompt and context, and change one thing at a time"
    if UPDATED.search(asked.text):
        text += "; where it is the update, go back to the version before and report both speeds"
    yield state("next", text + ".", better_engine=result.better_engine or "")
