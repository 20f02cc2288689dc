"""``/chat``: questions in plain words, answered whole or as server-sent events."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

from litestar import Response, post
from litestar.response import Stream

from api.deps import JSON, AnyRequest, json_response, parsed_body, serving
from api.document import documented
from kb.chat.reply import ChatRequest, DoneEvent, ErrorEvent, Event, Reply
from kb.errors import KnowledgeBaseError
from kb.llm.base import Run
from kb.tools.base import parse_arguments

EVENT_STREAM = "text/event-stream"
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
    asked) and another `evidence` then, `token` (`{"text"}` to append), `error` (`{"message"}`: the model failed, the
    calculated answer stands) and `done` (the whole reply).
    """
    asked = parse_arguments("chat", ChatRequest, await parsed_body(request))
    here = serving(request)
    assistant = here.assistant
    limit_s = here.settings.llm_deadline_s if asked.stream else here.settings.llm_whole_reply_s
    run = Run(limit_s, here.cancellation())
    if not asked.stream:
        watch = asyncio.create_task(_cancel_when_client_leaves(request, run))
        try:
            return json_response(await here.in_chat_thread(lambda: assistant.answer(asked.messages, run, asked.detail)))
        finally:
            watch.cancel()
            run.cancelled.set()

    pieces: asyncio.Queue[Event | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    work = asyncio.create_task(
        here.in_chat_thread(
            lambda: _hand_over(
                assistant.stream(asked.messages, run, asked.detail),
                lambda event: loop.call_soon_threadsafe(pieces.put_nowait, event),
                run,
            )
        )
    )
    work.add_done_callback(lambda _: pieces.put_nowait(None))
    first = await pieces.get()
    if first is None:
        await work
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Stream(_encoded(first, pieces, work, run), media_type=EVENT_STREAM, headers=headers)


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


async def _encoded(
    first: Event | None, pieces: asyncio.Queue[Event | None], work: asyncio.Task[None], run: Run
) -> AsyncIterator[bytes]:
    """Events as they come, a comment where none comes for long. Left early, it stops the work behind it."""
    event = first
    try:
        while event is not None:
            yield encoded(event)
            waiting = True
            while waiting:
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        event = await pieces.get()
                    waiting = False
                except TimeoutError:
                    yield b": keep-alive\n\n"
        await work
    except KnowledgeBaseError as error:
        yield encoded(ErrorEvent(message=str(error)))
    finally:
        run.cancelled.set()


def encoded(event: Event) -> bytes:
    """One server-sent event; JSON has no raw line breaks, so that it is one ``data`` line."""
    data = event.reply.model_dump_json() if isinstance(event, DoneEvent) else event.model_dump_json(exclude={"event"})
    return f"event: {event.event}\ndata: {data}\n\n".encode()
