"""Which model writes explanations where no setting names one: one line in ``<data_dir>/models/default``.

``kb model use`` writes it and whoever starts a language model reads it. The line is a file's name in that folder, an
absolute path, or ``none``; until one is chosen there is none.
"""

from pathlib import Path

from kb.disk import write_whole

NONE = "none"


def models_dir(data_dir: Path) -> Path:
    return data_dir / "models"


def read_default_model(data_dir: Path) -> Path | None:
    try:
        said = _line(data_dir).read_text("utf-8").strip()
    except FileNotFoundError:
        return None
    return models_dir(data_dir) / said if said not in ("", NONE) else None


def model_file(configured: Path | None, data_dir: Path) -> Path | None:
    """The file of the model that writes: the one that a setting names, else the default; None where there is none."""
    return configured if configured is not None else read_default_model(data_dir)


def write_default_model(data_dir: Path, model: Path | None) -> None:
    """A file of our own folder by its name, so that the data folder may move."""
    said = NONE
    if model is not None:
        model = model.absolute()
        said = model.name if model.parent == models_dir(data_dir).absolute() else str(model)
    write_whole(_line(data_dir), f"{said}\n".encode())


def _line(data_dir: Path) -> Path:
    return models_dir(data_dir) / "default"
