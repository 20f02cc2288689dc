"""The process that owns the local model: ``python -m kb.chat.engines.worker <descriptor of the pipe>``.

One owner, because llama.cpp aborts the process when two threads use one model; a process of its own, so that such
an abort does not take the server with it. The only module that imports ``llama_cpp``.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread
from time import monotonic
from typing import Any, Literal, NoReturn

import jinja2
import llama_cpp
from llama_cpp.llama_chat_format import CHATML_CHAT_TEMPLATE, Jinja2ChatFormatter

from kb.chat.engines import messages as assembly
from kb.chat.engines.base import Prompt
from kb.chat.engines.wire import Ask, Broke, Cancel, Done, Failed, FromWorker, LoadModel, Log, Ready, Text
from kb.errors import EngineUnavailable

Send = Callable[[FromWorker], None]
Messages = list[assembly.Message]


LOG_LEVEL_DEBUG, LOG_LEVEL_ERROR = 1, 4
"""``ggml_log_level`` of ggml.h; below INFO, several lines come for each tensor."""


class Unloadable(Exception):
    """The model cannot be used, this time or another."""


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


class LlamaLog:
    """Takes llama.cpp's log from standard error to the server, and keeps its errors as reasons."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._line = ""
        self.errors: list[str] = []
        self.callback = llama_cpp.llama_log_callback(self._write)
        llama_cpp.llama_log_set(self.callback, ctypes.c_void_p(0))

    def _write(self, level: int, text: bytes, _: ctypes.c_void_p) -> None:
        self._line += text.decode("utf-8", "replace")
        if not self._line.endswith("\n"):
            return
        line, self._line = self._line.strip(), ""
        if level == LOG_LEVEL_ERROR:
            self.errors.append(line)
        if level != LOG_LEVEL_DEBUG and line.strip("."):
            self._send(Log(line))


class Chat:
    """The model's own chat template, tried out once; ChatML where it has none, as in llama.cpp."""

    def __init__(self, llama: Any) -> None:
        self._llama = llama
        vocab = llama_cpp.llama_model_get_vocab(llama.model)
        self._bos, self.eos = _token_text(vocab, llama.token_bos()), _token_text(vocab, llama.token_eos())
        self._formatter = Jinja2ChatFormatter(
            template=llama.metadata.get("tokenizer.chat_template", CHATML_CHAT_TEMPLATE),
            eos_token=self.eos,
            bos_token=self._bos,
        )
        self._special = assembly.marker_pattern(list(_control_tokens(vocab, llama.n_vocab())))
        self._system_role = self._accepts_system_role()

    def tokens(self, prompt: Prompt) -> list[int]:
        """The prompt as the model sees it. Control tokens come from the template alone."""
        safe = replace(
            prompt,
            question=assembly.neutralised(prompt.question, self._special),
            evidence=tuple(assembly.neutralised(item, self._special) for item in prompt.evidence),
        )
        text = self._render(assembly.messages(safe))
        adds_bos = not (self._bos and text.startswith(self._bos))
        tokens: list[int] = self._llama.tokenize(text.encode("utf-8", "replace"), add_bos=adds_bos, special=True)
        return tokens

    def _render(self, messages: Messages) -> str:
        if not self._system_role:
            messages = [{"role": "user", "content": "\n\n".join(message["content"] for message in messages)}]
        # Templates that do not know the switch ignore it; Qwen's leaves the reasoning out.
        text: str = self._formatter(messages=messages, enable_thinking=False).prompt
        if text.rstrip().endswith("<think>"):
            text = text.rstrip() + "\n\n</think>\n\n"
        return text

    def _accepts_system_role(self) -> bool:
        """Gemma's first templates, for one, refuse a system message."""
        self._system_role = True
        try:
            return "kb-probe" in self._render([{"role": "system", "content": "kb-probe"}, _USER])
        except (ValueError, jinja2.TemplateError):
            return False


_USER = {"role": "user", "content": "?"}


def _token_text(vocab: Any, token: int) -> str:
    text: bytes = llama_cpp.llama_vocab_get_text(vocab, token) if token >= 0 else b""
    return text.decode("utf-8", "replace")


def _control_tokens(vocab: Any, count: int) -> Iterator[str]:
    """Texts that ``llama_tokenize`` with ``parse_special`` turns into one token (llama-vocab.cpp,
    ``cache_special_tokens``), but for plain words among the user-defined ones."""
    for token in range(count):
        attributes = llama_cpp.llama_vocab_get_attr(vocab, token)
        if attributes & (llama_cpp.LLAMA_TOKEN_ATTR_CONTROL | llama_cpp.LLAMA_TOKEN_ATTR_UNKNOWN):
            yield _token_text(vocab, token)
        elif attributes & llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED:
            text = _token_text(vocab, token)
            if text[:1] in "<[" and text[-1:] in ">]":
                yield text


class Writer:
    """The model, and the one request that it works on."""

    def __init__(self, model: LoadModel, pipe: Pipe, log: LlamaLog) -> None:
        self._pipe = pipe
        self._request, self._limit_s = 0, float("inf")
        try:
            self._llama = llama_cpp.Llama(
                model_path=model.path,
                n_ctx=model.context,
                n_threads=model.threads or None,
                n_threads_batch=model.threads or None,
                n_gpu_layers=model.gpu_layers,
                verbose=False,
            )
            self._chat = Chat(self._llama)
            self._chat.tokens(Prompt("?", "?", ("?",), 1))
            self._llama.eval([max(self._llama.token_bos(), 0)])  # A file that loads may still not be able to write.
            self._llama.reset()
        except (AssertionError, OSError, RuntimeError, ValueError, jinja2.TemplateError) as error:
            # llama.cpp's first complaint says more than the exception: "error loading model: tensor ... incomplete".
            reason = log.errors[0].partition(": ")[2] if log.errors else str(error)
            raise Unloadable(reason or str(error)) from error
        self.context = min(self._llama.n_ctx(), llama_cpp.llama_model_n_ctx_train(self._llama.model))
        self._abort = llama_cpp.ggml_abort_callback(lambda _: self._must_stop())
        llama_cpp.llama_set_abort_callback(self._llama.ctx, self._abort, None)

    def answer(self, ask: Ask) -> None:
        self._request, self._limit_s = ask.id, monotonic() + ask.seconds
        try:
            prompt, tokens = assembly.fitted(ask.prompt, self.context, self._chat.tokens)
        except (EngineUnavailable, ValueError, jinja2.TemplateError) as error:
            self._pipe.send(Broke(ask.id, str(error)))
            return
        failure = self._generate(tokens, prompt.max_tokens)
        # The last token is sampled and not evaluated; while the prompt is read, there is none.
        written = max(0, self._llama.n_tokens - len(tokens) + 1)
        if failure:
            self._llama.reset()  # An abort leaves half a batch in the cache.
        if failure and not self._must_stop():
            self._pipe.send(Broke(ask.id, f"The language model failed: {failure}."))
        else:
            self._pipe.send(Done(ask.id, len(tokens), written, self._end()))

    def _generate(self, tokens: list[int], max_tokens: int) -> RuntimeError | None:
        """Sends the text as it comes. What comes back is ``llama_decode``'s: it was aborted, or something is broken."""
        chunks = self._llama.create_completion(
            prompt=tokens,
            max_tokens=max_tokens,
            temperature=assembly.TEMPERATURE,
            top_p=assembly.TOP_P,
            seed=assembly.SEED,
            stop=[self._chat.eos] if self._chat.eos else [],
            stream=True,
            # Asked after every token, also while the bytes of a character are incomplete and nothing is sent.
            stopping_criteria=llama_cpp.StoppingCriteriaList([lambda *_: self._must_stop()]),
        )
        try:
            with closing(chunks):
                for chunk in chunks:
                    text = chunk["choices"][0]["text"]
                    if text and not self._must_stop():
                        self._pipe.send(Text(self._request, text))
        except RuntimeError as error:
            return error
        return None

    def _must_stop(self) -> bool:
        return self._pipe.cancelled_through >= self._request > 0 or monotonic() >= self._limit_s

    def _end(self) -> Literal["finished", "cancelled", "deadline"]:
        if self._pipe.cancelled_through >= self._request:
            return "cancelled"
        return "deadline" if monotonic() >= self._limit_s else "finished"


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = Connection(int(sys.argv[1]))
    model: LoadModel = connection.recv()
    pipe = Pipe(connection)
    pipe.listen()
    log = LlamaLog(pipe.send)
    try:
        writer = Writer(model, pipe, log)
    except Unloadable as error:
        pipe.send(Failed(f"The language model {Path(model.path)} cannot be loaded: {error}"))
        return
    pipe.send(Ready(writer.context))
    while True:
        writer.answer(pipe.asks.get())


if __name__ == "__main__":
    main()
