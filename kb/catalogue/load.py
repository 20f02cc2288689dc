"""Files to records, validated once. Every problem names the file, the key and the mend."""

import difflib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

from pydantic import ValidationError

from kb.catalogue.files import UnreadableFile, read_headed, read_mapping
from kb.catalogue.records import Build, Dispute, MediaModel, Passage, Record, Source, SourceRef, Spec, Term, kinds
from kb.catalogue.records.arithmetic import check_equation
from kb.catalogue.records.base import Figure
from kb.catalogue.records.labels import label_key, slugify
from kb.errors import InvalidKnowledge, KnowledgeBaseError

R = TypeVar("R", bound=Record)
S = TypeVar("S", bound=Spec)

_BLOCK_KEYS = {"sources", "as_of", "note"}
_SECTIONS = {"in practice": "in_practice", "pitfalls": "pitfalls"}
_LINK = re.compile(r"\]\(([^)\s]{1,500})\)")


@dataclass(frozen=True)
class Knowledge:
    """Everything that is known, by slug."""

    sources: Mapping[str, Source] = field(default_factory=dict)
    terms: Mapping[str, Term] = field(default_factory=dict)
    specs: Mapping[str, Mapping[str, Spec]] = field(default_factory=dict)
    disputes: Mapping[str, Dispute] = field(default_factory=dict)
    passages: Mapping[str, Passage] = field(default_factory=dict)

    def of(self, cls: type[S]) -> Mapping[str, S]:
        """The specs of one kind."""
        return cast(Mapping[str, S], self.specs.get(cls.kind, {}))


def require_folders(root: Path) -> None:
    """An empty place is no knowledge of nothing: it is a setting gone wrong."""
    for folder in ("glossary", "corpus"):
        if not (root / folder).is_dir():
            raise KnowledgeBaseError(f"{root / folder} is not there; KB_KNOWLEDGE_DIR must hold glossary/ and corpus/.")


class _Loader:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: list[str] = []
        self.where: dict[int, str] = {}

    def name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def report(self, where: str, problem: str) -> None:
        self.problems.append(f"{where}: {problem}")

    def mappings(self, folder: str) -> Iterator[tuple[Path, str, dict[str, Any]]]:
        """Each ``slug: {…}`` entry of the YAML files under ``folder``."""
        for path in sorted((self.root / folder).rglob("*.yaml")):
            try:
                content = read_mapping(path)
            except UnreadableFile as error:
                self.report(self.name(path), str(error))
                continue
            for slug, body in content.items():
                if isinstance(body, dict):
                    yield path, str(slug), body
                else:
                    self.report(f"{self.name(path)}: {slug}", "must be a mapping of keys to values")

    def record(self, cls: type[R], where: str, body: Mapping[str, Any]) -> R | None:
        try:
            record = cls.model_validate(body)
        except ValidationError as error:
            for problem in error.errors(include_url=False):
                key = ".".join(str(part) for part in problem["loc"])
                message = problem["msg"]
                if problem["type"] == "extra_forbidden":
                    message = _unknown_key(str(problem["loc"][-1]), cls)
                self.report(f"{where}: {key}", message)
            return None
        self.where[id(record)] = where
        return record

    def documents(self, folder: str) -> Iterator[tuple[Path, dict[str, Any], str]]:
        """Each Markdown file under ``folder`` with its front matter and body."""
        for path in sorted((self.root / folder).rglob("*.md")):
            try:
                meta, body = read_headed(path)
            except UnreadableFile as error:
                self.report(self.name(path), str(error))
            else:
                yield path, meta, body

    def sources(self) -> dict[str, Source]:
        found: dict[str, Source] = {}
        for path, slug, body in self.mappings("glossary/sources"):
            self._keep(found, self.record(Source, f"{self.name(path)}: {slug}", {"slug": slug, **body}))
        return found

    def specs(self) -> dict[str, dict[str, Spec]]:
        found: dict[str, dict[str, Spec]] = {kind: {} for kind in kinds}
        for folder in sorted((self.root / "glossary/specs").glob("*/")):
            if folder.name not in kinds:
                self.report(self.name(folder), f"no such kind of spec; accepted: {', '.join(kinds)}")
        for kind, cls in kinds.items():
            for path, slug, body in self.mappings(f"glossary/specs/{kind}"):
                where = f"{self.name(path)}: {slug}"
                flat = self._flatten(where, cls, body)
                self._keep(found[kind], self.record(cls, where, {"slug": slug, **flat}))
        return found

    def _flatten(self, where: str, cls: type[Spec], body: Mapping[str, Any]) -> dict[str, Any]:
        """Spread the ``facts`` blocks into figures; a figure given by two blocks must agree."""
        flat = {key: value for key, value in body.items() if key != "facts"}
        for key in [key for key in flat if key in cls.model_fields and _holds_figure(cls, key)]:
            self.report(f"{where}: {key}", "is a figure; write it under `facts`, in a block with its sources")
            del flat[key]
        blocks = body.get("facts", [])
        if not isinstance(blocks, list):
            self.report(f"{where}: facts", "must be a list of blocks, each with its own sources")
            blocks = []
        for number, block in enumerate(blocks):
            at = f"{where}: facts[{number}]"
            if not isinstance(block, dict) or not block.get("sources"):
                self.report(at, "has no sources; write `sources: [source-id#Section]` in the block")
                continue
            sources = block["sources"] if isinstance(block["sources"], list) else [block["sources"]]
            for key, value in block.items():
                if key in _BLOCK_KEYS:
                    continue
                if key not in cls.model_fields or not _holds_figure(cls, key):
                    self.report(f"{at}.{key}", _unknown_key(key, cls))
                    continue
                figure = {"value": value, "sources": sources, "note": block.get("note", "")}
                figure["as_of"] = block.get("as_of")
                if key not in flat:
                    flat[key] = figure
                elif flat[key]["value"] == value:
                    flat[key] = {**flat[key], "sources": [*flat[key]["sources"], *sources]}
                else:
                    self.report(
                        f"{at}.{key}",
                        f"{value!r} contradicts {flat[key]['value']!r} given above; keep the one that holds "
                        "and write the other as a claim in glossary/disputes",
                    )
        cited = [str(source).partition("#")[0] for source in _written_sources(body)]
        flat["sources"] = list(dict.fromkeys(cited))
        return flat

    def terms(self) -> dict[str, Term]:
        found: dict[str, Term] = {}
        for path, meta, body in self.documents("glossary/terms"):
            parts = {"definition": "", "in_practice": "", "pitfalls": ""}
            current = "definition"
            for line in body.splitlines():
                if line.startswith("## "):
                    heading = line[3:].strip().casefold()
                    if heading not in _SECTIONS:
                        self.report(
                            f"{self.name(path)}: {line}",
                            "unknown section; accepted: ## In practice, ## Pitfalls",
                        )
                    current = _SECTIONS.get(heading, current)
                else:
                    parts[current] += line + "\n"
            trimmed = {key: text.strip() for key, text in parts.items()}
            self._keep(found, self.record(Term, self.name(path), {"slug": path.stem, **meta, **trimmed}))
        return found

    def disputes(self) -> dict[str, Dispute]:
        found: dict[str, Dispute] = {}
        for path, slug, body in self.mappings("glossary/disputes"):
            where = f"{self.name(path)}: {slug}"
            dispute = self.record(Dispute, where, {"slug": slug, **body})
            self._keep(found, dispute)
            for line in dispute.arithmetic if dispute else ():
                try:
                    check_equation(line)
                except (ValueError, SyntaxError, ArithmeticError) as error:
                    self.report(f"{where}: arithmetic", str(error))
        return found

    def passages(self) -> dict[str, Passage]:
        found: dict[str, Passage] = {}
        for path, meta, body in self.documents("corpus"):
            where = self.name(path)
            unknown = set(meta) - {"source", "section"}
            if unknown:
                self.report(f"{where}: {', '.join(sorted(unknown))}", "unknown key; accepted: source, section")
            if meta.get("source") != path.parent.name:
                self.report(f"{where}: source", f"must be the folder's name, {path.parent.name!r}")
                continue
            for title, text in _headed_parts(body):
                if not title:
                    self.report(where, "text before the first `## title`; every passage needs a title")
                    continue
                passage = {
                    "passage_id": f"{path.parent.name}.{path.stem}.{slugify(title)}",
                    "source": path.parent.name,
                    "section": meta.get("section", ""),
                    "title": title,
                    "text": text,
                }
                record = self.record(Passage, f"{where}: {title}", passage)
                if record and not record.text:
                    self.report(f"{where}: {title}", "is empty")
                if record and record.passage_id in found:
                    self.report(f"{where}: {title}", "is the title of another passage of this file; rename one")
                elif record:
                    found[record.passage_id] = record
        return found

    def _keep(self, found: dict[str, Any], record: Any) -> None:
        if record is None:
            return
        if record.slug in found:
            other = self.where[id(found[record.slug])]
            self.report(self.where[id(record)], f"{record.slug} is already defined in {other}; rename or remove one")
            return
        found[record.slug] = record

    def check_relations(self, known: Knowledge) -> None:
        self._check_sources(known)
        for term in known.terms.values():
            where = self.where[id(term)]
            links = {
                link for part in (term.definition, term.in_practice, term.pitfalls) for link in _LINK.findall(part)
            }
            for relation, targets in {
                "broader": term.broader,
                "related": term.related,
                "link": links,
            }.items():
                for target in targets:
                    if "://" not in target and target not in known.terms:
                        self.report(f"{where}: {relation}", _dangling(target, known.terms))
                    if target == term.slug and relation != "link":
                        self.report(f"{where}: {relation}", "a term cannot be related to itself")
        for dispute in known.disputes.values():
            for target in dispute.about:
                self._check_target(f"{self.where[id(dispute)]}: about", target, known)
        for kind, records in known.specs.items():
            for record in records.values():
                self._check_spec(kind, record, known)
        labels = {slug: (t.pref_label, *t.alt_labels) for slug, t in known.terms.items()}
        self._check_labels("alt_labels", known.terms, labels)
        for kind, records in known.specs.items():
            if kind != "measurements":
                names = {slug: (r.name, *r.aliases) for slug, r in records.items()}
                self._check_ambiguous(records, self._check_labels("aliases", records, names))

    def _check_sources(self, known: Knowledge) -> None:
        everything: list[Record] = [*known.terms.values(), *known.disputes.values(), *known.passages.values()]
        everything += [record for records in known.specs.values() for record in records.values()]
        for record in everything:
            for slug in sorted(set(_cited(record))):
                if slug not in known.sources:
                    self.report(f"{self.where[id(record)]}: sources", _dangling(slug, known.sources))

    def _check_spec(self, kind: str, record: Spec, known: Knowledge) -> None:
        where = self.where[id(record)]
        relations = {
            "accelerator": "accelerators", "cpu": "cpus", "motherboard": "motherboards", "model": "models",
            "quantization": "quantizations", "engine": "engines", "same_architecture_as": "models",
            "starts_with": "quantizations", "published_type": "quantizations",
        }  # fmt: skip
        for key, target_kind in relations.items():
            target = getattr(record, key, None)
            if target is not None and target not in known.specs[target_kind]:
                self.report(f"{where}: {key}", _dangling(target, known.specs[target_kind]))
        for file in getattr(record, "files", ()):
            if file.quantization not in known.specs["quantizations"]:
                self.report(f"{where}: files", _dangling(file.quantization, known.specs["quantizations"]))
        for part in record.parts if isinstance(record, Build) else ():
            for target in part.refs:
                self._check_target(f"{where}: parts: {part.component}", target, known)
        for network in record.parts if isinstance(record, MediaModel) else ():
            if network.file and network.file.quantization not in known.specs["quantizations"]:
                self.report(f"{where}: parts", _dangling(network.file.quantization, known.specs["quantizations"]))
        if kind == "measurements":
            self._check_target(f"{where}: device", getattr(record, "device", ""), known)

    def _check_target(self, where: str, target: str, known: Knowledge) -> None:
        path, _, key = target.partition("#")
        kind, _, slug = path.partition("/")
        table: Mapping[str, Record] | None = known.terms if kind == "terms" else known.specs.get(kind)
        if table is None:
            self.report(where, f"{target}: no such kind; accepted: terms, {', '.join(kinds)}")
        elif slug not in table:
            self.report(where, _dangling(slug, table))
        elif key and kind != "terms" and key not in kinds[kind].model_fields:
            self.report(where, f"{target}: {_unknown_key(key, kinds[kind])}")

    def _check_labels(
        self, key: str, records: Mapping[str, Record], labels: Mapping[str, tuple[str, ...]]
    ) -> Mapping[str, set[str]]:
        """Who answers to each name; a name of two records is a problem."""
        owners: dict[str, set[str]] = defaultdict(set)
        for slug, names in labels.items():
            for name in (slug, *names):
                owners[label_key(name)].add(slug)
        for name, slugs in owners.items():
            if len(slugs) > 1:
                first, *others = (self.where[id(records[slug])] for slug in sorted(slugs))
                self.report(
                    f"{first}: {key}",
                    f"{name!r} also names {' and '.join(others)}; give it to one"
                    + (", or list it in `ambiguous_aliases` of each" if key == "aliases" else ""),
                )
        return owners

    def _check_ambiguous(self, records: Mapping[str, Spec], owners: Mapping[str, set[str]]) -> None:
        shared: dict[str, list[Spec]] = defaultdict(list)
        for record in records.values():
            for name in record.ambiguous_aliases:
                shared[label_key(name)].append(record)
        for name, holders in shared.items():
            if len(holders) < 2 and name not in owners:
                where = f"{self.where[id(holders[0])]}: ambiguous_aliases"
                self.report(where, f"{name!r} stands on this record only; make it an alias")


def _headed_parts(body: str) -> Iterator[tuple[str, str]]:
    """The ``## title`` parts of a Markdown body."""
    title, lines = "", list[str]()
    for line in body.splitlines():
        if line.startswith("## "):
            if title or any(lines):
                yield title, "\n".join(lines).strip()
            title, lines = line[3:].strip(), []
        else:
            lines.append(line)
    if title or any(lines):
        yield title, "\n".join(lines).strip()


def _holds_figure(cls: type[Spec], key: str) -> bool:
    annotation = cls.model_fields[key].annotation
    return any(isinstance(part, type) and issubclass(part, Figure) for part in (annotation, *get_args(annotation)))


def _written_sources(value: Any) -> Iterator[Any]:
    """Every ``sources`` below a spec as its file has it: of facts, prices, files and of itself."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "sources":
                yield from item if isinstance(item, list) else [item]
            else:
                yield from _written_sources(item)
    elif isinstance(value, list):
        for item in value:
            yield from _written_sources(item)


def _unknown_key(key: str, cls: type[Record]) -> str:
    near = difflib.get_close_matches(key, cls.model_fields, n=3)
    return f"unknown key {key!r}; " + (f"did you mean {' or '.join(near)}?" if near else f"see {cls.__name__}")


def _dangling(slug: str, table: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(slug, table, n=3, cutoff=0.5)
    return f"{slug!r} does not exist; " + (f"did you mean {' or '.join(near)}?" if near else "add it or remove it")


def _cited(value: Any) -> Iterator[str]:
    """Every source that a record, or anything in it, cites."""
    if isinstance(value, SourceRef):
        yield value.source
    elif isinstance(value, Record):
        for key in type(value).model_fields:
            item = getattr(value, key)
            if key == "source" and isinstance(item, str):
                yield item
            elif not isinstance(item, str):
                yield from _cited(item)
    elif isinstance(value, tuple):
        for item in value:
            yield from _cited(item)


def load(root: Path) -> Knowledge:
    """Read ``glossary/`` and ``corpus/`` under ``root``.

    Raises :class:`InvalidKnowledge` with every problem found, not only the first.
    """
    loader = _Loader(root)
    known = Knowledge(
        sources=loader.sources(),
        terms=loader.terms(),
        specs=loader.specs(),
        disputes=loader.disputes(),
        passages=loader.passages(),
    )
    loader.check_relations(known)
    if loader.problems:
        raise InvalidKnowledge(loader.problems)
    return known
