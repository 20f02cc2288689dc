"""One text in the making: token by token, held to a grammar where there is one."""

import codecs

import numpy as np
from llguidance import LLMatcher, LLParserLimits

from kb.llm.base import Grammar
from kb.llm.llama import Model
from kb.llm.messages import SEED, TEMPERATURE, TOP_P
from kb.llm.sampling import Likely, masked

LIMITS = LLParserLimits(step_lexer_fuel=5_000_000, verbose_errors=False)
"""The work for one token: behind a figure all words that are no unit are looked at, in vocabularies of any length. What
goes wrong is said without the grammar, which is long."""


class UnusableGrammar(Exception):
    """The grammar is wrong, or too large for llguidance's limits."""


class Draft:
    """``tokens`` and their ``log_probability`` (the sum, in nats, without the grammar) grow with the text.

    ``figure_log_probability`` is the lowest of a token with a digit in the text that left last: what the model thought
    of the figure before the grammar chose among its tokens.

    Under a grammar, text leaves only where it may end: a figure cut off by a limit would be another figure.
    """

    def __init__(self, model: Model, grammar: Grammar | None, temperature: float = TEMPERATURE) -> None:
        self._model = model
        self._temperature = temperature
        self._random = np.random.default_rng(SEED)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._matcher = LLMatcher(model.tokenizer, grammar.lark, log_level=0, limits=LIMITS) if grammar else None
        self._held = ""
        self._last = 0
        self.tokens = 0
        self.log_probability = 0.0
        self.figure_log_probability = 0.0
        self._figure_held = 0.0
        self._check()

    def next(self) -> str | None:
        """Draw a token; the text that can leave with it, or None at the end."""
        logits = self._model.logits()
        if np.isnan(logits[0]):
            raise RuntimeError("its output is not a number")
        likely = Likely(logits, self._temperature)
        token = likely.drawn(TOP_P, self._random)
        if not self._may_follow(token):
            # Drawn again among those that may: the same as drawing among them alone, and the mask is seldom needed.
            assert self._matcher is not None
            allowed = masked(logits, self._matcher.compute_bitmask())
            token = Likely(allowed, self._temperature).drawn(TOP_P, self._random)
            if not self._may_follow(token):
                self._check()
                raise UnusableGrammar("the grammar lets nothing follow")
        if token in self._model.ends:
            return None
        probability = likely.log_probability(token)
        self.log_probability += probability
        self.tokens += 1
        self._last = token
        piece = self._decoder.decode(self._model.piece(token))
        if any(character.isnumeric() for character in piece):
            self._figure_held = min(self._figure_held, probability)
        self._held += piece
        if self._matcher is not None and not self._matcher.is_accepting():
            return ""
        text, self._held = self._held, ""
        self.figure_log_probability, self._figure_held = self._figure_held, 0.0
        return text

    def read_on(self) -> None:
        """Let the model read what it has written."""
        self._model.append(self._last)

    def _may_follow(self, token: int) -> bool:
        if self._matcher is None:
            return True
        if token in self._model.ends:
            return self._matcher.is_accepting()
        return self._matcher.try_consume_tokens([token]) == 1

    def _check(self) -> None:
        if self._matcher is not None and self._matcher.is_error():
            raise UnusableGrammar(f"the grammar cannot be used: {self._matcher.get_error()}")
