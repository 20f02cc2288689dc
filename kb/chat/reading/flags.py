"""Options of the programs that run models (``-c 32768 -ctk q8_0``), as people paste them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from kb.chat.reading.quantities import KV_NAMES
from kb.tools.asks import read_form

_COUNT = re.compile(r"(\d{1,9})(k)?", re.I)
_KV_TYPE = re.compile(r"(f16|f32|bf16|q8_0|q5_0|q5_1|q4_0|q4_1|iq4_nl|fp8)(?:_\w+)?", re.I)
PASSED_OVER, KV_TYPE = "passed_over", "kv_cache_type"


@dataclass(frozen=True)
class Flag:
    """``value`` is None where it sets nothing that is read."""

    start: int
    end: int
    sets: str
    value: int | str | None


@cache
def _known() -> dict[str, str]:
    given = read_form(Path(__file__).with_name("flags.yaml"), TypeAdapter(dict[str, tuple[str, ...]]))
    return {option: sets for sets, options in given.items() for option in options}


@cache
def _programs() -> dict[str, re.Pattern[str]]:
    given = read_form(Path(__file__).with_name("programs.yaml"), TypeAdapter(dict[str, tuple[str, ...]]))
    return {
        engine: re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, words))})(?![\w-])")
        for engine, words in given.items()
    }


def program_of(text: str) -> str:
    """The engine whose own words the text has; empty where none or several are there.

    >>> bool(program_of("-ngl 99 --n-cpu-moe 14")), program_of("num_ctx and -ngl"), program_of("how fast is it")
    (True, '', '')
    """
    found = [engine for engine, words in _programs().items() if words.search(text)]
    return found[0] if len(found) == 1 else ""


@cache
def _option() -> re.Pattern[str]:
    """An option with what is given to it; the longest names first, as some begin with others."""
    names = sorted(map(re.escape, _known()), key=len, reverse=True)
    return re.compile(rf"(?<![\w-])({'|'.join(names)})(?:[ =]|: ?)(\w[\w.,:*=\\+-]{{0,80}})")


def flags(text: str) -> Iterator[Flag]:
    """
    >>> [(flag.sets, flag.value) for flag in flags("llama-server -c 32k -ctk q8_0 -ub 512")]
    [('context', 32768), ('kv_cache_type', 'q8_0'), ('passed_over', None)]
    """
    for found in _option().finditer(text):
        sets = _known()[found[1]]
        value = _value(sets, found[2])
        if value is not None or sets == PASSED_OVER:
            yield Flag(found.start(), found.end(), sets, value)


def _value(sets: str, written: str) -> int | str | None:
    if sets == KV_TYPE:
        kind = _KV_TYPE.fullmatch(written.rstrip(".,:").lower())
        return KV_NAMES.get(kind[1], kind[1]) if kind else None
    count = _COUNT.fullmatch(written.rstrip(".,:"))
    if count is None or sets == PASSED_OVER:
        return None
    return int(count[1]) * (1024 if count[2] else 1)
