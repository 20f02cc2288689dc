"""What a message wants a model for, by the words of ``uses.yaml``."""

import re
from functools import cache
from importlib.resources import files

import yaml
from pydantic import TypeAdapter

from kb.catalogue.records import Record

IMAGES = "images"
"""That are made."""


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


def use_of(text: str) -> str:
    """
    >>> use_of("FramePack with 4 GB?"), use_of("does the mmproj of an image fit?"), use_of("how fast is it?")
    ('video', 'vision', '')
    """
    return next((name for name, pattern in _patterns() if pattern.search(text)), "")


def is_of_text(use: str) -> bool:
    return use not in uses() or not uses()[use].no_text
