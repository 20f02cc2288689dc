"""Which models suit this machine, by our own calculators, and why."""

from collections.abc import Sequence
from pathlib import Path

from kb.calc.results import Range
from kb.catalogue import Catalogue
from kb.catalogue.gguf_file import size_gb
from kb.catalogue.records import LanguageModel, Record
from kb.errors import UnreadableModel
from kb.llm.downloads import Download
from kb.tools.check_fit.tool import FitAnswer
from kb.tools.check_fit.tool import fit_named as check_fit
from kb.tools.estimate_speed.tool import SpeedAnswer, SpeedArguments
from kb.tools.estimate_speed.tool import run as estimate_speed
from kb.tools.model_file import file_fit, file_speed
from kb.tools.shared.here import Here

LEAST_TOKENS_PER_S = 8.0
"""About the pace of quick reading: a slower answer is waited for."""


class Advice(Record):
    """One model on this machine. ``memory_gb`` and the speed are calculated at the chat's context length."""

    name: str
    model: str
    quantization: str
    licence: str | None
    size_gb: float
    suits: str
    memory_gb: float
    fits: bool
    """Whole, in the memory of the GPUs or, without any, of the system."""
    decode_tokens_per_s: Range

    @property
    def why(self) -> str:
        """The reason for or against it, in a line."""
        if not self.fits:
            return f"{self.name}: no, it needs {self.memory_gb:.1f} GB, which this machine does not hold whole"
        speed = self.decode_tokens_per_s.typical
        if not self.serves:
            return f"{self.name}: no, {speed:.1f} tokens/s are below {LEAST_TOKENS_PER_S:g}"
        return f"{self.name}: yes, it needs {self.memory_gb:.1f} GB, about {speed:.1f} tokens/s"

    @property
    def serves(self) -> bool:
        return self.fits and self.decode_tokens_per_s.typical >= LEAST_TOKENS_PER_S


def advise(catalogue: Catalogue, downloads: Sequence[Download], here: Here, context: int) -> list[Advice]:
    """In the order of the table."""
    return [_of_download(catalogue, download, here, context) for download in downloads]


def choose(advice: Sequence[Advice]) -> Advice | None:
    """The first that serves: the table has the best answers first."""
    return next((each for each in advice if each.serves), None)


def _of_download(catalogue: Catalogue, download: Download, here: Here, context: int) -> Advice:
    asked = fit_here(download.model, download.quantization, here, context)
    fit, speed = check_fit(catalogue, asked), estimate_speed(catalogue, asked)
    licence = catalogue.known.of(LanguageModel)[download.model].licence
    told = licence.value if licence else None
    return _advice(download.slug, fit, speed, told, download.size_gb, download.suits)


def advise_on_file(catalogue: Catalogue, path: Path, here: Here, context: int) -> Advice | None:
    """By the file's own header; None where it is no model."""
    asked = file_here(here, context)
    try:
        fit, speed = file_fit(catalogue, path, asked), file_speed(catalogue, path, asked)
    except UnreadableModel:
        return None
    return _advice(path.stem, fit, speed, None, size_gb(path), "")


def _advice(name: str, fit: FitAnswer, speed: SpeedAnswer, licence: str | None, size: float, suits: str) -> Advice:
    return Advice(
        name=name, model=fit.model, quantization=fit.quantization, licence=licence, size_gb=size, suits=suits,
        memory_gb=fit.required_gb, fits=fit.verdict == "fits", decode_tokens_per_s=speed.decode_tokens_per_s,
    )  # fmt: skip


def fit_here(model: str, quantization: str, here: Here, context: int) -> SpeedArguments:
    return SpeedArguments(
        model=model, quantization=quantization, context=context, **here.arguments()
    )  # fmt: skip


def file_here(here: Here, context: int) -> SpeedArguments:
    """For a file, whose own header tells the model and its type."""
    return fit_here("a file", "q4_k_m", here, context)
