"""The last results of what is worked out several times, held by whoever works them out."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")


class Last(Generic[K, R]):
    """As many results as ``most``; the longest unused go first. Threads that ask at once may work one out twice.

    ``lru_cache`` around a method would hold its object in a cycle, and all that the object has open until the garbage
    collector comes.

    >>> squares = Last[int, int](2)
    >>> [squares.get(number, lambda number=number: number**2) for number in (1, 2, 1, 3)]
    [1, 4, 1, 9]
    >>> squares.get(1, lambda: 0), squares.get(2, lambda: 0)
    (1, 0)
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._results: OrderedDict[K, R] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K, work: Callable[[], R]) -> R:
        """The result kept for ``key``, else that of ``work``."""
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
                return self._results[key]
        result = work()
        with self._lock:
            self._results[key] = result
            if len(self._results) > self._most:
                self._results.popitem(last=False)
        return result
