"""A user's own documents: found below folders, read, and kept in the data folder until the next build."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from kb.disk import write_whole
from kb.errors import IndexUnusable, UnreadableDocument
from kb.search.formats import READERS, Document
from kb.search.reader import LIMITS, Limits, Reader


@dataclass(frozen=True)
class Found:
    """The files to read, and the links that lead out of the folders given."""

    files: tuple[Path, ...]
    outside: tuple[Path, ...]


def find_files(paths: Iterable[Path]) -> Found:
    """The files named, and those of a known type below the folders named; whatever is named may be a link."""
    files: dict[Path, None] = {}
    outside: dict[Path, None] = {}
    for path in paths:
        if not path.is_dir():
            files[path.resolve()] = None
            continue
        root = path.resolve()
        # Links to folders are listed and not followed; those inside are met by their own path.
        for below in sorted(root.rglob("*")):
            target = below.resolve()
            if not target.is_relative_to(root):
                outside[below] = None
            elif below.suffix.lower() in READERS and target.is_file():
                files[target] = None
    return Found(tuple(files), tuple(outside))


def stored_documents(data_dir: Path) -> list[Path]:
    return sorted((data_dir / "documents").glob("*.json"))


def store_document(data_dir: Path, document: Document) -> None:
    """Replaces what was stored of the same file before, in one step."""
    write_whole(data_dir / "documents" / f"{document.source.slug}.json", document.model_dump_json().encode())


def load_documents(data_dir: Path) -> list[Document]:
    def read(path: Path) -> Document:
        try:
            return Document.model_validate_json(path.read_bytes())
        except ValidationError:
            raise IndexUnusable(f"{path} is damaged; remove it and ingest its document again") from None

    return [read(path) for path in stored_documents(data_dir)]


def ingest(
    paths: Iterable[Path], data_dir: Path, limits: Limits = LIMITS
) -> Iterator[tuple[Path, Document | UnreadableDocument]]:
    """Each file as it is done: the stored document, or why it could not be read; the rest goes on."""
    with Reader(limits) as reader:
        for path in paths:
            try:
                document = reader.read(path)
            except UnreadableDocument as error:
                yield path, error
            else:
                store_document(data_dir, document)
                yield path, document
