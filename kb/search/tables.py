"""The tables of a built index. Records are kept whole, as JSON."""

from sqlalchemy import JSON, Column, Integer, MetaData, String, Table, Text

metadata = MetaData()

source = Table("source", metadata, Column("slug", String, primary_key=True), Column("payload", JSON, nullable=False))

term = Table(
    "term",
    metadata,
    Column("slug", String, primary_key=True),
    Column("pref_label", String, nullable=False, index=True),
    Column("level", String, nullable=False),
    Column("topic", String, nullable=False),
    Column("payload", JSON, nullable=False),
)

spec = Table(
    "spec",
    metadata,
    Column("kind", String, primary_key=True),
    Column("slug", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("vendor", String, nullable=False),
    Column("payload", JSON, nullable=False),
)

dispute = Table(
    "dispute",
    metadata,
    Column("slug", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("payload", JSON, nullable=False),
)

passage = Table(
    "passage",
    metadata,
    Column("rowid", Integer, primary_key=True),
    Column("passage_id", String, unique=True, nullable=False),
    Column("source", String, nullable=False),
    Column("section", String, nullable=False),
    Column("title", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("questions", JSON, nullable=False),
)

CREATE_PASSAGE_TEXT = (
    "CREATE VIRTUAL TABLE passage_text USING "
    'fts5(heading, text, questions, tokenize = "porter unicode61 remove_diacritics 2")'
)
"""The full-text table; row ids are those of ``passage``."""
