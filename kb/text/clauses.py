"""A message in parts."""

import re

MOST_CLAUSES = 4
SHORTEST_CLAUSE = 3
"""Words; a shorter one goes with the one before."""

_BETWEEN = re.compile(r"(?<=[.?!;…])\s+|(?<=[。？！；])|\n+|,?(?<!\s)\s+and\s+", re.I)


def clauses(text: str) -> list[str]:
    """
    >>> clauses("does it fit? and how fast is it then")
    ['does it fit?', 'and how fast is it then']
    """
    found: list[str] = []
    for part in (part.strip() for part in _BETWEEN.split(text) if part and part.strip()):
        if found and len(part.split()) < SHORTEST_CLAUSE:
            found[-1] += f" {part}"
        else:
            found.append(part)
    return found[-MOST_CLAUSES:]
