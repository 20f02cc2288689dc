"""What is said of the speed of several conversations at once, which is told of all of them together."""

from collections.abc import Iterator

from kb.text.statements import Quantity, Said, Statement, state
from kb.tools.explain_speed.tool import ExplainAnswer
from kb.tools.shared.naming import speed_of


def of_many(result: ExplainAnswer, case: str, wrong: str) -> Statement:
    """``wrong`` is what most likely is; empty where nothing is known to be."""
    usual = result.aggregate_tokens_per_s or result.decode_tokens_per_s
    at_most = "{ceiling} together is the most that its memory allows"
    match result.standing:
        case None:
            text = "{users} conversations at once get about {typical} together with {case}, {each} each: " + at_most
        case "above_ceiling" if result.ceiling_is_assumed:
            text = "{measured} for {users} conversations together is hardly possible with {case}: about " + at_most
        case "above_ceiling":
            text = "{measured} cannot be, not for {users} conversations together with {case}: " + at_most
        case "needs_drafts":
            text = "{measured} for {users} conversations together is possible only with the draft: without it "
            text += at_most + " with {case}"
        case "needs_all_cards_at_once":
            text = "{measured} for {users} conversations together is possible only where all cards work on each token "
            text += "at once: otherwise " + at_most + " with {case}"
        case "fast":
            text = "{measured} for {users} conversations together is good: most people get {usual} with {case}"
        case "as_expected":
            text = "{measured} for {users} conversations together is normal: usual is {usual} with {case}; nothing is "
            text += "broken"
        case "below":
            text = "{measured} for {users} conversations together is a little slow: usual is {usual} with {case}"
        case "far_below":
            text = "{measured} for {users} conversations together is far below the {usual} that are usual with {case}: "
            text += f"something is wrong{wrong and f', most likely {wrong}'}"
    return state(
        "answer", text + ".", measured=Quantity(result.measured_tokens_per_s or 0.0, "tokens/s"), case=case,
        users=Quantity(result.concurrency, step=1), usual=speed_of(usual.low, usual.high),
        typical=speed_of(usual.typical), each=speed_of(result.decode_tokens_per_s.typical),
        ceiling=speed_of(result.aggregate_ceiling_tokens_per_s or 0.0),
    )  # fmt: skip


def alone(result: ExplainAnswer) -> Iterator[Said]:
    """What it is for one, which is another figure."""
    if result.alone is None:
        return
    text = "One conversation alone gets about {alone}, {most} at most: several share what is read of the weights."
    usual, most = speed_of(result.alone.decode_tokens_per_s.typical), speed_of(result.alone.ceiling_tokens_per_s)
    yield state("reason", text, alone=usual, most=most)
