"""How is a model installed and started?"""

from collections.abc import Iterator, Mapping, Sequence
from string import Formatter
from typing import Annotated, Literal

from pydantic import Field

from kb.calc.results import Verdict
from kb.catalogue import Catalogue
from kb.catalogue.records import Backend, Engine, InstallWay, LanguageModel, Quantization, Record, SourceRef, System
from kb.errors import InvalidArgument
from kb.tools.base import Arguments, Name, Result, cite, tool
from kb.tools.shared.fitting import Context, DeviceCount, FitArguments, SystemMemory, parts_of
from kb.tools.shared.given import ModelFigures
from kb.tools.shared.resolve import (
    USUAL_TYPE,
    DeviceArgument,
    ModelArgument,
    ResolvedDevices,
    ResolvedModel,
    ResolvedQuantization,
    resolve_devices,
    resolve_model,
    resolve_quantization,
)
from kb.tools.shared.running import VISION, Machine, models_for, suggested

SYSTEMS_OF: Mapping[Backend, tuple[System, ...]] = {
    "metal": ("macos",), "cuda": ("linux", "windows"), "rocm": ("linux", "windows"),
    "sycl": ("linux", "windows"), "vulkan": ("linux", "windows"),
}  # fmt: skip
"""Where such a device is found; any system where it is not listed."""

MOST_OTHERS = 4

Hindrance = Literal["unknown", "system", "device"]


class StartArguments(Arguments):
    engine: Name | None = Field(None, description="the program (`Ollama`, `vLLM` …); without it, the easiest that runs")
    model: ModelArgument | None = None
    """What is to run; without it, a model to start with."""
    system: System | None = None
    """The operating system; without it, what works on most."""
    device: DeviceArgument | None = None
    """Where it is to run."""
    device_count: DeviceCount = 1
    quantization: Name | None = Field(None, description="`q4_k_m` …; without it, what the engine loads by itself")
    context: Context = 8192
    system_memory_gb: SystemMemory | None = None
    use: Name | None = Field(None, description="what a model is chosen for where none is named: coding, chat …")


class Install(Record):
    """What installs an engine on these systems: a ``line`` to type, or the ``page`` to download it from."""

    systems: tuple[System, ...]
    """On which it works."""
    line: str
    """To type; empty where there is none."""
    page: str
    """To download it from; empty where there is a line."""


class StartFit(Record):
    """Whether the device holds what is started; an engine that keeps no part in system memory has to hold all."""

    verdict: Verdict
    required_gb: Annotated[float, Field(ge=0)]
    available_gb: Annotated[float, Field(ge=0)]


class EngineStart(Record):
    """``line`` starts the model; names that the catalogue does not hold stand in it as ``placeholders``."""

    engine: str
    """Its slug."""
    name: str
    """Its name."""
    install: tuple[Install, ...]
    """How to get it."""
    line: str
    """What starts the model."""
    quantization: str | None = None
    """The type of weights that the line brings."""
    placeholders: tuple[str, ...] = ()
    """Names in the line that the catalogue does not hold."""
    is_example: bool = False
    """The line starts a small model of the engine's own introduction, for none was named."""
    after: str = ""
    """What to do then."""
    context_line: str = ""
    """How to ask for more context."""
    fit: StartFit | None = None
    """None where a part is not named, or nobody said how much memory there is."""


class StartAnswer(Result):
    model: str | None
    """As it was understood; null where none was named or chosen."""
    model_is_chosen: bool = False
    """Nobody named one: it is the one to start with on the device."""
    device: str | None
    """As it was understood; null where none was named."""
    system: System | None
    """The operating system; null where nobody named it."""
    context: int
    start: EngineStart
    """The engine to take."""
    others: tuple[EngineStart, ...]
    """Other engines that run there, the easiest first."""
    chosen_as: Literal["named", "easiest"]
    """Whether it was named, or is the easiest that runs."""
    wanted: str | None = None
    """The engine that was named and is not taken, for the ``hindrance``."""
    hindrance: Hindrance | None = None
    """Why the engine that was named is not taken."""
    elsewhere: str = ""
    """How the engine that was named runs on another system than its own."""
    refused_quantization: str | None = None
    """A type of weights that was named and that the engine's line does not bring."""
    formula: str
    assumptions: tuple[str, ...] = ()

    def recommends(self) -> Sequence[str]:
        return [self.model] if self.model else []


def run(catalogue: Catalogue, arguments: StartArguments) -> StartAnswer:
    devices = (
        resolve_devices(catalogue, arguments.device, arguments.device_count, arguments.system_memory_gb)
        if arguments.device is not None
        else None
    )
    named_model = arguments.model
    arguments = arguments.model_copy(update={"model": _model(catalogue, arguments, devices)})
    model = resolve_model(catalogue, arguments.model) if arguments.model is not None else None
    named = catalogue.find(Engine, arguments.engine, "engine")[0] if arguments.engine else None
    wanted = resolve_quantization(catalogue, arguments.quantization).record if arguments.quantization else None
    backend = devices.each.backend if devices else None
    systems = (arguments.system,) if arguments.system else SYSTEMS_OF.get(backend, ()) if backend else ()
    running = _running(catalogue, systems, backend)
    hindrance = _hindrance(named, systems, backend) if named else None
    if named and not hindrance:
        running = [named, *(engine for engine in running if engine is not named)]
    elif wanted:
        running.sort(key=lambda engine: not _takes(engine, wanted))
    if not running:
        asked = arguments.system or (devices.label if devices else None)
        raise InvalidArgument("system" if arguments.system else "device", asked, "a system and a device of some engine")
    engine = running[0]
    starts = [_start(catalogue, one, model, wanted, systems, devices, arguments) for one in running]
    references: dict[str, tuple[SourceRef, ...]] = {f"how {engine.name} is installed and started": _sources(engine)}
    if model and devices and starts[0].fit:
        references |= {**model.references, **devices.references}
    return StartAnswer(
        model=model.label if model else None,
        model_is_chosen=model is not None and named_model is None,
        device=devices.label if devices else None,
        system=arguments.system,
        context=arguments.context,
        start=starts[0],
        others=tuple(starts[1 : 1 + MOST_OTHERS]),
        chosen_as="named" if engine is named else "easiest",
        wanted=named.name if named and hindrance else None,
        hindrance=hindrance,
        elsewhere=named.elsewhere.value if named and named.elsewhere and hindrance == "system" else "",
        refused_quantization=wanted.name if wanted and not _takes(engine, wanted) else None,
        formula=f"{engine.name}: {starts[0].line}",
        assumptions=(*(model.notes if model else ()), *(devices.notes if devices else ())),
        citations=cite(catalogue, references),
    )


def _model(catalogue: Catalogue, arguments: StartArguments, devices: ResolvedDevices | None) -> ModelArgument | None:
    """The model that is named; for one given by its size the one that stands for it; for none the one to start with."""
    model = arguments.model
    if isinstance(model, ModelFigures):
        typical = catalogue.names.matches("models", f"{model.params_total / 1e9:.0f}B") if model.params_total else []
        return typical[0].slug if typical else model
    if model is not None or devices is None or arguments.device is None or devices.memory_asked:
        return model
    machine = Machine(
        arguments.device, devices, arguments.device_count, arguments.system_memory_gb,
        images=int(arguments.use == VISION),
    )  # fmt: skip
    current = models_for(catalogue, arguments.use or "any")
    runs = suggested(catalogue, current, [], machine, arguments.context, ())
    records = (run.model for run in runs if isinstance(run.model, LanguageModel))
    return next((record.slug for record in records if record.ollama_name or record.gguf_repository), None)


def _running(catalogue: Catalogue, systems: Sequence[System], backend: Backend | None) -> list[Engine]:
    """The engines that run there and whose start the catalogue knows, the easiest first."""
    engines = catalogue.known.of(Engine).values()
    known = [engine for engine in engines if engine.ease is not None and not _hindrance(engine, systems, backend)]
    return sorted(known, key=lambda engine: engine.ease or 0)


def _hindrance(engine: Engine, systems: Sequence[System], backend: Backend | None) -> Hindrance | None:
    if not engine.install:
        return "unknown"
    if backend and backend not in engine.backends:
        return "device"
    if _ways(engine, systems, backend):
        return None
    return "system" if _ways(engine, (), backend) else "device"


def _ways(engine: Engine, systems: Sequence[System], backend: Backend | None) -> list[InstallWay]:
    """How it gets onto these systems (any, where none is given) for such a device: without one, the usual way."""
    usable = [
        way
        for way in engine.install
        if (not systems or set(systems) & set(way.systems))
        and (not backend or not way.backends or backend in way.backends)
    ]
    taken: set[System] = set()
    kept = []
    for way in usable:
        if not taken >= set(way.systems):
            kept.append(way)
            taken |= set(way.systems)
    return kept


def _takes(engine: Engine, wanted: Quantization) -> bool:
    """Whether a line of the engine brings weights of this type: it loads them, and names where such weights are."""
    formats = {name.casefold() for name in engine.formats.value} if engine.formats else set()
    loads = {wanted.format.casefold(), wanted.name.casefold()} & formats
    where = "gguf_repository" if wanted.format == "gguf" else "repository"
    return wanted.slug == engine.starts_with or bool(loads and any(where in _slots(way.line) for way in engine.start))


def _start(
    catalogue: Catalogue, engine: Engine, model: ResolvedModel | None, wanted: Quantization | None,
    systems: Sequence[System], devices: ResolvedDevices | None, arguments: StartArguments,
) -> EngineStart:  # fmt: skip
    ways = _ways(engine, systems, devices.each.backend if devices else None)
    install = tuple(
        Install(
            systems=tuple(system for system in way.systems if not systems or system in systems),
            line=way.line,
            page=way.page,
        )
        for way in ways
    )
    count = len(devices.devices) if devices else arguments.device_count
    values = {"context": str(arguments.context), "device_count": str(count)}
    start = EngineStart(
        engine=engine.slug,
        name=engine.name,
        install=install,
        line=engine.first_start.value if engine.first_start else "",
        is_example=engine.first_start is not None,
        after=engine.after_start.value if engine.after_start else "",
        context_line=engine.context_line.value.format(**values) if engine.context_line else "",
    )
    if model is None:
        return start
    brought = model.native or engine.starts_with or USUAL_TYPE
    slug = wanted.slug if wanted and _takes(engine, wanted) else brought
    quantization = resolve_quantization(catalogue, slug)
    name = quantization.record.name
    template, known = _template(engine, {**values, **dict(_names_of(model)), "quantization": name}, slug == brought)
    if count > 1 and engine.several_devices:
        template = f"{template} {engine.several_devices.value}"
    of_what = model.label if slug == brought else f"{model.label} in {name}"
    line, placeholders = _filled(template, known, of_what)
    written = {"line": line, "placeholders": placeholders, "is_example": False, "quantization": name}
    return start.model_copy(update={**written, "fit": _fit(catalogue, engine, model, devices, quantization, arguments)})


def _names_of(model: ResolvedModel) -> Iterator[tuple[str, str]]:
    """What the model is called in the engines' libraries and on the hub."""
    for slot in ("ollama_name", "repository", "gguf_repository"):
        figure = getattr(model.record, slot, None)
        if figure:
            yield slot, figure.value


def _template(engine: Engine, values: dict[str, str], is_brought: bool) -> tuple[str, dict[str, str]]:
    """The first line whose names are known, and those names. A line in which no type is named is for the type that it
    brings; where no line names one, another type is another repository, of which nothing is known."""
    lines = [start.line for start in engine.start]
    if not is_brought:
        typed = [line for line in lines if "quantization" in _slots(line)]
        values = values if typed else {slot: value for slot, value in values.items() if slot != "repository"}
        lines = typed or lines
    return next((line for line in lines if set(_slots(line)) <= set(values)), "".join(lines[-1:])), values


def _slots(template: str) -> list[str]:
    return [slot for _, slot, _, _ in Formatter().parse(template) if slot]


def _filled(template: str, values: Mapping[str, str], of_what: str) -> tuple[str, tuple[str, ...]]:
    """The line, and the names that are left open in it."""
    ending = "-".join(of_what.split())
    open_slots = [slot for slot in _slots(template) if slot not in values]
    missing = {slot: f"<{slot.replace('_', '-')}-of-{ending}>" for slot in open_slots}
    return template.format(**missing, **values), tuple(missing.values())


def _fit(
    catalogue: Catalogue, engine: Engine, model: ResolvedModel, devices: ResolvedDevices | None,
    quantization: ResolvedQuantization, arguments: StartArguments,
) -> StartFit | None:  # fmt: skip
    if devices is None or devices.memory_asked:
        return None
    assert arguments.model is not None
    assert arguments.device is not None
    parts = parts_of(catalogue, model, quantization, devices)
    held = parts.requirement(
        FitArguments(
            model=arguments.model,
            quantization=quantization.record.slug,
            device=arguments.device,
            device_count=arguments.device_count,
            context=arguments.context,
            system_memory_gb=arguments.system_memory_gb,
        )
    )
    offloads = engine.cpu_offload is not None and engine.cpu_offload.value
    verdict = held.verdict if offloads or held.verdict == "fits" else "does_not_fit"
    return StartFit(verdict=verdict, required_gb=held.required_gb, available_gb=held.available_gb)


def _sources(engine: Engine) -> tuple[SourceRef, ...]:
    figures = (engine.first_start, engine.after_start, engine.context_line, engine.several_devices)
    written = [
        *(source for way in engine.install for source in way.sources),
        *(source for line in engine.start for source in line.sources),
        *(source for figure in figures if figure for source in figure.sources),
    ]
    return tuple(dict.fromkeys(written))


TOOL = tool(
    run,
    "How to install an engine and start a model with it: the lines to type, the easiest engine that runs on the system "
    "and the device first, and whether the device holds the model.",
)
