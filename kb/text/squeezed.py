"""Text from outside, in the one form that is read: so that what is pasted costs no more than its length."""

import re

MOST_DIGITS = 20
"""A row of more digits is no quantity."""
LEFT_OUT = "(number)"
"""Stands where such a row stood: no figure is made of its first digits, nor of its last."""

# Escape sequences of terminals, and marks that no reader sees; those that are white space become a blank.
_UNSEEN = re.compile(
    r"\x1b\[[\d;?]{0,30}[A-Za-z]|[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"
)
_BLANKS = re.compile(r"\s+")
_LONG_NUMBER = re.compile(
    rf"(?:\d{{1,{MOST_DIGITS}}}\.)?\d{{{MOST_DIGITS + 1},}}(?:\.\d+)?"
    rf"|(?<!\d)\d{{1,3}}(?:,\d{{3}}){{{MOST_DIGITS // 3},}}(?!\d)(?:\.\d+)?"
)


def squeezed(text: str) -> str:
    """Single blanks (a newline where there was one), no control characters, no number that is too long to be one.

    >>> squeezed("I have  24 \\t GB.\\r\\n\\r\\n| RTX 4090    |\\x1b[0m")
    'I have 24 GB.\\n| RTX 4090 |'
    >>> squeezed(f"{'9' * 320} tokens")
    '(number) tokens'
    """
    text = _BLANKS.sub(lambda run: "\n" if "\n" in run[0] or "\r" in run[0] else " ", _UNSEEN.sub("", text))
    return _LONG_NUMBER.sub(LEFT_OUT, text).strip()
