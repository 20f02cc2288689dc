"""How fast a model reads and writes here, as last seen, and what follows for a request."""

from dataclasses import dataclass, replace
from math import inf

from kb.errors import EngineUnavailable
from kb.llm.base import Prompt

LEAST_TOKENS = 48
"""About two sentences: an explanation that has less room, or less time, is not begun."""
LEAST_TOKENS_OF_A_CHOICE = 8
"""A name, or a word."""
PLANNED = 0.9
"""Of the time that is left: the pace varies."""
NEWEST = 0.3
"""What the latest request counts for, against all before it."""
FEWEST_TOKENS = 8
"""Of a request that tells anything about the pace."""


def patience(expected_s: float) -> float:
    """How long a reply that shows nothing before its end waits for what should take so long: others may come to use the
    machine, and what is cut off is lost.

    >>> patience(3.0)
    7.0
    """
    return 2 * expected_s + 1


def moved(usual: float, seen: float) -> float:
    """A figure that follows what is seen.

    >>> moved(10.0, 20.0)
    13.0
    """
    return usual + NEWEST * (seen - usual)


@dataclass(frozen=True)
class Pace:
    """Tokens per second."""

    reading: float
    writing: float

    def seconds(self, read: float, written: float) -> float:
        """
        >>> Pace(reading=100, writing=10).seconds(200, 48)
        6.8
        """
        return read / self.reading + written / self.writing

    def tokens_within(self, seconds: float, read: int) -> int:
        """How many can be written in the time, behind ``read`` tokens.

        >>> Pace(reading=100, writing=10).tokens_within(10, 400), Pace(reading=100, writing=10).tokens_within(3, 400)
        (50, 0)
        """
        return max(0, int((PLANNED * seconds - read / self.reading) * self.writing))

    def after_reading(self, tokens: int, seconds: float, *, whole: bool) -> "Pace":
        """Not ``whole``: it was stopped before it had read so many, so that the pace is at most this."""
        seen = _rate(tokens, seconds)
        if tokens < FEWEST_TOKENS or (seen > self.reading and not whole):
            return self
        return replace(self, reading=moved(self.reading, seen))

    def after_writing(self, tokens: int, seconds: float) -> "Pace":
        return self if tokens < FEWEST_TOKENS else replace(self, writing=moved(self.writing, _rate(tokens, seconds)))


def _rate(tokens: int, seconds: float) -> float:
    return tokens / max(seconds, 1e-9)


UNMEASURED = Pace(inf, inf)


@dataclass(frozen=True)
class Usual:
    """What requests are like here: by it those are judged whose tokens nobody has counted yet."""

    pace: Pace = UNMEASURED
    read_per_character: float = 0.25
    """Tokens of a prompt that have to be read; those in the cache have not. At first, what English usually has."""
    written: float = LEAST_TOKENS
    """Tokens."""

    def seconds(self, prompt: Prompt, *, least: bool = False) -> float:
        """How long the model works for it, or would with the least that it may write."""
        written = least_tokens(prompt) if least else min(self.written, prompt.max_tokens)
        return self.pace.seconds(self.read_per_character * _characters(prompt), written)

    def with_read(self, tokens: int, prompt: Prompt) -> "Usual":
        seen = tokens / max(1, _characters(prompt))
        return replace(self, read_per_character=moved(self.read_per_character, seen))

    def with_written(self, tokens: int) -> "Usual":
        return replace(self, written=moved(self.written, tokens))


def least_tokens(prompt: Prompt) -> int:
    return min(LEAST_TOKENS if prompt.purpose == "write" else LEAST_TOKENS_OF_A_CHOICE, prompt.max_tokens)


def _characters(prompt: Prompt) -> int:
    return len(prompt.system) + len(prompt.question) + sum(map(len, prompt.evidence))


def within(seconds: float, pace: Pace, read: int, prompt: Prompt) -> int:
    """How many tokens to write at most, behind ``read`` tokens, so that the time suffices.

    Raises :class:`EngineUnavailable` where too few could be written.
    """
    possible = pace.tokens_within(seconds, read)
    if possible < least_tokens(prompt):
        needed_s = pace.seconds(read, least_tokens(prompt))
        raise EngineUnavailable(
            f"The language model would need about {spoken(needed_s)} for this: {read:,} tokens to read at "
            f"{counted(pace.reading)} a second, and {counted(pace.writing)} a second to write. {spoken(seconds)} are "
            f"left. {MORE_TIME}"
        )
    return min(prompt.max_tokens, possible)


MORE_TIME = (
    "A smaller model (`kb model list`), a shorter question, or more time (KB_LLM_DEADLINE_S, and KB_LLM_REPLY_S for "
    "replies without streaming) helps."
)


def spoken(seconds: float) -> str:
    """
    >>> spoken(0.42), spoken(7.06), spoken(83.7)
    ('0.42 s', '7.1 s', '84 s')
    """
    return f"{seconds:.2g} s" if seconds < 100 else f"{seconds:,.0f} s"


def counted(rate: float) -> str:
    """
    >>> counted(31_234.6), counted(7.06)
    ('31,235', '7.1')
    """
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
