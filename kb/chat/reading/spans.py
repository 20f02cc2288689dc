"""Where names stand in a text."""

from collections.abc import Iterable
from dataclasses import dataclass

from kb.catalogue.names import Match
from kb.text.figures import FigureFound


@dataclass(frozen=True)
class Span:
    """A name at ``[start, end)``; nobody's where there are no ``matches``."""

    start: int
    end: int
    text: str
    kind: str
    matches: tuple[Match, ...] = ()
    size: str = ""
    """Of an unknown model, as it is stated: ``27B``."""
    memory_gib: float | None = None
    """Of an unknown device, as it is stated."""

    @property
    def known(self) -> bool:
        return bool(self.matches)


class Taken:
    """Which span covers each place of a text: found without looking through all of them."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._at: dict[int, Span] = {}
        for span in spans:
            self.put(span)

    def within(self, start: int, end: int) -> list[Span]:
        """Those that share a character with ``[start, end)``."""
        covering = (self._at.get(place) for place in range(start, end))
        return list({id(span): span for span in covering if span is not None}.values())

    def at(self, place: int) -> Span | None:
        return self._at.get(place)

    def put(self, span: Span) -> None:
        """In the place of those that it overlaps."""
        for other in self.within(span.start, span.end):
            self.drop(other)
        self._at |= dict.fromkeys(range(span.start, span.end), span)

    def drop(self, span: Span) -> None:
        for place in range(span.start, span.end):
            self._at.pop(place, None)

    def in_order(self) -> list[Span]:
        return sorted({id(span): span for span in self._at.values()}.values(), key=lambda span: span.start)


def gib_of(figure: FigureFound) -> float:
    """Memory as it is printed: a card's 24 GB are 24 GiB."""
    return round(figure.base / (2**30 if "ib" in figure.unit.casefold() else 1e9), 2)
