"""``kb build``: files to an index in a folder of its own, made live by one rename."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from kb.catalogue.load import Knowledge, load, require_folders
from kb.catalogue.names import Names
from kb.catalogue.records import Dispute, Passage, Term
from kb.disk import write_whole
from kb.errors import IndexUnusable
from kb.search.classify import Lesson, learn, lessons_sha256, write_classifier
from kb.search.dense import write_vectors
from kb.search.documents import load_documents, stored_documents
from kb.search.embed import Embedder, model_sha256
from kb.search.manifest import (
    CHROMA,
    DATABASE,
    LEARNED,
    MANIFEST,
    ROLES,
    SCHEMA,
    TURN,
    Manifest,
    build_id_of,
    current_link,
    file_sha256,
    inputs_sha256,
    package_versions,
    vectors_sha256,
    verify,
)
from kb.search.questions import with_questions
from kb.search.tags import NOTHING, Taught, learn_tags, write_tagger
from kb.search.vectors import Watch, embedded, passage_vectors
from kb.search.write import write_database

GLOSSARY = "hardware-kb-glossary"
"""The source id under which our own terms and rulings are found by search."""

Report = Callable[[str], None]


@dataclass(frozen=True)
class Built:
    """What a build did: where it lies, and whether anything had to be made."""

    folder: Path
    manifest: Manifest
    changed: bool


def build(
    knowledge_dir: Path,
    data_dir: Path,
    embedder: Embedder,
    report: Report = lambda _: None,
    watch: Watch = list,
    lessons: Sequence[Lesson] = (),
    roles: Taught = NOTHING,
) -> Built:
    """Validate everything, make the index, learn what ``lessons`` and ``roles`` teach, and swap it in.

    Until the last step the old index stays live; a build that is killed leaves only a folder that the next one
    removes. The same input again changes nothing. Raises :class:`InvalidKnowledge` with every problem, and
    :class:`OSError` where the disk refuses.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with _one_builder(data_dir):
        embedding_sha256 = model_sha256(embedder.folder)
        inputs, file_count = inputs_sha256(_input_files(knowledge_dir, data_dir))
        build_id = build_id_of(f"{inputs} {lessons_sha256(lessons)} {roles.sha256}", embedding_sha256)
        folder = data_dir / "builds" / build_id
        try:
            manifest = _whole(folder, embedding_sha256)
        except IndexUnusable:
            pass
        else:
            changed = not _is_live(data_dir, folder)
            _make_live(data_dir, folder)
            return Built(folder, manifest, changed)
        report("validating the glossary and the corpus")
        known = load(knowledge_dir)
        known = _with_documents(known, data_dir)
        passages = with_questions(knowledge_dir, searchable(known))
        with _workshop(data_dir, build_id) as workshop:
            report(f"writing {len(passages)} passages")
            write_database(workshop / DATABASE, known, passages)
            report("embedding passages")
            kept = data_dir / "embeddings"
            vectors = passage_vectors(passages, embedder, kept, embedding_sha256, watch)
            write_vectors(workshop / CHROMA, vectors)
            np.save(workshop / TURN, vectors.turn)
            report("learning what is asked")
            embed = partial(embedded, embedder=embedder, cache=kept / "lessons", model=embedding_sha256)
            write_classifier(workshop / LEARNED, learn(lessons, embedder, embed))
            write_tagger(workshop / ROLES, learn_tags(roles.lessons(Names(known))))
            manifest = Manifest(
                build_id=build_id,
                schema_version=SCHEMA,
                built_at=datetime.now(UTC).isoformat(timespec="seconds"),
                embedding_model=embedder.name,
                embedding_sha256=embedding_sha256,
                embedding_dimension=int(vectors.passages.shape[1]),
                packages=package_versions(),
                inputs_sha256=inputs,
                input_files=file_count,
                counts=_counts(known, passages),
                sqlite_sha256=file_sha256(workshop / DATABASE),
                vectors_sha256=vectors_sha256(workshop / CHROMA),
                learned_sha256=file_sha256(workshop / LEARNED),
                turn_sha256=file_sha256(workshop / TURN),
                roles_sha256=file_sha256(workshop / ROLES),
            )
            write_whole(workshop / MANIFEST, f"{manifest.model_dump_json(indent=2)}\n".encode())
            if folder.exists():
                shutil.rmtree(folder)
            workshop.rename(folder)
        _make_live(data_dir, folder)
        report("swapped in")
        return Built(folder, manifest, True)


@contextmanager
def _one_builder(data_dir: Path) -> Iterator[None]:
    """Builds wait for one another instead of treading on each other; the lock dies with its process."""
    with (data_dir / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _workshop(data_dir: Path, build_id: str) -> Iterator[Path]:
    """A folder to build in, gone at the end unless it was renamed; first, what killed builds left behind goes: the
    lock says that none is running."""
    for leftover in (data_dir / "builds").glob(".*"):
        shutil.rmtree(leftover, ignore_errors=True)
    folder = data_dir / "builds" / f".{build_id}.{os.getpid()}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _input_files(knowledge_dir: Path, data_dir: Path) -> Iterator[tuple[str, Path]]:
    require_folders(knowledge_dir)
    for folder in ("glossary", "corpus"):
        for path in (knowledge_dir / folder).rglob("*"):
            if path.is_file() and path.suffix in (".md", ".yaml"):
                yield path.relative_to(knowledge_dir).as_posix(), path
    for path in stored_documents(data_dir):
        yield f"documents/{path.name}", path


def _with_documents(known: Knowledge, data_dir: Path) -> Knowledge:
    documents = load_documents(data_dir)
    return replace(
        known,
        sources={**known.sources, **{d.source.slug: d.source for d in documents}},
        passages={**known.passages, **{p.passage_id: p for d in documents for p in d.passages}},
    )


def searchable(known: Knowledge) -> tuple[Passage, ...]:
    """Every passage, and each term and dispute as a passage of our own glossary."""
    return (
        *known.passages.values(),
        *(_term_passage(term) for term in known.terms.values()),
        *(_dispute_passage(dispute) for dispute in known.disputes.values()),
    )


def _term_passage(term: Term) -> Passage:
    names = ", ".join(term.alt_labels)
    return Passage(
        passage_id=f"term.{term.slug}",
        source=GLOSSARY,
        section=f"Terms › {term.topic}",
        title=term.pref_label,
        text=(f"Also called {names}. " if names else "") + f"{term.definition}\n\n{term.in_practice}",
    )


def _dispute_passage(dispute: Dispute) -> Passage:
    return Passage(
        passage_id=f"dispute.{dispute.slug}",
        source=GLOSSARY,
        section="Disputes",
        title=dispute.title,
        text=f"{dispute.ruling}\n\n{dispute.reason}",
    )


def _counts(known: Knowledge, passages: tuple[Passage, ...]) -> dict[str, int]:
    return {
        "sources": len(known.sources),
        "terms": len(known.terms),
        "disputes": len(known.disputes),
        "passages": len(known.passages),
        "searchable": len(passages),
        **{kind: len(records) for kind, records in known.specs.items()},
    }


def _is_live(data_dir: Path, folder: Path) -> bool:
    link = current_link(data_dir)
    return link.is_symlink() and link.resolve() == folder.resolve()


def _make_live(data_dir: Path, folder: Path) -> None:
    """Point ``current`` at ``folder`` in one step, and drop builds older than the one before."""
    link = current_link(data_dir)
    if _is_live(data_dir, folder):
        return
    before = link.resolve() if link.is_symlink() else None
    fresh = data_dir / f".current.{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(folder.relative_to(data_dir))
    fresh.replace(link)
    for old in (data_dir / "builds").iterdir():
        if old.resolve() not in (folder.resolve(), before) and not old.name.startswith("."):
            shutil.rmtree(old, ignore_errors=True)


def _whole(folder: Path, embedding_sha256: str) -> Manifest:
    """The manifest of a build that a server can open. Raises :class:`IndexUnusable` where it is to be made anew."""
    manifest = verify(folder)
    if manifest.embedding_sha256 != embedding_sha256:
        raise IndexUnusable(f"{folder} was built with another embedding model")
    return manifest
