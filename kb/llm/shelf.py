"""The model files that lie in ``<data_dir>/models``."""

from collections.abc import Sequence
from pathlib import Path

from kb.catalogue.gguf_file import file_parts
from kb.errors import InvalidArgument, UnknownName
from kb.llm.default_model import models_dir, read_default_model, write_default_model
from kb.llm.downloads import Download, find_download, nearest


def shelved(data_dir: Path) -> list[Path]:
    """Every model here, a split one by its first part."""
    files = sorted(models_dir(data_dir).glob("*.gguf"))
    return [file for file in files if file_parts(file)[0] == file]


def unfinished(data_dir: Path) -> list[Path]:
    """Where models would lie whose transfer broke off: ``NAME.gguf.<checksum>.part`` is there."""
    rests = models_dir(data_dir).glob("*.part")
    targets = {file_parts(rest.with_name(rest.name.rsplit(".", 2)[0]))[0] for rest in rests}
    return sorted(target for target in targets if not target.exists())


def find_file(data_dir: Path, downloads: Sequence[Download], name: str, *, whole: bool = True) -> Path:
    """The file meant by a name of the table, by a file's name, or by a path; with ``whole`` unset, a broken one too.

    Raises :class:`UnknownName`, or :class:`InvalidArgument` for a model of the table that is not here.
    """
    path = Path(name)
    if path.suffix.casefold() == ".gguf" and path.is_file():
        return file_parts(path)[0]
    here = shelved(data_dir) if whole else [*shelved(data_dir), *unfinished(data_dir)]
    download = find_download(downloads, name)
    meant = Path(download.file).name if download else name if path.suffix.casefold() == ".gguf" else f"{name}.gguf"
    for file in here:
        if file.name.casefold() == meant.casefold():
            return file
    if download:
        raise InvalidArgument("model", name, f"one that is here; fetch it with `kb model pull {download.slug}`")
    names = [*(file.stem for file in here), *(entry.slug for entry in downloads)]
    raise UnknownName("model", name, nearest(name, names))


def remove(data_dir: Path, file: Path) -> None:
    """Delete the file, all its parts and what is left of broken transfers; a default that it was is none now."""
    folder = models_dir(data_dir)
    if file.parent.absolute() != folder.absolute():
        raise InvalidArgument("model", file, f"one in {folder}; other files are not ours to delete")
    was_default = is_default(data_dir, file)
    for part in file_parts(file):
        part.unlink(missing_ok=True)
        for rest in folder.glob(f"{part.name}.*.part"):
            rest.unlink()
    if was_default:
        write_default_model(data_dir, None)


def is_default(data_dir: Path, file: Path) -> bool:
    default = read_default_model(data_dir)
    return default is not None and default.absolute() == file.absolute()
