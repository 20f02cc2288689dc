"""Which model writes explanations where no setting names one: one line in ``<data_dir>/models/default``.

``kb model use`` writes it and whoever starts a language model reads it. The line is a file's name in that folder, an
absolute path, ``built-in`` or ``none``.
"""

from pathlib import Path
from typing import Literal

from kb.disk import write_whole

DefaultModel = Path | Literal["built-in", "none"]
"""``built-in`` is the small model that comes with Hardware KB."""

BUILT_IN = Path(__file__).parent / "built_in" / "hardware-kb-built-in-q8_0.gguf"
"""Made by ``make model`` from this knowledge base, and told what to do by its training alone."""

UNCHOSEN: DefaultModel = "none"
"""Until one is chosen: of what the built-in model says on other people's questions, one sentence in seven is false."""


def models_dir(data_dir: Path) -> Path:
    return data_dir / "models"


def read_default_model(data_dir: Path) -> DefaultModel:
    try:
        said = _line(data_dir).read_text("utf-8").strip()
    except FileNotFoundError:
        return UNCHOSEN
    if said == "none":
        return "none"
    if not said:
        return UNCHOSEN
    return "built-in" if said == "built-in" else models_dir(data_dir) / said


def model_file(configured: Path | None, data_dir: Path) -> Path | None:
    """The file of the model that writes: the one that a setting names, else the default's; None where there is none."""
    if configured is not None:
        return configured
    default = read_default_model(data_dir)
    if default == "built-in":
        return BUILT_IN
    return default if isinstance(default, Path) else None


def write_default_model(data_dir: Path, model: DefaultModel) -> None:
    """A file of our own folder by its name, so that the data folder may move."""
    folder = models_dir(data_dir)
    if isinstance(model, Path):
        model = model.absolute()
        said = model.name if model.parent == folder.absolute() else str(model)
    else:
        said = model
    write_whole(_line(data_dir), f"{said}\n".encode())


def _line(data_dir: Path) -> Path:
    return models_dir(data_dir) / "default"
