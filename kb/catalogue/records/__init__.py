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
    StorageDrive,
    kinds,
)

__all__ = [
    "Accelerator", "Backend", "Build", "Case", "Citation", "Claim", "Cooler", "Cpu", "Dispute", "Engine", "Figure",
    "Interconnect", "LanguageModel", "Machine", "Measurement", "MemoryKit", "ModelFile", "Motherboard", "Part",
    "Passage", "PowerSupply", "Price", "Provider", "Quantization", "Record", "Source", "SourceRef", "Spec",
    "StorageDrive", "Term", "TermFigure", "kinds",
]  # fmt: skip
