"""A document's text to passages of a size that the embedding model reads whole (256 word pieces)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_WORDS = 160
"""About 215 word pieces of English, heading included."""

_HEADING = re.compile(r"^(#{1,6})\s+(\S.*)$")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True)
class Chunk:
    """A piece of text and the headings above it."""

    heading_path: tuple[str, ...]
    text: str


def chunk_markdown(markdown: str, max_words: int = MAX_WORDS) -> Iterator[Chunk]:
    """Split at headings, then between paragraphs, then between sentences; a chunk never spans a heading.

    >>> [c.heading_path for c in chunk_markdown("# A\\none\\n## B\\ntwo")]
    [('A',), ('A', 'B')]
    """
    path: list[tuple[int, str]] = []
    lines: list[str] = []
    fenced = False
    for line in markdown.splitlines():
        fenced ^= line.lstrip().startswith("```")
        heading = None if fenced else _HEADING.match(line)
        if heading is None:
            lines.append(line)
            continue
        yield from _packed(path, lines, max_words)
        lines = []
        level = len(heading[1])
        path = [entry for entry in path if entry[0] < level] + [
            (level, heading[2].rstrip().rstrip("#").rstrip() or heading[2])
        ]
    yield from _packed(path, lines, max_words)


def _packed(path: list[tuple[int, str]], lines: list[str], max_words: int) -> Iterator[Chunk]:
    headings = tuple(title for _, title in path)
    packed: list[str] = []
    count = 0
    for piece in _pieces("\n".join(lines), max_words):
        words = len(piece.split())
        if packed and count + words > max_words:
            yield Chunk(headings, "\n\n".join(packed))
            packed, count = [], 0
        packed.append(piece)
        count += words
    if packed:
        yield Chunk(headings, "\n\n".join(packed))


def _pieces(text: str, max_words: int) -> Iterator[str]:
    """Paragraphs; a paragraph that is too long comes in sentences, a sentence that is too long in slices."""
    for paragraph in re.split(r"\n\s*\n", text):
        paragraph = paragraph.strip()
        if len(paragraph.split()) <= max_words:
            if paragraph:
                yield paragraph
            continue
        for sentence in _SENTENCE_END.split(paragraph):
            words = sentence.split()
            for start in range(0, len(words), max_words):
                yield " ".join(words[start : start + max_words])
