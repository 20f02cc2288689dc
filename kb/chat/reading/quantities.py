"""What the numbers of a message are for: each figure gets its role by what it measures and the words beside it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from kb.chat.reading.situation import Quantities
from kb.chat.reading.spans import gib_of
from kb.text.figures import FigureFound
from kb.text.numerals import counted

NEAR = 34
"""Characters on either side of a figure in which the words stand that say what it is for."""
LEAST_CONTEXT = 256
"""Fewer tokens are an answer's or a batch's, no window."""
_BREAK = re.compile(r"[?!;\n]|\. |, | and | but | then |[()]")


@dataclass(frozen=True)
class Role:
    """``before`` is searched in the words up to the figure, ``after`` in those from it on; one of them must be found,
    where there is one. ``per`` is what the figure is counted by (kWh, hour, day)."""

    name: str
    dimensions: str
    """One or more, parted by blanks; none for a bare number."""
    before: str = ""
    after: str = ""
    per: str = ""
    unless: str = ""
    """Words on either side with which it is something else."""
    unit: float = 1.0
    """The role's own unit, in the dimension's first one."""

    def holds(self, figure: FigureFound, before: str, after: str) -> bool:
        if figure.dimension not in (self.dimensions.split() or [""]) or (
            self.per and figure.per not in self.per.split()
        ):
            return False
        if self.unless and (_way(self.unless).search(before) or _way(self.unless).search(after)):
            return False
        if not (self.before or self.after):
            return True
        stands_before = self.before and _way(self.before).search(before)
        return bool(stands_before or (self.after and _way(self.after).search(after)))


@cache
def _way(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.I)


_FILE = r"(?:file|gguf|download|weights|checkpoint|safetensors|model|dataset|quant|blob|iso|backup|folder)"
_MONEY = "usd eur gbp sek jpy cents"
_VIDEO = r"(?:vram|video ?(?:memory|ram)|gpu ?(?:memory|ram)|graphics ?(?:memory|ram)|显存)"

# The first that holds is the one. What is more special stands first.
ROLES = (
    Role("price_per_kwh", _MONEY, per="kWh"),
    Role("price_per_kwh", "cents", unless=r"\b(?:token|hour|min)"),
    Role("price_per_kwh", "usd eur gbp", before=r"\b(?:electricity|power|energy|strom\w*|kwh|rate)\b[^.?!]{0,30}$", unless=r"hour"),
    Role("rent_per_hour", _MONEY, per="hour"),
    Role("rent_per_hour", "", per="hour", before=r"\b(?:rent\w*|costs?|cloud|pay|price|lease)\b[^.?!]{0,24}$"),
    Role("rent_per_hour", _MONEY, after=r"^ ?(?:\w+ ){0,3}(?:per|an|each|every) hour\b"),
    Role("rent_per_hour", _MONEY, before=r"\b(?:hourly|per hour|rent\w*)\b[^.?!]{0,16}$"),
    Role("token_price", _MONEY, per="million tokens"),
    Role("other_price", _MONEY, per="month day week year user"),
    Role("budget", "usd eur gbp sek jpy"),
    Role("hours_per_day", "s", per="day", unit=3600),
    Role("hours_per_day", "s", after=r"^ ?(?:daily|(?:a|per|each|every|of \w+ (?:a|per|each)) (?:day|night)|am tag|par jour|al día)", unit=3600),
    Role("hours_per_day", "s", before=r"\b(?:daily|every day|each day)[^.?!]{0,12}$", unit=3600),
    Role("power_limit_w", "w", before=r"\b(?:cap(?:ped)?|limit(?:ed|ing)?|undervolt\w*|power[ -]?limit\w*|-pl|lowered|throttled|restricted|down)\b[^.?!]{0,20}$"),
    Role("power_limit_w", "w", after=r"^ ?(?:each|per card|apiece)?,? ?(?:\w+ )?(?:power )?(?:limit|cap)\b"),
    Role("psu_w", "w", after=r"^ ?(?:\w+ ){0,2}(?:psu|power suppl|supply|supplies|netzteil|alimentation|nätaggregat|fuente|unit\b)|^ ?(?:gold|platinum|titanium|bronze)"),
    Role("psu_w", "w", before=r"\b(?:psu|psus|power suppl(?:y|ies)|supply|netzteil|alimentation)\b[^.?!]{0,24}$"),
    Role("psu_w", "w", before=r"\b(?:i have|i've got|i got|have an?|got an?|my|existing)\b[\w ]{0,8}$"),
    Role("watts", "w", unless=r"\btdp\b"),
    Role("other_speed", "tokens/s", before=r"\b(?:prefill|prompt (?:processing|eval)|pp)\b[^.?!,]{0,14}$", after=r"^ ?(?:prefill|prompt|in\b|pp\b)"),
    Role("tokens_per_s", "tokens/s"),
    Role("prompt_tokens", "tokens", after=r"^[ -]?(?:\w+ ){0,1}(?:prompt|input|document|question|message|pdf|book)", before=r"\b(?:prompts?|input|document)\b[^.?!]{0,12}$", unless=r"context|ctx"),
    Role("context", "tokens", unless=r"\bper (?:day|hour|month)|\bmillion\b"),
    Role("system_bandwidth_gb_per_s", "bytes/s", before=r"\b(?:ram|memory|ddr\d?|bandwidth|channels?|stream)\b[^.?!]{0,20}$", after=r"^ ?(?:of )?(?:ram|memory|system|per (?:node|socket)|ddr)", unit=1e9),
    Role("read_mb_per_s", "bytes/s", unit=1e6),
    Role("memory_in_use_gb", "bytes", after=r"^ ?(?:of (?:it|vram|ram|memory|them) )?(?:are |is )?(?:already )?(?:used|in use|taken|occupied|gone|full|eaten|allocated)\b", unit=1e9),
    Role("memory_in_use_gb", "bytes", before=r"\b(?:already (?:using|uses?|takes?|eats?|taken by)|in use:?|uses? up|(?:desktop|windows|browser|chrome|display|os) (?:\w+ )?(?:takes?|uses?|eats?|needs?))\b[^.?!]{0,12}$", unit=1e9),
    Role("free_gb", "bytes", after=r"^ ?(?:of \w+ )?(?:free|left|usable|available|spare)\b", unit=1e9),
    Role("needed_gb", "bytes", before=r"\b(?:needs?|takes?|eats?|requires?|wants?|uses|using|asks? for|weighs?|is|was|are)\b[^.?!,]{0,12}$", after=r"^ ?(?:more|just|altogether|total)\b", unit=1e9, unless=r"\b(?:i have|got|enough)\b"),
    Role("disk_gb", "bytes", after=r"^ ?(?:of )?(?:\w+ )?(?:ssd|nvme|hdd|hard (?:disk|drive)|disk|storage|drive|m\.2|swap)\b", unit=1e9),
    Role("vram_gib", "bytes", after=rf"^(?: card)?[ -]?(?:of )?(?:\w+ )?{_VIDEO}", before=rf"\b{_VIDEO}\b ?(?:of|is|:|=|with)? ?$", unit=1e9),
    Role("system_memory_gb", "bytes", after=r"^\+? ?(?:of )?(?:fast |slow |ecc |quad[- ]channel |dual[- ]channel )?(?:(?:system|main|normal|regular|cpu|host|pc) ?(?:ram|memory)?\b|(?:lp)?ddr\dx?|ram\b|dimm|sticks?\b|modules?\b|(?:of )?memory\b|内存|speicher|de ram|minne\b)", before=r"\b(?:(?:system|main|host) memory|ram|内存)\b ?(?:of|is|:|=|with)? ?$", unit=1e9),
    Role("size_gb", "bytes", after=rf"^[ -]?(?:\w+ )?{_FILE}", before=rf"\b(?:{_FILE}|copy|copying|move|moving|send|sending|transfer\w*|upload\w*|load\w*|read|push\w*)\b[^.?!,]{{0,14}}$", unit=1e9),
    Role("users", "users"),
    Role("gpu_layers", "layers", before=r"\b(?:offload\w*|gpu|ngl|put|only|load\w*|first)\b[^.?!]{0,20}$", after=r"^ ?(?:\w+ ){0,2}(?:on|to|in|offload\w*)\b"),
)  # fmt: skip
_COUNTED = re.compile(
    r" ?(?:concurrent |simultaneous |parallel |active |more )?(?:(users?|people|persons|requests?|conversations?|streams?"
    r"|sessions?|sequences|developers?|devs?|colleagues|co-?workers|employees|clients|students|attorneys|agents|staff)"
    r"|(nvme|m\.2)|(samples|examples)|([- ]?channels?)\b|(ch)\b)", re.I
)  # fmt: skip
_COUNT_ROLES = ("users", "nvme_drives", "batch_size", "memory_channels", "memory_channels")
_NAMED = re.compile(
    r"(?:(?P<context>(?<![\w-])-c|\b(?:context|ctx|window|num_ctx|n_ctx|max[-_](?:model[-_])?len(?:gth)?|max_seq_length|seq(?:uence)?s?)"
    r"(?:[- _](?:length|size|window|len))?)|(?P<batch_size>\bbatch(?:[-_ ]?size)?|\bbs)"
    r"|(?P<gpu_layers>\b(?:n[-_ ]?)?gpu[-_ ]?layers|-?-?\bngl|n_gpu_layers)"
    r"|(?P<budget>\b(?:budget|spend))|(?P<users>\b(?:max-num-seqs|concurrency|num_parallel|-np"
    r"|(?:firm|team|office|company|group|class|department|lab|family|staff|start-?up|crew)(?= of))))[ ]?(?:set )?(?:of|=|:|at|is|to)? ?$", re.I
)  # fmt: skip
_WINDOW = re.compile(r"[ -]{0,2}(?:tokens? )?(?:of )?(?:context|ctx|window|kontext|contexte|上下文)", re.I)
_PROMPT = re.compile(r"[ -]{0,2}(?:tokens? )?(?:prompts?\b|of prompt|input\b)", re.I)
_THINGS = re.compile(
    r" ?(?!tokens)[a-z]{3,20}s\b|\+? ?(?:photos|images|files|sek|kr\b|eur|usd|budget|hours|rows)", re.I
)
_SPEAKS_OF_CONTEXT = re.compile(r"\b(?:context|ctx|kontext|contexte|contexto)\b|上下文", re.I)
_SLOTS = re.compile(r"\b(\d{1,2}|dual|quad|two|four|eight|six|twelve)[- ]?ch(?:annels?)?\b", re.I)
_MEMORY_TYPE = re.compile(r"\b((?:lp)?ddr[345]x?)(?:[- @]{1,2}(\d{4,5}))?", re.I)
_ALL_DAY = re.compile(r"24\s?/\s?7\b|around the clock|day and night|non-?stop|continuously", re.I)
_KV_FORMAT = r"(q8_0|q4_0|q5_0|q5_1|q4_1|iq4_nl|f16|fp16|bf16|f32|fp8|8[- ]bit|4[- ]bit|q8|q4|int8)"
_KV_TYPE = re.compile(
    rf"\b{_KV_FORMAT}\b(?:(?!\b(?:i?q|b?f|fp)\d)[^.?!,]){{0,12}}\b(?:kv\b|cache\b)|\bkv[\s-]{{0,3}}(?:cache)?[^.?!,]{{0,16}}?\b{_KV_FORMAT}\b",
    re.I,
)
_KV_NAMES = {"q8": "q8_0", "q4": "q4_0", "8bit": "q8_0", "4bit": "q4_0", "fp16": "f16", "int8": "q8_0", "fp8": "q8_0"}
_CLAIMED = re.compile(
    r"\b(?:he|she|they|someone|somebody|people|guy|reddit|thread|blog|video|youtube|readme|page|article|friend|review\w*"
    r"|everyone|everybody|advertised|claim\w*|supposed\w*|says?|said|saying)\b",
    re.I,
)
_WANTED = re.compile(
    r"\b(?:want|need|needs|at least|minimum|target|aim|goal|would like|looking for|should (?:get|reach|do|be)|enough for"
    r"|i'd like|hoping|acceptable|comfortable|faster than|more than|get me|can i (?:get|reach)|reach)\b", re.I
)  # fmt: skip
_BUDGET_IS_NO = re.compile(
    r"\b(?:costs?|paid|pays?|price[ds]?|sells?|sold|electricity|bill|listed|renewed)\b[^.?!]{0,20}$", re.I
)
_POWERS_OF_TWO = frozenset(2**n for n in range(11))


@dataclass(frozen=True)
class Roled:
    """A figure with its role and its value in the role's unit."""

    role: str
    value: float
    figure: FigureFound
    named: bool = False
    """Its name stands right beside it."""


def roled(text: str, figures: Sequence[FigureFound], named: Sequence[tuple[int, int]]) -> list[Roled]:
    """Each figure that is no part of a name (``named``) and has a role."""
    taken = {place for start, end in named for place in range(start, end)}
    free = [figure for figure in figures if figure.start not in taken and figure.end - 1 not in taken]
    free = [figure for figure in free if figure.kind != "name"]
    found: list[Roled] = []
    behind = 0
    for at, figure in enumerate(free):
        end = free[at + 1].start if at + 1 < len(free) else len(text)
        before = text[max(behind, figure.start - NEAR) : figure.start]
        after = text[figure.end : min(end, figure.end + NEAR)]
        behind = figure.end
        if one := _role(figure, _clause(before, -1), _clause(after, 0)):
            found.append(one)
    if not any(one.role == "context" for one in found) and _SPEAKS_OF_CONTEXT.search(text):
        found += [Roled("context", one.value, one) for one in free if _may_be_context(one)][:1]
    return sorted(found, key=lambda one: not one.named)


def _may_be_context(figure: FigureFound) -> bool:
    """A bare number of tokens, as windows are counted."""
    return figure.dimension == "" and figure.kind == "bare" and figure.value >= 1024 and figure.value % 1024 == 0


def _clause(words: str, side: int) -> str:
    parts = _BREAK.split(words)
    return parts[side]


def _role(figure: FigureFound, before: str, after: str) -> Roled | None:
    if figure.value != figure.value:
        return None
    if one := _by_name(figure, before, after):
        return one
    role = next((role for role in ROLES if role.holds(figure, before, after)), None)
    return Roled(role.name, _in_unit(figure, role.unit), figure) if role else None


def _in_unit(figure: FigureFound, unit: float) -> float:
    """Memory as it is printed: GB and GiB are not told apart by those who write them."""
    return gib_of(figure) if figure.dimension == "bytes" else figure.base / unit


def _by_name(figure: FigureFound, before: str, after: str) -> Roled | None:
    """A number whose name stands right beside it (``ctx 8192``, ``16k context``, ``4 users``)."""
    bare = figure.dimension in ("", "tokens", "layers", "users", "transfers") or figure.scale in ("k", "K", "m", "M")
    if not bare or figure.per:
        return None
    named = _NAMED.search(before)
    if named and named.lastgroup:
        value = tokens_of(figure) if named.lastgroup == "context" else figure.value
        if named.lastgroup != "context" or value >= LEAST_CONTEXT:
            return Roled(named.lastgroup, value, figure, True)
    if figure.dimension in ("", "tokens") and _WINDOW.match(after) and tokens_of(figure) >= LEAST_CONTEXT:
        return Roled("context", tokens_of(figure), figure)
    if figure.dimension in ("", "tokens") and _PROMPT.match(after) and figure.value >= 16:
        return Roled("prompt_tokens", tokens_of(figure), figure)
    if figure.dimension == "" and (counted := _COUNTED.match(after)) and counted.lastindex and not figure.scale:
        return Roled(_COUNT_ROLES[counted.lastindex - 1], figure.value, figure)
    thousands = figure.dimension == "" and figure.scale in ("k", "K") and figure.kind == "bare"
    if thousands and tokens_of(figure) >= 1000 and not _THINGS.match(after):
        return Roled("context", tokens_of(figure), figure)
    return None


def tokens_of(figure: FigureFound) -> float:
    """Context lengths are powers of two: 32k is 32,768 tokens, 100k are 100,000."""
    thousands = figure.value / 1000
    if figure.scale in ("k", "K") and thousands in _POWERS_OF_TWO:
        return round(thousands * 1024)
    return round(figure.value)


def quantities(text: str, found: Sequence[Roled]) -> Quantities:
    """What the roles come to; of several figures of one role the first."""
    values: dict[str, Any] = {}
    for one in found:
        if one.role == "budget" and _BUDGET_IS_NO.search(text[max(0, one.figure.start - NEAR) : one.figure.start]):
            values.setdefault("price", one.value)
            continue
        if one.role == "context" and one.value < LEAST_CONTEXT:
            continue
        if one.role == "users" and one.value < 1:
            continue
        if one.role not in values:
            values[one.role] = one.value
            if one.role == "tokens_per_s":
                values["speed_is"] = _speed_is(text, one.figure)
            if one.role in ("budget", "price_per_kwh", "rent_per_hour") and "currency" not in values:
                values["currency"] = _currency(one.figure) if one.figure.kind == "money" else None
        if one.role == "price_per_kwh" and one.figure.dimension == "cents":
            values["price_per_kwh"] = one.figure.value / 100
    if "hours_per_day" not in values and _ALL_DAY.search(text):
        values["hours_per_day"] = 24.0
    if values.get("hours_per_day", 0) > 24:
        del values["hours_per_day"]
    if (kind := _MEMORY_TYPE.search(text)) is not None:
        values["memory_type"] = f"{kind[1].upper()}-{kind[2]}" if kind[2] else kind[1].upper()
    if "memory_channels" not in values and (slots := _SLOTS.search(text)):
        values["memory_channels"] = counted(slots[1])
    values["kv_cache_type"] = _kv_type(text)
    for whole in ("context", "users", "nvme_drives", "batch_size", "gpu_layers", "prompt_tokens", "memory_channels"):
        if values.get(whole) is not None:
            values[whole] = round(values[whole])
    return Quantities(**{key: value for key, value in values.items() if key in Quantities.__dataclass_fields__})


def _speed_is(text: str, figure: FigureFound) -> Any:
    sentence = re.split(r"[.?!;\n]\s", text[max(0, figure.start - 90) : figure.start])[-1]
    if _CLAIMED.search(sentence):
        return "claimed"
    if _WANTED.search(sentence):
        return "wanted"
    return "measured"


def _currency(figure: FigureFound) -> str | None:
    return None if figure.dimension == "cents" else figure.dimension.upper()


def kv_type_in(text: str) -> tuple[int, int] | None:
    """Where the type of the KV cache is named."""
    found = _KV_TYPE.search(text)
    return found.span(found.lastindex or 0) if found else None


def _kv_type(text: str) -> str | None:
    place = kv_type_in(text)
    if place is None:
        return None
    name = re.sub(r"[- ]", "", text[slice(*place)].lower())
    return _KV_NAMES.get(name, name)
