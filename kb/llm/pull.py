"""Bringing a model here: looked up, room made sure of, fetched, verified."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from kb.errors import DownloadFailed
from kb.llm.default_model import models_dir
from kb.llm.downloads import Wanted
from kb.llm.hub import Hub, HubFile, partial, sha256_of

SPARE_BYTES = 200_000_000
"""What a pull leaves free for everything else that writes here."""


def pull(hub: Hub, wanted: Wanted, data_dir: Path) -> Path:
    """The file, fetched unless it is here already; of a split one the first part. Raises :class:`DownloadFailed`."""
    files = hub.look_up(wanted)
    folder = models_dir(data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    missing = [file for file in files if not _is_here(file, folder / file.name)]
    _check_space(missing, folder)
    for file in missing:
        hub.fetch(file, folder / file.name)
    return folder / files[0].name


def _is_here(file: HubFile, target: Path) -> bool:
    if not target.exists():
        return False
    if target.stat().st_size == file.size_bytes and sha256_of(target) == file.sha256:
        return True
    raise DownloadFailed(
        f"{target} is here and is not the file that {file.repository} holds. Run `kb model remove {target.stem}` first."
    )


def _check_space(files: Sequence[HubFile], folder: Path) -> None:
    parts = [partial(file, folder / file.name) for file in files]
    here = sum(part.stat().st_size for part in parts if part.exists())
    needed = sum(file.size_bytes for file in files) - here
    free = shutil.disk_usage(folder).free
    if files and needed + SPARE_BYTES > free:
        raise DownloadFailed(
            f"{files[0].name} takes {needed / 1e9:.2f} GB more, {SPARE_BYTES / 1e9:g} GB shall stay free, and {folder} "
            f"has {free / 1e9:.2f} GB. Make room, choose a smaller model (`kb model list`), or set KB_DATA_DIR to a "
            "folder on a larger disk."
        )
