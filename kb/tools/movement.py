"""Tools about bytes on the move: loading a model, crossing a link."""

from typing import Annotated, Literal

from pydantic import Field

from kb.calc.transfer import (
    layer_split_bytes_per_token,
    load_seconds,
    tensor_parallel_bytes_per_token,
    transfer_seconds,
)
from kb.catalogue import Catalogue
from kb.catalogue.records import Interconnect, SourceRef, StorageDrive
from kb.catalogue.units import GB
from kb.errors import InvalidArgument
from kb.tools.base import Arguments, Name, Real, Result, Tool, Whole, cite
from kb.tools.resolve import ModelArgument, resolve_model, resolve_quantization, resolve_weights

SizeGb = Annotated[Real, Field(ge=0.000001, le=1_000_000)]


class LoadTimeArguments(Arguments):
    model: ModelArgument | None = None
    quantization: Name | None = None
    size_gb: SizeGb | None = Field(None, description="the file's size, instead of model and quantization")
    drive: Name | None = Field(None, description="an SSD by name")
    read_mb_per_s: Annotated[Real, Field(ge=0.001, le=1_000_000)] | None = None


class LoadTimeAnswer(Result):
    size_gb: float
    read_mb_per_s: float
    seconds: float
    formula: str
    assumptions: tuple[str, ...]


def run_load_time(catalogue: Catalogue, arguments: LoadTimeArguments) -> LoadTimeAnswer:
    references: dict[str, tuple[SourceRef, ...]] = {}
    notes: list[str] = []
    if arguments.size_gb is not None:
        size, what = arguments.size_gb * GB, f"{arguments.size_gb:g} GB"
    elif arguments.model is not None and arguments.quantization is not None:
        model = resolve_model(catalogue, arguments.model)
        quantization = resolve_quantization(catalogue, arguments.quantization)
        weights = resolve_weights(catalogue, model, quantization)
        size = float(weights.total_bytes)
        what = f"{size / GB:.1f} GB ({model.label}, {quantization.record.name})"
        references |= {**model.references, **quantization.references}
        notes += [*model.notes, *quantization.notes, weights.how]
    else:
        raise InvalidArgument("size_gb", None, "`size_gb`, or `model` and `quantization`")
    if arguments.read_mb_per_s is not None:
        rate, source = arguments.read_mb_per_s, "the given drive"
    else:
        match = catalogue.names.resolve(("storage",), arguments.drive or "samsung-990-pro", "drive")
        record = catalogue.known.specs["storage"][match.slug]
        assert isinstance(record, StorageDrive)
        if record.sequential_read_mb_per_s is None:
            raise InvalidArgument("drive", arguments.drive, "a drive whose read speed is known, or `read_mb_per_s`")
        rate, source = record.sequential_read_mb_per_s.value, record.name
        references[f"read speed of {record.name}"] = record.sequential_read_mb_per_s.sources
        if arguments.drive is None:
            notes.append(f"a {record.name}, as no drive was given")
    seconds = load_seconds(size, rate * 1e6)
    return LoadTimeAnswer(
        size_gb=round(size / GB, 2),
        read_mb_per_s=rate,
        seconds=round(seconds, 2),
        formula=f"{what} ÷ {rate:,.0f} MB/s ({source}) = {seconds:.1f} s",
        assumptions=(
            *notes,
            "a cold start at the drive's sequential rate, at most 12 GB/s through one process (estimate); "
            "a file still in the system's cache loads faster",
        ),
        citations=cite(catalogue, references),
    )


class TransferTimeArguments(Arguments):
    link: Name = Field(description="`PCIe 4.0 x16`, `NVLink 3090`, `ConnectX-7`, `10 GbE` …")
    size_gb: SizeGb | None = None
    model: ModelArgument | None = Field(None, description="what a token costs when this model is split over the link")
    split: Literal["layer", "tensor"] = "tensor"
    devices: Annotated[Whole, Field(ge=2, le=1024)] = 2


class TransferTimeAnswer(Result):
    link: str
    bandwidth_gb_per_s: float
    seconds: float
    bytes_moved: float
    tokens_per_s_bound: float | None
    formula: str
    assumptions: tuple[str, ...]


def run_transfer_time(catalogue: Catalogue, arguments: TransferTimeArguments) -> TransferTimeAnswer:
    match = catalogue.names.resolve(("interconnects",), arguments.link, "link")
    record = catalogue.known.specs["interconnects"][match.slug]
    assert isinstance(record, Interconnect)
    figure = record.bandwidth_gb_per_s_per_direction
    if figure is None:
        raise InvalidArgument("link", arguments.link, "a link whose bandwidth per direction is known")
    rate = figure.value * GB
    latency = record.latency_us.value * 1e-6 if record.latency_us else 0.0
    references = {f"bandwidth of {record.name}": figure.sources}
    if (arguments.size_gb is None) == (arguments.model is None):
        raise InvalidArgument("size_gb", arguments.size_gb, "either `size_gb` or `model`, one of the two")
    if arguments.model is None:
        moved = (arguments.size_gb or 0.0) * GB
        seconds = transfer_seconds(moved, rate, latency)
        formula = f"{moved / GB:g} GB ÷ {figure.value:g} GB/s = {seconds:.3g} s"
        return TransferTimeAnswer(
            link=record.name, bandwidth_gb_per_s=figure.value, seconds=seconds, bytes_moved=moved,
            tokens_per_s_bound=None, formula=formula, assumptions=("one direction, at the link's full rate",),
            citations=cite(catalogue, references),
        )  # fmt: skip
    model = resolve_model(catalogue, arguments.model)
    a = model.architecture
    if arguments.split == "layer":
        moved = float(layer_split_bytes_per_token(a.hidden_size) * (arguments.devices - 1))
        steps, how = arguments.devices - 1, f"{a.hidden_size:,} activations × 4 bytes at each boundary"
    else:
        moved = tensor_parallel_bytes_per_token(a.hidden_size, a.num_hidden_layers, arguments.devices)
        steps = 2 * a.num_hidden_layers
        how = f"two all-reduces of {a.hidden_size:,} × 2 bytes in each of {a.num_hidden_layers} layers"
    seconds = transfer_seconds(moved, rate, latency * steps)
    return TransferTimeAnswer(
        link=record.name,
        bandwidth_gb_per_s=figure.value,
        seconds=seconds,
        bytes_moved=moved,
        tokens_per_s_bound=round(1 / seconds, 1),
        formula=f"{how} = {moved / 1e6:.3g} MB per token; ÷ {figure.value:g} GB/s = {seconds * 1e6:.3g} µs per token",
        assumptions=(
            *model.notes,
            f"{arguments.split} split over {arguments.devices} devices, one token at a time",
            f"{record.latency_us.value:g} µs for each of {steps} exchanges"
            if record.latency_us
            else f"latency left out: at {steps} exchanges per token, 5 µs each would add {steps * 5 / 1000:g} ms",
        ),
        citations=cite(catalogue, {**references, **model.references}),
    )


ESTIMATE_LOAD_TIME = Tool(
    "estimate_load_time",
    "How long a model takes to load from a drive.",
    LoadTimeArguments,
    LoadTimeAnswer,
    run_load_time,
    {"model": "llama 3.1 70b", "quantization": "q4_k_m", "drive": "Samsung 990 Pro"},
)
ESTIMATE_TRANSFER_TIME = Tool(
    "estimate_transfer_time",
    "How long data takes over NVLink, PCIe or a network, or what splitting a model over that link costs per token.",
    TransferTimeArguments,
    TransferTimeAnswer,
    run_transfer_time,
    {"link": "PCIe 4.0 x16", "model": "llama 3.1 70b", "split": "tensor"},
)
