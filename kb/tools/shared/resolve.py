"""Tool arguments to what the calculators work on: names, or the figures of things we do not know."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kb.calc.device import Device, gpus_on, of_each
from kb.calc.memory.architecture import Architecture
from kb.calc.memory.families import Config, architecture_of
from kb.calc.memory.weights import Weights, weights_of
from kb.calc.speed.network import ALONE, Network
from kb.catalogue import Catalogue
from kb.catalogue.names import DEVICE_KINDS
from kb.catalogue.records import (
    Accelerator,
    Backend,
    Cpu,
    Figure,
    Interconnect,
    LanguageModel,
    Machine,
    Quantization,
    SourceRef,
    Spec,
)
from kb.catalogue.units import GB, GIB
from kb.errors import InvalidArgument, MissingArgument, UnknownName
from kb.text.numerals import counted
from kb.text.wording import article
from kb.tools.base import Name
from kb.tools.shared.given import DeviceFigures, MeasuredProcessor, ModelFigures, given_architecture
from kb.tools.shared.naming import several, the

ROOMY_GIB = 2.0**14
"""Stands for memory of unknown size, which is asked for before anything is said to fit."""

ONE_SOCKET = (
    "of {count} processors one is counted, with its {rate:,.0f} GB/s: a program with one copy of the weights reads "
    "little more with the memory of another socket (NUMA)"
)
"""What the RAM of several sockets adds up to is reached only by programs that keep a copy, or a part, on each."""

_COUNT = re.compile(
    r"^\s*(\d{1,4}(?=[x×]|\s+[x×][\s\d])|\d{1,2}(?=\s)|two|three|four|six|eight|dual|twin|pair of|quad)"
    r"(?:[x×]\s*|\s+[x×](?=[\s\d])\s*|\s+)(?=[a-z0-9])",
    re.I,
)
"""An x behind a space and before a letter begins a name: ``dual Xeon``, ``7900 XTX``."""
_BPW = re.compile(r"^(?:exl2|exl3)?[\s_@-]*(\d{1,2}(?:\.\d{1,3})?)\s*(?:bpw|bits? per weight)$", re.I)

_A_SIZE = re.compile(r"(?:an? )?(\d{1,4}(?:\.\d)?) ?gi?b(?: (?:of )?(?:vram|(?:graphics |video )?(?:card|gpu)))?", re.I)
"""A device by its memory alone: ``8GB card``."""


ModelArgument = Name | ModelFigures
DeviceArgument = Name | DeviceFigures


@dataclass(frozen=True)
class ResolvedModel:
    architecture: Architecture
    label: str
    slug: str | None
    record: LanguageModel | None
    references: dict[str, tuple[SourceRef, ...]]
    notes: tuple[str, ...] = ()
    size: str = ""
    """The bare size (``70b``) that was asked for instead of a model."""
    short: str = ""
    """The label where it is said once what the size stands for."""

    @property
    def native(self) -> str | None:
        """The type that it is published in, where that is a small one."""
        return native_quantization(self.record) if self.record else None


@dataclass(frozen=True)
class ResolvedQuantization:
    record: Quantization
    references: dict[str, tuple[SourceRef, ...]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ResolvedDevices:
    """``devices`` has one entry per card; ``each`` is one of them."""

    devices: tuple[Device, ...]
    label: str
    slug: str | None
    kind: str | None
    references: dict[str, tuple[SourceRef, ...]]
    notes: tuple[str, ...] = ()
    memory_asked: str = ""
    """The argument that would give the memory's size, where nothing does."""
    network: Network = ALONE
    """That joins the computers which they stand in: of machines and chips with memory of their own, each is one."""

    @property
    def each(self) -> Device:
        return self.devices[0]

    @property
    def memory_bytes(self) -> int:
        return sum(device.memory_bytes for device in self.devices)

    @property
    def bandwidth_known(self) -> bool:
        """Not so only of devices that were given by their memory alone."""
        return all(device.bandwidth_bytes_per_s > 0 for device in self.devices)

    def require_memory(self) -> None:
        """Raises ``InvalidArgument`` where nobody said how much memory there is."""
        if self.memory_asked:
            accepted = f"how much memory {self.label} has, as printed (64 means 64 GiB): the model runs from it"
            question = f"How much memory (RAM) is there with {the(self.label)}? The model runs from it."
            raise MissingArgument(self.memory_asked, accepted, question)


def resolve_model(catalogue: Catalogue, model: ModelArgument) -> ResolvedModel:
    if isinstance(model, ModelFigures):
        architecture, assumed = given_architecture(model)
        return ResolvedModel(architecture, model.name, None, None, {}, assumed)
    record, match = catalogue.find(LanguageModel, model, "model")
    try:
        architecture = _architecture(record)
    except ValueError as error:
        raise InvalidArgument("model", model, f"a model whose architecture is known ({error})") from None
    references: dict[str, tuple[SourceRef, ...]] = {f"architecture of {record.name}": _sources(record)}
    if match.size:  # how long a context it was made for is the other model's own
        architecture = replace(architecture, max_position_embeddings=0)
        return _of_size(architecture, record, match.size, references)
    notes = [match.note] if match.note else []
    notes += [f"assumed {text}" for text in architecture.assumed]
    return ResolvedModel(architecture, record.name, record.slug, record, references, tuple(notes))


_ARCHITECTURES: dict[int, tuple[LanguageModel, Architecture]] = {}
_MOST_KEPT = 2000


def _architecture(record: LanguageModel) -> Architecture:
    """Worked out once for a record, as tools ask for hundreds at once. Kept by identity: to hash a record takes longer
    than to lay its model out. Raises ``ValueError`` as :func:`architecture_of`."""
    kept = _ARCHITECTURES.get(id(record))
    if kept is None or kept[0] is not record:
        if len(_ARCHITECTURES) >= _MOST_KEPT:
            _ARCHITECTURES.clear()
        kept = _ARCHITECTURES[id(record)] = (record, architecture_of(Config.of(record)))
    return kept[1]


def _of_size(
    architecture: Architecture, record: LanguageModel, size: str, references: dict[str, tuple[SourceRef, ...]]
) -> ResolvedModel:
    """A model of a bare size has the shape of the one that stands for it; between two of those, of the nearest dense
    one with its weights stretched to the size."""
    short, lent = (
        f"{article(size)} {size.upper()} model",
        f"{size.upper()} is a size, not a model: it was taken to have",
    )
    assumed = [f"assumed {text}" for text in architecture.assumed]
    if record.stands_for_size == size:
        notes = (f"{lent} the shape of {record.name}", *assumed)
        return ResolvedModel(architecture, short, record.slug, record, references, notes, size, short)
    total, _, active = size.partition(" a")
    params = round(float(total.removesuffix("b")) * 1e9)
    used = round(float(active.removesuffix("b")) * 1e9) if active else params
    stretched = replace(architecture, name=f"{size.upper()} model", params_total=params, params_active=used)
    notes = (f"{lent} the layers and the cache of {record.name}, and weights by its number of parameters", *assumed)
    return ResolvedModel(stretched, short, None, None, references, notes, size, short)


def _sources(record: LanguageModel) -> tuple[SourceRef, ...]:
    found: dict[SourceRef, None] = {}
    for key in ("num_hidden_layers", "params_total"):
        figure = getattr(record, key)
        if isinstance(figure, Figure):
            found |= dict.fromkeys(figure.sources)
    return tuple(found)


def resolve_quantization(catalogue: Catalogue, name: str) -> ResolvedQuantization:
    """A known quantization, or ``4.25bpw`` for EXL2 files of any size."""
    custom = _BPW.match(name.strip())
    if custom and 0.5 <= float(custom[1]) <= 32:
        bits = float(custom[1])
        here = SourceRef(source="hardware-kb-glossary", section="given bits per weight")
        record = Quantization(
            slug=f"exl2-{custom[1]}bpw",
            name=f"EXL2 {custom[1]} bpw",
            summary="A mix at the bits per weight that were given.",
            format="exl2",
            family="mixed",
            bits_per_weight=Figure[float](value=bits, sources=(here,)),
            sources=(here,),
        )
        return ResolvedQuantization(record, {}, (f"{bits:g} bits per weight, as given",))
    found, match = catalogue.find(Quantization, name, "quantization")
    figure = found.bits_per_weight or found.bits_per_weight_file
    references = {f"bits per weight of {found.name}": figure.sources if figure else ()}
    return ResolvedQuantization(found, references, (match.note,) if match.note else ())


USUAL_TYPE = "q4_k_m"
"""What most files that people run are stored in: meant where none is named."""


def quantization_for(catalogue: Catalogue, model: ResolvedModel, name: str | None) -> ResolvedQuantization:
    """The one that was named; else the type that the model is published in, where that is a small one, else the
    common choice."""
    if name is not None:
        return resolve_quantization(catalogue, name)
    taken = resolve_quantization(catalogue, model.native or USUAL_TYPE)
    why = "which the model is published in" if model.native else "the common choice"
    note = f"no quantization was named: {taken.record.name} was taken, {why}"
    return replace(taken, notes=(*taken.notes, note))


def resolve_weights(catalogue: Catalogue, model: ResolvedModel, quantization: ResolvedQuantization) -> Weights:
    """By the published file's size where we hold it, else by the tensors.

    Where a model is published in MXFP4, its experts stay so in a GGUF file of any type, and the file stays as large.
    """
    size = None
    record = model.record
    while record is not None and size is None:
        slugs = [quantization.record.slug]
        if quantization.record.format == "gguf" and (native := native_quantization(record)):
            slugs.append(native)
        size = next((f.size_bytes for slug in slugs for f in record.files if f.quantization == slug), None)
        record = catalogue.known.of(LanguageModel).get(record.same_architecture_as or "")
    return weights_of(model.architecture, quantization.record, size)


def native_quantization(record: Spec) -> str | None:
    """The type that a model is published in, where that is a small one (gpt-oss: MXFP4)."""
    files = record.files if isinstance(record, LanguageModel) else ()
    return "mxfp4" if any(file.quantization == "mxfp4" for file in files) else None


def split_count(name: str) -> tuple[int, str]:
    """
    >>> split_count("2x RTX 3090"), split_count("dual 5090"), split_count("4090")
    ((2, 'RTX 3090'), (2, '5090'), (1, '4090'))
    >>> split_count("2 x A100"), split_count("dual Xeon 6980P"), split_count("7900 XTX")
    ((2, 'A100'), (2, 'Xeon 6980P'), (1, '7900 XTX'))

    Raises ``InvalidArgument`` for none of it.
    """
    found = _COUNT.match(name)
    if not found:
        return 1, name
    count = counted(found[1])
    if count < 1:
        raise InvalidArgument("device", name, f"at least one: `1x {name[found.end() :]}`")
    return count, name[found.end() :]


def resolve_devices(
    catalogue: Catalogue, device: DeviceArgument, device_count: int = 1, system_memory_gb: float | None = None
) -> ResolvedDevices:
    """Every card that takes part. ``2x RTX 3090`` counts, `` + `` joins; a machine brings as many as it has."""
    if isinstance(device, DeviceFigures):
        given = Device(
            name=device.name,
            backend=device.backend,
            memory_bytes=round((device.memory_gib or ROOMY_GIB) * GIB),
            bandwidth_bytes_per_s=(device.memory_bandwidth_gb_per_s or 0.0) * GB,
            fp16_dense_flops=(device.fp16_dense_tflops or 0.0) * 1e12,
            unified_memory=device.unified_memory,
            bandwidth_assumed=device.bandwidth_assumed,
            cores=device.cores or 0,
            kernels=device.kernels if isinstance(device, MeasuredProcessor) else (),
        )
        label = several(device_count, device.name)
        asked = "" if device.memory_gib else "device.memory_gib"
        network = Network(device_count if device.unified_memory else 1)
        return ResolvedDevices((given,) * device_count, label, None, None, {}, memory_asked=asked, network=network)
    if size := _A_SIZE.fullmatch(device.strip()):
        name = f"{article(size[1])} {size[1]} GB graphics card"
        figures = DeviceFigures(name=name, memory_gib=float(size[1]))
        return resolve_devices(catalogue, figures, device_count, system_memory_gb)
    if " + " in device:
        return _together(catalogue, device, device_count, system_memory_gb)
    try:
        match = catalogue.names.resolve(DEVICE_KINDS, device, "device")
    except UnknownName:
        count, rest = split_count(device)
        if rest == device:
            raise
        match = catalogue.names.resolve(DEVICE_KINDS, rest, "device")
        device_count *= count
    if device_count > 1024:
        raise InvalidArgument("device_count", device_count, "1 to 1024")
    record = catalogue.known.specs[match.kind][match.slug]
    notes = [match.note] if match.note else []
    try:
        if isinstance(record, Cpu):
            each, more, references = _cpu(record, system_memory_gb)
            asked = "" if system_memory_gb else "system_memory_gb"
            if device_count > 1:
                more = (*more, ONE_SOCKET.format(count=device_count, rate=each.bandwidth_bytes_per_s / GB))
            return ResolvedDevices((each,), record.name, record.slug, match.kind, references, (*notes, *more), asked)
        if isinstance(record, Machine):
            each, per_machine, references = _machine(catalogue, record)
        else:
            assert isinstance(record, Accelerator)
            each, per_machine, references = Device.of(record), gpus_on(record), _accelerator_references(record)
    except ValueError as error:
        raise InvalidArgument("device", device, f"a device whose memory and bandwidth are known ({error})") from None
    if match.memory_gib is not None:
        each = replace(each, memory_bytes=match.memory_gib * GIB, name=f"{each.name} ({match.memory_gib} GB)")
    elif (options := getattr(record, "memory_options_gib", None)) is not None and len(options.value) > 1:
        sizes = ", ".join(f"{size:g}" for size in options.value)
        notes.append(f"{record.name} is sold with {sizes} GB; {each.memory_bytes / GIB:g} GB was taken")
    if isinstance(record, Accelerator) and per_machine > 1:
        notes.append(
            f"programs see {per_machine} GPUs on one {record.name}, each with {each.memory_bytes / GIB:g} GB "
            f"at {each.bandwidth_bytes_per_s / GB:,.0f} GB/s; the model is split over them"
        )
    count = device_count * per_machine
    label = several(device_count, record.name)
    alone = isinstance(record, Machine) or each.unified_memory
    network = Network(device_count if alone else 1)
    return ResolvedDevices((each,) * count, label, record.slug, match.kind, references, tuple(notes), network=network)


def over_network(
    catalogue: Catalogue, devices: ResolvedDevices, hosts: int | None, link: str | None
) -> ResolvedDevices:
    """The same devices in so many computers, joined by a link. Raises ``InvalidArgument`` where they cannot be."""
    hosts = hosts or devices.network.hosts
    if len(devices.devices) % hosts:
        raise InvalidArgument("hosts", hosts, f"computers that have equal parts of {len(devices.devices)} devices")
    if link is None or hosts < 2:
        return replace(devices, network=replace(devices.network, hosts=hosts))
    joining = resolve_link(catalogue, link, "host_link")
    references = {**devices.references, **joining.references}
    return replace(devices, network=Network(hosts, joining.gb_per_s * GB, joining.rdma), references=references)


_RATE = re.compile(r"(\d{1,7}(?:\.\d{1,3})?) ?([mg])(?:bit/s|bps)", re.I)
"""A line by its rate alone, as internet is sold."""


@dataclass(frozen=True)
class ResolvedLink:
    name: str
    gb_per_s: float
    """One way."""
    latency_us: float | None = None
    rdma: bool = False
    references: Mapping[str, tuple[SourceRef, ...]] = field(default_factory=dict)


def resolve_link(catalogue: Catalogue, link: str, argument: str) -> ResolvedLink:
    """A known link, or a line by its rate. Raises ``InvalidArgument`` for one whose rate is not known."""
    if rate := _RATE.fullmatch(link.strip()):
        gbit = float(rate[1]) * (1.0 if rate[2] in "gG" else 1e-3)
        if not gbit:
            raise InvalidArgument(argument, link, "a rate of more than 0")
        return ResolvedLink(f"a line of {rate[1]} {rate[2].upper()}bit/s", gbit / 8)
    record, _ = catalogue.find(Interconnect, link, "link")
    figure = record.bandwidth_gb_per_s_per_direction
    if figure is None:
        raise InvalidArgument(argument, link, "a link whose rate one way is known, or the rate: `10 Gbit/s`")
    return ResolvedLink(
        record.name, figure.value, record.latency_us.value if record.latency_us else None,
        bool(record.rdma and record.rdma.value), {f"bandwidth of {record.name}": figure.sources},
    )  # fmt: skip


def on_backend(devices: ResolvedDevices, backend: Backend | None) -> ResolvedDevices:
    """The same devices with another program interface. Raises ``InvalidArgument`` for one that they do not have."""
    own = devices.each.backend
    if backend in (None, own):
        return devices
    offered = (own,) if own in ("cpu", "metal") else (own, "vulkan")
    if backend not in offered:
        raise InvalidArgument("backend", backend, f"{' or '.join(dict.fromkeys(offered))} on {the(devices.label)}")
    each = of_each(devices.devices, lambda device: replace(device, backend=backend))
    return replace(devices, devices=each, label=f"{devices.label} ({BACKEND_NAMES[backend]})")


BACKEND_NAMES: Mapping[Backend, str] = {
    "cuda": "CUDA", "rocm": "ROCm", "metal": "Metal", "vulkan": "Vulkan", "sycl": "SYCL", "cpu": "CPU",
}  # fmt: skip


def _together(catalogue: Catalogue, names: str, device_count: int, system_memory_gb: float | None) -> ResolvedDevices:
    """``RTX 3090 + RTX 4090``: unequal cards in one machine."""
    if device_count > 1:
        raise InvalidArgument(
            "device_count", device_count, "1 where `device` lists cards (write `2x` before a card's name there)"
        )
    parts = [resolve_devices(catalogue, name, 1, system_memory_gb) for name in names.split(" + ") if name.strip()]
    devices = tuple(device for part in parts for device in part.devices)
    if len(devices) > 1024:
        raise InvalidArgument("device", names, "at most 1024 devices")
    if len({device.backend for device in devices}) > 1 or any(device.unified_memory for device in devices):
        raise InvalidArgument("device", names, "cards of one maker that sit in one machine")
    references = {about: refs for part in parts for about, refs in part.references.items()}
    notes = tuple(note for part in parts for note in part.notes)
    asked = next((part.memory_asked for part in parts if part.memory_asked), "")
    return ResolvedDevices(devices, " + ".join(part.label for part in parts), None, None, references, notes, asked)


def _accelerator_references(record: Accelerator) -> dict[str, tuple[SourceRef, ...]]:
    references: dict[str, tuple[SourceRef, ...]] = {}
    if record.memory_gib:
        references[f"memory of {record.name}"] = record.memory_gib.sources
    if record.memory_bandwidth_gb_per_s:
        references[f"memory bandwidth of {record.name}"] = record.memory_bandwidth_gb_per_s.sources
    if record.fp16_dense_tflops:
        references[f"FP16 rate of {record.name}"] = record.fp16_dense_tflops.sources
    return references


def _machine(catalogue: Catalogue, record: Machine) -> tuple[Device, int, dict[str, tuple[SourceRef, ...]]]:
    accelerator = catalogue.known.of(Accelerator).get(record.accelerator or "")
    cpu = catalogue.known.of(Cpu).get(record.cpu or "")
    if record.accelerator is None and cpu and record.memory_gib:
        device, _, references = _cpu(cpu, record.memory_gib.value)
        return (
            replace(device, name=record.name),
            1,
            references | {f"memory of {record.name}": record.memory_gib.sources},
        )
    if accelerator is None:
        raise ValueError(f"{record.name}: its accelerator is not known")
    references = _accelerator_references(accelerator)
    if record.memory_gib and accelerator.unified_memory:
        references[f"memory of {record.name}"] = record.memory_gib.sources
    device = Device.of(accelerator, record if accelerator.unified_memory else None)
    return device, record.accelerator_count * gpus_on(accelerator), references


def _cpu(
    record: Cpu, system_memory_gb: float | None
) -> tuple[Device, tuple[str, ...], dict[str, tuple[SourceRef, ...]]]:
    if record.memory_bandwidth_gb_per_s is None:
        raise ValueError(f"{record.name}: memory bandwidth is not known")
    most = record.max_memory_gib.value if record.max_memory_gib else ROOMY_GIB
    device = Device(
        name=record.name,
        backend="cpu",
        memory_bytes=round((system_memory_gb or most) * GIB),
        bandwidth_bytes_per_s=record.memory_bandwidth_gb_per_s.value * GB,
        architecture=record.architecture.value if record.architecture else "",
        vendor=record.vendor,
        tdp_w=record.tdp_w.value if record.tdp_w else 0.0,
        cores=record.cores.value if record.cores else 0,
    )
    size = f"{system_memory_gb:g} GB of " if system_memory_gb else ""
    notes = (f"the model runs on the CPU from {size}system memory, all channels filled",)
    return device, notes, {f"memory bandwidth of {record.name}": record.memory_bandwidth_gb_per_s.sources}
