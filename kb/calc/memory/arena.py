"""ggml's graph allocator in small: how large a buffer a sequence of operations needs.

Source: llama.cpp, ggml/src/ggml-alloc.c. A tensor takes the best-fitting gap, else the end; its place is free
again after its last use; element-wise operations write over a source that nobody else reads.
"""

from bisect import bisect
from collections.abc import Sequence
from typing import NamedTuple


class Operation(NamedTuple):
    """Makes one tensor of ``size`` bytes from earlier ones, given by their numbers."""

    size: int
    sources: tuple[int, ...] = ()
    in_place: bool = False
    is_input: bool = False
    """Allocated before everything else."""
    is_output: bool = False
    """Never freed."""


class Graph:
    """Operations in the order that they run in; a tensor's number is its operation's."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []

    def add(self, size: int, *sources: int, in_place: bool = False) -> int:
        return self._append(Operation(size, sources, in_place))

    def input(self, size: int, *, kept: bool = False) -> int:
        return self._append(Operation(size, is_input=True, is_output=kept))

    def output(self, size: int, *sources: int, in_place: bool = False) -> int:
        return self._append(Operation(size, sources, in_place, is_output=True))

    def _append(self, operation: Operation) -> int:
        self.operations.append(operation)
        return len(self.operations) - 1


def buffer_bytes(operations: Sequence[Operation]) -> int:
    """The highest address that is ever in use.

    >>> graph = Graph()
    >>> first = graph.add(100)
    >>> second = graph.add(50, first)  # while the first is alive
    >>> third = graph.add(100, second)  # takes the first one's place
    >>> buffer_bytes(graph.operations)
    150
    """
    readers = [0] * len(operations)
    for operation in operations:
        for source in operation.sources:
            readers[source] += 1
    arena = _Arena()
    offsets: dict[int, int] = {}
    for number, operation in enumerate(operations):
        if operation.is_input:
            offsets[number] = arena.take(operation.size)
    for number, operation in enumerate(operations):
        if number in offsets:
            continue
        reused = _reusable(operation, operations, readers, offsets) if operation.in_place else None
        offsets[number] = arena.take(operation.size) if reused is None else offsets.pop(reused)
        for source in operation.sources:
            readers[source] -= 1
            if not readers[source] and source in offsets and not operations[source].is_output:
                arena.release(offsets.pop(source), operations[source].size)
    return arena.highest


def _reusable(
    operation: Operation, operations: Sequence[Operation], readers: list[int], offsets: dict[int, int]
) -> int | None:
    return next(
        (
            source
            for source in operation.sources
            if readers[source] == 1
            and source in offsets
            and operations[source].size == operation.size
            and not operations[source].is_output
        ),
        None,
    )


class _Arena:
    """Gaps sorted by address, and an end that grows."""

    def __init__(self) -> None:
        self._gaps: list[tuple[int, int]] = []
        self._end = 0
        self.highest = 0

    def take(self, size: int) -> int:
        best, best_length = -1, 0
        for index, (_, length) in enumerate(self._gaps):
            if length >= size and (best < 0 or length <= best_length):
                best, best_length = index, length
        if best < 0:
            offset = self._end
            self._end += size
            self.highest = max(self.highest, self._end)
            return offset
        offset, length = self._gaps.pop(best)
        if length > size:
            self._gaps.insert(best, (offset + size, length - size))
        return offset

    def release(self, offset: int, size: int) -> None:
        if not size:
            return
        start, stop = offset, offset + size
        gaps = self._gaps
        index = bisect(gaps, (offset, 0))
        if index < len(gaps) and gaps[index][0] == stop:
            stop += gaps.pop(index)[1]
        if index and sum(gaps[index - 1]) == start:
            index -= 1
            start = gaps.pop(index)[0]
        if stop == self._end:
            self._end = start
        else:
            gaps.insert(index, (start, stop - start))
