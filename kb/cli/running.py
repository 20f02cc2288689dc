"""``kb serve``, ``kb doctor`` and ``kb eval``: the server, this machine, and how good it is."""

import socket
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import track

from kb.cli.base import SEARCHING, app, catalogue_for, open_live
from kb.keys import hash_of, make_key
from kb.settings import settings
from kb.terminal import Json, err, fail, out, plain_errors, show_json, watch_text


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8000,
    is_open: Annotated[bool, typer.Option("--open", help="Let anyone who reaches HOST ask, without a key.")] = False,
) -> None:
    """Serve the API, the chat and /docs."""
    from api.app import create_app
    from api.edge import is_loopback
    from api.server import run_server

    is_shut = bool(settings().api_keys) or is_loopback(host)
    if not is_shut and not is_open:
        fail(
            f"other machines reach {host}, and without keys anyone there could ask and read here. Set KB_API_KEYS to "
            "the hash of a key (`kb key` makes one), or say --open to allow it."
        )
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        fail(f"cannot listen on {host} port {port}: {error.strerror}. Choose another with --host and --port.")
    shown = f"[{host}]" if ":" in host else host
    err.print(f"Hardware KB on http://{shown}:{port} (docs: /docs, ready: /health/ready)")
    if not is_shut:
        err.print(f"Anyone who can reach {host} port {port} can ask and read here: there are no keys.", style="yellow")
    _first_build()
    run_server(create_app(settings(), bound_to=host), host, port, settings().log_level.lower())


@app.command()
def key(as_json: Json = False) -> None:
    """Make a key for who may ask the server, and its hash for KB_API_KEYS; neither is kept."""
    made = make_key()
    if as_json:
        show_json({"key": made, "hash": hash_of(made)})
        return
    out.print(f"key   {made}", soft_wrap=True)
    out.print(f"hash  {hash_of(made)}", soft_wrap=True)
    err.print(
        "Put the hash into KB_API_KEYS where the server runs, and give the key to whoever asks. A program sends it as "
        "`Authorization: Bearer KEY`, a browser takes it on the page /key, `kb ask` reads KB_API_KEY. It is shown only "
        "now.",
        soft_wrap=True,
    )


@app.command()
def mcp() -> None:
    """Serve the tools, the glossary and the specs to another agent, by the Model Context Protocol over stdio."""
    import asyncio
    from functools import cache

    from api.mcp import serve_stdio

    known = cache(lambda: catalogue_for(""))
    index = cache(lambda: catalogue_for("search_passages"))
    known()
    asyncio.run(serve_stdio(lambda tool: index() if tool in SEARCHING else known()))


def _first_build() -> None:
    """Where nothing was ever built; a server that finds a broken index says so and waits for ``kb build``."""
    from kb.chat.reading.asks import lessons
    from kb.chat.reading.role_lessons import taught
    from kb.search.build import build
    from kb.search.embed import Embedder
    from kb.search.manifest import current_link

    s = settings()
    if current_link(s.data_dir).is_symlink():
        return
    err.print(f"The index is built into {s.data_dir.absolute()}, this once; about a minute.")
    with plain_errors():
        build(s.knowledge_dir, s.data_dir, Embedder(s.embedding_model), err.print, watch_text, lessons(), taught())


@app.command()
def doctor(
    measure: Annotated[
        bool,
        typer.Option("--measure", help="Measure memory, arithmetic and drive in some 15 s; estimates --here use it."),
    ] = False,
    as_json: Json = False,
) -> None:
    """This machine, the index and the language model: what is there, what is missing, how to mend it."""
    from kb.doctor import examine, measure_here

    with plain_errors():
        findings = measure_here(settings()) if measure else examine(settings())
    if as_json:
        show_json([finding.model_dump(mode="json") for finding in findings])
    else:
        for finding in findings:
            mark = "[green]ok[/]" if finding.ok else "[red]!![/]"
            out.print(f"{mark}  {finding.what}: {escape(finding.says)}", markup=True, soft_wrap=True)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


@app.command(name="eval")
def evaluate(
    report: Annotated[Path, typer.Option(help="Folder for report.json and report.html.")] = Path("report"),
    engine: Annotated[
        list[str] | None,
        typer.Option(help="none, a GGUF file or a server's URL; give it several times to compare."),
    ] = None,
    perturb: Annotated[bool, typer.Option("--perturb", help="Ask every question in other ways as well.")] = False,
    as_json: Json = False,
) -> None:
    """Check figures, retrieval and answers against the reference sets."""
    from eval.run import run_engine, run_eval
    from kb.chat.assistant import Assistant

    def watch(samples: Sequence[Any], what: str) -> Iterable[Any]:
        return track(samples, what, console=err, disable=as_json)

    engines = engine or (["none"] if perturb else [])
    with plain_errors():
        live = open_live()
        compared = [run_engine(live, wanted, settings(), perturb, watch) for wanted in engines]
        done = run_eval(live.get(), Assistant(live, None, settings()), compared)
    done.write(report)
    if as_json:
        columns = {"engines": {one.engine: one.column() for one in compared}}
        show_json(done.scores() | (columns if compared else {}))
    else:
        out.print(done.table(), soft_wrap=True)
        out.print(f"Written to {report}/report.html")
