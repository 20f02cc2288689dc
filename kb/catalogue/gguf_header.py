"""The header of a GGUF file, read once from front to back: keys and the tensors' shapes, never their data.

Every count in it is the file's own claim: none is believed further than the bytes that are left.
Format: the GGUF specification (ggml, docs/gguf.md).
"""

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import gguf

from kb.errors import UnreadableModel

MAX_HEADER_BYTES = 64 * 2**20
"""Four times what a vocabulary of 262,000 tokens with its merges takes."""
MAX_KEYS, MAX_TENSORS, MAX_DIMENSIONS = 4096, 65_536, 4
"""Far more than any model has."""
LONGEST_LIST = 1024
"""One number a layer; of longer lists, and of lists of words (the vocabulary), only the length is kept."""

Scalar = int | float | bool | str
Value = Scalar | list[Scalar]

_STRING, _ARRAY = 8, 9
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""The formats of ``struct`` for the types that the specification numbers so."""
_TENSOR_TYPES = {int(kind): (kind.name, *gguf.GGML_QUANT_SIZES[kind]) for kind in gguf.GGML_QUANT_SIZES}


@dataclass(frozen=True)
class Tensor:
    name: str
    type_name: str
    elements: int
    bytes: int


@dataclass(frozen=True)
class Header:
    keys: Mapping[str, Value]
    tensors: tuple[Tensor, ...]


def read_header(path: Path) -> Header:
    """Raises :class:`UnreadableModel`, naming the file, where it is missing, no GGUF, damaged or cut short."""
    if not path.is_file():
        raise UnreadableModel(f"{path}: there is no such file")
    with path.open("rb") as file:
        start = file.read(MAX_HEADER_BYTES)
    if start[:4] != b"GGUF":
        raise UnreadableModel(f"{path}: not a GGUF file (it does not begin with 'GGUF')")
    try:
        return _Bytes(start).header(path.stat().st_size)
    except (struct.error, OverflowError, ValueError) as error:
        raise UnreadableModel(f"{path}: the GGUF file is damaged or cut short; download it again") from error


class _Bytes:
    """Reads on from where it is; what it raises where the bytes end or make no sense, ``read_header`` knows."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 4
        self._order = "<"

    def header(self, file_bytes: int) -> Header:
        version = self._number("I")
        if version not in (2, 3):
            self._order, self._at = ">", 4
            version = self._number("I")
        if version not in (2, 3):
            raise ValueError("a version that is not known")
        tensor_count, key_count = self._number("Q"), self._number("Q")
        if tensor_count > MAX_TENSORS or key_count > MAX_KEYS:
            raise ValueError("more than any model has")
        keys: dict[str, Value] = {}
        for _ in range(key_count):
            name = self._string()
            if name in keys:
                raise ValueError("a key that is written twice")
            keys[name] = self._value(self._number("I"))
        placed = [self._tensor() for _ in range(tensor_count)]
        alignment = keys.get("general.alignment", gguf.GGUF_DEFAULT_ALIGNMENT)
        if not isinstance(alignment, int) or alignment < 1:
            raise ValueError("an alignment that is none")
        data = math.ceil(self._at / alignment) * alignment
        if len({tensor.name for _, tensor in placed}) < len(placed):
            raise ValueError("a tensor that is there twice")
        if any(data + offset + tensor.bytes > file_bytes for offset, tensor in placed):
            raise ValueError("tensors beyond the end of the file")
        return Header(keys, tuple(tensor for _, tensor in placed))

    def _number(self, kind: str) -> int:
        return int(self._numbers(kind, 1)[0])

    def _numbers(self, kind: str, count: int) -> tuple[Scalar, ...]:
        layout = f"{self._order}{count}{kind}"
        found = struct.unpack_from(layout, self._content, self._at)
        self._at += struct.calcsize(layout)
        return found

    def _string(self) -> str:
        return self._take(self._number("Q")).decode("utf-8", "replace")

    def _take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._content):
            raise ValueError("longer than what is left")
        start, self._at = self._at, end
        return self._content[start:end]

    def _value(self, kind: int) -> Value:
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            return self._list(self._number("I"), self._number("Q"))
        return self._numbers(_format(kind), 1)[0]

    def _list(self, kind: int, count: int) -> list[Scalar] | int:
        if kind == _STRING:
            self._skip_strings(count)
            return count
        layout = _format(kind)
        if count > LONGEST_LIST:
            self._take(count * struct.calcsize(f"={layout}"))
            return count
        return list(self._numbers(layout, count))

    def _skip_strings(self, count: int) -> None:
        length_at = struct.Struct(f"{self._order}Q").unpack_from
        at = self._at
        for _ in range(count):  # a quarter of a million in some files; the bytes end before a false count does
            at += 8 + length_at(self._content, at)[0]
        if at > len(self._content):
            raise ValueError("longer than what is left")
        self._at = at

    def _tensor(self) -> tuple[int, Tensor]:
        """Its offset in the data, and itself."""
        name, dimensions = self._string(), self._number("I")
        if dimensions > MAX_DIMENSIONS:
            raise ValueError("more dimensions than a tensor has")
        sizes = [int(size) for size in self._numbers("Q", dimensions)]
        kind, offset = self._number("I"), self._number("Q")
        return offset, tensor_of(name, kind, sizes)


def tensor_of(name: str, kind: int, sizes: Sequence[int]) -> Tensor:
    """A tensor of the type that ggml numbers so. Raises ``ValueError`` where it knows none."""
    if kind not in _TENSOR_TYPES:
        raise ValueError("a tensor type that is not known")
    type_name, block, block_bytes = _TENSOR_TYPES[kind]
    elements = math.prod(sizes)
    return Tensor(name, type_name, elements, elements * block_bytes // block)


def _format(kind: int) -> str:
    if kind not in _NUMBERS:
        raise ValueError("a value type that is not known, or lists of lists")
    return _NUMBERS[kind]
