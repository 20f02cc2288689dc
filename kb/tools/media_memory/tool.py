"""The memory of a model that writes no text: by part, all at once and one part after the other, and whether it fits."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Literal

import yaml
from pydantic import Field, TypeAdapter

from kb.calc.memory.overhead import DEFAULT_SYSTEM_MEMORY_BYTES, SYSTEM_RESERVE_BYTES, room_on
from kb.calc.memory.parts import Placement, Weights, in_turn_bytes, placement
from kb.catalogue import Catalogue
from kb.catalogue.records import MediaModel, MediaPart, Quantization, Record, SourceRef, StatedMemory, Task
from kb.catalogue.records.base import Citations
from kb.catalogue.units import GB, GIB
from kb.tools.base import Arguments, Name, Result, cite, tool
from kb.tools.shared.fitting import DeviceCount, SystemMemory
from kb.tools.shared.resolve import DeviceArgument, ResolvedDevices, resolve_devices, resolve_quantization

SMALLER = ("fp8", "q8_0", "q6_k", "q5_k_s", "q4_k_s", "q3_k_s")
"""The types that files of such models come in, the largest first."""
WHOLE_BITS = 16
"""Decoders are small and stay so exact."""


class Working(Record):
    """What the work takes beside the weights, at least."""

    gb: float
    because: str
    sources: Citations


class MediaArguments(Arguments):
    model: Name = Field(description="for pictures, video, 3D, speech, music, embeddings or reranking, by name")
    quantization: Name | None = Field(
        None, description="of the main part and the encoders: `fp8`, `q8_0`, `nf4` …; without it, as it is published"
    )
    device: DeviceArgument | None = Field(None, description="a card, chip or machine by name, or an object of figures")
    device_count: DeviceCount = 1
    system_memory_gb: SystemMemory | None = None


class PartMemory(Record):
    name: str
    role: str
    """`encoder`, `main` or `decoder`."""
    params: int
    """Its parameters."""
    bits_per_weight: float
    """As it is stored."""
    weights_gb: float


class Smaller(Record):
    """A smaller type of weights that fits better."""

    quantization: str
    placement: Placement
    """How its parts would lie then."""
    required_gb: float


class MediaAnswer(Result):
    model: str
    tasks: tuple[Task, ...]
    """What it does."""
    quantization: str
    parts: tuple[PartMemory, ...]
    """The networks that it is made of."""
    weights_gb: float
    working_gb: float | None = None
    """Beside the weights, at least; None where no source says it."""
    together_gb: float
    """With all parts on the device."""
    in_turn_gb: float
    """With one part at a time on the device, and the others in RAM."""
    device: str | None = None
    memory_kind: Literal["own", "shared", "system"] = "own"
    """Of the device: its own, shared with the processor, or system memory."""
    sold_as_gb: float | None = None
    """The device's memory as it is printed on the box."""
    available_gb: float | None = None
    placement: Placement | None = None
    """Of the parts on one device; None without a device."""
    device_count: int = 1
    """How many of the device."""
    system_memory_gb: float | None = None
    """RAM beside it, as printed."""
    system_memory_assumed: bool = False
    """Whether nobody named it."""
    ram_holds_all: bool = False
    """Whether all parts can wait in memory beside the device."""
    smaller: tuple[Smaller, ...] = ()
    """Types of weights that would fit better."""
    stated: tuple[StatedMemory, ...] = ()
    """What others say that it takes."""
    licence: str | None = None
    """Of the weights."""
    released: str | None = None
    """When it came out."""
    assumptions: tuple[str, ...] = ()


@cache
def working() -> Mapping[str, Working]:
    given = yaml.safe_load(files(__package__).joinpath("working.yaml").read_text(encoding="utf-8"))
    return TypeAdapter(dict[str, Working]).validate_python(given)


def run(catalogue: Catalogue, arguments: MediaArguments) -> MediaAnswer:
    record, match = catalogue.find(MediaModel, arguments.model, "model")
    given = resolve_quantization(catalogue, arguments.quantization or record.published_type)
    work = working().get(record.tasks[0])
    parts = _parts(record, given.record)
    total = sum(part.weights_gb for part in parts)
    devices = _devices(catalogue, arguments)
    references: dict[str, tuple[SourceRef, ...]] = {
        f"parameters of {record.name}": tuple(dict.fromkeys(ref for part in record.parts for ref in part.sources)),
        f"stated memory of {record.name}": tuple(ref for one in record.stated for ref in one.sources),
        **({"memory of the work": work.sources} if work else {}),
        **given.references,
        **(devices.references if devices else {}),
    }
    assumptions = [match.note] if match.note else []
    if len(parts) > 1:
        assumptions.append(f"encoders are stored as {given.record.name} as well, decoders at {WHOLE_BITS} bits")
    if work:
        assumptions.append(f"at least {work.gb:g} GB for the work beside the weights ({work.because})")
    else:
        assumptions.append("what the work takes beside the weights is not counted: no source says it")
    answer = MediaAnswer(
        model=record.name,
        tasks=record.tasks,
        quantization=given.record.name,
        parts=parts,
        weights_gb=round(total, 3),
        working_gb=work.gb if work else None,
        together_gb=round(total + (work.gb if work else 0), 3),
        in_turn_gb=_in_turn_gb(parts, work.gb if work else 0.0),
        stated=record.stated,
        licence=record.licence.value if record.licence else None,
        released=record.released.value if record.released else None,
        assumptions=(*assumptions, *given.notes, *(devices.notes if devices else ())),
        citations=cite(catalogue, references),
    )
    return _on(catalogue, answer, record, devices, arguments) if devices else answer


def _weights(parts: tuple[PartMemory, ...]) -> list[Weights]:
    return [Weights(part.weights_gb * GB, part.role == "encoder") for part in parts]


def _in_turn_gb(parts: tuple[PartMemory, ...], working_gb: float) -> float:
    return round(in_turn_bytes(_weights(parts), working_gb * GB) / GB, 3)


def _devices(catalogue: Catalogue, arguments: MediaArguments) -> ResolvedDevices | None:
    if arguments.device is None:
        return None
    devices = resolve_devices(catalogue, arguments.device, arguments.device_count, arguments.system_memory_gb)
    devices.require_memory()
    return devices


def _parts(record: MediaModel, quantization: Quantization) -> tuple[PartMemory, ...]:
    return tuple(_part(part, quantization) for part in record.parts)


def _part(part: MediaPart, quantization: Quantization) -> PartMemory:
    figure = quantization.bits_per_weight or quantization.bits_per_weight_file
    bits = figure.value if figure else float(WHOLE_BITS)
    bits = max(bits, WHOLE_BITS) if part.role == "decoder" else bits
    return PartMemory(
        name=part.name,
        role=part.role,
        params=part.params,
        bits_per_weight=bits,
        weights_gb=round(part.params * bits / 8 / GB, 3),
    )


def _on(
    catalogue: Catalogue,
    answer: MediaAnswer,
    record: MediaModel,
    devices: ResolvedDevices,
    arguments: MediaArguments,
) -> MediaAnswer:
    each = devices.each
    room = room_on(each)
    kind: Literal["own", "shared", "system"] = (
        "system" if each.backend == "cpu" else "shared" if each.unified_memory else "own"
    )
    given = arguments.system_memory_gb
    ram = (given * GIB if given else DEFAULT_SYSTEM_MEMORY_BYTES) - SYSTEM_RESERVE_BYTES if kind == "own" else 0.0

    def placed(parts: tuple[PartMemory, ...]) -> Placement:
        work = (answer.working_gb or 0.0) * GB
        return placement(_weights(parts), work, room.free_bytes, ram)

    verdict = placed(answer.parts)
    return answer.model_copy(
        update={
            "device": devices.label,
            "device_count": len(devices.devices),
            "memory_kind": kind,
            "sold_as_gb": round(each.memory_bytes / GIB, 1),
            "available_gb": round(room.free_bytes / GB, 3),
            "placement": verdict,
            "system_memory_gb": (given or DEFAULT_SYSTEM_MEMORY_BYTES / GIB) if kind == "own" else None,
            "ram_holds_all": answer.weights_gb * GB <= ram,
            "system_memory_assumed": kind == "own" and given is None and verdict != "together",
            "smaller": tuple(_smaller(catalogue, record, answer, verdict, placed)),
            "assumptions": (*answer.assumptions, *room.assumptions),
        }
    )


RANK: Mapping[Placement, int] = {
    "together": 0, "in_turn": 1, "encoder_on_processor": 2, "layers_in_ram": 3, "none": 4,
}  # fmt: skip


def _smaller(
    catalogue: Catalogue,
    record: MediaModel,
    answer: MediaAnswer,
    verdict: Placement,
    placed: Callable[[tuple[PartMemory, ...]], Placement],
) -> Iterator[Smaller]:
    """Of the smaller types the largest with which the parts fit in turn, and the largest with which all fit at once;
    where the published one does not run at all, also the largest that runs with layers in RAM."""
    best = verdict
    for slug in SMALLER:
        quantization = catalogue.known.of(Quantization)[slug]
        parts = _parts(record, quantization)
        total = sum(part.weights_gb for part in parts)
        if total >= answer.weights_gb:
            continue
        found = placed(parts)
        if RANK[found] < RANK[best]:
            best = found
            work = answer.working_gb or 0.0
            need = round(total + work, 3) if found == "together" else _in_turn_gb(parts, work)
            yield Smaller(quantization=quantization.name, placement=found, required_gb=need)


TOOL = tool(
    run,
    "Memory of a model for pictures, video, 3D, speech, music, embeddings or reranking, by part (text encoder, "
    "transformer, decoder), at a precision; and on a device, whether all parts fit at once, only one after the other, "
    "or only with layers in RAM. Speed is not estimated.",
)
