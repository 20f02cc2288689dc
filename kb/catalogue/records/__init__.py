"""The language of the house: frozen, validated records that every other module speaks."""

from kb.catalogue.records.base import Citation, Figure, Price, Record, SourceRef
from kb.catalogue.records.glossary import Claim, Dispute, Passage, Source, Term, TermFigure
from kb.catalogue.records.specs import (
    Accelerator,
    Backend,
    Build,
    Case,
    Cooler,
    Cpu,
    Engine,
    InstallWay,
    Interconnect,
    LanguageModel,
    Machine,
    Measurement,
    MemoryKit,
    ModelFile,
    Motherboard,
    Part,
    PowerSupply,
    Provider,
    Quantization,
    Spec,
    StartLine,
    StorageDrive,
    System,
    kinds,
)

__all__ = [
    "Accelerator", "Backend", "Build", "Case", "Citation", "Claim", "Cooler", "Cpu", "Dispute", "Engine", "Figure",
    "InstallWay", "Interconnect", "LanguageModel", "Machine", "Measurement", "MemoryKit", "ModelFile", "Motherboard",
    "Part", "Passage", "PowerSupply", "Price", "Provider", "Quantization", "Record", "Source", "SourceRef", "Spec",
    "StartLine", "StorageDrive", "System", "Term", "TermFigure", "kinds",
]  # fmt: skip
