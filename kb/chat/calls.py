"""Which tool calls a question admits: names and numbers come from the question, choices from the tools' own schemas."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from kb.chat.quantities import WORDS_TO_COUNT, Quantities
from kb.chat.question import DEFAULT_QUANTIZATION, Question, Thing
from kb.llm.base import Grammar
from kb.tools import TOOLS

Schema = dict[str, Any]
"""A JSON Schema, or a part of one."""

LONGEST_QUERY = 2000
MOST_WORDS, LONGEST_PHRASE = 24, 4
"""Words of the question, and words of one phrase of it, that may be a name which nothing was recognised in."""

_KINDS = {
    "model": "models", "models": "models", "device": "devices", "devices": "devices", "accelerator": "devices",
    "quantization": "quantizations", "cpu": "others", "platform": "others", "drive": "others", "link": "others",
    "build": "others",
}  # fmt: skip
"""Of which of the question's names an argument is one."""


class Call(BaseModel):
    """What the model chose: a tool with its arguments, or ``answer``, or ``abstain``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tool: str
    arguments: dict[str, Any] = {}

    @property
    def line(self) -> str:
        """As the model writes it."""
        planned = {"tool": self.tool} | ({"arguments": self.arguments} if self.tool in TOOLS else {})
        return json.dumps(planned, ensure_ascii=False, separators=(",", ":"))


class Refused(ValueError):
    """A call that the question does not admit."""


@dataclass(frozen=True)
class Admitted:
    """The calls that ``question`` admits."""

    question: Question

    @cached_property
    def arguments(self) -> Mapping[str, Schema]:
        """For each tool that can be called, the schema of its arguments: enumerations and booleans alone."""
        schemas: dict[str, Schema] = {}
        for name, whole in _input_schemas().items():
            properties = {key: self._property(key, part) for key, part in whole["properties"].items()}
            given = {key: part for key, part in properties.items() if part is not None}
            required = whole.get("required", [])
            if all(key in given for key in required):
                schemas[name] = _object(given, required)
        return schemas

    @cached_property
    def grammar(self) -> Grammar:
        ways = [
            _object({"tool": {"const": name}, "arguments": schema}, ["tool", "arguments"])
            for name, schema in self.arguments.items()
        ]
        ways.append(_object({"tool": {"enum": ["answer", "abstain"]}}, ["tool"]))
        schema: Schema = {"anyOf": ways}
        compact = schema | {"x-guidance": {"whitespace_flexible": False}}
        return Grammar(lark=f"start: %json {json.dumps(compact, ensure_ascii=False)}\n", schema=json.dumps(schema))

    def read(self, text: str) -> Call:
        """Raises :class:`Refused` for what is no call, or none that is admitted: not every engine is held to it."""
        try:
            call = Call.model_validate_json(text.strip())
        except ValidationError:
            raise Refused("one JSON object is wanted, with a tool and its arguments") from None
        if call.tool in ("answer", "abstain"):
            return call
        schema = self.arguments.get(call.tool)
        if schema is None:
            raise Refused(f"there is no tool {call.tool!r} for this question")
        for key, value in call.arguments.items():
            if key not in schema["properties"] or not _fits(value, schema["properties"][key]):
                raise Refused(f"{key}: {value!r} is not in the question")
        return call

    def _property(self, key: str, part: Schema) -> Schema | None:
        """The part without what the question has nothing for."""
        for branch in part.get("anyOf", [part]):
            match branch:
                case {"enum": _}:
                    return {"enum": branch["enum"]}
                case {"type": "boolean"}:
                    return {"type": "boolean"}
                case {"type": "integer" | "number"}:
                    whole = branch["type"] == "integer"
                    return _one_of(number for number in self._numbers if _within(number, branch, whole))
                case {"type": "array"}:
                    names = self._names(key)
                    least = branch.get("minItems", 1)
                    limits = {"minItems": least, "maxItems": max(least, min(branch["maxItems"], 4))}
                    return {"type": "array", "items": {"enum": names}, **limits} if len(names) >= least else None
                case {"type": "string"}:
                    return _one_of(self._names(key))
        return None

    def _names(self, key: str) -> list[str]:
        question = self.question
        if key == "query":
            return [question.text[:LONGEST_QUERY]]
        if key == "currency":
            return [question.currency] if question.currency else []
        if key == "name":
            named = (*question.terms, *question.quantizations, *question.devices, *question.models, *question.others)
            return _spoken(named) or self._phrases
        if key not in _KINDS:
            return []
        names = _spoken(getattr(question, _KINDS[key]))
        if key == "quantization":
            return list(dict.fromkeys((*names, DEFAULT_QUANTIZATION)))
        return names or self._phrases

    @cached_property
    def _phrases(self) -> list[str]:
        words = list(re.finditer(r"[^\s?!,;()\"]+", self.question.text))[:MOST_WORDS]
        ends = ((start, end) for start in range(len(words)) for end in range(start, len(words)))
        phrases = (self.question.text[words[i].start() : words[j].end()] for i, j in ends if j - i < LONGEST_PHRASE)
        return list(dict.fromkeys(phrases))

    @cached_property
    def _numbers(self) -> list[float]:
        """The question's, as they stand there and as they were understood."""
        question = self.question
        found = [getattr(question, key) for key in Quantities.__dataclass_fields__]
        numbers = [float(value) for value in found if isinstance(value, (int, float))]
        for digits, scale in re.findall(r"(?<![\w.])(\d[\d,]*(?:\.\d+)?)\s?(k\b)?", question.text, re.I):
            number = float(digits.replace(",", ""))
            numbers += [number * 1000, number * 1024] if scale else [number]
        numbers += [float(thing.count) for thing in question.devices if thing.count > 1]
        numbers += [
            float(WORDS_TO_COUNT[word]) for word in re.findall(r"[a-z]+", question.text.lower()) if _counts(word)
        ]
        return list(dict.fromkeys(numbers))


@cache
def _input_schemas() -> Mapping[str, Schema]:
    return {tool.name: tool.input_model.model_json_schema() for tool in TOOLS}


def _counts(word: str) -> bool:
    return WORDS_TO_COUNT.get(word, 1) > 1


def _spoken(things: Iterable[Thing]) -> list[str]:
    """As they are typed, and without a plural's s."""
    names = [thing.name for thing in things]
    return list(dict.fromkeys((*names, *(re.sub(r"(?<=\d)s$", "", name) for name in names))))


def _within(number: float, branch: Schema, whole: bool) -> bool:
    low, high = branch.get("minimum", float("-inf")), branch.get("maximum", float("inf"))
    return (
        low <= number <= high
        and number > branch.get("exclusiveMinimum", float("-inf"))
        and (not whole or number.is_integer())
    )


def _one_of(values: Iterable[str | float]) -> Schema | None:
    plain = [int(value) if isinstance(value, float) and value.is_integer() else value for value in values]
    return {"enum": plain} if plain else None


def _object(properties: Mapping[str, Schema], required: list[str]) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": required,
        "additionalProperties": False,
    }


def _fits(value: Any, schema: Schema) -> bool:
    if schema.get("type") == "array":
        return isinstance(value, list) and all(item in schema["items"]["enum"] for item in value)
    if schema.get("type") == "boolean":
        return isinstance(value, bool)
    return not isinstance(value, (bool, list, dict)) and value in schema["enum"]
