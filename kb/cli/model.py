"""``kb model``: language models in GGUF, fetched, chosen, measured."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from kb.settings import settings
from kb.terminal import Json, err, fail, out, plain_errors, print_table, show_json, shown

if TYPE_CHECKING:
    from kb.catalogue import Catalogue
    from kb.llm.advice import Advice
    from kb.llm.bench import Speed
    from kb.llm.listing import Listed
    from kb.tools.shared.here import Here

app = typer.Typer(
    no_args_is_help=True,
    help="Language models for the explanations: list them, pull one, use it, try and measure it.",
)


def _open() -> tuple["Catalogue", "Here"]:
    """What is known, and this machine as the calculators see it."""
    from kb.catalogue import Catalogue
    from kb.tools.shared.here import here

    catalogue = Catalogue.load(settings().knowledge_dir)
    return catalogue, here(catalogue, settings().data_dir)


@app.command("list")
def list_command(as_json: Json = False) -> None:
    """Models worth having: licence, memory, whether they fit this machine and how fast; which are here."""
    from kb.llm.downloads import load_downloads
    from kb.llm.listing import list_models

    s = settings()
    with plain_errors():
        downloads = load_downloads(s.knowledge_dir)
        catalogue, here = _open()
        rows = list_models(catalogue, downloads, s.data_dir, here, s.llm_context)
    if as_json:
        show_json([row.model_dump(mode="json") for row in rows])
        return
    print_table(
        f"On {here.note}, at {s.llm_context:,} tokens of context",
        ("name", "memory", "tokens/s here", "here", "size", "for whom", "licence"),
        [_cells(row) for row in rows],
        wrapped="for whom",
    )
    out.print(_in_force(), soft_wrap=True)
    if problem := _problem_in_force():
        err.print(problem, style="red", soft_wrap=True)


def _cells(row: "Listed") -> tuple[str, ...]:
    speed = row.decode_tokens_per_s
    about = "~" if row.repository else ""
    return (
        row.name, f"{row.memory_gb:.1f} GB",
        f"{speed.typical:g} ({speed.low:g} to {speed.high:g})" if row.fits else "does not fit",
        "default" if row.default else {"yes": "yes", "partly": "partly", "no": ""}[row.downloaded],
        f"{about}{row.size_gb:g} GB", row.suits, row.licence or "?",
    )  # fmt: skip


def _in_force() -> str:
    """What writes explanations now."""
    from kb.llm.default_model import read_default_model

    s = settings()
    if s.llm_url:
        return f"In force: {s.llm_model} at {s.llm_url} (KB_LLM_URL goes before every file)."
    if s.model:
        return f"In force: {s.model} (KB_MODEL goes before the default)."
    default = read_default_model(s.data_dir)
    if default is None:
        return "In force: none; answers are composed without a language model. Choose one with `kb model use`."
    return f"In force: {default}. Choose with `kb model use`."


def _problem_in_force() -> str | None:
    """Why what writes explanations cannot, tried for real."""
    from contextlib import closing

    from kb.llm import make_engine
    from kb.llm.trial import problem_of

    engine = make_engine(settings())
    if engine is None:
        return None
    with closing(engine):
        return problem_of(engine)


@app.command()
def show(file: Path, as_json: Json = False) -> None:
    """What a GGUF file holds, read from its header, and how to use it."""
    from kb.tools.model_file import read_gguf

    with plain_errors():
        found = read_gguf(file)
    a, w = found.architecture, found.weights
    data = {
        "file": str(file), "name": a.name, "quantization": found.quantization, "params_total": a.params_total,
        "num_hidden_layers": a.num_hidden_layers, "weights_gb": round(w.total_bytes / 1e9, 3),
        "max_position_embeddings": a.max_position_embeddings,
    }  # fmt: skip
    if as_json:
        show_json(data)
        return
    for key, value in data.items():
        out.print(f"{key}: {value}")
    out.print(f"Serve with it: kb model use {file}")


@app.command()
def pull(
    model: Annotated[str, typer.Argument(help="A name of `kb model list`, OWNER/REPOSITORY/FILE.gguf, or auto.")],
    as_json: Json = False,
) -> None:
    """Fetch a model, by name or `auto`: the best for this machine. The only command that uses a network."""
    from kb.catalogue.gguf_file import size_gb
    from kb.llm.downloads import load_downloads, wanted
    from kb.llm.hub import Hub
    from kb.llm.pull import pull as pull_model

    s = settings()
    with plain_errors():
        downloads = load_downloads(s.knowledge_dir)
        considered = _considered(as_json) if model == "auto" else []
        name = _chosen(considered) if model == "auto" else model
        meant = wanted(downloads, name)
        err.print(f"Fetching {meant.file} from {meant.repository}", soft_wrap=True)
        file = pull_model(Hub(progress=not as_json), meant, s.data_dir)
    if as_json:
        show_json({"file": str(file), "size_gb": size_gb(file), "considered": [a.why for a in considered]})
        return
    out.print(f"{file} ({size_gb(file):g} GB) is here and is what the hub holds, by its SHA-256.", soft_wrap=True)
    out.print(f"Measure it: kb model bench {file.stem}", soft_wrap=True)
    out.print(f"See what it is good enough for: kb model check {file.stem}", soft_wrap=True)
    out.print(f"Use it: kb model use {file.stem}", soft_wrap=True)


def _considered(as_json: bool) -> list["Advice"]:
    """The table against this machine, each with its reason."""
    from kb.llm.advice import advise
    from kb.llm.downloads import load_downloads

    s = settings()
    catalogue, here = _open()
    advice = advise(catalogue, load_downloads(s.knowledge_dir), here, s.llm_context)
    if not as_json:
        err.print(f"This machine: {here.note}", soft_wrap=True)
        for each in advice:
            err.print(f"  {each.why}", soft_wrap=True)
    return advice


def _chosen(considered: list["Advice"]) -> str:
    from kb.llm.advice import LEAST_TOKENS_PER_S, choose

    best = choose(considered)
    if best is None:
        fail(
            f"None of these models fits here and writes {LEAST_TOKENS_PER_S:g} tokens/s. The composed answers need "
            "none; to try one all the same, name it."
        )
    err.print(f"Chosen: {best.name}, the first of them that serves; the best come first.")
    return best.name


@app.command()
def use(
    model: Annotated[str, typer.Argument(help="A model that is here by its name, a GGUF file, or none.")],
    as_json: Json = False,
) -> None:
    """Make a model the default; a server takes it over when it is started again."""
    from kb.catalogue.gguf_file import whole_header
    from kb.chat.earned import UNTRIED, may_do
    from kb.llm.default_model import NONE, write_default_model
    from kb.llm.downloads import load_downloads
    from kb.llm.shelf import find_file

    s = settings()
    chosen = None
    if model != NONE:
        with plain_errors():
            chosen = find_file(s.data_dir, load_downloads(s.knowledge_dir), model)
            whole_header(chosen)
    write_default_model(s.data_dir, chosen)
    if as_json:
        show_json({"default": str(chosen or NONE)})
        return
    out.print(f"The default model is {chosen or NONE}.", soft_wrap=True)
    if chosen:
        for line in may_do(s):
            out.print(f"It may {line}" if line != UNTRIED else f"It is {line}", soft_wrap=True)
    if s.llm_url or s.model:
        err.print(_in_force(), soft_wrap=True)


@app.command()
def remove(
    model: Annotated[str, typer.Argument(help="A model in the models folder, by its name.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a model's file; if it was the default, there is none again."""
    from kb.llm.downloads import load_downloads
    from kb.llm.shelf import find_file
    from kb.llm.shelf import remove as remove_model

    s = settings()
    with plain_errors():
        file = find_file(s.data_dir, load_downloads(s.knowledge_dir), model, whole=False)
        if not yes:
            typer.confirm(f"Delete {shown(str(file))}?", abort=True, err=True)
        remove_model(s.data_dir, file)
    if as_json:
        show_json({"removed": str(file)})
    else:
        out.print(f"Deleted {file}", soft_wrap=True)


@app.command()
def check(
    model: Annotated[
        str | None, typer.Argument(help="A model that is here, or a GGUF file; else the one in force.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Try what a model is good enough for: choosing what is asked, explaining. Once for each model; some minutes."""
    from contextlib import closing

    from rich.progress import Progress

    from kb.chat.earned import keep, named
    from kb.chat.examination import examine
    from kb.llm import make_engine
    from kb.llm.downloads import load_downloads
    from kb.llm.shelf import find_file
    from kb.llm.trial import problem_of

    s = settings()
    with plain_errors():
        if model is not None:
            file = find_file(s.data_dir, load_downloads(s.knowledge_dir), model)
            s = s.model_copy(update={"model": file, "llm_url": None})
        engine = make_engine(s)
        if engine is None:
            fail("No language model is in force; name one that is here, or a GGUF file (`kb model list`).")
        with closing(engine), Progress(console=err, transient=True) as progress:
            if problem := problem_of(engine):
                fail(problem)
            task = progress.add_task(f"Trying {shown(engine.name)}", total=None)
            trial = examine(engine, lambda done, total: progress.update(task, completed=done, total=total))
        keep(s.data_dir, named(s), trial)
    if as_json:
        show_json({"model": named(s), **trial.model_dump(mode="json"), "earned": trial.earned.model_dump(mode="json")})
        return
    out.print(f"{named(s)}:", soft_wrap=True, highlight=False)
    for line in trial.says:
        out.print(f"  may {line}", soft_wrap=True, highlight=False)
    out.print("A server takes it over when it is started again.")


@app.command()
def bench(
    model: Annotated[str | None, typer.Argument(help="A model that is here, or a GGUF file; else the default.")] = None,
    as_json: Json = False,
) -> None:
    """Measure a model here: loading, reading a prompt, writing; beside what the calculators predict."""
    from kb.llm.bench import bench as run_bench

    with plain_errors():
        file = _file_to_measure(model)
        catalogue, here = _open()
        found = run_bench(catalogue, file, here, settings())
    if as_json:
        show_json(found.model_dump(mode="json"))
        return
    table = Table("", "measured", "predicted", "ratio", title=f"{found.model} at {found.quantization} on {here.note}")
    table.add_row("load", f"{found.load_s:.2f} s", "", "")
    table.add_row(f"prompt, {found.prompt_tokens} tokens", *_speed_cells(found.prompt))
    table.add_row(f"generation, {found.generated_tokens} tokens", *_speed_cells(found.generation))
    out.print(table)


def _file_to_measure(model: str | None) -> Path:
    from kb.llm.default_model import model_file
    from kb.llm.downloads import load_downloads
    from kb.llm.shelf import find_file

    s = settings()
    if model is not None:
        return find_file(s.data_dir, load_downloads(s.knowledge_dir), model)
    default = model_file(s.model, s.data_dir)
    if default is None:
        fail("The default model is 'none'; name a model that is here, or a GGUF file.")
    return default


def _speed_cells(speed: "Speed") -> tuple[Any, ...]:
    predicted = speed.predicted_tokens_per_s
    return (
        f"{speed.measured_tokens_per_s:g} tokens/s",
        f"{predicted.typical:g} ({predicted.low:g} to {predicted.high:g})",
        f"{speed.ratio:g}" if speed.ratio is not None else "",
    )
