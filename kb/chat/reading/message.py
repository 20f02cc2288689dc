"""One message as it stands, without those before it."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from kb.catalogue.figure_names import figure_names
from kb.catalogue.names import DEVICE_KINDS, MODEL_KINDS, Match, Names
from kb.catalogue.records import Accelerator, Cpu, Engine, LanguageModel, MediaModel, System
from kb.chat.reading.asks import CALLED
from kb.chat.reading.described import (
    described,
    host_in,
    memory_of_age,
    mixture_of_size,
    model_of_size,
    of_handheld,
    on_processor,
    processor,
)
from kb.chat.reading.devices import MOST_COUNT, Devices, card_of, is_same
from kb.chat.reading.flags import KV_TYPE, flags, program_of, told_by
from kb.chat.reading.fragments import is_fragment
from kb.chat.reading.gloss import in_english
from kb.chat.reading.language import ENGLISH, language_of
from kb.chat.reading.lexicon import lexicon
from kb.chat.reading.mentions import is_of_another_kind, spans
from kb.chat.reading.one_form import in_one_form
from kb.chat.reading.quantities import TOKENS_PER, kv_type_in, quantities, speeds
from kb.chat.reading.roles import ENGINE, Place, RoleReader, places_of
from kb.chat.reading.situation import Named, Quantities, Situation
from kb.chat.reading.spans import Span
from kb.chat.reading.systems import INTEL_MAC, system_of
from kb.chat.reading.training import ran_out, sharding, training_method
from kb.chat.reading.uses import is_of_text, use_of
from kb.text.figures import FigureFound
from kb.text.figures import read as read_figures
from kb.text.squeezed import LEFT_OUT, MOST_DIGITS
from kb.tools.shared.fitting import projector_of
from kb.tools.shared.given import DeviceFigures

MOST_SIZES = 16
ALIKE = 0.1
"""How far the sizes of two models with one name may be apart for their answers to be the same."""
COUNT_GAP = 3
"""Characters between a count and the name: `` × ``."""
BEHIND_A_NAME = 12
"""Characters behind a name within which a size is its own."""
_NOTHING_SAID = re.compile(r"\bold\b|\boffice\b", re.I)
_QUANTIZATION = re.compile(r"\bi?q\d_\w+", re.I)
"""The form of a GGUF type's name."""
_QUIET = re.compile(r"\bquiet\b|\bsilent\b|\bnoise\b|\bnoisy\b|\bloud\b", re.I)
_WHY = re.compile(
    r"\W{0,9}(?:(?:and|but|so|ok|hm{1,9})\W{1,9})?(?:why|how come|how so)(?: (?:is|was) (?:that|it)| so| that)?\W{0,9}",
    re.I,
)
_TENSOR = re.compile(
    r"\btensor[- ]?parallel\w*|(?<![\w-])-{0,2}tp[ =:]{0,2}\d{1,2}\b|\bin tp\b|-sm (?:row|graph|tensor)", re.I
)
_LAYER_SPLIT = re.compile(r"-sm layer\b.*", re.I | re.S)
"""*-sm layer. Would -sm row help?* What is run, and what is only thought of."""
_WONDERS = re.compile(r"\b(?:why|how)\b", re.I)
_HEARSAY = re.compile(r"\b(?:said|says?|claim(?:s|ed)?|told me|heard|i(?:'ve)? read|according to|they write)\b", re.I)
_ASKS = re.compile(r"\?|\b(?:where|why|how) (?:do|does|did|is|are|can|come)\b", re.I)
_FORM = re.compile(
    r"\b(?:buy|get|wants?|need|looking for|recommend|which|what|best|new|whole|complete|cheap(?:est)?|for an?|need an?|an?)\s(?:[\w-]+\s){0,3}?"
    r"(?:(?P<laptop>laptops?|notebooks?)|(?P<computer>computers?|pcs?|desktops?|machines?|workstations?|rigs?|mini-?pcs?|setup)"
    r"|(?P<card>(?:graphics |video )?cards?|gpus?))\b", re.I
)  # fmt: skip


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


def read_message(text: str, names: Names, roles: RoleReader | None = None, before: str = ENGLISH) -> Read:
    """Without ``roles`` no figure is anything. ``before`` is the language of the message before."""
    text = in_one_form(text)
    language = language_of(text, names, before)
    if language == ENGLISH:
        return _Message(text, names, roles).read()
    glossed = in_english(text, language, names)
    said = _Message(glossed.text, names, roles).read()
    return replace(said, situation=replace(said.situation, language=language, understood=glossed.known))


class _Message:
    def __init__(self, text: str, names: Names, reader: RoleReader | None) -> None:
        self.text, self.names, self.reader = text, names, reader
        self.flags = tuple(flags(text))
        given = {place for flag in self.flags for place in range(flag.start, flag.end)}
        self.figures = [figure for figure in read_figures(text) if figure.start not in given]
        self.spans = [span for span in spans(text, names, self.figures) if span.start not in given]
        self.models: list[Named] = []
        self.unknown: list[str] = []
        self.draft = ""
        self.named = Devices(text, names, self.spans, self.figures)
        self.other_kinds = {
            place
            for span in self.spans
            if is_of_another_kind(names, span)
            for place in range(span.end, span.end + BEHIND_A_NAME)
        }

    def read(self) -> Read:
        text = self.text
        places = places_of(self.names, self.spans)
        begun = {span.start for span in self.spans if span.kind in DEVICE_KINDS}
        others_than_counts = [figure for figure in self.figures if not _counts_devices(figure, begun)]
        roles = self.reader.roles(text, others_than_counts, places) if self.reader else []
        kv = kv_type_in(text)
        twice = list(self._said_twice())
        quantizations: list[Named] = []
        terms: list[Named] = []
        others: list[Named] = []
        for span in self.spans:
            if span.kind == "models":
                self._model(span)
            elif span.kind in DEVICE_KINDS:
                self.named.add(span)
            elif span.kind == MediaModel.kind and not span.known:
                self.unknown.append(span.text)
            elif span.kind == "quantizations":
                if span not in twice and not (kv and span.start < kv[1] and kv[0] < span.end):
                    _add(quantizations, Named(span.text, span.matches))
            elif span.kind == "terms" and self._is_a_unit(span):
                continue
            elif span.kind == "terms":
                _add(terms, Named(span.text, span.matches))
                for kind in ("interconnects", "storage", MediaModel.kind):
                    links = self.names.matches(kind, span.text)
                    if len(links) == 1 or (links and kind == MediaModel.kind):
                        _add(others, Named(span.text, tuple(links)))
            else:
                _add(others, Named(span.text, span.matches))
        quantizations += self._custom_bits()
        self._sizes_of_models()
        roles = self.named.with_memory(roles)
        devices = self.named.merged()
        by_memory = list(described(text, roles, places, self.figures))
        in_place = {place for one in by_memory for place in (one.start, one.rate)}
        roles = [one for one in roles if one.figure.start not in in_place]
        stated = self._with_bandwidth(replace(quantities(text, roles), **told_by(self.flags)), devices)
        stated = self._with_free(stated, devices)
        stated = stated if devices else of_handheld(stated, host_in(text), self.figures)
        if devices and all(device.kind == "cpus" for device in devices) and not stated.system_memory_gb:
            stated = replace(stated, system_memory_gb=stated.vram_gib, vram_gib=None)  # a processor has no other
        lines = (one.base for one in self.figures if one.dimension in ("bits/s", "bits") and one.base >= LEAST_LINE)
        stated = replace(stated, mbit_per_s=next((rate / 1e6 for rate in lines), None))
        devices += [self.named.standing(one.named, one.start) for one in by_memory]
        if not any(device.kind in ("accelerators", "machines") or device.figures for device in devices):
            devices += self._processor(stated, devices)
        if not devices and stated.vram_gib:
            at = next((one.figure.start for one in roles if one.role == "vram"), 0)
            devices.append(self.named.standing(card_of(stated.vram_gib), at))
        if INTEL_MAC.search(text):
            devices = [device for device in devices if device.kind != "machines"]
        beside = ("memory_gib", stated.system_memory_gb) if _BESIDE.search(text) else None
        claims = tuple(claim for claim in self.named.claims(devices, roles) if (claim.key, claim.value) != beside)
        use = use_of(text, sees=any(map(self._sees, self.models)))
        situation = Situation(
            text=text,
            models=tuple(self.models),
            devices=tuple(devices),
            quantizations=tuple(quantizations),
            terms=self._telling(terms, bool(self.models or devices or quantizations or others)),
            others=tuple(others),
            together=self.named.together(devices),
            alternatives=self.named.alternatives(),
            tensor_parallel=bool(_TENSOR.search(_LAYER_SPLIT.sub("", text))) or self._is_served(),
            figure_keys=figure_names().asked_in(text),
            claims=claims,
            speeds=tuple(speeds(roles, text, [*places, *self._programs()])),
            unknown=self._unknown(),
            training_method=training_method(text, [] if stated.optimizer else quantizations, use),
            sharding=sharding(text),
            out_of_memory=ran_out(text),
            engine=self._engine(),
            system=self._system(devices),
            use=use,
            draft=self.draft or _guesser(text),
            other_models=not is_of_text(use) or any(is_of_another_kind(self.names, span) for span in self.spans),
            vendor=self._vendor(devices),
            form=form.lastgroup or "" if (form := _FORM.search(text)) else "",
            quiet=bool(_QUIET.search(text)),
            why=bool(_WHY.fullmatch(text)),
            hearsay=bool(_HEARSAY.search(text)) and not _ASKS.search(text),
            notes=tuple(self._notes(stated)),
            **vars(stated),
        )
        named_now = bool(
            situation.models or devices or quantizations or situation.engine or situation.unknown or situation.others
        )
        tells = (named_now or situation.system_memory_gb is not None) and not _WONDERS.search(text)
        unknown_models = tuple(span.text for span in self.spans if span.kind in MODEL_KINDS and not span.known)
        measures = [figure for figure in self.figures if figure.dimension in ("bytes", "transfers/s")]
        covered: list[Span | FigureFound] = [*self.spans, *measures, *(one.figure for one in roles)]
        fragment = is_fragment(text, [(one.start, one.end) for one in covered])
        plain = self._plain()
        situation = replace(situation, named_now=named_now, only_names=fragment and tells, plain=plain)
        return Read(
            situation, plain, unknown_models, tuple(self.named.more), tuple(self.named.unknown_processors),
            fragment,
        )  # fmt: skip

    def _sees(self, model: Named) -> bool:
        record = self.names.record(model.match) if model.candidates else None
        return isinstance(record, LanguageModel) and projector_of(record) is not None

    def _is_a_unit(self, span: Span) -> bool:
        """``32 GB`` asks nothing of what a GB is."""
        return any(figure.start < span.start and span.end <= figure.end for figure in self.figures)

    def _model(self, span: Span) -> None:
        if self._is_other_kinds(span.start, span.end):
            return
        if self._is_draft(span):
            self.draft = self.draft or (span.matches[0].slug if span.known else "")
            return
        if not span.known:
            self.unknown.append(span.text)
            if span.size:
                active = _ACTIVE_SIZE.search(span.text)
                _add(self.models, self._of_size(span.size, float(active[1]) if active else None))
        elif re.fullmatch(r"\d.*", span.text):
            return  # a size alone, read below
        elif len(span.matches) > 1 and span.text[-1] in "sS" and not self.names.matches("models", span.text):
            return  # *fine-tuning llamas*: models of that kind
        else:
            _add(self.models, Named(span.text, self._apart(span)))

    def _apart(self, span: Span) -> tuple[Match, ...]:
        """Of models of one size that a name may mean, the newest; it says which others there are."""
        kept: list[tuple[float, Match]] = []
        for match in sorted(span.matches, key=lambda match: _released(self.names.record(match)), reverse=True):
            record = self.names.record(match)
            size = record.params_total.value if isinstance(record, LanguageModel) and record.params_total else 0.0
            at = next((at for at, (one, _) in enumerate(kept) if size and abs(one - size) <= ALIKE * size), None)
            if at is None:
                kept.append((size, match))
            elif not kept[at][1].note:
                note = f"“{span.text}” was read as {kept[at][1].label}, not {match.label}"
                kept[at] = (kept[at][0], replace(kept[at][1], note=note))
        return tuple(match for _, match in kept)

    def _is_draft(self, span: Span) -> bool:
        """A small model that drafts for another is not what is asked about, where there is another."""
        others = any(other.kind == "models" and other is not span for other in self.spans)
        return others and (
            _DRAFT_BEFORE.search(self.text, 0, span.start) is not None
            or _DRAFT_BEHIND.match(self.text, span.end) is not None
        )

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
                written = _ACTIVE_SIZE.match(self.text, figure.end)
                active = float(written[1]) if written else self._active_of(figure)
                _add(self.models, self._of_size(f"{billions:g}b", active))

    def _active_of(self, whole: FigureFound) -> float | None:
        """``45B with 3B active``: the billions behind it that each token passes through."""
        words = _SENTENCE.split(self.text[whole.end : whole.end + NEAR_ACTIVE])[0]
        behind = (
            one.value / 1e9
            for one in self.figures
            if one.dimension == "parameters" and whole.end <= one.start < whole.end + len(words)
            and one.value < whole.value and _ACTIVE_BEHIND.match(self.text, one.end)
        )  # fmt: skip
        return next(behind, None)

    def _of_size(self, size: str, active: float | None) -> Named:
        """``80B``, or ``80B A3B``."""
        if active is None:
            return model_of_size(self.names, size)
        both = self.names.matches("models", f"{size} a{active:g}b")
        return Named(f"{size} A{active:g}B", (both[0],)) if both else mixture_of_size(size, active)

    def _sizes_named(self) -> Iterator[float]:
        for named in self.models:
            for match in named.candidates:
                record = self.names.record(match)
                if isinstance(record, LanguageModel) and record.params_total:
                    yield record.params_total.value / 1e9

    def _with_bandwidth(self, stated: Quantities, devices: Sequence[Named]) -> Quantities:
        """That of a processor named beside what runs the model, where nothing else is said of its memory."""
        for named in devices:
            record = self.names.record(named.match) if named.kind == "cpus" and len(named.candidates) == 1 else None
            if not isinstance(record, Cpu) or stated.system_bandwidth_gb_per_s:
                continue
            full = not stated.memory_channels or (
                record.memory_channels is not None and stated.memory_channels >= record.memory_channels.value
            )
            rate = record.memory_bandwidth_gb_per_s
            if rate and full and _is_its_memory(stated.memory_type, record) and len(devices) > 1:
                return replace(stated, system_bandwidth_gb_per_s=rate.value)
            if stated.memory_type and record.memory_channels and not stated.memory_channels:
                return replace(stated, memory_channels=record.memory_channels.value)
        return stated

    def _with_free(self, stated: Quantities, devices: Sequence[Named]) -> Quantities:
        """What other programs take of a card, where it is told what they leave."""
        free = stated.memory_free_gb
        sizes = {size for named in devices if (size := self._own_memory(named))}
        if free is None or stated.memory_in_use_gb or len(sizes) != 1:
            return stated
        taken = round(sizes.pop() - free, 2)
        return replace(stated, memory_in_use_gb=taken) if 0 < taken <= free else stated

    def _own_memory(self, named: Named) -> float | None:
        """As it is printed, of what has memory of its own."""
        if isinstance(named.figures, DeviceFigures):
            return None if named.figures.unified_memory or named.figures.backend == "cpu" else named.figures.memory_gib
        record = self.names.record(named.match) if named.candidates else None
        if not isinstance(record, Accelerator) or record.unified_memory or record.memory_gib is None:
            return None
        return record.memory_gib.value

    def _processor(self, stated: Quantities, devices: Sequence[Named]) -> Iterator[Named]:
        host = host_in(self.text)
        only = on_processor(self.text)
        if any(device.kind == "cpus" for device in devices) or stated.vram_gib:
            return
        said = stated.system_memory_gb or _NOTHING_SAID.search(host)
        if only or (host and said):
            if not stated.memory_type and (age := memory_of_age(self.text)):
                stated = replace(stated, memory_type=age)
            found = processor(stated, "" if only else host)
            yield self.named.standing(found, only.start() if only else self.text.casefold().find(host.split()[-1]))

    def _custom_bits(self) -> Iterator[Named]:
        """``at 4.5 bits``, ``in eight bits``: a quantization by its bits, which no record has by name as it is written."""
        named = {place for one in self.spans if one.kind != "terms" for place in range(one.start, one.end)}
        for figure in self.figures:
            if figure.dimension != "bits" or figure.start in named or not 1 < figure.value <= 32:
                continue
            bits = f"{figure.value:g}"
            if "." in bits:
                label = f"{bits} bits per weight"
                yield Named(self.text[figure.start : figure.end], (Match("quantizations", f"{bits}bpw", label),))
            elif not figure.text[0].isdigit() and (known := self.names.find(("quantizations",), f"{bits}-bit")):
                yield Named(self.text[figure.start : figure.end], tuple(known))

    def _said_twice(self) -> Iterator[Span]:
        """``full precision bf16``, ``8 bit (Q8_0)``: of two names of one quantization side by side that which is not its
        record's name."""
        found = [span for span in self.spans if span.kind == "quantizations"]
        for one, other in pairwise(found):
            if _BESIDE_ITS_NAME.fullmatch(self.text, one.end, other.start):
                named = [span for span in (one, other) if _letters(span.matches[0].label) in _letters(span.text)]
                yield from (span for span in (one, other) if len(named) == 1 and span not in named)

    def _telling(self, terms: Sequence[Named], other: bool) -> tuple[Named, ...]:
        """Terms without the generic ones, unless nothing else was named."""
        telling = tuple(named for named in terms if not self.names.is_generic(named.match))
        if _SIZE_ASKED.search(self.text):
            return (*telling, Named("parameters", tuple(self.names.matches("terms", "parameters"))))
        return telling if telling or other else tuple(terms)

    def _programs(self) -> Iterator[Place]:
        """Where programs are named; a program may be a term of the glossary too."""
        for span in self.spans:
            if span.kind == "terms" and self.names.written("engines", span.text):
                yield Place(span.start, span.end, ENGINE)

    def _engine(self) -> str:
        named = (self.names.written("engines", span.text) for span in self.spans if span.kind in ("terms", "engines"))
        return next((matches[0].slug for matches in named if matches), "") or program_of(self.text)

    def _is_served(self) -> bool:
        """Whether the program is one that splits each layer over the cards: made for many users, all on the cards."""
        known = self.names.matches("engines", self._engine()) if self._engine() else ()
        record = self.names.record(known[0]) if known else None
        if not isinstance(record, Engine) or record.multi_user is None:
            return False
        return record.multi_user.value and not (record.cpu_offload and record.cpu_offload.value)

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
        unknown = {name for name in (*self.unknown, *self.named.unknown) if not _ACTIVE_SIZE.fullmatch(name)}
        found = [(span.start, span.text) for span in self.spans if span.text in unknown]
        if mac := INTEL_MAC.search(self.text):  # those that are known have chips of Apple's
            found = [one for one in found if not mac.start() <= one[0] < mac.end()]
            found.append((mac.start(), mac[0]))
        found += self.named.of_another_size
        covered = {place for span in self.spans for place in range(span.start, span.end)}
        typed = (one for one in _QUANTIZATION.finditer(self.text) if one.start() not in covered)
        found += [(one.start(), one[0]) for one in typed if not self.names.knows("quantizations", one[0])]
        return tuple(dict.fromkeys(text for _, text in sorted(found)))

    def _system(self, devices: Sequence[Named]) -> System | None:
        """A Mac beside another maker's card is another computer."""
        system = system_of(self.text)
        cards = (match for one in devices for match in one.candidates[:1] if match.kind == "accelerators")
        others = any(self.names.vendor(match.kind, match.slug) != "Apple" for match in cards)
        return None if system == "macos" and others else system

    def _notes(self, stated: Quantities) -> Iterator[str]:
        for span in self.spans:
            for match in span.matches[:1]:
                if match.note and match.kind != "terms":
                    yield match.note
        told = [(flag.start, flag.end) for flag in self.flags if flag.sets == KV_TYPE]
        told += [place] if (place := kv_type_in(self.text)) else []
        if any("fp8" in self.text[start:end].lower() for start, end in told):
            yield "a cache in fp8 was worked out as q8_0, which takes 6 % more"
        if stated.output_tokens and any(figure.dimension in TOKENS_PER for figure in self.figures):
            yield f"what is to be written was taken as {stated.output_tokens:,} tokens: four for three words, 500 words a page"
        if LEFT_OUT in self.text:
            yield f"a number of more than {MOST_DIGITS} digits was left unread"

    def _plain(self) -> str:
        parts, behind = [], 0
        for span in self.spans:
            if span.kind in CALLED and span.start >= behind:
                parts += [self.text[behind : span.start], CALLED[span.kind]]
                behind = span.end
        return "".join(parts) + self.text[behind:]


LEAST_LINE = 1e5
"""Bits a second; fewer bits are those of a format."""
_BESIDE_ITS_NAME = re.compile(r"[ ,(-]{1,3}")
_BESIDE = re.compile(r"\bwith\s+\d+\s?gi?b?\b", re.I)
"""*A 3090 with 64GB*: where so much is RAM, it is the machine's and nothing that the card is said to have."""
_GUESSERS = {
    "mtp": re.compile(r"\bmtp\b|\bmulti[- ]token prediction\b", re.I),
    "ngram": re.compile(r"\bn-?gram|\bprompt lookup\b", re.I),
}
_DRAFT_BEFORE = re.compile(r"\b(?:draft(?:ing)?(?: model)?|speculat\w+)(?: with| by| model|:| is| of| an?)* $", re.I)
_DRAFT_BEHIND = re.compile(
    r"(?:[ :]i?q\d\w*)?(?: model)? (?:as (?:an? |the |its |my )?|for |\()?(?:draft(?:ing|er)?|speculat\w+)", re.I
)
_SIZE_ASKED = re.compile(
    r"\bwhat(?:'s|s| does| do| is| are)? (?:an? |the )?(?:\d+(?:\.\d+)?b\b(?! model)|[\"'“‘]?b\b[\"'”’]?(?! ?\d))", re.I
)
_ACTIVE_SIZE = re.compile(r"[ -]{0,2}(?<![a-z\d])a(\d{1,3}(?:\.\d)?)b\b", re.I)
_ACTIVE_BEHIND = re.compile(r" ?(?:params? |parameters )?(?:are )?activ", re.I)
_SENTENCE = re.compile(r"[?!;\n]|\. ")
NEAR_ACTIVE = 50
_ACTIVE = re.compile(r" ?(?:active|activated|experts?|draft)\b", re.I)


def _is_its_memory(kind: str | None, record: Cpu) -> bool:
    """Whether the memory that is told of is that for which a processor's bandwidth is known: no other rate, and of no
    generation beside another."""
    if not kind:
        return True
    known = record.memory_type.value.upper() if record.memory_type else ""
    return "-" not in kind and kind in known and known.count("DDR") == 1


def _counts_devices(figure: FigureFound, begun: Collection[int]) -> bool:
    """*two 3090s*: ``begun`` is where devices' names begin."""
    counted = any(figure.end + gap in begun for gap in range(COUNT_GAP + 1))
    return counted and not figure.dimension and figure.value <= MOST_COUNT


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))


def _released(record: object) -> str:
    return record.released.value if isinstance(record, LanguageModel) and record.released else ""


def _guesser(text: str) -> str:
    """What guesses ahead without a model of its own."""
    return next((name for name, words in _GUESSERS.items() if words.search(text)), "")


def _add(group: list[Named], named: Named) -> None:
    if not any(is_same(other, named) for other in group):
        group.append(named)
