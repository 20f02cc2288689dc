"""One message as it stands, without those before it."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from kb.catalogue.names import DEVICE_KINDS, Match, Names
from kb.catalogue.records import Accelerator, LanguageModel, Machine, Term
from kb.chat.reading.described import CPU_ONLY, cards, host_in, model_of_size, processor
from kb.chat.reading.figure_words import figure_keys
from kb.chat.reading.language import language_of
from kb.chat.reading.mentions import Span, gib_of, is_of_another_kind, sized, spans
from kb.chat.reading.quantities import NEAR, Roled, kv_type_in, quantities, roled
from kb.chat.reading.situation import Claim, Named, Quantities, Situation, Standing
from kb.search.intents import CALLED
from kb.text.figures import FigureFound
from kb.text.figures import read as read_figures
from kb.text.squeezed import LEFT_OUT, MOST_DIGITS, squeezed
from kb.tools.shared.given import DeviceFigures

MOST_CHARACTERS = 8000
MOST_COUNT = 64
MOST_DEVICES = 16
"""Different ones of one message that are read."""
MOST_SIZES = 16
BEHIND_A_NAME = 12
"""Characters behind a name within which a size is its own."""
NOT_A_DEVICES = frozenset({"disk_gb", "size_gb", "free_gb", "memory_in_use_gb", "needed_gb"})
"""Roles of an amount of memory that is no device's."""

_WIDE = str.maketrans("，。？！：；（）、×", ",.?!:;(),x")
_APART = re.compile(
    r"(?<=[A-Za-z0-9])(?=[\u3040-\u9fff\uac00-\ud7af])|(?<=[\u3040-\u9fff\uac00-\ud7af])(?=[A-Za-z0-9])"
)
_UNITS = (
    (re.compile(r"(?<=\d) ?(?:[Gg]o|ГБ|Гб|гб|гиг\w{0,4})\b"), " GB"),
    (re.compile(r"(?<=\d) ?(?:Mo|МБ)\b"), " MB"),
)
_TIMES = re.compile(r"\b(\d{1,2})\s?[x×*]\s?(?=(?:rtx|gtx|rx|[a-z]{0,3}\d{2,4}))", re.I)
_PLUS = re.compile(r"(?<=[\w)])\+(?=[a-z]{0,3}\s?\d{2,4})", re.I)
_SLASH = re.compile(r"(?<=\d{4})(?P<suffix>(?:ti|xtx?| super)?)/(?=\w{0,4}\s?\d{4}\b)", re.I)

_COUNT_WORDS = {
    "a": 1, "an": 1, "one": 1, "single": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "ten": 10, "twelve": 12, "sixteen": 16, "dual": 2, "twin": 2, "pair of": 2, "both": 2, "double": 2, "quad": 4,
    "triple": 3, "couple of": 2, "zwei": 2, "drei": 3, "vier": 4, "deux": 2, "trois": 3, "dos": 2, "två": 2, "两块": 2, "两张": 2,
}  # fmt: skip
_COUNT_BEFORE = re.compile(
    rf"(?:^|[\s(,+]|(?<=[\u4e00-\u9fff]))(\d{{1,3}}|{'|'.join(sorted(_COUNT_WORDS, key=len, reverse=True))})\s?[x×*]?\s?"
    r"(?:(?:gpus?|cards?|units?|of my|of|old|used|new|old|nvidia|geforce|amd|radeon|apple|asus|refurbished|modded)\s)*$",
    re.I,
)
_COUNT_AFTER = re.compile(r"s?\s?(?:[x×*]\s?(\d{1,3})\b|\((\d{1,2})\s?(?:x|of them|cards?|gpus?)\))", re.I)
_MORE = re.compile(
    r"\b(?:another|a second|an additional|one more|an extra|a 2nd|a third|second|2nd)\s(?:\w+\s)?$", re.I
)
_HAS = re.compile(
    r"\b(?:my|our|mine|i(?:'ve| have|'m using| use| got| own| bought)|we(?:'ve| have| use| got| own)|have|having|got"
    r"|own|bought|running on|currently|current|existing|owned|i've got|tengo|ich habe|j'ai|jag har|tenho|у меня)\b", re.I
)  # fmt: skip
_CONSIDERS = re.compile(
    r"\b(?:buy(?:ing)?|should i|shall i|considering|consider|upgrad\w+|worth|recommend|instead|looking (?:at|to|for)"
    r"|plan(?:ning)?|think(?:ing)? (?:of|about)|add(?:ing)?|swap\w*|switch\w*|replac\w+|gain|what about|how about|used|get a"
    r"|getting|would an?|another|second|splurge|wait for|save (?:up )?for|or an?|rent(?:ing)?|if i|kaufen|acheter|comprar)\b",
    re.I,
)
_SENTENCE = re.compile(r"[?!;\n]|\. ")
_TOGETHER = re.compile(
    r"\btogether\b|\bcombin\w+|\bmix(?:ed|ing)?\b|\bpaired\b|\balongside\b|\bplus\b|\bin (?:one|the same|a single) \w+"
    r"|\b(?:in|with) parallel\b|\bboth (?:cards|gpus)\b|\badd(?:ing)? (?:a|an|my|the|another)\b|\bsplit\w*\b|\bone box\b", re.I
)  # fmt: skip
_PLUS_BETWEEN = re.compile(
    r"\s?(?:\+|&|\bplus\b|\band an?\b|\band my\b|\balongside\b|\bwith a\b|\bpaired with\b)\s?[\w ]{0,12}$", re.I
)
_OR_BETWEEN = re.compile(r"\b(?:or|vs\.?|versus|than|against|instead)\b", re.I)
_LAPTOP = re.compile(r"\blaptops?\b|\bnotebook\b|\bmobile\b", re.I)
_HAS_MEMORY = re.compile(
    r"(?:\b(?:has|have|with|having|got|comes? with|ships? with|offers?|includes?)\b|'s)[\w ]{0,16}$", re.I
)
_DRAWS = re.compile(r"\b(?:tdp|draws?|pulls?|rated)\b[\w ]{0,12}$", re.I)
_NVLINK = re.compile(r"\bnv[\s-]?link\b", re.I)
_CLAIM_KEYS = {"bytes/s": ("memory_bandwidth_gb_per_s", 1e9), "cores": ("cuda_cores", 1.0)}
_LEADING_MEMORY = re.compile(r"[ -]{1,2}(?:[\w]+ )?$")
_IN_LIST = re.compile(r"(?:^|[+,/&]|\band\b|\bplus\b)\s?(?:\d\s?x\s?)?$", re.I)
_LIST_GOES_ON = re.compile(r"\s?(?:$|[+,/&):;.?!]|\band\b|\bplus\b|-?\s?(?:box|build|rig|pc)\b)", re.I)
_ENOUGH = re.compile(r"\s?(?:\w{1,20} ){0,2}(?:enough|suffic\w{1,6})\b", re.I)
_HOLDS = re.compile(r"\b(?:with|on|in|into|have|has|got|only|mit|con|avec|med|my|is|of the)\b[\w ]{0,12}$", re.I)
SHORT = 6
"""Words, in which an amount of memory can only be what there is."""
_NOTHING_SAID = re.compile(r"\bold\b|\boffice\b", re.I)
_TRAINING = re.compile(r"\b(qlora|lora|full(?:[\s-](?:fine|parameter|train)\w*)?(?=[\s-](?:fine|param|train)))", re.I)
_BITS = re.compile(r"(?<![\w.])(\d{1,2}(?:\.\d{1,3})?) ?(?:bpw\b|bits? per weight|bits?\b(?! float| integer))", re.I)
_QUIET = re.compile(r"\bquiet\b|\bsilent\b|\bnoise\b|\bnoisy\b|\bloud\b", re.I)
_USES = (
    ("coding", r"\bcod(?:e|ing)\b|\bprogramming\b|\bdevelop(?:er|ment)\b|\bcopilot\b|\bopencode\b|\bcline\b|\baider\b"),
    ("images", r"\bimages?\b|\bpictures?\b|\bstable diffusion\b|\bsdxl?\b|\bcomfyui\b|\bphoto\w*"),
    ("video", r"\bvideos?\b"),
    ("speech", r"\bspeech\b|\bvoice\b|\btranscri\w+|\btts\b|\bwhisper\b"),
    ("documents", r"\bdocuments?\b|\bpdfs?\b|\brag\b|\bsummar\w+|\bcontracts?\b|\bnotes\b"),
    ("writing", r"\bwrit(?:e|ing)\b|\bstor(?:y|ies)\b|\bnovels?\b|\brole-?play\w*|\brp\b"),
    ("training", r"\bfine-?tun\w*|\btrain(?:ing)?\b|\bq?lora\b"),
    ("agents", r"\bagents?\b|\bagentic\b|\btool calls?\b"),
    ("chat", r"\bchat(?:ting|bot|s)?\b|\bassistant\b"),
)
_USE = tuple((use, re.compile(pattern, re.I)) for use, pattern in _USES)


@dataclass(frozen=True)
class Read:
    """``situation`` of the message alone; ``plain`` is its text with what names stand for in their place."""

    situation: Situation
    plain: str
    unknown_models: tuple[str, ...] = ()
    more: tuple[Named, ...] = ()
    """Devices of which one more is spoken of (*another 3090*)."""


def in_one_form(text: str) -> str:
    """
    >>> in_one_form("2x3090+3060，8*2080ti"), in_one_form("32 Go DDR5")
    ('2x 3090 + 3060, 8x 2080ti', '32 GB DDR5')
    """
    text = _APART.sub(" ", text[:MOST_CHARACTERS].translate(_WIDE).replace(",", ", ") if _has_wide(text) else text)
    for unit, ours in _UNITS:
        text = unit.sub(ours, text)
    text = _TIMES.sub(r"\1x ", text)
    text = _SLASH.sub(r"\g<suffix> / ", _PLUS.sub(" + ", text))
    return squeezed(text)


def _has_wide(text: str) -> bool:
    return any(ord(character) > 0x2E7F for character in text[:MOST_CHARACTERS])


def read_message(text: str, names: Names) -> Read:
    text = in_one_form(text[:MOST_CHARACTERS])
    return _Message(text, names).read()


class _Message:
    def __init__(self, text: str, names: Names) -> None:
        self.text, self.names = text, names
        self.figures = read_figures(text)
        self.spans = spans(text, names, self.figures)
        self.models: list[Named] = []
        self.devices: list[tuple[Named, Span]] = []
        self.unknown: dict[str, None] = {}
        self.notes: list[str] = []
        self.more: list[Named] = []
        self.covered = {place for span in self.spans for place in range(span.start, span.end)}
        """Where names stand, and figures that belong to one."""
        self.other_kinds = {
            place
            for span in self.spans
            if is_of_another_kind(names, span)
            for place in range(span.end, span.end + BEHIND_A_NAME)
        }

    def read(self) -> Read:
        text = self.text
        named = [(span.start, span.end) for span in self.spans if span.kind not in ("terms", "interconnects")]
        roles = roled(text, self.figures, named)
        kv = kv_type_in(text)
        quantizations: list[Named] = []
        terms: list[Named] = []
        others: list[Named] = []
        for span in self.spans:
            if span.kind == "models":
                self._model(span)
            elif span.kind in DEVICE_KINDS:
                self._device(span)
            elif span.kind == "quantizations":
                if not (kv and span.start < kv[1] and kv[0] < span.end):
                    _add(quantizations, Named(span.text, span.matches))
            elif span.kind == "terms":
                _add(terms, Named(span.text, span.matches))
            else:
                _add(others, Named(span.text, span.matches))
        quantizations += self._custom_bits(quantizations)
        self._sizes_of_models()
        roles = self._sizes_of_devices(roles)
        devices = self._merged()
        other = {id(one.figure) for one in roles if one.role in NOT_A_DEVICES}
        free = [figure for figure in self.figures if figure.start not in self.covered]
        described = list(cards(text, [figure for figure in free if id(figure) not in other]))
        if self.devices:
            described = [one for one in described if not _is_host(one.named)]
        in_place = {place for one in described for place in range(one.start, one.end)}
        roles = [one for one in roles if one.figure.start not in in_place]
        free = [figure for figure in free if figure.start not in in_place]
        stated = self._lone(free, roles, bool(devices or described), quantities(text, roles))
        for one in described:
            figures = one.named.figures
            if isinstance(figures, DeviceFigures) and figures.backend == "cpu":
                stated = replace(stated, system_memory_gb=stated.system_memory_gb or figures.memory_gib)
                host = figures.name.split(" with ")[0]
                devices.append(self._standing(processor(stated, host), one.start))
            else:
                devices.append(self._standing(one.named, one.start))
        if not any(device.kind in ("accelerators", "machines") or device.figures for device in devices):
            devices += self._processor(stated, devices)
        if not devices and stated.vram_gib:
            devices.append(_card(stated.vram_gib))
        claims = tuple(self._claims(devices))
        situation = Situation(
            text=text,
            language=language_of(text),
            models=tuple(self.models),
            devices=tuple(devices),
            quantizations=tuple(quantizations),
            terms=self._telling(terms, bool(self.models or devices or quantizations or others)),
            others=tuple(others),
            together=self._together(devices),
            figure_keys=figure_keys(text),
            claims=claims,
            unknown=tuple(self.unknown),
            training_method=_training_method(text),
            engine=self._engine(),
            use=next((use for use, way in _USE if way.search(text)), ""),
            vendor=self._vendor(devices),
            quiet=bool(_QUIET.search(text)),
            notes=tuple(self._notes()),
            **vars(stated),
        )
        unknown_models = tuple(span.text for span in self.spans if span.kind == "models" and not span.known)
        return Read(situation, self._plain(), unknown_models, tuple(self.more))

    def _model(self, span: Span) -> None:
        if self._is_other_kinds(span.start, span.end):
            return
        if not span.known:
            self.unknown[span.text] = None
            if span.size:
                _add(self.models, model_of_size(self.names, span.size))
        elif re.fullmatch(r"\d.*", span.text):
            return  # a size alone, read below
        else:
            _add(self.models, Named(span.text, span.matches))

    def _is_other_kinds(self, start: int, end: int) -> bool:
        """``Wan 2.1 14B``: behind a name of models for images, sizes and versions are theirs."""
        if start in self.other_kinds:
            return True
        head = re.split(r"[\s\-_.\d]", self.text[start:end], maxsplit=1)[0]
        matches = tuple(self.names.matches("terms", head)) if head else ()
        return is_of_another_kind(self.names, Span(start, end, head, "terms", matches))

    def _sizes_of_models(self) -> None:
        """Models that are given by their size alone; one that is named is meant by its own."""
        bare = {place for span in self.spans if re.match(r"\d", span.text) for place in range(span.start, span.end)}
        met = set(self._sizes_named())
        for figure in self.figures:
            billions = figure.value / 1e9
            if figure.dimension != "parameters" or figure.kind == "name" or not 0.05 <= billions < 10_000:
                continue
            if (figure.start in self.covered and figure.start not in bare) or _ACTIVE.match(self.text, figure.end):
                continue
            if any(abs(size - billions) < 0.05 * billions for size in met):
                continue
            if not self._is_other_kinds(figure.start, figure.end) and len(met) < MOST_SIZES:
                met.add(billions)
                _add(self.models, model_of_size(self.names, f"{billions:g}b"))

    def _sizes_named(self) -> Iterator[float]:
        for named in self.models:
            for match in named.candidates:
                record = self.names.record(match)
                if isinstance(record, LanguageModel) and record.params_total:
                    yield record.params_total.value / 1e9

    def _device(self, span: Span) -> None:
        if not span.known:
            if self._is_processor(span) and any(other.kind == "accelerators" and other.known for other in self.spans):
                self.notes.append(f"I have no data on “{span.text}”; it was left out")
                return
            self.unknown[span.text] = None
            if span.memory_gib:
                self.devices.append((replace(_card(span.memory_gib), count=self._count(span)), span))
            return
        matches = span.matches
        if _LAPTOP.search(self._clause(span)):
            matches = tuple(self.names.named("accelerators", f"{match.slug}-laptop") or match for match in matches)
        named = self._standing(Named(span.text, matches, count=self._count(span)), span.start)
        if _MORE.search(self.text[max(0, span.start - 30) : span.start]):
            self.more.append(named)
        self.devices.append((named, span))

    def _is_processor(self, span: Span) -> bool:
        head = re.split(r"[\s\d-]", span.text.casefold())[0]
        return bool(self.names.begins_a_name("cpus", head)) and not self.names.begins_a_name("accelerators", head)

    def _clause(self, span: Span) -> str:
        before = _SENTENCE.split(self.text[max(0, span.start - 40) : span.start])[-1]
        return before + _SENTENCE.split(self.text[span.start : span.end + 24])[0]

    def _count(self, span: Span) -> int:
        before = _COUNT_BEFORE.search(self.text[max(0, span.start - 44) : span.start])
        after = _COUNT_AFTER.match(self.text, span.end)
        word = before[1].casefold() if before else next((g for g in after.groups() if g), "1") if after else "1"
        count = _COUNT_WORDS.get(word) or (int(word) if word.isdigit() else 1)
        return count if 1 <= count <= MOST_COUNT else 1

    def _standing(self, named: Named, at: int) -> Named:
        """By the nearest word before it, in its sentence, that says so."""
        sentence = _SENTENCE.split(self.text[max(0, at - 120) : at])[-1]
        has = max((found.end() for found in _HAS.finditer(sentence)), default=-1)
        considers = max((found.end() for found in _CONSIDERS.finditer(sentence)), default=-1)
        standing: Standing = "mentioned" if has == considers else "has" if has > considers else "considers"
        return replace(named, standing=standing)

    def _sizes_of_devices(self, roles: list[Roled]) -> list[Roled]:
        """Memory that belongs to a device which is sold with several: right before it, or anywhere for unified memory."""
        role_of = {id(one.figure): one.role for one in roles}
        sizes = [f for f in self.figures if f.dimension == "bytes" and not f.per and f.start not in self.covered]
        belongs: set[int] = set()
        for at, (named, span) in enumerate(self.devices[:MOST_DEVICES]):
            if named.figures is not None or any(match.memory_gib for match in named.candidates):
                continue
            unified = self._is_unified(named)
            for figure in sizes[:MOST_SIZES]:
                near = figure.end <= span.start and _LEADING_MEMORY.fullmatch(self.text, figure.end, span.start)
                shared = unified and role_of.get(id(figure), "") in ("", "system_memory_gb", "vram_gib")
                if (near or shared) and (sold := sized(self.names, named.candidates, gib_of(figure))):
                    self.devices[at] = (replace(named, candidates=sold), span)
                    self.covered.update(range(figure.start, figure.end))
                    belongs.add(id(figure))
                    break
        return [one for one in roles if id(one.figure) not in belongs or one.role == "system_memory_gb"]

    def _is_unified(self, named: Named) -> bool:
        record = self.names.record(named.match)
        if isinstance(record, Machine) and record.accelerator:
            record = self.names.record(Match("accelerators", record.accelerator, ""))
        return isinstance(record, Accelerator) and record.unified_memory

    def _merged(self) -> list[Named]:
        """Each device once; the same one twice beside a plus is two of them."""
        merged: list[Named] = []
        for named, span in self.devices:
            same = next((at for at, other in enumerate(merged) if _same(other, named)), None)
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
        return merged

    def _lone(
        self, free: Sequence[FigureFound], roles: Sequence[Roled], device: bool, stated: Quantities
    ) -> Quantities:
        """An amount of memory of which nothing says whose it is."""
        with_roles = {id(one.figure) for one in roles}
        for figure in free:
            if figure.dimension != "bytes" or figure.per or id(figure) in with_roles or figure.kind == "name":
                continue
            size = gib_of(figure)
            before, after = (
                self.text[max(0, figure.start - NEAR) : figure.start],
                self.text[figure.end : figure.end + 12],
            )
            listed = _IN_LIST.search(before) is not None and _LIST_GOES_ON.match(after) is not None
            machine = device or bool(self.unknown or self.notes or stated.memory_channels)
            if machine and listed and stated.system_memory_gb is None and size >= 4:
                return replace(stated, system_memory_gb=size)
            if device or size < 2 or stated.vram_gib is not None:
                continue
            if _HOLDS.search(before) or _ENOUGH.match(after) or len(self.text.split()) <= SHORT:
                return replace(stated, vram_gib=size)
        return stated

    def _processor(self, stated: Quantities, devices: Sequence[Named]) -> Iterator[Named]:
        host = host_in(self.text)
        only = CPU_ONLY.search(self.text)
        if any(device.kind == "cpus" for device in devices) or stated.vram_gib:
            return
        said = stated.system_memory_gb or _NOTHING_SAID.search(host)
        if only or (host and said):
            found = processor(stated, "" if only else host)
            yield self._standing(found, only.start() if only else self.text.casefold().find(host.split()[-1]))

    def _custom_bits(self, quantizations: Sequence[Named]) -> Iterator[Named]:
        """``at 4.5 bits``: a quantization by its bits, which no record has by name."""
        for found in _BITS.finditer(self.text):
            bits = f"{float(found[1]):g}"
            if found.start() not in self.covered and 0.5 <= float(bits) <= 32 and "." in found[1]:
                yield Named(found[0], (Match("quantizations", f"{bits}bpw", f"{bits} bits per weight"),))

    def _telling(self, terms: Sequence[Named], other: bool) -> tuple[Named, ...]:
        """Terms without the generic ones, unless nothing else was named."""
        telling = tuple(named for named in terms if not self._is_generic(named))
        return telling if telling or other else tuple(terms)

    def _is_generic(self, named: Named) -> bool:
        record = self.names.record(named.match)
        return isinstance(record, Term) and record.generic

    def _together(self, devices: Sequence[Named]) -> bool:
        runners = [device for device in devices if device.kind != "cpus"]
        if len(runners) < 2:
            return False
        placed = [span for _, span in self.devices if span.kind != "cpus"]
        between = [self.text[a.end : b.start] for a, b in itertools.pairwise(placed)]
        if any(_OR_BETWEEN.search(words) for words in between):
            return False
        joined = any(_PLUS_BETWEEN.fullmatch(words) for words in between)
        return joined or bool(_TOGETHER.search(self.text))

    def _claims(self, devices: Sequence[Named]) -> Iterator[Claim]:
        nvlink = _NVLINK.search(self.text) is not None
        placed = self.devices[:MOST_DEVICES]
        for at, (named, span) in enumerate(placed):
            current = next((device for device in devices if _same(device, named)), named)
            if current.figures is not None:
                continue
            words = _SENTENCE.split(self.text[span.end : span.end + 90])[0]
            end = span.end + len(words)
            if at + 1 < len(placed):
                end = min(end, placed[at + 1][1].start)
            for figure in self.figures:
                if span.end <= figure.start < end and not figure.per:
                    yield from self._claim(current, figure, self.text[span.end : figure.start])
            if nvlink and named.kind == "accelerators":
                yield Claim(current, "nvlink", 1.0)

    def _claim(self, device: Named, figure: FigureFound, before: str) -> Iterator[Claim]:
        if figure.dimension == "bytes" and _HAS_MEMORY.search(before) and not _RAM.match(self.text, figure.end):
            yield Claim(device, "memory_gib", gib_of(figure))
        elif figure.dimension == "w" and _DRAWS.search(before):
            yield Claim(device, "tdp_w", figure.base)
        elif figure.dimension in _CLAIM_KEYS:
            key, unit = _CLAIM_KEYS[figure.dimension]
            yield Claim(device, key, figure.base / unit)

    def _engine(self) -> str:
        """An engine may be a term of the glossary too."""
        named = (self.names.matches("engines", span.text) for span in self.spans if span.kind in ("terms", "engines"))
        return next((matches[0].slug for matches in named if matches), "")

    def _vendor(self, devices: Sequence[Named]) -> str | None:
        if devices:
            return None
        words = {word.casefold() for word in re.findall(r"[A-Za-z]{3,20}", self.text)}
        found = [vendor for vendor in sorted(self.names.vendors("accelerators")) if vendor.casefold() in words]
        return found[0] if len(found) == 1 else None

    def _notes(self) -> Iterator[str]:
        yield from self.notes
        for span in self.spans:
            for match in span.matches[:1]:
                if match.note and match.kind != "terms":
                    yield match.note
        if LEFT_OUT in self.text:
            yield f"a number of more than {MOST_DIGITS} digits was left unread"

    def _plain(self) -> str:
        parts, behind = [], 0
        for span in self.spans:
            if span.kind in CALLED and span.start >= behind:
                parts += [self.text[behind : span.start], CALLED[span.kind]]
                behind = span.end
        return "".join(parts) + self.text[behind:]


_ACTIVE = re.compile(r" ?(?:active|activated|experts?|draft)\b", re.I)
_RAM = re.compile(r" ?(?:of )?(?:system |main )?(?:ram|ddr|lpddr)|/s| per", re.I)


def _card(memory_gib: float) -> Named:
    article = "an" if f"{memory_gib:g}".startswith(("8", "11", "18")) else "a"
    figures = DeviceFigures(name=f"{article} {memory_gib:g} GB graphics card", memory_gib=memory_gib)
    return Named(figures.name, figures=figures)


def _same(one: Named, other: Named) -> bool:
    if one.figures is not None or other.figures is not None:
        return one.figures == other.figures
    return one.candidates == other.candidates


def _add(group: list[Named], named: Named) -> None:
    if not any(_same(other, named) for other in group):
        group.append(named)


def _is_host(named: Named) -> bool:
    return isinstance(named.figures, DeviceFigures) and named.figures.backend == "cpu"


def _training_method(text: str) -> Literal["full", "lora", "qlora"] | None:
    found = _TRAINING.search(text)
    if not found:
        return None
    word = found[1].lower()
    return "qlora" if word == "qlora" else "lora" if word == "lora" else "full"
