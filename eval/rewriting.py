"""Rules that put a question otherwise without changing what it asks; None where a rule has nothing to work on."""

import re
from collections.abc import Sequence

_WORD = re.compile(r"(?<![\w.-])[a-z]{4,}(?![\w.-]*\d)(?![\w-])(?!\s+\d)")
_WHAT_FITS = r"(?P<what>[^?,;.]*?[^?,;.\s])"

_PHRASES: tuple[tuple[str, str], ...] = (
    # Word order and verbs of the commonest questions: the whole question first, then single turns of phrase.
    (rf"^(?:can i|could i|can you) run {_WHAT_FITS} on (?P<where>[^?,;]+?)\?", r"Will \g<what> work with \g<where>?"),
    (rf"^(?:does|will|would|is) (?:an? )?{_WHAT_FITS} (?:fit|run|go|work) (?:on|in|into) (?P<where>[^?,;]+?)\?",
     r"On \g<where>, is \g<what> going to work?"),
    (r"\bhow (?:many tok(?:ens)?/s|many tokens per second|fast|quick)\b", "at what speed, in tokens per second,"),
    (r"\b(?:tok/s|tokens/sec|tokens per sec|tps)\b", "tokens per second"),
    (r"\bhow much (?:memory|vram)\b", "what amount of memory"),
    (r"^what(?:'s| is|s) (?:the )?difference between (.+?) and ", r"How does \1 differ from "),
    (r"^(?:what(?:'s| is|s)|whats) (?:an? |the )?", "Tell me about "),
    (r"\bwhich models\b|\bwhat models\b", "what kind of models"),
    (r"\bbest quant\b", "most suitable quantization"),
    (r"\bwhich quantization\b|\bwhat quant\b", "which type of quantization"),
    (r"\bmax(?:imum)? context\b", "longest context"),
    (r"\bhow long (?:to|does it take to) load\b", "loading time of"),
    (r"\bwhich power supply\b|\bhow big psu\b", "what size of power supply"),
    (r"\bper year\b", "in a year"),
    (r"\bshould i (?:buy|get)\b", "would you buy"),
    (r"\bspeed\b", "rate of generation"),
    (r"\bis enough\b", "suffices"),
)  # fmt: skip

_UNITS: tuple[tuple[str, str], ...] = (
    (r"\b(\d+)k (?:of )?(?:context|ctx)\b", r"\1 thousand tokens of context"),
    (r"\bcontext of (\d+)k\b", r"context of \1 thousand tokens"),
    (r"\b(\d+)k tokens\b", r"\1 thousand tokens"),
    (r"(?<![\w.])(\d+) ?GB (?=(?:of )?(?:v?ram|memory|unified|system|ddr))", r"\1 GiB "),
    (r"(?<![\w.,])(\d+(?:\.\d+)?) ?GB (?=gguf|model|file|card|box|\w*\d)", r"\1 gigabyte "),
    (r"(?<![\w.,])(\d+(?:\.\d+)?) ?GB\b(?!/)", r"\1 gigabytes"),
    (r"\b(an?|the) (\d+(?:\.\d+)?)b\b(?: models?)?", r"\1 \2 billion parameter model"),
    (r"\b(\d+) ?bit\b", r"\1 bits"),
    (r"\$ ?0\.(\d\d)\b(?=.{0,12}kwh)", r"\1 cents"),
    (r"\b(\d)(\d{3}) ?(?:dollars|usd)\b", r"\1,\2 $"),
    (r"\$(\d)(\d{3})\b", r"\1.\2k dollars"),
)


def misspelt(text: str, taken: Sequence[tuple[int, int]], seed: int) -> str | None:
    """Two neighbouring letters of one ordinary word change places; names, at the spans ``taken``, are left alone.

    >>> misspelt("will that model fit", [(10, 15)], 1)
    'will taht model fit'
    """
    words = [
        word
        for word in _WORD.finditer(text)
        if not any(word.start() < end and start < word.end() for start, end in taken)
    ]
    if not words:
        return None
    word = words[seed % len(words)]
    places = [at for at in range(word.start(), word.end() - 1) if text[at] != text[at + 1]]
    if not places:
        return None
    at = places[seed % len(places)]
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def in_other_words(text: str) -> str | None:
    """By the first rule that applies.

    >>> in_other_words("can I run a 70B on my 4090?")
    'Will a 70B work with my 4090?'
    """
    return _first(_PHRASES, text)


def politely(text: str) -> str | None:
    """
    >>> politely("what is vram")
    'Hi there, I hope this is not a silly question: what is vram? Thanks a lot in advance!'
    """
    if not re.search(r"\w", text):
        return None
    end = "" if text.rstrip()[-1] in ".?!" else "?"
    return f"Hi there, I hope this is not a silly question: {text.rstrip()}{end} Thanks a lot in advance!"


def without_care(text: str) -> str | None:
    """Lower case and no punctuation; what stands inside a number or a name stays.

    >>> without_care("Does Llama 3.1 70B fit, at Q4_K_M?")
    'does llama 3.1 70b fit at q4_k_m'
    """
    bare = re.sub(r"(?<!\d)[,;:](?!\d)|(?<![,;:!?.])[,;:!?.]+(?=\s|$)|['\"]", "", text.lower())
    return bare if re.search(r"\w", bare) else None


def in_other_units(text: str) -> str | None:
    """By the first rule that applies.

    >>> in_other_units("and with 32k context?"), in_other_units("is 24 GB enough?")
    ('and with 32 thousand tokens of context?', 'is 24 gigabytes enough?')
    """
    watts = re.search(r"\b([1-9]\d{3}) ?(?:w|watts?)\b", text, re.I)
    if watts:
        return f"{text[: watts.start()]}{int(watts[1]) / 1000:g} kW{text[watts.end() :]}"
    rate = re.search(r"\b([1-9]\d{3}) ?MB/s", text)
    if rate:
        return f"{text[: rate.start()]}{int(rate[1]) / 1000:g} GB/s{text[rate.end() :]}"
    return _first(_UNITS, text)


def _first(rules: Sequence[tuple[str, str]], text: str) -> str | None:
    for pattern, replacement in rules:
        changed, count = re.subn(pattern, replacement, text, count=1, flags=re.I)
        if count:
            return changed
    return None
