"""The chat as a whole: one face for the API and the command line."""

import re
from collections.abc import Iterator, Sequence
from contextlib import closing

from kb.chat.compose import Composed, compose
from kb.chat.engines.base import Engine, Run
from kb.chat.ground import Evidence, figures, figures_with_units, sentences
from kb.chat.prompt import prompt_for
from kb.chat.question import Question
from kb.chat.reply import (
    DoneEvent,
    ErrorEvent,
    Event,
    EvidenceEvent,
    Grounding,
    Message,
    Reply,
    TokenEvent,
    Usage,
)
from kb.chat.understand import understand
from kb.errors import EngineUnavailable, InvalidArgument
from kb.index.live import Index, LiveIndex
from kb.settings import Settings

COMPOSED = "composed"
_MARK = re.compile(r"\[(\d{1,3})\]")


class Assistant:
    """Answers messages over the live index; without an engine, the composed answer is the answer.

    It keeps nothing between calls and may be called from several threads.
    """

    def __init__(self, live: LiveIndex, engine: Engine | None, settings: Settings) -> None:
        self._live = live
        self._engine = engine
        self._settings = settings

    def answer(self, messages: Sequence[Message], run: Run | None = None) -> Reply:
        """The whole reply. Raises :class:`IndexUnusable` where there is no index."""
        for event in self.stream(messages, run):
            if isinstance(event, DoneEvent):
                return event.reply
        raise AssertionError("a stream ends with its reply")

    def stream(self, messages: Sequence[Message], run: Run | None = None) -> Iterator[Event]:
        """``EvidenceEvent``, then ``TokenEvent``s, then ``DoneEvent``; an ``ErrorEvent`` before it where the language
        model failed. What the model writes leaves sentence by sentence, after the grounding."""
        index = self._live.get()
        run = run or Run(self._settings.llm_deadline_s)
        question, composed = self._composed(index, messages)
        yield EvidenceEvent(
            answer=composed.text,
            citations=composed.citations,
            tool_calls=composed.tool_calls,
            abstained=composed.abstained,
            reason=composed.reason,
        )
        yield TokenEvent(text=composed.text)
        written, removed, failure = "", 0, None
        if self._engine is not None and not composed.abstained:
            evidence = _evidence(index, composed)
            prompt = prompt_for(question, composed, self._settings.llm_max_tokens)
            pending = ""
            try:
                # Closing the writer is what stops the model when the client has left.
                with closing(self._engine.write(prompt, run)) as pieces:
                    for piece in pieces:
                        pending += piece
                        *whole, pending = sentences(pending) or [""]
                        for sentence in whole:
                            if _grounded(sentence, evidence, composed):
                                text = sentence if written else f"\n\n{sentence.lstrip()}"
                                written += text
                                yield TokenEvent(text=text)
                            else:
                                removed += 1
            except EngineUnavailable as error:
                failure = str(error)
                yield ErrorEvent(message=failure)
            if pending.strip() and failure is None:
                # A last sentence without its full stop was cut by the token limit; it goes only if it is whole.
                if pending.rstrip()[-1] in '.!?)”"' and _grounded(pending, evidence, composed):
                    text = pending if written else f"\n\n{pending.lstrip()}"
                    written += text
                    yield TokenEvent(text=text)
                else:
                    removed += 1
        answer = composed.text + written.rstrip()
        yield DoneEvent(
            reply=Reply(
                answer=answer,
                citations=composed.citations,
                tool_calls=composed.tool_calls,
                abstained=composed.abstained,
                reason=composed.reason if composed.abstained else failure,
                engine=self._engine.name if self._engine is not None and written.strip() else COMPOSED,
                grounding=_checked(index, composed, written, removed),
                usage=Usage(prompt_tokens=run.prompt_tokens, completion_tokens=run.completion_tokens),
            )
        )

    def _composed(self, index: Index, messages: Sequence[Message]) -> tuple[Question, Composed]:
        asked = [message.content for message in messages if message.role == "user"]
        if not asked or messages[-1].role != "user":
            raise InvalidArgument("messages", messages[-1].role if messages else None, "a last message of role user")
        question = understand(asked, index.names)
        return question, compose(index, question)

    def status(self) -> dict[str, str]:
        """How the index and the engine are."""
        engine = COMPOSED if self._engine is None else f"{self._engine.name}: {self._engine.status()}"
        return {"engine": engine}


def _evidence(index: Index, composed: Composed) -> Evidence:
    """What a language model's figures may stand on: the cited texts, the answer's own figures, and tool results."""
    results = (figures_with_units(call.result) for call in composed.tool_calls)
    return Evidence((*composed.evidence, composed.trusted, *results), index.names.with_digits, strict=True)


def _checked(index: Index, composed: Composed, written: str, removed: int) -> Grounding:
    """The whole answer held against its evidence; what it quotes to contradict is the composer's alone."""
    calls = (f"{call.arguments} {call.result}" for call in composed.tool_calls)
    all_of_it = Evidence((*composed.evidence, *calls, *composed.quoted, written), index.names.with_digits)
    found = figures(composed.text + written, index.names.with_digits)
    return Grounding(
        figures=len(found),
        unsupported_figures=tuple(figure.text for figure in found if not all_of_it.supports(figure)),
        removed_sentences=removed,
    )


def _grounded(sentence: str, evidence: Evidence, composed: Composed) -> bool:
    """Whether a sentence's figures are in the evidence and its citation marks exist."""
    marks = {int(number) for number in _MARK.findall(sentence)}
    known = {citation.id for citation in composed.citations}
    return bool(sentence.strip()) and marks <= known and not evidence.unsupported(sentence)
