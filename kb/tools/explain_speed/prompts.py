"""What is said of the wait for a prompt that is read."""

import re
from collections.abc import Iterator, Mapping

from kb.text.statements import Quantity, Said, state
from kb.tools.asks import Asked
from kb.tools.explain_speed.tool import ExplainAnswer, PrefillStanding
from kb.tools.shared.naming import speed_of, tokens
from kb.tools.shared.saying import OF_PROMPTS

_BY_PROGRAMS = frozenset({"coding", "agents"})
"""Uses for which a program may ask, and send a long prompt each time."""
_ASKS_AGAIN = re.compile(r"\b(?:behind|cli|agent\w*|harness|repl(?:y|ies)|answers? (?:take|need)\w*)\b", re.I)
_VERDICTS: Mapping[PrefillStanding, str] = {"fast": "good", "as_expected": "normal", "below": "slow"}


def is_of_prompts(result: ExplainAnswer, asked: Asked) -> bool:
    """Whether it is the reading of a prompt that is asked about, and no speed of writing."""
    if result.standing is not None or result.prefill_standing is not None:
        return result.prefill_standing is not None and result.better_tokens_per_s is None
    return result.waited_s is not None or _is_clear(asked)


def _is_clear(asked: Asked) -> bool:
    by_program = asked.use in _BY_PROGRAMS and _ASKS_AGAIN.search(asked.text)
    return bool(by_program or OF_PROMPTS.search(asked.text))


def of_prompts(result: ExplainAnswer, case: str, asked: Asked) -> Iterator[Said]:
    """How fast prompts are read, which is another matter than how fast it writes."""
    usual = result.prefill_tokens_per_s
    typical, example = speed_of(usual.typical), Quantity(result.example_prompt_tokens, "tokens", 1)
    time, speed = Quantity(result.example_prompt_s, "s"), speed_of(result.decode_tokens_per_s.typical)
    if result.drafted:
        yield state("answer", "A draft (MTP too) does nothing for the prompt: it speeds up writing alone.")
    if result.prefill_standing:
        text = "{measured} for the prompt is {verdict}: usual is {usual} with {case}."
        if result.prompt_tokens and result.waited_s:
            text = "{prompt} in {waited} are {measured}, and that is {verdict}: usual is {usual} with {case}."
    elif result.waited_s and not _is_clear(asked):
        text = "In {waited} {case} reads a prompt of {as_long}, at about {typical}, or writes {written}, at {speed}."
    elif result.waited_s:
        text = "Most of the {waited} goes into reading the prompt: at about {typical} with {case} ({usual} are usual) "
        text += "one of {as_long} takes that time."
    else:
        text = "Prompts are read at about {typical} with {case} ({usual} are usual), so {example} take about {time}."
    yield state(
        "answer", text, case=case, typical=typical, usual=speed_of(usual.low, usual.high),
        measured=speed_of(result.measured_prefill_tokens_per_s or 0.0), example=example, time=time,
        verdict=_VERDICTS[result.prefill_standing] if result.prefill_standing else "",
        waited=Quantity(result.waited_s or 0.0, "s", 1), prompt=tokens(result.prompt_tokens or 0),
        speed=speed, written=tokens(round((result.waited_s or 0.0) * result.decode_tokens_per_s.typical)),
        as_long=Quantity(round(result.tokens_read_while_waiting or 0.0, -2), "tokens", 1),
    )  # fmt: skip
    if asked.use in _BY_PROGRAMS:
        text = "A coding agent sends its instructions, tools and files with each question, often over {example}: "
        text += "{time} of reading here, unless the beginning stays in the cache; then it writes about {speed}."
        yield state("reason", text, example=example, time=time, speed=speed)
    text = "Reading a prompt is limited by computing, not by the memory's speed; writing is the other way round."
    if result.verdict == "fits_with_offload":
        text = "The part in RAM makes it slow: its weights have to reach the card for each batch of the prompt."
    yield state("reason", text)
    if result.prefill_standing == "below":
        text = (
            "Look at: whether the program reports all layers on the GPU, whether flash attention is on, and whether "
            "the beginning of the prompt changes each time, so that all of it is read again."
        )
        yield state("next", text)
        return
    yield state(
        "next",
        "What helps: shorter prompts, a prompt cache that stays (the beginning unchanged), larger batches (`-ub`), a "
        "model with fewer active parameters, or a device that computes faster.",
    )
