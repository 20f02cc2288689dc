"""One message as it stands, without those before it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

from kb.catalogue.figure_names import figure_names
from kb.catalogue.names import DEVICE_KINDS, Match, Names
from kb.catalogue.records import LanguageModel, Term
from kb.chat.reading.asks import CALLED
from kb.chat.reading.described import CPU_ONLY, cards, host_in, model_of_size, processor
from kb.chat.reading.devices import Devices, card_of, is_same
from kb.chat.reading.fragments import is_fragment
from kb.chat.reading.language import language_of
from kb.chat.reading.lexicon import lexicon
from kb.chat.reading.mentions import is_of_another_kind, spans
from kb.chat.reading.quantities import NEAR, Roled, kv_type_in, quantities, roled
from kb.chat.reading.situation import Named, Quantities, Situation, TrainingMethod
from kb.chat.reading.spans import Span, gib_of
from kb.text.figures import FigureFound
from kb.text.figures import read as read_figures
from kb.text.squeezed import LEFT_OUT, MOST_DIGITS, squeezed
from kb.tools.shared.given import DeviceFigures

MOST_CHARACTERS = 8000
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

_IN_LIST = re.compile(r"(?:^|[+,/&]|\band\b|\bplus\b)\s?(?:\d\s?x\s?)?$", re.I)
_LIST_GOES_ON = re.compile(r"\s?(?:$|[+,/&):;.?!]|\band\b|\bplus\b|-?\s?(?:box|build|rig|pc)\b)", re.I)
_ENOUGH = re.compile(r"\s?(?:\w{1,20} ){0,2}(?:enough|suffic\w{1,6})\b", re.I)
_HOLDS = re.compile(r"\b(?:with|on|in|into|have|has|got|only|mit|con|avec|med|my|is|of the)\b[\w ]{0,12}$", re.I)
SHORT = 6
"""Words, in which an amount of memory can only be what there is."""
_NOTHING_SAID = re.compile(r"\bold\b|\boffice\b", re.I)
_TRAINING = re.compile(
    r"\b(?:(?P<rl>rlhf|rl|ppo|grpo|dpo|reinforcement)\b|(?<!not )(?<!no )(?P<qlora>qlora)|(?<!not )(?<!no )(?P<lora>lora)"
    r"|(?P<full>full)[\s-](?:fine|param|train|sft|weight|\d+b))", re.I
)  # fmt: skip
_BITS = re.compile(r"(?<![\w.])(\d{1,2}(?:\.\d{1,3})?) ?(?:bpw\b|bits? per weight|bits?\b(?! float| integer))", re.I)
_QUANTIZATION = re.compile(r"\bi?q\d_\w+", re.I)
"""The form of a GGUF type's name."""
_QUIET = re.compile(r"\bquiet\b|\bsilent\b|\bnoise\b|\bnoisy\b|\bloud\b", re.I)
_WHY = re.compile(
    r"\W{0,9}(?:(?:and|but|so|ok|hm{1,9})\W{1,9})?(?:why|how come|how so)(?: (?:is|was) (?:that|it)| so| that)?\W{0,9}",
    re.I,
)
_HEARSAY = re.compile(r"\b(?:said|says?|claim(?:s|ed)?|told me|heard|i(?:'ve)? read|according to|they write)\b", re.I)
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
_OTHER_USES = frozenset({"images", "video", "speech"})
"""For these other models are run than those for text."""
_USE = tuple((use, re.compile(pattern, re.I)) for use, pattern in _USES)


@dataclass(frozen=True)
class Read:
    """``situation`` of the message alone; ``plain`` is its text with what names stand for in their place."""

    situation: Situation
    plain: str
    unknown_models: tuple[str, ...] = ()
    more: tuple[Named, ...] = ()
    """Devices of which one more is spoken of (*another 3090*)."""
    unknown_processors: tuple[str, ...] = ()
    fragment: bool = False
    """Nothing but names, figures and small words: it asks nothing of its own."""


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
        self.unknown: list[str] = []
        self.named = Devices(text, names, self.spans, self.figures)
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
                self.named.add(span)
            elif span.kind == "quantizations":
                if not (kv and span.start < kv[1] and kv[0] < span.end):
                    _add(quantizations, Named(span.text, span.matches))
            elif span.kind == "terms":
                _add(terms, Named(span.text, span.matches))
                links = self.names.matches("interconnects", span.text)
                if len(links) == 1:
                    _add(others, Named(span.text, tuple(links)))
            else:
                _add(others, Named(span.text, span.matches))
        quantizations += self._custom_bits(quantizations)
        self._sizes_of_models()
        roles = self.named.with_memory(roles)
        devices = self.named.merged()
        other = {id(one.figure) for one in roles if one.role in NOT_A_DEVICES}
        free = [figure for figure in self.figures if figure.start not in self.named.covered]
        described = list(cards(text, [figure for figure in free if id(figure) not in other]))
        if self.named.found:
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
                devices.append(self.named.standing(processor(stated, host), one.start))
            else:
                devices.append(self.named.standing(one.named, one.start))
        if not any(device.kind in ("accelerators", "machines") or device.figures for device in devices):
            devices += self._processor(stated, devices)
        if not devices and stated.vram_gib:
            at = next((one.figure.start for one in roles if one.role == "vram_gib"), 0)
            devices.append(self.named.standing(card_of(stated.vram_gib), at))
        devices = [self._largest_first(device) for device in devices]
        claims = tuple(self.named.claims(devices))
        use = next((use for use, way in _USE if way.search(text)), "")
        situation = Situation(
            text=text,
            language=language_of(text),
            models=tuple(self.models),
            devices=tuple(devices),
            quantizations=tuple(quantizations),
            terms=self._telling(terms, bool(self.models or devices or quantizations or others)),
            others=tuple(others),
            together=self.named.together(devices),
            alternatives=self.named.alternatives(),
            figure_keys=figure_names().asked_in(text),
            claims=claims,
            unknown=self._unknown(),
            training_method=_training_method(text),
            engine=self._engine(),
            use=use,
            other_models=use in _OTHER_USES or any(is_of_another_kind(self.names, span) for span in self.spans),
            vendor=self._vendor(devices),
            quiet=bool(_QUIET.search(text)),
            why=bool(_WHY.fullmatch(text)),
            hearsay=bool(_HEARSAY.search(text)) and "?" not in text,
            notes=tuple(self._notes()),
            **vars(stated),
        )
        named_now = bool(
            situation.models or devices or quantizations or situation.engine or situation.unknown or situation.others
        )
        situation = replace(situation, named_now=named_now)
        unknown_models = tuple(span.text for span in self.spans if span.kind == "models" and not span.known)
        measures = [figure for figure in self.figures if figure.dimension in ("bytes", "transfers/s")]
        covered: list[Span | FigureFound] = [*self.spans, *measures, *(one.figure for one in roles)]
        return Read(
            situation, self._plain(), unknown_models, tuple(self.named.more), tuple(self.named.unknown_processors),
            is_fragment(text, [(one.start, one.end) for one in covered]),
        )  # fmt: skip

    def _largest_first(self, device: Named) -> Named:
        """Of a card that is sold in several sizes, more people run models on the largest."""
        if len(device.candidates) < 2:
            return device
        ranked = sorted(device.candidates, key=lambda match: -max(self.names.memory_options(match), default=0.0))
        return replace(device, candidates=tuple(ranked))

    def _model(self, span: Span) -> None:
        if self._is_other_kinds(span.start, span.end):
            return
        if not span.known:
            self.unknown.append(span.text)
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
            if (figure.start in self.named.covered and figure.start not in bare) or _ACTIVE.match(
                self.text, figure.end
            ):
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
            machine = device or bool(self.named.unknown or stated.memory_channels)
            if machine and (listed or stated.memory_type) and stated.system_memory_gb is None and size >= 4:
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
            yield self.named.standing(found, only.start() if only else self.text.casefold().find(host.split()[-1]))

    def _custom_bits(self, quantizations: Sequence[Named]) -> Iterator[Named]:
        """``at 4.5 bits``: a quantization by its bits, which no record has by name."""
        for found in _BITS.finditer(self.text):
            bits = f"{float(found[1]):g}"
            if found.start() not in self.named.covered and 0.5 <= float(bits) <= 32 and "." in found[1]:
                yield Named(found[0], (Match("quantizations", f"{bits}bpw", f"{bits} bits per weight"),))

    def _telling(self, terms: Sequence[Named], other: bool) -> tuple[Named, ...]:
        """Terms without the generic ones, unless nothing else was named."""
        telling = tuple(named for named in terms if not self._is_generic(named))
        if _SIZE_ASKED.search(self.text):
            return (*telling, Named("parameters", tuple(self.names.matches("terms", "parameters"))))
        return telling if telling or other else tuple(terms)

    def _is_generic(self, named: Named) -> bool:
        record = self.names.record(named.match)
        return isinstance(record, Term) and record.generic

    def _engine(self) -> str:
        """An engine may be a term of the glossary too."""
        named = (self.names.matches("engines", span.text) for span in self.spans if span.kind in ("terms", "engines"))
        return next((matches[0].slug for matches in named if matches), "")

    def _vendor(self, devices: Sequence[Named]) -> str | None:
        if devices:
            return None
        words = {word.casefold() for word in re.findall(r"[A-Za-z]{3,20}", self.text)}
        makers = lexicon(self.names).makers
        found = {vendor for vendor in self.names.vendors("accelerators") if vendor.casefold() in words}
        found |= {makers[word.removesuffix("s")] for word in words if word.removesuffix("s") in makers}
        return next(iter(found)) if len(found) == 1 else None

    def _unknown(self) -> tuple[str, ...]:
        """In the order of the text."""
        unknown = {*self.unknown, *self.named.unknown}
        found = [(span.start, span.text) for span in self.spans if span.text in unknown]
        covered = {place for span in self.spans for place in range(span.start, span.end)}
        typed = (one for one in _QUANTIZATION.finditer(self.text) if one.start() not in covered)
        found += [(one.start(), one[0]) for one in typed if not self.names.knows("quantizations", one[0])]
        return tuple(dict.fromkeys(text for _, text in sorted(found)))

    def _notes(self) -> Iterator[str]:
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


_SIZE_ASKED = re.compile(r"\bwhat (?:does|do|is|are) (?:an? |the )?\d+(?:\.\d+)?b\b(?! model)", re.I)
_ACTIVE = re.compile(r" ?(?:active|activated|experts?|draft)\b", re.I)


def _add(group: list[Named], named: Named) -> None:
    if not any(is_same(other, named) for other in group):
        group.append(named)


def _is_host(named: Named) -> bool:
    return isinstance(named.figures, DeviceFigures) and named.figures.backend == "cpu"


def _training_method(text: str) -> TrainingMethod | None:
    found = _TRAINING.search(text)
    return cast(TrainingMethod, found.lastgroup) if found else None
