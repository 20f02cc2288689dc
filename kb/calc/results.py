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
    projector_gb: float = 0.0
    """What sees, where images are shown."""


class DeviceLoad(Record):
    """What one device holds."""

    device: str
    layers: int
    """How many it holds."""
    weights_gb: float
    kv_cache_gb: float
    compute_buffer_gb: float
    runtime_overhead_gb: float
    projector_gb: float = 0.0
    """What sees, where images are shown."""
    available_gb: float
    """What it has for them."""


class Offload(Record):
    """What is kept in system memory when the devices cannot hold everything."""

    layers_on_device: int
    """Of the model, how many the devices hold whole."""
    layers_total: int
    """Of the model."""
    experts_on_cpu_layers: int = 0
    """Layers whose experts stay in system memory, the rest of them on the device."""
    device_gb: float
    """What the devices then hold."""
    system_memory_gb: float
    """What system memory then holds."""
    weights_in_system_memory_gb: float
    """The weights among it."""
    weights_offloaded_percent: float
    """The same as a share of all weights."""


class Overflow(Record):
    """The one memory that holds too little, where all devices together have enough for their part."""

    memory: str
    """Whose it is; ``system memory`` for the RAM."""
    is_system: bool
    """Whether it is the RAM beside the devices."""
    required_gb: float
    """What it would have to hold."""
    available_gb: float
    """What it has for that."""


class Commands(Record):
    """The command line that places the model as calculated."""

    llama_cpp: str | None = None
    """For llama.cpp's server."""
    ollama: str | None = None
    """For Ollama."""
    vllm: str | None = None
    """For vLLM; null where it cannot run the model so."""


class Fit(Record):
    """Does it fit? ``required_gb`` is what the devices need to hold everything, or what a placement that was asked for
    puts on them; ``headroom_gb`` is what is left, and where ``overflow`` says why it does not fit, what that lacks."""

    verdict: Verdict
    required_gb: float
    available_gb: float
    headroom_gb: float
    breakdown: Breakdown
    """The same by part."""
    max_context: int
    """The longest context at which everything fits on the devices, capped at the model's own limit; 0 if none."""
    offload: Offload | None = None
    """What stays in system memory; null where nothing has to, or may."""
    overflow: Overflow | None = None
    """What is too small, where the devices' memory is enough in sum."""
    system_memory_required_gb: float | None = None
    """RAM as printed (64 means 64 GiB), with the system's share, from which on it runs with a part there; null where
    nothing goes there, and where no RAM would do."""
    per_device: tuple[DeviceLoad, ...] = ()
    """What each device holds."""
    commands: Commands | None = None
    """Lines that place the model so."""
    formula: str
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Range(Record):
    """``low`` to ``high`` holds about 80 % of measurements."""

    low: float = Field(ge=0)
    """About one in ten is slower."""
    typical: float = Field(ge=0)
    """The middle."""
    high: float = Field(ge=0)
    """About one in ten is faster."""


Limit = Literal["memory_bandwidth", "compute", "fixed_costs", "link", "system_memory"]


class MemoryRead(Record):
    """What one memory gives for each token; of equal cards that hold layers, all together, one after another."""

    memory: str
    """Whose it is."""
    gb_per_token: float
    """What is read of it for each token, in GB."""
    gb_per_s: float
    """How fast it is read, in GB/s."""
    is_system: bool = False
    """Whether it is the machine's RAM beside the devices."""


class Speed(Record):
    """How fast: one request's decode and prefill speed, and the bound that memory bandwidth sets."""

    decode_tokens_per_s: Range
    """Writing, of one conversation."""
    ceiling_tokens_per_s: float
    """What memory bandwidth allows at most."""
    ceiling_conditions: tuple[str, ...] = ()
    """What the ceiling takes for granted; without any, no software passes it."""
    prefill_tokens_per_s: Range
    """Reading the prompt."""
    time_to_first_token_s: float
    """Seconds until the first token comes, after the prompt."""
    bottleneck: str
    """What limits the writing, in words."""
    limited_by: Limit = "memory_bandwidth"
    """The same as ``bottleneck``, in one word."""
    reads: tuple[MemoryRead, ...] = ()
    """What the ceiling is worked out from, memory by memory; empty where the cards work all at once."""
    aggregate_tokens_per_s: Range | None = None
    """Of all conversations together, where there are several."""
    bytes_read_per_token_gb: float
    """What is read from memory for each token."""
    formula: str
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
