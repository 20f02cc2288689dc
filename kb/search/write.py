"""Knowledge to a fresh SQLite file."""

import errno
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, insert, text
from sqlalchemy.exc import OperationalError

from kb.catalogue.load import Knowledge
from kb.catalogue.records import Passage
from kb.search import tables


def write_database(path: Path, known: Knowledge, passages: Iterable[Passage]) -> None:
    """``passages`` is everything that search covers, in the order of its row ids. Raises :class:`OSError`."""
    engine = create_engine(f"sqlite:///{path}")
    try:
        _write(engine, known, passages)
    except OperationalError as error:
        raise OSError(errno.EIO, str(error.orig), str(path)) from error
    finally:
        engine.dispose()


def _write(engine: Engine, known: Knowledge, passages: Iterable[Passage]) -> None:
    tables.metadata.create_all(engine)
    kept = tuple(passages)
    rows = [
        {"rowid": number, "passage_id": p.passage_id, "source": p.source, "section": p.section, "title": p.title,
         "text": p.text, "questions": list(p.questions)}
        for number, p in enumerate(kept, start=1)
    ]  # fmt: skip
    specs = [record for records in known.specs.values() for record in records.values()]
    contents: list[tuple[Any, list[dict[str, Any]]]] = [
        (tables.source, [{"slug": s.slug, "payload": s.model_dump(mode="json")} for s in known.sources.values()]),
        (tables.term, [
            {"slug": t.slug, "pref_label": t.pref_label, "level": t.level, "topic": t.topic,
             "payload": t.model_dump(mode="json")}
            for t in known.terms.values()
        ]),
        (tables.spec, [
            {"kind": s.kind, "slug": s.slug, "name": s.name, "vendor": s.vendor, "payload": s.model_dump(mode="json")}
            for s in specs
        ]),
        (tables.dispute, [
            {"slug": d.slug, "kind": d.kind, "payload": d.model_dump(mode="json")} for d in known.disputes.values()
        ]),
        (tables.passage, rows),
    ]  # fmt: skip
    with engine.begin() as connection:
        connection.execute(text(tables.CREATE_PASSAGE_TEXT))
        for table, content in contents:
            if content:
                connection.execute(insert(table), content)
        if rows:
            columns = "INSERT INTO passage_text (rowid, heading, text, questions)"
            connection.execute(
                text(f"{columns} VALUES (:rowid, :heading, :text, :questions)"),
                [
                    {
                        "rowid": number,
                        "heading": f"{p.section} {p.title}",
                        "text": p.text,
                        "questions": " ".join(p.questions),
                    }
                    for number, p in enumerate(kept, start=1)
                ],
            )
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM"))
