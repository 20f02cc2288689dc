"""A document's text to passages of a size that the embedding model reads whole (256 word pieces)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_WORDS = 160
"""About 215 word pieces of English, heading included."""
MAX_CHARACTERS = 1200
"""Of a passage, whatever it is made of: English words of twice the usual length."""
MAX_HEADING = 200
"""A longer line is text, whatever it begins with: headings stand in every passage below them."""

_WIDE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
"""Kana and Han: written without blanks, and one word piece a character."""
_WORD = re.compile(rf"[{_WIDE}]|[^\s{_WIDE}]{{1,{MAX_CHARACTERS}}}")
_HEADING = re.compile(r"(#{1,6})\s+(\S.*)")
_PARAGRAPH_END = re.compile(r"\n\s*\n")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])(?![」』）])\s*|(?<=[。！？][」』）])\s*")


@dataclass(frozen=True)
class Chunk:
    """A piece of text and the headings above it."""

    heading_path: tuple[str, ...]
    text: str


def chunk_markdown(markdown: str) -> Iterator[Chunk]:
    """Split at headings, then between paragraphs, then between sentences; a chunk never spans a heading.

    >>> [c.heading_path for c in chunk_markdown("# A\\none\\n## B\\ntwo")]
    [('A',), ('A', 'B')]
    """
    path: list[tuple[int, str]] = []
    lines: list[str] = []
    fenced = False
    for line in markdown.splitlines():
        fenced ^= line.lstrip().startswith("```")
        heading = None if fenced else _heading(line)
        if heading is None:
            lines.append(line)
            continue
        yield from _packed(path, lines)
        lines = []
        path = [*(entry for entry in path if entry[0] < heading[0]), heading]
    yield from _packed(path, lines)


def _heading(line: str) -> tuple[int, str] | None:
    """Level and title."""
    match = _HEADING.fullmatch(line)
    title = match[2].rstrip().rstrip("#").rstrip() if match else ""
    return (len(match[1]), title) if match and 0 < len(title) <= MAX_HEADING else None


def _packed(path: list[tuple[int, str]], lines: list[str]) -> Iterator[Chunk]:
    headings = tuple(title for _, title in path)
    packed: list[str] = []
    words = characters = 0
    for piece in _pieces("\n".join(lines)):
        more = _words(piece)
        if packed and (words + more > MAX_WORDS or characters + len(piece) > MAX_CHARACTERS):
            yield Chunk(headings, "\n\n".join(packed))
            packed, words, characters = [], 0, 0
        packed.append(piece)
        words += more
        characters += len(piece) + len("\n\n")
    if packed:
        yield Chunk(headings, "\n\n".join(packed))


def _pieces(text: str) -> Iterator[str]:
    """Paragraphs; a paragraph that is too long comes in sentences, a sentence that is too long in slices."""
    for paragraph in _PARAGRAPH_END.split(text):
        whole = paragraph.strip()
        for sentence in [whole] if _fits(whole) else _SENTENCE_END.split(whole):
            if not _fits(sentence):
                yield from _slices(sentence)
            elif sentence:
                yield sentence


def _slices(sentence: str) -> Iterator[str]:
    start = end = words = 0
    for word in _WORD.finditer(sentence):
        if words == MAX_WORDS or (words and word.end() - start > MAX_CHARACTERS):
            yield sentence[start:end]
            words = 0
        if not words:
            start = word.start()
        end = word.end()
        words += 1
    if words:
        yield sentence[start:end]


def _fits(text: str) -> bool:
    return len(text) <= MAX_CHARACTERS and _words(text) <= MAX_WORDS


def _words(text: str) -> int:
    return sum(1 for _ in _WORD.finditer(text))
