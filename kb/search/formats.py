"""One file of a user's own: Markdown, text, HTML or PDF to a document of passages."""

import hashlib
import os
import re
import struct
import unicodedata
import zlib
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path

from lxml import etree
from pydantic import BaseModel, ConfigDict
from pypdf import PdfReader
from pypdf.errors import DependencyError, PyPdfError

from kb.catalogue.records import Passage, Source
from kb.catalogue.records.labels import slugify
from kb.errors import UnreadableDocument
from kb.search.chunk import chunk_markdown

MAX_BYTES = 200 * 2**20
MAX_PASSAGES = 20_000
"""About 18 MB of English."""

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_BLOCKS = frozenset({
    "p", "div", "section", "ul", "ol", "li", "dl", "dt", "dd", "table", "caption", "tr", "pre", "blockquote", "br",
    "hr", "main", "article",
})  # fmt: skip
_CELLS = frozenset({"td", "th"})
_FRAME = frozenset({
    "script", "style", "nav", "footer", "header", "aside", "form", "noscript", "template", "title",
})  # fmt: skip
_INVISIBLE = frozenset({"Cc", "Cf", "Cs"})
_KEPT = frozenset("\n\r\t\u200c\u200d")
"""Line ends, tabs, and the joiners that Persian and Indian scripts are written with."""

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
    page = path.read_bytes()
    try:
        page.decode("utf-8")
        encoding = "utf-8"
    except UnicodeDecodeError:
        encoding = None  # what its head declares
    # The text is taken while the page is parsed: no tree, whose depth or breadth could cost more than its length.
    parser = etree.HTMLParser(target=_Page(), encoding=encoding, huge_tree=True)
    try:
        text: str = etree.fromstring(page, parser)
    except etree.LxmlError as error:
        raise UnreadableDocument(f"{path}: is not readable HTML ({error})") from None
    paragraphs = (" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text))
    return "\n\n".join(filter(None, paragraphs))


class _Page:
    """Hears a page's tags one by one, and keeps the text of its ``main`` part, else of its first article, else all."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._framed = 0
        self._on_one_line = ""
        """The kind of element open whose blocks are none of their own: a heading, or a row of a table."""
        self._cells = 0
        self._depths = {"main": 0, "article": 0}
        self._spans: dict[str, tuple[int, int | None]] = {}

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag in _FRAME:
            self._framed += 1
        elif not self._framed:
            self._open(tag)

    def _open(self, tag: str) -> None:
        if tag in self._depths:
            self._depths[tag] += 1
            self._spans.setdefault(tag, (len(self._text), None))
        if tag in _HEADINGS:
            self._on_one_line = "heading"
            self._text.append(f"\n\n{'#' * int(tag[1])} ")
        elif tag in _CELLS and self._on_one_line == "row":
            self._text.append(" | " if self._cells else " ")
            self._cells += 1
        elif tag in _BLOCKS or tag in _CELLS:
            self._break(tag)
            if tag == "tr":
                self._on_one_line, self._cells = "row", 0

    def _break(self, tag: str) -> None:
        if tag in ("table", "tr"):
            self._on_one_line = ""
        self._text.append(" " if self._on_one_line else "\n\n")

    def end(self, tag: str) -> None:
        if tag in _FRAME:
            self._framed -= 1
        elif not self._framed:
            self._close(tag)

    def _close(self, tag: str) -> None:
        if tag in _HEADINGS:
            self._on_one_line = ""
            self._text.append("\n\n")
        elif tag in _BLOCKS:
            self._break(tag)
        if tag in self._depths:
            self._depths[tag] -= 1
            start, end = self._spans[tag]
            if end is None and not self._depths[tag]:
                self._spans[tag] = (start, len(self._text))

    def data(self, text: str) -> None:
        if not self._framed:
            self._text.append(text.replace("\n", " ") if self._on_one_line else text)

    def close(self) -> str:
        start, end = self._spans.get("main") or self._spans.get("article") or (0, None)
        return "".join(self._text[start:end])


def read_pdf(path: Path) -> str:
    """The text layer, a heading per page; scanned pages have none."""
    try:
        reader = PdfReader(path)
        pages = [page.extract_text() for page in reader.pages]
    except _BROKEN_PDF as error:
        raise UnreadableDocument(f"{path}: is not a readable PDF ({error or type(error).__name__})") from None
    return "\n\n".join(f"# Page {number}\n\n{text}" for number, text in enumerate(pages, 1) if text.strip())


READERS: Mapping[str, Callable[[Path], str]] = {
    ".md": read_markdown, ".markdown": read_markdown, ".txt": read_markdown, ".text": read_markdown,
    ".html": read_html, ".htm": read_html, ".pdf": read_pdf,
}  # fmt: skip


def read_document(path: Path, most_passages: int = MAX_PASSAGES) -> Document:
    """Raises :class:`UnreadableDocument` naming the file and what is wrong with it."""
    reader = READERS.get(path.suffix.lower())
    if not path.is_file():
        raise UnreadableDocument(f"{path}: is not there")
    if reader is None:
        raise UnreadableDocument(f"{path}: is of no known type; accepted: {', '.join(READERS)}")
    if path.stat().st_size > MAX_BYTES:
        raise UnreadableDocument(f"{path}: is larger than {MAX_BYTES // 2**20} MiB; split it")
    try:
        text = without_controls(reader(path))
    except OSError as error:
        raise UnreadableDocument(f"{path}: cannot be read ({error.strerror})") from None
    chunks = list(islice(chunk_markdown(text), most_passages + 1))
    if not chunks:
        raise UnreadableDocument(f"{path}: holds no text (a scanned document needs OCR first)")
    if len(chunks) > most_passages:
        raise UnreadableDocument(f"{path}: makes more than {most_passages:,} passages; split it into smaller files")
    slug = f"document-{slugify(path.stem)[:60].rstrip('-')}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}"
    # A file's name may be in any encoding; a record's text is UTF-8.
    named = Path(without_controls(os.fsencode(path).decode("utf-8", "replace")))
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


def without_controls(text: str) -> str:
    """The text without what no reader sees and a terminal may obey; half surrogate pairs go too.

    >>> without_controls("a\\x1b[31mred\\u202e\\n")
    'a[31mred\\n'
    """
    gone = (char for char in set(text) if unicodedata.category(char) in _INVISIBLE and char not in _KEPT)
    return text.translate({ord(char): " " if char.isspace() else None for char in gone})
