"""The one form in which a message is read, however it is typed."""

import re

from kb.text.squeezed import squeezed

MOST_CHARACTERS = 8000

_WIDE = str.maketrans(
    dict(zip("，。？！：；（）、×", (", ", ". ", "? ", "! ", ": ", "; ", "(", ")", ", ", "x"), strict=True))
)
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


def in_one_form(text: str) -> str:
    """
    >>> in_one_form("2x3090+3060，8*2080ti"), in_one_form("32 Go DDR5")
    ('2x 3090 + 3060, 8x 2080ti', '32 GB DDR5')
    """
    text = text[:MOST_CHARACTERS]
    text = _APART.sub(" ", text.translate(_WIDE) if _has_wide(text) else text)
    for unit, ours in _UNITS:
        text = unit.sub(ours, text)
    text = _TIMES.sub(r"\1x ", text)
    text = _SLASH.sub(r"\g<suffix> / ", _PLUS.sub(" + ", text))
    return squeezed(text)


def _has_wide(text: str) -> bool:
    return any(ord(character) > 0x2E7F for character in text)
