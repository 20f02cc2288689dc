"""What an answer's statements stand on, numbered in the order in which the reader meets it."""

from dataclasses import dataclass, field

from kb.catalogue import Catalogue
from kb.catalogue.records import Passage, SourceRef
from kb.catalogue.units import label_of, unit_of
from kb.chat.reply import Citation, ToolCall
from kb.text import markdown
from kb.text.statements import Basis
from kb.text.wording import plain

CALCULATOR = "calculator"
"""The source of what a tool worked out; the tool's own citations say from what."""


@dataclass
class Citations:
    """Gives each basis its number, the first time that it is asked for."""

    catalogue: Catalogue
    calls: tuple[ToolCall, ...]
    listed: list[Citation] = field(default_factory=list)
    _numbers: dict[Basis, int] = field(default_factory=dict)

    def mark(self, basis: Basis) -> int:
        if basis not in self._numbers:
            self._numbers[basis] = len(self.listed) + 1
            self.listed.append(self._citation(basis, len(self.listed) + 1))
        return self._numbers[basis]

    def evidence(self) -> tuple[str, ...]:
        """What each citation says, for a language model to write over and for its sentences to be held against. The
        user's own documents are evidence of nothing."""
        texts = ((number, self._text(basis)) for basis, number in self._numbers.items())
        return tuple(f"[{number}] {' '.join(plain(text).split())}" for number, text in texts if text)

    def _text(self, basis: Basis) -> str:
        known = self.catalogue.known
        match basis.kind:
            case "call":
                call = self.calls[int(basis.name)]
                return str(call.result.get("formula", ""))
            case "spec":
                path, _, key = basis.name.partition("#")
                kind, _, slug = path.partition("/")
                record = known.specs[kind][slug]
                figure = dict(record.figures()).get(key)
                return f"{record.name}: {key} {figure.value}" if figure else record.summary
            case "term":
                term = known.terms[basis.name]
                return f"{term.pref_label}: {term.definition} {term.in_practice} {term.pitfalls}"
            case "dispute":
                dispute = known.disputes[basis.name]
                return f"{dispute.ruling} {dispute.reason}"
            case "passage":
                passage = known.passages[basis.name]
                return "" if known.sources[passage.source].kind == "user" else passage.text
            case "source":
                return ""

    def _citation(self, basis: Basis, number: int) -> Citation:
        known = self.catalogue.known
        match basis.kind:
            case "call":
                call = self.calls[int(basis.name)]
                described = ", ".join(_described(*argument) for argument in call.arguments.items())
                return Citation(
                    id=number, source=CALCULATOR, section="", title=f"{call.name}: {described}", tool=call.name
                )
            case "spec":
                path, _, key = basis.name.partition("#")
                kind, _, slug = path.partition("/")
                record = known.specs[kind][slug]
                figure = dict(record.figures()).get(key)
                ref = figure.sources[0] if figure else record.sources[0]
                return _of(number, ref, f"{record.name}: {key}" if key else record.name, spec=path)
            case "term":
                term = known.terms[basis.name]
                return _of(number, term.sources[0], term.pref_label, term=basis.name)
            case "dispute":
                dispute = known.disputes[basis.name]
                claim = dispute.claims[0]
                return Citation(
                    id=number, source=claim.source, section=claim.section, title=dispute.title, dispute=basis.name
                )
            case "passage":
                return self._passage(number, known.passages[basis.name])
            case "source":
                source, _, section = basis.name.partition("#")
                record_found = known.sources.get(source)
                title = record_found.title if record_found else source
                return Citation(id=number, source=source, section=section, title=title)

    def _passage(self, number: int, passage: Passage) -> Citation:
        """One of the user's own documents is called so."""
        source = self.catalogue.known.sources[passage.source]
        title = f"your document {source.title}: {passage.title}" if source.kind == "user" else passage.title
        return Citation(
            id=number, source=passage.source, section=passage.section, title=title, passage_id=passage.passage_id
        )


def _of(number: int, ref: SourceRef, title: str, **where: str) -> Citation:
    return Citation(id=number, source=ref.source, section=ref.section, title=title, **where)


def _described(key: str, value: object) -> str:
    """A name speaks for itself; a number is said with what it is of.

    >>> _described("device", "rtx-3090"), _described("device_count", 2), _described("system_memory_gb", 64.0)
    ('rtx-3090', 'device count 2', 'system memory 64 GB')
    """
    if isinstance(value, dict):
        return str(value.get("name", ""))
    if isinstance(value, (list, tuple)):
        return ", ".join(_described(key, one) for one in value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{label_of(key)} {markdown.number(value)} {unit_of(key)}".rstrip()
    return str(value)
