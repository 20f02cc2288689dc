"""What was understood of a conversation: what the person has, considers and wants, and what is asked now."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from kb.catalogue.names import Match
from kb.catalogue.records import System
from kb.text.wording import article
from kb.tools.shared.given import DeviceFigures, ModelFigures

TrainingMethod = Literal["full", "lora", "lora_8bit", "qlora", "rl"]
"""``rl`` is reinforcement learning, which holds several models at once: no calculator here takes it."""
Standing = Literal["has", "considers", "mentioned"]
SpeedIs = Literal["measured", "claimed", "wanted", ""]


@dataclass(frozen=True)
class Named:
    """A record that is named, or a thing that is described by its figures (``an 8 GB card``).

    ``name`` is what the user wrote; several ``candidates`` where it may be any of them.
    """

    name: str
    candidates: tuple[Match, ...] = ()
    figures: DeviceFigures | ModelFigures | None = None
    count: int = 1
    standing: Standing = "mentioned"

    @property
    def match(self) -> Match:
        return self.candidates[0]

    @property
    def kind(self) -> str:
        return self.candidates[0].kind if self.candidates else ""

    @property
    def label(self) -> str:
        if self.figures is not None:
            return self.figures.name
        match = self.candidates[0]
        if match.size:
            return f"{article(match.size)} {match.size.upper()} model"
        return f"{match.label} {match.memory_gib} GB" if match.memory_gib else match.label

    @property
    def argument(self) -> str | DeviceFigures | ModelFigures:
        """What the tools take for it."""
        if self.figures is not None:
            return self.figures
        match = self.candidates[0]
        return match.size or (f"{match.slug} {match.memory_gib}GB" if match.memory_gib else match.slug)


@dataclass(frozen=True)
class Claim:
    """Something that the question takes for granted of a device, to be held against its record."""

    thing: Named
    key: str
    """The figure's key in the record (``memory_gib``, ``memory_bandwidth_gb_per_s``, ``cuda_cores``, ``nvlink`` …)."""
    value: float


@dataclass(frozen=True)
class Speed:
    """``device`` and ``engine`` are the names beside it, as they are written; empty where none is."""

    tokens_per_s: float
    speed_is: SpeedIs
    device: str = ""
    engine: str = ""


@dataclass(frozen=True, kw_only=True)
class Quantities:
    """What is stated in numbers, each in the unit of its name; None where nothing is."""

    context: int | None = None
    users: int | None = None
    kv_cache_type: str | None = None
    system_memory_gb: float | None = None
    considered_system_memory_gb: float | None = None
    """That there would be, where more is thought of."""
    memory_type: str | None = None
    """Of system memory: ``DDR4-3200``."""
    memory_channels: int | None = None
    considered_memory_channels: int | None = None
    """That there would be, with another module."""
    system_bandwidth_gb_per_s: float | None = None
    """Of system memory, stated or by type and channels."""
    memory_in_use_gb: float | None = None
    memory_free_gb: float | None = None
    """Of the device's memory, what can be used of it."""
    memory_share: float | None = None
    """Of a device's memory, what a program may take."""
    memory_needed_gb: float | None = None
    """What a model is said, or seen, to take in all."""
    cache_gb: float | None = None
    """What its cache is said, or seen, to take."""
    power_limit_w: float | None = None
    """Per card."""
    psu_w: float | None = None
    watts: float | None = None
    """A consumption that is stated ("my server draws 300 W")."""
    budget: float | None = None
    price: float | None = None
    """Of what is bought, as it is stated ("it costs me 1,600 dollars")."""
    currency: str | None = None
    price_per_kwh: float | None = None
    kwh_currency: str | None = None
    hours_per_day: float | None = None
    days_per_week: float | None = None
    rent_per_hour: float | None = None
    size_gb: float | None = None
    """Of a file, or of something to move."""
    vram_gib: float | None = None
    """Device memory that is given without a device."""
    read_mb_per_s: float | None = None
    mbit_per_s: float | None = None
    """Of a network or of the internet, where it is given by its rate."""
    tokens_per_s: float | None = None
    """Measured, claimed or wanted; ``speed_is`` says which."""
    speed_is: SpeedIs = ""
    prefill_tokens_per_s: float | None = None
    """How fast a prompt is read."""
    wait_s: float | None = None
    """For the first word of an answer, or for all of it."""
    images: int | None = None
    """That a model is to be shown."""
    image_size: str | None = None
    """Of each, in pixels: ``1920x1080``."""
    nvme_drives: int | None = None
    hosts: int | None = None
    """Computers that the devices are spread over."""
    batch_size: int | None = None
    gpu_layers: int | None = None
    options: str | None = None
    """Of llama.cpp, that say what goes where, as they stand."""
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    """That the model is to write for one request."""
    requests: int | None = None
    """Texts that are to be worked through."""
    rank: int | None = None
    """Of LoRA adapters."""
    targets: str | None = None
    optimizer: str | None = None
    measured_gb: float | None = None
    """What a run of training takes on its card, by whoever saw it."""


@dataclass(frozen=True, kw_only=True)
class Situation(Quantities):
    """The last message, with what earlier ones left standing."""

    text: str
    """The last message, in the one form that is read."""
    plain: str = ""
    """The same with what names stand for in their place: *why is my graphics card slow*."""
    query: str = ""
    """What is looked for in the passages: the message, or with what it goes on from."""
    language: str = "en"
    """That the message is written in; ``text`` is English."""
    understood: float = 1.0
    """Of its words, the share that could be put in English."""
    models: tuple[Named, ...] = ()
    devices: tuple[Named, ...] = ()
    """Accelerators, machines, processors, and devices given by figures; in the order of the text."""
    quantizations: tuple[Named, ...] = ()
    draft: str = ""
    """What guesses ahead: a model's slug, ``mtp`` or ``ngram``."""
    terms: tuple[Named, ...] = ()
    others: tuple[Named, ...] = ()
    """Records of other kinds: drives, links, boards, engines, builds, power supplies."""
    together: bool = False
    """The devices work as one machine."""
    alternatives: bool = False
    """The devices are held against each other."""
    tensor_parallel: bool = False
    """They work on each token together, by what is said or by the program."""
    figure_keys: tuple[str, ...] = ()
    """Figures of a record that are asked for by name."""
    claims: tuple[Claim, ...] = ()
    speeds: tuple[Speed, ...] = ()
    """All that the message tells, of which ``tokens_per_s`` is one."""
    unknown: tuple[str, ...] = ()
    """Names in the form of a device or a model that no record has."""
    unknown_processor: str = ""
    """A processor that no record has, beside devices that are known: it decides little."""
    training_method: TrainingMethod | None = None
    sharding: str | None = None
    """How several cards divide the training, by the name of the program or of its stage."""
    out_of_memory: bool = False
    """It tells that memory ran out."""
    engine: str = ""
    """The slug of the program that is spoken of."""
    system: System | None = None
    """The operating system that is spoken of."""
    use: str = ""
    """``coding``, ``chat``, ``writing``, ``images``, ``documents`` …; empty where none is named."""
    other_models: bool = False
    """Models for images, video or speech are spoken of."""
    vendor: str | None = None
    form: str = ""
    """What is to be bought: ``card``, ``computer`` or ``laptop``; empty where it is not said."""
    replaces: bool = False
    """Another computer is to be bought in the place of the one that is there."""
    quiet: bool = False
    hearsay: bool = False
    """It tells what somebody said, and asks nothing."""
    why: bool = False
    """It asks for no more than the reasons of the answer before."""
    notes: tuple[str, ...] = ()
    """What was read otherwise than it was written, or not at all."""
    carried: tuple[str, ...] = ()
    """What was taken from earlier messages: names by their labels, figures by the names of their fields."""
    asks: Mapping[str, float] = field(default_factory=dict)
    """How likely each ask is, by a tool's name or one of :data:`kb.chat.reading.asks.TALK`, likeliest first."""
    earlier_ask: str = ""
    """The ask of the turn before."""
    earlier: "Situation | None" = None
    """That of the turn before, where there was one."""
    goes_on: bool = False
    """Whether it goes on from the turn before."""
    only_names: bool = False
    """The last message is nothing but names and figures: it asks nothing of its own."""
    named_now: bool = False
    """Whether the last message itself names a model, a device, a quantization, a program, or one that nobody knows."""
