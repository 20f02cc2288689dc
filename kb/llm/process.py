"""The local model's process, as the server sees it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing import Pipe
from threading import Lock

from kb.llm.threads import patient
from kb.llm.wire import FromWorker, LoadModel, ToWorker

PROGRAM = "kb.llm.worker"


class WorkerProcess:
    """A fresh interpreter with one pipe to it.

    It inherits no memory and no other descriptor, imports none of the server's modules, and ends by itself when
    the pipe closes, however the server dies. A session of its own keeps the terminal's Ctrl-C from it.
    """

    def __init__(self, model: LoadModel) -> None:
        self._connection, theirs = Pipe()
        self._sending = Lock()
        with theirs:
            self._process = subprocess.Popen(
                # -P: a module that happens to lie in the working directory is not imported
                [sys.executable, "-P", "-m", PROGRAM, str(theirs.fileno())],
                env=patient(os.environ),
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self.send(model)

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, message: ToWorker) -> None:
        """To a process that has died, nothing: whoever reads :meth:`messages` hears of it."""
        with self._sending:
            try:
                self._connection.send(message)
            except OSError:
                return

    def messages(self) -> Iterator[FromWorker]:
        """Until the process ends."""
        while True:
            try:
                yield self._connection.recv()
            except (EOFError, OSError):
                return

    def kill(self) -> None:
        self._process.kill()

    def reap(self) -> int:
        """End it, if it has not ended; its exit status, negative for a signal."""
        self._process.kill()
        status = self._process.wait()
        with self._sending:
            self._connection.close()
        return status
