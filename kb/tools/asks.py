"""How people ask for a tool: the ``ask.yaml`` of its folder, read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from kb.catalogue.files import UnreadableFile, read_mapping
from kb.catalogue.records import Record
from kb.errors import InvalidKnowledge

Role = Literal[
    "model", "models", "device", "devices", "device_count", "quantization", "kv_cache_type", "context", "users",
    "system_memory_gb", "budget", "currency", "price_per_kwh", "hours_per_day", "rent_per_hour", "watts", "psu_w",
    "size_gb", "read_mb_per_s", "tokens_per_s", "better_tokens_per_s", "better_engine", "prefill_tokens_per_s",
    "wait_s", "tokens_waited_for", "drafted",
    "nvme_drives", "batch_size", "training_method", "vendor", "cpu",
    "platform", "drive", "link", "split", "term", "terms", "spec", "specs", "cards", "figure_keys", "engine", "use",
    "quiet", "replaces", "hosts", "host_link",
    "min_memory_gib", "query", "machine", "card", "card_count", "rest_w",
    "power_limit_w", "memory_in_use_gb", "memory_needed_gb", "cache_gb",
    "memory_type", "memory_channels", "system_bandwidth_gb_per_s", "gpu_layers",
    "prompt_tokens", "output_tokens", "requests", "options", "backend", "draft", "spec_count", "purchase",
    "owned", "owned_devices", "considered", "compared", "near_usd", "wanted_tokens_per_s", "judged_speed", "of_prompts",
    "unknown_processor", "told",
    "models_compared", "model_name", "tensor_parallel", "server_tensor_parallel", "kwh_currency",
    "considered_system_memory_gb", "considered_memory_channels", "and_more",
    "form", "media_model", "rank", "targets", "optimizer", "days_per_week",
    "sharding", "measured_gb", "images", "image_size", "memory_share", "system",
]  # fmt: skip
"""What in a question fills a slot; :mod:`kb.chat.reading.situation` has each by this name."""


class AskSlot(Record):
    """One argument of the tool. ``because`` says why its default is what it is; a default that ``decides`` could change
    the answer and is shown beside it. Where a ``required`` slot is empty, ``otherwise`` names the tool that answers
    without it, and ``ask_back`` is the question to the user."""

    role: Role = Field(validation_alias="from")
    required: bool = False
    default: Any = None
    because: str = ""
    decides: bool = False
    unless: tuple[str, ...] = ()
    """Slots of which each leaves this one empty where it is filled."""
    at_most: int | None = None
    """With more values than that, the question is of another kind: ``otherwise`` answers it."""
    otherwise: str = ""
    ask_back: str = ""
    of_ram: tuple[str, ...] = ()
    """Of a device: what must be told of the RAM for a computer with it to be meant where no device is named."""


class AskFile(Record):
    """``ask.yaml``: ``slots`` by argument, ``beside`` tools whose answer is a line beside this one's."""

    asks: str
    """What the asker wants, in a few words that go on from "You ask": "whether a model fits on a device"."""
    example: Mapping[str, Any]
    """Arguments of one call, for the documentation and for whoever tries the tool."""
    slots: Mapping[str, AskSlot] = {}
    bare: tuple[Role, ...] = ()
    """What a question that names just these, and does not tell what it asks, is answered with by this tool."""
    longest: int | None = None
    """Words of a message; a longer one asks for more than this tool tells, and ``otherwise`` answers it."""
    text_models: bool = False
    """It knows language models alone: a question about images, video or speech is answered by ``otherwise``."""
    of_layers: bool = False
    """What it tells follows from a model's layers: of one that nobody knows, its size does not tell it."""
    needs_one_of: tuple[str, ...] = ()
    """Slots of which one must be filled; else ``otherwise`` or ``ask_back``, as for a slot. ``otherwise`` also answers
    where the tool finds nothing, and nothing else was found."""
    otherwise: str = ""
    ask_back: str = ""
    of_use: str = ""
    """The use that only this tool works out: where it is spoken of, ``instead_of`` give way to it."""
    of_named: Role | None = None
    """What only this tool works out: where it is named, and no language model is, ``instead_of`` give way to it."""
    of_one_model: str = ""
    """The tool that answers where one model is named, and no others are asked for."""
    of_together: str = ""
    """The tool that answers where the devices are spoken of as one machine."""
    of_figure: Role | None = None
    """What this tool explains: where it is stated, and a model is named, ``instead_of`` give way to it."""
    tells: frozenset[str] = frozenset()
    """Figures by their keys, that it tells of what is ``of_named``; asked for another, the record answers."""
    instead_of: tuple[str, ...] = ()
    """Tools in whose place this one answers where all of ``when`` are filled and something new is held against them."""
    when: tuple[Role, ...] = ()
    beside: tuple[str, ...] = ()
    yields: float | None = None
    """How likely a passage must be to answer outright, to be told in this tool's place: where a list, a sheet or a
    first step is a poor answer to a question of its own. Set by hand on the learning half of ``eval/asked``."""
    checks: bool = False
    """It tells only whether something is so: what else is asked is answered too."""
    follow_ups: tuple[str, ...] = ()
    """What to offer next, as the user would ask it."""


Ways = Mapping[str, tuple[str, ...]]
"""How people ask, by who wrote it: texts with ``{slots}`` and ``[choices|between]``."""


@dataclass(frozen=True)
class Asked:
    """What a tool's ``say.py`` is told of the question: which slots it stated, and what the answer takes up."""

    tool: str
    stated: frozenset[str] = frozenset()
    """Arguments that the user gave; the others are defaults."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""
    """The question, for the few words that choose a sentence; never for a figure."""
    tokens_per_s: float | None = None
    """A speed that was measured or claimed."""
    engine: str = ""
    use: str = ""
    out_of_memory: bool = False
    """Memory ran out, as the question or one before it tells."""
    beside: bool = False
    """The answer stands in a line beside another tool's, which has named model and device."""


Form = TypeVar("Form")


def read_asks(path: Path) -> AskFile:
    """Raises :class:`InvalidKnowledge` with the file, the key and what is accepted."""
    return read_form(path, TypeAdapter(AskFile))


def read_ways(path: Path) -> Ways:
    """``ways.yaml``; nobody's where there is none. Raises :class:`InvalidKnowledge` as :func:`read_asks` does."""
    return read_form(path, TypeAdapter(dict[str, tuple[str, ...]])) if path.exists() else {}


def read_form(path: Path, form: TypeAdapter[Form]) -> Form:
    """A YAML file in this form. Raises :class:`InvalidKnowledge` as :func:`read_asks` does."""
    where = f"{path.parent.name}/{path.name}"
    try:
        return form.validate_python(read_mapping(path))
    except UnreadableFile as error:
        raise InvalidKnowledge([f"{where}: {error}"]) from error
    except ValidationError as error:
        problems = [
            f"{where}: {'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors(include_url=False)
        ]
        raise InvalidKnowledge(problems) from error
