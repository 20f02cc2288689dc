"""A user's own documents: Markdown, text, HTML and PDF to passages kept in the data folder until the next build."""

import hashlib
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from bs4 import BeautifulSoup
from bs4.exceptions import ParserRejectedMarkup
from pydantic import BaseModel, ConfigDict, ValidationError
from pypdf import PdfReader
from pypdf.errors import DependencyError, PyPdfError

from kb.disk import write_whole
from kb.errors import IndexUnusable, UnreadableDocument
from kb.records import Passage, Source
from kb.records.labels import slugify
from kb.retrieval.chunk import chunk_markdown

MAX_BYTES = 200 * 2**20

_HEADINGS = ["h1", "h2", "h3", "h4", "h5", "h6"]
_BLOCKS = [
    "p", "div", "section", "ul", "ol", "li", "dl", "dt", "dd", "table", "caption", "pre", "blockquote", "br", "hr",
]  # fmt: skip

_BROKEN_PDF = (
    PyPdfError, DependencyError, ArithmeticError, AssertionError, AttributeError, LookupError, OSError, RuntimeError,
    TypeError, ValueError, struct.error, zlib.error,
)  # fmt: skip
"""pypdf's own, and what its documentation warns that broken files may cause beside them."""


class Document(BaseModel):
    """One ingested file: itself as a source, and its passages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Source
    passages: tuple[Passage, ...]


def read_markdown(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableDocument(f"{path}: is not UTF-8 text; convert it first (iconv -t utf-8)") from None


def read_html(path: Path) -> str:
    """The page's text as Markdown: headings kept, a line per row of a table, navigation and scripts dropped."""
    try:
        soup = BeautifulSoup(path.read_bytes(), "html.parser")
    except ParserRejectedMarkup as error:
        raise UnreadableDocument(f"{path}: is not readable HTML ({error})") from None
    for tag in soup(["script", "style", "nav", "footer", "header", "aside", "form", "noscript", "template", "title"]):
        tag.decompose()
    root = soup.find("main") or soup.find("article") or soup.body or soup
    for row in root.find_all("tr"):
        if not row.find("tr"):
            cells = (cell.get_text(" ", strip=True) for cell in row.find_all(["td", "th"]))
            row.replace_with(f"\n\n{' | '.join(cells)}\n\n")
    for heading in root.find_all(_HEADINGS):
        heading.replace_with(f"\n\n{'#' * int(heading.name[1])} {heading.get_text(' ', strip=True)}\n\n")
    for block in root.find_all(_BLOCKS):
        block.insert_before("\n\n")
        block.insert_after("\n\n")
    paragraphs = (" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", root.get_text()))
    return "\n\n".join(filter(None, paragraphs))


def read_pdf(path: Path) -> str:
    """The text layer, a heading per page; scanned pages have none."""
    try:
        reader = PdfReader(path)
        pages = [page.extract_text() for page in reader.pages]
    except _BROKEN_PDF as error:
        raise UnreadableDocument(f"{path}: is not a readable PDF ({error or type(error).__name__})") from None
    text = "\n\n".join(f"# Page {number}\n\n{text}" for number, text in enumerate(pages, 1) if text.strip())
    # A font's table may map a glyph to half a surrogate pair, which no UTF-8 file can hold.
    return text.encode("utf-8", "replace").decode("utf-8")


READERS: dict[str, Callable[[Path], str]] = {
    ".md": read_markdown, ".markdown": read_markdown, ".txt": read_markdown, ".text": read_markdown,
    ".html": read_html, ".htm": read_html, ".pdf": read_pdf,
}  # fmt: skip


def find_files(paths: Iterable[Path]) -> list[Path]:
    """The files named, and those of a known type below the folders named."""
    found: dict[Path, None] = {}
    for path in paths:
        below = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in below:
            if not path.is_dir() or (file.is_file() and file.suffix.lower() in READERS):
                found[file.resolve()] = None
    return list(found)


def read_document(path: Path) -> Document:
    """Raises :class:`UnreadableDocument` naming the file and what is wrong with it."""
    reader = READERS.get(path.suffix.lower())
    if not path.is_file():
        raise UnreadableDocument(f"{path}: is not there")
    if reader is None:
        raise UnreadableDocument(f"{path}: is of no known type; accepted: {', '.join(READERS)}")
    if path.stat().st_size > MAX_BYTES:
        raise UnreadableDocument(f"{path}: is larger than {MAX_BYTES // 2**20} MiB; split it")
    try:
        text = reader(path)
    except OSError as error:
        raise UnreadableDocument(f"{path}: cannot be read ({error.strerror})") from None
    chunks = list(chunk_markdown(text))
    if not chunks:
        raise UnreadableDocument(f"{path}: holds no text (a scanned document needs OCR first)")
    slug = f"document-{slugify(path.stem)[:60].rstrip('-')}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}"
    # A file's name may be in any encoding; a record's text is UTF-8.
    named = Path(os.fsencode(path).decode("utf-8", "replace"))
    source = Source(slug=slug, title=named.name, publisher="added by the user", kind="user", note=str(named))
    passages = tuple(
        Passage(
            passage_id=f"{slug}.{number}",
            source=slug,
            section=" › ".join(chunk.heading_path[:-1]),
            title=chunk.heading_path[-1] if chunk.heading_path else named.stem,
            text=chunk.text,
        )
        for number, chunk in enumerate(chunks, start=1)
    )
    return Document(source=source, passages=passages)


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


def ingest(paths: Iterable[Path], data_dir: Path) -> Iterator[tuple[Path, Document | UnreadableDocument]]:
    """Each file as it is done: the stored document, or why it could not be read; the rest goes on."""
    for path in paths:
        try:
            document = read_document(path)
        except UnreadableDocument as error:
            yield path, error
        else:
            store_document(data_dir, document)
            yield path, document
