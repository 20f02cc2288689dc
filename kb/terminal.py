"""What every command of ``kb`` prints through: two consoles, JSON, and errors for people."""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from kb.errors import KnowledgeBaseError

# Controls of a terminal (C0, DEL, C1) but tab and line break, marks that turn the direction of writing, and the halves
# that stand for bytes of a file's name in another encoding.
_COMMANDS_A_TERMINAL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def shown(text: str) -> str:
    """Text from outside as it may be printed: what a terminal would obey is written out, as in JSON.

    >>> print(shown("notes\\x1b[2J.md"))
    notes\\u001b[2J.md
    """
    return _COMMANDS_A_TERMINAL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class _Terminal(Console):
    """Rich, for texts that are nobody's commands: strings are :func:`shown`, in tables too, and hold no markup unless
    the call says so. What is not a string, such as Markdown, is given :func:`shown` text."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(shown(text), **options)


out = _Terminal(highlight=False, markup=False, emoji=False)
err = _Terminal(stderr=True, highlight=False, markup=False, emoji=False)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@contextmanager
def plain_errors() -> Iterator[None]:
    """Our errors are for people: one line, exit status 1."""
    try:
        yield
    except KnowledgeBaseError as error:
        fail(str(error))


def complain(message: str) -> None:
    err.print(f"[bold red]kb:[/] {escape(message)}", markup=True, soft_wrap=True)


def fail(message: str) -> NoReturn:
    complain(message)
    raise typer.Exit(1)


def print_markdown(text: str) -> None:
    from rich.markdown import Markdown  # takes a while to load, and most commands print none

    out.print(Markdown(shown(text)))


LEAST_WRAPPED = 18


def print_table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], *, wrapped: str = "") -> None:
    """Nothing in it is cut. ``headings`` has first what matters most: of columns for which there is no room the last
    are left out, which is said. The column ``wrapped`` is broken into lines."""
    count = len(headings)
    while count > 1 and _least_width(headings[:count], rows, wrapped) > out.width:
        count -= 1
    table = _table(headings[:count], rows)
    for column in table.columns:
        column.no_wrap = column.header != wrapped
    out.print(title, soft_wrap=True)
    out.print(table)
    if count < len(headings):
        out.print(f"(in a wider window also: {', '.join(headings[count:])})", style="dim")


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=SIMPLE_HEAD, collapse_padding=True, pad_edge=False, show_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*row[: len(headings)])
    return table


def _least_width(headings: Sequence[str], rows: Sequence[Sequence[str]], wrapped: str) -> int:
    """Of a table in which nothing is broken but the column ``wrapped``, which has room for a few words."""
    table = _table(headings, rows)
    for column in table.columns:
        column.width = LEAST_WRAPPED if column.header == wrapped else None
    return Measurement.get(out, out.options.update(width=10_000), table).maximum


def show_json(data: Any) -> None:
    sys.stdout.write(shown(json.dumps(data, indent=2, ensure_ascii=False)) + "\n")


def watch_text(batches: Sequence[Sequence[str]], disable: bool = False) -> Iterable[Sequence[str]]:
    """The batches, with a bar that tells megabytes done, their rate and the time left."""
    sizes = [sum(len(text.encode()) for text in batch) for batch in batches]
    columns = (TextColumn("Embedding"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=disable or not batches) as progress:
        task = progress.add_task("", total=sum(sizes))
        for batch, size in zip(batches, sizes, strict=True):
            yield batch
            progress.advance(task, size)
