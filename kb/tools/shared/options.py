"""How a model is placed and run, in the words of llama.cpp's command line."""

import re
import shlex
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from kb.calc.memory.tensor_types import KV_CACHE_TYPES
from kb.errors import InvalidArgument
from kb.tools.asks import read_form

MOST_LAYERS = 1000
MOST = {"context": 100_000_000, "slots": 10_000, "batch": 65_536, "ubatch": 65_536}
"""Of what is counted; of layers, ``MOST_LAYERS`` is as good as more."""
PROGRAM = "llama-"
"""What the names of the programs begin with, where the whole line is given."""
ALL = ("all", "-1")
_ALONE = frozenset({"all_experts_on_cpu", "unified", "swa_full", "passed_over_alone"})
_COUNT = re.compile(r"(\d{1,9})(k?)", re.I)


@dataclass(frozen=True)
class Options:
    """What a line of options sets; None where it does not say."""

    gpu_layers: int | None = None
    """The output counts as one more than the model has layers."""
    cpu_experts: frozenset[int] | None = None
    """Numbers of the layers that keep their experts in system memory, of a model with as many as there may be."""
    batch: int = 2048
    ubatch: int = 512
    tensor_split: tuple[float, ...] = ()
    context: int | None = None
    """Tokens of all slots together."""
    slots: int | None = None
    unified: bool = False
    """Whether the slots share the context's cells."""
    keys_type: str | None = None
    values_type: str | None = None
    flash_attention: bool | None = None
    swa_full: bool = False

    @property
    def micro_batch(self) -> int:
        return min(self.batch, self.ubatch)

    @property
    def cache_type(self) -> str | None:
        """Of K and of V; llama.cpp keeps the one that is not named in 16 bits."""
        if self.keys_type is None and self.values_type is None:
            return None
        keys, values = self.keys_type or "f16", self.values_type or "f16"
        return keys if keys == values else f"{keys}/{values}"

    @property
    def sharing(self) -> int:
        """Conversations that share one context's cells."""
        return (self.slots or 1) if self.unified else 1


@cache
def known_options() -> dict[str, str]:
    """What each option sets."""
    given = read_form(Path(__file__).with_name("options.yaml"), TypeAdapter(dict[str, tuple[str, ...]]))
    return {option: sets for sets, options in given.items() for option in options}


@lru_cache(maxsize=256)
def parse_options(line: str) -> Options:
    """
    >>> parse_options("-ngl 30 --n-cpu-moe=12 -ub 2048").gpu_layers
    30

    Raises ``InvalidArgument`` for an option or a value that is not known.
    """
    found = Options()
    for option, value in _pairs(line):
        found = _with(found, option, known_options()[option], value)
    return found


def stated_by(options: Options) -> dict[str, object]:
    """What of the options are arguments of their own here: the context is one conversation's."""
    apart = 1 if options.unified else options.slots
    said = {
        "context": options.context // (apart or 1) if options.context else None,
        "concurrency": apart,
        "kv_cache_type": options.cache_type,
        "flash_attention": options.flash_attention,
    }
    return {name: value for name, value in said.items() if value is not None}


def _pairs(line: str) -> Iterator[tuple[str, str]]:
    try:
        words = shlex.split(line.replace("\\\n", " "))
    except ValueError:
        raise InvalidArgument("options", line, "options of llama.cpp, with quotation marks in pairs") from None
    waiting = deque(words[1:] if words and words[0].rpartition("/")[2].startswith(PROGRAM) else words)
    while waiting:
        word = waiting.popleft()
        option, joined, value = word.partition("=") if word.startswith("--") else (word, "", "")
        sets = known_options().get(option)
        if sets is None:
            read = [name for name, what in known_options().items() if not what.startswith("passed_over")]
            raise InvalidArgument("options", word, f"options of llama.cpp that set memory or speed: {', '.join(read)}")
        if sets in _ALONE:
            yield option, ""
        elif joined:
            yield option, value
        elif sets == "flash_attention" and (not waiting or waiting[0].startswith("-")):
            yield option, "on"  # older builds take no value
        elif waiting:
            yield option, waiting.popleft()
        else:
            raise InvalidArgument("options", option, f"a value behind {option}")


def _with(found: Options, option: str, sets: str, value: str) -> Options:
    if sets.startswith("passed_over"):
        return found
    if sets == "all_experts_on_cpu":
        return replace(found, cpu_experts=_first(MOST_LAYERS))
    if sets == "unified":
        return replace(found, unified=True)
    if sets == "swa_full":
        return replace(found, swa_full=True)
    if sets == "tensors":
        named = [_experts_named(option, part) for part in value.split(",")]
        return replace(found, cpu_experts=frozenset().union(found.cpu_experts or (), *named))
    if sets == "keys_type":
        return replace(found, keys_type=_cache_type(option, value))
    if sets == "values_type":
        return replace(found, values_type=_cache_type(option, value))
    if sets == "flash_attention":
        if value not in ("on", "off", "auto", "1", "0"):
            raise InvalidArgument("options", f"{option} {value}", "on, off or auto")
        return replace(found, flash_attention=value not in ("off", "0"))
    if sets == "tensor_split":
        return replace(found, tensor_split=_split(option, value))
    if sets == "gpu_layers" and value in (*ALL, "auto"):
        return replace(found, gpu_layers=None if value == "auto" else MOST_LAYERS)
    count = _COUNT.fullmatch(value)
    number = int(count[1]) * (1024 if count[2] else 1) if count else -1
    least = 0 if sets in ("gpu_layers", "cpu_experts") else 1
    most = MOST.get(sets, 10**9)
    if not least <= number <= most:
        told = f"a whole number from {least}{f' to {most:,}' if sets in MOST else ''}"
        raise InvalidArgument("options", f"{option} {value}", told)
    if sets == "cpu_experts":
        return replace(found, cpu_experts=_first(min(number, MOST_LAYERS)))
    counted: dict[str, Any] = {sets: number}
    return replace(found, **counted)


def _first(layers: int) -> frozenset[int]:
    return frozenset(range(layers))


_EXPERTS = re.compile(
    r"(?:\^?(?:blk)?\\?\.(?P<layers>[\d()\[\]|:?-]{1,200}|\\d\+|\[0-9\]\+|\.\*)(?=\\?\.))?"
    r"[\\.]{0,2}(?:ffn_)?(?:\.\*|\((?:\?:)?(?P<matrices>[a-z|]{1,20})\))?_?exps(?:[\\.]{0,2}(?:\*|weight)?)\$?"
)
"""What a pattern may be: layers, and all their experts. It comes from outside: no other is run as an expression, for
one can be made that takes for ever."""
_EVERY = (None, r"\d+", "[0-9]+", ".*")
_MATRICES = frozenset({"gate", "up", "down"})


def _experts_named(option: str, value: str) -> frozenset[int]:
    r"""The layers of which a pattern puts all experts on the processor.

    >>> sorted(_experts_named("-ot", r"blk\.(2|1[0-1])\.ffn_.*_exps.=CPU"))
    [2, 10, 11]

    Raises ``InvalidArgument`` for a pattern that names anything else, or that is another than people write.
    """
    told = InvalidArgument(
        "options",
        f"{option} {value}",
        "all experts for the processor, `exps=CPU`, or those of some layers, "
        "`blk\\.(2[0-9]|3[0-9])\\.ffn_.*_exps.=CPU`; or --n-cpu-moe and how many",
    )
    pattern, _, where = value.rpartition("=")
    found = _EXPERTS.fullmatch(pattern)
    if where.upper() != "CPU" or found is None:
        raise told
    if found["matrices"] and set(found["matrices"].split("|")) != _MATRICES:
        raise told
    if found["layers"] in _EVERY:
        return _first(MOST_LAYERS)
    layers = found["layers"].replace("(?:", "(")
    if layers.count("(") > 1 or any(sign in layers for sign in "?:"):
        raise told
    try:
        numbers = re.compile(layers)
    except re.error:
        raise told from None
    return frozenset(number for number in range(MOST_LAYERS) if numbers.fullmatch(str(number)))


def _cache_type(option: str, value: str) -> str:
    if value not in KV_CACHE_TYPES:
        raise InvalidArgument("options", f"{option} {value}", ", ".join(KV_CACHE_TYPES))
    return value


def _split(option: str, value: str) -> tuple[float, ...]:
    try:
        shares = tuple(float(part) for part in re.split(r"[,/]", value))
    except ValueError:
        shares = ()
    if not shares or not all(0 <= share < 1e6 for share in shares) or not any(shares):
        raise InvalidArgument("options", f"{option} {value}", "the devices' shares, as 3,1")
    return shares
