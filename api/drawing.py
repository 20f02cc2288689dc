"""What pages draw: bars of one figure side by side, and a cloud of points. All places are percent of the drawing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kb.calc.results import Range

Value = float | tuple[float, float] | Range | None
_STEPS = (1, 2, 5)
_LEFT, _RIGHT, _TOP, _BOTTOM = 9.0, 97.0, 4.0, 90.0
"""Within which the points lie; labels of the axes stand outside."""
_MOST_LABELS = 14
_CHARACTER, _LINE, _GAP = 1.15, 4.5, 1.5
"""About how wide and high a letter is on a page for a desktop, and how far from its point a label stands; narrow pages
show the first label alone."""


@dataclass(frozen=True)
class Bar:
    """``share`` is the length; ``low`` and ``high`` where the value is a range. None where it is not known."""

    name: str
    shown: str
    note: str
    share: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Chart:
    label: str
    hint: str
    bars: tuple[Bar, ...]

    @property
    def is_drawn(self) -> bool:
        """Not where there is nothing to hold a bar against."""
        return sum(bar.share is not None for bar in self.bars) > 1


def chart(label: str, hint: str, entries: Sequence[tuple[str, Value, str, str]]) -> Chart:
    """``entries``: name, value, the value in words, and a note to it.

    >>> [bar.share for bar in chart("Memory", "", [("a", 24.0, "24 GB", ""), ("b", (12, 24), "", "")]).bars]
    [100.0, 75.0]
    """
    most = max((_ends(value)[2] for _, value, _, _ in entries if value is not None), default=0.0)

    def drawn(name: str, value: Value, shown: str, note: str) -> Bar:
        if value is None or not most:
            return Bar(name, shown, note)
        low, middle, high = (round(100 * end / most, 2) for end in _ends(value))
        return Bar(name, shown, note, middle, *((low, high) if high > low else ()))

    return Chart(label, hint, tuple(drawn(*entry) for entry in entries))


def _ends(value: float | tuple[float, float] | Range) -> tuple[float, float, float]:
    """Low, middle and high."""
    if isinstance(value, Range):
        return value.low, value.typical, value.high
    low, high = value if isinstance(value, tuple) else (value, value)
    return low, (low + high) / 2, high


@dataclass(frozen=True)
class Point:
    """``label`` stands beside it where there is room; ``text`` is shown when one points at it."""

    x: float
    y: float
    label: str
    text: str
    group: str


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    label: str
    text: str
    group: str
    is_left: bool
    """The label stands at its left."""
    is_first: bool
    """Of the first point, which has its label on every page."""


@dataclass(frozen=True)
class Tick:
    place: float
    text: str


@dataclass(frozen=True)
class Cloud:
    dots: tuple[Dot, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]


def cloud(points: Sequence[Point]) -> Cloud | None:
    """Both axes logarithmic; the first points get a label first, the very first always. None where there are too few to
    see anything."""
    if len(points) < 2:
        return None
    across = _Axis([point.x for point in points], _LEFT, _RIGHT)
    up = _Axis([point.y for point in points], _BOTTOM, _TOP)
    places = [(across.place(point.x), up.place(point.y)) for point in points]
    taken: list[_Box] = [(x, x, y, y) for x, y in places]
    dots: list[Dot] = []
    for point, (x, y) in zip(points, places, strict=True):
        width = _CHARACTER * len(point.label)
        sides = ((False, x + _GAP), (True, x - _GAP - width))
        boxes = [(is_left, (start, start + width, y - _LINE / 2, y + _LINE / 2)) for is_left, start in sides]
        free = [
            (is_left, box)
            for is_left, box in boxes
            if box[0] > _LEFT and box[1] < 100 and not any(_overlap(box, other) for other in taken)
        ]
        is_first = not dots
        if is_first:  # above its point and towards the middle: there is room on a narrow page too
            is_left, (start, end, *_) = boxes[x > (_LEFT + _RIGHT) / 2]
            free = [(is_left, (start, end, y - _LINE, y))]
        shown = free[:1] if len(taken) < len(points) + _MOST_LABELS else []
        taken += [box for _, box in shown]
        label, is_left = (point.label, shown[0][0]) if shown else ("", False)
        dots.append(Dot(x, y, label, point.text, point.group, is_left, is_first))
    return Cloud(tuple(dots), across.ticks(), up.ticks())


_Box = tuple[float, float, float, float]
"""Left, right, top, bottom."""


def _overlap(one: _Box, other: _Box) -> bool:
    return one[0] <= other[1] and other[0] <= one[1] and one[2] <= other[3] and other[2] <= one[3]


class _Axis:
    """
    >>> axis = _Axis([1, 100], 0, 100)
    >>> [tick.text for tick in axis.ticks()], round(axis.place(10))
    (['1', '2', '5', '10', '20', '50', '100'], 50)
    """

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        self._low, self._high = math.log10(min(values) / 1.2), math.log10(max(values) * 1.2)
        self._start, self._end = start, end

    def place(self, value: float) -> float:
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return round(self._start + share * (self._end - self._start), 2)

    def ticks(self) -> tuple[Tick, ...]:
        powers = range(math.floor(self._low), math.ceil(self._high) + 1)
        values = (step * 10.0**power for power in powers for step in _STEPS)
        within = [value for value in values if self._low <= math.log10(value) <= self._high]
        return tuple(Tick(self.place(value), f"{value:,g}") for value in within)
