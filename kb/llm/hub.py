"""The Hugging Face hub: the only module that asks it, and only while a model is pulled.

Files come over plain HTTP, by ranges, so that a transfer goes on where another run's ended; ``hf_hub_download`` starts
anew each time (huggingface_hub 2.4, ``_download_to_tmp_and_move``). ``HF_ENDPOINT`` names a mirror, ``HF_TOKEN`` opens
private and gated repositories.
"""

import difflib
import fcntl
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO

import httpx2
from huggingface_hub import constants, hf_hub_url
from huggingface_hub.errors import HFValidationError, OfflineModeIsEnabled
from huggingface_hub.utils import build_hf_headers, http_stream_backoff, validate_repo_id
from pydantic import BaseModel, Field, ValidationError
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from kb.catalogue.gguf_file import file_parts
from kb.errors import DownloadFailed, UnknownName
from kb.llm.downloads import Wanted
from kb.terminal import err, shown

# Otherwise each request names the programs that run here, and the list of those to look for is fetched first.
constants.HF_HUB_DISABLE_TELEMETRY = True

SILENCE_S = 20.0
"""So long without a byte, and a connection counts as broken."""
PATIENCE_S = 60.0
PATIENCE_BYTES = 64 * 1024
"""Fewer than this in each ``PATIENCE_S``, and a transfer that drips is given up."""
MOST_DESCRIPTION_BYTES = 50_000_000
TRIES = 5
"""Without a new byte; then a transfer that keeps breaking is given up."""


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


class _Stored(BaseModel):
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0)]


class _File(BaseModel):
    rfilename: str
    lfs: _Stored | None = None


class _Repository(BaseModel):
    """What the hub tells of a repository, as far as it is asked."""

    sha: Annotated[str, Field(pattern=r"^\w+$")]
    siblings: tuple[_File, ...] = ()


BY_HAND = (
    "Without a network, copy a GGUF file to this machine and run `kb model use FILE`; HF_ENDPOINT names a mirror. "
    "Nothing but `kb model pull` needs one."
)


class Hub:
    """Where models come from: what the environment names, unless an endpoint or a token is given.

    ``progress`` draws a bar on standard error.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        token: str | bool | None = None,
        *,
        progress: bool = True,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._endpoint = endpoint or constants.ENDPOINT
        self._token = token
        self._progress = progress
        self._patience_s = patience_s

    def look_up(self, wanted: Wanted) -> tuple[HubFile, ...]:
        """The file, or all parts of a split one.

        Raises :class:`DownloadFailed` where the hub or the repository cannot be reached, :class:`UnknownName` where the
        repository has no such file.
        """
        described = self._described(wanted.repository)
        files = {file.rfilename: file for file in described.siblings}
        found = wanted.file if wanted.file in files else _in_other_case(wanted.file, files)
        if found is None:
            models = [name for name in files if name.casefold().endswith(".gguf")]
            near = difflib.get_close_matches(wanted.file, models, n=3, cutoff=0.3) or models[:3]
            raise UnknownName(f"file in {wanted.repository}", wanted.file, near)
        return tuple(_hub_file(wanted.repository, described.sha, files[part]) for part in _parts(found, files))

    def _described(self, repository: str) -> _Repository:
        try:
            validate_repo_id(repository)
        except HFValidationError:
            raise DownloadFailed(f"{repository!r} is no repository's name; write OWNER/REPOSITORY/FILE.gguf.") from None
        url = f"{self._endpoint}/api/models/{repository}?blobs=true"
        with self._said_plainly(), self._asked(url, repository) as response:
            content = b"".join(_pieces(response, MOST_DESCRIPTION_BYTES, _Pace(self._patience_s)))
            kind = response.headers.get("Content-Type", "no stated type")[:80]
        try:
            return _Repository.model_validate_json(content)
        except ValidationError:
            raise DownloadFailed(
                f"{self._endpoint} does not answer as the hub does: instead of a description of {repository} it sent "
                f"{len(content):,} bytes of {kind}. Is a login page or a proxy in between? {BY_HAND}"
            ) from None

    def fetch(self, file: HubFile, target: Path) -> None:
        """Bring the file to ``target``, which does not exist before it is complete and verified.

        Raises :class:`DownloadFailed`; what has come is kept for the next time, unless it is not the file.
        """
        part = partial(file, target)
        try:
            with part.open("ab") as out:
                _claim(out.fileno(), target)
                if out.tell() > file.size_bytes:
                    out.truncate(0)
                    out.seek(0)
                with self._said_plainly(kept=True):
                    self._transfer(file, out)
                come = out.tell()
            if come < file.size_bytes:
                raise DownloadFailed(
                    f"{target}: {file.size_bytes:,} bytes should have come, and {come:,} did. They are kept: pull "
                    "again."
                )
            if come > file.size_bytes or sha256_of(part) != file.sha256:
                part.unlink()
                differs = "its SHA-256 differs"
                if come > file.size_bytes:
                    differs = f"more came than its {file.size_bytes:,} bytes"
                raise DownloadFailed(
                    f"{file.name} is not what {file.repository} holds: {differs}, and it was deleted. Pull "
                    "it again; if that does not help, something between here and the hub changes files."
                )
            part.replace(target)
        except OSError as error:
            raise DownloadFailed(f"{target}: {error.strerror}. What has come is kept: pull again.") from error

    def _transfer(self, file: HubFile, out: BinaryIO) -> None:
        """Appends what is missing; where a connection breaks, from there on. At most a piece too much is written."""
        url = hf_hub_url(file.repository, file.path, revision=file.revision, endpoint=self._endpoint)
        columns = (
            TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
            TimeRemainingColumn(),
        )  # fmt: skip
        with Progress(*columns, console=err, disable=not self._progress) as progress:
            bar = progress.add_task(shown(file.name), total=file.size_bytes, completed=out.tell())
            tries, pace = TRIES, _Pace(self._patience_s)
            while out.tell() < file.size_bytes:
                before = out.tell()
                try:
                    with self._asked(url, file.repository, start=before) as response:
                        if before and response.status_code == 200:  # A server that knows no ranges.
                            out.truncate(0)
                            out.seek(0)
                        for piece in _pieces(response, file.size_bytes - out.tell(), pace):
                            out.write(piece)
                            progress.update(bar, completed=out.tell())
                    return
                except (httpx2.ConnectError, httpx2.TimeoutException, httpx2.RemoteProtocolError):
                    tries = TRIES if out.tell() > before else tries - 1
                    if not tries:
                        raise
                    time.sleep(1)

    @contextmanager
    def _asked(self, url: str, repository: str, *, start: int = 0) -> Iterator[httpx2.Response]:
        """An answer that is no refusal, its body still to come. Raises :class:`DownloadFailed`."""
        # Compressed, the bytes would not be those that a range counts.
        wanted = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        headers = build_hf_headers(token=self._token, headers=wanted)
        asking = http_stream_backoff(
            "GET", url, headers=headers, timeout=SILENCE_S, retry_on_exceptions=(), retry_on_status_codes=(408, 429)
        )
        with asking as response:
            if response.is_error:
                again = " What has come is kept: pull again, and it goes on from there." if start else ""
                raise DownloadFailed(_refusal(response, self._endpoint, repository) + again)
            yield response

    @contextmanager
    def _said_plainly(self, kept: bool = False) -> Iterator[None]:
        """A connection's errors as ours; ``kept``: with what has come, a second try goes on."""
        at = self._endpoint
        again = " What has come is kept: pull again, and it goes on from there." if kept else ""
        try:
            yield
        except OfflineModeIsEnabled:
            raise DownloadFailed(f"HF_HUB_OFFLINE is set, which forbids the hub; unset it to pull. {BY_HAND}") from None
        except httpx2.ConnectError as error:
            raise DownloadFailed(f"{at} cannot be reached: {error}.{again} {BY_HAND}") from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            what = str(error) or type(error).__name__
            raise DownloadFailed(f"The connection to {at} broke: {what}.{again} {BY_HAND}") from error


class _Pace:
    """How fast bytes come, over all connections of one transfer."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._since, self._come = time.monotonic(), 0

    def came(self, count: int) -> None:
        """Raises :class:`DownloadFailed` where a transfer only drips."""
        self._come += count
        now = time.monotonic()
        if now - self._since <= self._patience_s:
            return
        if self._come < PATIENCE_BYTES:
            raise DownloadFailed(
                f"No more than {self._come:,} bytes came in {now - self._since:.0f} s, too few to wait for. Pull again "
                f"later: what has come of a file is kept. {BY_HAND}"
            )
        self._since, self._come = now, 0


def _pieces(response: httpx2.Response, most_bytes: int, pace: _Pace) -> Iterator[bytes]:
    """The body as it comes, and no further than the piece that exceeds ``most_bytes``."""
    come = 0
    for piece in response.iter_bytes():
        yield piece
        come += len(piece)
        if come > most_bytes:
            return
        pace.came(len(piece))


def _refusal(response: httpx2.Response, at: str, repository: str) -> str:
    """By status and headers (huggingface_hub: ``hf_raise_for_status``); a refusal's body may be anything."""
    code = response.headers.get("X-Error-Code")
    if code == "GatedRepo":
        return (
            f"{repository} is gated: accept its licence at {at}/{repository}, then set HF_TOKEN to a token "
            "of that account, or run `hf auth login`."
        )
    wrong_token = response.headers.get("X-Error-Message") == "Invalid credentials in Authorization header"
    if code == "RepoNotFound" or (response.status_code == 401 and not wrong_token):
        return f"{at} shows no repository {repository!r}. If it is private, set HF_TOKEN or run `hf auth login`."
    return f"{at} answered {response.status_code} for {repository}."


def _in_other_case(path: str, files: dict[str, _File]) -> str | None:
    """Repositories have renamed ``mxfp4`` to ``MXFP4``."""
    return next((name for name in files if name.casefold() == path.casefold()), None)


def _parts(path: str, files: dict[str, _File]) -> list[str]:
    parts = [part.as_posix() for part in file_parts(Path(path))]
    if missing := [part for part in parts if part not in files]:
        raise DownloadFailed(f"{path} is one of {len(parts)} parts, and the repository has no {missing[0]}.")
    return parts


def _hub_file(repository: str, revision: str, file: _File) -> HubFile:
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
