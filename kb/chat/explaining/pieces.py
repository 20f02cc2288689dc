"""Sentences out of text that comes in pieces: each piece is looked at once, however long the text has grown."""

import re
from collections.abc import Iterator

LONGEST_SENTENCE = 1_000
"""Characters. What has no end by then is no sentence, and nothing more of it is worth waiting for."""
LONGEST_TEXT = 16_000
"""Characters of one explanation; a server that was asked for a few hundred tokens and sends more is not read on."""

_END = re.compile(r"[.!?](?=[\s\"”)\]]|\Z)[\"”)\]]{0,20}\s*|\n+")


class Endless(ValueError):
    """The text goes on past :data:`LONGEST_SENTENCE` or :data:`LONGEST_TEXT`."""


class Sentences:
    """Sentences with the space behind them; together with the rest they are the text.

    >>> pending = Sentences()
    >>> [list(pending.of(piece)) for piece in ("It has 4", ".5 bits. Go", "od! ", "Yes")]
    [[], ['It has 4.5 bits. '], [], ['Good! ']]
    >>> pending.rest
    'Yes'
    """

    def __init__(self) -> None:
        self.rest = ""
        self._looked = 1  # a sentence has at least one character before its end
        self._taken = 0

    def of(self, piece: str) -> Iterator[str]:
        """Those that are whole with this piece: something stands behind them. Raises :class:`Endless`."""
        self._taken += len(piece)
        if self._taken > LONGEST_TEXT:
            raise Endless
        text, start = self.rest + piece, 0
        while (end := _END.search(text, start + self._looked)) and end.end() < len(text):
            yield text[start : end.end()]
            start, self._looked = end.end(), 1
        self.rest = text[start:]
        self._looked = max(1, end.start() - start if end else len(self.rest) - 1)
        if len(self.rest) > LONGEST_SENTENCE:
            raise Endless
