"""Waiting in line, within a deadline, until cancelled."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

from kb.errors import EngineBusy, EngineUnavailable
from kb.llm.base import Run

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


class Line:
    """First come, first served: one request at the head, ``waiting`` behind it, and no more."""

    def __init__(self, waiting: int) -> None:
        self._longest = 1 + waiting
        self._places: deque[object] = deque()
        self._moved = Condition()

    @contextmanager
    def place(self) -> Iterator[object]:
        """A place in the line, given up at the end; :class:`EngineBusy` where there is none."""
        place = object()
        with self._moved:
            if len(self._places) >= self._longest:
                raise EngineBusy(f"The language model is busy: {self._longest} requests are running or waiting.")
            self._places.append(place)
        try:
            yield place
        finally:
            with self._moved:
                self._places.remove(place)
                self._moved.notify_all()

    def wait_for_head(self, place: object, run: Run) -> bool:
        """As :func:`wait_until`."""
        with self._moved:
            return wait_until(self._moved, lambda: self._places[0] is place, run)
