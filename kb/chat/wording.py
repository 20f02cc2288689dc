"""Numbers and Markdown as answers show them."""

import re
from collections.abc import Iterable

from kb.calc.results import Range
from kb.catalogue.records import Price

_LINK = re.compile(r"\[([^\]]{1,300})\]\([^)]{0,500}\)")
_MARKUP, _ESCAPED = re.compile(r"[\\`*_\[\]<>&|~]"), r"\\\g<0>"
_QUOTES, _APOSTROPHE = re.compile('["“”„]'), "'"
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}


def fmt(value: float) -> str:
    """About three significant digits, thousands apart, no trailing zeros.

    >>> fmt(42.523), fmt(1792.0), fmt(0.1234), fmt(7.0), fmt(141.107)
    ('42.5', '1,792', '0.123', '7', '141')
    """
    size = abs(value)
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def span(low: float, high: float) -> str:
    return fmt(low) if low == high else f"{fmt(low)} to {fmt(high)}"


def speed_range(speed: Range) -> str:
    """
    >>> speed_range(Range(low=8.1, typical=9.0, high=10.2))
    '9 tokens/s (8.1 to 10.2)'
    """
    return f"{fmt(speed.typical)} tokens/s ({fmt(speed.low)} to {fmt(speed.high)})"


def money(amount: float, currency: str) -> str:
    symbol = _SYMBOLS.get(currency)
    return f"{symbol}{amount:,.0f}" if symbol else f"{amount:,.0f} {currency}"


def price_text(price: Price) -> str:
    amount = money(price.low, price.currency)
    if price.high != price.low:
        amount += f" to {money(price.high, price.currency)}"
    per = "" if price.per in ("unit", "system", "kit") else f" per {price.per}"
    note = f" ({price.note})" if price.note else ""
    return f"{amount}{per}, {price.kind}, as of {price.as_of}{note}"


def plain(markdown: str) -> str:
    """Links to their text.

    >>> plain("See [KV cache](kv-cache).")
    'See KV cache.'
    """
    return _LINK.sub(r"\1", markdown)


def quoted(text: str, most_words: int = 60) -> str:
    """The beginning of somebody else's words, in an answer's Markdown: nothing in them is markup or a citation, or ends
    the quotation.

    >>> print(quoted('<b>See</b> [1], "it" says'))
    “\\<b\\>See\\</b\\> \\[1\\], 'it' says”
    """
    begins = _whole_sentences(" ".join(text.split()), most_words)
    return f"“{_MARKUP.sub(_ESCAPED, _QUOTES.sub(_APOSTROPHE, begins))}”"


def first_paragraph(markdown: str) -> str:
    return plain(markdown).split("\n\n")[0].replace("\n", " ").strip()


def one_line(markdown: str) -> str:
    return re.sub(r"(?<!\s)\s*\n\s*", " ", plain(markdown)).strip()


def first_sentences(text: str, most_words: int = 60) -> str:
    """Whole sentences up to about ``most_words``."""
    return _whole_sentences(one_line(text), most_words)


def _whole_sentences(line: str, most_words: int) -> str:
    kept: list[str] = []
    count = 0
    for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z0-9\[“\"*])", line):
        count += len(sentence.split())
        if kept and count > most_words:
            break
        kept.append(sentence)
    return " ".join(kept)


def joined(items: Iterable[str], last: str = "and") -> str:
    """
    >>> joined(["a", "b", "c"])
    'a, b and c'
    """
    words = list(items)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}" if words else ""
