"""The form in which two spellings of one name are equal."""

import re
import unicodedata

_BETWEEN_NUMBERS = re.compile(r"(?<=\d)[^a-z0-9.]+(?=\d)")
_DROPPED = re.compile(r"(?<!\d)\.|\.(?!\d)|[^a-z0-9._]+")


def label_key(name: str) -> str:
    """Fold case, punctuation and spaces away. A decimal point stays, for 2.5 GbE is not 25 GbE; and two numbers stay
    two, for Gemma 31B is not Gemma 3 1B.

    >>> label_key("RTX-5090"), label_key("rtx 5090"), label_key("12V-2×6"), label_key("80+")
    ('rtx5090', 'rtx5090', '12v2x6', '80plus')
    >>> label_key("Llama-3.1 70B"), label_key("model.gguf")
    ('llama3.1_70b', 'modelgguf')
    """
    folded = unicodedata.normalize("NFKD", name).casefold().replace("×", "x").replace("+", "plus")
    return _DROPPED.sub("", _BETWEEN_NUMBERS.sub("_", folded.replace("_", " ")))


def slugify(title: str) -> str:
    """
    >>> slugify("Tier S: RTX 5090 — why it's fast")
    'tier-s-rtx-5090-why-its-fast'
    """
    ascii_only = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only.replace("'", "")).strip("-") or "untitled"
