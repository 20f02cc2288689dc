"""Things that are described and not named: an 8 GB card, a laptop with 16 GB, no graphics card, a 70B model."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kb.catalogue.names import Names
from kb.chat.reading.situation import Named, Quantities
from kb.chat.reading.spans import gib_of
from kb.text.figures import FigureFound
from kb.text.numerals import counted
from kb.text.wording import article
from kb.tools.shared.given import DeviceFigures, ModelFigures

_NEAR = 30
_CARD = r"(?:gpus?|(?:graphics? |video |amd |nvidia |intel )?cards?|graphics|vram card|显?卡)"
_HOST = (
    r"(?:(?:gaming |old |office |work |mini[ -]?|home |cheap |used |small |linux |windows |desktop ){0,3}"
    r"(?:laptop|notebook|pc|desktop|computer|machine|server|workstation|box|nuc|thinkpad|vps|vm|phone|tablet|chromebook))"
)
_MAC = r"(?:mac(?:book)?s?\b(?: pro| air| mini| studio)?|apple silicon)"
_BEHIND = re.compile(
    rf"[ -]?(?:of )?(?:unified |vram |memory )?(?:(?P<mac>{_MAC})|(?P<card>(?:amd |radeon )?{_CARD})(?![a-z])|(?P<host>{_HOST})\b)",
    re.I,
)
_BEFORE = re.compile(
    rf"\b(?:(?P<mac>{_MAC})|(?P<card>{_CARD})|(?P<host>{_HOST}))\b(?: that)?(?: is| are|,|:)? ?(?:with|of|has|having|got|at)?"
    r"(?: only| just| about)? ?(?:a )?\(?$", re.I
)  # fmt: skip
_UNIFIED_BEHIND = re.compile(r" ?(?:of )?unified", re.I)
_RAM_BEHIND = re.compile(r" ?(?:of )?(?:ram|memory|ddr)", re.I)
_AMD = re.compile(r"\b(?:amd|radeon|rocm)\b", re.I)
CPU_ONLY = re.compile(
    r"\bno (?:dedicated |discrete |real )?(?:gpu|graphics card|video card)\b|\b(?:pure )?cpu[- ]only|without (?:a |any )?(?:dedicated )?"
    r"(?:gpu|graphics)|\b(?:on|from) (?:my |the |a |pure )?cpu\b|just (?:a |my |the )?cpu\b|\bonly (?:a |the |my )?cpu\b", re.I
)  # fmt: skip
_OLD_HOST = re.compile(rf"\b(?:(?:my|an?|this|our) (?:(?!old |office )\w{{1,20}} )?|(?=old |office ))({_HOST})\b", re.I)
_STICKS = re.compile(r"\bddr|\bdimm|\bsticks?\b|\bmodules?\b|\bboard\b|\bmacs?\b|\bstudio\b", re.I)
_COUNT = re.compile(r"(?:^|[\s(])(\d{1,3}) ?[x×*]? ?$|\b(two|three|four|six|eight|dual) $", re.I)
_CARDS_BEFORE = re.compile(r"\b(\d{1,3}|two|three|four|six|eight) (?:gpus|cards)\b", re.I)
_DENSE_ASPECT = 100
"""Hidden size over layers of a dense decoder: 8192/80 of a 70B, 4096/32 of an 8B, 5120/64 of a 32B."""
_HEAD = 128
LIKE_SIZE = 0.1
"""How far off a size the model may be whose shape stands for it: 8.03 billion parameters are called 8B."""

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


def cards(text: str, figures: Sequence[FigureFound]) -> Iterator[Described]:
    """Devices that are given by their memory; ``figures`` are those that belong to no name."""
    sticks = _STICKS.search(text) is not None
    for figure in figures:
        if figure.dimension != "bytes" or figure.per or figure.base < 0.5e9:
            continue
        size = gib_of(figure)
        before = text[max(0, figure.start - _NEAR) : figure.start]
        found = _BEHIND.match(text, figure.end) or _BEFORE.search(before)
        if found is None:
            if (several := _COUNT.search(before)) and several[1] and 4 <= size <= 200 and not sticks:
                card = DeviceFigures(name=_card(size), memory_gib=size)
                yield Described(Named(card.name, figures=card, count=int(several[1])), figure.start, figure.end)
            continue
        start = figure.start if found.string is text else figure.start - len(before) + found.start()
        several = _COUNT.search(before) or _CARDS_BEFORE.search(before)
        count = 1
        if several:
            count = counted(next(group for group in several.groups() if group))
        what = found.lastgroup
        if what == "card" and _RAM_BEHIND.match(text, figure.end):
            continue
        if what == "card":
            backend = "rocm" if _AMD.search(text, max(0, start - 12), figure.end + 20) else "cuda"
            device = DeviceFigures(name=_card(size), memory_gib=size, backend=backend)
        elif what == "mac" or _UNIFIED_BEHIND.match(text, figure.end):
            device = DeviceFigures(
                name=f"a Mac with {size:g} GB" if what == "mac" else f"a machine with {size:g} GB of unified memory",
                memory_gib=size,
                backend="metal",
                unified_memory=True,
            )
        else:
            word = re.sub(r"\s+", " ", found["host"]).strip().lower()
            device = DeviceFigures(
                name=f"{article(word)} {word} with {size:g} GB of RAM", memory_gib=size, backend="cpu"
            )
        end = figure.end if found.string is not text else found.end()
        yield Described(Named(device.name, figures=device, count=count), start, max(end, figure.end))


def processor(stated: Quantities, host: str = "") -> Named:
    """The machine's own processor and memory, where nothing else runs the model."""
    bandwidth, assumed = system_bandwidth(stated)
    memory = stated.system_memory_gb
    name = host or "a computer without a graphics card"
    if memory and "GB" not in name:
        name = f"{name} and {memory:g} GB of RAM" if not host else f"{name} with {memory:g} GB of RAM"
    figures = DeviceFigures(
        name=name, memory_gib=memory, memory_bandwidth_gb_per_s=bandwidth, bandwidth_assumed=assumed, backend="cpu"
    )
    return Named(name, figures=figures)


def host_in(text: str) -> str:
    """``an old office pc``: a machine of which nothing is said."""
    found = _OLD_HOST.search(text)
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
