"""The chat as a whole: one face for the API and the command line."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import fields
from typing import Literal

from kb.chat.answering.answer import Answer
from kb.chat.answering.answer import answer as answered
from kb.chat.earned import EVERYTHING, NOTHING, UNTRIED, Earned
from kb.chat.explaining.checking import certainty
from kb.chat.explaining.explanation import Explanation
from kb.chat.explaining.ground import Evidence
from kb.chat.explaining.grounds import grounds
from kb.chat.reading.asks import AskReader
from kb.chat.reading.choosing import chosen, unsure
from kb.chat.reading.language import ENGLISH
from kb.chat.reading.reader import read
from kb.chat.reading.roles import RoleReader
from kb.chat.reading.situation import Quantities
from kb.chat.reply import (
    DoneEvent,
    ErrorEvent,
    Event,
    EvidenceEvent,
    Grounding,
    Message,
    Reply,
    TokenEvent,
    ToolEvent,
    Understood,
    UnderstoodName,
    Usage,
)
from kb.errors import EngineUnavailable, InvalidArgument
from kb.llm.base import Engine, Run
from kb.search.live import Index, LiveIndex
from kb.settings import Settings

Detail = Literal["brief", "full"]
COMPOSED = "composed"


class Assistant:
    """Answers messages over the live index; without an engine, the composed answer is the answer.

    It keeps nothing between calls and may be called from several threads.
    """

    def __init__(self, live: LiveIndex, engine: Engine | None, settings: Settings, earned: Earned = EVERYTHING) -> None:
        self._live = live
        self._engine = engine
        self._settings = settings
        self._earned = earned

    def answer(self, messages: Sequence[Message], run: Run | None = None, detail: Detail = "brief") -> Reply:
        """The whole reply. Raises :class:`IndexUnusable` where there is no index."""
        for event in self.stream(messages, run or Run(self._settings.llm_whole_reply_s, whole=True), detail):
            if isinstance(event, DoneEvent):
                return event.reply
        raise AssertionError("a stream ends with its reply")

    def stream(self, messages: Sequence[Message], run: Run | None = None, detail: Detail = "brief") -> Iterator[Event]:
        """``EvidenceEvent``, then ``TokenEvent``s, then ``DoneEvent``; an ``ErrorEvent`` before it where the language
        model failed. What the model writes leaves sentence by sentence, after the grounding. Where the model chose what
        is asked, ``ToolEvent``s and another ``EvidenceEvent`` follow the first."""
        index = self._live.get()
        run = run or Run(self._settings.llm_deadline_s)
        situation = read(_asked(messages), index.names, AskReader(index.asks), RoleReader(index.roles))
        answer = answered(index, situation)
        yield _shown(answer)
        failure = None
        if self._engine is not None and self._earned.chooses and unsure(situation) and not answer.abstained:
            try:
                chosen_situation = chosen(self._engine, situation, run)
            except EngineUnavailable as error:
                failure = str(error)
                yield ErrorEvent(message=failure)
            else:
                if chosen_situation is not situation:
                    answer = answered(index, chosen_situation)
                    for call in answer.tool_calls:
                        yield ToolEvent(name=call.name, arguments=call.arguments, result=call.result)
                    yield _shown(answer)
        text = f"{answer.text}\n\n{answer.details}".rstrip() if detail == "full" else answer.text
        yield TokenEvent(text=text)
        explanation = None
        if self._engine is not None and self._earned.explains and failure is None and answer.citations:
            explanation = Explanation(index, answer)
            try:
                for piece in self._explained(self._engine, explanation, run):
                    yield TokenEvent(text=piece)
            except EngineUnavailable as error:
                failure = str(error)
                yield ErrorEvent(message=failure)
        written = explanation.text.rstrip() if explanation else ""
        yield DoneEvent(
            reply=Reply(
                answer=text + written,
                details=answer.details,
                understood=understood(answer),
                question=answer.question,
                follow_ups=answer.follow_ups,
                explanation=written.strip(),
                citations=answer.citations,
                tool_calls=answer.tool_calls,
                abstained=answer.abstained,
                reason=answer.reason if answer.abstained else failure,
                engine=self._engine.name if self._engine is not None and written else COMPOSED,
                grounding=_checked(index, answer, explanation),
                usage=Usage(prompt_tokens=run.prompt_tokens, completion_tokens=run.completion_tokens),
            )
        )

    def _explained(self, engine: Engine, explanation: Explanation, run: Run) -> Iterator[str]:
        """What the model writes and the rules let leave; where it has learned to check sentences, what it then finds to
        follow from the evidence."""
        prompt, least, own = explanation.prompt(self._settings.llm_max_tokens), self._earned.least, run.part()
        try:
            # Closing the writer is what stops the model when the client has left.
            with closing(engine.write(prompt, own)) as pieces:
                if least is None:
                    yield from explanation.take(pieces, own)
                    return
                drafted = list(explanation.drafted(pieces, own))  # it does one thing at a time
        finally:
            run.add(own)
        for sentence in drafted:
            if certainty(engine, sentence, explanation.facts(sentence), run) >= least:
                yield explanation.told(sentence)
            else:
                explanation.removed += 1

    def status(self) -> dict[str, str]:
        """How the index and the engine are."""
        if self._engine is None:
            return {"engine": COMPOSED}
        untried = f"; {UNTRIED}" if self._earned == NOTHING else ""
        return {"engine": f"{self._engine.name}: {self._engine.status()}{untried}"}


def _asked(messages: Sequence[Message]) -> list[str]:
    asked = [message.content for message in messages if message.role == "user"]
    if not asked or messages[-1].role != "user":
        raise InvalidArgument("messages", messages[-1].role if messages else None, "a last message of role user")
    return asked


def _shown(answer: Answer) -> EvidenceEvent:
    return EvidenceEvent(
        answer=answer.text,
        details=answer.details,
        understood=understood(answer),
        question=answer.question,
        follow_ups=answer.follow_ups,
        citations=answer.citations,
        tool_calls=answer.tool_calls,
        abstained=answer.abstained,
        reason=answer.reason,
    )


def understood(answer: Answer) -> Understood:
    """What was read, for people to see and correct."""
    situation = answer.situation
    groups = (situation.models, situation.devices, situation.quantizations, situation.others, situation.terms)
    names = tuple(
        UnderstoodName(
            kind=named.kind or "given", name=named.label, text=named.name, count=named.count, standing=named.standing
        )
        for group in groups
        for named in group
    )
    stated = {field.name: getattr(situation, field.name) for field in fields(Quantities)}
    return Understood(
        asks=tuple(dict.fromkeys(call.name for call in answer.tool_calls)) or tuple(situation.asks)[:1],
        names=names,
        quantities={name: value for name, value in stated.items() if value not in (None, "")},
        unknown=situation.unknown,
        from_earlier=situation.carried,
        read_as="" if situation.language == ENGLISH else situation.text,
    )


def _checked(index: Index, answer: Answer, explanation: Explanation | None) -> Grounding:
    """Each text against what it stands on, which never contains it: the answer against results and records, the
    model's against the answer's evidence, where units must agree too."""
    names = index.names.with_digits
    evidence = Evidence(grounds(index, answer), names)
    figures, unsupported = evidence.check(f"{answer.text}\n{answer.details}")
    if explanation is None:
        return Grounding(figures=figures, unsupported_figures=tuple(unsupported))
    more, unsupported_more = explanation.evidence.check(explanation.text)
    return Grounding(
        figures=figures + more,
        unsupported_figures=(*unsupported, *unsupported_more),
        removed_sentences=explanation.removed,
    )
