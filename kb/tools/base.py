"""What a tool is, and the one registry of them that the API, the chat and the command line call."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from kb.errors import InvalidArgument, KnowledgeBaseError
from kb.index.live import Index
from kb.records import Record, SourceRef


class Arguments(BaseModel):
    """The base of every tool's input: closed to unknown keys, finite numbers only."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_strip_whitespace=True)

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_not_one(cls, value: Any, info: ValidationInfo) -> Any:
        """Here, for a validator inside the fields' types would hide their ranges from the JSON Schema."""
        annotation = cls.model_fields[info.field_name or ""].annotation
        if isinstance(value, bool) and bool not in (annotation, *get_args(annotation)):
            raise ValueError("true and false are not accepted here")
        return value


Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Whole = int
Real = float


class ToolCitation(Record):
    """Where a figure that went into a result comes from; ``about`` names it."""

    source: str
    section: str
    title: str
    about: str


class Result(Record):
    """The base of every tool's output."""

    citations: tuple[ToolCitation, ...] = ()


In = TypeVar("In", bound=Arguments)
Out = TypeVar("Out", bound=Record)


@dataclass(frozen=True)
class Tool(Generic[In, Out]):
    """A typed function of the index and its arguments; JSON Schemas come from the two models."""

    name: str
    description: str
    input_model: type[In]
    output_model: type[Out]
    run: Callable[[Index, In], Out]
    example: Mapping[str, Any]

    def call(self, index: Index, arguments: Mapping[str, Any]) -> Out:
        """Validate and run. Raises :class:`InvalidArguments` naming each field, or what the tool itself raises."""
        parsed = parse_arguments(self.name, self.input_model, arguments)
        return self.run(index, parsed)

    def schema(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "description": self.description,
            "input_schema": self.input_model.model_json_schema(),
            "output_schema": self.output_model.model_json_schema(mode="serialization"),
        }

    def openai_schema(self) -> dict[str, Any]:
        function = {
            "name": self.name,
            "description": self.description,
            "parameters": self.input_model.model_json_schema(),
        }
        return {"type": "function", "function": function}


def parse_arguments(what: str, model: type[In], arguments: Any) -> In:
    """Arguments from outside, validated. Raises :class:`InvalidArguments` naming each field."""
    try:
        return model.model_validate(arguments)
    except ValidationError as error:
        found = error.errors()
        # A list whose items are wrong is also called too short: the items' own errors say enough.
        inner = {item["loc"][:length] for item in found for length in range(1, len(item["loc"]))}
        raise InvalidArguments(what, [_problem(item, model) for item in found if item["loc"] not in inner]) from None


class FieldProblem(Record):
    """What was wrong with one argument."""

    field: str
    value: str
    problem: str
    accepted: str = ""


class InvalidArguments(KnowledgeBaseError):
    """A tool's arguments that do not fit its input model."""

    def __init__(self, tool: str, problems: list[FieldProblem]) -> None:
        self.tool, self.problems = tool, tuple(problems)
        lines = [
            f"{p.field}: {p.problem} (got {p.value}{'; accepted: ' + p.accepted if p.accepted else ''})"
            for p in problems
        ]
        super().__init__("; ".join(lines))


def _problem(error: Any, model: type[Arguments]) -> FieldProblem:
    path = [str(part) for part in error["loc"]]
    value = repr(error.get("input"))
    accepted = ""
    if error["type"] == "extra_forbidden":
        accepted = ", ".join(model.model_fields)
    elif error["type"] == "missing":
        value = "nothing"
    return FieldProblem(
        field=".".join(path) or "(arguments)",
        value=value if len(value) <= 80 else value[:77] + "...",
        problem=error["msg"].removeprefix("Value error, "),
        accepted=accepted or (_accepted(model, path[0]) if len(path) == 1 else ""),
    )


def _accepted(model: type[Arguments], field: str) -> str:
    """The field's range or choices, from its JSON Schema."""
    schema = model.model_json_schema()
    part = schema.get("properties", {}).get(field, {})
    branches = [branch for branch in part.get("anyOf", [part]) if branch.get("type") != "null"]
    bounds = []
    for branch in branches:
        if "enum" in branch:
            bounds.append(" | ".join(map(str, branch["enum"])))
        low = branch.get("minimum", branch.get("exclusiveMinimum"))
        high = branch.get("maximum", branch.get("exclusiveMaximum"))
        if low is not None or high is not None:
            above = "more than " if "exclusiveMinimum" in branch else ""
            bounds.append(f"{above}{low if low is not None else '…'} to {high if high is not None else '…'}")
        elif "type" in branch and "enum" not in branch:
            bounds.append(str(branch["type"]))
    return " or ".join(dict.fromkeys(bounds))


class Registry:
    """The tools by name."""

    def __init__(self, *tools: Tool[Any, Any]) -> None:
        self._tools = {tool.name: tool for tool in tools}

    def __iter__(self) -> Iterator[Tool[Any, Any]]:
        return iter(self._tools.values())

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def names(self) -> list[str]:
        return list(self._tools)

    def __getitem__(self, name: str) -> Tool[Any, Any]:
        return self._tools[name]


def cite(index: Index, references: Mapping[str, tuple[SourceRef, ...]]) -> tuple[ToolCitation, ...]:
    """Citations of figures, each source and section once; ``references`` maps what is cited to where it stands."""
    found: dict[tuple[str, str], ToolCitation] = {}
    for about, refs in references.items():
        for ref in refs:
            key = (ref.source, ref.section)
            if key in found:
                if about not in found[key].about.split(", "):
                    found[key] = found[key].model_copy(update={"about": f"{found[key].about}, {about}"})
                continue
            source = index.known.sources.get(ref.source)
            found[key] = ToolCitation(
                source=ref.source, section=ref.section, title=source.title if source else ref.source, about=about
            )
    return tuple(found.values())


def require(condition: bool, field: str, value: object, accepted: str) -> None:
    if not condition:
        raise InvalidArgument(field, value, accepted)


__all__ = [
    "Arguments", "Field", "FieldProblem", "InvalidArguments", "Name", "Real", "Registry", "Result", "Tool",
    "ToolCitation", "Whole", "cite", "parse_arguments", "require",
]  # fmt: skip
