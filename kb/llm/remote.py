"""Any server that speaks OpenAI's chat completions: llama-server, vLLM, Ollama, LM Studio, a cloud's."""

import asyncio
import ipaddress
import json
import logging
from collections.abc import AsyncGenerator, Generator, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import aclosing
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic

import httpx2
from pydantic import BaseModel, ValidationError

from kb.errors import EngineUnavailable
from kb.llm.base import Grammar, Prompt, Run
from kb.llm.messages import SEED, TEMPERATURE, TOP_P, messages, without_thoughts
from kb.llm.waiting import POLL_S, Line, too_slow

logger = logging.getLogger(__name__)
_SERVER = "The language model's server"

JsonObject = dict[str, object]

REFUSALS = (400, 422, 500)
"""What servers say to a field that they do not take; llama-cpp-python's says the last."""

LONGEST_LINE = 1_000_000
"""Bytes of one line of the stream; a server that sends more sends something else."""
LONGEST_STREAM = 8_000_000
"""Bytes of all of it: a thousand for each of the most tokens that can be asked for."""


@dataclass(frozen=True)
class Endpoint:
    """``url`` as OpenAI's clients take it, with its ``/v1``: ``http://localhost:8080/v1``.

    Without a path, ``/v1`` is added; any other path is used as it stands.
    """

    url: str
    model: str
    key: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        return f"openai:{self.model}"

    @property
    def completions(self) -> httpx2.URL:
        url = httpx2.URL(self.url)
        path = url.path.rstrip("/") or "/v1"
        return url.copy_with(path=f"{path}/chat/completions")

    @property
    def shown(self) -> str:
        """The URL for messages: a user and password in it stay out."""
        return str(httpx2.URL(self.url).copy_with(userinfo=b"", query=None, fragment=None))

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    @property
    def is_local(self) -> bool:
        host = httpx2.URL(self.url).host
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")

    def problem(self) -> str | None:
        """Why no request can be made of this."""
        try:
            url = httpx2.URL(self.url)
        except httpx2.InvalidURL as error:
            return f"KB_LLM_URL is no URL: {error}."
        if url.scheme not in ("http", "https") or not url.host:
            return "KB_LLM_URL is no http or https URL; it looks like http://localhost:8080/v1."
        if not (self.key.isascii() and self.key.isprintable()):
            return "KB_LLM_API_KEY has characters in it that a request cannot carry."
        return None


class Delta(BaseModel):
    content: str | None = None


class Choice(BaseModel):
    delta: Delta = Delta()
    finish_reason: str | None = None


class Counts(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Chunk(BaseModel):
    """What of one event of the stream is used here."""

    choices: list[Choice] = []
    usage: Counts | None = None
    error: object = None


Inbox = SimpleQueue[str | None]
"""Text as it comes; None at the end of it, good or bad."""

GRACE_S = 0.5
"""The request itself keeps the deadline; whoever reads it waits this much longer for it to say so."""

SHUT_DOWN = "The language model has been shut down."


class RemoteEngine:
    """Requests run side by side, as many as a local model would let in: one and the queue.

    They run on an event loop of the engine's own, where cancelling one closes its connection at any point of it.
    """

    def __init__(self, endpoint: Endpoint, waiting: int) -> None:
        self.name = endpoint.name
        self._endpoint = endpoint
        self._line = Line(waiting)
        self._status = "ready"
        self._takes = {"grammar": True, "schema": True}
        self._loop = asyncio.new_event_loop()
        # Proxies and certificates come from the environment, but no proxy is asked for this machine.
        self._client = httpx2.AsyncClient(
            trust_env=not endpoint.is_local,
            headers=endpoint.headers,
            timeout=None,  # the deadline is for the whole of a request
            limits=httpx2.Limits(max_connections=None),
        )
        self._thread = Thread(target=self._loop.run_forever, name="kb-llm-http", daemon=True)
        self._thread.start()

    def status(self) -> str:
        """``ready`` until a request fails, and again after one that does not."""
        return self._status

    def close(self) -> None:
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._wind_up(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._status = SHUT_DOWN

    async def _wind_up(self) -> None:
        requests = asyncio.all_tasks() - {asyncio.current_task()}
        for request in requests:
            request.cancel()
        await asyncio.gather(*requests, return_exceptions=True)
        await self._client.aclose()

    def write(self, prompt: Prompt, run: Run) -> Generator[str, None, None]:
        with self._line.place(run):
            if self._loop.is_closed():
                raise EngineUnavailable(self._status)
            inbox: Inbox = SimpleQueue()
            request = asyncio.run_coroutine_threadsafe(self._request(prompt, run, inbox), self._loop)
            try:
                yield from without_thoughts(_pieces(inbox, request, run))
            finally:
                request.cancel()

    async def _request(self, prompt: Prompt, run: Run, inbox: Inbox) -> None:
        try:
            async with asyncio.timeout(run.left_s):
                await self._stream(prompt, run, inbox)
            self._status = "ready"
        except TimeoutError:
            raise self._failed(str(too_slow(run))) from None
        except httpx2.HTTPError as error:
            raise self._failed(f"{_SERVER} {_plainly(error)}.") from None
        except EngineUnavailable as error:
            raise self._failed(str(error)) from None
        finally:
            inbox.put(None)

    def _failed(self, reason: str) -> EngineUnavailable:
        if reason != self._status:  # where it is stands in the log alone: what is raised may be told to strangers
            logger.warning("%s: %s", self._endpoint.shown, reason)
        self._status = reason
        return EngineUnavailable(reason)

    async def _stream(self, prompt: Prompt, run: Run, inbox: Inbox) -> None:
        body = {
            "model": self._endpoint.model,
            "messages": messages(prompt),
            "max_tokens": prompt.max_tokens,
            "temperature": TEMPERATURE,
            "top_p": TOP_P,
            "seed": SEED,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        kind = "schema" if prompt.grammar and prompt.grammar.schema else "grammar"
        if prompt.grammar and self._takes[kind]:
            if await self._answered(body | _constraint(prompt.grammar), run, inbox, REFUSALS):
                return
            # The text is checked behind us too. A question that is too long is refused in this way as well.
            await self._answered(body, run, inbox)
            self._takes[kind] = False
            logger.info("%s takes no %s; what it writes is checked behind it.", self._endpoint.shown, kind)
            return
        await self._answered(body, run, inbox)

    async def _answered(self, body: JsonObject, run: Run, inbox: Inbox, refusals: tuple[int, ...] = ()) -> bool:
        """False where the server answers with one of ``refusals``."""
        async with self._client.stream("POST", self._endpoint.completions, json=body) as response:
            if response.status_code in refusals:
                return False
            if response.status_code != 200:
                raise EngineUnavailable(self._refusal(response.status_code))
            await self._pass_on(response, run, inbox)
        return True

    async def _pass_on(self, response: httpx2.Response, run: Run, inbox: Inbox) -> None:
        finished = False
        async with aclosing(self._events(response)) as events:
            async for data in events:
                if data == b"[DONE]":
                    return
                chunk = self._chunk(data)
                for choice in chunk.choices:
                    finished = finished or choice.finish_reason is not None
                    if choice.delta.content:
                        run.completion_tokens += 1
                        inbox.put(choice.delta.content)
                if chunk.usage:
                    run.prompt_tokens = chunk.usage.prompt_tokens
                    run.completion_tokens = chunk.usage.completion_tokens
        if not finished:
            raise EngineUnavailable(f"{_SERVER} broke off its answer.")

    def _chunk(self, data: bytes) -> Chunk:
        try:
            chunk = Chunk.model_validate_json(data)
        except ValidationError:
            raise self._nonsense() from None
        if chunk.error is not None:
            raise EngineUnavailable(f"{_SERVER} reported an error in the middle of its answer.")
        return chunk

    async def _events(self, response: httpx2.Response) -> AsyncGenerator[bytes, None]:
        """The ``data`` of each server-sent event; OpenAI's have one line each.

        Lines end at a newline and nowhere else: httpx2 ends them at U+2028 too, which JSON may contain.
        """
        begun: list[bytes] = []  # parts of the line that has not ended: joined once, not with each part
        length, received = 0, 0
        async for part in response.aiter_bytes():
            received += len(part)
            first, *lines = part.split(b"\n")
            begun.append(first)
            length += len(first)
            if length > LONGEST_LINE or received > LONGEST_STREAM:
                raise self._nonsense()
            for following in lines:
                line = b"".join(begun)
                if line.startswith(b"data:"):
                    yield line.removeprefix(b"data:").strip()
                begun, length = [following], len(following)

    def _nonsense(self) -> EngineUnavailable:
        return EngineUnavailable(f"{_SERVER} sent something that is not a chat completion.")

    def _refusal(self, status: int) -> str:
        if status in (401, 403):
            return f"{_SERVER} refuses the key ({status}); see KB_LLM_API_KEY."
        if status == 404:
            return f"{_SERVER} has no model {self._endpoint.model!r}, or no chat completions (404); see KB_LLM_MODEL."
        if status == 429:
            return f"{_SERVER} takes no more requests now (429)."
        return f"{_SERVER} answered with status {status}."


def _pieces(inbox: Inbox, request: "Future[None]", run: Run) -> Iterator[str]:
    """The text as it comes, until it ends or the client has left."""
    while not run.cancelled.is_set():
        if monotonic() > run.limit_s + GRACE_S:  # more has come than could be read in time, or the loop was closed
            raise too_slow(run)
        try:
            piece = inbox.get(timeout=POLL_S)
        except Empty:
            if not request.cancelled():  # before it began: nothing will come
                continue
            piece = None
        if piece is None:
            try:
                request.result()
            except CancelledError:
                raise EngineUnavailable(SHUT_DOWN) from None
            return
        yield piece


def _constraint(grammar: Grammar) -> JsonObject:
    """For llama-server, and for vLLM; servers that know neither leave both aside, or refuse them."""
    if grammar.schema:
        schema = {"name": "call", "schema": json.loads(grammar.schema)}
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
    return {"grammar": grammar.gbnf, "structured_outputs": {"grammar": grammar.gbnf}}


def _plainly(error: httpx2.HTTPError) -> str:
    match error:
        case httpx2.ConnectError():
            return "cannot be reached"
        case httpx2.RemoteProtocolError() | httpx2.ReadError():
            return "broke off its answer"
        case _:
            return f"cannot be used ({type(error).__name__})"
