"""The desk on which an answer is put together: tool results, records and passages, each with its citation number."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from kb.catalogue.names import DEVICE_KINDS
from kb.catalogue.records import Dispute, Figure, Measurement, Passage, Spec, Term
from kb.chat.question import Question
from kb.chat.reply import Citation, ToolCall
from kb.search.live import Index
from kb.tools import TOOLS
from kb.tools.base import Arguments
from kb.tools.shared.views import disputes_about

CALCULATOR = "calculator"
"""The source of what a tool worked out; the tool's own citations say from what."""


@dataclass
class Section:
    """One part of the answer: the line that decides, and what is under it."""

    verdict: str
    lines: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Assumptions and warnings, put once at the end."""
    users: bool = False
    """Whether it repeats the user's own document, on which nothing of ours may stand."""

    def text(self) -> str:
        return "\n".join([self.verdict, *(f"- {line}" for line in self.lines)])


@dataclass
class Desk:
    """Collects evidence for one question."""

    index: Index
    question: Question
    citations: list[Citation] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    texts: dict[int, str] = field(default_factory=dict)
    """What each citation says: the evidence that a language model is shown, and that figures are held against."""
    told: list[Passage] = field(default_factory=list)
    """Passages of documents that the answer repeats; disputes about them belong beside it."""
    subjects: dict[str, None] = field(default_factory=dict)
    """Records that the answer is about (``accelerators/rtx-4090``); disputes are found by them."""

    def call(self, name: str, **arguments: Any) -> tuple[Any, str]:
        """A tool's result and the mark that cites it. Its errors pass through."""
        given = {
            key: value.model_dump(exclude_none=True) if isinstance(value, Arguments) else value
            for key, value in arguments.items()
            if value is not None
        }
        result = TOOLS[name].call(self.index, given)
        shown = result.model_dump(mode="json")
        self.calls.append(ToolCall(name=name, arguments=given, result=shown))
        described = ", ".join(str(v.get("name", "")) if isinstance(v, dict) else str(v) for v in given.values())
        number = self._cite(
            ("tool", f"{name}({described})"),
            CALCULATOR,
            "",
            f"{name}: {described}",
            str(shown.get("formula", "")),
            tool=name,
        )
        for citation in getattr(result, "citations", ()):
            self._cite_inputs(citation.source, citation.section, citation.title, citation.about)
        return result, f"[{number}]"

    def _cite_inputs(self, source: str, section: str, title: str, about: str) -> None:
        self._cite(("source", f"{source}#{section}"), source, section, f"{title}: {about}", "")

    def figure(self, spec: Spec, key: str, figure: Figure[Any], shown: str) -> str:
        """The mark of a record's figure."""
        ref = figure.sources[0]
        number = self._cite(
            ("spec", f"{spec.kind}/{spec.slug}#{key}"),
            ref.source, ref.section, f"{spec.name}: {key}", shown, spec=f"{spec.kind}/{spec.slug}",
        )  # fmt: skip
        return f"[{number}]"

    def spec(self, spec: Spec, shown: str = "") -> str:
        ref = spec.sources[0]
        number = self._cite(
            ("spec", f"{spec.kind}/{spec.slug}"), ref.source, ref.section, spec.name, shown or spec.summary,
            spec=f"{spec.kind}/{spec.slug}",
        )  # fmt: skip
        return f"[{number}]"

    def term(self, term: Term) -> str:
        ref = term.sources[0]
        text = f"{term.pref_label}: {term.definition} {term.in_practice} {term.pitfalls}"
        number = self._cite(("term", term.slug), ref.source, ref.section, term.pref_label, text, term=term.slug)
        return f"[{number}]"

    def passage(self, passage: Passage) -> str:
        """The mark of a passage; one of the user's own documents is called so, and is evidence of nothing."""
        title, text = passage.title, passage.text
        if self.is_users(passage):
            title, text = f"your document {self.index.known.sources[passage.source].title}: {title}", ""
        number = self._cite(
            ("passage", passage.passage_id), passage.source, passage.section, title, text,
            passage_id=passage.passage_id,
        )  # fmt: skip
        return f"[{number}]"

    def is_users(self, passage: Passage) -> bool:
        return self.index.known.sources[passage.source].kind == "user"

    def dispute(self, dispute: Dispute) -> str:
        claim = dispute.claims[0]
        text = f"{dispute.ruling} {dispute.reason}"
        number = self._cite(
            ("dispute", dispute.slug), claim.source, claim.section, dispute.title, text, dispute=dispute.slug
        )
        return f"[{number}]"

    def _cite(self, key: tuple[str, str], source: str, section: str, title: str, text: str, **where: str) -> int:
        kind, name = key
        for known in self.citations:
            if self._keys.get(known.id) == f"{kind}:{name}":
                if text not in self.texts[known.id]:
                    self.texts[known.id] += f" {text}"
                return known.id
        number = len(self.citations) + 1
        self._keys[number] = f"{kind}:{name}"
        self.citations.append(Citation(id=number, source=source, section=section, title=title, **where))
        self.texts[number] = text
        return number

    _keys: dict[int, str] = field(default_factory=dict)
    ruled: set[str] = field(default_factory=set)
    """Disputes that the answer tells in full already."""

    def about(self, kind: str, slug: str | None) -> None:
        if slug:
            self.subjects[f"{kind}/{slug}"] = None

    def disputes_of_subjects(self) -> list[Dispute]:
        """Disputes about what the answer is about, those that join most of its subjects first.

        Of an answer about a model on a device, a dispute must concern both; of two things compared, two.
        """
        scored: list[tuple[int, int, Dispute]] = []
        groups = {_group(subject) for subject in self.subjects}
        for dispute in self.index.known.disputes.values():
            targets = set(self._targets(dispute))
            met = [subject for subject in self.subjects if subject in targets]
            groups_met = {_group(subject) for subject in met}
            joined = {"models", "devices"} <= groups_met or {"models", "quantizations"} <= groups_met
            named = "models" not in groups or "models" in groups_met
            if met and (joined or (named and len(groups & {"models", "devices"}) < 2)):
                scored.append((len(met), len(targets), dispute))
        scored.sort(key=lambda entry: (-entry[0], entry[1], entry[2].slug))
        return [dispute for _, _, dispute in scored]

    def disputes_of_told(self) -> list[Dispute]:
        """Disputes whose claims stand in the sections of the documents that the answer repeats."""
        places = [(passage.source, passage.section) for passage in self.told]
        return [
            dispute
            for dispute in self.index.known.disputes.values()
            if any(
                claim.source == source and claim.section and (claim.section in section or section in claim.section)
                for claim in dispute.claims
                for source, section in places
                if section
            )
        ]

    def _targets(self, dispute: Dispute) -> Iterable[str]:
        """The records that a dispute is about; a measurement stands for its device and its model."""
        for target in dispute.about:
            path = target.partition("#")[0]
            yield path
            kind, _, slug = path.partition("/")
            record = self.index.known.specs.get(kind, {}).get(slug)
            if isinstance(record, Measurement):
                yield record.device
                if record.model:
                    yield f"models/{record.model}"

    def disputes_of_figure(self, spec: Spec, key: str) -> list[Dispute]:
        return disputes_about(self.index, spec.kind, spec.slug, key)


def _group(subject: str) -> str:
    kind = subject.partition("/")[0]
    return "devices" if kind in DEVICE_KINDS else kind
