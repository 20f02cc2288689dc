"""The form of a name: how far its words and numbers go on in a text, whether or not anybody knows it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rapidfuzz import fuzz

from kb.catalogue.names import DEVICE_KINDS, Match, Names
from kb.catalogue.records import MediaModel, kinds
from kb.catalogue.typed import parts_of
from kb.chat.reading.lexicon import MODEL_NUMBER, Lexicon, lexicon
from kb.chat.reading.spans import Span, Taken, gib_of
from kb.text.figures import FigureFound

READ_APART = (*DEVICE_KINDS, "models", MediaModel.kind, "quantizations", "measurements")
OTHER_KINDS = tuple(kind for kind in kinds if kind not in READ_APART)
MOST_CANDIDATES = 8
"""A short form of more models than that says too little to list them."""
MOST_PARTS = 10
"""Words and numbers of one name."""
ABOUT_SO_LARGE = 0.25
"""How far a model's main part may be from the size that it is called by: the 14B of Wan has up to 17 billion."""
LIKE_A_FAMILY = 80
"""How near, of 100, a word that nobody knows is to a family's name to be taken for one (*Magistral*)."""
_TOKEN = re.compile(r"[^\W_]+(?:\.\d[^\W_]*)*\+?")
_SEPARATOR = re.compile(r"[ _:-]|: ?|- ")
_SIZE = re.compile(r"(?:a|e|\d{1,2}x)?\d{1,4}(?:\.\d{1,3})?[bt]|\d{2,4}m|\d{1,3}e")
_SIZED = re.compile(r"(.{2,60}?)[ -](\d{1,3}(?:\.\d{1,2})?)b", re.I)
_PLAIN_SIZE = re.compile(r"(\d{1,4}(?:\.\d{1,3})?)([bt])")
_VERSION = re.compile(r"v?\d{1,2}(?:\.\d{1,2}){0,2}n?")
_DATE = re.compile(r"\d{4}")
_LETTERED = re.compile(r"[a-z]{1,2}\d{1,2}(?:\.\d{1,2})?")
_HEAD = re.compile(r"([a-z]{2,20})((?:v?\d{1,2}(?:\.\d{1,2})?[a-z]?)?)")
_DEVICE_NUMBER = re.compile(r"\d{3,5}(?:[a-z]{1,3}(?:\d[a-z]{0,2})?)?")
_BARE_DEVICE = re.compile(r"\d{4}[a-z]{1,4}")
_LETTERED_DEVICE = re.compile(r"[a-z]{1,2}\d{3,5}[a-z]?")
_SERIES_NUMBER = re.compile(r"\d[a-z]?\+?")
_OF_A_RANGE = re.compile(r"\d{1,5}-\d{1,5}(?![\w-])")
_REVISION = re.compile(r"v\d")
_PORTABLE = re.compile(r"laptop|notebook|mobile")
_IS_PORTABLE = re.compile(r"\)? ?(?:vram )?(?:laptop|notebook|mobile)(?: gpu)?\b", re.I)
_BARE_MEMORY = re.compile(r"\d{1,3}")
_GAP_TO_MEMORY = re.compile(r"[ (-]{0,2}")
_NOT_ITS_MEMORY = re.compile(
    r" ?(?:of )?(?:system |main |normal |host |cpu )?(?:ram|ddr|dimm|lpddr|ssd|nvme|hdd|disk|storage|file|model|swap)"
    r"|/s|ps\b| per | free| of context| (?:in )?total\b| in all\b| together| combined", re.I
)  # fmt: skip


@dataclass(frozen=True)
class _Token:
    start: int
    end: int
    text: str
    low: str
    joined: bool
    """Only one space, hyphen, underscore or colon stands between it and the token before."""


@dataclass
class _Form:
    """Tokens ``first`` to ``last`` that have the form of one name."""

    first: int
    last: int
    model: bool
    size: str = ""
    memory: FigureFound | None = None
    sure: bool = True
    """Whether it has the number that makes it a device's name."""
    family: str = ""
    """Of a model, where the catalogue has it."""
    versioned: bool = False
    lettered: bool = False
    """The version has a letter: V4, K2."""
    media: bool = False
    """It begins with the name of a model that writes no text."""


@dataclass
class Forms:
    text: str
    names: Names
    taken: Taken
    figures: Sequence[FigureFound]
    tokens: list[_Token] = field(init=False)
    measured: dict[int, FigureFound] = field(init=False)
    words: Lexicon = field(init=False)

    def __post_init__(self) -> None:
        self.words = lexicon(self.names)
        self.measured = {
            place: figure
            for figure in self.figures
            if figure.kind not in ("name", "bare", "date") and figure.dimension != "parameters"
            for place in range(figure.start, figure.end)
        }
        self.tokens = []
        behind = 0
        for found in _TOKEN.finditer(self.text):
            gap = self.text[behind : found.start()]
            joined = bool(self.tokens) and _SEPARATOR.fullmatch(gap) is not None
            self.tokens.append(_Token(found.start(), found.end(), found[0], found[0].casefold(), joined))
            behind = found.end()

    def found(self) -> Iterator[_Form]:
        at = 0
        while at < len(self.tokens):
            form = self._media(at) or self._model(at) or self._device(at)
            if form is None:
                at += 1
                continue
            yield form
            at = form.last + 1

    def settle(self, form: _Form) -> None:
        """What the form's whole text names; else that it names nothing that is known."""
        start, end = self.tokens[form.first].start, self.tokens[form.last].end
        if form.media:
            self._settle_media(start, end)
            return
        if form.memory is not None:
            end = form.memory.end + (self.text[form.memory.end : form.memory.end + 1] == ")")
        inside = self.taken.within(start, end)
        groups = ("models",) if form.model else DEVICE_KINDS
        covered = any(span.kind in groups and span.start <= start and span.end >= end for span in inside)
        if covered and (form.model or form.memory is not None):
            return
        text = self.text[start:end]
        matches = self.names.find(groups, text) or (self.names.misspelt(groups, text) if form.model else [])
        then = self._token(form.last + 1)
        if not form.model and form.memory is None and then is not None and _BARE_MEMORY.fullmatch(then.low):
            # "m4 pro 48"
            whole = self.text[start : then.end]
            if sold := self.names.find(groups, whole):
                matches, text, end = sold, whole, then.end
        if form.memory is not None and not matches and (portable := _IS_PORTABLE.match(self.text, end)):
            # "RTX 4060 8GB laptop"
            whole = self.text[start : portable.end()]
            if sold := self.names.find(groups, whole):
                matches, text, end = sold, whole, portable.end()
        if form.memory is not None and not matches and (bare := self._sold_without_memory(form)):
            matches, text, end = bare, self.text[start : self.tokens[form.last].end], self.tokens[form.last].end
        if not matches and form.model and (begun := self.names.beginning_with("models", text)):
            if len(begun) > MOST_CANDIDATES:
                return
            matches = begun
        if matches:
            self.taken.put(Span(start, end, text, matches[0].kind, tuple(matches)))
        elif not covered and not self._is_in_another(start, end):
            kind = "models" if form.model else "accelerators"
            memory = gib_of(form.memory) if form.memory is not None else None
            self.taken.put(Span(start, end, text.strip("( "), kind, (), form.size, memory))

    def _sold_without_memory(self, form: _Form) -> list[Match]:
        """A processor: what it is named with is the machine's memory, and not its own."""
        named = self.names.find(DEVICE_KINDS, self.text[self.tokens[form.first].start : self.tokens[form.last].end])
        return [] if any(self.names.memory_options(match) for match in named) else named

    def _settle_media(self, start: int, end: int) -> None:
        """A size behind a name is its own (*Flux dev 12B*), or tells which is meant (*Wan 2.2 14B*)."""
        held, text = self.taken.at(start), self.text[start:end]
        assert held is not None
        if held.end >= end:
            return
        matches = self.names.matches(MediaModel.kind, text)
        if not matches and (sized := _SIZED.fullmatch(text)):
            named = self.names.matches(MediaModel.kind, sized[1])
            matches = [match for match in named if self._is_so_large(match, float(sized[2]) * 1e9)]
        self.taken.put(Span(start, end, text, MediaModel.kind, tuple(matches)))

    def _is_so_large(self, match: Match, params: float) -> bool:
        record = self.names.record(match)
        return isinstance(record, MediaModel) and abs(record.largest_main - params) <= ABOUT_SO_LARGE * params

    def _media(self, at: int) -> _Form | None:
        """A name of a model that writes no text, with what goes on from it: a version, a size, a word of such names."""
        head = self.tokens[at]
        span = self.taken.at(head.start)
        if span is None or span.start != head.start:
            return None
        named_too = span.kind == "terms" and self.names.matches(MediaModel.kind, span.text)
        if span.kind != MediaModel.kind and not named_too:
            return None
        form = _Form(at, self._last_within(at, span.end), False, media=True)
        while form.last - form.first < MOST_PARTS and self._goes_on_from(form):
            form.last += 1
        return form

    def _goes_on_from(self, form: _Form) -> bool:
        token, then = self._token(form.last + 1), self._token(form.last + 2)
        if token is None or self._is_quantization(token):
            return False
        if _SIZE.fullmatch(token.low):
            return True
        ends = then is None or self.words.joins_nothing(then.low) or then.low in self.words.media_words
        if token.low in self.words.device_suffixes or token.low.isdigit():  # no "SDXL 4 images", no "Flux max VRAM"
            return ends and len(token.low) != 2
        return _VERSION.fullmatch(token.low) is not None or token.low in self.words.media_words

    def _is_in_another(self, start: int, end: int) -> bool:
        """Whether it is a part of a longer name that is known (``Crucial T705``)."""
        span = self.taken.at(start)
        return span is not None and bool(span.matches) and span.start < start and span.end >= end

    def _token(self, at: int) -> _Token | None:
        """The token that the one before goes on into, where it may be part of a name."""
        if at >= len(self.tokens) or not self.tokens[at].joined or self.tokens[at].start in self.measured:
            return None
        return self.tokens[at]

    def _model_token(self, form: _Form) -> _Token | None:
        """Behind a family's name ``4.0 H`` is a version and no time."""
        if (token := self._token(form.last + 1)) is not None or form.last + 1 >= len(self.tokens):
            return token
        token, figure = self.tokens[form.last + 1], self.measured.get(self.tokens[form.last + 1].start)
        if figure is None or not token.joined:
            return None
        version = form.last == form.first and "." in token.low and figure.end > token.end
        within = figure.end < token.end and _SIZE.fullmatch(token.low) is not None  # 8x7B
        return token if version or within or figure.start < token.start else None

    def _is_quantization(self, token: _Token) -> bool:
        span = self.taken.at(token.start)
        return span is not None and span.kind == "quantizations"

    def _is_size(self, at: int) -> bool:
        token = self._token(at)
        return token is not None and _SIZE.fullmatch(token.low) is not None

    def _model(self, at: int) -> _Form | None:
        head = self.tokens[at]
        named = _HEAD.fullmatch(head.low)
        if named is None or self._is_quantization(head) or head.start in self.measured:
            return None
        family, attached = named[1], named[2]
        known = family in self.words.model_families
        if not known and not self._may_be_family(at, family):
            return None
        form = _Form(at, at, True, family=family if known else "", versioned=bool(attached))
        while form.last - form.first < MOST_PARTS and (token := self._model_token(form)) is not None:
            if not self._is_part_of_model(form, token):
                break
            form.last += 1
        if form.last == form.first and not (known and attached):
            return None
        if form.last == at + 1 and self.tokens[form.last].low.isdigit() and not head.text[0].isupper():
            return form if family in self.words.whole_versions else None  # no "step 2 of the guide"
        return form

    def _is_part_of_model(self, form: _Form, token: _Token) -> bool:
        at, low, known = form.last + 1, token.low, bool(form.family)
        begun = form.versioned or bool(form.size)
        if self._is_quantization(token):
            return False
        if _SIZE.fullmatch(low):
            if _PLAIN_SIZE.fullmatch(low):
                form.size = form.size or low
            return True
        if _DATE.fullmatch(low) and begun:
            return True
        if not form.size:
            version = _VERSION.fullmatch(low) is not None and (not form.versioned or self._is_size(at + 1))
            if version or (_LETTERED.fullmatch(low) and self._is_lettered(at, form.family)):
                form.versioned = True
                form.lettered = low[0].isalpha()
                return True
        elif _LETTERED.fullmatch(low) and low[0] == "v":
            return True
        if low in self.words.model_words and self._belongs(at, self._goes_on(form, low)):
            return True
        if low in self.words.device_suffixes and (form.lettered or (begun and token.text[0].isupper())):
            return True  # DeepSeek V4 Pro
        if known and len(low) == 1 and self._is_letter(at) and not (form.size and token.text.islower()):
            form.versioned = True
            return True
        return known and not form.size and self._is_between(at)

    def _goes_on(self, form: _Form, word: str) -> bool:
        """Whether a word that may be the sentence's own goes on with the name: behind a size (*7B full finetune*), only
        one that models of the family are called by."""
        if form.size and form.family:
            return (form.family, word) in self.words.family_words
        return form.versioned or bool(form.size) or not form.family

    def _may_be_family(self, at: int, family: str) -> bool:
        """Whether a word that no model's name begins with may be one's: no word of the language, no other name."""
        head, then = self.tokens[at], self._token(at + 1)
        if then is None or self.taken.at(head.start) is not None or self.words.joins_nothing(head.low):
            return False
        if len(head.low) < 3:
            return False
        dotted = _VERSION.fullmatch(then.low) is not None and "." in then.low
        further = self._token(at + 2)
        if dotted and further is not None and (self._is_size(at + 2) or further.low in self.words.model_words):
            return True
        if self.words.is_ordinary(head.low):
            return False
        if any(fuzz.ratio(family, other) >= LIKE_A_FAMILY for other in self.words.model_families):
            return then.low in self.words.model_words or bool(_VERSION.fullmatch(then.low) or _SIZE.fullmatch(then.low))
        hyphened = self.text[then.start - 1] == "-" and _VERSION.fullmatch(then.low) is not None and len(head.low) > 3
        if hyphened and further is None:
            return True
        versioned = _LETTERED.fullmatch(then.low) or _VERSION.fullmatch(then.low)
        return self._is_size(at + 1) or bool(versioned and self._is_size(at + 2)) or (dotted and len(then.low) == 3)

    def _is_lettered(self, at: int, family: str) -> bool:
        """``K3`` behind Kimi; any letter where a size follows."""
        letter = self.tokens[at].low.rstrip("0123456789.")
        return (family, letter) in self.words.model_letters or self._is_size(at + 1)

    def _belongs(self, at: int, begun: bool) -> bool:
        """Whether a word that names are made of is part of this one, and no word of the sentence."""
        token = self.tokens[at]
        if not self.words.is_ordinary(token.low) or self.text[token.start - 1] == "-" or token.text[0].isupper():
            return True
        then = self._token(at + 1)
        return begun or (then is not None and bool(_VERSION.fullmatch(then.low) or _SIZE.fullmatch(then.low)))

    def _is_letter(self, at: int) -> bool:
        """``A`` in *Command A Plus*: no article."""
        then = self._token(at + 1)
        goes_on = then is not None and (then.low in self.words.model_words or self._is_size(at + 1))
        return self.tokens[at].low != "i" and (goes_on or self.tokens[at].text.isupper())

    def _is_between(self, at: int) -> bool:
        """``Embedding`` in *Qwen3 Embedding 8B*."""
        word = self.tokens[at].low
        span = self.taken.at(self.tokens[at].start)
        if not word.isalpha() or self.words.joins_nothing(word) or (span is not None and span.kind in DEVICE_KINDS):
            return False
        return self._is_size(at + 1)

    def _device(self, at: int) -> _Form | None:
        head = self.tokens[at]
        if head.start in self.measured or self._is_quantization(head) or _OF_A_RANGE.match(self.text, head.start):
            return None
        span = self.taken.at(head.start)
        held = span is not None and span.kind in DEVICE_KINDS
        if not held and span is not None and span.kind not in ("terms", *OTHER_KINDS):
            return None
        numbered = self._is_numbered(head)
        series = self._is_series(at)
        if not (held or numbered or series or self._begins_device(head)):
            return None
        form = _Form(at, at, False, sure=numbered)
        product = False
        if held and span is not None:
            if span.start != head.start:
                return None
            form.last = self._last_within(at, span.end)
            form.sure = True
            product = not any(character.isdigit() for character in span.text)
        elif series:
            form.last, form.sure = at + 1, True
        while form.last - form.first < MOST_PARTS and (taken := self._parts_of_device(form, product)):
            form.last += taken
        if not form.sure:
            return None
        form.memory = self._memory_behind(form)
        return form

    def _parts_of_device(self, form: _Form, product: bool) -> int:
        """How many tokens behind the form go on with it; ``product``: it is one that chips are named behind."""
        at = form.last + 1
        token, words = self._token(at), self.words
        if token is None or self._is_quantization(token):
            return 0
        series = self.tokens[form.first].low in words.device_words
        if not form.sure:
            form.sure = (
                _DEVICE_NUMBER.fullmatch(token.low) is not None
                or self._is_numbered(token)
                or (series and _LETTERED_DEVICE.fullmatch(token.low) is not None)
                or (_SERIES_NUMBER.fullmatch(token.low) is not None and self._is_of_a_series(form))
                or self._is_unknown_of(form, at)
            )
            if form.sure:
                return 1
            if (token.low.isdigit() and len(token.low) == 1) or MODEL_NUMBER.fullmatch(token.low):
                form.sure = self._goes_on_as_number(at + 1)  # Core Ultra 9 285K, Xeon E5-2680
                return 2 if form.sure else 0
            further = token.low in words.device_words or (series and token.low in words.device_suffixes)
            return int(further or (series and self._begins_some(form.first, at)))
        if product and MODEL_NUMBER.fullmatch(token.low) and self._is_numbered(token, 1):
            return 1
        if product and _SERIES_NUMBER.fullmatch(token.low) and self._is_of_a_series(form):
            return 1
        portable = not product and _PORTABLE.fullmatch(token.low) is not None
        return int(portable or token.low in words.device_suffixes or _REVISION.fullmatch(token.low) is not None)

    def _begins_device(self, head: _Token) -> bool:
        """A word that devices' names begin with, or one like it (GT beside GTX)."""
        if head.low in self.words.device_words:
            return True
        return len(head.low) > 1 and any(f"{head.low}{last}" in self.words.device_words for last in "xs")

    def _last_within(self, at: int, end: int) -> int:
        while at + 1 < len(self.tokens) and self.tokens[at + 1].start < end:
            at += 1
        return at

    def _is_numbered(self, token: _Token, least: int = 2) -> bool:
        """``H150``: letters with as many digits as some device's; ``7900XTS``."""
        found = MODEL_NUMBER.fullmatch(token.low.removesuffix("s"))
        if found and len(found[2]) >= least and (found[1], len(found[2])) in self.words.device_numbers:
            return True
        return bool(_BARE_DEVICE.fullmatch(token.low)) and token.low.lstrip("0123456789") in self.words.device_suffixes

    def _is_series(self, at: int) -> bool:
        """``i9`` with a number behind it."""
        found = MODEL_NUMBER.fullmatch(self.tokens[at].low)
        known = found is not None and (found[1], len(found[2])) in self.words.device_numbers
        return (known and self._goes_on_as_number(at + 1)) or self._is_suffixed(at)

    def _is_suffixed(self, at: int) -> bool:
        """``Voodoo 9000 Ultra``: a word that is none of the language, a number and a suffix of devices' names."""
        word, number, suffix = self.tokens[at].low, self._token(at + 1), self._token(at + 2)
        if number is None or suffix is None or len(word) < 3 or not word.isalpha() or self.words.is_ordinary(word):
            return False
        return _DEVICE_NUMBER.fullmatch(number.low) is not None and suffix.low in self.words.device_suffixes

    def _is_unknown_of(self, form: _Form, at: int) -> bool:
        """``Titan Xp``: behind a word that other devices' names go on from with a word."""
        head, word = self.tokens[form.first].low, self.tokens[at].low
        if form.last > form.first or not word.isalpha() or self.words.is_ordinary(word) or self.words.is_ordinary(head):
            return False
        further = [parts_of(match.label) for match in self.names.beginning_with("accelerators", head)]
        return bool(further) and all(not "".join(parts[-1:]).isdigit() for parts in further)

    def _is_of_a_series(self, form: _Form) -> bool:
        """``Raspberry Pi 4``, where there is a 5."""
        return form.last > form.first and self._begins_some(form.first, form.last)

    def _begins_some(self, first: int, last: int) -> bool:
        words = self.text[self.tokens[first].start : self.tokens[last].end]
        return any(self.names.beginning_with(kind, words) for kind in DEVICE_KINDS)

    def _goes_on_as_number(self, at: int) -> bool:
        if at >= len(self.tokens) or not self.tokens[at].joined:
            return False
        return _DEVICE_NUMBER.fullmatch(self.tokens[at].low) is not None and self.tokens[at].low[:3].isdigit()

    def _memory_behind(self, form: _Form) -> FigureFound | None:
        """The memory that is stated right behind a device's name as a part of it."""
        end = self.tokens[form.last].end
        for start in range(end, min(end + 3, len(self.text))):
            figure = self.measured.get(start)
            if figure is not None and figure.start == start and figure.dimension == "bytes":
                if not _GAP_TO_MEMORY.fullmatch(self.text, end, start) or figure.ends is not None:
                    return None
                if gib_of(figure) % 2 and gib_of(figure) not in self.words.device_memory:
                    return None  # no card has 35 GB, sold or rebuilt: that is a model's size
                return None if _NOT_ITS_MEMORY.match(self.text, figure.end) else figure
        return None
