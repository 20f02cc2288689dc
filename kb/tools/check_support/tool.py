"""Does a program run on a device, and by which interface?"""

from collections.abc import Iterator
from typing import Literal, get_args

from pydantic import Field

from kb.catalogue import Catalogue
from kb.catalogue.names import DEVICE_KINDS
from kb.catalogue.records import Accelerator, Cpu, Engine, Interface, Machine, Record, RunsOn, SourceRef, System
from kb.errors import InvalidArgument, MissingArgument
from kb.tools.base import Arguments, Name, Result, cite, tool

OF_VENDOR: dict[str, tuple[Interface, ...]] = {
    "NVIDIA": ("cuda", "vulkan"), "AMD": ("rocm", "vulkan"), "Intel": ("sycl", "vulkan", "openvino"),
    "Apple": ("metal",),
}  # fmt: skip
"""How programs reach a graphics card of this maker, the way that is made for it first."""
OF_PROCESSORS: tuple[Interface, ...] = ("cpu", "openvino")

Support = Literal["yes", "unlisted", "no", "unknown"]
BEST: tuple[Support, ...] = ("yes", "unlisted", "unknown", "no")


class SupportArguments(Arguments):
    program: Name | None = Field(None, description="`vLLM`, `ComfyUI`, `ROCm` …; without it, all that run there")
    device: Name | None = None
    """Without it, all that the program runs on."""
    system: System | None = None
    """The operating system; without it, any."""


class Way(Record):
    """An interface that both the program and the device have."""

    interface: Interface
    """By which they reach each other."""
    support: Support
    """Whether the program's makers offer or list it for the device."""
    systems: tuple[System, ...]
    """For which the program is offered with it."""
    needs: float | None = None
    """The least compute capability."""
    at_most: float | None = None
    """The highest."""
    has: float | None = None
    """The device's; null where the sources do not say."""
    listed: tuple[str, ...] = ()
    """Architectures that the program's makers name, where they name any."""
    unlisted: str = ""
    """What owners of others do."""
    note: str = ""
    as_of: str | None = None


class ProgramSupport(Record):
    program: str
    """Its name."""
    slug: str
    support: Support
    """By the best of the ways."""
    ways: tuple[Way, ...]
    """The best first; empty where the program has no interface that the device has."""
    on_processor: bool
    """It runs without the device, on a processor."""
    interfaces: tuple[Interface, ...]
    """All that it has."""
    elsewhere: str = ""
    """How it runs on a system that it is not made for: a sentence."""


class SupportAnswer(Result):
    device: str | None
    """As it was understood; null where none was named."""
    architecture: str | None
    """Of the graphics card, where it is known."""
    system: System | None
    """The operating system; null where nobody named it."""
    programs: tuple[ProgramSupport, ...]
    """The one that was named; without one, all whose interfaces are known, the easiest first."""
    instead: tuple[str, ...] = ()
    """Programs that run there, where the one that was named does not; the easiest first."""
    formula: str


def run(catalogue: Catalogue, arguments: SupportArguments) -> SupportAnswer:
    if arguments.program is None and arguments.device is None:
        raise MissingArgument("program", "a program, a device or both", "Which program is it, or which device?")
    device = _device(catalogue, arguments.device) if arguments.device else ANY
    engines = [one for one in catalogue.known.of(Engine).values() if one.runs_on]
    engines.sort(key=lambda one: (one.ease is None, one.ease or 0, one.name.casefold()))
    named = catalogue.find(Engine, arguments.program, "program")[0] if arguments.program else None
    asked = [named] if named else engines
    found = [_support(one, device, arguments.system) for one in asked]
    runs = [one.name for one in engines if one.ease and _support(one, device, arguments.system).support == "yes"]
    references: dict[str, tuple[SourceRef, ...]] = {
        f"what {one.name} runs on": tuple(source for way in one.runs_on for source in way.sources) for one in asked
    }
    if isinstance(device.chip, Accelerator):
        figures = [figure for figure in (device.chip.compute_capability, device.chip.architecture) if figure]
        references[f"architecture of {device.chip.name}"] = tuple(source for one in figures for source in one.sources)
    return SupportAnswer(
        device=device.name or None,
        architecture=device.architecture or None,
        system=arguments.system,
        programs=tuple(found),
        instead=tuple(runs) if named and arguments.device and found[0].support in ("no", "unlisted") else (),
        formula="; ".join(_shown(one) for one in found),
        citations=cite(catalogue, references),
    )


class _Device(Record):
    name: str
    chip: Accelerator | Cpu | None

    @property
    def interfaces(self) -> tuple[Interface, ...]:
        if self.chip is None:
            return get_args(Interface)
        return OF_VENDOR.get(self.chip.vendor, ("vulkan",)) if isinstance(self.chip, Accelerator) else OF_PROCESSORS

    @property
    def architecture(self) -> str:
        figure = self.chip.architecture if isinstance(self.chip, Accelerator) else None
        return figure.value if figure else ""

    @property
    def compute_capability(self) -> float | None:
        figure = self.chip.compute_capability if isinstance(self.chip, Accelerator) else None
        return float(figure.value) if figure else None


ANY = _Device(name="", chip=None)


def _device(catalogue: Catalogue, name: str) -> _Device:
    match = catalogue.names.resolve(DEVICE_KINDS, name, "device")
    record = catalogue.known.specs[match.kind][match.slug]
    if isinstance(record, Machine):
        known = catalogue.known.of(Accelerator).get(record.accelerator or "")
        chip: Accelerator | Cpu | None = known or catalogue.known.of(Cpu).get(record.cpu or "")
        if chip is None:
            raise InvalidArgument("device", name, "a machine whose graphics card or processor is known")
        return _Device(name=record.name, chip=chip)
    assert isinstance(record, Accelerator | Cpu)
    return _Device(name=record.name, chip=record)


def _support(engine: Engine, device: _Device, system: System | None) -> ProgramSupport:
    ways = sorted(_ways(engine, device, system), key=lambda way: BEST.index(way.support))
    support: Support = ways[0].support if ways else "no" if engine.runs_on else "unknown"
    return ProgramSupport(
        program=engine.name,
        slug=engine.slug,
        support=support,
        ways=tuple(ways),
        on_processor=any(way.backend == "cpu" for way in engine.runs_on),
        interfaces=tuple(dict.fromkeys(way.backend for way in engine.runs_on)),
        elsewhere=engine.elsewhere.value if engine.elsewhere else "",
    )


def _ways(engine: Engine, device: _Device, system: System | None) -> Iterator[Way]:
    for interface in device.interfaces:
        for way in engine.runs_on:
            partly = way.devices and device.chip and device.architecture not in way.architectures
            if way.backend == interface and not partly:
                support = _of(way, device)
                if support == "yes" and system and system not in way.systems:
                    support = "no"
                yield Way(
                    interface=interface,
                    support=support,
                    systems=way.systems,
                    needs=way.least_compute_capability,
                    at_most=way.most_compute_capability,
                    has=device.compute_capability if way.backend == "cuda" else None,
                    listed=way.architectures,
                    unlisted=way.unlisted,
                    note=way.note,
                    as_of=way.as_of,
                )


def _of(way: RunsOn, device: _Device) -> Support:
    if device.chip is None:
        return "yes"
    if way.least_compute_capability or way.most_compute_capability:
        if device.compute_capability is None:
            return "unknown"
        least = way.least_compute_capability or device.compute_capability
        most = way.most_compute_capability or device.compute_capability
        return "yes" if least <= device.compute_capability <= most else "no"
    if not way.architectures or device.architecture in way.architectures:
        return "yes" if not way.devices or device.chip.slug in way.devices else "unlisted"
    return "unlisted" if device.architecture else "unknown"


def _shown(one: ProgramSupport) -> str:
    """How it was decided, in a line."""
    if not one.ways:
        return f"{one.program}: {', '.join(one.interfaces) or 'no interface'} known, none of them the device's"
    told = []
    for way in one.ways:
        has = f"{way.has:g}, " if way.has else ""
        reason = f"compute capability {has}{way.needs:g} needed" if way.needs else ""
        reason = reason or (f"listed for {', '.join(way.listed)}" if way.listed else "any device that has it")
        told.append(f"{way.interface} ({reason}): {way.support}")
    return f"{one.program}: {'; '.join(told)}"


TOOL = tool(
    run, "Does a program (Ollama, vLLM, ComfyUI, ROCm …) run on a device, by which interface, on which systems?"
)
