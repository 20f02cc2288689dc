"""Files written whole, and what the system says against it told to people."""

import errno
import os
from contextlib import suppress
from pathlib import Path

_ROOM = "Make room there, or set KB_DATA_DIR to a folder on a larger disk."
_RIGHT = "Give this user the right to it, or set KB_DATA_DIR to a folder that this user may write."
_MENDS = {
    errno.ENOSPC: _ROOM, errno.EDQUOT: _ROOM, errno.EIO: _ROOM,
    errno.EROFS: _RIGHT, errno.EACCES: _RIGHT, errno.EPERM: _RIGHT,
}  # fmt: skip


def write_whole(path: Path, content: bytes) -> None:
    """In one step: ``path`` is never there in part, and stays as it was where the disk refuses.

    Raises :class:`OSError` that names ``path``, which the system's own does not where a disk is full.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(content)
        fresh.replace(path)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error


def told(error: OSError) -> str:
    """What was refused, where, and what to do.

    >>> told(OSError(errno.ENOSPC, "No space left on device", "/data/models"))
    '/data/models: No space left on device. Make room there, or set KB_DATA_DIR to a folder on a larger disk.'
    """
    where = f"{error.filename}: " if error.filename else ""
    mend = _MENDS.get(error.errno or 0, "")
    return f"{where}{error.strerror or error}. {mend}".rstrip()
