"""Pages whose form is their address: what was filled in, and what a calculator could not take of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from pydantic import BeforeValidator, Field

from api.deps import AnyRequest, query_values, serving
from kb.catalogue import Catalogue
from kb.catalogue.records import Quantization
from kb.errors import AmbiguousName, InvalidArgument, KnowledgeBaseError, UnknownName
from kb.text.markdown import plain
from kb.text.statements import Kind, Statement, of_kind
from kb.tools import TOOLS, InvalidArguments
from kb.tools.asks import Asked
from kb.tools.base import Arguments, Name, parse_query
from kb.tools.shared.meant import Reading, meant

CONTEXTS = (2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144)

MOST_INSTEAD = 6
_TOLD: tuple[Kind, ...] = ("correction", "unknown", "answer", "reason", "next")


Query = TypeVar("Query", bound=Arguments)


def contexts(chosen: int) -> list[int]:
    """Lengths to choose from, in tokens, with the one that is chosen."""
    return sorted({*CONTEXTS, chosen})


def quantization_names(request: AnyRequest) -> list[str]:
    return sorted(record.name for record in serving(request).catalogue.known.of(Quantization).values())


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[Name, ...], Field(max_length=4), BeforeValidator(_several)]
"""A field that may be given up to four times."""


@dataclass(frozen=True)
class Trouble:
    """What is wrong with a field, or how it was read; and addresses of the page with names that would do instead."""

    field: str
    says: str
    instead: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Filled:
    """A form as it was sent; fields that were left empty are left out."""

    path: str
    values: Mapping[str, tuple[str, ...]]

    @staticmethod
    def of(request: AnyRequest) -> "Filled":
        given = {
            key: tuple(text for text in ([value] if isinstance(value, str) else value) if text.strip())
            for key, value in query_values(request).items()
        }
        return Filled(request.url.path, {key: texts for key, texts in given.items() if texts})

    def parsed(self, model: type[Query]) -> Query:
        """Raises :class:`kb.tools.InvalidArguments` naming each field, unknown ones too."""
        return parse_query(model, {key: texts[0] if len(texts) == 1 else texts for key, texts in self.values.items()})

    def trouble(self, error: KnowledgeBaseError, fields: Mapping[str, str]) -> list[Trouble]:
        """``fields``: what each argument of the calculator is called in the form; the first takes what fits none."""
        if isinstance(error, InvalidArguments):
            return [
                Trouble(_field(one.field, fields), f"{one.value} {one.problem}. {one.accepted}".rstrip())
                for one in error.problems
            ]
        if isinstance(error, InvalidArgument):
            return [Trouble(_field(error.field, fields), getattr(error, "question", "") or str(error))]
        if not isinstance(error, UnknownName | AmbiguousName):
            return [Trouble(next(iter(fields.values())), str(error))]
        names = error.suggestions if isinstance(error, UnknownName) else error.candidates
        return [self._named(error.name, str(error), names)]

    def told(self, reading: Reading) -> Trouble:
        """How a name was read, with what it may be too."""
        return self._named(reading.typed, reading.note, reading.others)

    def _named(self, name: str, says: str, instead: Sequence[str]) -> Trouble:
        field, place = self._place(name)
        links = ((other, self._with(field, place, name, other)) for other in instead[:MOST_INSTEAD])
        return Trouble(f"{field}-{place + 1}", says, tuple(links))

    def _place(self, name: str) -> tuple[str, int]:
        """The field in which a name was written, alone or with others."""
        written = [(field, place, text) for field, texts in self.values.items() for place, text in enumerate(texts)]
        alike = [one for one in written if name.casefold() in one[2].casefold()]
        field, place, _ = min(alike or written, key=lambda one: len(one[2]))
        return field, place

    def _with(self, field: str, place: int, name: str, other: str) -> str:
        """The page with one name for another, and a count before it as it was."""
        old = self.values[field][place]
        start = max(old.casefold().find(name.casefold()), 0)
        text = old[:start] + other + old[start + len(name) :] if name.casefold() in old.casefold() else other
        texts = [text if at == place else old for at, old in enumerate(self.values[field])]
        return f"{self.path}?{urlencode({**self.values, field: texts}, doseq=True)}"


def _field(argument: str, fields: Mapping[str, str]) -> str:
    """The id of an argument's field; ``devices.1`` is the second of its kind."""
    name, *rest = argument.split(".")
    field = fields.get(name, next(iter(fields.values())))
    number = int(rest[0]) if rest and rest[0].isdigit() else 0
    return f"{field}-{number + 1}"


@dataclass(frozen=True)
class Worked:
    """What a calculator found, and what it says of it; or what is to be put right first. ``read_as``: names that leave
    something open, as they were taken."""

    result: Any = None
    said: tuple[str, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    read_as: tuple[Trouble, ...] = ()

    @property
    def trouble_of(self) -> dict[str, Trouble]:
        return {trouble.field: trouble for trouble in self.troubles}


async def worked_out(
    request: AnyRequest, filled: Filled, tool: str, arguments: Mapping[str, Any], fields: Mapping[str, str]
) -> Worked:
    catalogue = serving(request).catalogue
    stated = {key: value for key, value in arguments.items() if value is not None}
    given, readings = _meant(catalogue, stated)
    try:
        result = await serving(request).in_thread(lambda: TOOLS[tool].call(catalogue, given))
    except KnowledgeBaseError as error:
        return Worked(troubles=tuple(filled.trouble(error, fields)))
    statements = TOOLS.say(tool)(result, Asked(tool=tool, stated=frozenset(given), arguments=given))
    told = [one for one in of_kind(statements, *_TOLD) if isinstance(one, Statement)]
    read_as = tuple(filled.told(reading) for reading in readings) if filled.values else ()
    return Worked(result, tuple(dict.fromkeys(plain(told))), read_as=read_as)


def _meant(catalogue: Catalogue, arguments: Mapping[str, Any]) -> tuple[dict[str, Any], list[Reading]]:
    """The arguments of a calculator, with devices by names that leave nothing open."""
    ram = arguments.get("system_memory_gb")
    given, readings = dict(arguments), list[Reading]()
    for key in ("device", "devices"):
        if key in given:
            texts = [given[key]] if isinstance(given[key], str) else given[key]
            found = [meant(catalogue, text, ram) for text in texts]
            given[key] = found[0][0] if isinstance(given[key], str) else tuple(name for name, _ in found)
            readings += [reading for _, read in found for reading in read]
    return given, readings
