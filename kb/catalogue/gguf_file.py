"""A GGUF file, or all parts of a split one: its header and its size. The weights are never read."""

import re
from pathlib import Path

from kb.catalogue.gguf_header import Header, read_header
from kb.catalogue.units import GB
from kb.errors import UnreadableModel

_SPLIT_NAME = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")


def whole_header(path: Path) -> Header:
    """Of a language model's file, or of all parts of a split one (any part may be named), whatever its architecture.

    Raises ``UnreadableModel``, naming the file, when it or a part is missing, cut short, or not a GGUF model.
    """
    headers = [read_header(part) for part in file_parts(path)]
    tensors = tuple(tensor for header in headers for tensor in header.tensors)
    return language_model(path, Header(headers[0].keys, tensors))


def language_model(path: Path, header: Header) -> Header:
    """Raises ``UnreadableModel``, naming the file, where its header describes something else."""
    kind = header.keys.get("general.architecture")
    if not kind or not header.tensors or f"{kind}.block_count" not in header.keys:
        raise UnreadableModel(f"{path}: no language model is described in this GGUF file")
    return header


def file_parts(path: Path) -> list[Path]:
    """The file alone, or all parts of a split one, the first first."""
    match = _SPLIT_NAME.search(path.name)
    if not match:
        return [path]
    stem, count = path.name[: match.start()], int(match[2])
    return [path.with_name(f"{stem}-{number:05d}-of-{count:05d}.gguf") for number in range(1, count + 1)]


def size_gb(path: Path) -> float:
    """Of the file, or of all parts of a split one that are there."""
    return round(sum(part.stat().st_size for part in file_parts(path) if part.is_file()) / GB, 3)
