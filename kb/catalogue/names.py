"""What people type, to one record: aliases, then spelling that is nearly right, else suggestions.

Nobody answers for another thing: a name with a part that no record explains (a version, a suffix, a memory size that
is not sold) is unknown, and a short form of several is ambiguous. Only letters may be mistyped, and only within a word.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

from rapidfuzz import fuzz, process

from kb.catalogue.load import Knowledge
from kb.catalogue.records import Accelerator, Figure, LanguageModel, Machine, MediaModel, Spec, Term
from kb.catalogue.records.labels import label_key
from kb.catalogue.scanning import Piece, pieces_of
from kb.catalogue.typed import (
    Parts,
    ends_in_a_number,
    is_mistyped,
    memory_last,
    memory_stated,
    parts_of,
    shorter_names,
    without_owner,
)
from kb.errors import AmbiguousName, UnknownName
from kb.last import Last
from kb.text.name_finder import NameFinder

MOST_SLIPS = 200
"""Different words of one text that are looked up as slips of the keyboard; each is held against every name."""
MODEL_KINDS = (LanguageModel.kind, MediaModel.kind)
DEVICE_KINDS = ("accelerators", "machines", "cpus")

V = TypeVar("V")

_DIGITS = re.compile(r"\d+")
_WORD_TYPED = re.compile(r"(?<![\w.-])[A-Za-z][\w-]{4,40}(?![.\w-]{0,40}\d)(?:\s\d{3,4}\w{0,10})?")
MOST_CANDIDATES = 8
"""A short form of more records than that says too little to list them."""

FEW = 4
"""Of more devices that a name may mean, the newest are meant first."""

ALL_OF_IT = 100.0
"""No likeness of spelling is more."""

LIKE_SIZE = 2.0
"""How many times smaller or larger a bare size may be than the model whose shape stands for it."""
_SIZE_KEY = re.compile(r"(\d{1,4}(?:\.\d{1,2})?)b(?:a(\d{1,3}(?:\.\d{1,2})?)b)?")
"""``70b``; ``80b a3b``, of which 3 billion parameters are read for each token."""


@dataclass(frozen=True)
class Match:
    """A record that a name led to; ``note`` says how when it was not by the name itself."""

    kind: str
    slug: str
    label: str
    note: str = ""
    memory_gib: int | None = None
    """A memory size that the name carried and the record leaves open (``M2 Ultra 64GB``)."""
    size: str = ""
    """The bare size (``70b``) that the name was: the record lends it its shape, and is not what was asked for."""

    @property
    def name(self) -> str:
        """By which it is found again, with its memory."""
        return f"{self.label} {self.memory_gib} GB" if self.memory_gib else self.label


@dataclass(frozen=True)
class Mention:
    """A name found in running text at ``[start, end)``; several matches when it is ambiguous."""

    start: int
    end: int
    text: str
    matches: tuple[Match, ...]


class _Kinds(dict[str, dict[str, V]]):
    """By kind; one without records has none, and is not entered."""

    def __missing__(self, kind: str) -> dict[str, V]:
        return {}


MOST_KEPT = 4096
"""Names whose records are kept."""


class Names:
    """An index of every label and alias of a :class:`Knowledge`."""

    def __init__(self, known: Knowledge) -> None:
        self._known = known
        self._index: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._labels: dict[str, dict[str, str]] = defaultdict(dict)
        self._spoken: dict[str, set[str]] = defaultdict(set)
        self._spelt: dict[str, dict[str, set[Parts]]] = defaultdict(lambda: defaultdict(set))
        for term in known.terms.values():
            self._add("terms", term.slug, term.pref_label, (term.slug, term.pref_label, *term.alt_labels))
        for kind, records in known.specs.items():
            for spec in records.values():
                self._add(kind, spec.slug, spec.name, (spec.slug, spec.name, *spec.aliases, *spec.ambiguous_aliases))
        self._add_repositories(known)
        self._add_bare_model_names(known)
        self._add_products(known)
        self._models = tuple(known.of(LanguageModel).values())
        self._sizes = {model.stands_for_size: model for model in self._models if model.stands_for_size}
        self._keys = frozenset((*self._sizes, *(key for keys in self._index.values() for key in keys)))
        self._longest = max((len(key) for keys in self._index.values() for key in keys), default=0)
        # Tools look for the same hundreds of names at each call.
        self._found = Last[tuple[tuple[str, ...], str], list[Match]](MOST_KEPT)
        # From here on they are only read, by several threads: what is not there is not entered.
        self._index, self._labels, self._spelt = _Kinds(self._index), _Kinds(self._labels), _Kinds(self._spelt)
        self._spoken = dict(self._spoken)

    def _add_repositories(self, known: Knowledge) -> None:
        """A repository's name (``Qwen/QwQ-32B``) is one without its owner too, where no other model has it."""
        for spec in known.of(LanguageModel).values():
            for name in spec.aliases:
                key = label_key(without_owner(name))
                if self._index["models"].setdefault(key, [spec.slug]) == [spec.slug]:
                    self._spelt["models"][key].add(parts_of(without_owner(name)))

    def _add_bare_model_names(self, known: Knowledge) -> None:
        """``GLM 4.5 Air`` for ``GLM 4.5 Air 106B``, where no other model has the name."""
        bare: dict[str, list[str]] = defaultdict(list)
        for spec in known.of(LanguageModel).values():
            shorter = re.sub(r"\s\d+(?:\.\d+)?[BMT](?:\sA\d+(?:\.\d+)?B)?$", "", spec.name)
            if shorter != spec.name:
                bare[label_key(shorter)].append(spec.slug)
            active = spec.params_active.value if spec.params_active else 0
            if shorter != spec.name and active and not re.search(r"\sA\d", spec.name):
                for digits in {f"{active / 1e9:.0f}", f"{active / 1e9:.1f}"}:
                    name = f"{spec.name} A{digits}B"
                    self._index["models"].setdefault(label_key(name), [spec.slug])
                    self._spelt["models"][label_key(name)].add(parts_of(name))
        for key, slugs in bare.items():
            if len(slugs) == 1:
                self._index["models"].setdefault(key, slugs)
                self._spelt["models"][key].add(parts_of(self._labels["models"][slugs[0]])[:-2])

    def _add_products(self, known: Knowledge) -> None:
        """``M2 Air``, ``MacBook Air M2``: what is sold with a chip inside, where no machine has the name."""
        for spec in known.of(Accelerator).values():
            for product in spec.products:
                chip = spec.name.removeprefix(spec.vendor).split("(")[0].strip()
                for said in (product, product.split()[-1]):
                    for name in (f"{said} {chip}", f"{chip} {said}"):
                        held = any(label_key(name) in self._index[kind] for kind in DEVICE_KINDS)
                        if not held and label_key(said) != label_key(chip.split()[-1]):
                            self._index["accelerators"][label_key(name)] = [spec.slug]
                            self._spelt["accelerators"][label_key(name)].add(parts_of(name))

    def _add(self, kind: str, slug: str, label: str, names: Sequence[str]) -> None:
        self._labels[kind][slug] = label
        self._spoken[slug].update(names)
        for name in names:
            key = label_key(name)
            slugs = self._index[kind][key]
            if slug not in slugs:
                slugs.append(slug)
            self._spelt[kind][key].add(parts_of(name))

    @cached_property
    def with_digits(self) -> NameFinder:
        """Every name that holds a digit: where one stands in a text, its digits are no figure."""
        return NameFinder({name for names in self._spoken.values() for name in names if any(map(str.isdigit, name))})

    @cached_property
    def _words(self) -> frozenset[str]:
        """Every word of a name: none of them is a slip for another."""
        return frozenset(
            part for spelt in self._spelt.values() for ways in spelt.values() for way in ways for part in way
        )

    @cached_property
    def _by_digits(self) -> Mapping[str, Mapping[tuple[str, ...], list[str]]]:
        grouped: dict[str, dict[tuple[str, ...], list[str]]] = defaultdict(lambda: defaultdict(list))
        for kind, keys in self._index.items():
            for key in keys:
                grouped[kind][tuple(_DIGITS.findall(key))].append(key)
        return grouped

    def knows(self, kind: str, name: str) -> bool:
        return label_key(name) in self._index[kind]

    def matches(self, kind: str, name: str) -> list[Match]:
        """The records of one kind that answer to exactly this name."""
        return self._exact((kind,), name)

    def written(self, kind: str, name: str) -> list[Match]:
        """Of :meth:`matches` those that are written so, but for capitals: *local AI* is no LocalAI."""
        said = name.casefold()
        return [one for one in self.matches(kind, name) if said in map(str.casefold, self._spoken[one.slug])]

    def named(self, kind: str, slug: str) -> Match | None:
        """The record of exactly this slug."""
        label = self._labels[kind].get(slug)
        return Match(kind, slug, label) if label is not None else None

    def starting_with(self, kind: str, stem: str) -> list[Match]:
        return [Match(kind, slug, label) for slug, label in self._labels[kind].items() if slug.startswith(stem)]

    def ways_to_write(self, kind: str) -> Iterator[str]:
        """Every label and alias of a kind."""
        for slug in self._labels[kind]:
            yield from self._spoken[slug]

    def begins_a_name(self, kind: str, word: str) -> bool:
        """Whether the first word of some name of the kind is this one."""
        return word in self._by_first_part[kind]

    @cached_property
    def _by_first_part(self) -> Mapping[str, Mapping[str, list[tuple[Parts, str]]]]:
        grouped: dict[str, dict[str, list[tuple[Parts, str]]]] = defaultdict(lambda: defaultdict(list))
        for kind, spelt in self._spelt.items():
            for key, ways in spelt.items():
                for way in ways:
                    if way:
                        grouped[kind][way[0]].append((way, key))
        return grouped

    def slugs(self, kind: str) -> Sequence[str]:
        return tuple(self._labels[kind])

    def vendors(self, kind: str) -> frozenset[str]:
        return frozenset(spec.vendor for spec in self._known.specs.get(kind, {}).values())

    def vendor(self, kind: str, slug: str) -> str:
        return self._known.specs[kind][slug].vendor

    def sold_with(self, kind: str, slug: str) -> tuple[float, ...]:
        """The sizes of its memory."""
        return self.memory_options(Match(kind, slug, ""))

    def prose(self) -> Iterator[str]:
        """What the records say in sentences."""
        for term in self._known.terms.values():
            yield from (term.definition, term.in_practice, term.pitfalls)
        for passage in self._known.passages.values():
            yield passage.text

    def find(self, kinds: Sequence[str], name: str) -> list[Match]:
        """The records of which every part of ``name`` is explained, without any guess at what was meant."""
        return self._explained(kinds, name) or self._reordered(kinds, name)

    def _explained(self, kinds: Sequence[str], name: str) -> list[Match]:
        found = self._exact(kinds, name) or self._stripped(kinds, name) or self._with_bare_memory(kinds, name)
        return found or (self._explained(kinds, last) if (last := memory_last(name)) else [])

    def _matches(self, kind: str, slugs: Iterable[str]) -> list[Match]:
        return [Match(kind, slug, self._labels[kind][slug]) for slug in slugs]

    def beginning_with(self, kind: str, name: str) -> list[Match]:
        """The records whose names go on from ``name``."""
        typed = parts_of(name[:200])
        found = {
            slug: None
            for way, key in self._by_first_part[kind].get(typed[0] if typed else "", ())
            if len(way) > len(typed) and way[: len(typed)] == typed
            for slug in self._index[kind][key]
        }
        return self._matches(kind, found)

    def _reordered(self, kinds: Sequence[str], name: str) -> list[Match]:
        """``M2 MacBook Air``: the same parts in another order, where no other record has them."""
        parts = tuple(sorted(parts_of(name[:200])))
        for kind in kinds:
            if kind in DEVICE_KINDS and (slugs := self._by_parts.get((kind, parts))):
                return self._matches(kind, slugs)
        return []

    @cached_property
    def _by_parts(self) -> Mapping[tuple[str, Parts], list[str]]:
        grouped: dict[tuple[str, Parts], list[str]] = {}
        for kind in DEVICE_KINDS:
            for key, ways in self._spelt[kind].items():
                for way in ways:
                    grouped.setdefault((kind, tuple(sorted(way))), self._index[kind][key])
        return grouped

    def label(self, kind: str, slug: str) -> str:
        return self._labels[kind].get(slug, slug)

    def record(self, match: Match) -> Spec | Term:
        return self._known.terms[match.slug] if match.kind == "terms" else self._known.specs[match.kind][match.slug]

    def is_generic(self, match: Match) -> bool:
        """Whether it is a term that stands in nearly every question."""
        record = self.record(match)
        return isinstance(record, Term) and record.generic

    def resolve(self, kinds: Sequence[str], name: str, what: str | None = None) -> Match:
        """One record of ``kinds`` (tried in order).

        Raises :class:`UnknownName` with the nearest names, :class:`AmbiguousName` with the candidates.
        """
        what = what or kinds[0].removesuffix("s")
        found = self._found.get((tuple(kinds), name), lambda: self._likely(tuple(kinds), name))
        if not found:
            raise UnknownName(what, name, self._suggest_with_memory(kinds, name))
        if len(found) > 1:
            raise AmbiguousName(what, name, [match.name for match in found])
        return found[0]

    def _likely(self, kinds: tuple[str, ...], name: str) -> list[Match]:
        return self._explained(kinds, name) or self.misspelt(kinds, name) or self._shortened(kinds, name)

    def resolve_record(self, kinds: Sequence[str], name: str, what: str | None = None) -> Match:
        """As :meth:`resolve`, for what is said of the record itself: no record is called as a size alone."""
        match = self.resolve(kinds, name, what)
        if match.size:
            sized = [label for label in self._labels["models"].values() if match.size in label.casefold().split()]
            raise UnknownName(
                what or "model", name, [match.label, *(label for label in sized if label != match.label)][:5]
            )
        return match

    def suggest(self, kinds: Sequence[str], name: str, limit: int = 5) -> list[str]:
        """The labels nearest to ``name``, best first: those of which it is a longer form before those spelt like it."""
        wanted = label_key(name[:200])
        number = _number_in(wanted)
        scored: dict[str, float] = {}
        for kind in kinds:
            near = process.extract(wanted, list(self._index[kind]), scorer=fuzz.ratio, score_cutoff=45, limit=limit * 4)
            likeness = {key: score for key, score, _ in near}
            likeness |= {key: ALL_OF_IT + fuzz.ratio(wanted, key) for key in self._begun_by(kind, name)}
            for key, score in likeness.items():
                # Of about equally near spellings the nearer number comes first: 5090 before 3090 for 6090, and for
                # 4090 Ti the 4090 before the 4070 Ti.
                apart = min(abs(_number_in(key) - number), 50_000) / 100_000 + 3 * (_number_in(key) != number)
                for slug in self._index[kind][key] if score > ALL_OF_IT else self._index[kind][key][:1]:
                    label = self._labels[kind][slug]
                    likest = fuzz.ratio(wanted, label_key(label)) / 1000  # of several that have the name
                    scored[label] = max(scored.get(label, 0.0), score - apart + likest)
        return sorted(scored, key=lambda label: -scored[label])[:limit]

    def _suggest_with_memory(self, kinds: Sequence[str], name: str) -> list[str]:
        """As :meth:`suggest`; what is sold with the memory that was named is offered with it."""
        labels = self.suggest(kinds, name)
        size = memory_stated(name)
        if size is None:
            return labels
        found = {label: self._with_memory(self._exact(kinds, label)[:1], size) for label in labels}
        return [found[label][0].name if found[label] else label for label in labels]

    def _begun_by(self, kind: str, name: str) -> list[str]:
        """The longest keys that ``name`` goes on from (``B200 Ultra``, ``RTX 4060 12GB``); a number is in them."""
        typed = parts_of(name[:200])
        begun = [
            (len(way), key)
            for way, key in self._by_first_part[kind].get(typed[0] if typed else "", ())
            if way == typed[: len(way)] and any(part[0].isdigit() for part in way)
        ]
        longest = max((length for length, _ in begun), default=0)
        return [key for length, key in begun if length == longest]

    def _exact(self, kinds: Sequence[str], name: str) -> list[Match]:
        key = label_key(name[:200])
        sized = _SIZE_KEY.fullmatch(key) if "models" in kinds else None
        if sized:  # whatever has it for an alias: a size is no model
            if sized[2]:
                return self._of_active_size(float(sized[1]), float(sized[2]))
            return self._of_size(key, float(sized[1]))
        for kind in kinds:
            slugs = self._index[kind].get(key) if key else None
            if slugs:
                found = self._matches(kind, slugs)
                # A label may speak of sizes; an alias that ends in one names it, and mostly that which is taken anyway.
                size = memory_stated(name) if kind in DEVICE_KINDS else None
                is_own = any(
                    label_key(m.label) == key or max(self.memory_options(m), default=size) == size for m in found
                )
                return found if is_own else self._with_memory(found, size)
        return []

    def _with_memory(self, matches: Sequence[Match], size_gib: int | None) -> list[Match]:
        """With the size that was named, where the record leaves it open."""
        if size_gib is None:
            return list(matches)
        return [
            replace(match, memory_gib=size_gib)
            if self._has_memory(match, size_gib) and len(self.memory_options(match)) > 1
            else match
            for match in matches
        ]

    def _of_size(self, size: str, billions: float) -> list[Match]:
        """The model that lends a bare size its shape: the one that stands for it, else the nearest dense one's."""
        if record := self._sizes.get(size):
            return [Match("models", record.slug, record.name, size=size)]
        apart = {
            max(billions / other, other / billions): record
            for key, record in self._sizes.items()
            if not record.num_experts and billions and (other := float(key.removesuffix("b")))
        }
        nearest = min(apart, default=LIKE_SIZE + 1)
        if nearest > LIKE_SIZE:
            return []
        return [Match("models", apart[nearest].slug, apart[nearest].name, size=size)]

    def _of_active_size(self, billions: float, active: float) -> list[Match]:
        """The mixture of experts that lends its shape to one of which both numbers are given."""
        apart = {
            max(billions / total, total / billions, active / used, used / active): record
            for record in self._models
            if record.num_experts and record.params_total and record.params_active and billions and active
            for total, used in ((record.params_total.value / 1e9, record.params_active.value / 1e9),)
        }
        nearest = min(apart, default=LIKE_SIZE + 1)
        if nearest > LIKE_SIZE:
            return []
        size = f"{billions:g}b a{active:g}b"
        return [Match("models", apart[nearest].slug, apart[nearest].name, size=size)]

    def _stripped(self, kinds: Sequence[str], name: str) -> list[Match]:
        """By what is left when owners, suffixes and sizes that do not change the record are taken off."""
        models = [kind for kind in kinds if kind in MODEL_KINDS]
        for shorter in shorter_names(name[:200], bool(models), any(kind in DEVICE_KINDS for kind in kinds)):
            found = self._exact(models if shorter.model else kinds, shorter.name)
            if not found:
                continue
            if shorter.memory_gib is None:
                return found
            sized = [match for match in found if self._has_memory(match, shorter.memory_gib)]
            for others in (self.siblings, self.classes):  # another chip of the name may be sold with so much
                if not sized:
                    near = [other for match in found for other in others(match)]
                    sized = [match for match in near if self._has_memory(match, shorter.memory_gib)]
            if sized:
                return self._with_memory(sized, shorter.memory_gib)
            return []
        return []

    def siblings(self, match: Match) -> list[Match]:
        """The chips of one maker and name (M4 Max) that differ in their cores, for a chip or a machine that has it."""
        return self._chips(match, lambda name, own: name == own)

    def classes(self, match: Match) -> list[Match]:
        """The larger chips of a generation (M3 Pro, M3 Max), the slowest first, for the plain one."""
        return self._chips(match, lambda name, own: name.startswith(f"{own} "))

    def _chips(self, match: Match, is_one: Callable[[str, str], bool]) -> list[Match]:
        own = getattr(self.record(match), "chip", None)
        if not isinstance(own, Figure):
            return []
        found = [
            other
            for other in self._known.of(Accelerator).values()
            if other.unified_memory and other.chip and is_one(str(other.chip.value), str(own.value))
        ]
        found.sort(key=lambda one: one.memory_bandwidth_gb_per_s.value if one.memory_bandwidth_gb_per_s else 0.0)
        return [Match("accelerators", other.slug, other.name) for other in found]

    def likeliest(self, matches: Sequence[Match]) -> list[Match]:
        """Of devices that share a name: first the one that most people have, then that with the most memory; of many,
        the newest of those."""

        def launched(match: Match) -> str:
            record = self.record(match)
            return record.launched.value if isinstance(record, Accelerator | Machine) and record.launched else ""

        def unlikely(match: Match) -> tuple[bool, float]:
            record = self.record(match)
            usual = isinstance(record, Accelerator) and record.usually_meant
            return not usual, -max(self.memory_options(match), default=0.0)

        newest = sorted(matches, key=launched, reverse=True) if len(matches) > FEW else matches
        return sorted(newest, key=unlikely)

    def memory_options(self, match: Match) -> tuple[float, ...]:
        record = self.record(match)
        options = getattr(record, "memory_options_gib", None)
        if options is not None:
            return tuple(options.value)
        memory = getattr(record, "memory_gib", None)
        return (memory.value,) if memory is not None else ()

    def _has_memory(self, match: Match, size_gib: int) -> bool:
        return float(size_gib) in self.memory_options(match)

    def _with_bare_memory(self, kinds: Sequence[str], name: str) -> list[Match]:
        """``m3 max 128``: a number without its unit, where the record is sold with so much."""
        if not ends_in_a_number(name) or not any(kind in DEVICE_KINDS for kind in kinds):
            return []
        return self._stripped(kinds, f"{name[:200]}GB")

    def misspelt(self, kinds: Sequence[str], name: str, cutoff: float = 84) -> list[Match]:
        """By a spelling at most a slip away. Numbers are names here: 5080 is no misspelling of 5090; nor is a word
        more or less, or a word that other names have."""
        key, typed = label_key(name[:200]), parts_of(name[:200])
        if len(key) < 5:
            return []
        for kind in kinds:
            near = self._by_digits[kind].get(tuple(_DIGITS.findall(key)), [])
            scored = process.extract(key, near, scorer=fuzz.ratio, score_cutoff=cutoff, limit=None)
            slips = [(score, known) for known, score, _ in scored if self._is_slip(typed, self._spelt[kind][known])]
            best = max((score for score, _ in slips), default=0.0)
            slugs = dict.fromkeys(slug for score, known in slips if score == best for slug in self._index[kind][known])
            labels = {slug: self._labels[kind][slug] for slug in slugs}
            if labels:
                return [Match(kind, s, label, f"{name.strip()!r} was read as {label}") for s, label in labels.items()]
        return []

    def _is_slip(self, typed: Parts, spelt: set[Parts]) -> bool:
        return any(
            len(typed) == len(known)
            and all(a == b or (a not in self._words and is_mistyped(a, b)) for a, b in zip(typed, known, strict=True))
            for known in spelt
        )

    def _shortened(self, kinds: Sequence[str], name: str) -> list[Match]:
        """The records of which this is only the beginning (``RX 7900``), where they are several and not too many."""
        typed = parts_of(name[:200])
        if not any(part[0].isdigit() for part in typed):
            return []
        for kind in kinds:
            found = self.beginning_with(kind, name)
            if 1 < len(found) <= MOST_CANDIDATES:
                return found
        return []

    def scan(self, text: str, kinds: Sequence[str]) -> list[Mention]:
        """Names in running text, longest first and never overlapping, in order of place."""
        return self.scan_each(text, (kinds,))[0]

    def scan_each(self, text: str, groups: Sequence[Sequence[str]]) -> list[list[Mention]]:
        """:meth:`scan` for several groups of kinds; what may be a name at all is looked for once."""
        pieces = list(pieces_of(text, self._keys, self._longest, self._index["quantizations"]))
        return [list(self._mentions(pieces, kinds)) for kinds in groups]

    def _mentions(self, pieces: Sequence[Sequence[Piece]], kinds: Sequence[str]) -> Iterator[Mention]:
        free_from = 0
        looked_up: dict[tuple[str, bool], tuple[Match, ...]] = {}
        for at_one_place in pieces:
            for piece in at_one_place:
                if piece.start < free_from or ("models" in kinds and piece.ends_as_quantization):
                    continue
                key = (piece.text, piece.may_be_stripped)
                if key not in looked_up:
                    looked_up[key] = tuple(self._called(kinds, piece))
                if looked_up[key]:
                    yield Mention(piece.start, piece.end, piece.text, looked_up[key])
                    free_from = piece.end
                    break

    def _called(self, kinds: Sequence[str], piece: Piece) -> list[Match]:
        found = self._exact(kinds, piece.text) or self._singular(kinds, piece.text)
        return found or (self._stripped(kinds, piece.text) if piece.may_be_stripped else [])

    def _singular(self, kinds: Sequence[str], piece: str) -> list[Match]:
        return self._exact(kinds, piece[:-1]) if re.search(r"[A-Za-z0-9]s$", piece) and len(piece) > 3 else []

    def misspelt_mentions(
        self, text: str, kinds: Sequence[str], taken: Sequence[Mention], words: Container[str] = ()
    ) -> Iterator[Mention]:
        """What stands outside ``taken`` and is a slip away from a name; ``words`` of the language are no slips."""
        looked_up: dict[str, tuple[Match, ...]] = {}
        covered = {place for other in taken for place in range(other.start, other.end)}
        for word in _WORD_TYPED.finditer(text):
            if word[0].casefold() in words or not covered.isdisjoint(range(word.start(), word.end())):
                continue
            if word[0] not in looked_up:
                if len(looked_up) == MOST_SLIPS:
                    break
                looked_up[word[0]] = tuple(self.misspelt(kinds, word[0], cutoff=88))
            if found := looked_up[word[0]]:
                yield Mention(word.start(), word.end(), word[0], found)


def _number_in(key: str) -> int:
    found = _DIGITS.search(key)
    return int(found[0][:9]) if found else 0
