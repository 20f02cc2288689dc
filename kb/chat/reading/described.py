"""Things that are described and not named: an 8 GB card, a laptop with 16 GB, no graphics card, a 70B model."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from kb.catalogue.names import Names
from kb.chat.reading.roles import DEVICES, Place, Roled
from kb.chat.reading.situation import Named, Quantities
from kb.chat.reading.spans import gib_of
from kb.text.figures import FigureFound
from kb.text.numerals import counted
from kb.text.wording import article
from kb.tools.shared.given import DeviceFigures, ModelFigures

_NEAR = 30
_CARD = re.compile(
    r"\b(?:gpus?|(?:graphics? |video )?cards?|graphics)\b",
    re.I,
)
_MAC = re.compile(r"\b(?:i?mac(?:book)?s?|apple)\b", re.I)
_HOST = (
    r"(?:(?:gaming |old |office |work |mini[ -]?|home |cheap |used |small |linux |windows |desktop ){0,3}"
    r"(?:laptop|notebook|pc|desktop|computer|machine|server|workstation|box|nuc|thinkpad|vps|vm|phone|tablet|chromebook))"
)
_PORTABLE = re.compile(r"laptop|notebook|thinkpad|chromebook|phone|tablet|mini[ -]?pc|nuc|vps", re.I)
"""Into which no graphics card can be put."""
_HANDHELD = re.compile(r"phone|tablet", re.I)
"""Their memory is one, for the system and what computes."""
_AMD = re.compile(r"\b(?:amd|radeon|rocm)\b", re.I)
_BORDER = re.compile(r"[?!;,\n]|\. | and | but ")
_SENTENCE = re.compile(r"[?!;\n]|\. ")
LEAST_RATE = 10e9
"""Bytes a second: slower is a drive."""
NO_CARD = re.compile(
    r"\bno (?:\w+ )?(?:gpu|(?:graphics|video) card)\b|\b(?:pure )?cpu[- ]only|without (?:an? |any )?(?:\w+ )?(?:gpu|graphics)(?: card)?",
    re.I,
)
_ON_PROCESSOR = re.compile(
    r"\b(?:(?:on|from)(?: my| the| a| pure)?|just(?: a| my| the)?|only(?: a| my| the)?) cpu\b", re.I
)
_HOST_NAMED = re.compile(rf"\b({_HOST})\b", re.I)
_COUNT = re.compile(r"(?:^|[\s(])(\d{1,3}) ?[x×*]? ?$|\b(two|three|four|six|eight|dual) $", re.I)
_CARDS_BEFORE = re.compile(r"\b(\d{1,3}|two|three|four|six|seven|eight)(?: ?[x×*])? ?(?:gpus?|cards?)\b", re.I)
_NODES = re.compile(
    r"\b(\d{1,2}|two|three|four|five|six|eight) (?:nodes?|machines?|servers?|hosts?|boxes)"
    r"(?:[\s,:]{1,2}(?:each|every|per (?:node|machine|server)|with|of|having|has|have|[x×*]|a)){1,3}\s?$",
    re.I,
)
"""Before the count of each: *2 nodes with 8x …*."""
_DENSE_ASPECT = 100
"""Hidden size over layers of a dense decoder: 8192/80 of a 70B, 4096/32 of an 8B, 5120/64 of a 32B."""
_HEAD = 128

# Transfers per second that machines of a generation mostly have (JEDEC), where nothing is said.
_COMMON_MT_PER_S = {
    "DDR3": 1600,
    "DDR4": 3200,
    "DDR5": 5600,
    "LPDDR4": 4266,
    "LPDDR4X": 4266,
    "LPDDR5": 6400,
    "LPDDR5X": 8533,
}
_BUS_BYTES = 8
_CHANNELS = 2


@dataclass(frozen=True)
class Described:
    named: Named
    start: int
    end: int
    rate: int | None = None
    """Where the speed of its memory stands."""


def nodes_before(text: str, at: int) -> int:
    """How many machines have what is counted at ``at`` each.

    >>> nodes_before("on 4 machines, each with 8 cards", 25), nodes_before("2 machines, 16 cards", 12)
    (4, 1)
    """
    found = _NODES.search(text, max(0, at - _NEAR * 2), at)
    return counted(found[1]) if found else 1


def rate_behind(text: str, figures: Sequence[FigureFound], at: int) -> FigureFound | None:
    """How fast a device's memory is, where that is told in the same sentence right behind its size, at ``at``."""
    words = _SENTENCE.split(text[at : at + _NEAR])[0]
    rates = (one for one in figures if one.dimension == "bytes/s" and at <= one.start < at + len(words))
    return next((one for one in rates if one.base >= LEAST_RATE), None)


def described(
    text: str, roles: Sequence[Roled], places: Sequence[Place], figures: Sequence[FigureFound] = ()
) -> Iterator[Described]:
    """Devices that are given by their memory, and its speed, alone: it is a card's or a shared one by its role, and no
    name beside it has it."""
    for at, one in enumerate(roles):
        figure, size = one.figure, gib_of(one.figure)
        if one.role not in ("vram", "unified") or figure.dimension != "bytes" or size < 0.5:
            continue
        behind = roles[at - 1].figure.end if at else 0
        ahead = roles[at + 1].figure.start if at + 1 < len(roles) else len(text)
        before = _BORDER.split(text[max(behind, figure.start - _NEAR) : figure.start])[-1]
        after = _BORDER.split(text[figure.end : min(ahead, figure.end + _NEAR)])[0]
        around = range(figure.start - len(before), figure.end + len(after))
        if any(place.kind in DEVICES and (place.start in around or place.end - 1 in around) for place in places):
            continue
        if one.role == "unified":
            mac = _MAC.search(before) or _MAC.search(after)
            name = f"a Mac with {size:g} GB" if mac else f"a machine with {size:g} GB of unified memory"
            device = DeviceFigures(name=name, memory_gib=size, backend="metal", unified_memory=True)
            yield _with_rate(Described(Named(name, figures=device), figure.start, figure.end), text, figures)
            continue
        several = _COUNT.search(before) or _CARDS_BEFORE.search(before)
        if not several and not (_CARD.search(before) or _CARD.search(after)):
            continue
        count = counted(next(group for group in several.groups() if group)) if several else 1
        if several:
            count *= nodes_before(text, figure.start - len(before) + several.start())
        amd = _AMD.search(before) or _AMD.search(after)
        device = DeviceFigures(name=_card(size), memory_gib=size, backend="rocm" if amd else "cuda")
        found = Described(Named(device.name, figures=device, count=count), figure.start, figure.end)
        yield _with_rate(found, text, figures)


def _with_rate(one: Described, text: str, figures: Sequence[FigureFound]) -> Described:
    rate = rate_behind(text, figures, one.end)
    if rate is None or not isinstance(one.named.figures, DeviceFigures):
        return one
    device = one.named.figures.model_copy(update={"memory_bandwidth_gb_per_s": rate.base / 1e9})
    return replace(one, named=replace(one.named, figures=device), rate=rate.start)


def on_processor(text: str) -> re.Match[str] | None:
    """Where it is said that there is no graphics card, or that the processor does the work and no card is spoken of."""
    if none := NO_CARD.search(text):
        return none
    return None if _CARD.search(text) else _ON_PROCESSOR.search(text)


def processor(stated: Quantities, host: str = "") -> Named:
    """The machine's own processor and memory, where nothing else runs the model."""
    bandwidth, assumed = system_bandwidth(stated)
    memory = stated.system_memory_gb
    if memory and _HANDHELD.search(host):
        figures = DeviceFigures(
            name=f"{host} with {memory:g} GB", memory_gib=memory, backend="metal", unified_memory=True, portable=True
        )
        return Named(figures.name, figures=figures)
    name = host or "a computer without a graphics card"
    if memory and "GB" not in name:
        name = f"{name} and {memory:g} GB of RAM" if not host else f"{name} with {memory:g} GB of RAM"
    figures = DeviceFigures(
        name=name, memory_gib=memory, memory_bandwidth_gb_per_s=bandwidth, bandwidth_assumed=assumed, backend="cpu",
        portable=_PORTABLE.search(host) is not None,
    )  # fmt: skip
    return Named(name, figures=figures)


def of_handheld(stated: Quantities, host: str, figures: Sequence[FigureFound]) -> Quantities:
    """A phone has one memory: the only size that is told of one is that, whatever it is called."""
    sizes = [one for one in figures if one.dimension == "bytes" and not one.per]
    if stated.system_memory_gb or not _HANDHELD.search(host) or len(sizes) != 1:
        return stated
    return replace(stated, system_memory_gb=gib_of(sizes[0]), vram_gib=None, size_gb=None)


_YEAR = re.compile(r"\b(20[0-2]\d)\b")
_OLD = re.compile(r"(?<!year )(?<!years )(?<!year-)\b(?:old|ancient|aging|vintage)\b", re.I)
"""Of a thing, and not of somebody's age."""
_FIRST_DDR4, _FIRST_DDR5 = 2015, 2022
"""Years from which most new computers had it."""


def memory_of_age(text: str) -> str | None:
    """The RAM that a computer of a told age mostly has; None where no age is told, or it is new.

    >>> memory_of_age("a thinkpad from 2016"), memory_of_age("my 2012 pc"), memory_of_age("a 12 year old's laptop")
    ('DDR4-2400', 'DDR3-1600', None)
    """
    year = _YEAR.search(text)
    if year is None:
        return "DDR4-2400" if _OLD.search(text) else None
    if int(year[1]) >= _FIRST_DDR5:
        return None
    return "DDR4-2400" if int(year[1]) >= _FIRST_DDR4 else "DDR3-1600"


def host_in(text: str) -> str:
    """``an old office pc``: a machine without a name."""
    found = _HOST_NAMED.search(text)
    if not found:
        return ""
    word = re.sub(r"\s+", " ", found[1]).strip().lower()
    return f"{article(word)} {word}"


def system_bandwidth(stated: Quantities) -> tuple[float, bool]:
    """Of system memory: channels × 8 bytes × transfers; and whether any of that is assumed.

    >>> system_bandwidth(Quantities(memory_type="DDR5-4800", memory_channels=12))
    (460.8, False)
    >>> system_bandwidth(Quantities(memory_type="DDR4"))
    (51.2, True)
    """
    if stated.system_bandwidth_gb_per_s:
        return stated.system_bandwidth_gb_per_s, False
    kind, _, rate = (stated.memory_type or "DDR5").partition("-")
    transfers = int(rate) if rate else _COMMON_MT_PER_S.get(kind, 5600)
    channels = stated.memory_channels or _CHANNELS
    said = bool(rate and stated.memory_channels)
    return round(channels * _BUS_BYTES * transfers / 1000, 1), not said


def _card(size: float) -> str:
    return f"{article(f'{size:g}')} {size:g} GB graphics card"


def model_of_size(names: Names, size: str) -> Named:
    """A model that is given by its size alone: in the shape of the one that stands for it, else of dense models."""
    billions = float(size[:-1]) * (1000 if size[-1] in "tT" else 1)
    label = f"{billions:g}B"
    typical = names.matches("models", label)
    return Named(label, (typical[0],)) if typical else Named(label, figures=_dense(billions, label))


def mixture_of_size(size: str, active: float) -> Named:
    """A mixture of experts by what it holds and what each token passes through, in the shape of a dense model."""
    dense = _dense(float(size[:-1]) * (1000 if size[-1] in "tT" else 1), size.upper())
    name = f"{dense.name} with {active:g}B active"
    return Named(name, figures=dense.model_copy(update={"name": name, "params_active": round(active * 1e9)}))


def _dense(billions: float, label: str) -> ModelFigures:
    """Layers and width of a dense decoder with so many parameters: about 12 × layers × width²."""
    layers = max(4, round((billions * 1e9 / (12 * _DENSE_ASPECT**2)) ** (1 / 3)))
    heads = max(2, round(layers * _DENSE_ASPECT / _HEAD))
    return ModelFigures(
        name=f"{article(label)} {label} model",
        params_total=round(billions * 1e9),
        num_hidden_layers=min(layers, 1000),
        hidden_size=heads * _HEAD,
        num_attention_heads=heads,
        num_key_value_heads=min(8, heads),
        head_dim=_HEAD,
    )
