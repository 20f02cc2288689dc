"""The command line: ``kb``, a module for each group of commands. Every command that prints data takes ``--json``.

What a command needs is imported when it runs: torch and Chroma take seconds.
"""

import atexit
import gc

from kb.cli import calculating, index, model, reading, running, talking
from kb.cli.base import app
from kb.disk import told
from kb.errors import KnowledgeBaseError
from kb.terminal import complain

__all__ = ["app", "calculating", "index", "main", "model", "reading", "running", "talking"]

app.add_typer(model.app, name="model")


def main() -> None:
    """Entry point of the ``kb`` command: what the system refuses, a full disk for one, ends in one line too."""
    # What a command loads, it keeps: looking through it for garbage takes half a second, and as much again at the end.
    gc.set_threshold(200_000)
    atexit.register(gc.freeze)
    try:
        app()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except KnowledgeBaseError as error:
        complain(str(error))
        raise SystemExit(1) from None
    except OSError as error:
        complain(told(error))
        raise SystemExit(1) from None
