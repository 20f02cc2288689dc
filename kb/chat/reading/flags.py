"""Options of the programs that run models (``-c 32768 -ctk q8_0``), as people paste them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from kb.chat.reading.quantities import KV_NAMES
from kb.errors import InvalidArgument
from kb.tools.asks import read_form
from kb.tools.shared.options import parse_options

_SHARE = re.compile(r"0?\.\d{1,4}|1(?:\.0{1,2})?")
_COUNT = re.compile(r"(\d{1,9})(k)?", re.I)
_KV_TYPE = re.compile(r"(f16|f32|bf16|q8_0|q5_0|q5_1|q4_0|q4_1|iq4_nl|fp8)(?:_\w+)?", re.I)
SHARE = "memory_share"
KEYS, VALUES = "keys_type", "values_type"
PASSED_OVER, KV_TYPE, OPTIONS, ALONE = "passed_over", "kv_cache_type", "options", "options_alone"
ALL_LAYERS = 99
"""From so many on, all that fit are meant."""


@dataclass(frozen=True)
class Flag:
    """``value`` is None where it sets nothing that is read."""

    start: int
    end: int
    sets: str
    value: float | int | str | None


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
    taking = [name for name, sets in _known().items() if sets != ALONE]
    alone = [name for name, sets in _known().items() if sets == ALONE]
    with_value, without = ("|".join(sorted(map(re.escape, names), key=len, reverse=True)) for names in (taking, alone))
    value = r"[\w.(][\w.,:*=\\+^$()|/\[\]?-]{0,100}"
    return re.compile(rf"(?<![\w-])(?:({with_value})(?:[ =]|: ?)[\"']?({value})|({without})(?![\w-]))")


def flags(text: str) -> Iterator[Flag]:
    """
    >>> [(flag.sets, flag.value) for flag in flags("llama-server -c 32k -ctk q8_0 -ub 512")]
    [('context', 32768), ('keys_type', 'q8_0'), ('options', '-ub 512')]
    """
    for found in _option().finditer(text):
        name = found[1] or found[3]
        sets = _known()[name]
        value = _as_it_stands(name, found[2]) if sets in (OPTIONS, ALONE) else _value(sets, found[2])
        if value is not None or sets == PASSED_OVER:
            yield Flag(found.start(), found.end(), sets, value)


def told_by(found: Sequence[Flag]) -> dict[str, Any]:
    """What flags say of a situation; of several that set one thing the first.

    >>> told_by(tuple(flags("-c 32k -np 4 -ngl 30 --n-cpu-moe 12")))
    {'options': '--n-cpu-moe 12', 'gpu_layers': 30, 'context': 8192, 'users': 4}
    """
    told: dict[str, Any] = {flag.sets: flag.value for flag in found[::-1] if flag.value is not None}
    told.pop(ALONE, None)
    keys, values = told.pop(KEYS, None), told.pop(VALUES, None)
    if keys or values:  # llama.cpp keeps the one that is not named in 16 bits
        told[KV_TYPE] = keys if keys == values else f"{keys or 'f16'}/{values or 'f16'}"
    if placed := [str(flag.value) for flag in found if flag.sets in (OPTIONS, ALONE) and flag.value]:
        told[OPTIONS] = " ".join(dict.fromkeys(placed))
    if told.get("gpu_layers", 0) >= ALL_LAYERS:
        del told["gpu_layers"]
    if slots := told.pop("slots", None):
        told["users"] = slots
        if context := told.get("context"):
            told["context"] = max(1, context // slots)
    return told


def _as_it_stands(name: str, value: str | None) -> str | None:
    written = f"{name} {value.rstrip('.,:)')}" if value else name
    try:
        parse_options(written)
    except InvalidArgument:
        return None
    return written


def _value(sets: str, written: str) -> float | int | str | None:
    if sets in (KV_TYPE, KEYS, VALUES):
        kind = _KV_TYPE.fullmatch(written.rstrip(".,:").lower())
        return KV_NAMES.get(kind[1], kind[1]) if kind else None
    if sets == SHARE:
        share = _SHARE.fullmatch(written.rstrip(".,:)"))
        return float(share[0]) if share else None
    count = _COUNT.fullmatch(written.rstrip(".,:"))
    if count is None or sets == PASSED_OVER:
        return None
    return int(count[1]) * (1024 if count[2] else 1)
