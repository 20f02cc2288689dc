"""What the memory and speed calculators answer. GB is 10^9 bytes, GiB 2^30."""

from typing import Literal

from pydantic import Field

from kb.catalogue.records import Record

Verdict = Literal["fits", "fits_with_offload", "does_not_fit"]


class Breakdown(Record):
    """Where the required memory goes, over all devices."""

    weights_gb: float
    kv_cache_gb: float
    compute_buffer_gb: float
    runtime_overhead_gb: float


class DeviceLoad(Record):
    """What one device holds."""

    device: str
    layers: int
    weights_gb: float
    kv_cache_gb: float
    compute_buffer_gb: float
    runtime_overhead_gb: float
    available_gb: float


class Offload(Record):
    """What is kept in system memory when the devices cannot hold everything."""

    layers_on_device: int
    layers_total: int
    experts_on_cpu_layers: int = 0
    device_gb: float
    system_memory_gb: float
    weights_in_system_memory_gb: float
    weights_offloaded_percent: float


class Commands(Record):
    """The command line that places the model as calculated."""

    llama_cpp: str | None = None
    ollama: str | None = None
    vllm: str | None = None


class Fit(Record):
    """Does it fit? ``required_gb`` is what the devices need to hold everything."""

    verdict: Verdict
    required_gb: float
    available_gb: float
    headroom_gb: float
    breakdown: Breakdown
    max_context: int
    """The longest context at which everything fits on the devices, capped at the model's own limit; 0 if none."""
    offload: Offload | None = None
    per_device: tuple[DeviceLoad, ...] = ()
    commands: Commands | None = None
    formula: str
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Range(Record):
    """``low`` to ``high`` holds about 80 % of measurements."""

    low: float = Field(ge=0)
    typical: float = Field(ge=0)
    high: float = Field(ge=0)


Limit = Literal["memory_bandwidth", "compute", "fixed_costs", "link", "system_memory"]


class MemoryRead(Record):
    """What one memory gives for each token; of equal cards that hold layers, all together, one after another."""

    memory: str
    gb_per_token: float
    gb_per_s: float
    is_system: bool = False
    """Whether it is the machine's RAM beside the devices."""


class Speed(Record):
    """How fast: one request's decode and prefill speed, and the bound that memory bandwidth sets."""

    decode_tokens_per_s: Range
    ceiling_tokens_per_s: float
    ceiling_conditions: tuple[str, ...] = ()
    """What the ceiling takes for granted; without any, no software passes it."""
    prefill_tokens_per_s: Range
    time_to_first_token_s: float
    bottleneck: str
    limited_by: Limit = "memory_bandwidth"
    """The same as ``bottleneck``, in one word."""
    reads: tuple[MemoryRead, ...] = ()
    """What the ceiling is worked out from, memory by memory; empty where the cards work all at once."""
    aggregate_tokens_per_s: Range | None = None
    bytes_read_per_token_gb: float
    formula: str
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
