"""How much of what other people's questions state is read: names, figures with what they are for, and what is asked.

``eval/asked_questions/understood.jsonl`` has the questions of ``judging.jsonl`` as readers who knew no code marked
them: ``<3090|device>`` a name by its kind, ``[64gb|ram]`` a figure by its role (as ``kb/chat/reading/roles.yaml`` has
it), ``asks`` the main one first. Names and figures are held against what is found in each turn by itself, asks against
those of the last one.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kb.catalogue.names import DEVICE_KINDS
from kb.catalogue.records import MediaModel
from kb.chat.answering.plan import ALSO_ASKED
from kb.chat.reading.asks import AskReader
from kb.chat.reading.flags import flags, told_by
from kb.chat.reading.gloss import in_english
from kb.chat.reading.language import language_of
from kb.chat.reading.mentions import spans
from kb.chat.reading.one_form import in_one_form
from kb.chat.reading.reader import read
from kb.chat.reading.role_lessons import unmarked
from kb.chat.reading.roles import RoleReader, places_of
from kb.chat.reading.spans import Span
from kb.search.live import Index
from kb.text.figures import FigureFound
from kb.text.figures import read as read_figures

MARKED = Path(__file__).parent / "asked_questions" / "understood.jsonl"
ROLES = frozenset({
    "vram", "ram", "used", "free", "file", "context", "prompt", "layers", "users", "bandwidth", "read",
    "measured", "claimed", "wanted", "prefill", "draw", "limit", "psu", "budget", "price", "rent", "kwh", "hours",
})  # fmt: skip
"""Those with which something is worked out; readers marked others too."""
NEAR = 0.03
"""How far a figure may be from the one that was marked."""
_NAME = re.compile(r"<([^<>|]+)\|(\w+)>")
_SAME = {"unified": "ram", "need": "used"}
"""Roles that readers did not tell apart."""
_BY_FLAG = {"context": "context", "layers": "gpu_layers"}
"""Roles of figures that an option of a program gives."""
_CLASS = {"device": "device", "processor": "device", "model": "model", "media": "model", "quantization": "quantization"}


@dataclass
class Tally:
    right: int = 0
    read: int = 0
    meant: int = 0
    missed: list[str] = field(default_factory=list)
    """For learning alone: nobody looks at those of the judging half."""
    wrong: list[str] = field(default_factory=list)

    @property
    def f1(self) -> float:
        return 2 * self.right / max(1, self.read + self.meant)

    def add(self, meant: Counter[str], found: Counter[str], text: str) -> None:
        self.right += (meant & found).total()
        self.read += found.total()
        self.meant += meant.total()
        self.missed += [f"{one} | {text}" for one in meant - found]
        self.wrong += [f"{one} | {text}" for one in found - meant]


@dataclass(frozen=True)
class Understood:
    names: Tally
    figures: Tally
    asks: Tally
    first: Tally
    """Of the main ask alone."""


def understood(index: Index, lines: Iterable[str]) -> Understood:
    told = Understood(Tally(), Tally(), Tally(), Tally())
    asks, roles = AskReader(index.asks), RoleReader(index.roles)
    for line in lines:
        question = json.loads(line)
        plain = [unmarked(_NAME.sub(r"\1", turn))[0] for turn in question["turns"]]
        for marked, text in zip(question["turns"], plain, strict=True):
            _read_one(index, roles, marked, text, told)
        likely = read(plain, index.names, asks, roles).asks
        found = [ask for at, (ask, share) in enumerate(likely.items()) if at == 0 or share >= ALSO_ASKED][:3]
        told.asks.add(Counter(question["asks"]), Counter(found), plain[-1])
        told.first.add(Counter(question["asks"][:1]), Counter(found[:1]), plain[-1])
    return told


def _read_one(index: Index, roles: RoleReader, marked: str, text: str, told: Understood) -> None:
    one_form = in_one_form(text)
    english = in_english(one_form, language_of(one_form, index.names), index.names).text
    given = {place for flag in flags(english) for place in range(flag.start, flag.end)}
    figures = [figure for figure in read_figures(english) if figure.start not in given]
    found = [span for span in spans(english, index.names, figures) if span.start not in given]
    names = Counter(f"{kind} {_folded(span.text)}" for span in found if (kind := _kind(span.kind)))
    meant = Counter(f"{_CLASS[kind]} {_folded(name)}" for name, kind in _NAME.findall(marked))
    paired = Counter(name for name in _paired(meant, names) if name in meant or not _is_family(name))
    told.names.add(meant, paired, text)
    by_flags = told_by(list(flags(english)))
    _, marks = unmarked(_NAME.sub(r"\1", marked))
    wanted: Counter[str] = Counter()
    values: list[tuple[str, float]] = []
    for mark in marks:
        inside = read_figures(in_one_form(text[mark.start : mark.end]))
        role = _SAME.get(mark.role, mark.role)
        if inside and role in ROLES:
            values.append((role, inside[0].base))
            wanted[f"{role} {inside[0].base:g}"] += 1
    read_roles = [
        (_SAME.get(one.role, one.role), one.figure.base)
        for one in roles.roles(english, figures, places_of(index.names, found))
    ] + [(role, float(by_flags[name])) for role, name in _BY_FLAG.items() if name in by_flags]
    # The memory of a device is read with its name.
    of_names = [figure.base for figure in figures if any(_holds(span, figure) for span in found)]
    read_roles += [pair for pair in values if pair[0] in ("vram", "ram") and pair[1] in of_names]
    told.figures.add(wanted, Counter(_near([pair for pair in read_roles if pair[0] in ROLES], values)), text)


def _holds(span: Span, figure: FigureFound) -> bool:
    return span.kind in DEVICE_KINDS and span.start <= figure.start and figure.end <= span.end


def _kind(kind: str) -> str:
    classes = {"models": "model", MediaModel.kind: "model", "quantizations": "quantization"}
    return "device" if kind in DEVICE_KINDS else classes.get(kind, "")


def _is_family(name: str) -> bool:
    """A maker's or family's word alone, which the readers left unmarked."""
    return not any(character.isdigit() for character in name)


def _folded(name: str) -> str:
    return re.sub(r"[^\w]+", "", name.casefold())


def _paired(meant: Mapping[str, int], found: Counter[str]) -> Iterator[str]:
    """Each name that was found, as the one that was marked where one is a part of the other."""
    left = Counter(meant)
    for name in found.elements():
        kind, _, text = name.partition(" ")
        same = next(
            (one for one in +left if one.startswith(f"{kind} ") and _is_within(one.partition(" ")[2], text)), name
        )
        left[same] -= 1
        yield same


def _is_within(one: str, other: str) -> bool:
    return one in other or other in one


def _near(found: Sequence[tuple[str, float]], meant: Sequence[tuple[str, float]]) -> Iterator[str]:
    for role, value in found:
        same = (other for known, other in meant if known == role and abs(other - value) <= NEAR * max(other, 1e-9))
        yield f"{role} {next(same, value):g}"


def report(index: Index) -> Iterator[str]:
    told = understood(index, MARKED.read_text("utf-8").splitlines())
    for label, tally in (("names", told.names), ("figures by role", told.figures), ("asks", told.asks)):
        precision, recall = tally.right / max(1, tally.read), tally.right / max(1, tally.meant)
        yield f"{label:24} F1 {tally.f1:.3f} (precision {precision:.2f}, recall {recall:.2f}, {tally.meant} meant)"
    yield f"{'main ask read first':24} {told.first.f1:.0%}"
