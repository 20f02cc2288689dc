"""What a tool is, and the one registry of them that the API, the chat and the command line call."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from reprlib import Repr
from typing import Annotated, Any, Generic, TypeVar, get_type_hints

from pydantic import (
    BaseModel,
    ConfigDict,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import from_json

from kb.catalogue import Catalogue
from kb.catalogue.described import Described
from kb.catalogue.records import Record, SourceRef
from kb.errors import KnowledgeBaseError
from kb.text.statements import Said
from kb.tools.asks import Asked, AskFile, Ways, read_asks, read_ways
from kb.tools.small_schema import small_schema

MOST_KEYS = 500
"""Keys of one object; the longest ``config.json`` has some 150."""

MOST_PROBLEMS = 20
"""How many are reported of one request, so that no answer is larger than what caused it."""

_JSON_TYPES: Mapping[type, tuple[str, str]] = {
    bool: ("boolean", "true and false are"),
    str: ("string", "a text is"),
    int: ("number", "a number is"),
    float: ("number", "a number is"),
}
"""The types that pydantic turns into one another, by their names in a JSON Schema and in a sentence."""

_shown = Repr()
_shown.maxstring = _shown.maxother = 80


class Arguments(BaseModel):
    """The base of every tool's input: closed to unknown keys, finite numbers only, each value of the type that the
    JSON Schema says. A query string has nothing but texts, and is read by :func:`parse_query`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_strip_whitespace=True)

    @model_validator(mode="before")
    @classmethod
    def _few_keys(cls, given: Any) -> Any:
        """Before they are looked at one by one, and each unknown one is reported."""
        if isinstance(given, dict) and len(given) > MOST_KEYS:
            raise ValueError(f"{len(given):,} keys are not accepted; at most {MOST_KEYS} are")
        return given

    @field_validator("*", mode="before")
    @classmethod
    def _as_the_schema_says(cls, value: Any, info: ValidationInfo) -> Any:
        """Here, for a validator inside the fields' types would hide their ranges from the JSON Schema; and before the
        items of a list are looked at, of which pydantic reports every bad one."""
        if info.mode not in ("python", "json"):
            return value
        branches = _branches(cls)[info.field_name or ""]
        if isinstance(value, (list, tuple)):
            longest = max((branch["maxItems"] for branch in branches if "maxItems" in branch), default=None)
            if longest is not None and len(value) > longest:
                raise ValueError(f"{len(value):,} items are not accepted; at most {longest} are")
        elif (named := _JSON_TYPES.get(type(value))) and not any(_takes(branch, named[0]) for branch in branches):
            raise ValueError(f"{named[1]} not accepted here")
        return value


def _takes(branch: Mapping[str, Any], json_type: str) -> bool:
    """Whether a part of a JSON Schema says that it takes a type; one that says nothing takes all."""
    said = branch.get("type", json_type)
    return said == json_type or (said == "integer" and json_type == "number")


@cache
def _branches(model: type[BaseModel]) -> dict[str, list[dict[str, Any]]]:
    """The JSON Schemas of each field, one for each type that it takes."""
    schema = model.model_json_schema(by_alias=False)
    definitions = schema.get("$defs", {})

    def resolved(part: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = definitions.get(part.get("$ref", "").rpartition("/")[2], part)
        return found

    properties = schema.get("properties", {})
    return {name: [resolved(branch) for branch in part.get("anyOf", [part])] for name, part in properties.items()}


Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Whole = int
Real = float


class ToolCitation(Record):
    """Where a figure that went into a result comes from; ``about`` names it."""

    source: str
    section: str
    title: str
    about: str
    """What it is cited for."""


class Result(Record):
    """The base of every tool's output."""

    citations: tuple[ToolCitation, ...] = ()

    def recommends(self) -> Sequence[str]:
        """The models or devices that it offers by name, that which it would take first: what a person means later by
        *it*, *the second one* or *the one you said*."""
        return ()


In = TypeVar("In", bound=Arguments)
Out = TypeVar("Out", bound=Record)


@dataclass(frozen=True)
class Tool(Generic[In, Out]):
    """A typed function of the catalogue and its arguments; JSON Schemas come from the two models."""

    name: str
    description: str
    input_model: type[In]
    output_model: type[Out]
    run: Callable[[Catalogue, In], Out]

    @property
    def recommends(self) -> bool:
        return issubclass(self.output_model, Result) and self.output_model.recommends is not Result.recommends

    @property
    def example(self) -> Mapping[str, Any]:
        """Arguments to show it with, where it has an ``ask.yaml``."""
        asks = _asks_beside(self.folder)
        return asks.example if asks else {}

    @property
    def package(self) -> str:
        """The folder's name in Python; ``ask.yaml`` and ``say.py`` stand in it."""
        return self.run.__module__.rpartition(".")[0]

    @property
    def folder(self) -> Path:
        return Path(str(import_module(self.run.__module__).__file__)).parent

    def call(self, catalogue: Catalogue, arguments: Mapping[str, Any]) -> Out:
        """Validate and run. Raises :class:`InvalidArguments` naming each field, or what the tool itself raises."""
        parsed = parse_arguments(self.name, self.input_model, arguments)
        return self.run(catalogue, parsed)

    def from_texts(self, texts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """Arguments as a command line has them, every value a text, in the types of the JSON Schema."""
        branches = _branches(self.input_model)
        return {field: _from_texts(branches.get(field, []), given) for field, given in texts.items()}

    def schema(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "description": self.description,
            "input_schema": self.input_model.model_json_schema(schema_generator=Described),
            "output_schema": self.output_model.model_json_schema(mode="serialization", schema_generator=Described),
        }

    def openai_schema(self, *, strict: bool = False) -> dict[str, Any]:
        """As a function definition; ``strict`` passes OpenAI's strict rules."""
        function: dict[str, Any] = {"name": self.name, "description": self.description}
        if strict:
            function |= {"parameters": small_schema(self.input_model, strict=True), "strict": True}
        else:
            function["parameters"] = self.input_model.model_json_schema()
        return {"type": "function", "function": function}


def tool(run: Callable[[Catalogue, In], Out], description: str) -> Tool[In, Out]:
    """Called as its folder is, with the schemas of what ``run`` takes and gives."""
    types = get_type_hints(run)
    return Tool(run.__module__.split(".")[-2], description, types["arguments"], types["return"], run)


def _from_texts(branches: Sequence[Mapping[str, Any]], given: Sequence[str]) -> Any:
    """One text stands for itself, or for a list of one where only a list is taken."""
    is_list = len(given) > 1 or not any(branch.get("type") not in ("array", "null") for branch in branches)
    takes_text = is_list or any(branch.get("type") == "string" for branch in branches)
    values = [_from_text(text, takes_text) for text in given]
    return values[0] if not is_list or (len(values) == 1 and isinstance(values[0], list)) else values


def _from_text(text: str, takes_text: bool) -> Any:
    if takes_text and text[:1] not in ("{", "["):
        return text
    try:
        return from_json(text)
    except ValueError:
        return text


def parse_arguments(what: str, model: type[In], arguments: Any) -> In:
    """Arguments from outside, validated. Raises :class:`InvalidArguments` naming each field."""
    return _parsed(what, model, model.model_validate, arguments)


def parse_query(model: type[In], values: Mapping[str, Any]) -> In:
    """The same of a query string, where numbers and flags are texts."""
    return _parsed("query", model, model.model_validate_strings, values)


def _parsed(what: str, model: type[In], validate: Callable[[Any], In], given: Any) -> In:
    try:
        return validate(given)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        # A list whose items are wrong is also called too short: the items' own errors say enough.
        inner = {item["loc"][:length] for item in found for length in range(1, len(item["loc"]))}
        own = list(_of_branch_meant([item for item in found if item["loc"] not in inner], model))
        shown = [_problem(item, model) for item in own[:MOST_PROBLEMS]]
        raise InvalidArguments(what, shown, len(own)) from None


_BY_NAME = "constrained-str"
"""What pydantic calls the branch of a union that takes a name."""


def _of_branch_meant(errors: Sequence[Any], model: type[Arguments]) -> Iterator[Any]:
    """Of an argument that is a name or an object, what is wrong with the one that was given; pydantic tells both, with
    the names of its classes in the path."""
    classes = frozenset(model.model_json_schema().get("$defs", {}))
    by_name = {item["loc"][:-1]: item["input"] for item in errors if item["loc"][-1:] == (_BY_NAME,)}
    for item in errors:
        path = item["loc"]
        stem = next((path[:length] for length in range(len(path) - 1, 0, -1) if path[:length] in by_name), None)
        if stem is None:
            yield item
            continue
        given, branch = by_name[stem], path[len(stem)]
        is_object = isinstance(given, dict)
        if is_object and branch != _BY_NAME:
            yield item | {"loc": (*stem, *(part for part in path[len(stem) :] if not _is_class(part, classes)))}
        elif not is_object and branch == _BY_NAME:
            said = item["msg"] if isinstance(given, str) else "Input should be a name or an object of figures"
            yield item | {"loc": stem, "msg": said}


def _is_class(part: int | str, classes: frozenset[str]) -> bool:
    return isinstance(part, str) and (part in classes or part.startswith("function-"))


class FieldProblem(Record):
    """What was wrong with one argument."""

    field: str
    """Its name, with the path to it."""
    value: str
    """What was given."""
    problem: str
    """What is wrong with it."""
    accepted: str = ""
    """What would be accepted."""


class InvalidArguments(KnowledgeBaseError):
    """A tool's arguments that do not fit its input model; ``total`` where there are more problems than are told."""

    def __init__(self, tool: str, problems: Sequence[FieldProblem], total: int = 0) -> None:
        self.tool, self.problems = tool, tuple(_once(problems[:MOST_PROBLEMS]))
        lines = [
            f"{p.field}: {p.problem} (got {p.value}{'; accepted: ' + p.accepted if p.accepted else ''})"
            for p in self.problems
        ]
        more = max(total, len(problems)) - len(self.problems)
        super().__init__("; ".join(lines) + (f"; and {more:,} more" if more else ""))


def _once(problems: Sequence[FieldProblem]) -> Iterator[FieldProblem]:
    """Long lists of what is accepted are told where they are needed first."""
    told = set()
    for problem in problems:
        if len(problem.accepted) > 80 and problem.accepted in told:
            yield problem.model_copy(update={"accepted": "as above"})
        else:
            told.add(problem.accepted)
            yield problem


def _problem(error: Any, model: type[Arguments]) -> FieldProblem:
    path = [str(part)[:80] for part in error["loc"]]
    value = _shown.repr(error.get("input"))
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
    bounds = []
    for branch in _branches(model).get(field, ()):
        if branch.get("type") == "null":
            continue
        if choices := branch.get("enum", branch.get("examples")):
            bounds.append(" | ".join(map(str, choices)))
        low = branch.get("minimum", branch.get("exclusiveMinimum"))
        high = branch.get("maximum", branch.get("exclusiveMaximum"))
        if low is not None or high is not None:
            above = "more than " if "exclusiveMinimum" in branch else ""
            bounds.append(f"{above}{low if low is not None else '…'} to {high if high is not None else '…'}")
        elif "type" in branch and not choices:
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

    def asks(self, name: str) -> AskFile | None:
        """How people ask for the tool; None where its folder does not say, so that the chat leaves it alone."""
        return _asks_beside(self[name].folder)

    def ways(self, name: str) -> Ways:
        """Texts that ask for the tool, for the reader to learn from."""
        return read_ways(self[name].folder / "ways.yaml")

    def say(self, name: str) -> Callable[[Any, Asked], Iterable[Said]]:
        """What the tool says of a result."""
        said: Callable[[Any, Asked], Iterable[Said]] = import_module(f"{self[name].package}.say").say
        return said

    def side_by_side(self, name: str) -> Callable[[Sequence[Any], Asked], Iterable[Said]] | None:
        """What it says of several results of one question, where it has more to say than one after the other."""
        return getattr(import_module(f"{self[name].package}.say"), "side_by_side", None)


@cache
def _asks_beside(folder: Path) -> AskFile | None:
    path = folder / "ask.yaml"
    return read_asks(path) if path.exists() else None


def cite(catalogue: Catalogue, references: Mapping[str, tuple[SourceRef, ...]]) -> tuple[ToolCitation, ...]:
    """Citations of figures, each source and section once; ``references`` maps what is cited to where it stands."""
    found: dict[tuple[str, str], ToolCitation] = {}
    for about, refs in references.items():
        for ref in refs:
            key = (ref.source, ref.section)
            if key in found:
                if about not in found[key].about.split(", "):
                    found[key] = found[key].model_copy(update={"about": f"{found[key].about}, {about}"})
                continue
            source = catalogue.known.sources.get(ref.source)
            found[key] = ToolCitation(
                source=ref.source, section=ref.section, title=source.title if source else ref.source, about=about
            )
    return tuple(found.values())
