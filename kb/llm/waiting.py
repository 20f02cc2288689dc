"""Waiting in line, within a deadline, until cancelled."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Condition
from time import monotonic

from kb.errors import EngineBusy, EngineUnavailable
from kb.llm.base import Run
from kb.llm.pace import spoken

POLL_S = 0.05
"""How often a waiting request looks whether its client has left."""


def too_slow(run: Run) -> EngineUnavailable:
    return EngineUnavailable(f"The language model did not finish within {run.deadline_s:.3g} s.")


def wait_until(condition: Condition, holds: Callable[[], bool], run: Run) -> bool:
    """True once ``holds()``, False when the run is cancelled.

    The caller holds ``condition``, and still does on return. Raises :class:`EngineUnavailable` past the deadline.
    """
    while not holds():
        if run.cancelled.is_set():
            return False
        if not run.left_s:
            raise too_slow(run)
        condition.wait(min(POLL_S, run.left_s))
    return True


class Place:
    """In the line; ``takes_s`` is how long the model is expected to work for it."""

    def __init__(self, run: Run, takes_s: float) -> None:
        self._run, self.takes_s = run, takes_s
        self._begun: float | None = None

    def begin(self, takes_s: float) -> None:
        self._begun, self.takes_s = monotonic(), takes_s

    @property
    def left_s(self) -> float:
        """Until it is done, or past its deadline."""
        worked_s = monotonic() - self._begun if self._begun is not None else 0.0
        return min(max(0.0, self.takes_s - worked_s), self._run.left_s)


class Line:
    """First come, first served: one request at the head, ``waiting`` behind it, and no more."""

    def __init__(self, waiting: int) -> None:
        self._longest = 1 + waiting
        self._places: deque[Place] = deque()
        self._moved = Condition()

    @contextmanager
    def place(self, run: Run, takes_s: float = 0.0, least_s: float = 0.0) -> Iterator[Place]:
        """A place in the line, given up at the end; :class:`EngineBusy` where there is none.

        ``takes_s`` is how long the model is expected to work for it, ``least_s`` with the least that it may write:
        :class:`EngineBusy` too where others are ahead for so long that it could not be done in time.
        """
        place = Place(run, takes_s)
        with self._moved:
            if len(self._places) >= self._longest:
                raise EngineBusy(f"The language model is busy: {self._longest} requests are running or waiting.")
            ahead_s = sum(each.left_s for each in self._places)
            if self._places and ahead_s + least_s > run.left_s:
                raise EngineBusy(_in_vain(len(self._places), ahead_s, least_s, run))
            self._places.append(place)
        try:
            yield place
        finally:
            with self._moved:
                self._places.remove(place)
                self._moved.notify_all()

    def wait_for_head(self, place: Place, run: Run) -> bool:
        """As :func:`wait_until`; ``run`` is told of every change on the way."""
        ahead = 0
        while True:
            with self._moved:
                before, ahead = ahead, self._places.index(place)
            if ahead != before:
                run.told_ahead(ahead)
            if ahead == 0:
                return True
            with self._moved:
                if not wait_until(self._moved, partial(self._has_moved, place, ahead), run):
                    return False

    def _has_moved(self, place: Place, ahead: int) -> bool:
        return self._places.index(place) < ahead


def _in_vain(count: int, ahead_s: float, least_s: float, run: Run) -> str:
    others = "one request is" if count == 1 else f"{count} requests are"
    return (
        f"The language model is busy: {others} before this one, for about {spoken(ahead_s)}. It would need "
        f"{spoken(least_s)} itself, and {spoken(run.left_s)} are left. Ask again a little later."
    )
