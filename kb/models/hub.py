"""The Hugging Face hub: the only module that asks it, and only while a model is pulled.

Files come over plain HTTP, by ranges, so that a transfer goes on where another run's ended; ``hf_hub_download`` starts
anew each time (huggingface_hub 2.4, ``_download_to_tmp_and_move``). ``HF_ENDPOINT`` names a mirror, ``HF_TOKEN`` opens
private and gated repositories.
"""

import difflib
import fcntl
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, constants, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.file_download import http_get
from huggingface_hub.hf_api import RepoSibling
from huggingface_hub.utils import build_hf_headers, disable_progress_bars

from kb.errors import DownloadFailed, UnknownName
from kb.models.downloads import Wanted

# Otherwise each request names the programs that run here, and the list of those to look for is fetched first.
constants.HF_HUB_DISABLE_TELEMETRY = True

LOOK_UP_S = 20.0
READ_BYTES = 1 << 20
_SPLIT = re.compile(r"-\d{5}-of-(\d{5})\.gguf$", re.I)


@dataclass(frozen=True)
class HubFile:
    """A file at one revision, and what it must be: ``sha256`` is the hub's own, in hexadecimal."""

    repository: str
    revision: str
    path: str
    size_bytes: int
    sha256: str

    @property
    def name(self) -> str:
        return Path(self.path).name


BY_HAND = (
    "Without a network, copy a GGUF file to this machine and run `kb model use FILE`; HF_ENDPOINT names a mirror. "
    "Nothing but `kb model pull` needs one."
)


class Hub:
    """Where models come from: what the environment names, unless an endpoint or a token is given.

    ``progress`` draws a bar on standard error.
    """

    def __init__(self, endpoint: str | None = None, token: str | bool | None = None, *, progress: bool = True) -> None:
        self._api = HfApi(endpoint, token)
        if not progress:
            disable_progress_bars()

    def look_up(self, wanted: Wanted) -> tuple[HubFile, ...]:
        """The file, or all parts of a split one.

        Raises :class:`DownloadFailed` where the hub or the repository cannot be reached, :class:`UnknownName` where the
        repository has no such file.
        """
        with self._said_plainly(wanted.repository):
            info = self._api.model_info(wanted.repository, files_metadata=True, timeout=LOOK_UP_S)
        files = {file.rfilename: file for file in info.siblings or ()}
        found = wanted.file if wanted.file in files else _in_other_case(wanted.file, files)
        if found is None or info.sha is None:
            models = [name for name in files if name.casefold().endswith(".gguf")]
            near = difflib.get_close_matches(wanted.file, models, n=3, cutoff=0.3) or models[:3]
            raise UnknownName(f"file in {wanted.repository}", wanted.file, near)
        return tuple(_hub_file(wanted.repository, info.sha, files[part]) for part in _parts(found, files))

    def fetch(self, file: HubFile, target: Path) -> None:
        """Bring the file to ``target``, which does not exist before it is complete and verified.

        Raises :class:`DownloadFailed`; what has come is kept for the next time, unless its checksum is wrong.
        """
        part = partial(file, target)
        try:
            with part.open("ab") as out:
                _claim(out.fileno(), target)
                if out.tell() > file.size_bytes:
                    out.truncate(0)
                    out.seek(0)
                with self._said_plainly(file.repository, kept=True):
                    http_get(
                        hf_hub_url(file.repository, file.path, revision=file.revision, endpoint=self._api.endpoint),
                        out,
                        resume_size=out.tell(),
                        # Compressed, the bytes would not be those that a range counts.
                        headers=build_hf_headers(token=self._api.token, headers={"Accept-Encoding": "identity"}),
                        expected_size=file.size_bytes,
                        displayed_filename=target.name,
                    )
            if sha256_of(part) != file.sha256:
                part.unlink()
                raise DownloadFailed(
                    f"{file.name} is not what {file.repository} holds: its SHA-256 differs, and it was deleted. Pull "
                    "it again; if that does not help, something between here and the hub changes files."
                )
            part.replace(target)
        except OSError as error:
            reason = error.strerror or f"{file.size_bytes:,} bytes should have come, and others did"
            raise DownloadFailed(f"{target}: {reason}. What has come is kept: pull again.") from error

    @contextmanager
    def _said_plainly(self, repository: str, kept: bool = False) -> Iterator[None]:
        """The hub's errors as ours; ``kept``: with what has come, a second try goes on."""
        at = self._api.endpoint
        again = " What has come is kept: pull again, and it goes on from there." if kept else ""
        try:
            yield
        except OfflineModeIsEnabled:
            raise DownloadFailed(f"HF_HUB_OFFLINE is set, which forbids the hub; unset it to pull. {BY_HAND}") from None
        except GatedRepoError:
            raise DownloadFailed(
                f"{repository} is gated: accept its licence at {at}/{repository}, then set HF_TOKEN to a token "
                "of that account, or run `hf auth login`."
            ) from None
        except RepositoryNotFoundError:
            raise DownloadFailed(
                f"{at} shows no repository {repository!r}. If it is private, set HF_TOKEN or run `hf auth login`."
            ) from None
        except HFValidationError:
            raise DownloadFailed(f"{repository!r} is no repository's name; write OWNER/REPOSITORY/FILE.gguf.") from None
        except HfHubHTTPError as error:
            raise DownloadFailed(f"{at} answered {error.response.status_code} for {repository}.{again}") from error
        except httpx2.ConnectError as error:
            raise DownloadFailed(f"{at} cannot be reached: {error}.{again} {BY_HAND}") from error
        except httpx2.HTTPError as error:
            what = str(error) or type(error).__name__
            raise DownloadFailed(f"The connection to {at} broke: {what}.{again} {BY_HAND}") from error


def _in_other_case(path: str, files: dict[str, RepoSibling]) -> str | None:
    """Repositories have renamed ``mxfp4`` to ``MXFP4``."""
    return next((name for name in files if name.casefold() == path.casefold()), None)


def _parts(path: str, files: dict[str, RepoSibling]) -> list[str]:
    split = _SPLIT.search(path)
    if not split:
        return [path]
    stem, count = path[: split.start()], int(split[1])
    parts = [f"{stem}-{number:05d}-of-{count:05d}.gguf" for number in range(1, count + 1)]
    if missing := [part for part in parts if part not in files]:
        raise DownloadFailed(f"{path} is one of {count} parts, and the repository has no {missing[0]}.")
    return parts


def _hub_file(repository: str, revision: str, file: RepoSibling) -> HubFile:
    if file.lfs is None:
        raise DownloadFailed(f"The hub gives no SHA-256 for {file.rfilename} of {repository}: it cannot be verified.")
    if file.lfs.size > constants.MAX_HTTP_DOWNLOAD_SIZE:
        raise DownloadFailed(
            f"{file.rfilename} has {file.lfs.size / 1e9:.0f} GB, and the hub sends files above 50 GB to its own "
            f"program alone: `hf download {repository} {file.rfilename}`, then `kb model use FILE`."
        )
    return HubFile(repository, revision, file.rfilename, file.lfs.size, file.lfs.sha256)


def partial(file: HubFile, target: Path) -> Path:
    """Where a transfer is collected; by its checksum, so that two versions of a file are never joined."""
    return target.with_name(f"{target.name}.{file.sha256[:12]}.part")


def _claim(descriptor: int, target: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DownloadFailed(f"{target.name} is being pulled by another process.") from None


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
