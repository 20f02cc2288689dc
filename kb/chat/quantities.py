"""Numbers with units in a question: context, users, money, power, sizes."""

import re
from dataclasses import dataclass

from text_to_num import alpha2digit

# What is read is squeezed (kb.text.squeezed): ``\s?`` is all the blanks there are, and no number is longer than this.
# Whole or not at all: of "1,600" no part is a number, nor the end of a longer one.
_NUMBER = r"(?<!\d)(?>(\d{1,3}(?:[,  ]\d{3}){1,6}(?!\d)(?:\.\d{1,20})?|\d{1,20}(?:\.\d{1,20})?))(?!\d)"
_CONTEXT = (
    re.compile(
        rf"{_NUMBER}\s?(k|m)?[\s-]{{0,3}}(?:tokens?)?[\s-]{{0,3}}(?:of\s)?(?:context|ctx|window|prompt\b)", re.I
    ),
    re.compile(
        rf"(?:context|ctx|window|num_ctx|\bseq(?:uences?)?)(?:\s(?:length|size|window))?\s?(?:set\s)?(?:of|=|:|at|is|to)?\s?{_NUMBER}\s?(k|m)?\b",
        re.I,
    ),
    re.compile(
        rf"(?<![\w.$€£]){_NUMBER}\s?(k|m)?[\s-]{{0,3}}tokens?\b"
        r"(?!\s?(?:(?:per|/|an?|each|every)\s?(?:s\b|sec|min|hour|h\b|day)|s\b))",
        re.I,
    ),
    re.compile(
        r"(?<![\w.$€£])(2|4|8|12|16|20|24|32|40|48|50|64|100|128|200|256|512)\s?(k)\b(?!\s?(?:sek|usd|eur|kr|dollars?|bucks|euros?|budget|w\b))",
        re.I,
    ),
)
_USERS = re.compile(
    rf"{_NUMBER}\s?(?:concurrent|simultaneous|parallel)?\s?(?:users?|people|persons|requests?|conversations?|streams?"
    r"|sessions?|sequences|developers?|colleagues|co-?workers|employees|clients|students|attorneys)\b",
    re.I,
)
_CURRENCY = r"(usd|dollars?|eur|euros?|sek|kr|kronor|gbp|pounds?|bucks)"
_MONEY = re.compile(rf"([$€£])\s?{_NUMBER}\s?(k)?|{_NUMBER}\s?(k)?\s?([$€£]|{_CURRENCY}\b)", re.I)
_EACH = r"(?:/|\bper|\ban?|\bthe|\beach|\bevery|\bfor (?:an?|the|each|every|one|1))"
_RENT = re.compile(
    rf"[$€£]?\s?{_NUMBER}\s?(?:[$€£]|{_CURRENCY})?\s?(?:of \w{{1,20}}\s?|buys\s)?(?:{_EACH}\s?(?:gpu[- ]?)?(?:hour|hr|h)\b|hourly\b)"
    rf"|\b(?:hour|hourly)\b(?:\s?(?:[:,=]|rate|price|costs?|fee|is|of|at|for)){{0,6}}\s?[$€£]?\s?{_NUMBER}"
    r"(?!\s?(?:tokens?|t|tok)\b)",
    re.I,
)
_KWH = re.compile(rf"[$€£]?\s?{_NUMBER}\s?(¢|cents?|ct|öre)?\s?([$€£]|{_CURRENCY})?\s?{_EACH}\s?kwh", re.I)
_CENTS = re.compile(rf"{_NUMBER}\s?(¢|cents?|ct)(?![\w])(?!\s?(?:an?|per|/)\s?(?:hour|h\b|min|token|million))()", re.I)
"""What costs cents where nothing is said of what, is a kilowatt-hour."""
_HOURS = re.compile(
    rf"{_NUMBER}\s?(?:hours?|hrs?|h)\s?(?:of \w{{1,20}}\s?)?(?:(?:/|per|a|each|every)\s?day|daily)", re.I
)
_ALL_DAY = re.compile(r"24\s?/?\s?7\b|around the clock|day and night|nonstop|non-stop|continuously", re.I)
_WATTS = re.compile(rf"{_NUMBER}\s?(k)?w(?:atts?)?\b(?!h)", re.I)
_SYSTEM_MEMORY = re.compile(
    rf"{_NUMBER}\s?(?:gb|gib|g)\s?(?:of\s)?(?:(?:ddr[345]|lpddr\w{{1,3}}|system|main|normal|regular|cpu)\s?(?:ram|memory)?|ram)\b"
    rf"|(?:system\s)?ram\s?(?:of|is|:)?\s?{_NUMBER}\s?(?:gb|gib)", re.I
)  # fmt: skip
_SIZE = re.compile(rf"{_NUMBER}\s?(gb|gib|tb)\b(?!\s?/\s?s|ps|\s?per)", re.I)
_VRAM = re.compile(
    r"(?<!\d)(\d{1,4})\s?(?:gb|gib|gigs?|g)\s?(?:of\s)?(?:vram|video (?:ram|memory)|gpu (?:memory|ram)|graphics memory|unified memory|unified ram)"
    r"|vram\s?(?:of|is|:|=)?\s?(?<!\d)(\d{1,4})\s?(?:gb|gib|gigs?)|(?<!\d)(\d{1,4})\s?(?:gb|gib|gigs?)\s?(?:gpu|graphics card|card|mac\b|macbook)"
    r"|(?:gpu|graphics card|card|mac|macbook)\s(?:with|of|has|having)\s(?<!\d)(\d{1,4})\s?(?:gb|gib|gigs?)", re.I
)  # fmt: skip
_NVME = re.compile(r"\b(\d{1,2}|one|an?|two|three|four)\s(?:nvme|m\.2)\b", re.I)
_BATCH = re.compile(
    r"\b(?:batch(?:es)?(?:\ssize)?|bs)\s?(?:of|is|=|:)?\s?(\d{1,5})\b|\b(\d{1,4}) (?:samples|examples)\b", re.I
)
WORDS_TO_COUNT = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "ten": 10, "twelve": 12, "sixteen": 16, "dual": 2, "twin": 2,
    "pair of": 2, "a pair of": 2, "a pair": 2, "both": 2, "quad": 4, "a second": 2, "another": 2,
}  # fmt: skip
_READ = re.compile(rf"{_NUMBER}\s?(mb|gb)\s?(?:/|p|per|a|each|every)\s?s(?:ec(?:ond)?)?\b", re.I)
_TOKENS_PER_S = re.compile(
    rf"{_NUMBER}\s?(?:(?:tokens?|toks?|t)\s?)?(?:/|per|p|a|an|each|every)\s?s(?:ec(?:ond)?)?\b", re.I
)
_KV_TYPE = re.compile(r"\b(q8_0|q4_0|q5_0|q5_1|q4_1|iq4_nl|f16|fp16|bf16|f32|8[- ]bit|4[- ]bit|q8|q4)\b[^.?]{0,12}\bkv|\bkv[\s-]{0,3}(?:cache)?[^.?]{0,16}?\b(q8_0|q4_0|q5_0|q5_1|q4_1|iq4_nl|f16|fp16|bf16|f32|q8|q4|8[- ]bit|4[- ]bit)\b", re.I)  # fmt: skip
_CACHE_TYPE = re.compile(r"\b(q8_0|q4_0|q5_0|q5_1|q4_1|f16|fp16|bf16|q8|q4)\scache\b", re.I)
_DDR = re.compile(r"\bddr([345])(?:[- ](\d{4}))?", re.I)
_STATED_BANDWIDTH = re.compile(rf"{_NUMBER}\s*gb\s*(?:/|p|per)\s*s(?:ec(?:ond)?)?\b", re.I)
_CHANNELS = re.compile(r"\b(\d{1,2})[- ]channels?\b|\b(dual|quad)[- ]channel", re.I)
_COMMON_MT_PER_S = {"3": 1600, "4": 3200, "5": 5600}
_CURRENCIES = {
    "$": "USD",
    "€": "EUR",
    "£": "GBP",
    "u": "USD",
    "d": "USD",
    "e": "EUR",
    "s": "SEK",
    "k": "SEK",
    "g": "GBP",
    "p": "GBP",
    "b": "USD",
}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_SCALED = re.compile(rf"{_NUMBER}\s?({'|'.join(_SCALES)})\b", re.I)
MOST_NUMBER_WORDS = 40
"""A text with more of them is no question; reading it takes time that grows with their square."""
_NUMBER_WORD = re.compile(
    r"\b(?:(?:twen|thir|for|fif|six|seven|eigh|nine)ty|\w+teen|ten|eleven|twelve|hundred|thousand|million|point|two|three"
    r"|four|five|six|seven|eight|nine)\b", re.I
)  # fmt: skip
_KV_NAMES = {"q8": "q8_0", "q4": "q4_0", "8bit": "q8_0", "4bit": "q4_0", "fp16": "f16"}


@dataclass(frozen=True)
class Quantities:
    """What a question gives in numbers, in the units that the names say; ``None`` where it gives none."""

    context: int | None = None
    users: int | None = None
    kv_cache_type: str | None = None
    system_memory_gb: float | None = None
    budget: float | None = None
    currency: str | None = None
    price_per_kwh: float | None = None
    hours_per_day: float | None = None
    rent_per_hour: float | None = None
    watts: float | None = None
    size_gb: float | None = None
    vram_gib: float | None = None
    """Device memory that is given without a device."""
    read_mb_per_s: float | None = None
    tokens_per_s: float | None = None
    nvme_drives: int | None = None
    batch_size: int | None = None


def number(text: str) -> float:
    """
    >>> number("1,600"), number("0.15")
    (1600.0, 0.15)
    """
    return float(re.sub(r"[,  ]", "", text))


def in_digits(text: str) -> str:
    """Numbers and units as they are written short.

    >>> in_digits("two thousand dollars, 32 thousand tokens, sixteen gigabytes, one kilowatt-hour")
    '2000 dollars, 32000 tokens, 16 GB, one kWh'
    """
    text = re.sub(r"\b(?:gigabytes?|gigs?)\b", "GB", text, flags=re.I)
    text = re.sub(r"\bmegabytes?\b", "MB", text, flags=re.I)
    text = re.sub(r"\bkilo-?watt[\s-]{0,3}hours?\b", "kWh", text, flags=re.I)
    text = re.sub(r"\bgrand\b", "thousand dollars", text, flags=re.I)
    text = re.sub(r"\ba (?=(?:hundred|thousand|million)\b)", "one ", text, flags=re.I)
    text = _SCALED.sub(lambda found: f"{number(found[1]) * _SCALES[found[2].lower()]:.0f}", text)
    return alpha2digit(text, "en") if 0 < len(_NUMBER_WORD.findall(text)) <= MOST_NUMBER_WORDS else text


def read_quantities(text: str) -> Quantities:
    """
    >>> q = read_quantities("70B at 32k context for 4 users, 0.30 EUR per kWh, 8 hours a day, 64 GB RAM")
    >>> q.context, q.users, q.price_per_kwh, q.hours_per_day, q.system_memory_gb
    (32768, 4, 0.3, 8.0, 64.0)
    """
    text = in_digits(text)
    users = _USERS.search(text)
    rent, kwh = _RENT.search(text), _KWH.search(text) or _CENTS.search(text)
    hours = _HOURS.search(text)
    watts = _WATTS.search(text)
    memory = _SYSTEM_MEMORY.search(text)
    size = _SIZE.search(text)
    read = _READ.search(text)
    vram = _VRAM.search(text)
    speed = _TOKENS_PER_S.search(text)
    nvme = _NVME.search(text)
    batch = _BATCH.search(text)
    rates = [(rate.start(), rate.end()) for rate in (rent, kwh) if rate]
    budget, currency = _money("".join(c for at, c in enumerate(text) if not any(a <= at < b for a, b in rates)))
    all_day = 24.0 if _ALL_DAY.search(text) else None
    return Quantities(
        context=_context(text),
        users=int(number(users[1])) if users and number(users[1]) >= 1 else None,
        kv_cache_type=_kv_type(text),
        system_memory_gb=number(memory[1] or memory[2]) if memory else None,
        budget=budget,
        currency=currency or _currency_of(kwh),
        price_per_kwh=number(kwh[1]) / (100 if kwh[2] else 1) if kwh else None,
        hours_per_day=number(hours[1]) if hours else all_day,
        rent_per_hour=number(rent[1] or rent[3]) if rent else None,
        watts=number(watts[1]) * (1000 if watts[2] else 1) if watts else None,
        size_gb=number(size[1]) * (1000 if size[2].lower() == "tb" else 1) if size else None,
        vram_gib=number(next(group for group in vram.groups() if group)) if vram else None,
        read_mb_per_s=number(read[1]) * (1000 if read[2].lower() == "gb" else 1) if read else None,
        tokens_per_s=number(speed[1]) if speed else None,
        batch_size=int(number(batch[1] or batch[2])) if batch else None,
        nvme_drives=(WORDS_TO_COUNT.get(nvme[1].lower()) or int(nvme[1])) if nvme else None,
    )


def _context(text: str) -> int | None:
    for pattern in _CONTEXT:
        found = pattern.search(text)
        if found:
            value, unit = number(found[1]), (found[2] or "").lower()
            if unit == "k":
                # Context lengths are powers of two: 32k is 32,768 tokens.
                return round(value * 1024) if value in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512) else round(value * 1000)
            tokens = round(value * (1_000_000 if unit == "m" else 1))
            if tokens >= 256:
                return tokens
    return None


def _money(text: str) -> tuple[float | None, str | None]:
    found = _MONEY.search(text)
    if not found:
        return None, None
    amount = number(found[2] or found[4]) * (1000 if found[3] or found[5] else 1)
    return amount, _CURRENCIES[(found[1] or found[6])[0].lower()]


def _currency_of(rate: re.Match[str] | None) -> str | None:
    sign = re.search(r"[$€£]", rate[0]) if rate else None
    word = sign[0] if sign else rate[3] if rate else None
    return _CURRENCIES[word[0].lower()] if word else None


def _kv_type(text: str) -> str | None:
    found = _KV_TYPE.search(text) or _CACHE_TYPE.search(text)
    if not found:
        return None
    name = re.sub(r"[- ]", "", next(group for group in found.groups() if group).lower())
    return _KV_NAMES.get(name, name)


@dataclass(frozen=True)
class SystemMemory:
    """How fast a processor reads its memory, and what of that nobody said, as a sentence's part."""

    bandwidth_gb_per_s: float
    assumed: str = ""


def system_memory(text: str) -> SystemMemory:
    """Of the memory that a text describes: channels × 8 bytes × transfers; two channels of DDR5-5600 unless said.

    >>> system_memory("no gpu, 32GB DDR4").assumed
    'assuming two channels of DDR4-3200 (51.2 GB/s), as its speed and channels were not named'
    >>> system_memory("12 channel ddr5-4800")
    SystemMemory(bandwidth_gb_per_s=460.8, assumed='')
    """
    if stated := _STATED_BANDWIDTH.search(text):
        return SystemMemory(number(stated[1]))
    kind, channels = _DDR.search(text), _CHANNELS.search(text)
    generation = kind[1] if kind else "5"
    rate = int((kind and kind[2]) or _COMMON_MT_PER_S[generation])
    count = 2
    if channels:
        count = int(channels[1]) if channels[1] else {"dual": 2, "quad": 4}[channels[2].lower()]
    bandwidth = round(count * 8 * rate / 1000, 1)
    unsaid = ["speed"] * (kind is not None and not kind[2]) + ["channels"] * (not channels)
    if kind and not unsaid:
        return SystemMemory(bandwidth)
    why = f"its {' and '.join(unsaid)} were not named" if kind else "no memory was named"
    counted = "two" if count == 2 else str(count)
    return SystemMemory(
        bandwidth, f"assuming {counted} channels of DDR{generation}-{rate} ({bandwidth:g} GB/s), as {why}"
    )
