"""``kb build`` and ``kb ingest``: what is searched."""

import time
from functools import partial
from pathlib import Path
from typing import Any

import typer
from rich.progress import track

from kb.cli.base import app
from kb.settings import settings
from kb.terminal import Json, err, out, plain_errors, show_json, watch_text


@app.command()
def build(as_json: Json = False) -> None:
    """Validate glossary and corpus, and make the index; the running server takes it over by itself."""
    from kb.chat.reading.asks import lessons
    from kb.chat.reading.role_lessons import taught
    from kb.search.build import build as build_index
    from kb.search.embed import Embedder

    s = settings()
    with plain_errors():
        watch = partial(watch_text, disable=as_json)
        done = build_index(
            s.knowledge_dir, s.data_dir, Embedder(s.embedding_model), err.print, watch, lessons(), taught()
        )
    if as_json:
        show_json(done.manifest.model_dump(mode="json") | {"changed": done.changed})
        return
    counts = ", ".join(f"{count} {name}" for name, count in done.manifest.counts.items() if count)
    out.print(f"{'Built' if done.changed else 'Up to date:'} {done.folder} ({counts})")


@app.command()
def ingest(paths: list[Path], as_json: Json = False) -> None:
    """Add your own documents (Markdown, text, HTML, PDF; folders too) and rebuild the index."""
    from kb.chat.reading.asks import lessons
    from kb.chat.reading.role_lessons import taught
    from kb.errors import UnreadableDocument
    from kb.search.build import build as build_index
    from kb.search.documents import find_files
    from kb.search.documents import ingest as ingest_files
    from kb.search.embed import Embedder

    s = settings()
    found = find_files(paths)
    taken: list[dict[str, Any]] = []
    failed: list[str] = []
    size = 0
    began = time.monotonic()
    with plain_errors():
        steps = ingest_files(found.files, s.data_dir)
        for path, outcome in track(steps, "Reading", total=len(found.files), console=err, disable=as_json):
            if isinstance(outcome, UnreadableDocument):
                failed.append(str(outcome))
            else:
                size += sum(len(passage.text.encode()) for passage in outcome.passages)
                taken.append({"file": str(path), "source": outcome.source.slug, "passages": len(outcome.passages)})
        read = time.monotonic()
        if taken:
            watch = partial(watch_text, disable=as_json)
            build_index(s.knowledge_dir, s.data_dir, Embedder(s.embedding_model), err.print, watch, lessons(), taught())
    indexed = time.monotonic()
    if as_json:
        outside = [str(link) for link in found.outside]
        show_json({"ingested": taken, "failed": failed, "skipped_links": outside})
    else:
        for entry in taken:
            out.print(f"{entry['file']}: {entry['passages']} passages as {entry['source']}", soft_wrap=True)
        if taken:
            err.print(f"{size / 1e6:.2f} MB of text: read in {read - began:.0f} s, indexed in {indexed - read:.0f} s")
        for link in found.outside:
            says = f"{link}: skipped, a link that leads out of the folder; name it, or what it leads to, to take it in"
            err.print(says, soft_wrap=True)
        for problem in failed:
            err.print(problem, style="red", soft_wrap=True)
        if not found.files:
            err.print("No files found; accepted: .md .txt .html .pdf", style="red")
    if failed or not found.files:
        raise typer.Exit(1)
