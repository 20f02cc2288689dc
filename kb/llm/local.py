"""A GGUF file, through llama.cpp in a process of its own."""

import logging
import signal
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Condition, Thread, Timer
from time import monotonic
from typing import Literal

from kb.errors import EngineUnavailable
from kb.llm.base import Prompt, Run
from kb.llm.mend import mend
from kb.llm.messages import without_thoughts
from kb.llm.pace import Usual, counted, patience
from kb.llm.process import WorkerProcess
from kb.llm.waiting import POLL_S, Line, Place, too_slow, wait_until
from kb.llm.wire import Answer, Ask, Begun, Broke, Cancel, Done, Failed, Gone, Loaded, LoadModel, Log, Ready, Text

logger = logging.getLogger(__name__)

STOP_S = 0.8
"""A process that has not obeyed a cancellation by then is killed and started anew. Whoever asked waits for it."""

MOST_DEATHS = 3
"""In a row, without a word in between: so often a model is started."""

TEST_S = 30.0
"""The self-test of a loaded file takes no longer."""
LEAST_TOKENS_PER_S = 1.0
"""Written in the self-test; slower, no sentence comes within a deadline."""

Stage = Literal["loading", "testing", "working"]
"""How far a process has come."""

CRASHES = frozenset({signal.SIGSEGV, signal.SIGILL, signal.SIGBUS, signal.SIGFPE})
FAULTS: dict[Stage, frozenset[signal.Signals]] = {
    "loading": frozenset({signal.SIGILL}),  # others may be a damaged file
    "testing": CRASHES,
    "working": frozenset(),  # a process that has passed its test is started again
}
"""By which the library is known not to suit the processor: it would end so every time."""

Inbox = SimpleQueue[Answer | Gone]


class LocalEngine:
    """Loads in the background. Requests are served one at a time, in order; they wait for a model that loads.

    A process that dies is started again, after pauses that grow while it answers nothing. The engine is unusable, and
    is not started again, where the file does not load, where llama.cpp cannot run it here (its self-test crashes,
    hangs or is too slow), and where it dies :data:`MOST_DEATHS` times in a row without an answer.
    """

    def __init__(self, model: LoadModel, waiting: int) -> None:
        self.name = f"gguf:{Path(model.path).stem}"
        self._model = model
        self._line = Line(waiting)
        self._changed = Condition()  # guards what follows
        self._status = "loading"
        self._over = False
        self._worker: WorkerProcess | None = None
        self._inbox: Inbox | None = None
        self._request = 0
        self._usual = Usual()
        self._stage: Stage = "loading"
        self._thread = Thread(target=self._supervise, name="kb-llm", daemon=True)
        self._thread.start()

    def status(self) -> str:
        return self._status

    @property
    def pid(self) -> int | None:
        """The process that holds the model, if one is alive."""
        worker = self._worker
        return worker.pid if worker else None

    def close(self) -> None:
        self._become("The language model has been shut down.", over=True)
        with self._changed:
            worker = self._worker
        if worker:
            worker.kill()
        self._thread.join()

    # A request

    def write(self, prompt: Prompt, run: Run) -> Generator[str, None, None]:
        usual = self._usual
        with self._line.place(run, usual.seconds(prompt), usual.seconds(prompt, least=True)) as place:
            if not self._line.wait_for_head(place, run):
                return
            inbox: Inbox = SimpleQueue()
            with self._changed:
                if not wait_until(self._changed, lambda: self._over or self._status == "ready", run):
                    return
                if self._over or self._worker is None:
                    raise EngineUnavailable(self._status)
                self._request += 1
                self._inbox = inbox
                worker, request = self._worker, self._request
            worker.send(Ask(request, prompt, run.left_s))
            read = self._read(worker, request, inbox, run, lambda begun: self._begin(begun, prompt, place, run))
            with closing(read) as pieces:
                yield from without_thoughts(pieces)
            if prompt.purpose == "write" and not run.cancelled.is_set():
                self._usual = self._usual.with_written(run.completion_tokens)

    def _begin(self, begun: Begun, prompt: Prompt, place: Place, run: Run) -> None:
        place.begin(begun.seconds)
        if run.whole:
            run.end_within(patience(begun.seconds))
        self._usual = self._usual.with_read(begun.tokens, prompt)

    def _read(
        self, worker: WorkerProcess, request: int, inbox: Inbox, run: Run, begin: Callable[[Begun], None]
    ) -> Generator[str, None, None]:
        ended = False
        try:
            while not run.cancelled.is_set():
                if not run.left_s:
                    raise too_slow(run)
                try:
                    message = inbox.get(timeout=min(POLL_S, run.left_s))
                except Empty:
                    continue
                if isinstance(message, Begun):
                    begin(message)
                    continue
                if isinstance(message, Text):
                    run.completion_tokens, run.log_probability = message.tokens, message.log_probability
                    figures = run.figure_log_probability or 0.0
                    run.figure_log_probability = min(figures, message.figure_log_probability)
                    yield message.text
                    continue
                ended = True
                _conclude(message, run)
                return
        finally:
            if not ended:
                self._stop(worker, request, inbox, run)

    def _stop(self, worker: WorkerProcess, request: int, inbox: Inbox, run: Run) -> None:
        """Make the process free for the next request, whatever it takes."""
        worker.send(Cancel(request))
        limit_s = monotonic() + STOP_S
        while (left_s := limit_s - monotonic()) > 0:
            try:
                message = inbox.get(timeout=left_s)
            except Empty:
                break
            if isinstance(message, Begun | Text):
                continue
            if isinstance(message, Done):
                _count(message, run)
            return
        logger.warning("The language model's process %d does not stop: killed.", worker.pid)
        with self._changed:
            if self._worker is worker and not self._over:  # the next request shall wait for another
                self._status = "The language model's process hung and is started again."
        worker.kill()

    # The process

    def _supervise(self) -> None:
        silent_deaths = 0
        while not self._over:
            try:
                worker = WorkerProcess(self._model)
            except OSError as error:
                self._give_up(f"The language model's process cannot be started: {error}.")
                return
            with self._changed:
                self._worker = worker
            if self._over:  # close() may have come before there was anything to kill
                worker.kill()
            answers = self._listen(worker)
            self._become("The language model's process ended.")
            with self._changed:
                self._worker = None
            status = worker.reap()
            if not self._over:
                reason = f"The language model's process ended ({_cause(status)})."
                logger.error("%s: %s", self.name, reason)
                self._become(reason)
                silent_deaths = 0 if answers else silent_deaths + 1
                if -status in FAULTS[self._stage]:
                    self._give_up(f"This build of llama.cpp crashes on this processor ({_cause(status)}): {mend()}.")
                elif silent_deaths == MOST_DEATHS:
                    self._give_up(f"{self._file} died {MOST_DEATHS} times in a row. {reason} {_likely(status)}")
            self._tell(Gone(self._status))
            self._pause(silent_deaths)

    def _listen(self, worker: WorkerProcess) -> int:
        """Until the process ends: how many requests it answered."""
        answers = 0
        self._stage = "loading"
        test = Timer(TEST_S, self._hung, (worker,))
        test.daemon = True
        for message in worker.messages():
            match message:
                case Log(text=text, level=level):
                    logger.log(level, "llama.cpp: %s", text)
                case Loaded():
                    self._stage = "testing"
                    test.start()
                case Ready(context=context, pace=pace):
                    self._stage = "working"
                    test.cancel()
                    if pace.writing < LEAST_TOKENS_PER_S:
                        self._give_up(f"{self._file} writes {counted(pace.writing)} tokens/s here, {_SMALLER}.")
                        worker.kill()
                        continue
                    self._usual = replace(self._usual, pace=pace)
                    told = (self.name, worker.pid, context, counted(pace.reading), counted(pace.writing))
                    logger.info("%s is loaded: process %d, context %d tokens, reads %s tokens/s, writes %s.", *told)
                    self._become("ready")
                case Failed(reason=reason):
                    self._give_up(reason)
                case Done():
                    answers += 1
                    self._usual = replace(self._usual, pace=message.pace)
                    self._tell(message)
                case Begun() | Text() | Broke():
                    self._tell(message)
        test.cancel()
        return answers

    def _hung(self, worker: WorkerProcess) -> None:
        hangs = f"this build of llama.cpp hangs on this processor ({mend()})"
        few = f"{self._file} read and wrote not even a few tokens within {TEST_S:g} s"
        self._give_up(f"{few}: either {hangs}, or it is {_SMALLER}.")
        worker.kill()

    @property
    def _file(self) -> str:
        return f"The language model {Path(self._model.path).name}"

    def _tell(self, message: Answer | Gone) -> None:
        with self._changed:
            if self._inbox and (isinstance(message, Gone) or message.id == self._request):
                self._inbox.put(message)

    def _become(self, status: str, *, over: bool = False) -> None:
        """``over``: no process will be started again. What has ended stays so, with its first reason."""
        with self._changed:
            if not self._over:
                self._status, self._over = status, over
            self._changed.notify_all()

    def _give_up(self, reason: str) -> None:
        logger.error("%s is unusable: %s", self.name, reason)
        self._become(f"unusable: {reason}", over=True)

    def _pause(self, silent_deaths: int) -> None:
        """None after a death in the middle of good work."""
        pause_s = 0.25 * 2**silent_deaths if silent_deaths else 0.0
        with self._changed:
            self._changed.wait_for(lambda: self._over, timeout=pause_s)
        if not self._over:
            self._become("loading")


def _conclude(message: Done | Broke | Gone, run: Run) -> None:
    match message:
        case Done():
            _count(message, run)
            if message.ended == "deadline":
                raise too_slow(run)
        case Broke(reason=reason) | Gone(reason=reason):
            raise EngineUnavailable(reason)


def _count(done: Done, run: Run) -> None:
    run.prompt_tokens, run.completion_tokens = done.prompt_tokens, done.completion_tokens
    run.log_probability = done.log_probability


_SMALLER = "too slow to be of use; choose a smaller one (`kb model list`)"


def _cause(status: int) -> str:
    if -status in CRASHES:
        return signal.Signals(-status).name
    return f"signal {-status}" if status < 0 else f"exit status {status}"


def _likely(status: int) -> str:
    if -status == signal.SIGKILL:
        return "Memory that ran out is the common cause: choose a smaller one (`kb model list`)."
    return f"Either the file is damaged, or this build of llama.cpp cannot run it here ({mend()})."
