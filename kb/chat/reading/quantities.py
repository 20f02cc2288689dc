"""What the figures of a message come to, by their roles; and what is told in words of a fixed form."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from kb.chat.reading.roles import DEVICES, ENGINE, Place, Roled
from kb.chat.reading.situation import Quantities, Speed, SpeedIs
from kb.chat.reading.spans import gib_of
from kb.text.figures import MONEY, FigureFound
from kb.text.numerals import counted
from kb.tools.asks import read_form

LEAST_CONTEXT = 256
"""Fewer tokens are an answer's or a batch's, no window."""
MOST_CONTEXT = 100_000_000
_POWERS_OF_TWO = frozenset(2**n for n in range(11))


def tokens_of(figure: FigureFound) -> float:
    """Context lengths are powers of two: 32k is 32,768 tokens, 100k are 100,000."""
    if figure.dimension in TOKENS_PER:
        return written_tokens(figure)
    thousands = figure.value / 1000
    if figure.scale in ("k", "K") and thousands in _POWERS_OF_TWO:
        return round(thousands * 1024)
    return round(figure.value)


TOKENS_PER = {"words": 4 / 3, "pages": 2000 / 3}
"""Of English, with 500 words on a page; other languages take more."""


def written_tokens(figure: FigureFound) -> float:
    """Of what a model writes: words are longer than tokens."""
    return round(figure.value * TOKENS_PER.get(figure.dimension, 1))


def _price_of(figure: FigureFound) -> float:
    return figure.value / 100 if figure.dimension == "cents" else figure.value


def _in(unit: float) -> Callable[[FigureFound], float]:
    return lambda figure: figure.base / unit if figure.dimension else figure.value


def _count(figure: FigureFound) -> float:
    return round(figure.value)


def _memory(figure: FigureFound) -> float:
    """As it is printed: GB and GiB are not told apart by those who write them."""
    return gib_of(figure) if figure.dimension else figure.value / (1e9 if figure.scale in "tT" and figure.scale else 1)


@dataclass(frozen=True)
class _Field:
    """Where a role goes: a bare number may have any; ``least`` is less than what it may be."""

    name: str
    dimensions: frozenset[str]
    value: Callable[[FigureFound], float]
    least: float = 0.0
    most: float = float("inf")


LEAST_PSU_W = 200
_BYTES, _TEXT, _WATTS, _RATE = (
    frozenset({"bytes"}),
    frozenset({"tokens", *TOKENS_PER}),
    frozenset({"w"}),
    frozenset({"bytes/s"}),
)
_FIELDS = {
    "context": _Field("context", _TEXT, tokens_of, LEAST_CONTEXT, MOST_CONTEXT),
    "wait": _Field("wait_s", frozenset({"s"}), _in(1), 1),
    "prompt": _Field("prompt_tokens", _TEXT, tokens_of, 16),
    "output": _Field("output_tokens", _TEXT, written_tokens, 2),
    "requests": _Field("requests", frozenset({"pages"}), _count, 2),
    "users": _Field("users", frozenset({"users", "slots"}), _count, 1),
    "batch": _Field("batch_size", frozenset(), _count, 1),
    "layers": _Field("gpu_layers", frozenset({"layers"}), _count),
    "nvme": _Field("nvme_drives", frozenset(), _count, 1),
    "ram": _Field("system_memory_gb", _BYTES, _memory),
    "vram": _Field("vram_gib", _BYTES, _memory),
    "used": _Field("memory_in_use_gb", _BYTES, _memory),
    "free": _Field("memory_free_gb", _BYTES, _memory),
    "need": _Field("memory_needed_gb", _BYTES, _memory),
    "file": _Field("size_gb", _BYTES, _memory),
    "bandwidth": _Field("system_bandwidth_gb_per_s", _RATE, _in(1e9)),
    "read": _Field("read_mb_per_s", _RATE, _in(1e6)),
    "limit": _Field("power_limit_w", _WATTS, _in(1)),
    "psu": _Field("psu_w", _WATTS, _in(1), LEAST_PSU_W),
    "draw": _Field("watts", _WATTS, _in(1)),
    "budget": _Field("budget", MONEY, _price_of),
    "price": _Field("price", MONEY, _price_of),
    "rent": _Field("rent_per_hour", MONEY, _price_of),
    "kwh": _Field("price_per_kwh", MONEY, _price_of),
    "hours": _Field("hours_per_day", frozenset({"s"}), _in(3600), most=24),
}  # fmt: skip
_OF_SPEED = ("tokens/s", "words", "")
_SPEEDS: tuple[SpeedIs, ...] = ("measured", "wanted", "claimed")
"""What is asked about first."""
_PRICED = frozenset({"budget", "price", "kwh", "rent"})
_BREAK = re.compile(r"[?!;,\n]|\. | and | but | then ")

NEAR_RAM = 60
_MORE_RAM = re.compile(
    r"\b(?:buy|add(?:ing)?|upgrad\w+|more|extra|go(?:ing)?|get(?:ting)?|jump\w*|mov\w+|would|if i)\b[^.?!]{0,50}$", re.I
)
"""Before a size of RAM that is thought of: *what if I buy more RAM, would 32 help?*"""
_STICKS = re.compile(
    r"(?<![\w.])(\d{1,2}|two|four|six|eight|twelve)(?:\s?[x×*]\s?|\s(?:sticks|modules|dimms)(?: of)?\s)$", re.I
)
"""Before the size of one: ``12x64GB``, ``7 sticks of 64 GB``."""
MOST_OF_A_DESKTOP = 4
"""Sticks; a server with more has a channel for each."""
_STICKS_BEHIND = re.compile(r"\s?[x×*]\s?(\d{1,2})(?!\w|\.\d)", re.I)
"""Behind it: ``64G x 7``."""
_HOSTS = re.compile(
    r"\b(\d{1,2}|two|three|four|five|six|eight) (?:nodes|machines|servers|hosts|boxes|computers|pcs)\b", re.I
)
"""Computers that work as one."""
_SLOTS = re.compile(r"\b(\d{1,2}|dual|single|quad|one|two|four|eight|six|twelve)[- ]?ch(?:annels?)?\b", re.I)
_MORE_STICKS = re.compile(
    r"\b(?:a (?:second|2nd)|another|one more|add(?:ing)? a) (?:(?:ram|ddr\d|memory|\d+ ?gb) ){0,2}(?:stick|module|dimm|so-?dimm)\b"
    r"|\b(?:from |single|one)[ -](?:single |one )?(?:channel|stick)\b[^.?!]{0,40}\b(?:dual|two|second)\b", re.I
)  # fmt: skip
"""*Would a second stick make it faster?* One channel is there, and two are thought of."""
_EACH = re.compile(r"[^.?!]{0,24}\b(?:each|per (?:socket|cpu|processor))\b", re.I)
_SOCKETS = re.compile(r"\bdual\b(?![- ]?ch)|\b(?:2|two)(?: |-)?(?:sockets?|cpus?|processors?)\b|\b2x ", re.I)
"""Two processors, of which each has its channels."""
_MEMORY_TYPE = re.compile(r"\b((?:lp)?ddr[345]x?)(?:[- @]{1,2}(\d{4,5}))?", re.I)
_THINGS = re.compile(
    r"\s?(?:training |instruction |labelled )?(?:examples?|samples?|rows|pairs|conversations|dialogs?|documents?|docs|entries"
    r"|records|questions|articles|emails?|reviews|images|photos|files|lines|tickets|messages|sentences)\b",
    re.I,
)
_PARALLEL = re.compile(r"\b(?:parallel\w*|tp|pp)(?:[- ]size)?(?: of)?[ =:]{0,3}$", re.I)
_TRANSFERS = re.compile(r"\b([1-9]\d{3}) ?mt/?s\b", re.I)
LEAST_OF_DDR5 = 4000
"""Millions of transfers a second: slower memory, whose kind is not told, is older."""
_DAYS_A_WEEK = re.compile(
    r"\b(\d|two|three|four|five|six) days? (?:a|per|each|every)?[ /]?week|\bdays/week|\bweekdays?\b|\bworking days?\b",
    re.I,
)
_RANK = re.compile(
    r"\brank\s?(?:=|:|of)?\s?(?P<rank>\d{1,4})\b|(?<![\w-])r\s?(?:[=:]\s?)?(?P<r>[48]|16|32|64|128|256)\b(?!\s?(?:gb|t/s|tok))",
    re.I,
)
_IMAGES = re.compile(
    r"\b(\d{1,3}|two|three|four|five|six|eight|ten|twelve) (?:\w{1,12} )?(?:images|pictures|photos|pics|screenshots|scans)\b",
    re.I,
)
_PIXELS = re.compile(r"(?<![\w.])(\d{3,5}) ?[x×] ?(\d{3,5})(?![\w.])")
_ALL_LINEAR = re.compile(r"\ball[- ](?:the )?linear|\ball (?:linear )?layers\b|\ball modules\b", re.I)
_EIGHT_BIT_ADAM = re.compile(
    r"\b8[- ]?bit[- ](?:paged )?adam\w*|\badamw?[_ -](?:bnb_)?8[- ]?bit|\bpaged_adamw_8bit", re.I
)
_MEASURED = re.compile(
    r"\b(?:i (?:see|get|measure)|peak(?: (?:mem\w*|vram|usage))?|max (?:mem\w*|vram|usage)|uses|using|takes|eats|eating|needs|consum\w+|allocat\w+"
    r"|settles at|sits at|shows|reports)\s(?:(?:is|of|at|up|to|about|around|all|only|already|still) |~ ?){0,3}(\d{1,4}(?:\.\d{1,2})?)\s?gi?b?\b(?! (?:of )?(?:system )?ram\b)",
    re.I,
)
"""What a run takes, by whoever saw it; a run of inference is another one."""
_RUNNING = re.compile(r"\b(?:inference|running|run|serving)\b[^.?!;]{0,40}$", re.I)
_ALL_DAY = re.compile(
    r"24\s?/\s?7\b|around the clock|all day|day and night|non-?stop|continuously|always (?:on|running)|never (?:off|turned off)"
    r"|on all the time|left on|stays on", re.I
)  # fmt: skip
_KV_FORMAT = r"(q8_0|q4_0|q5_0|q5_1|q4_1|iq4_nl|f16|fp16|bf16|f32|fp8|8[- ]bit|4[- ]bit|q8|q4|int8)"
_KV_TYPE = re.compile(
    rf"\b{_KV_FORMAT}\b(?:(?!\b(?:i?q|b?f|fp)\d)[^.?!,]){{0,12}}\b(?:kv\b|cache\b)|\bkv[\s-]{{0,3}}(?:cache)?[^.?!,]{{0,16}}?\b{_KV_FORMAT}\b",
    re.I,
)
_KV_OF_TOKENS = re.compile(
    rf"(?<![\w.,])\d[\d.,]{{0,9}}k(?: (?:tokens|context|ctx))?(?: at| in| with)? {_KV_FORMAT}\b", re.I
)
"""*150k fp8*, where the cache is spoken of."""
KV_NAMES = {"q8": "q8_0", "q4": "q4_0", "8bit": "q8_0", "4bit": "q4_0", "fp16": "f16", "int8": "q8_0", "fp8": "q8_0"}


_SIZE = r"(8|12|16|24|32|48|64|96|128|192|256|384|512)\s?(?:gb?|gigs?)?"
_TWO_SIZES = re.compile(
    rf"\b{_SIZE}(?: (?:of )?(?:ddr\d|ram|memory))?(?: worth it)?,? "
    rf"(?:over|instead of|vs\.?|versus|or|rather than|compared (?:to|with)|to|against) (?:just |only )?{_SIZE}(?![\w.])",
    re.I,
)
_OF_RAM = re.compile(r"\bram\b|\bddr[345]\b|\bsystem memory\b", re.I)


def _two_sizes(text: str) -> tuple[float, float] | None:
    """*64 over 32 GB of RAM*: what is there, and what is thought of."""
    sizes = _TWO_SIZES.search(text) if _OF_RAM.search(text) else None
    less, more = sorted(map(float, sizes.groups())) if sizes else (0.0, 0.0)
    return (less, more) if less < more else None


def quantities(text: str, found: Sequence[Roled]) -> Quantities:
    """What the roles come to; of several figures of one role the first."""
    values: dict[str, Any] = {}
    for one in found:
        field, figure = _FIELDS.get(one.role), one.figure
        if one.role == "users" and _IMAGES.match(text, figure.start):
            continue  # photos at once are no people
        if one.role in ("context", "prompt") and not figure.dimension and _THINGS.match(text, figure.end):
            continue  # nor are 100k examples a length
        if one.role == "users" and _PARALLEL.search(text, max(0, figure.start - NEAR_RAM), figure.start):
            continue  # nor are the cards of tensor parallel 4
        if field is None or figure.dimension not in field.dimensions | {""}:
            continue
        if not field.least <= (value := field.value(figure)) <= field.most or field.name in values:
            continue
        sticks = _STICKS.search(text, 0, figure.start) or _STICKS_BEHIND.match(text, figure.end)
        if one.role == "ram" and sticks:
            value *= counted(sticks[1])
            if counted(sticks[1]) > MOST_OF_A_DESKTOP:
                values["memory_channels"] = counted(sticks[1])
        values[field.name] = value
        if one.role == "ram" and _MORE_RAM.search(text, max(0, figure.start - NEAR_RAM), figure.start):
            values["considered_system_memory_gb"] = values.pop(field.name)
        if one.role in _PRICED and figure.kind == "money" and figure.dimension != "cents":
            values.setdefault("kwh_currency" if one.role == "kwh" else "currency", figure.dimension.upper())
    if "price_per_kwh" in values and "kwh_currency" not in values and (currency := _currency_of(text)):
        values["kwh_currency"] = currency
    if rates := [
        one.figure.base for one in found if one.role == "prefill" and one.figure.dimension in ("tokens/s", "")
    ]:
        values["prefill_tokens_per_s"] = min(rates)  # of two runs the worse is asked about
    told = sorted(speeds(found), key=lambda speed: _SPEEDS.index(speed.speed_is))
    if told:
        values |= {"tokens_per_s": told[0].tokens_per_s, "speed_is": told[0].speed_is}
    if "hours_per_day" not in values and _ALL_DAY.search(text):
        values["hours_per_day"] = 24.0
    if sizes := _two_sizes(text):
        values["system_memory_gb"], values["considered_system_memory_gb"] = sizes
    if hosts := _HOSTS.search(text):
        values["hosts"] = counted(hosts[1])
    if (kind := _MEMORY_TYPE.search(text)) is not None:
        values["memory_type"] = f"{kind[1].upper()}-{kind[2]}" if kind[2] else kind[1].upper()
    if (rate := _TRANSFERS.search(text)) and "-" not in values.get("memory_type", ""):
        kind_of_rate = "DDR5" if int(rate[1]) >= LEAST_OF_DDR5 else "DDR4"
        values["memory_type"] = f"{values.get('memory_type', kind_of_rate)}-{rate[1]}"
    if slots := _SLOTS.search(text):
        sockets = 2 if _EACH.match(text, slots.end()) and _SOCKETS.search(text) else 1
        values["memory_channels"] = counted(slots[1]) * sockets
    if _MORE_STICKS.search(text):
        values |= {"memory_channels": 1, "considered_memory_channels": 2}
    if (week := _DAYS_A_WEEK.search(text)) is not None:
        values["days_per_week"] = 5.0 if week[1] is None else min(7.0, float(counted(week[1])))
    if rank := _RANK.search(text):
        values["rank"] = int(rank["rank"] or rank["r"])
    if shown := _IMAGES.search(text):
        values["images"] = counted(shown[1])
    if size := _PIXELS.search(text):
        values["image_size"] = f"{size[1]}x{size[2]}"
    if _ALL_LINEAR.search(text):
        values["targets"] = "all_linear"
    if _EIGHT_BIT_ADAM.search(text):
        values["optimizer"] = "adamw_8bit"
    if "memory_free_gb" in values and (_AFTER_LOAD.search(text) or _FREE_RAM.search(text)):
        del values["memory_free_gb"]
    values.pop("memory_needed_gb", None)
    needed = [one.figure for one in found if one.role == "need" and one.figure.dimension == "bytes"]
    of_cache = [figure for figure in needed if _is_of_cache(text, figure)]
    if of_cache:
        values["cache_gb"] = _memory(of_cache[0])
    if whole := [figure for figure in needed if figure not in of_cache]:
        values["memory_needed_gb"] = max(map(_memory, whole))
    taken = _MEASURED.search(text)
    if taken and not _RUNNING.search(text, 0, taken.start()) and float(taken[1]) != values.get("memory_in_use_gb"):
        values["measured_gb"] = float(taken[1])
    return Quantities(kv_cache_type=_kv_type(text), **values)


_AFTER_LOAD = re.compile(r"\bafter (?:the )?load|\bonce (?:it is |it's )?loaded|\bleft over\b|\bremain", re.I)
"""What is free beside the model itself is none that it could use."""
_FREE_RAM = re.compile(r"\b(?:free|unused|available) (?:system )?ram\b|\bram (?:is )?(?:free|unused|available)\b", re.I)
_CACHE = re.compile(r"\bkv\b|\bcache\b|\bcontext alone\b", re.I)
_WHOLE = re.compile(
    r"\b(?:ollama|vram|file|download|loaded|program|card|gpu)\b| ?(?:in )?(?:total|all|of vram)\b", re.I
)
NEAR_CACHE = 70
_SENTENCE = re.compile(r"[?!;\n]|\. ")


def _is_of_cache(text: str, figure: FigureFound) -> bool:
    """Whether the memory that something is said to need is the cache's: its sentence speaks of it, or another one does
    and this one tells of nothing whole."""
    before = _SENTENCE.split(text[max(0, figure.start - NEAR_CACHE) : figure.start])[-1]
    after = _SENTENCE.split(text[figure.end : figure.end + NEAR_CACHE // 2])[0]
    if _WHOLE.search(before) or _WHOLE.match(after):
        return False
    return any(map(_CACHE.search, (before, after, text)))


@cache
def _countries() -> dict[str, re.Pattern[str]]:
    given = read_form(Path(__file__).with_name("currencies.yaml"), TypeAdapter(dict[str, tuple[str, ...]]))
    return {currency: re.compile(rf"\b(?:{'|'.join(words)})\b", re.I) for currency, words in given.items()}


def _currency_of(text: str) -> str:
    """What is paid with where somebody says to live."""
    return next((currency for currency, words in _countries().items() if words.search(text)), "")


def speeds(found: Sequence[Roled], text: str = "", places: Sequence[Place] = ()) -> Iterator[Speed]:
    """Every speed that is told, with the nearest device and the nearest program of its clause."""
    ends = None
    for one in found:
        of_one_range, ends = one.figure.ends is not None and one.figure.ends == ends, one.figure.ends
        for kind in _SPEEDS:
            if of_one_range:  # "6 to 7 tok/s" is one run
                continue
            if kind == one.role and one.figure.dimension in _OF_SPEED and one.figure.value > 0:
                device = _beside(one.figure, text, [place for place in places if place.kind in DEVICES])
                engine = _beside(one.figure, text, [place for place in places if place.kind == ENGINE])
                yield Speed(one.figure.base * TOKENS_PER.get(one.figure.dimension, 1), kind, device, engine)


def _beside(figure: FigureFound, text: str, places: Sequence[Place]) -> str:
    """The nearest name of the figure's clause, as it is written; a colon parts it only from what comes behind."""

    def gap(place: Place) -> str:
        return text[figure.end : place.start] if place.start >= figure.end else text[place.end : figure.start]

    def is_apart(place: Place) -> bool:
        return _BREAK.search(gap(place)) is not None or (place.start >= figure.end and ":" in gap(place))

    nearest = min((place for place in places if not is_apart(place)), key=lambda place: len(gap(place)), default=None)
    return text[nearest.start : nearest.end] if nearest else ""


def kv_type_in(text: str) -> tuple[int, int] | None:
    """Where the type of the KV cache is named."""
    if pair := _KV_PAIR.search(text) or _KV_PAIR_BEHIND.search(text):
        return pair.span()
    found = _KV_TYPE.search(text) or (_KV_OF_TOKENS.search(text) if _CACHE.search(text) else None)
    return found.span(found.lastindex or 0) if found else None


_KV_PAIR_BEHIND = re.compile(
    rf"\b{_KV_FORMAT} (?:for )?(?:the )?k(?:eys?)?(?:[- ]?cache)?[ ,;/&+]{{1,3}}(?:and |with )?{_KV_FORMAT} (?:for )?(?:the )?"
    r"v(?:alues?)?(?:[- ]?cache)?(?![\w.])",
    re.I,
)
"""*q8_0 K and q4_0 V.*"""
_KV_PAIR = re.compile(
    rf"\bk(?:[- ]?cache)?[ :=]{{1,3}}{_KV_FORMAT}[ ,;/&]{{1,3}}(?:and )?v(?:[- ]?cache)?[ :=]{{1,3}}{_KV_FORMAT}(?![\w.])",
    re.I,
)
"""*K cache q8_0, V cache q4_0.*"""


def _kv_type(text: str) -> str | None:
    if pair := _KV_PAIR.search(text) or _KV_PAIR_BEHIND.search(text):
        written = (kind.casefold().replace("-", "").replace(" ", "") for kind in pair.groups())
        keys, values = (KV_NAMES.get(kind, kind) for kind in written)
        return keys if keys == values else f"{keys}/{values}"
    place = kv_type_in(text)
    if place is None:
        return None
    name = re.sub(r"[- ]", "", text[slice(*place)].lower())
    return KV_NAMES.get(name, name)
