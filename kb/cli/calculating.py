"""``kb fit``, ``kb speed`` and ``kb tool``: what is worked out."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from kb.cli.base import app, catalogue_for, show_result
from kb.errors import InvalidArgument, UnknownName
from kb.terminal import Json, err, fail, out, plain_errors, show_json


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


Quantization = Annotated[
    str | None,
    typer.Option(
        "--quantization", "-q", help="For example q4_k_m, f16, 4.25bpw; without it, the common choice for the model."
    ),
]
Count = Annotated[int, typer.Option("--device-count", "-n", help="How many of the device.")]
ContextOption = Annotated[int, typer.Option("--context", "-c", help="Tokens of one conversation.")]


Model = Annotated[str, typer.Argument(help="A model by name, or a .gguf file, of which the header is read.")]
Device = Annotated[str | None, typer.Argument(help="A device by name; or give --here.")]
ThisOne = Annotated[bool, typer.Option("--here", help="On this machine's GPUs, or its CPU.")]


def _place(what: str, model: str, device: str | None, here: bool, **options: Any) -> Any:
    """``check_fit`` or ``estimate_speed`` of a model by name or of a GGUF file, on a device by name or this machine."""
    from kb.tools import TOOLS
    from kb.tools.base import parse_arguments
    from kb.tools.model_file import file_fit, file_speed
    from kb.tools.shared.fitting import FitArguments
    from kb.tools.shared.here import device_here
    from kb.tools.shared.this_machine import read_machine

    if (device is None) != here:
        fail("Name a device, or give --here for this machine: one of the two.")
    catalogue = catalogue_for(what)
    arguments = {name: value for name, value in options.items() if value is not None}
    if here:
        found = device_here(catalogue, read_machine())
        err.print(f"On this machine: {found.note}", soft_wrap=True)
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
    quantization: Quantization = None,
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
    quantization: Quantization = None,
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
