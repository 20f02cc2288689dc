"""What a question asks, as the rest of the chat works on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from kb.catalogue.names import Match
from kb.chat.quantities import Quantities

DEFAULT_QUANTIZATION = "q4_k_m"
"""What is meant where none is named: the common choice."""

Intent = Literal[
    "fit", "memory", "speed", "max_context", "best_quantization", "what_runs", "compare", "kv_cache", "power_supply",
    "power_cost", "load_time", "transfer", "training", "rent_or_buy", "token_cost", "recommend", "spec", "define",
    "disputes", "passages", "max_users", "supports", "lanes", "build",
]  # fmt: skip

INTENT_OF_TOOL: Mapping[str, Intent] = {
    "check_fit": "fit", "estimate_speed": "speed", "estimate_memory": "memory", "max_context": "max_context",
    "best_quantization": "best_quantization", "kv_cache_size": "kv_cache", "what_runs_on": "what_runs",
    "compare_devices": "compare", "recommend_hardware": "recommend", "size_power_supply": "power_supply",
    "estimate_power_cost": "power_cost", "estimate_load_time": "load_time", "estimate_transfer_time": "transfer",
    "estimate_training_memory": "training", "rent_or_buy": "rent_or_buy", "cost_per_million_tokens": "token_cost",
    "lookup_term": "define", "lookup_spec": "spec", "search_passages": "passages", "check_pcie_lanes": "lanes",
    "plan_build": "build",
}  # fmt: skip
"""What a call of a tool asks for."""

MEANT = 0.25
"""How likely an intent must be by sense where no words speak for another."""


@dataclass(frozen=True)
class Thing:
    """A record that the question names; ``name`` is what the tools take for it.

    Several ``candidates`` where the name is ambiguous.
    """

    name: str
    candidates: tuple[Match, ...]
    count: int = 1

    @property
    def match(self) -> Match:
        return self.candidates[0]

    @property
    def ambiguous(self) -> bool:
        return len(self.candidates) > 1

    @property
    def label(self) -> str:
        return self.match.label


@dataclass(frozen=True)
class Claim:
    """Something that the question takes for granted of a device, to be held against its record."""

    thing: Thing
    key: Literal["memory_gib", "memory_bandwidth_gb_per_s", "cuda_cores", "nvlink"]
    value: float


@dataclass(frozen=True, kw_only=True)
class Question(Quantities):
    """Names, quantities and intents of the last message, completed from the ones before."""

    text: str
    intents: tuple[Intent, ...] = ()
    models: tuple[Thing, ...] = ()
    devices: tuple[Thing, ...] = ()
    quantizations: tuple[Thing, ...] = ()
    together: bool = False
    """The devices named work as one machine."""
    terms: tuple[Thing, ...] = ()
    others: tuple[Thing, ...] = ()
    """Specs of the other kinds: drives, links, boards, engines, builds."""
    figure_keys: tuple[str, ...] = ()
    """Figures that are asked for by name (``tdp_w``, ``price``)."""
    claims: tuple[Claim, ...] = ()
    unknown: tuple[str, ...] = ()
    """Names that look like a device or a model and are none that we know."""
    notes: tuple[str, ...] = ()
    cpu_bandwidth_gb_per_s: float | None = None
    """Of system memory, where the model is to run on a CPU that is not named."""
    cpu_bandwidth_assumed: str = ""
    """What of that bandwidth nobody said."""
    training_method: Literal["full", "lora", "qlora"] | None = None
    meant: Mapping[Intent, float] = field(default_factory=dict)
    """How likely each intent is by the question's sense, whatever words it has."""
    carried: tuple[str, ...] = field(default=())
    """What was taken from earlier messages."""


def platform_of(question: Question) -> Thing | None:
    """What has the lanes: a board that is named, else a processor."""
    named = (*question.others, *question.devices)
    return next((thing for kind in ("motherboards", "cpus") for thing in named if thing.match.kind == kind), None)


def cards_of(question: Question) -> list[Thing]:
    return [thing for thing in question.devices if thing.match.kind == "accelerators"]
