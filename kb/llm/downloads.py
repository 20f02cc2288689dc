"""The models that we recommend to fetch: ``glossary/downloads.yaml``, read and checked."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError

from kb.catalogue.files import UnreadableFile, read_mapping
from kb.catalogue.records.base import Citations, Record, Slug
from kb.catalogue.records.labels import label_key
from kb.errors import InvalidArgument, InvalidKnowledge, UnknownName

Repository = Annotated[str, StringConstraints(pattern=r"^[\w.-]+/[\w.-]+$")]
GgufPath = Annotated[str, StringConstraints(pattern=r"^[\w./-]+\.gguf$")]


class Download(Record):
    """An instruct model's file on the hub. Its memory and speed are calculated from the catalogue's model."""

    slug: Slug
    model: Slug
    """In ``glossary/specs/models``: its architecture and licence."""
    quantization: Slug
    size: Literal["small", "middle", "large"]
    repository: Repository
    file: GgufPath
    """Of a split file, the first part."""
    size_gb: Annotated[float, Field(gt=0)]
    """About; the hub tells the size exactly, and the checksum, when the file is pulled."""
    suits: str
    sources: Citations


@dataclass(frozen=True)
class Wanted:
    """A file to pull."""

    repository: str
    file: str


def load_downloads(knowledge_dir: Path) -> tuple[Download, ...]:
    """In the file's order: the best answers first. Raises :class:`InvalidKnowledge`."""
    path = knowledge_dir / "glossary" / "downloads.yaml"
    try:
        content = read_mapping(path)
        return tuple(Download.model_validate({"slug": slug, **body}) for slug, body in content.items())
    except (FileNotFoundError, UnreadableFile, ValidationError, TypeError) as error:
        raise InvalidKnowledge([f"{path}: {error}"]) from None


def find_download(downloads: Sequence[Download], name: str) -> Download | None:
    """By its name or its file's, in any case and punctuation."""
    key = label_key(name)
    return next((d for d in downloads if key in (label_key(d.slug), label_key(d.file), label_key(stem(d.file)))), None)


def wanted(downloads: Sequence[Download], name: str) -> Wanted:
    """What ``kb model pull NAME`` means: a name of the table, or ``OWNER/REPOSITORY/FILE.gguf``."""
    if found := find_download(downloads, name):
        return Wanted(found.repository, found.file)
    owner, _, rest = name.partition("/")
    repository, _, file = rest.partition("/")
    if not rest:
        raise UnknownName("model to pull", name, nearest(name, [download.slug for download in downloads]))
    if not file.casefold().endswith(".gguf"):
        raise InvalidArgument("model", name, "a name that `kb model list` shows, `auto`, or OWNER/REPOSITORY/FILE.gguf")
    return Wanted(f"{owner}/{repository}", file)


def nearest(name: str, names: Sequence[str]) -> list[str]:
    return difflib.get_close_matches(name.casefold(), names, n=3, cutoff=0.4) or list(names[:3])


def stem(file: str) -> str:
    return Path(file).stem
