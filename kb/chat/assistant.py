"""The chat as a whole: one face for the API and the command line."""

from collections.abc import Iterator, Sequence
from contextlib import closing

from kb.chat.compose import Composed, compose
from kb.chat.explain import Explanation
from kb.chat.ground import Evidence
from kb.chat.grounds import grounds
from kb.chat.plan import Plan, only_told, unsure
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
from kb.llm.base import Engine, Run
from kb.search.live import Index, LiveIndex
from kb.settings import Settings
from kb.text.figures import read

COMPOSED = "composed"


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
        for event in self.stream(messages, run or Run(self._settings.llm_whole_reply_s)):
            if isinstance(event, DoneEvent):
                return event.reply
        raise AssertionError("a stream ends with its reply")

    def stream(self, messages: Sequence[Message], run: Run | None = None) -> Iterator[Event]:
        """``EvidenceEvent``, then ``TokenEvent``s, then ``DoneEvent``; an ``ErrorEvent`` before it where the language
        model failed. What the model writes leaves sentence by sentence, after the grounding. Where the model is asked
        for tools, ``ToolEvent``s and maybe another ``EvidenceEvent`` follow the first."""
        index = self._live.get()
        run = run or Run(self._settings.llm_deadline_s)
        question, composed = self._composed(index, messages)
        yield _shown(composed)
        failure, adds = None, not composed.abstained
        if self._engine is not None and unsure(question, composed):
            plan = Plan(index, question, self._engine, run)
            try:
                yield from plan.events()
            except EngineUnavailable as error:
                failure = str(error)
                yield ErrorEvent(message=failure)
            adds = not plan.abstained and failure is None
            if plan.question is not None:
                planned = compose(index, plan.question)
                if not planned.abstained and not only_told(planned):
                    question, composed = plan.question, planned
                    yield _shown(composed)
        yield TokenEvent(text=composed.text)
        explanation = Explanation(index, question, composed)
        if self._engine is not None and adds:
            try:
                # Closing the writer is what stops the model when the client has left.
                prompt = explanation.prompt(self._settings.llm_max_tokens)
                with closing(self._engine.write(prompt, run)) as pieces:
                    for text in explanation.take(pieces, run):
                        yield TokenEvent(text=text)
            except EngineUnavailable as error:
                failure = str(error)
                yield ErrorEvent(message=failure)
        written = explanation.text
        yield DoneEvent(
            reply=Reply(
                answer=composed.text + written.rstrip(),
                citations=composed.citations,
                tool_calls=composed.tool_calls,
                abstained=composed.abstained,
                reason=composed.reason if composed.abstained else failure,
                engine=self._engine.name if self._engine is not None and written.strip() else COMPOSED,
                grounding=_checked(index, question, composed, explanation),
                usage=Usage(prompt_tokens=run.prompt_tokens, completion_tokens=run.completion_tokens),
            )
        )

    def _composed(self, index: Index, messages: Sequence[Message]) -> tuple[Question, Composed]:
        asked = [message.content for message in messages if message.role == "user"]
        if not asked or messages[-1].role != "user":
            raise InvalidArgument("messages", messages[-1].role if messages else None, "a last message of role user")
        question = understand(asked, index.names, index.intents)
        return question, compose(index, question)

    def status(self) -> dict[str, str]:
        """How the index and the engine are."""
        engine = COMPOSED if self._engine is None else f"{self._engine.name}: {self._engine.status()}"
        return {"engine": engine}


def _shown(composed: Composed) -> EvidenceEvent:
    return EvidenceEvent(
        answer=composed.text,
        citations=composed.citations,
        tool_calls=composed.tool_calls,
        abstained=composed.abstained,
        reason=composed.reason,
    )


def _checked(index: Index, question: Question, composed: Composed, explanation: Explanation) -> Grounding:
    """Each text against what it stands on, which never contains it: the composed answer against results and records,
    the model's against the composed answer's evidence, where units must agree too."""
    names = index.names.with_digits
    own = Evidence(grounds(index, question, composed), names)
    unsupported = (*own.unsupported(composed.text), *explanation.evidence.unsupported(explanation.text))
    return Grounding(
        figures=len(read(composed.text, names)) + len(read(explanation.text, names)),
        unsupported_figures=unsupported,
        removed_sentences=explanation.removed,
    )
