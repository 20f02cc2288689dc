"""ggml's graph allocator in small: how large a buffer a sequence of operations needs.

Source: llama.cpp, ggml/src/ggml-alloc.c. A tensor takes the best-fitting gap, else the end; its place is free
again after its last use; element-wise operations write over a source that nobody else reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Operation:
    """Makes one tensor of ``size`` bytes from earlier ones, given by their numbers."""

    size: int
    sources: tuple[int, ...] = ()
    in_place: bool = False
    is_input: bool = False
    """Allocated before everything else."""
    is_output: bool = False
    """Never freed."""


@dataclass
class Graph:
    """Operations in the order that they run in; a tensor's number is its operation's."""

    operations: list[Operation] = field(default_factory=list)

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
        fitting = [(length, -index) for index, (_, length) in enumerate(self._gaps) if length >= size]
        if fitting:
            index = -min(fitting)[1]
            offset, length = self._gaps.pop(index)
            if length > size:
                self._gaps.insert(index, (offset + size, length - size))
            return offset
        offset = self._end
        self._end += size
        self.highest = max(self.highest, self._end)
        return offset

    def release(self, offset: int, size: int) -> None:
        if not size:
            return
        end = offset + size
        before = next((gap for gap in self._gaps if gap[0] + gap[1] == offset), None)
        after = next((gap for gap in self._gaps if gap[0] == end), None)
        for gap in (before, after):
            if gap is not None:
                self._gaps.remove(gap)
        start = before[0] if before else offset
        stop = after[0] + after[1] if after else end
        if stop == self._end:
            self._end = start
            return
        self._gaps.append((start, stop - start))
        self._gaps.sort()
