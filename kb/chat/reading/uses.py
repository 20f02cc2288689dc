"""What a message wants a model for, by the words of ``uses.yaml``."""

import re
from functools import cache
from importlib.resources import files

import yaml
from pydantic import TypeAdapter

from kb.catalogue.records import Record
from kb.tools.shared.running import VISION

IMAGES = "images"
"""That are made."""


_SHOWN = re.compile(
    r"\b(?:show(?:ing)?(?! me)|see|sees|read|reads|reading|describ\w{1,3}|look(?:ing|s)? (?:at|through)|analy[sz]\w{1,3}|underst\w{2,8}"
    r"|recogni[sz]\w{1,3}|caption\w{0,3}|about|sort\w{0,3})\b[^.?!,]{0,20}\b(?:images?|pictures?|photos?|pics?)\b(?! ?(?:gen|model|edit|mak))",
    re.I,
)
"""Pictures that a model is to look at, and not to make."""


class Use(Record):
    words: tuple[str, ...]
    no_text: bool = False
    """Other models are run for it than those that write text."""


@cache
def uses() -> dict[str, Use]:
    """By name, the first that applies first."""
    given = yaml.safe_load(files(__package__).joinpath("uses.yaml").read_text(encoding="utf-8"))
    return TypeAdapter(dict[str, Use]).validate_python(given)


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((name, re.compile("|".join(map(_pattern, use.words)), re.I)) for name, use in uses().items())


def _pattern(word: str) -> str:
    end = r"[\w.-]*" if word.endswith("*") else r"(?!\w)"
    return r"(?<![\w-])" + re.escape(word.removesuffix("*")) + end


def use_of(text: str, *, sees: bool = False) -> str:
    """``sees``: a model that reads images is named, so that images are shown to it and not made.

    >>> use_of("FramePack with 4 GB?"), use_of("does the mmproj of an image fit?"), use_of("how fast is it?")
    ('video', 'vision', '')
    """
    found = next((name for name, pattern in _patterns() if pattern.search(text)), "")
    return VISION if found == IMAGES and (sees or _SHOWN.search(text)) else found


def is_of_text(use: str) -> bool:
    return use not in uses() or not uses()[use].no_text
