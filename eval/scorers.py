"""Replies held against expectations: one scorer per key of :class:`eval.samples.Expectation`."""

import re
from collections.abc import Collection, Iterator

from eval.samples import Expectation, ExpectedCitation, ExpectedFigure, Sample
from kb.catalogue.records import Record
from kb.chat.explaining.ground import sentences
from kb.chat.explaining.polarity import Verdict, claims, denies
from kb.chat.reply import Citation, Reply
from kb.text.figures import read

SHORT = 3
"""Letters of a phrase that stands in other words by accident."""


class PartScore(Record):
    """One key of the expectation: ``missing`` says what the reply lacks, nothing where it holds."""

    name: str
    missing: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.missing


class Score(Record):
    """How a sample went: 1 right, 0 wrong, None not scored (``explanation`` says why)."""

    sample: str
    tags: tuple[str, ...]
    messages: tuple[str, ...]
    value: float | None
    answer: str
    explanation: str
    parts: tuple[PartScore, ...] = ()
    unsupported_figures: tuple[str, ...] = ()


def has_figure(wanted: ExpectedFigure, answer: str) -> bool:
    """Whether an answer has it in digits, in its own unit.

    >>> has_figure(ExpectedFigure(value=42.5, unit="GB"), "It needs 42.6 GB.")
    True
    >>> has_figure(ExpectedFigure(value=42.5, unit="GB"), "It needs 42.5 GiB.")
    False
    """
    measured = read(f"1 {wanted.unit}")[0]
    return any(
        abs(figure.value - value) <= wanted.tolerance * abs(value) + 1e-9
        for figure in read(answer)
        if figure.kind != "name" and figure.text[0].isdigit() and answer[figure.start] not in "x×"
        if not wanted.unit or (figure.dimension, figure.factor) == (measured.dimension, measured.factor)
        for value in wanted.values
    )


def score(sample: Sample, reply: Reply) -> Score:
    """Every key of the expectation must hold."""
    parts = tuple(_parts(sample.expect, reply))
    problems = [f"{part.name}: {'; '.join(part.missing)}" for part in parts if not part.passed]
    return Score(
        sample=sample.id,
        tags=sample.tags,
        messages=sample.messages,
        value=0.0 if problems else 1.0,
        answer=reply.answer,
        explanation="\n".join(problems) or "everything that is expected is there",
        parts=parts,
        unsupported_figures=reply.grounding.unsupported_figures,
    )


def unscored(sample: Sample, why: str) -> Score:
    return Score(sample=sample.id, tags=sample.tags, messages=sample.messages, value=None, answer="", explanation=why)


def _parts(expect: Expectation, reply: Reply) -> Iterator[PartScore]:
    if expect.verdict is not None:
        yield PartScore(name="verdict", missing=_verdict(expect.verdict, reply))
    if expect.figures:
        missing = tuple(_shown(figure) for figure in expect.figures if not has_figure(figure, said(reply)))
        yield PartScore(name="figures", missing=missing)
    if expect.contains:
        yield PartScore(name="contains", missing=_absent(expect.contains, said(reply)))
    if expect.not_contains:
        folded = reply.answer.casefold()
        present = tuple(phrase for phrase in expect.not_contains if phrase.casefold() in folded)
        yield PartScore(name="not_contains", missing=tuple(f"must not say {phrase!r}" for phrase in present))
    if wanted := expect.all_cites:
        uncited = tuple(str(one.model_dump(exclude_none=True)) for one in wanted if not cited(one, reply))
        yield PartScore(name="cites", missing=uncited)
    if expect.abstains is not None:
        yield PartScore(name="abstains", missing=_abstention(expect.abstains, reply))
    if expect.tool_calls:
        called = {call.name for call in reply.tool_calls}
        yield PartScore(name="tool_calls", missing=tuple(name for name in expect.tool_calls if name not in called))
    if expect.about:
        # A device that is only an entry of another one's result was not worked out.
        results = " ".join(str(call.result.get("device") or call.result) for call in reply.tool_calls)
        yield PartScore(name="about", missing=tuple(name for name in expect.about if name not in results))


def said(reply: Reply) -> str:
    """Everything that the reply tells: the brief answer and what is behind it."""
    return f"{reply.answer}\n\n{reply.details}"


def _shown(figure: ExpectedFigure) -> str:
    return f"{' or '.join(f'{value:g}' for value in figure.values)} {figure.unit}".strip()


def _verdict(wanted: Verdict, reply: Reply) -> tuple[str, ...]:
    """Of the first ``check_fit``: it is what was asked; others look for something that fits better. And what the
    answer says of it in words, which is what people read."""
    verdicts = [str(call.result.get("verdict")) for call in reply.tool_calls if call.name == "check_fit"]
    if not verdicts or verdicts[0] != wanted:
        return (f"{wanted} expected, {verdicts[0] if verdicts else 'check_fit was not called'}",)
    said = [sentences(part)[0] for part in reply.answer.replace("**", "").split("\n\n") if part.strip()]
    spoken = next((sentence for sentence in said if claims(sentence)), "")
    return (f"{wanted} expected, the answer says {spoken.strip()!r}",) if denies(spoken, wanted) else ()


def _absent(contains: tuple[str | tuple[str, ...], ...], answer: str) -> tuple[str, ...]:
    folded = answer.casefold()
    alternatives = [(item,) if isinstance(item, str) else item for item in contains]
    return tuple(
        " or ".join(map(repr, phrases))
        for phrases in alternatives
        if not any(_stands(phrase.casefold(), folded) for phrase in phrases)
    )


def _stands(phrase: str, text: str) -> bool:
    """Whether ``phrase`` begins where a word does, and ends with one if it is short or a number.

    >>> _stands("token", "two tokens"), _stands("w", "two"), _stands("8", "18 or 80"), _stands("8 gb", "8 GB".lower())
    (True, False, False, True)
    """
    start = r"(?<!\w)(?<!\d[.,])" if phrase[0].isalnum() else ""
    whole = phrase[-1].isdigit() or (len(phrase) <= SHORT and phrase[-1].isalnum())
    end = r"(?!\w|[.,]\d)" if whole else ""
    return re.search(f"{start}{re.escape(phrase)}{end}", text) is not None


def _abstention(wanted: bool, reply: Reply) -> tuple[str, ...]:
    if reply.abstained == wanted:
        return ()
    return ("it answers and should abstain",) if wanted else (f"it abstains: {reply.reason}",)


def cited(wanted: ExpectedCitation, reply: Reply, marks: Collection[int] | None = None) -> bool:
    """Whether a citation of the reply is the wanted one, and its number among ``marks`` where those are given."""
    return any(_matches(wanted, citation) for citation in reply.citations if marks is None or citation.id in marks)


def _matches(wanted: ExpectedCitation, citation: Citation) -> bool:
    return all(getattr(citation, key) == value for key, value in wanted.model_dump(exclude_none=True).items())
