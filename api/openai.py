"""``/v1``: the chat as a model called ``hardware-kb``, for every program that speaks OpenAI's API."""

import re
import time
import uuid
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import Annotated, Any, Literal

from litestar import Response, post
from litestar.params import FromPath
from litestar.response import Stream
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.chat import EVENT_STREAM, KEEP_ALIVE, STREAM_HEADERS, events_of, whole_reply
from api.deps import JSON, AnyRequest, json_response, parsed_body, serving, to_json
from api.document import documented, reads
from api.footnotes import Footnotes, footnotes
from api.problems import ErrorBody, ErrorSaid
from api.side_tasks import side_task
from kb.catalogue.records import Record
from kb.chat.reply import MAX_CONVERSATION, MAX_MESSAGE, DoneEvent, Event, Message, Reply, TokenEvent

MODEL = "hardware-kb"
MOST_MESSAGES = 50
"""The last ones of a longer conversation are read."""
_TOKEN = re.compile(r"\w+|[^\w\s]")


class ContentPart(BaseModel):
    model_config = ConfigDict(extra="ignore")

    type: str = "text"
    """Only `text` is read."""
    text: str | None = None
    """Of a part of type `text`."""


class ChatMessage(BaseModel):
    """``content`` is a text, parts of which the texts are read, or null."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    """Who says it."""
    content: str | tuple[ContentPart, ...] | None = None
    """A text, or parts of which the texts are read."""

    @property
    def text(self) -> str:
        if isinstance(self.content, str):
            return self.content.strip()
        return "\n".join(part.text for part in self.content or () if part.text).strip()


class StreamOptions(BaseModel):
    model_config = ConfigDict(extra="ignore")

    include_usage: bool = False
    """A last chunk with the counts."""


class CompletionRequest(BaseModel):
    """What is read of a request; every other field is ignored, ``tools`` too: the answer calls none."""

    model_config = ConfigDict(extra="ignore")

    model: str = MODEL
    """`hardware-kb`, or the name of the engine that explains."""
    messages: Annotated[tuple[ChatMessage, ...], Field(min_length=1, max_length=2000)]
    """Oldest first; the last is the question."""
    stream: bool = False
    """The answer in pieces, as server-sent events."""
    stream_options: StreamOptions | None = None
    """Of the stream."""
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """The answer ends there, counted in words and signs."""
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    """The newer name of `max_tokens`."""
    stop: str | Annotated[tuple[str, ...], Field(max_length=16)] | None = None
    """The answer ends before any of these."""

    @property
    def most_tokens(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    @property
    def stops(self) -> tuple[str, ...]:
        return (self.stop,) if isinstance(self.stop, str) else self.stop or ()


class ModelCard(Record):
    id: str
    """Its name."""
    object: Literal["model"] = "model"
    """What this is."""
    created: int
    """Seconds since 1970."""
    owned_by: str = "hardware-kb"
    """Who made it."""


class ModelList(Record):
    object: Literal["list"] = "list"
    """What this is."""
    data: tuple[ModelCard, ...]
    """The models."""


class TokenCounts(Record):
    """Counted in words and signs, as no tokenizer writes the calculated answer."""

    prompt_tokens: int
    """Of the messages."""
    completion_tokens: int
    """Of the answer."""
    total_tokens: int
    """Of both."""


class AnswerMessage(Record):
    role: Literal["assistant"] = "assistant"
    """Who says it."""
    content: str
    """Markdown, with its citations as footnotes."""
    refusal: None = None
    """Never used."""


class Choice(Record):
    index: int = 0
    """There is one."""
    message: AnswerMessage
    """The answer."""
    logprobs: None = None
    """Never used."""
    finish_reason: Literal["stop", "length"]
    """Whether it ended by itself, or at a limit."""


class Completion(Record):
    id: str
    """Of this answer."""
    object: Literal["chat.completion"] = "chat.completion"
    """What this is."""
    created: int
    """Seconds since 1970."""
    model: str
    """As it was asked for."""
    choices: tuple[Choice, ...]
    """One."""
    usage: TokenCounts
    """Counts of words and signs."""


class Refused(Exception):
    """An error that names the parameter; every other one is put into OpenAI's shape with the rest of the errors."""

    def __init__(self, status: int, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        said = ErrorSaid(message=message, type="invalid_request_error", param=param, code=code)
        self.body = ErrorBody(error=said)


def on_refused(_: AnyRequest, error: Refused) -> Response[bytes]:
    headers = {"Cache-Control": "no-store"}
    return Response(to_json(error.body), status_code=error.status, media_type=JSON, headers=headers)


_HANDLERS: dict[int | type[Exception], Any] = {Refused: on_refused}


@reads(
    "/v1/models",
    "The model, as OpenAI's API lists it",
    "openai",
    answer=ModelList,
    error=ErrorBody,
    exception_handlers=_HANDLERS,
)
def list_models(request: AnyRequest) -> Response[bytes]:
    """`hardware-kb`, and the language model that explains, where one is configured: both answer alike."""
    return json_response(ModelList(data=tuple(_cards(request))))


@reads(
    "/v1/models/{model:path}",
    "A model of OpenAI's list",
    "openai",
    operation_id="retrieve_model",
    answer=ModelCard,
    error=ErrorBody,
    path={"model": MODEL},
    exception_handlers=_HANDLERS,
)
def get_model(request: AnyRequest, model: FromPath[str]) -> Response[bytes]:
    return json_response(_card(request, model.removeprefix("/")))


def _cards(request: AnyRequest) -> Iterator[ModelCard]:
    here = serving(request)
    yield ModelCard(id=MODEL, created=here.started_at)
    if here.engine_name:
        yield ModelCard(id=here.engine_name, created=here.started_at)


def _card(request: AnyRequest, name: str) -> ModelCard:
    cards = {card.id: card for card in _cards(request)}
    if name not in cards:
        known = " or ".join(f"`{card}`" for card in cards)
        raise Refused(404, f"There is no model `{name[:100]}`: use {known}.", param="model", code="model_not_found")
    return cards[name]


@post(
    "/v1/chat/completions",
    operation_id="create_chat_completion",
    summary="Ask in plain words, by OpenAI's API",
    tags=["openai"],
    opt=documented(
        answer=Completion,
        error=ErrorBody,
        media=(JSON, EVENT_STREAM),
        body=CompletionRequest,
        body_example={"model": MODEL, "messages": [{"role": "user", "content": "Can a 4090 run a 70B model?"}]},
    ),
    status_code=200,
    exception_handlers=_HANDLERS,
)
async def create_chat_completion(request: AnyRequest) -> Response[bytes] | Stream:
    """The brief answer of `POST /chat`, with its citations as Markdown footnotes.

    With `"stream": true` it comes as chunks that end with `[DONE]`. Requests of chat programs for a title, tags or
    follow-ups of a conversation are answered with just that.
    """
    asked = _parsed(await parsed_body(request))
    card = _card(request, asked.model)
    if task := side_task(asked.messages[-1].text):
        assistant = serving(request).assistant
        text = await serving(request).in_chat_thread(lambda: task(assistant))
        return _whole(card.id, asked, text, None)
    messages = _read(asked.messages)
    if asked.stream:
        return await _streamed(request, card.id, asked, messages)
    reply = await whole_reply(request, messages)
    return _whole(card.id, asked, footnotes(reply), reply)


def _parsed(body: Any) -> CompletionRequest:
    try:
        return CompletionRequest.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        param = ".".join(str(part) for part in first["loc"][:3])
        raise Refused(400, f"`{param or 'body'}`: {first['msg']}.", param=param or None) from None


def _read(messages: Sequence[ChatMessage]) -> list[Message]:
    """The conversation up to its last question: what was said by the user and by us, as much as is read."""
    said = [(one.role, _own_words(one.text)) for one in messages if one.role in ("user", "assistant") and one.text]
    while said and said[-1][0] != "user":
        said.pop()
    if not said:
        raise Refused(400, "There is no message of role `user` with a text to answer.", param="messages")
    if len(said[-1][1]) > MAX_MESSAGE:
        message = f"The last message has {len(said[-1][1]):,} characters, and at most {MAX_MESSAGE:,} are read."
        raise Refused(400, message, param="messages", code="context_length_exceeded")
    kept: list[Message] = []
    left = MAX_CONVERSATION
    for role, text in reversed(said[-MOST_MESSAGES:]):
        left -= len(text) if role == "user" else 0
        if left < 0:
            break
        kept.append(Message(role="user" if role == "user" else "assistant", content=text[:MAX_MESSAGE]))
    return kept[::-1]


def _own_words(text: str) -> str:
    """What a message asks, without the documents that a chat program puts before it: what they name is not what the
    user has.

    >>> _own_words("Use this: <context>He has an RTX 3090.</context> What is VRAM?"), _own_words("a <context> b")
    ('What is VRAM?', 'a <context> b')
    """
    before, _, after = text.rpartition("</context>")
    return after.strip() if "<context>" in before and after.strip() else text


def _tokens(text: str) -> int:
    return len(_TOKEN.findall(text))


def _cut(text: str, asked: CompletionRequest) -> tuple[str, Literal["stop", "length"]]:
    """Up to the first stop sequence and the most tokens."""
    ends = [place for stop in asked.stops if stop and (place := text.find(stop)) >= 0]
    text = text[: min(ends)] if ends else text
    if asked.most_tokens is None:
        return text, "stop"
    pieces = list(_TOKEN.finditer(text))
    if len(pieces) <= asked.most_tokens:
        return text, "stop"
    return text[: pieces[asked.most_tokens - 1].end()], "length"


def _counts(asked: CompletionRequest, text: str, reply: Reply | None) -> TokenCounts:
    prompt = sum(_tokens(message.text) for message in asked.messages) + (reply.usage.prompt_tokens if reply else 0)
    written = _tokens(text)
    return TokenCounts(prompt_tokens=prompt, completion_tokens=written, total_tokens=prompt + written)


def _whole(model: str, asked: CompletionRequest, text: str, reply: Reply | None) -> Response[bytes] | Stream:
    text, reason = _cut(text, asked)
    if asked.stream:
        chunks = _Chunks(model, asked)
        events = [*chunks.opened(), *chunks.more(text), *chunks.closed(reason, reply)]
        return Stream(_all(events), media_type=EVENT_STREAM, headers=STREAM_HEADERS)
    return json_response(
        Completion(
            id=_new_id(), created=int(time.time()), model=model,
            choices=(Choice(message=AnswerMessage(content=text), finish_reason=reason),),
            usage=_counts(asked, text, reply),
        )
    )  # fmt: skip


async def _all(events: Sequence[bytes]) -> AsyncGenerator[bytes]:
    for event in events:
        yield event


def _new_id() -> str:
    return f"chatcmpl-{uuid.uuid4().hex}"


class _Chunks:
    """The events of one stream; stop sequences and the most tokens hold over all of them."""

    def __init__(self, model: str, asked: CompletionRequest) -> None:
        self.model, self.asked = model, asked
        self.id, self.created = _new_id(), int(time.time())
        self.text = ""
        self.reason: Literal["stop", "length"] = "stop"
        self.ended = False

    def opened(self) -> Iterator[bytes]:
        yield self._chunk({"role": "assistant", "content": ""})

    def more(self, text: str) -> Iterator[bytes]:
        if self.ended:
            return
        whole = self.text + text
        kept, self.reason = _cut(whole, self.asked)
        self.ended = len(kept) < len(whole)
        if new := kept[len(self.text) :]:
            self.text = kept
            yield self._chunk({"content": new})

    def closed(self, reason: Literal["stop", "length"] | None = None, reply: Reply | None = None) -> Iterator[bytes]:
        yield self._chunk({}, finish_reason=reason or self.reason)
        if self.asked.stream_options and self.asked.stream_options.include_usage:
            usage = _counts(self.asked, self.text, reply).model_dump()
            yield self._event({"choices": [], "usage": usage})
        yield b"data: [DONE]\n\n"

    def _chunk(self, delta: dict[str, str], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return self._event({"choices": [choice]})

    def _event(self, said: dict[str, Any]) -> bytes:
        event = {
            "id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model, **said,
        }  # fmt: skip
        return b"data: " + to_json(event) + b"\n\n"


async def _streamed(request: AnyRequest, model: str, asked: CompletionRequest, messages: list[Message]) -> Stream:
    events = await events_of(request, messages)
    return Stream(_encoded(_Chunks(model, asked), events), media_type=EVENT_STREAM, headers=STREAM_HEADERS)


async def _encoded(chunks: _Chunks, events: AsyncGenerator[Event | None]) -> AsyncGenerator[bytes]:
    """Where the language model fails nothing is said of it: the calculated answer stands."""
    notes = Footnotes()
    for piece in chunks.opened():
        yield piece
    reply: Reply | None = None
    async with aclosing(events) as open_events:
        async for event in open_events:
            if event is None:
                yield KEEP_ALIVE
            elif isinstance(event, TokenEvent):
                for piece in chunks.more(notes.marked(event.text)):
                    yield piece
            elif isinstance(event, DoneEvent):
                reply = event.reply
    if reply is not None:
        for piece in chunks.more(notes.listed(reply)):
            yield piece
    for piece in chunks.closed(reply=reply):
        yield piece
