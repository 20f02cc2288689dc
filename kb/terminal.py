"""What every command of ``kb`` prints through: two consoles, JSON, and errors for people."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from kb.errors import KnowledgeBaseError

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@contextmanager
def plain_errors() -> Iterator[None]:
    """Our errors are for people: one line, exit status 1."""
    try:
        yield
    except KnowledgeBaseError as error:
        fail(str(error))


def fail(message: str) -> NoReturn:
    err.print(f"[bold red]kb:[/] {escape(message)}", soft_wrap=True)
    raise typer.Exit(1)


def show_json(data: Any) -> None:
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def watch_text(batches: Sequence[Sequence[str]], disable: bool = False) -> Iterable[Sequence[str]]:
    """The batches, with a bar that tells megabytes done, their rate and the time left."""
    sizes = [sum(len(text.encode()) for text in batch) for batch in batches]
    columns = (TextColumn("Embedding"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=disable or not batches) as progress:
        task = progress.add_task("", total=sum(sizes))
        for batch, size in zip(batches, sizes, strict=True):
            yield batch
            progress.advance(task, size)
