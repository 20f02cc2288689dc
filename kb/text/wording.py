"""Pieces of other people's Markdown, as answers repeat them."""

import re
from collections.abc import Iterable

_LINK = re.compile(r"\[([^\]]{1,300})\]\([^)]{0,500}\)")
_MARKUP = re.compile(r"[\\`*\[\]<>&|~]|(?<![^\W_])_|_(?![^\W_])")
"""An underscore within a word is none."""
_QUOTES, _APOSTROPHE = re.compile('["“”„]'), "'"


def plain(markdown: str) -> str:
    """Links to their text.

    >>> plain("See [KV cache](kv-cache).")
    'See KV cache.'
    """
    return _LINK.sub(r"\1", markdown)


def escaped(text: str) -> str:
    """As Markdown that shows it as it is.

    >>> print(escaped("<b>my_notes</b> [1] _a_"))
    \\<b\\>my_notes\\</b\\> \\[1\\] \\_a\\_
    """
    return _MARKUP.sub(r"\\\g<0>", text)


def verbatim(text: str) -> str:
    """One line of somebody else's words in Markdown: nothing in it is markup.

    >>> print(verbatim("[a](b)\\n<i>c</i>"))
    \\[a\\](b) \\<i\\>c\\</i\\>
    """
    return escaped(" ".join(text.split()))


def quoted(text: str, most_words: int = 60) -> str:
    """The beginning of somebody else's words, in an answer's Markdown: nothing in them is markup or a citation, or ends
    the quotation.

    >>> print(quoted('<b>See</b> [1], "it" says'))
    “\\<b\\>See\\</b\\> \\[1\\], 'it' says”
    """
    begins = _whole_sentences(" ".join(text.split()), most_words)
    return f"“{escaped(_QUOTES.sub(_APOSTROPHE, begins))}”"


def fenced(text: str) -> str:
    """A whole text of somebody else's in Markdown, as it is, behind a fence that it does not hold.

    >>> print(fenced("a ``` b"))
    ````text
    a ``` b
    ````
    """
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


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


def article(word: str) -> str:
    """
    >>> [article(word) for word in ("8B model", "11 GB card", "180B model", "old PC", "14B model")]
    ['an', 'an', 'a', 'an', 'a']
    """
    return "an" if re.match(r"[aeio8]|1[18](?!\d)", word, re.I) else "a"
