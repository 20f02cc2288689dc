"""``kb fit``, ``kb speed``, ``kb runs`` and ``kb tool``: what is worked out."""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from kb.cli import completing
from kb.cli.base import app, catalogue_for, show_result
from kb.errors import InvalidArgument, UnknownName
from kb.settings import settings
from kb.terminal import Json, err, fail, out, plain_errors, print_table, show_json

if TYPE_CHECKING:
    from kb.catalogue import Catalogue


def _fit_lines(result: Any) -> None:
    from kb.cli.memory_bar import WIDEST, lines, memories

    table = Table(title=f"{result.model} at {result.quantization} on {result.device}", show_header=False)
    table.add_row("verdict", result.verdict.replace("_", " "))
    table.add_row("memory", result.formula)
    table.add_row("longest context", f"{result.max_context:,} tokens" if result.max_context else "none fits whole")
    if result.commands and result.commands.llama_cpp and result.verdict != "does_not_fit":
        table.add_row("llama.cpp", result.commands.llama_cpp)
    for warning in result.warnings:
        table.add_row("note", warning)
    out.print(table)
    for memory in memories(result):
        for line in lines(memory, min(out.width, WIDEST)):
            out.print(line, soft_wrap=True)


Quantization = Annotated[
    str | None,
    typer.Option(
        "--quantization",
        "-q",
        help="For example q4_k_m, f16, 4.25bpw; without it, the common choice for the model.",
        autocompletion=completing.quantizations,
    ),
]
Count = Annotated[int, typer.Option("--device-count", "-n", help="How many of the device.")]
ContextOption = Annotated[int, typer.Option("--context", "-c", help="Tokens of one conversation.")]
Reserved = Annotated[float | None, typer.Option(help="Of the first device, in GiB, what other programs take.")]
Options = Annotated[
    str | None, typer.Option(help="Of llama.cpp, as it is to be run: '-ngl 30 --n-cpu-moe 12 -ub 2048'.")
]
SystemMemory = Annotated[float | None, typer.Option(help="System memory, as printed: 64 means 64 GiB.")]

Model = Annotated[
    str,
    typer.Argument(
        help="A model by name, or a .gguf file, of which the header is read.", autocompletion=completing.models
    ),
]
Device = Annotated[
    str | None, typer.Argument(help="A device by name; or give --here.", autocompletion=completing.devices)
]
ThisOne = Annotated[bool, typer.Option("--here", help="On this machine's GPUs, or its CPU.")]


def _on(catalogue: "Catalogue", device: str | None, here: bool, options: Mapping[str, Any]) -> dict[str, Any]:
    """A tool's arguments: the device or this machine, and of ``options`` what was given."""
    from kb.tools.shared.here import here as this_machine
    from kb.tools.shared.meant import meant

    if (device is None) != here:
        fail("Name a device, or give --here for this machine: one of the two.")
    given = {name: value for name, value in options.items() if value is not None}
    if device is not None:
        named, readings = meant(catalogue, device, given.get("system_memory_gb"))
        for reading in readings:
            others = f" It may also be: {', '.join(reading.others)}." if reading.others else ""
            err.print(f"{reading.note}{others}", soft_wrap=True)
        return given | {"device": named}
    found = this_machine(catalogue, settings().data_dir)
    err.print(f"On this machine: {found.note}", soft_wrap=True)
    on = {"device": found.device, "device_count": found.device_count}
    return found.arguments() | given | on


def _place(what: str, model: str, device: str | None, here: bool, **options: Any) -> Any:
    """``check_fit`` or ``estimate_speed`` of a model by name or of a GGUF file, on a device by name or this machine."""
    from kb.tools import TOOLS
    from kb.tools.base import parse_arguments
    from kb.tools.estimate_speed.tool import SpeedArguments
    from kb.tools.model_file import file_fit, file_speed
    from kb.tools.shared.fitting import FitArguments

    catalogue = catalogue_for(what)
    arguments = _on(catalogue, device, here, options)
    if not model.casefold().endswith(".gguf"):
        return TOOLS[what].call(catalogue, arguments | {"model": model})
    arguments |= {"model": "a file"}
    if what == "check_fit":
        return file_fit(catalogue, Path(model), parse_arguments(what, FitArguments, arguments))
    return file_speed(catalogue, Path(model), parse_arguments(what, SpeedArguments, arguments))


@app.command()
def fit(
    model: Model,
    device: Device = None,
    here: ThisOne = False,
    quantization: Quantization = None,
    device_count: Count = 1,
    context: ContextOption = 8192,
    kv_cache_type: Annotated[str, typer.Option(help="Type of the KV cache: f16, q8_0, q4_0 …")] = "f16",
    concurrency: Annotated[int, typer.Option(help="Conversations held at once.")] = 1,
    system_memory_gb: SystemMemory = None,
    reserved_gib: Reserved = None,
    images: Annotated[int, typer.Option(help="Images in the conversation, for a model that sees.")] = 0,
    options: Options = None,
    as_json: Json = False,
) -> None:
    """Does MODEL fit on DEVICE?"""
    with plain_errors():
        result = _place(
            "check_fit", model, device, here, quantization=quantization, device_count=device_count, context=context,
            kv_cache_type=kv_cache_type, concurrency=concurrency, system_memory_gb=system_memory_gb,
            reserved_gib=reserved_gib, images=images, options=options,
        )  # fmt: skip
    show_result(result, as_json, _fit_lines)


def _speed_lines(result: Any) -> None:
    table = Table(title=f"{result.model} at {result.quantization} on {result.device}", show_header=False)
    decode, prefill = result.decode_tokens_per_s, result.prefill_tokens_per_s
    table.add_row("decode", f"{decode.typical:g} tokens/s ({decode.low:g} to {decode.high:g})")
    conditions = f", as long as {' and '.join(result.ceiling_conditions)}" if result.ceiling_conditions else ""
    table.add_row("ceiling", f"{result.ceiling_tokens_per_s:g} tokens/s{conditions}")
    table.add_row("prefill", f"{prefill.typical:g} tokens/s ({prefill.low:g} to {prefill.high:g})")
    table.add_row("first token", f"{result.time_to_first_token_s:g} s for a prompt of {result.prompt_tokens:,} tokens")
    table.add_row("limited by", result.bottleneck)
    table.add_row("arithmetic", result.formula)
    for warning in result.warnings:
        table.add_row("note", warning)
    out.print(table)


@app.command()
def speed(
    model: Model,
    device: Device = None,
    here: ThisOne = False,
    quantization: Quantization = None,
    device_count: Count = 1,
    context: ContextOption = 8192,
    prompt_tokens: Annotated[
        int | None, typer.Option(help="New ones in the prompt; without it, all of the context.")
    ] = None,
    system_memory_gb: SystemMemory = None,
    options: Options = None,
    as_json: Json = False,
) -> None:
    """How fast does MODEL run on DEVICE?"""
    with plain_errors():
        result = _place(
            "estimate_speed", model, device, here, quantization=quantization, device_count=device_count,
            context=context, prompt_tokens=prompt_tokens, system_memory_gb=system_memory_gb, options=options,
        )  # fmt: skip
    show_result(result, as_json, _speed_lines)


@app.command()
def runs(
    device: Device = None,
    here: ThisOne = False,
    quantization: Annotated[
        str | None,
        typer.Option(
            "--quantization",
            "-q",
            help="Only this one; else the best that fits for each model.",
            autocompletion=completing.quantizations,
        ),
    ] = None,
    device_count: Count = 1,
    context: ContextOption = 8192,
    use: Annotated[
        str | None,
        typer.Option(help="For chat, coding, writing, documents, agents, vision or any: what people take now."),
    ] = None,
    system_memory_gb: SystemMemory = None,
    limit: Annotated[int, typer.Option(help="How many models.")] = 20,
    as_json: Json = False,
) -> None:
    """Which models run on DEVICE: with which to begin, and all that fit whole, the largest first."""
    from kb.tools import TOOLS

    options = {
        "quantization": quantization, "device_count": device_count, "context": context, "use": use,
        "system_memory_gb": system_memory_gb, "limit": limit,
    }  # fmt: skip
    with plain_errors():
        catalogue = catalogue_for("what_runs_on")
        result = TOOLS["what_runs_on"].call(catalogue, _on(catalogue, device, here, options))
    show_result(result, as_json, _runs_lines)


def _runs_lines(result: Any) -> None:
    if result.suggested:
        _print_models(f"To begin with on {result.device}", result.suggested)
        out.print()
    if not result.models:
        out.print(f"No model fits whole on {result.device}.", soft_wrap=True)
        return
    most = f"the {len(result.models)} largest of " if len(result.models) < result.count else ""
    _print_models(f"Whole on {result.device}: {most}{result.count}", result.models)


def _print_models(title: str, models: Sequence[Any]) -> None:
    columns: dict[str, Callable[[Any], str]] = {
        "model": lambda model: model.model,
        "weights": lambda model: model.quantization,
        "memory": lambda model: f"{model.required_gb:.1f} GB",
        "of it in RAM": lambda model: f"{model.in_system_memory_gb:.1f} GB" if model.in_system_memory_gb else "",
        "tokens/s": lambda model: _with_range(model.decode_tokens_per_s) if model.decode_tokens_per_s else "not known",
        "longest context": lambda model: f"{model.max_context:,}",
        "released": lambda model: model.released,
    }
    if not any(model.in_system_memory_gb for model in models):
        del columns["of it in RAM"]
    print_table(title, tuple(columns), [[cell(model) for cell in columns.values()] for model in models])


def _with_range(speed: Any) -> str:
    return f"{speed.typical:g} ({speed.low:g} to {speed.high:g})"


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def tool(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="A tool's name; without one, all are listed.", autocompletion=completing.tools)
    ] = None,
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
        result = TOOLS[name].call(catalogue_for(name), TOOLS[name].from_texts(_texts(context.args)))
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
