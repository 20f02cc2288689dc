"""How long a model takes to load from a drive."""

from typing import Annotated

from pydantic import Field

from kb.calc.transfer import load_seconds
from kb.catalogue import Catalogue
from kb.catalogue.records import SourceRef, StorageDrive
from kb.catalogue.units import GB
from kb.errors import InvalidArgument
from kb.tools.base import Arguments, Name, Real, Result, cite, tool
from kb.tools.shared.given import SizeGb
from kb.tools.shared.resolve import (
    USUAL_TYPE,
    ModelArgument,
    resolve_model,
    resolve_quantization,
    resolve_weights,
)


class LoadTimeArguments(Arguments):
    model: ModelArgument | None = None
    """Whose weights are read; or give `size_gb`."""
    quantization: Name | None = None
    size_gb: SizeGb | None = Field(None, description="the file's size, instead of model and quantization")
    drive: Name | None = Field(None, description="an SSD by name")
    read_mb_per_s: Annotated[Real, Field(ge=0.001, le=1_000_000)] | None = None
    """How fast the drive reads; or name a `drive`."""


class LoadTimeAnswer(Result):
    size_gb: float
    """What is read."""
    read_mb_per_s: float
    """How fast the drive reads."""
    seconds: float
    """Until it is read."""
    drive: str
    """As it was understood."""
    formula: str
    assumptions: tuple[str, ...]


def _drive(catalogue: Catalogue, name: str | None) -> StorageDrive:
    if name is None:
        return next(d for d in catalogue.known.of(StorageDrive).values() if d.taken_where_none_is_named)
    return catalogue.find(StorageDrive, name, "drive")[0]


def run(catalogue: Catalogue, arguments: LoadTimeArguments) -> LoadTimeAnswer:
    references: dict[str, tuple[SourceRef, ...]] = {}
    notes: list[str] = []
    if arguments.size_gb is not None:
        size, what = arguments.size_gb * GB, f"{arguments.size_gb:g} GB"
    elif arguments.model is not None:
        model = resolve_model(catalogue, arguments.model)
        quantization = resolve_quantization(catalogue, arguments.quantization or model.native or USUAL_TYPE)
        weights = resolve_weights(catalogue, model, quantization)
        size = float(weights.total_bytes)
        what = f"{size / GB:.1f} GB ({model.label}, {quantization.record.name})"
        references |= {**model.references, **quantization.references}
        notes += [*model.notes, *quantization.notes, weights.how]
    else:
        raise InvalidArgument("size_gb", None, "`size_gb`, or `model`")
    if arguments.read_mb_per_s is not None:
        rate, source = arguments.read_mb_per_s, "the given drive"
    else:
        record = _drive(catalogue, arguments.drive)
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
        drive=source,
        formula=f"{what} ÷ {rate:,.0f} MB/s ({source}) = {seconds:.1f} s",
        assumptions=(
            *notes,
            "a cold start at the drive's sequential rate, at most 12 GB/s through one process (estimate); "
            "a file still in the system's cache loads faster",
        ),
        citations=cite(catalogue, references),
    )


TOOL = tool(run, "How long a model takes to load from a drive.")
