"""How long data takes over a link, and what splitting a model over it costs."""

from typing import Annotated, Literal

from pydantic import Field

from kb.calc.transfer import layer_split_bytes_per_token, tensor_parallel_bytes_per_token, transfer_seconds
from kb.catalogue import Catalogue
from kb.catalogue.units import GB
from kb.errors import InvalidArgument
from kb.tools.base import Arguments, Name, Result, Whole, cite, tool
from kb.tools.shared.given import SizeGb
from kb.tools.shared.resolve import (
    ModelArgument,
    quantization_for,
    resolve_link,
    resolve_model,
    resolve_weights,
)


class TransferTimeArguments(Arguments):
    link: Name = Field(description="`PCIe 4.0 x16`, `10 GbE` …, or a rate: `100 Mbit/s`")
    size_gb: SizeGb | None = None
    """What is to be moved; or give a `model`."""
    model: ModelArgument | None = Field(None, description="what a token costs when it is split over the link")
    split: Literal["layer", "tensor", "none"] = "tensor"
    """By layers, or within each; `none`: the model's file is moved."""
    devices: Annotated[Whole, Field(ge=2, le=1024)] = 2
    """Over how many a model is split."""


class TransferTimeAnswer(Result):
    link: str
    """As it was understood."""
    bandwidth_gb_per_s: float
    """One way."""
    seconds: float
    """For all of it, or for one token of a split model."""
    bytes_moved: float
    """Of the size, or for one token."""
    tokens_per_s_bound: float | None
    """What the link alone allows a split model; null where a file is moved."""
    split: Literal["layer", "tensor"] | None = None
    """How the model is split; null where a file is moved."""
    size_gb: float | None = None
    """Of the file that is moved."""
    model: str | None = None
    """As it was understood; null for a size."""
    formula: str
    assumptions: tuple[str, ...]


def run(catalogue: Catalogue, arguments: TransferTimeArguments) -> TransferTimeAnswer:
    link = resolve_link(catalogue, arguments.link, "link")
    name, gb_per_s, latency_us, references = link.name, link.gb_per_s, link.latency_us, link.references
    rate = gb_per_s * GB
    latency = (latency_us or 0.0) * 1e-6
    if (arguments.size_gb is None) == (arguments.model is None):
        raise InvalidArgument("size_gb", arguments.size_gb, "either `size_gb` or `model`, one of the two")
    model = resolve_model(catalogue, arguments.model) if arguments.model is not None else None
    if model is None or arguments.split == "none":
        moved, notes = (arguments.size_gb or 0.0) * GB, ["one direction, at the link's full rate"]
        if model is not None:
            quantization = quantization_for(catalogue, model, None)
            moved = float(resolve_weights(catalogue, model, quantization).total_bytes)
            references = {**references, **model.references, **quantization.references}
            notes += [*model.notes, f"the file of {quantization.record.name}"]
        seconds = transfer_seconds(moved, rate, latency)
        size_gb = round(moved / GB, 2)
        return TransferTimeAnswer(
            link=name, bandwidth_gb_per_s=gb_per_s, seconds=seconds, bytes_moved=moved, tokens_per_s_bound=None,
            model=model.label if model else None, size_gb=size_gb,
            formula=f"{size_gb:g} GB ÷ {gb_per_s:g} GB/s = {seconds:.3g} s", assumptions=tuple(notes),
            citations=cite(catalogue, references),
        )  # fmt: skip
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
        link=name,
        bandwidth_gb_per_s=gb_per_s,
        seconds=seconds,
        bytes_moved=moved,
        tokens_per_s_bound=round(1 / seconds, 1),
        split=arguments.split,
        model=model.label,
        formula=f"{how} = {moved / 1e6:.3g} MB per token; ÷ {gb_per_s:g} GB/s = {seconds * 1e6:.3g} µs per token",
        assumptions=(
            *model.notes,
            f"{arguments.split} split over {arguments.devices} devices, one token at a time",
            f"{latency_us:g} µs for each of {steps} exchanges"
            if latency_us
            else f"latency left out: at {steps} exchanges per token, 5 µs each would add {steps * 5 / 1000:g} ms",
        ),
        citations=cite(catalogue, {**references, **model.references}),
    )


TOOL = tool(
    run, "How long data takes over NVLink, PCIe or a network, or what splitting a model over that link costs per token."
)
