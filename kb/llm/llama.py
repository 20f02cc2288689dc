"""llama.cpp, through llama-cpp-python: a loaded file, its chat template, its tokens, its cache.

Text is written token by token on the library's low level: its own ``create_completion`` looks at the whole text again
for each token, which costs a small model more than its thinking.
"""

import ctypes
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from time import monotonic
from typing import Any, ClassVar

import jinja2
import llama_cpp
import numpy as np
from llama_cpp.llama_chat_format import CHATML_CHAT_TEMPLATE, Jinja2ChatFormatter
from llguidance import LLTokenizer
from llguidance.llamacpp import lltokenizer_from_vocab

from kb.llm import messages as assembly
from kb.llm.base import Prompt
from kb.llm.pace import Pace
from kb.llm.sampling import Logits
from kb.llm.threads import reading_threads, writing_threads
from kb.llm.wire import LoadModel, Log

Messages = list[assembly.Message]

LOG_LEVELS = {2: logging.DEBUG, 3: logging.INFO, 4: logging.ERROR}
"""``ggml_log_level`` of ggml.h in ours. Its INFO is a hundred lines a file; below, several come for each tensor."""

TEST_TOKENS = 10
"""Read, and then written, by the self-test: enough for the code of batches and of single tokens to run."""
MORE_TEST_TOKENS, MORE_TEST_S = 256, 0.5
"""Read then, as far as they take about so long: a prompt is read in pieces larger than ten, which is faster."""

ABORTED = 2
"""What ``llama_decode`` returns when the abort callback stopped it (llama.h)."""

LONGEST_PIECE = 1024
"""Bytes of one token's text."""


class Unloadable(Exception):
    """The model cannot be used, this time or another."""


class Stopped(Exception):
    """The abort callback asked for it."""


class LlamaLog:
    """Takes llama.cpp's log from standard error to the server, and keeps its errors as reasons.

    llama.cpp holds the callback for the whole process, so it outlives the object that set it.
    """

    _installed: ClassVar[Any]

    def __init__(self, send: Callable[[Log], None]) -> None:
        self._send = send
        self._line = ""
        self.errors: list[str] = []
        LlamaLog._installed = llama_cpp.llama_log_callback(self._write)
        llama_cpp.llama_log_set(LlamaLog._installed, ctypes.c_void_p(0))

    def _write(self, level: int, text: bytes, _: ctypes.c_void_p) -> None:
        self._line += text.decode("utf-8", "replace")
        if not self._line.endswith("\n"):
            return
        line, self._line = self._line.strip(), ""
        ours = LOG_LEVELS.get(level)
        if ours == logging.ERROR:
            self.errors.append(line)
        if ours and line.strip("."):
            self._send(Log(line, ours))


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
        if text.endswith("<|start|>assistant"):  # gpt-oss would choose a channel, and think in another one first
            text += "<|channel|>final<|message|>"
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


class Model:
    """A loaded file and the tokens in its cache, which the next prompt uses again as far as it begins with them."""

    def __init__(self, load: LoadModel, log: LlamaLog) -> None:
        self._log = log  # llama.cpp calls it as long as it lives
        self._cached: list[int] = []
        self._seen: tuple[int, Logits] | None = None
        try:
            self._llama = llama_cpp.Llama(
                model_path=load.path,
                n_ctx=load.context,
                n_threads=writing_threads(load.threads),
                n_threads_batch=reading_threads(load.threads),
                n_gpu_layers=load.gpu_layers,
                verbose=False,
            )
            self._vocab = llama_cpp.llama_model_get_vocab(self._llama.model)
            self._memory = llama_cpp.llama_get_memory(self._llama.ctx)
            self._one = (llama_cpp.llama_token * 1)()
            self._batch_of_one = llama_cpp.llama_batch_get_one(self._one, 1)
            self._buffer = ctypes.create_string_buffer(LONGEST_PIECE)
            self.vocabulary: int = self._llama.n_vocab()
            self.chat = Chat(self._llama)
            self.chat.tokens(Prompt("?", "?", ("?",), 1))
        except (AssertionError, OSError, RuntimeError, ValueError, jinja2.TemplateError) as error:
            # llama.cpp's first complaint says more than the exception: "error loading model: tensor ... incomplete".
            reason = log.errors[0].partition(": ")[2] if log.errors else str(error)
            raise Unloadable(reason or str(error)) from error
        self.context: int = min(self._llama.n_ctx(), llama_cpp.llama_model_n_ctx_train(self._llama.model))

    def test(self) -> Pace:
        """Read and write a few tokens. A file that loads may still not be able to: raises :class:`Unloadable`, where
        llama.cpp does not crash."""
        try:
            return self.measured()
        except RuntimeError as error:
            raise Unloadable(str(error)) from error

    def measured(self) -> Pace:
        """How fast it reads and writes now. Raises as :meth:`read`."""
        token = max(self._llama.token_bos(), 0)
        self.read([token])  # what of the file is still on the disk, and code that has not run
        read, read_s = TEST_TOKENS, self._seconds_to_read([token] * TEST_TOKENS)
        started = monotonic()
        for _ in range(TEST_TOKENS):
            self.append(int(self.logits().argmax()))
        write_s = monotonic() - started
        more = min(MORE_TEST_TOKENS, self.context, int(MORE_TEST_S * read / max(read_s, 1e-9)))
        if more > 2 * read:
            read, read_s = more, self._seconds_to_read([token] * more)
        self.forget()
        return Pace(reading=read / read_s, writing=TEST_TOKENS / write_s)

    def _seconds_to_read(self, tokens: Sequence[int]) -> float:
        self.forget()
        started = monotonic()
        self.read(tokens)
        return monotonic() - started

    def stop_when(self, stop: Callable[[], bool]) -> None:
        """``stop`` is asked in the middle of a computation too, where it runs on the CPU."""
        self._abort = llama_cpp.ggml_abort_callback(lambda _: stop())
        llama_cpp.llama_set_abort_callback(self._llama.ctx, self._abort, None)

    def unread(self, tokens: Sequence[int]) -> int:
        """How many of them :meth:`read` would read: the others are in the cache."""
        return len(tokens) - _common(self._cached, tokens[:-1])  # the last is read again: its logits are wanted

    def read(self, tokens: Sequence[int]) -> None:
        """Make ``tokens`` what the model has read, and no more. Raises :class:`Stopped`, or ``RuntimeError``."""
        known = len(tokens) - self.unread(tokens)
        if known < len(self._cached) and not llama_cpp.llama_memory_seq_rm(self._memory, 0, known, -1):
            known = 0
        if known == 0:
            self.forget()
        del self._cached[known:]
        for start in range(known, len(tokens), self._llama.n_batch):
            part = list(tokens[start : start + self._llama.n_batch])
            array = (llama_cpp.llama_token * len(part))(*part)
            self._decode(llama_cpp.llama_batch_get_one(array, len(part)))
            self._cached += part
        llama_cpp.llama_synchronize(self._llama.ctx)  # a GPU is given work and not waited for

    def append(self, token: int) -> None:
        """Read one more token. Raises as :meth:`read`."""
        self._one[0] = token
        self._decode(self._batch_of_one)
        self._cached.append(token)

    def _decode(self, batch: Any) -> None:
        status = llama_cpp.llama_decode(self._llama.ctx, batch)
        if status:
            self.forget()  # An abort leaves half a batch in the cache.
            if status == ABORTED:
                raise Stopped
            raise RuntimeError(f"llama_decode returned {status}")

    def forget(self) -> None:
        llama_cpp.llama_memory_clear(self._memory, True)
        self._cached.clear()

    def logits(self) -> Logits:
        """Behind the last token read; a view that the next one changes."""
        pointer = llama_cpp.llama_get_logits_ith(self._llama.ctx, -1)
        address = ctypes.cast(pointer, ctypes.c_void_p).value or 0
        if self._seen is None or self._seen[0] != address:
            self._seen = address, np.ctypeslib.as_array(pointer, shape=(self.vocabulary,))
        return self._seen[1]

    @cached_property
    def ends(self) -> frozenset[int]:
        """The tokens that end a text."""
        return frozenset(t for t in range(self.vocabulary) if llama_cpp.llama_vocab_is_eog(self._vocab, t))

    def piece(self, token: int) -> bytes:
        """The token's text, maybe a part of a character; control tokens have none."""
        length = llama_cpp.llama_token_to_piece(self._vocab, token, self._buffer, LONGEST_PIECE, 0, False)
        return self._buffer.raw[: max(0, length)]

    @cached_property
    def tokenizer(self) -> LLTokenizer:
        """The vocabulary for llguidance."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # it calls llama.cpp by old names
            return lltokenizer_from_vocab(self._vocab, eos_token=sorted(self.ends) or None)


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    for number, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return number
    return min(len(one), len(other))
