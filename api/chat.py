"""``/chat``: questions in plain words, answered whole or as server-sent events."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing

from litestar import Response, post
from litestar.response import Stream

from api.deps import JSON, AnyRequest, json_response, parsed_body, serving
from api.document import documented
from kb.chat.assistant import Detail
from kb.chat.reply import ChatRequest, DoneEvent, ErrorEvent, Event, Message, Reply, WaitingEvent
from kb.errors import KnowledgeBaseError
from kb.llm.base import Run
from kb.tools.base import parse_arguments

EVENT_STREAM = "text/event-stream"
STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
KEEP_ALIVE = b": keep-alive\n\n"
HEARTBEAT_S = 5.0

_EXAMPLE = {
    "messages": [{"role": "user", "content": "Can I run a 70B model on a 24 GB graphics card, and how fast?"}],
    "stream": False,
}


@post(
    "/chat",
    operation_id="chat",
    summary="Ask in plain words",
    tags=["chat"],
    opt=documented(answer=Reply, media=(JSON, EVENT_STREAM), body=ChatRequest, body_example=_EXAMPLE),
    status_code=200,
)
async def chat(request: AnyRequest) -> Response[bytes] | Stream:
    """Figures and verdicts are calculated or cited; a language model, where one is configured, only explains.

    `answer` is brief: the sentence that answers, what decides it, what to do. `details` has the arithmetic, the other
    assumptions, disputes and commands (with `"detail": "full"` they stand in `answer` too). `understood` is what was
    read of the conversation, `question` what has to be known first, `follow_ups` what to ask next.

    With `"stream": true` the answer comes as server-sent events: `evidence` (the calculated answer, complete by
    itself), `tool` (`{"name", "arguments", "result", "error"}`: a tool that was called because the model chose what is
    asked) and another `evidence` then, `waiting` (`{"ahead"}`: so many are before you at the model; 0 when it is your
    turn), `token` (`{"text"}` to append), `error` (`{"message"}`: the model failed, the
    calculated answer stands) and `done` (the whole reply).
    """
    asked = parse_arguments("chat", ChatRequest, await parsed_body(request))
    if not asked.stream:
        return json_response(await whole_reply(request, asked.messages, asked.detail))
    events = await events_of(request, asked.messages, asked.detail)
    return Stream(_encoded(events), media_type=EVENT_STREAM, headers=STREAM_HEADERS)


async def whole_reply(request: AnyRequest, messages: Sequence[Message], detail: Detail = "brief") -> Reply:
    """The whole answer; the work behind it stops when the client leaves."""
    here = serving(request)
    assistant = here.assistant
    run = Run(here.settings.llm_whole_reply_s, here.cancellation(), whole=True)
    watch = asyncio.create_task(_cancel_when_client_leaves(request, run))
    try:
        return await here.in_chat_thread(lambda: assistant.answer(messages, run, detail))
    finally:
        watch.cancel()
        run.cancelled.set()


async def events_of(
    request: AnyRequest, messages: Sequence[Message], detail: Detail = "brief"
) -> AsyncGenerator[Event | None]:
    """The events of an answer, the first of which is there already; None where nothing comes for long. Left early, the
    work behind them stops."""
    here = serving(request)
    assistant = here.assistant
    run = Run(here.settings.llm_deadline_s, here.cancellation())
    pieces: asyncio.Queue[Event | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def receive(event: Event) -> None:
        loop.call_soon_threadsafe(pieces.put_nowait, event)

    run.told_ahead = lambda ahead: receive(WaitingEvent(ahead=ahead))
    work = asyncio.create_task(
        here.in_chat_thread(lambda: _hand_over(assistant.stream(messages, run, detail), receive, run))
    )
    work.add_done_callback(lambda _: pieces.put_nowait(None))
    first = await pieces.get()
    if first is None:
        await work
    return _following(first, pieces, work, run)


async def _cancel_when_client_leaves(request: AnyRequest, run: Run) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    run.cancelled.set()


def _hand_over(events: Iterator[Event], receive: Callable[[Event], object], run: Run) -> None:
    """In a thread: each event as it is made, until there is nobody to hear it."""
    for event in events:
        if run.cancelled.is_set():
            return
        receive(event)


async def _following(
    first: Event | None, pieces: asyncio.Queue[Event | None], work: asyncio.Task[None], run: Run
) -> AsyncGenerator[Event | None]:
    event = first
    try:
        while event is not None:
            yield event
            waiting = True
            while waiting:
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        event = await pieces.get()
                    waiting = False
                except TimeoutError:
                    yield None
        await work
    except KnowledgeBaseError as error:
        yield ErrorEvent(message=str(error))
    finally:
        run.cancelled.set()


async def _encoded(events: AsyncGenerator[Event | None]) -> AsyncGenerator[bytes]:
    """A comment where nothing comes for long."""
    async with aclosing(events) as open_events:
        async for event in open_events:
            yield KEEP_ALIVE if event is None else encoded(event)


def encoded(event: Event) -> bytes:
    """One server-sent event; JSON has no raw line breaks, so that it is one ``data`` line."""
    data = event.reply.model_dump_json() if isinstance(event, DoneEvent) else event.model_dump_json(exclude={"event"})
    return f"event: {event.event}\ndata: {data}\n\n".encode()
