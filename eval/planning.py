"""Which tool a question calls for, and with what: a slice written by hand, and a scorer on plain values."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from eval.samples import EvaluationDataInvalid, name_problems, read_entries
from kb.catalogue.names import DEVICE_KINDS, Names
from kb.catalogue.records import Record, kinds
from kb.chat.reply import EvidenceEvent, Reply
from kb.errors import AmbiguousName, UnknownName
from kb.tools import TOOLS
from kb.tools.shared.resolve import split_count

HELD_BACK = Path(__file__).parent / "planning" / "held_back.yaml"
ANSWER, ABSTAIN = "answer", "abstain"
"""No tool is needed; the question is outside the domain or cannot be known."""

_ALL_KINDS = ("terms", *kinds)
_KINDS: Mapping[str, Sequence[str]] = {
    "model": ("models",), "models": ("models",), "quantization": ("quantizations",), "device": DEVICE_KINDS,
    "devices": DEVICE_KINDS, "accelerator": DEVICE_KINDS, "cpu": ("cpus",), "platform": ("cpus", "motherboards"),
    "drive": ("storage",), "link": ("interconnects",), "build": ("builds",), "name": _ALL_KINDS,
}  # fmt: skip
_COUNTS = {"device": "device_count", "accelerator": "accelerator_count"}
_TOLERANCE = 0.005
_CONTEXT_TOLERANCE = 0.025
"""32k is 32,000 tokens to some and 32,768 to others."""


class PlannedCall(Record):
    """A tool with its arguments, or ``answer`` or ``abstain`` without any."""

    tool: str
    arguments: dict[str, Any] = Field(default={})


Planner = Callable[[str], PlannedCall]
"""What chooses a call for a question. The language model's planner goes in here, as does anything else that chooses."""


class ExpectedCall(Record):
    """``with`` holds the arguments that must be right; any others may be anything."""

    tool: str
    required: dict[str, Any] = Field(default={}, alias="with")

    @model_validator(mode="after")
    def _of_a_tool(self) -> "ExpectedCall":
        if self.tool in (ANSWER, ABSTAIN):
            known: Sequence[str] = ()
        elif self.tool in TOOLS.names():
            known = list(TOOLS[self.tool].input_model.model_fields)
        else:
            raise ValueError(
                f"there is no tool {self.tool!r}; accepted: {', '.join((*TOOLS.names(), ANSWER, ABSTAIN))}"
            )
        if unknown := sorted(set(self.required) - set(known)):
            raise ValueError(f"{self.tool} takes no {unknown[0]!r}; accepted: {', '.join(known) or 'nothing'}")
        return self


class HeldBack(ExpectedCall):
    """A question and the call that it needs; the calls under ``or`` are as good."""

    ask: Annotated[str, Field(min_length=1)]
    others: tuple[ExpectedCall, ...] = Field(default=(), alias="or")


class PlanScore(Record):
    """``wrong`` names the arguments that are not what the question says."""

    ask: str
    expected: str
    got: PlannedCall
    tool_right: bool
    wrong: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        return self.tool_right and not self.wrong


def read_held_back(path: Path = HELD_BACK) -> tuple[HeldBack, ...]:
    """Raises :class:`EvaluationDataInvalid`."""
    return tuple(_read(path))


def _read(path: Path) -> Iterator[HeldBack]:
    for number, entry in enumerate(read_entries(path), start=1):
        try:
            yield HeldBack.model_validate(entry)
        except ValidationError as error:
            raise EvaluationDataInvalid(name_problems(path, number, error)) from None


def score_plan(names: Names, question: HeldBack, got: PlannedCall) -> PlanScore:
    """The best that the planned call reaches against any of the calls that are accepted."""
    wrong = [
        wrong_arguments(names, call, got.arguments) for call in (question, *question.others) if call.tool == got.tool
    ]
    return PlanScore(
        ask=question.ask,
        expected=question.tool,
        got=got,
        tool_right=bool(wrong),
        wrong=min(wrong, key=len) if wrong else (),
    )


def wrong_arguments(names: Names, expected: ExpectedCall, got: Mapping[str, Any]) -> tuple[str, ...]:
    """The required arguments that ``got`` has not, or has otherwise. What is left out has the tool's default."""
    given = _counted(expected.tool, got)
    return tuple(
        f"{key}: {value!r} expected, {given.get(key)!r} given"
        for key, value in expected.required.items()
        if not _same(names, key, value, given.get(key))
    )


def _counted(tool: str, got: Mapping[str, Any]) -> dict[str, Any]:
    """With the defaults filled in, and ``2x RTX 3090`` as two of them."""
    defaults: dict[str, Any] = {}
    if tool in TOOLS.names():
        fields = TOOLS[tool].input_model.model_fields
        defaults = {name: field.default for name, field in fields.items() if not field.is_required()}
    given = defaults | dict(got)
    for key, count in _COUNTS.items():
        if isinstance(name := given.get(key), str) and count in defaults:
            number, given[key] = split_count(name)
            given[count] = number * given[count] if isinstance(given[count], int) else given[count]
    return given


def _same(names: Names, key: str, expected: Any, got: Any) -> bool:
    if isinstance(expected, bool) or got is None:
        return bool(expected is got)
    if isinstance(expected, int | float):
        tolerance = _CONTEXT_TOLERANCE if key == "context" else _TOLERANCE
        return isinstance(got, int | float) and abs(got - expected) <= tolerance * abs(expected)
    if isinstance(expected, list):
        return isinstance(got, list | tuple) and _same_names(names, key, expected, got)
    if key in _KINDS:
        return any(_meant(names, key, name) & _meant(names, key, got) for name in expected.split(" | "))
    return bool(str(expected).casefold() == str(got).casefold())


def _same_names(names: Names, key: str, expected: Sequence[Any], got: Sequence[Any]) -> bool:
    """The same things, as often, in any order: ``2x RTX 4090`` is ``RTX 4090`` twice."""
    left = _one_by_one(got)
    for name in _one_by_one(expected):
        found = next((other for other in left if _meant(names, key, name) & _meant(names, key, other)), None)
        if found is None:
            return False
        left.remove(found)
    return not left


def _one_by_one(listed: Sequence[Any]) -> list[str]:
    counted = (split_count(str(name)) for name in listed)
    return [name for count, name in counted for _ in range(count)]


def _meant(names: Names, key: str, name: object) -> set[str]:
    """The labels of what the name may stand for; a name that nothing answers to stands for itself."""
    text = str(name)
    try:
        return {names.resolve(_KINDS[key], text).label}
    except AmbiguousName as error:
        return set(error.candidates)
    except UnknownName:
        return {text.casefold()}


def call_of(reply: Reply | EvidenceEvent) -> PlannedCall:
    """What a reply, or its evidence, shows to have been chosen: the first call, else what the first citation is of."""
    if reply.abstained:
        return PlannedCall(tool=ABSTAIN)
    for call in reply.tool_calls:
        return PlannedCall(tool=call.name, arguments=call.arguments)
    for citation in reply.citations:
        if citation.term is not None:
            return PlannedCall(tool="lookup_term", arguments={"name": citation.term})
        if citation.spec is not None:
            return PlannedCall(tool="lookup_spec", arguments={"name": citation.spec.partition("/")[2]})
        if citation.passage_id is not None:
            return PlannedCall(tool="search_passages")
    return PlannedCall(tool=ANSWER)
