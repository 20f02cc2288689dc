"""Every model that can be had or is here, on this machine."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from kb.catalogue import Catalogue
from kb.llm.advice import Advice, advise, advise_on_file
from kb.llm.default_model import models_dir
from kb.llm.downloads import Download
from kb.llm.shelf import is_default, shelved, unfinished
from kb.tools.shared.here import Here


class Listed(Advice):
    """``repository`` is None for a file that is not of the table."""

    repository: str | None
    file: str
    downloaded: Literal["yes", "partly", "no"]
    default: bool


def list_models(
    catalogue: Catalogue, downloads: Sequence[Download], data_dir: Path, here: Here, context: int
) -> tuple[Listed, ...]:
    """The table in its order, then what else lies here."""
    whole, broken = shelved(data_dir), unfinished(data_dir)
    rows = []
    for download, advice in zip(downloads, advise(catalogue, downloads, here, context), strict=True):
        file = models_dir(data_dir) / Path(download.file).name
        state: Literal["yes", "partly", "no"] = "yes" if file in whole else "partly" if file in broken else "no"
        rows.append(_listed(advice, download.repository, file, state, data_dir))
    of_table = {Path(download.file).name for download in downloads}
    for file in whole:
        own = advise_on_file(catalogue, file, here, context) if file.name not in of_table else None
        if own:
            rows.append(_listed(own, None, file, "yes", data_dir))
    return tuple(rows)


def _listed(
    advice: Advice, repository: str | None, file: Path, state: Literal["yes", "partly", "no"], data_dir: Path
) -> Listed:
    return Listed(
        **dict(advice), repository=repository, file=file.name, downloaded=state, default=is_default(data_dir, file)
    )
