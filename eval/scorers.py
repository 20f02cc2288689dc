"""Replies held against expectations: one scorer per key of :class:`eval.samples.Expectation`."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from eval.samples import Expectation, ExpectedCitation, ExpectedFigure, Sample
from kb.catalogue.records import Record
from kb.chat.ground import sentences
from kb.chat.polarity import Verdict, claims, denies
from kb.chat.reply import Citation, Reply

_MARK = re.compile(r"\[\d{1,3}\]")
_NUMBER = re.compile(r"(?P<sign>[$€])?\s?(?<![\w.])(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)")
_JOINED = re.compile(r"(?<!\s)\s*(?:–|—|-|to|and|or|\.\.)\s*(?:[$€]\s*)?(?=\d)")
"""Between two numbers of one range: the first has the unit of the second."""

SHORT = 3
"""Letters of a phrase that stands in other words by accident."""

_UNITS: dict[str, str] = {
    "gb/s": "gb/s", "gb per second": "gb/s", "mb/s": "mb/s", "mb per second": "mb/s",
    "tokens/s": "tokens/s", "tok/s": "tokens/s", "t/s": "tokens/s", "tokens per second": "tokens/s",
    "tokens a second": "tokens/s", "tokens/sec": "tokens/s", "tokens": "tokens",
    "gbit/s": "gbit/s", "gbps": "gbit/s", "kwh": "kwh", "gib": "gib", "gb": "gb", "tib": "tib", "tb": "tb",
    "mib": "mib", "mb": "mb", "kb": "kb", "tflops": "tflops", "ghz": "ghz", "mt/s": "mt/s",
    "watts": "w", "watt": "w", "w": "w", "seconds": "s", "second": "s", "s": "s", "hours": "h", "hour": "h",
    "usd": "$", "dollars": "$", "$": "$", "eur": "€", "euros": "€", "€": "€", "sek": "sek", "kronor": "sek",
    "bits": "bits", "bit": "bits", "percent": "%", "per cent": "%", "%": "%", "years": "years", "layers": "layers",
}  # fmt: skip
_UNIT = re.compile(
    r"(?<![\s-])[\s-]*("
    + "|".join(sorted(map(re.escape, _UNITS), key=lambda unit: -len(unit)))
    + r")(?![A-Za-z])(?!/)",
    re.I,
)


@dataclass(frozen=True)
class ReadFigure:
    """A number of an answer with its unit in the one spelling that is compared; no unit is ``""``."""

    value: float
    unit: str


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


def read_figures(text: str) -> list[ReadFigure]:
    """The numbers of a text and the units behind them (or the ``$`` before them).

    >>> read_figures("It makes 25–35 tokens/s from **1,792 GB/s** [2] for $1,999.")[:2]
    [ReadFigure(value=25.0, unit='tokens/s'), ReadFigure(value=35.0, unit='tokens/s')]
    """
    plain = _MARK.sub("", text).replace("*", "").replace("`", "")
    return [
        ReadFigure(float(number["digits"].replace(",", "")), _unit_of(plain, number))
        for number in _NUMBER.finditer(plain)
    ]


def _unit_of(text: str, number: re.Match[str], joins: int = 3) -> str:
    if number["sign"]:
        return number["sign"]
    unit = _UNIT.match(text, number.end())
    if unit:
        return _UNITS[unit[1].lower()]
    joined = _JOINED.match(text, number.end())
    following = _NUMBER.match(text, joined.end()) if joined else None
    return _unit_of(text, following, joins - 1) if following and joins else ""


def has_figure(wanted: ExpectedFigure, found: list[ReadFigure]) -> bool:
    """
    >>> has_figure(ExpectedFigure(value=42.5, unit="GB"), [ReadFigure(42.6, "gb")])
    True
    >>> has_figure(ExpectedFigure(value=42.5, unit="GB"), [ReadFigure(42.5, "gib")])
    False
    """
    unit = _UNITS.get(wanted.unit.lower(), wanted.unit.lower())
    return any(
        abs(figure.value - value) <= wanted.tolerance * abs(value) + 1e-9
        for figure in found
        if unit in ("", figure.unit)
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
        found = read_figures(reply.answer)
        missing = tuple(_shown(figure) for figure in expect.figures if not has_figure(figure, found))
        yield PartScore(name="figures", missing=missing)
    if expect.contains:
        yield PartScore(name="contains", missing=_absent(expect.contains, reply.answer))
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
