"""How the server logs: one line an event on standard error, plain tracebacks without variables."""

import logging
import re
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import structlog

_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+=@/-]{0,99}")
_NAME = "request_id"


class _Lines:
    """Writes each line to what standard error is then: where it is replaced for a while and closed, no later answer
    fails for want of a log."""

    def __init__(self, *_: object) -> None: ...

    def msg(self, message: str) -> None:
        with suppress(ValueError, OSError):  # closed, or a pipe that nobody reads
            print(message, file=sys.stderr, flush=True)

    log = debug = info = warning = warn = error = critical = fatal = exception = failure = err = msg


def configure(level: str) -> None:
    """``level`` is that of the server, of the language model's engine and of llama.cpp behind it alike."""
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    lines = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[*processors, lines],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=_Lines,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=processors,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, lines],
        )
    )
    ours = logging.getLogger("kb")
    ours.handlers = [handler]
    ours.setLevel(level)
    ours.propagate = False


@contextmanager
def about_request(wished: str) -> Iterator[str]:
    """A request's id, which stands in all that is logged meanwhile: the one ``wished`` where it is sane."""
    chosen = wished if _SANE.fullmatch(wished) else uuid.uuid4().hex
    with structlog.contextvars.bound_contextvars(**{_NAME: chosen}):
        yield chosen


def request_id() -> str | None:
    """Of the request that is being answered."""
    return structlog.contextvars.get_contextvars().get(_NAME)
