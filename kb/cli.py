"""The command line: ``kb``. Every command that prints data takes ``--json``."""

import socket
import time
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markdown import Markdown
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from kb import __version__
from kb.disk import told
from kb.errors import InvalidArgument, UnknownName
from kb.models.commands import app as model_app
from kb.settings import settings
from kb.terminal import Json, complain, err, fail, out, plain_errors, show_json, shown, watch_text

if TYPE_CHECKING:
    from kb.catalogue import Catalogue
    from kb.index.live import LiveIndex

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Hardware KB: what runs on which hardware, and how fast; every figure sourced or calculated.",
)
app.add_typer(model_app, name="model")


def open_live() -> "LiveIndex":
    from kb.index.live import LiveIndex
    from kb.retrieval.embed import Embedder

    return LiveIndex(settings().data_dir, Embedder(settings().embedding_model))


def call_tool(name: str, arguments: dict[str, Any], as_json: bool, show: Callable[[Any], None]) -> None:
    """One tool's result, as JSON or by ``show``."""
    from kb.tools import TOOLS

    with plain_errors():
        given = {key: value for key, value in arguments.items() if value is not None}
        result = TOOLS[name].call(_catalogue_for(name), given)
    show_result(result, as_json, show)


def _catalogue_for(tool: str) -> "Catalogue":
    """The files as they are; the index only for what searches it, since opening it takes seconds."""
    from kb.catalogue import load_catalogue

    return open_live().get() if tool == "search_passages" else load_catalogue(settings().knowledge_dir)


def show_result(result: Any, as_json: bool, show: Callable[[Any], None]) -> None:
    if as_json:
        show_json(result.model_dump(mode="json"))
    else:
        show(result)


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if show:
        out.print(__version__)
        raise typer.Exit


@app.command()
def build(as_json: Json = False) -> None:
    """Validate glossary and corpus, and make the index; the running server takes it over by itself."""
    from kb.index.build import build as build_index
    from kb.retrieval.embed import Embedder

    s = settings()
    with plain_errors():
        watch = partial(watch_text, disable=as_json)
        done = build_index(s.knowledge_dir, s.data_dir, Embedder(s.embedding_model), err.print, watch)
    if as_json:
        show_json(done.manifest.model_dump(mode="json") | {"changed": done.changed})
        return
    counts = ", ".join(f"{count} {name}" for name, count in done.manifest.counts.items() if count)
    out.print(f"{'Built' if done.changed else 'Up to date:'} {done.folder} ({counts})")


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8000,
) -> None:
    """Serve the API, the chat and /docs."""
    from api.app import create_app
    from api.edge import is_loopback
    from api.server import run_server

    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        fail(f"cannot listen on {host} port {port}: {error.strerror}. Choose another with --host and --port.")
    shown = f"[{host}]" if ":" in host else host
    err.print(f"Hardware KB on http://{shown}:{port} (docs: /docs, ready: /health/ready)", markup=False)
    if not is_loopback(host):
        err.print(f"Anyone who can reach {host} port {port} can ask and read here: there are no keys.", style="yellow")
    run_server(create_app(settings(), bound_to=host), host, port, settings().log_level.lower())


@app.command()
def ask(question: list[str], as_json: Json = False) -> None:
    """Ask a question; several quoted questions are one conversation."""
    from kb.chat.assistant import Assistant
    from kb.chat.engines import make_engine
    from kb.chat.reply import ChatRequest
    from kb.tools.base import parse_arguments

    # A question without quotes comes as words; one with blanks in a word was quoted.
    turns = question if any(" " in part for part in question) else [" ".join(question)]
    with plain_errors():
        asked = parse_arguments("ask", ChatRequest, {"messages": [{"role": "user", "content": turn} for turn in turns]})
    engine = make_engine(settings())
    try:
        with plain_errors():
            reply = Assistant(open_live(), engine, settings()).answer(asked.messages)
    finally:
        if engine is not None:
            engine.close()
    if as_json:
        show_json(reply.model_dump(mode="json"))
        return
    out.print(Markdown(shown(reply.answer)))
    if reply.reason and not reply.abstained:
        err.print(reply.reason, markup=False, soft_wrap=True)
    for citation in reply.citations:
        where = f", {citation.section}" if citation.section else ""
        out.print(f"[{citation.id}] {citation.title} ({citation.source}{where})", markup=False, soft_wrap=True)


@app.command()
def term(name: str, as_json: Json = False) -> None:
    """A glossary term, by any of its names."""

    def show(view: Any) -> None:
        parts = [f"# {view.pref_label}", view.definition, "## In practice", view.in_practice]
        parts += ["## Pitfalls", view.pitfalls]
        out.print(Markdown(shown("\n\n".join(parts))))
        for note in view.disputes:
            out.print(f"Disputed: {note.title}. {note.ruling}", markup=False)

    call_tool("lookup_term", {"name": name}, as_json, show)


def _fit_lines(result: Any) -> None:
    table = Table(title=f"{result.model} at {result.quantization} on {result.device}", show_header=False)
    table.add_row("verdict", result.verdict.replace("_", " "))
    table.add_row("memory", result.formula)
    table.add_row("longest context", f"{result.max_context:,} tokens")
    if result.offload:
        table.add_row("in system memory", f"{result.offload.weights_in_system_memory_gb:g} GB of weights")
    if result.commands and result.commands.llama_cpp and result.verdict != "does_not_fit":
        table.add_row("llama.cpp", result.commands.llama_cpp)
    for warning in result.warnings:
        table.add_row("mind", warning)
    out.print(table)


Quantization = Annotated[str, typer.Option("--quantization", "-q", help="For example q4_k_m, f16, 4.25bpw.")]
Count = Annotated[int, typer.Option("--device-count", "-n", help="How many of the device.")]
ContextOption = Annotated[int, typer.Option("--context", "-c", help="Tokens of one conversation.")]


Model = Annotated[str, typer.Argument(help="A model by name, or a .gguf file, of which the header is read.")]
Device = Annotated[str | None, typer.Argument(help="A device by name; or give --here.")]
ThisOne = Annotated[bool, typer.Option("--here", help="On this machine's GPUs, or its CPU.")]


def _place(what: str, model: str, device: str | None, here: bool, **options: Any) -> Any:
    """``check_fit`` or ``estimate_speed`` of a model by name or of a GGUF file, on a device by name or this machine."""
    from kb.this_machine import read_machine
    from kb.tools import TOOLS
    from kb.tools.base import parse_arguments
    from kb.tools.here import device_here
    from kb.tools.memory import FitArguments
    from kb.tools.model_file import file_fit, file_speed

    if (device is None) != here:
        fail("Name a device, or give --here for this machine: one of the two.")
    catalogue = _catalogue_for(what)
    arguments = {name: value for name, value in options.items() if value is not None}
    if here:
        found = device_here(catalogue, read_machine())
        err.print(f"On this machine: {found.note}", markup=False, soft_wrap=True)
        on: dict[str, Any] = {"device": found.device, "device_count": found.device_count}
        arguments = {"system_memory_gb": found.system_memory_gb} | arguments | on
    else:
        arguments["device"] = device
    if not model.casefold().endswith(".gguf"):
        return TOOLS[what].call(catalogue, arguments | {"model": model})
    asked = parse_arguments(what, FitArguments, arguments | {"model": "a file"})
    return (file_fit if what == "check_fit" else file_speed)(catalogue, Path(model), asked)


@app.command()
def fit(
    model: Model,
    device: Device = None,
    here: ThisOne = False,
    quantization: Quantization = "q4_k_m",
    device_count: Count = 1,
    context: ContextOption = 8192,
    kv_cache_type: Annotated[str, typer.Option(help="Type of the KV cache: f16, q8_0, q4_0 …")] = "f16",
    concurrency: Annotated[int, typer.Option(help="Conversations held at once.")] = 1,
    system_memory_gb: Annotated[float | None, typer.Option(help="System memory, as printed: 64 means 64 GiB.")] = None,
    as_json: Json = False,
) -> None:
    """Does MODEL fit on DEVICE?"""
    with plain_errors():
        result = _place(
            "check_fit", model, device, here, quantization=quantization, device_count=device_count, context=context,
            kv_cache_type=kv_cache_type, concurrency=concurrency, system_memory_gb=system_memory_gb,
        )  # fmt: skip
    show_result(result, as_json, _fit_lines)


def _speed_lines(result: Any) -> None:
    table = Table(title=f"{result.model} at {result.quantization} on {result.device}", show_header=False)
    decode, prefill = result.decode_tokens_per_s, result.prefill_tokens_per_s
    table.add_row("decode", f"{decode.typical:g} tokens/s ({decode.low:g} to {decode.high:g})")
    conditions = f", as long as {' and '.join(result.ceiling_conditions)}" if result.ceiling_conditions else ""
    table.add_row("ceiling", f"{result.ceiling_tokens_per_s:g} tokens/s{conditions}")
    table.add_row("prefill", f"{prefill.typical:g} tokens/s ({prefill.low:g} to {prefill.high:g})")
    table.add_row("first token", f"{result.time_to_first_token_s:g} s for a prompt that fills the context")
    table.add_row("limited by", result.bottleneck)
    table.add_row("arithmetic", result.formula)
    for warning in result.warnings:
        table.add_row("mind", warning)
    out.print(table)


@app.command()
def speed(
    model: Model,
    device: Device = None,
    here: ThisOne = False,
    quantization: Quantization = "q4_k_m",
    device_count: Count = 1,
    context: ContextOption = 8192,
    as_json: Json = False,
) -> None:
    """How fast does MODEL run on DEVICE?"""
    with plain_errors():
        result = _place(
            "estimate_speed", model, device, here, quantization=quantization, device_count=device_count, context=context
        )
    show_result(result, as_json, _speed_lines)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def tool(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="A tool's name; without one, all are listed.")] = None,
) -> None:
    """Call a tool by name, with `--argument value` for each of its arguments; its result is JSON."""
    from kb.tools import TOOLS

    if name is None:
        for each in TOOLS:
            out.print(f"{each.name}: {each.description}", soft_wrap=True)
        return
    with plain_errors():
        if name not in TOOLS:
            raise UnknownName("tool", name, get_close_matches(name, TOOLS.names(), n=3) or TOOLS.names())
        result = TOOLS[name].call(_catalogue_for(name), TOOLS[name].from_texts(_texts(context.args)))
    show_json(result.model_dump(mode="json"))


def _texts(words: Sequence[str]) -> dict[str, list[str]]:
    """``--device-count 2 --devices A --devices B --model '{"hidden_size": 4096}'``, by argument."""
    given: dict[str, list[str]] = {}
    rest = list(words)
    while rest:
        option, joined, value = rest.pop(0).partition("=")
        if not option.startswith("--") or not (joined or rest):
            raise InvalidArgument("arguments", option, "each as `--name value`")
        given.setdefault(option.removeprefix("--").replace("-", "_"), []).append(value if joined else rest.pop(0))
    return given


@app.command()
def search(
    query: str,
    k: Annotated[int, typer.Option("-k", help="How many passages.", min=1, max=50)] = 5,
    as_json: Json = False,
) -> None:
    """Passages of the documents and the glossary, best first."""

    def show(result: Any) -> None:
        for hit in result.hits:
            out.print(f"{hit.score:.4f}  {hit.passage_id}  {hit.title}", markup=False, style="bold")
            out.print(f"        {hit.text}\n", markup=False)

    call_tool("search_passages", {"query": query, "k": k}, as_json, show)


@app.command()
def ingest(paths: list[Path], as_json: Json = False) -> None:
    """Add your own documents (Markdown, text, HTML, PDF; folders too) and rebuild the index."""
    from kb.errors import UnreadableDocument
    from kb.index.build import build as build_index
    from kb.index.documents import find_files
    from kb.index.documents import ingest as ingest_files
    from kb.retrieval.embed import Embedder

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
            build_index(s.knowledge_dir, s.data_dir, Embedder(s.embedding_model), err.print, watch)
    indexed = time.monotonic()
    if as_json:
        outside = [str(link) for link in found.outside]
        show_json({"ingested": taken, "failed": failed, "skipped_links": outside})
    else:
        for entry in taken:
            out.print(
                f"{entry['file']}: {entry['passages']} passages as {entry['source']}", markup=False, soft_wrap=True
            )
        if taken:
            err.print(f"{size / 1e6:.2f} MB of text: read in {read - began:.0f} s, indexed in {indexed - read:.0f} s")
        for link in found.outside:
            says = f"{link}: skipped, a link that leads out of the folder; name it, or what it leads to, to take it in"
            err.print(says, markup=False, soft_wrap=True)
        for problem in failed:
            err.print(problem, style="red", markup=False, soft_wrap=True)
        if not found.files:
            err.print("No files found; accepted: .md .txt .html .pdf", style="red")
    if failed or not found.files:
        raise typer.Exit(1)


@app.command(name="eval")
def evaluate(
    report: Annotated[Path, typer.Option(help="Folder for report.json and report.html.")] = Path("report"),
    engine: Annotated[
        list[str] | None,
        typer.Option(help="none, built-in, a GGUF file or a server's URL; give it several times to compare."),
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
        out.print(done.table(), markup=False, soft_wrap=True)
        out.print(f"Written to {report}/report.html", markup=False)


@app.command()
def doctor(as_json: Json = False) -> None:
    """This machine, the index and the language model: what is there, what is missing, how to mend it."""
    from kb.doctor import examine

    findings = examine(settings())
    if as_json:
        show_json([finding.model_dump(mode="json") for finding in findings])
    else:
        for finding in findings:
            mark = "[green]ok[/]" if finding.ok else "[red]!![/]"
            out.print(f"{mark}  {finding.what}: {escape(finding.says)}", markup=True, soft_wrap=True)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def main() -> None:
    """Entry point of the ``kb`` command: what the system refuses, a full disk for one, ends in one line too."""
    try:
        app()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except OSError as error:
        complain(told(error))
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
