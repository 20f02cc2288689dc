"""Does a model at a quantization fit on a device?"""

from kb.calc.results import Fit
from kb.catalogue import Catalogue
from kb.tools.base import Result, Tool, cite
from kb.tools.shared.fitting import FitArguments, Parts, fit_of, resolve_parts


class FitAnswer(Fit, Result):
    """``Fit`` with the names as they were understood."""

    model: str
    quantization: str
    device: str


def run(catalogue: Catalogue, arguments: FitArguments) -> FitAnswer:
    return fit_answer(catalogue, resolve_parts(catalogue, arguments), arguments)


def fit_answer(catalogue: Catalogue, parts: Parts, arguments: FitArguments) -> FitAnswer:
    parts.devices.require_memory()
    fit = fit_of(parts, arguments)
    return FitAnswer(
        **{name: getattr(fit, name) for name in Fit.model_fields},
        model=parts.model.label,
        quantization=parts.quantization.record.name,
        device=parts.devices.label,
        citations=cite(catalogue, parts.references),
    )


TOOL = Tool(
    "check_fit",
    "Does a model at a quantization fit on a device (or several), at a context length? Gives the verdict, the memory "
    "it needs by part, the headroom, the longest context, and what would be offloaded.",
    FitArguments,
    FitAnswer,
    run,
    {"model": "llama 3.1 70b", "quantization": "q4_k_m", "device": "RTX 4090", "context": 8192},
)
