"""The process that owns the local model: ``python -m kb.llm.worker <descriptor of the pipe>``.

One owner, because llama.cpp aborts the process when two threads use one model; a process of its own, so that such
an abort does not take the server with it.
"""

import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread
from time import monotonic
from typing import Literal, NoReturn

import jinja2

from kb.errors import EngineUnavailable
from kb.llm import messages as assembly
from kb.llm.llama import LlamaLog, Model, Stopped, Unloadable
from kb.llm.pace import Pace, within
from kb.llm.wire import Ask, Begun, Broke, Cancel, Done, Failed, FromWorker, Loaded, LoadModel, Ready, Text
from kb.llm.writing import Draft, UnusableGrammar

Send = Callable[[FromWorker], None]


class Pipe:
    """Our end of the pipe. A thread of its own reads it, so that a cancellation, and the end of the server, are
    noticed while llama.cpp computes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sending = Lock()
        self.asks: SimpleQueue[Ask] = SimpleQueue()
        self.cancelled_through = 0
        """Requests are numbered upwards and come one at a time: this one is cancelled, and all before it."""

    def send(self, message: FromWorker) -> None:
        with self._sending:
            try:
                self._connection.send(message)
            except OSError:
                _leave()

    def listen(self) -> None:
        Thread(target=self._read, name="kb-llm-pipe", daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                message = self._connection.recv()
            except (EOFError, OSError):
                _leave()
            match message:
                case Ask():
                    self.asks.put(message)
                case Cancel(id=request):
                    self.cancelled_through = max(self.cancelled_through, request)


def _leave() -> NoReturn:
    """The server is gone: nothing here is worth a tidy end."""
    os._exit(0)


class Writer:
    """The model, how fast it works, and the one request that it works on."""

    def __init__(self, model: Model, pace: Pace, send: Send, cancelled_through: Callable[[], int]) -> None:
        self._model, self._pace, self._send, self._cancelled_through = model, pace, send, cancelled_through
        self._request, self._limit_s = 0, float("inf")
        model.stop_when(self._must_stop)

    def answer(self, ask: Ask) -> None:
        self._request, self._limit_s = ask.id, monotonic() + ask.seconds
        try:
            prompt, tokens = assembly.fitted(ask.prompt, self._model.context, self._model.chat.tokens)
            draft = Draft(self._model, prompt.grammar)
        except (EngineUnavailable, ValueError, jinja2.TemplateError, UnusableGrammar) as error:
            self._send(Broke(ask.id, str(error)))
            return
        unread = self._model.unread(tokens)
        try:
            max_tokens = within(self._limit_s - monotonic(), self._pace, unread, prompt)
        except EngineUnavailable as error:
            self._send(Broke(ask.id, str(error)))
            self._measure_again()
            return
        self._send(Begun(ask.id, unread, self._pace.seconds(unread, max_tokens)))
        try:
            self._write(draft, tokens, max_tokens)
        except Stopped:
            pass
        except (RuntimeError, UnusableGrammar) as error:
            self._send(Broke(ask.id, f"The language model failed: {error}."))
            return
        self._send(Done(ask.id, len(tokens), draft.tokens, draft.log_probability, self._end(), self._pace))

    def _write(self, draft: Draft, tokens: list[int], max_tokens: int) -> None:
        """Sends the text as it comes."""
        self._read(tokens)
        started = monotonic()
        try:
            while draft.tokens < max_tokens and not self._must_stop():
                text = draft.next()
                if text is None:
                    return
                if text:
                    figures = draft.figure_log_probability
                    self._send(Text(self._request, text, draft.tokens, draft.log_probability, figures))
                if draft.tokens < max_tokens:
                    draft.read_on()
        finally:
            self._pace = self._pace.after_writing(draft.tokens, monotonic() - started)

    def _read(self, tokens: list[int]) -> None:
        unread, started = self._model.unread(tokens), monotonic()
        whole = False
        try:
            self._model.read(tokens)
            whole = True
        finally:
            self._pace = self._pace.after_reading(unread, monotonic() - started, whole=whole)

    def _measure_again(self) -> None:
        """A model that was slow for a while would refuse for ever: what it refuses, it learns nothing from."""
        self._limit_s = float("inf")
        try:
            self._pace = self._model.measured()
        except (Stopped, RuntimeError):
            return

    def _must_stop(self) -> bool:
        return self._cancelled_through() >= self._request > 0 or monotonic() >= self._limit_s

    def _end(self) -> Literal["finished", "cancelled", "deadline"]:
        if self._cancelled_through() >= self._request:
            return "cancelled"
        return "deadline" if monotonic() >= self._limit_s else "finished"


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = Connection(int(sys.argv[1]))
    load: LoadModel = connection.recv()
    pipe = Pipe(connection)
    pipe.listen()
    try:
        model = Model(load, LlamaLog(pipe.send))
        pipe.send(Loaded())
        pace = model.test()
    except Unloadable as error:
        pipe.send(Failed(f"The language model {Path(load.path).name} cannot be loaded: {error}"))
        return
    pipe.send(Ready(model.context, pace))
    writer = Writer(model, pace, pipe.send, lambda: pipe.cancelled_through)
    while True:
        writer.answer(pipe.asks.get())


if __name__ == "__main__":
    main()
