"""Fit and speed of a model file: by its own tensors, read from the header.

No tool of the registry: a server opens no files that its callers name. The command line does; a page sends the header.
"""

import re
from pathlib import Path

from kb.calc.memory.gguf_model import GgufModel, model_of
from kb.catalogue import Catalogue
from kb.catalogue.gguf_file import language_model, whole_header
from kb.catalogue.gguf_header import Header
from kb.catalogue.records import Quantization, SourceRef
from kb.errors import MissingArgument, UnknownName
from kb.tools.check_fit.tool import FitAnswer, fit_answer
from kb.tools.estimate_speed.tool import SpeedAnswer, speed_answer
from kb.tools.shared.fitting import FitArguments, Parts
from kb.tools.shared.resolve import ResolvedModel, ResolvedQuantization, resolve_devices, resolve_quantization

_FAMILIES = (
    (r"IQ", "i-quant"), (r"Q\d_K", "k-quant"), (r"Q\d_\d", "legacy"), (r"MXFP|NVFP", "microscaling"),
    (r"TQ", "ternary"), (r"B?F\d", "float"),
)  # fmt: skip


def read_gguf(path: Path) -> GgufModel:
    """One file, or all parts of a split one. Raises ``UnreadableModel``, naming the file."""
    return model_of(path, whole_header(path))


def file_fit(catalogue: Catalogue, path: Path, arguments: FitArguments) -> FitAnswer:
    """``check_fit`` of a GGUF file, or of all parts of a split one, whatever model and quantization are asked for.

    Raises ``UnreadableModel`` where the file is missing, cut short, or no language model.
    """
    return fit_answer(catalogue, _parts(catalogue, read_gguf(path), arguments), arguments)


def file_speed(catalogue: Catalogue, path: Path, arguments: FitArguments) -> SpeedAnswer:
    """``estimate_speed`` of a GGUF file, as :func:`file_fit`."""
    return speed_answer(catalogue, _parts(catalogue, read_gguf(path), arguments), arguments)


def header_fit(
    catalogue: Catalogue, name: str, header: Header, arguments: FitArguments
) -> tuple[FitAnswer, SpeedAnswer | MissingArgument]:
    """Both of a file that lies elsewhere, by its header; in place of a speed, what it would need to be told. Raises
    ``UnreadableModel``, naming the file."""
    path = Path(name)
    parts = _parts(catalogue, model_of(path, language_model(path, header)), arguments)
    fit = fit_answer(catalogue, parts, arguments)
    try:
        return fit, speed_answer(catalogue, parts, arguments)
    except MissingArgument as error:
        return fit, error


def _parts(catalogue: Catalogue, found: GgufModel, arguments: FitArguments) -> Parts:
    model = ResolvedModel(found.architecture, found.name, None, None, {})
    devices = resolve_devices(catalogue, arguments.device, arguments.device_count, arguments.system_memory_gb)
    return Parts(model, _quantization(catalogue, found.quantization), devices, found.weights)


def _quantization(catalogue: Catalogue, name: str) -> ResolvedQuantization:
    """The record of that name, or one by the family that the name tells: the bytes are known already."""
    try:
        known = resolve_quantization(catalogue, name)
    except UnknownName:
        pass
    else:
        if known.record.format == "gguf":
            return known
    family = next((family for pattern, family in _FAMILIES if re.match(pattern, name)), "mixed")
    source = SourceRef(source="hardware-kb-glossary", section="the file's own type")
    record = Quantization.model_validate(
        {
            "slug": re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-") or "unknown", "name": name,
            "summary": "The type that a model file names.", "format": "gguf", "family": family,
            "sources": (source,),
        }
    )  # fmt: skip
    return ResolvedQuantization(record, {})
