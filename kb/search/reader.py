"""Files are read in a process of their own: what one of them may take of time and memory is bounded."""

import math
import multiprocessing
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Self

from kb.errors import UnreadableDocument
from kb.search.formats import MAX_PASSAGES, Document, read_document

_SPAWN = multiprocessing.get_context("spawn")
"""A fresh interpreter: it shares no memory with this one, whose threads a fork would break."""


@dataclass(frozen=True)
class Limits:
    """What one file may take."""

    cpu_s: int = 60
    wall_s: float = 240
    """For a machine that does something else, or a disk that does not answer."""
    memory_bytes: int = 2 * 2**30
    passages: int = MAX_PASSAGES


LIMITS = Limits()


class Reader:
    """One process for many files, replaced when one of them was the end of it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._start()

    def _start(self) -> None:
        self._pipe, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_serve, args=(theirs, self._limits), daemon=True)
        self._process.start()
        theirs.close()

    def read(self, path: Path) -> Document:
        """Raises :class:`UnreadableDocument` naming the file, and the limit if it was over one."""
        try:
            self._pipe.send_bytes(os.fsencode(path))
            answer = self._pipe.recv_bytes() if self._pipe.poll(self._limits.wall_s) else None
        except (EOFError, OSError):
            self._process.join()
            answer = None
        if answer is None:
            reason = self._reason()
            self._stop()
            self._start()
            raise UnreadableDocument(f"{path}: {reason}")
        if answer.startswith(_REFUSED):
            raise UnreadableDocument(os.fsdecode(answer.removeprefix(_REFUSED)))
        return Document.model_validate_json(answer)

    def _reason(self) -> str:
        status = self._process.exitcode
        if status is None:
            return f"takes more than {self._limits.wall_s:g} s to read; split it into smaller files"
        if status == -signal.SIGXCPU:
            return f"takes more than {self._limits.cpu_s} s of computing to read; split it into smaller files"
        how = signal.strsignal(-status) if status < 0 else f"exit status {status}"
        return f"broke off the process that read it ({how}); save it in another format"

    def _stop(self) -> None:
        self._process.kill()
        self._process.join()
        self._process.close()
        self._pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()


_REFUSED = b"!"
"""How an answer begins that is no document's JSON."""


def _serve(pipe: Connection, limits: Limits) -> None:
    """Until the pipe closes, however the other end dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is for the command, which ends this process
    with open(os.devnull, "w") as nowhere:  # what libraries have to say about a broken file
        os.dup2(nowhere.fileno(), sys.stderr.fileno())
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, limits.memory_bytes)
    while True:
        try:
            path = Path(os.fsdecode(pipe.recv_bytes()))
        except EOFError:
            return
        _limit(resource.RLIMIT_CPU, math.ceil(time.process_time()) + limits.cpu_s)
        pipe.send_bytes(_answer(path, limits))


def _answer(path: Path, limits: Limits) -> bytes:
    try:
        return read_document(path, limits.passages).model_dump_json().encode()
    except UnreadableDocument as error:
        return _REFUSED + os.fsencode(str(error))
    except MemoryError:
        size = f"{limits.memory_bytes / 2**30:g} GiB"
        return _REFUSED + os.fsencode(f"{path}: takes more than {size} of memory to read; split it into smaller files")


def _limit(what: int, most: int) -> None:
    """The soft limit; where the system knows none of this kind, there is none."""
    _, hard = resource.getrlimit(what)
    with suppress(ValueError, OSError):
        resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
