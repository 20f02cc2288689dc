"""Names that hold digits, found in a text however their words are parted: the digits of a name are no figure."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator

_START = re.compile(r"(?<![\w.$€£])\S")
_PARTING = re.compile(r"[\s-]+")
_BEHIND = re.compile(r"s?(?!\w)", re.I)
_BEHIND_A_NUMBER = re.compile(r"s?(?![\w.]\w|\w)(?!\s{0,4}(?:[kmgt]i?b\b|tokens?\b|w\b|watts?\b|%|usd\b|\$))", re.I)


class NameFinder:
    """Finds the longest name at each place, in any case, with a space, a hyphen or nothing between its words. A bare
    number (``4090``) is a name only where no unit follows.

    There are thousands of names; in one regular expression they take most of a second to compile.

    >>> text = "an RTX-4090, or 4090s, not 4090 W"
    >>> [text[start:end] for start, end in NameFinder(["RTX 4090", "4090", "Q4_K_M"]).spans(text)]
    ['RTX-4090', '4090s']
    """

    def __init__(self, names: Collection[str]) -> None:
        self._partings: dict[str, list[frozenset[int]]] = defaultdict(list)
        """Of the names that are this without what parts their words, after how many letters each may be parted."""
        for name in names:
            words = _PARTING.split(name.lower())
            if not name.isdigit() or len(name) == 4:
                self._partings["".join(words)].append(
                    frozenset(len("".join(words[:count])) for count in range(1, len(words)))
                )
        self._begun = frozenset(name[:end] for name in self._partings for end in range(1, len(name) + 1))

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where each name starts and ends, in the order of the text."""
        behind = 0
        for start in _START.finditer(text):
            if start.start() >= behind and (end := self._end(text, start.start())):
                behind = end
                yield start.start(), end

    def is_name(self, text: str) -> bool:
        return self._end(text, 0) == len(text)

    def without(self, text: str, instead: str) -> str:
        """The text with ``instead`` for each character of a name, so that all else stays where it is."""
        kept, behind = list[str](), 0
        for start, end in self.spans(text):
            kept += text[behind:start], instead * (end - start)
            behind = end
        return "".join((*kept, text[behind:]))

    def _end(self, text: str, start: int) -> int:
        """Of the longest name that starts there; 0 where none does."""
        end, name, parted = 0, "", set[int]()
        begun, partings = self._begun, self._partings
        for at in range(start, len(text)):
            character = text[at].lower()
            if character == "-" or character.isspace():
                if len(name) in parted:
                    break
                parted.add(len(name))
                continue
            name += character
            if name not in begun:
                break
            if name in partings and any(parted <= may_be for may_be in partings[name]):
                behind = _BEHIND_A_NUMBER.match(text, at + 1) if name.isdigit() else _BEHIND.match(text, at + 1)
                end = behind.end() if behind else end
        return end
