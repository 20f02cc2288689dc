"""The devices that a message names: how many, whose, with how much memory, and what is taken for granted of them."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from kb.catalogue.names import DEVICE_KINDS, Match, Names
from kb.catalogue.records import Accelerator, Machine
from kb.chat.reading.described import nodes_before, rate_behind
from kb.chat.reading.mentions import sized
from kb.chat.reading.roles import Roled
from kb.chat.reading.situation import Claim, Named, Standing
from kb.chat.reading.spans import Span, gib_of
from kb.text.figures import FigureFound
from kb.text.numerals import COUNTS, counted
from kb.text.wording import article
from kb.tools.shared.given import DeviceFigures

LONGEST_COUNT = 44
"""Characters before a name in which its count is looked for."""
_MEMORY_BEHIND = re.compile(r"[ (-]{1,3}\d{1,4} ?gi?b\)?$", re.I)
_COUNT_BEFORE = re.compile(
    rf"(?:^|[\s(,+])(\d{{1,3}}|{'|'.join(sorted(COUNTS, key=len, reverse=True))})\s?[x×*]?\s?"
    r"(?:(?:gpus?|(?:graphics )?cards?|units?|of my|of|old|used|new|old|nvidia|geforce|amd|radeon|apple|asus|refurbished|modded)\s)*$",
    re.I,
)
_NODES_BEHIND = re.compile(
    r"s?(?: (?:gpus?|cards?))?(?:[\s,]{1,2}(?:(?:each|per (?:node|machine|server))[\s,]{1,2}(?:(?:on|in|for|x) )?|(?:on|in) each of )"
    r"|\s?[x×*]\s?)(\d{1,2}|two|three|four|five|six|eight) (?:nodes|machines|servers|hosts|boxes)\b",
    re.I,
)
_AND_MORE = re.compile(r"s?((?:\s?\+\s?\d{1,2}(?![\d.]|,\d|\s?[a-z×]))+)", re.I)
"""Of the same: *4x … + 2 + 2*."""
_COUNT_AFTER = re.compile(r"s?\s?(?:[x×*]\s?(\d{1,3})\b|\((\d{1,2})\s?(?:x|of them|cards?|gpus?)\))", re.I)
_MORE = re.compile(
    r"\b(?:another|an additional|one more|an extra|(?:a )?(?:(?<!per )second|2nd|third|3rd|fourth|4th))\s(?:\w+\s)?$",
    re.I,
)
_HAS = re.compile(
    r"\b(?:my|our|mine|i(?:'ve| have|'m using| use| got| own| bought)|we(?:'ve| have| use| got| own)|have|having|got"
    r"|it'?s an?|own|bought|running on|currently|current|existing|owned|i've got)\b", re.I
)  # fmt: skip
_ANOTHERS = re.compile(
    r"\b(?:my (?:friend|colleague|brother|sister|buddy|neighbou?r|boss|mate|cousin|dad|son)\w*(?:'s)?"
    r"|his|her|their|someone's)\b", re.I
)  # fmt: skip
_CONSIDERS = re.compile(
    r"\b(?:buy(?:ing)?|should i|shall i|considering|consider|upgrad\w+|worth|recommend|instead|looking (?:at|to|for)"
    r"|plan(?:ning)?|think(?:ing)? (?:of|about)|add(?:ing)?|swap\w*|switch\w*|replac\w+|gain|what about|how about|used|get a"
    r"|getting|would an?|another|second|splurge|wait for|save (?:up )?for|or an?|rent(?:ing)?|if i)\b",
    re.I,
)
_FROM = re.compile(r"\b(?:from|replac\w+|swap\w*) (?:an? |my |the |our )?(?:old |current |existing )?$", re.I)
"""*Upgrading from a 3060 to …*: what is there now."""
_SENTENCE = re.compile(r"[?!;\n]|\. ")
_TOGETHER = re.compile(
    r"\btogether\b|\bcombin\w+|\bmix(?:ed|ing)?\b|\bpaired\b|\balongside\b|\bplus\b|\bin (?:one|the same|a single) \w+"
    r"|\b(?:in|with) parallel\b|\bboth (?:cards|gpus)\b|\badd(?:ing|ed)? (?:a|an|my|the|another)\b|\b(?:next to|beside) (?:my|the)\b|\bsplit\w*\b|\bone box\b", re.I
)  # fmt: skip
_PLUS_BETWEEN = re.compile(
    r"\s?(?:\+|&|\bplus\b|\band an?\b|\band my\b|\balongside\b|\bwith a\b|\bpaired with\b)\s?[\w ]{0,12}$", re.I
)
_OR_BETWEEN = re.compile(r"\b(?:or|vs\.?|versus|than|against|instead)\b", re.I)
_LAPTOP = re.compile(r"\blaptops?\b|\bnotebook\b|\bmobile\b", re.I)
_HAS_MEMORY = re.compile(
    r"(?:\b(?:has|have|with|having|got|comes? with|ships? with|offers?|includes?)\b|'s)[\w ]{0,16}$", re.I
)
_RATED = re.compile(r"\b(?:tdp|tbp|tgp|rated)\b[\w ]{0,12}$", re.I)
_DRAWS = re.compile(r"\b(?:draws?|pulls?)\b[\w ]{0,12}$", re.I)
_GIVEN = re.compile(r"(?:given|since|because|assuming)\b", re.I)
"""Begins a message that takes a figure for granted."""
SHORT = 12
"""Words; in a longer message a draw or a rate may be measured, and only what is called a card's own is its record's."""
_BANDWIDTH = re.compile(r"\bbandwidth\b", re.I)
_CUDA = re.compile(r"\bcuda\b|\bshaders?\b", re.I)
_NVLINK = re.compile(r"\bnv[\s-]?link\b", re.I)
_CLAIM_KEYS = {
    "bytes/s": ("memory_bandwidth_gb_per_s", 1e9, _BANDWIDTH),
    "cores": ("cuda_cores", 1.0, _CUDA),
}
"""Figures of a record with their unit and the word that says that they are meant: a rate may be measured of anything."""
_BESIDE_ANOTHER = re.compile(r"\b(?:or|and|vs\.?|versus|than|to|from|with)\s(?:an?\s|the\s|my\s)?$|[/,+]\s?$", re.I)
NEAR_BEHIND = 20
NEAR_FIGURES = 40
_SHARED = re.compile(r" ?(?:of )?(?:unified|shared|lpddr)", re.I)
_WITH = re.compile(r",?\s?(?:with|and|plus|\+|w/)\s(?:a )?|\s?\+\s?", re.I)
RAM_SIZES = frozenset({32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024})
"""GB of computers that models are run on."""
MORE = 1.3
"""Times what the cards have: it is none of theirs, nor a larger edition's."""
_LEADING_MEMORY = re.compile(r"[ -]{1,2}(?:[\w]+ )?$")
_OR_A_SIZE = re.compile(
    r"(?:\s?gb)?(?:\s?[,/]\s?|,?\s(?:or|vs\.?|versus)\s(?:go (?:for|with) )?(?:the |a |even |better )?)", re.I
)
_RAM = re.compile(r" ?(?:of )?(?:system |main )?(?:ram|ddr|lpddr)|/s| per", re.I)
MOST_COUNT = 64
MOST_DEVICES = 16
"""Different ones of one message that are read."""


class Devices:
    """``covered`` are the places of names, and of figures that belong to one."""

    def __init__(self, text: str, names: Names, spans: Sequence[Span], figures: Sequence[FigureFound]) -> None:
        self.text, self.names, self.spans, self.figures = text, names, spans, figures
        self.is_short = len(text.split()) <= SHORT or _GIVEN.match(text) is not None
        self.found: list[tuple[Named, Span]] = []
        self.unknown: list[str] = []
        self.of_another_size: list[tuple[int, str]] = []
        """Known names with a memory that nobody sells them with, and where they stand."""
        self.of_unknown: set[int] = set()
        """Where figures of devices stand that nobody knows."""
        self.unknown_processors: list[str] = []
        """Some of ``unknown``: beside a card they decide little."""
        self.by_figures: list[Span] = []
        """Others of ``unknown``, of which figures may be told behind the name."""
        self.chooses_a_size = False
        """Whether one device is named with several sizes of memory to choose from."""
        self.more: list[Named] = []
        """Those of which one more is spoken of."""
        self.covered = {place for span in spans for place in range(span.start, span.end)}

    def add(self, span: Span) -> None:
        span = self._of_all_together(span)
        if not span.known:
            self.unknown.append(span.text)
            if self._is_processor(span):
                self.unknown_processors.append(span.text)
                self.by_figures.append(span)
                return
            if span.memory_gib:
                self.found.append((replace(card_of(span.memory_gib), count=self._count(span)), span))
            else:
                self.by_figures.append(span)
            return
        matches = tuple(self.names.likeliest(span.matches))
        if _LAPTOP.search(self._clause(span)):
            portable = self.names.matches("accelerators", f"{matches[0].label} laptop") or (
                self.names.matches("accelerators", f"{span.text} laptop")
            )
            matches = tuple(portable) or matches
        named = self.standing(Named(span.text, matches, count=self._count(span)), span.start)
        if _MORE.search(self.text[max(0, span.start - 30) : span.start]):
            self.more.append(named)
        self.found.append((named, span))

    def _of_all_together(self, span: Span) -> Span:
        """``2x 3090 (48gb)``: the memory is that of all of them."""
        count = self._count(span)
        if span.known or not span.memory_gib or count < 2 or not (behind := _MEMORY_BEHIND.search(span.text)):
            return span
        found = self.names.find(("accelerators",), span.text[: behind.start()])
        each = [match for match in found if span.memory_gib / count in self.names.memory_options(match)]
        return replace(span, matches=tuple(each), memory_gib=None) if each else span

    def _is_processor(self, span: Span) -> bool:
        head = re.split(r"[\s\d-]", span.text.casefold())[0]
        if not self.names.begins_a_name("cpus", head):
            return False
        if not self.names.begins_a_name("accelerators", head):
            return True
        nearest = self.names.suggest(DEVICE_KINDS, span.text, 1)
        return bool(nearest and self.names.matches("cpus", nearest[0]))

    def _clause(self, span: Span) -> str:
        before = _SENTENCE.split(self.text[max(0, span.start - 40) : span.start])[-1]
        return before + _SENTENCE.split(self.text[span.start : span.end + 24])[0]

    def _count(self, span: Span) -> int:
        before = _COUNT_BEFORE.search(self.text[max(0, span.start - LONGEST_COUNT) : span.start])
        after = _COUNT_AFTER.match(self.text, span.end)
        found = before or after
        count = counted(next(group for group in found.groups() if group)) if found else 1
        if more := _AND_MORE.match(self.text, span.end):
            return min(MOST_COUNT, count + sum(int(one) for one in re.findall(r"\d+", more[1])))
        count *= nodes_before(self.text, max(0, span.start - LONGEST_COUNT) + before.start(1) if before else span.start)
        if nodes := _NODES_BEHIND.match(self.text, span.end):
            count *= counted(nodes[1])
        return count if 1 <= count <= MOST_COUNT else 1

    def standing(self, named: Named, at: int) -> Named:
        """By the nearest word before it, in its sentence, that says so."""
        sentence = _SENTENCE.split(self.text[max(0, at - 120) : at])[-1]
        has = max((found.end() for found in _HAS.finditer(sentence)), default=-1)
        considers = max((found.end() for found in _CONSIDERS.finditer(sentence)), default=-1)
        if max((found.end() for found in _ANOTHERS.finditer(sentence)), default=-1) > max(has, considers):
            return replace(named, standing="mentioned")
        if considers >= 0 and _FROM.search(sentence):
            return replace(named, standing="has")
        standing: Standing = "mentioned" if has == considers else "has" if has > considers else "considers"
        return replace(named, standing=standing)

    def with_memory(self, roles: Sequence[Roled]) -> list[Roled]:
        """Memory that belongs to a device which is sold with several: right before it, or anywhere for unified memory."""
        role_of = {id(one.figure): one.role for one in roles}
        sizes = [f for f in self.figures if f.dimension == "bytes" and not f.per and f.start not in self.covered]
        belongs = {id(figure) for span in self.by_figures for figure in self._by_its_figures(span, sizes, role_of)}
        for at, (named, span) in enumerate(self.found[:MOST_DEVICES]):
            if named.figures is not None:
                continue
            unified = is_unified(self.names, named)
            if size := next((match.memory_gib for match in named.candidates if match.memory_gib), None):
                bare = tuple(replace(match, memory_gib=None) for match in named.candidates)
                self.found[at] = (replace(named, candidates=sized(self.names, bare, size) or named.candidates), span)
                belongs |= self._also_with(at, span.end, sizes) if unified else set()
                continue
            for figure in sizes[:MOST_DEVICES]:
                near = figure.end <= span.start and _LEADING_MEMORY.fullmatch(self.text, figure.end, span.start)
                shared = unified and role_of.get(id(figure), "") in ("", "ram", "vram", "unified")
                if (near or shared) and (sold := sized(self.names, named.candidates, gib_of(figure))):
                    self.found[at] = (replace(named, candidates=sold), span)
                    self.covered.update(range(figure.start, figure.end))
                    belongs.add(id(figure))
                    belongs |= self._also_with(at, figure.end, sizes) if unified else set()
                    break
                if near and role_of.get(id(figure)) == "vram":
                    self._of_another_size(at, gib_of(figure))
                    self.covered.update(range(figure.start, figure.end))
                    belongs.add(id(figure))
                    break
        gone = {id(figure) for figure in self.figures if figure.start in self.of_unknown}
        beside = {
            id(figure) for named, span in self.found for figure in sizes if self._is_ram_beside(named, span, figure)
        }
        roles = [replace(one, role="ram") if id(one.figure) in beside else one for one in roles]
        return [
            one for one in roles if id(one.figure) not in gone and (id(one.figure) not in belongs or one.role == "ram")
        ]

    def _is_ram_beside(self, card: Named, span: Span, figure: FigureFound) -> bool:
        """``a 3090 with 64GB``: more than the card has, and a size that RAM is sold in."""
        if card.kind != "accelerators" or not _WITH.fullmatch(self.text, span.end, figure.start):
            return False
        record = self.names.record(card.match)
        has = record.memory_gib if isinstance(record, Accelerator) and not record.unified_memory else None
        return has is not None and gib_of(figure) in RAM_SIZES and gib_of(figure) > MORE * card.count * has.value

    def _by_its_figures(
        self, span: Span, sizes: Sequence[FigureFound], role_of: Mapping[int, str]
    ) -> Iterator[FigureFound]:
        """``RX 9090 with 32 GB and 1300 GB/s``: a device that nobody knows, by what is told of it."""
        words = _SENTENCE.split(self.text[span.end : span.end + NEAR_FIGURES])[0]
        behind = (one for one in sizes if span.end <= one.start < span.end + len(words))
        size = next((one for one in behind if role_of.get(id(one), "") in ("", "vram", "unified", "ram")), None)
        if size is None:
            return
        rate = rate_behind(self.text, self.figures, size.end)
        role = role_of.get(id(size), "")
        processor = span.text in self.unknown_processors
        if processor and (self.found or not rate):
            return
        if (role == "ram" or _RAM.match(self.text, size.end)) and not (rate or role == "unified"):
            return  # the machine's, beside it
        unified = role in ("unified", "ram") or bool(_SHARED.match(self.text, size.end))
        told = ", ".join(f"{value:,g} {unit}" for value, unit in _told(size, rate))
        figures = DeviceFigures(
            name=f"a device with {told}", memory_gib=gib_of(size), unified_memory=unified,
            memory_bandwidth_gb_per_s=rate.base / 1e9 if rate else None,
            backend="cpu" if processor else "metal" if unified else "cuda",
        )  # fmt: skip
        self.found.append((Named(figures.name, figures=figures, count=self._count(span)), span))
        self.of_unknown |= {one.start for one in (size, rate) if one}
        yield size

    def _also_with(self, at: int, end: int, sizes: Sequence[FigureFound]) -> set[int]:
        """The other sizes of ``M4 Pro, 48 or 64 GB?``, each a machine to choose; ``end`` is behind the first."""
        named, span = self.found[at]
        belongs: set[int] = set()
        for size in sizes:
            if size.start < end or not _OR_A_SIZE.fullmatch(self.text, end, size.start):
                continue
            if sold := sized(self.names, named.candidates, gib_of(size)):
                self.chooses_a_size = True
                end = size.end
                self.covered.update(range(size.start, size.end))
                belongs.add(id(size))
                self.found.insert(at + len(belongs), (replace(named, candidates=sold), span))
        return belongs

    def _of_another_size(self, at: int, size: float) -> None:
        """``a 48 GB 4090``: a record of its own, or a card that nobody knows and that has so much."""
        named, span = self.found[at]
        name = f"{span.text} {size:g}GB"
        if matches := tuple(self.names.matches(named.kind, name)):
            self.found[at] = (replace(named, name=name, candidates=matches), span)
            return
        self.of_another_size.append((span.start, name))
        self.found[at] = (replace(card_of(size), count=named.count, standing=named.standing), span)

    def merged(self) -> list[Named]:
        """Each device once; the same one twice beside a plus is two of them."""
        merged: list[Named] = []
        for named, span in self.found:
            same = next(
                (
                    at
                    for at, other in enumerate(merged)
                    if is_same(other, named) or _is_told(other, named) or self._is_short_for(other, named, span)
                ),
                None,
            )
            if (same is None or named in self.more) and len(merged) < MOST_DEVICES:
                merged.append(named)
            if same is None or named in self.more:
                continue
            other = merged[same]
            plus = _PLUS_BETWEEN.search(self.text[max(0, span.start - 16) : span.start])
            joined = plus and same == len(merged) - 1 and named not in self.more
            count = other.count + named.count if joined else max(other.count, named.count)
            standing = other.standing if other.standing == "has" else named.standing
            merged[same] = replace(other, count=min(count, MOST_COUNT), standing=standing)
        merged = [self._with_chip(named, merged) for named in merged]
        inside = {chip for named in merged for chip in self._chips(named)}
        return [named for named in merged if named.kind != "accelerators" or named.match.slug not in inside]

    def _is_short_for(self, other: Named, named: Named, span: Span) -> bool:
        """*Is it broken on M1?* of an M1 Ultra: in fewer words the same chip, where the two are not set side by side."""
        begins = other.name.casefold().startswith(f"{named.name.casefold()} ")
        if not begins or not self.names.memory_options(named.match):
            return False
        return _BESIDE_ANOTHER.search(self.text[max(0, span.start - 16) : span.start]) is None

    def _with_chip(self, named: Named, beside: Sequence[Named]) -> Named:
        """*M1 8GB MacBook Air*: of machines with one name that with the chip which is named, in the size that it has."""
        if named.kind != "machines" or len(named.candidates) < 2:
            return named
        chips = {match.slug: match for one in beside if one.kind == "accelerators" for match in one.candidates}
        for candidates in (named.candidates, tuple(self.names.matches("machines", named.name))):
            own = [match for match in candidates if chips.keys() & set(self._chips(Named("", (match,))))]
            if own:
                size = next((match.memory_gib for match in chips.values() if match.memory_gib), None)
                sold = sized(self.names, own, size) if size else ()
                return replace(named, candidates=sold or tuple(own))
        return named

    def _chips(self, named: Named) -> Iterator[str]:
        """*Framework Desktop with a Ryzen AI Max+ 395* is one machine."""
        for match in named.candidates if named.kind == "machines" else ():
            record = self.names.record(match)
            if isinstance(record, Machine) and record.accelerator and record.accelerator_count == 1:
                yield record.accelerator

    def together(self, devices: Sequence[Named]) -> bool:
        runners = [device for device in devices if device.kind != "cpus"]
        if len(runners) < 2:
            return False
        if self.alternatives():
            return False
        joined = any(_PLUS_BETWEEN.fullmatch(words) for words in self._between())
        return joined or bool(_TOGETHER.search(self.text))

    def alternatives(self) -> bool:
        return self.chooses_a_size or any(_OR_BETWEEN.search(words) for words in self._between())

    def _between(self) -> list[str]:
        placed = [span for _, span in self.found if span.kind != "cpus"]
        return [self.text[a.end : b.start] for a, b in itertools.pairwise(placed)]

    def claims(self, devices: Sequence[Named], roles: Sequence[Roled]) -> Iterator[Claim]:
        others = {
            one.figure.start for one in roles if one.role not in ("vram", "unified") and one.figure.dimension == "bytes"
        }
        nvlink = _NVLINK.search(self.text) is not None
        placed = self.found[:MOST_DEVICES]
        for at, (named, span) in enumerate(placed):
            current = next((device for device in devices if is_same(device, named)), named)
            if current.figures is not None:
                continue
            words = _SENTENCE.split(self.text[span.end : span.end + 90])[0]
            end = span.end + len(words)
            if at + 1 < len(placed):
                end = min(end, placed[at + 1][1].start)
            for figure in self.figures:
                if span.end <= figure.start < end and not figure.per and figure.start not in others:
                    yield from self._claim(current, figure, self.text[span.end : figure.start])
            if nvlink and named.kind == "accelerators":
                yield Claim(current, "nvlink", 1.0)

    def _claim(self, device: Named, figure: FigureFound, before: str) -> Iterator[Claim]:
        if figure.dimension == "bytes" and _HAS_MEMORY.search(before) and not _RAM.match(self.text, figure.end):
            yield Claim(device, "memory_gib", gib_of(figure))
        elif figure.dimension == "w" and (_RATED.search(before) or (self.is_short and _DRAWS.search(before))):
            yield Claim(device, "tdp_w", figure.base)
        elif figure.dimension in _CLAIM_KEYS:
            key, unit, word = _CLAIM_KEYS[figure.dimension]
            if self.is_short or word.search(before) or word.search(self.text[figure.start : figure.end + NEAR_BEHIND]):
                yield Claim(device, key, figure.base / unit)


def _told(size: FigureFound, rate: FigureFound | None) -> Iterator[tuple[float, str]]:
    yield gib_of(size), "GB"
    if rate:
        yield rate.base / 1e9, "GB/s"


def is_unified(names: Names, named: Named) -> bool:
    """Whether its memory is the system's too."""
    record = names.record(named.match) if named.candidates else None
    if isinstance(record, Machine) and not record.accelerator:
        return True  # its processor runs models, from the memory that it is sold with
    if isinstance(record, Machine) and record.accelerator:
        record = names.record(Match("accelerators", record.accelerator, ""))
    return isinstance(record, Accelerator) and record.unified_memory


def card_of(memory_gib: float) -> Named:
    figures = DeviceFigures(name=f"{article(f'{memory_gib:g}')} {memory_gib:g} GB graphics card", memory_gib=memory_gib)
    return Named(figures.name, figures=figures)


def _is_told(exactly: Named, again: Named) -> bool:
    """*a 3080 12GB … the 3080*: what was named exactly is named again in short."""
    return len(exactly.candidates) == 1 < len(again.candidates) and exactly.candidates[0] in again.candidates


def is_same(one: Named, other: Named) -> bool:
    if one.figures is not None or other.figures is not None:
        return one.figures == other.figures
    return one.candidates == other.candidates
