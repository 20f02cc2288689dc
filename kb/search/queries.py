"""Reads from a built index: whole records once, lists and full text by query."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, select, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import QueuePool

from kb.catalogue.load import Knowledge
from kb.catalogue.records import Dispute, Passage, Source, Term, kinds
from kb.errors import IndexUnusable
from kb.search import tables
from kb.search.manifest import MENDING

_WORD = re.compile(r"\w+", re.UNICODE)

# Words that say how a question is put, not what it is about.
STOPWORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "by",
        "can",
        "could",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "how",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "me",
        "my",
        "of",
        "on",
        "or",
        "our",
        "please",
        "should",
        "so",
        "tell",
        "than",
        "that",
        "the",
        "their",
        "them",
        "there",
        "these",
        "they",
        "this",
        "those",
        "to",
        "us",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "who",
        "why",
        "will",
        "with",
        "would",
        "you",
        "your",
        "about",
        "explain",
        "mean",
        "means",
        "get",
        "give",
        "need",
    ]
)


def open_database(path: Path) -> Engine:
    """Read-only; a running build never touches this file."""
    return create_engine(f"sqlite:///file:{path}?mode=ro&uri=true", poolclass=QueuePool, pool_size=4)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Every read goes through here. Raises :class:`IndexUnusable` where the file is damaged or gone."""
    try:
        with engine.connect() as connection:
            yield connection
    except DatabaseError as error:
        raise IndexUnusable(f"The index cannot be read ({error.orig}). {MENDING}") from None


def read_knowledge(engine: Engine) -> tuple[Knowledge, tuple[Passage, ...]]:
    """All records, validated again, and the passages that search covers in row order."""
    with reading(engine) as connection:

        def payloads(table: Any) -> list[Any]:
            return list(connection.execute(select(table.c.payload).order_by(table.c.slug)).scalars())

        specs: dict[str, dict[str, Any]] = {kind: {} for kind in kinds}
        rows = connection.execute(select(tables.spec.c.kind, tables.spec.c.payload).order_by(tables.spec.c.slug))
        for kind, payload in rows:
            specs[kind][payload["slug"]] = kinds[kind].model_validate(payload)
        passages = tuple(
            Passage.model_validate(dict(row))
            for row in connection.execute(
                select(*(tables.passage.c[key] for key in Passage.model_fields)).order_by(tables.passage.c.rowid)
            ).mappings()
        )
        return Knowledge(
            sources={p["slug"]: Source.model_validate(p) for p in payloads(tables.source)},
            terms={p["slug"]: Term.model_validate(p) for p in payloads(tables.term)},
            specs=specs,
            disputes={p["slug"]: Dispute.model_validate(p) for p in payloads(tables.dispute)},
            passages={passage.passage_id: passage for passage in passages},
        ), passages


def full_text_query(question: str) -> str:
    """A question as an FTS5 expression: every word quoted, so that no character of it is an operator.

    >>> full_text_query('What is "ConnectX-7"? OR')
    '"connectx" OR "7"'
    """
    words = [word.casefold() for word in _WORD.findall(question[:2000])]
    telling = [word for word in words if word not in STOPWORDS] or words
    return " OR ".join(f'"{word}"' for word in dict.fromkeys(telling))


@dataclass(frozen=True)
class Ranked:
    """A row found by one ranker; higher scores are better."""

    rowid: int
    score: float


def full_text_search(engine: Engine, question: str, limit: int) -> list[Ranked]:
    """BM25 over headings (weight 2), text (1) and the questions that a passage answers (0.5)."""
    expression = full_text_query(question)
    if not expression:
        return []
    statement = text(
        "SELECT rowid, bm25(passage_text, 2.0, 1.0, 0.5) AS badness FROM passage_text "
        "WHERE passage_text MATCH :expression ORDER BY badness, rowid LIMIT :limit"
    )
    with reading(engine) as connection:
        rows = connection.execute(statement, {"expression": expression, "limit": limit}).all()
    return [Ranked(rowid, -badness) for rowid, badness in rows]
