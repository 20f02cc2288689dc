"""Results kept for the next time, bound by the bytes that they take and not by their number."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Kept(Generic[P, R]):
    """A function that keeps its last results, as many as ``limit_bytes`` hold; the longest unused go first."""

    def __init__(self, work: Callable[P, R], limit_bytes: int, bytes_of: Callable[[R], int]) -> None:
        self.__doc__ = work.__doc__
        self.__wrapped__ = work
        self.limit_bytes = limit_bytes
        self.bytes_of = bytes_of
        self._results: OrderedDict[Hashable, R] = OrderedDict()
        self._lock = threading.Lock()
        self.held_bytes = 0

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        key = (args, *kwargs.items())
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
                return self._results[key]
        result = self.__wrapped__(*args, **kwargs)
        with self._lock:
            if key not in self._results:
                self._results[key] = result
                self.held_bytes += self.bytes_of(result)
            while self.held_bytes > self.limit_bytes:
                _, oldest = self._results.popitem(last=False)
                self.held_bytes -= self.bytes_of(oldest)
        return result


def kept(limit_bytes: int, bytes_of: Callable[[R], int]) -> Callable[[Callable[P, R]], Kept[P, R]]:
    """Makes a :class:`Kept` of a pure function; ``bytes_of`` a result counts what it is kept under, too.

    >>> @kept(100, len)
    ... def word(letter: str, times: int) -> str:
    ...     return letter * times
    >>> word("a", 60), word("b", 30), word.held_bytes
    ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 90)
    >>> len(word("c", 30)), word.held_bytes
    (30, 60)
    """
    return lambda work: Kept(work, limit_bytes, bytes_of)
