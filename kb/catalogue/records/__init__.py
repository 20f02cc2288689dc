"""The language of the house: frozen, validated records that every other module speaks."""

from kb.catalogue.records.base import Backend, Citation, Figure, Price, Record, SourceRef, Spec, ends
from kb.catalogue.records.glossary import Claim, Dispute, Passage, Source, Term, TermFigure
from kb.catalogue.records.hardware import (
    Accelerator,
    Case,
    Cooler,
    Cpu,
    Interconnect,
    Machine,
    MemoryKit,
    Motherboard,
    PowerSupply,
    StorageDrive,
)
from kb.catalogue.records.media import MediaModel, MediaPart, PartFile, StatedMemory, Task
from kb.catalogue.records.software import (
    Engine,
    InstallWay,
    Interface,
    LanguageModel,
    ModelFile,
    Quantization,
    RunsOn,
    StartLine,
    System,
)
from kb.catalogue.records.specs import Build, Measurement, Part, Provider

kinds: dict[str, type[Spec]] = {
    cls.kind: cls
    for cls in (
        Accelerator, Machine, Cpu, Motherboard, MemoryKit, StorageDrive, PowerSupply, Cooler, Case, Interconnect,
        LanguageModel, MediaModel, Quantization, Engine, Provider, Build, Measurement,
    )
}  # fmt: skip
"""The classes by the folders of ``glossary/specs``."""

__all__ = [
    "Accelerator", "Backend", "Build", "Case", "Citation", "Claim", "Cooler", "Cpu", "Dispute", "Engine", "Figure",
    "InstallWay", "Interconnect", "Interface", "LanguageModel", "Machine", "Measurement", "MediaModel", "MediaPart",
    "MemoryKit", "ModelFile", "Motherboard", "Part", "PartFile", "Passage", "PowerSupply", "Price", "Provider",
    "Quantization", "Record", "RunsOn", "Source", "SourceRef", "Spec", "StartLine", "StatedMemory", "StorageDrive",
    "System", "Task", "Term", "TermFigure", "ends", "kinds",
]  # fmt: skip
