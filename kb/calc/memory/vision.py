"""What a model takes to see: the part that turns an image into tokens, and how many those are.

Sources: llama.cpp, tools/mtmd (clip.cpp: the graph of an encoder, tokens of an image); its buffer was measured with
llama.cpp's own log (``tests/kb/calc/test_vision.py``).
"""

from dataclasses import dataclass
from math import prod

BYTES_PER_PARAM = 2
"""The file beside the weights (``mmproj``) is F16 or BF16, whatever the weights' type."""
_HIDDEN, _FEED_FORWARD = 1152, 4304
"""Of the encoder that most models have (SigLIP so400m); others are within a third of it."""
PATCH_BYTES = 4 * (_FEED_FORWARD + 3 * _HIDDEN)
"""Of the encoder's buffer for each patch of one image, with FlashAttention."""


@dataclass(frozen=True)
class Projector:
    """The part that sees. An image becomes ``tokens`` of them, or one for each ``token_side`` × ``token_side`` pixels
    and at most ``most_tokens``; 0 is not known."""

    params: int
    tokens: int = 0
    token_side: int = 0
    most_tokens: int = 0
    patches_per_token: int = 1

    def tokens_of(self, width: int, height: int) -> int:
        """Of an image of so many pixels; 0 where it is not known.

        >>> Projector(676_550_144, token_side=28, most_tokens=4096).tokens_of(1024, 1024)
        1369
        >>> Projector(676_550_144, token_side=28, most_tokens=4096).tokens_of(4000, 3000)
        4096
        >>> Projector(423_060_336, tokens=256).tokens_of(4000, 3000)
        256
        """
        if self.tokens or not self.token_side:
            return self.tokens
        tokens = prod(max(1, round(side / self.token_side)) for side in (width, height))
        return min(tokens, self.most_tokens) if self.most_tokens else tokens

    def held_bytes(self, tokens: int) -> int:
        """Weights, and the buffer in which one image of so many tokens is worked on."""
        return BYTES_PER_PARAM * self.params + tokens * self.patches_per_token * PATCH_BYTES
