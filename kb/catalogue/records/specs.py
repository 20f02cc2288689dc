"""Specifications: what each device, part, model, format and build is, figure by figure.

A field that holds a ``Figure`` is named by the field's standard term with its unit; dense and sparse
throughput are two fields. ``kinds`` maps the folder names of ``glossary/specs`` to these classes.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from kb.catalogue.records.base import (
    AsOf,
    Citations,
    Count,
    Figure,
    Flag,
    Number,
    Options,
    Price,
    Record,
    Slug,
    Span,
    Text,
    Texts,
)

Use = Literal["chat", "coding", "writing", "documents", "agents"]
Backend = Literal["cuda", "rocm", "metal", "vulkan", "sycl", "cpu"]
System = Literal["linux", "macos", "windows"]


class Spec(Record):
    """What every kind of specification has."""

    kind: ClassVar[str]

    slug: Slug
    name: str
    vendor: str = ""
    aliases: tuple[str, ...] = ()
    ambiguous_aliases: tuple[str, ...] = ()
    """Names that other records of this kind answer to as well; asking by one lists them all."""
    summary: Annotated[str, Field(min_length=20)]
    prices: tuple[Price, ...] = ()
    sources: Citations

    def figures(self) -> Iterator[tuple[str, Figure[Any]]]:
        """The figures that are known, by key."""
        for key in type(self).model_fields:
            value = getattr(self, key)
            if isinstance(value, Figure):
                yield key, value


class Accelerator(Spec):
    """A GPU, or the GPU part of a system on a chip (Apple M-series, Strix Halo, GB10).

    ``memory_gib`` of unified-memory chips is the largest configuration; ``memory_options_gib`` lists them.
    """

    kind: ClassVar[str] = "accelerators"

    backend: Backend
    unified_memory: bool = False
    products: tuple[str, ...] = ()
    """What is sold with this chip inside; each of them with the chip's name is a name of it."""
    segment: Literal["consumer", "workstation", "datacenter", "laptop", "integrated"]
    architecture: Text | None = None
    chip: Text | None = None
    launched: Text | None = None
    memory_gib: Number | None = None
    memory_options_gib: Options | None = None
    memory_type: Text | None = None
    memory_bus_bits: Count | None = None
    ecc: Flag | None = None
    memory_bandwidth_gb_per_s: Number | None = None
    cuda_cores: Count | None = None
    stream_processors: Count | None = None
    gpu_cores: Count | None = None
    cpu_cores: Count | None = None
    tensor_cores: Count | None = None
    boost_clock_mhz: Number | None = None
    l2_cache_mb: Number | None = None
    fp32_tflops: Number | None = None
    fp16_dense_tflops: Number | None = None
    """Tensor (matrix) rate without sparsity, FP32 accumulation where published."""
    fp16_fp16acc_dense_tflops: Number | None = None
    fp16_sparse_tflops: Number | None = None
    bf16_dense_tflops: Number | None = None
    fp8_dense_tflops: Number | None = None
    fp8_sparse_tflops: Number | None = None
    fp4_dense_tflops: Number | None = None
    fp4_sparse_tflops: Number | None = None
    int8_dense_tops: Number | None = None
    int8_sparse_tops: Number | None = None
    native_precisions: Texts | None = None
    compute_capability: Text | None = None
    tdp_w: Number | None = None
    recommended_psu_w: Number | None = None
    power_connectors: Text | None = None
    pcie_generation: Number | None = None
    pcie_lanes: Count | None = None
    nvlink_gb_per_s: Number | None = None
    """Total of both directions per card; absent where ``nvlink`` is false."""
    nvlink: Flag | None = None
    gpus_on_card: Count | None = None
    """How many GPUs programs see on one card, where they are several; the figures are of all together."""
    cooling: Text | None = None
    slot_width: Number | None = None
    vgpu: Flag | None = None


class Machine(Spec):
    """A complete computer: a DGX Spark, a Mac, a mini PC, a server someone built."""

    kind: ClassVar[str] = "machines"

    accelerator: Slug | None = None
    accelerator_count: int = 1
    cpu: Slug | None = None
    chip: Text | None = None
    memory_gib: Number | None = None
    """Unified memory, or the system memory beside the accelerators' own."""
    memory_options_gib: Options | None = None
    memory_type: Text | None = None
    memory_bandwidth_gb_per_s: Number | None = None
    total_vram_gib: Number | None = None
    cpu_cores: Count | None = None
    cpu_description: Text | None = None
    gpu_cores: Count | None = None
    cuda_cores: Count | None = None
    fp4_sparse_tflops: Number | None = None
    fp4_dense_tflops: Number | None = None
    fp16_dense_tflops: Number | None = None
    storage_tb: Options | None = None
    networking: Texts | None = None
    power_w: Span | None = None
    size_mm: Text | None = None
    operating_system: Text | None = None
    max_params_billions: Number | None = None
    """The vendor's claim of the largest model that runs."""
    max_params_two_units_billions: Number | None = None
    motherboard: Slug | None = None
    psu_count: Count | None = None
    psu_w: Number | None = None
    launched: Text | None = None
    owner: Text | None = None


class Cpu(Spec):
    """A processor."""

    kind: ClassVar[str] = "cpus"

    architecture: Text | None = None
    process: Text | None = None
    cores: Count | None = None
    performance_cores: Count | None = None
    efficiency_cores: Count | None = None
    threads: Count | None = None
    base_clock_ghz: Number | None = None
    boost_clock_ghz: Number | None = None
    l3_cache_mb: Number | None = None
    tdp_w: Number | None = None
    max_power_w: Number | None = None
    memory_type: Text | None = None
    memory_channels: Count | None = None
    memory_mt_per_s: Number | None = None
    memory_bandwidth_gb_per_s: Number | None = None
    max_memory_gib: Number | None = None
    ecc: Flag | None = None
    pcie_generation: Number | None = None
    pcie_lanes: Count | None = None
    usable_pcie_lanes: Count | None = None
    chipset_pcie_lanes: Count | None = None
    max_gpus_x16: Count | None = None
    socket: Text | None = None
    launched: Text | None = None


class Motherboard(Spec):
    """A mainboard."""

    kind: ClassVar[str] = "motherboards"

    socket: Text | None = None
    chipset: Text | None = None
    pcie_x16_slots: Count | None = None
    pcie_generation: Number | None = None
    slot_layout: Text | None = None
    dimm_slots: Count | None = None
    memory_channels: Count | None = None
    memory_type: Text | None = None
    max_memory_gib: Number | None = None
    m2_slots: Count | None = None
    networking: Texts | None = None
    form_factor: Text | None = None
    vrm_phases: Count | None = None
    remote_management: Text | None = None
    ecc: Flag | None = None


class MemoryKit(Spec):
    """A set of system-memory modules sold together."""

    kind: ClassVar[str] = "memory"

    capacity_gib: Number | None = None
    modules: Count | None = None
    module_gib: Number | None = None
    memory_type: Text | None = None
    mt_per_s: Number | None = None
    cas_latency: Number | None = None
    ecc: Flag | None = None
    registered: Flag | None = None
    channels: Count | None = None
    memory_bandwidth_gb_per_s: Number | None = None
    """At the number of channels that the kit fills."""


class StorageDrive(Spec):
    """An SSD or a hard disk."""

    kind: ClassVar[str] = "storage"

    taken_where_none_is_named: bool = False
    """The drive that load times are given for where nobody names one."""
    capacity_tb: Options | None = None
    interface: Text | None = None
    pcie_generation: Number | None = None
    sequential_read_mb_per_s: Number | None = None
    sequential_write_mb_per_s: Number | None = None
    endurance_tbw: Options | None = None
    """One per capacity, in the order of ``capacity_tb``."""


class PowerSupply(Spec):
    """A power supply unit."""

    kind: ClassVar[str] = "power-supplies"

    power_w: Number | None = None
    efficiency_rating: Text | None = None
    peak_efficiency_percent: Number | None = None
    atx_version: Text | None = None
    pcie_version: Text | None = None
    connectors_12v_2x6: Count | None = None
    modular: Text | None = None
    warranty_years: Number | None = None
    features: Texts | None = None


class Cooler(Spec):
    """A CPU or GPU cooler, a loop or a cooling design."""

    kind: ClassVar[str] = "cooling"

    design: Text | None = None
    socket: Text | None = None
    radiator_mm: Number | None = None
    suited_to_w: Number | None = None
    features: Texts | None = None


class Case(Spec):
    """A computer case or server chassis."""

    kind: ClassVar[str] = "cases"

    form_factor: Text | None = None
    features: Texts | None = None


class Interconnect(Spec):
    """A link between GPUs, between a GPU and its host, or between machines.

    ``bandwidth_gb_per_s_per_direction`` is the usable-at-best rate one way, in bytes.
    """

    kind: ClassVar[str] = "interconnects"

    bandwidth_gb_per_s_per_direction: Number | None = None
    bandwidth_gb_per_s_both_directions: Number | None = None
    line_rate_gbit_per_s: Number | None = None
    gt_per_s_per_lane: Number | None = None
    lanes: Count | None = None
    ports: Count | None = None
    connector: Text | None = None
    latency_us: Number | None = None


class ModelFile(Record):
    """The measured size of a model file at one quantization; give ``size_gib`` or ``size_gb``."""

    quantization: Slug
    size_gib: float | None = Field(None, gt=0)
    size_gb: float | None = Field(None, gt=0)
    note: str = ""
    sources: Citations

    @model_validator(mode="after")
    def _one_size(self) -> "ModelFile":
        if (self.size_gib is None) == (self.size_gb is None):
            raise ValueError("give exactly one of size_gib (2^30 bytes) and size_gb (10^9 bytes)")
        return self

    @property
    def size_bytes(self) -> int:
        return round(self.size_gib * 2**30) if self.size_gib is not None else round((self.size_gb or 0) * 1e9)


class LanguageModel(Spec):
    """A language model's architecture, by the keys of its Hugging Face config.

    Layers: ``num_hidden_layers`` in all, of which ``num_sliding_layers`` keep only a window and
    ``num_linear_layers`` keep a constant state (the rest attend to everything); hybrid models whose layers are
    neither (MoE-only blocks) say so with ``num_attention_free_layers``.
    """

    kind: ClassVar[str] = "models"

    same_architecture_as: Slug | None = None
    stands_for_size: Annotated[str, Field(pattern=r"^\d{1,4}(\.\d{1,2})?b$")] | None = None
    """The bare size (``70b``) that this model lends its shape: what most local benchmarks are run with."""
    representative: bool = False
    """Among those that people run now, it stands for its size: shown where nobody names a model."""
    use: tuple[Use, ...] = ()
    """What it is mostly run for; shown where somebody asks for that use."""
    model_type: Text | None = None
    """The config's own word for the architecture, where it decides how engines use the rest."""
    attention: Literal["mha", "gqa", "mqa", "mla"] = "gqa"
    params_total: Count | None = None
    params_active: Count | None = None
    """Parameters read per token; absent for dense models."""
    params_text: Count | None = None
    """The language part that llama.cpp loads, where the checkpoint holds vision or prediction layers too."""
    num_hidden_layers: Count | None = None
    hidden_size: Count | None = None
    num_attention_heads: Count | None = None
    num_key_value_heads: Count | None = None
    head_dim: Count | None = None
    vocab_size: Count | None = None
    intermediate_size: Count | None = None
    tie_word_embeddings: Flag | None = None
    max_position_embeddings: Count | None = None
    num_experts: Count | None = None
    num_experts_per_tok: Count | None = None
    num_shared_experts: Count | None = None
    moe_intermediate_size: Count | None = None
    shared_expert_intermediate_size: Count | None = None
    first_k_dense_replace: Count | None = None
    sliding_window: Count | None = None
    num_sliding_layers: Count | None = None
    num_linear_layers: Count | None = None
    num_attention_free_layers: Count | None = None
    global_head_dim: Count | None = None
    num_global_key_value_heads: Count | None = None
    kv_lora_rank: Count | None = None
    q_lora_rank: Count | None = None
    qk_rope_head_dim: Count | None = None
    qk_nope_head_dim: Count | None = None
    v_head_dim: Count | None = None
    hybrid_override_pattern: Text | None = None
    """Of models whose layers are a mixer or a block each, a letter for each layer."""
    linear_state_bytes: Count | None = None
    """Recurrent state of all linear layers for one sequence, f32."""
    mtp_layers: Count | None = None
    files: tuple[ModelFile, ...] = ()
    repository: Text | None = None
    """On the Hugging Face hub, with the weights that follow instructions where there are such."""
    gguf_repository: Text | None = None
    """On the hub, with GGUF files that are named by their type and are not split."""
    ollama_name: Text | None = None
    """In Ollama's library, of a small type that is common there."""
    licence: Text | None = None
    released: Text | None = None


class Quantization(Spec):
    """A storage format for weights.

    ``bits_per_weight`` is exact for one tensor of the type; ``bits_per_weight_file`` is what a whole file of a
    large model (70B) costs, ``bits_per_weight_file_small`` of an 8B model with a 128k vocabulary.
    """

    kind: ClassVar[str] = "quantizations"

    format: Literal["gguf", "exl2", "gptq", "awq", "safetensors", "mlx", "tensorrt", "bitsandbytes"]
    family: Literal["float", "legacy", "k-quant", "i-quant", "microscaling", "ternary", "integer", "mixed"]
    bits_per_weight: Number | None = None
    bits_per_weight_file: Number | None = None
    bits_per_weight_file_small: Number | None = None
    block_weights: Count | None = None
    block_bytes: Count | None = None
    quality_percent: Span | None = None
    native_architectures: Texts | None = None


class InstallWay(Record):
    """How an engine gets onto a system: a ``line`` to type, or the ``page`` to download it from."""

    systems: Annotated[tuple[System, ...], Field(min_length=1)]
    backends: tuple[Backend, ...] = ()
    """Of devices that want this way; empty where all do."""
    line: str = ""
    page: str = ""
    sources: Citations

    @model_validator(mode="after")
    def _line_or_page(self) -> "InstallWay":
        if bool(self.line) == bool(self.page):
            raise ValueError("give exactly one of line (to type) and page (to download from)")
        return self


START_SLOTS = ("ollama_name", "repository", "gguf_repository", "quantization", "context", "device_count")
"""What is filled in where a line that starts a model has it in braces."""


class StartLine(Record):
    """A line that starts a model, with slots in braces."""

    line: str
    sources: Citations

    @model_validator(mode="after")
    def _known_slots(self) -> "StartLine":
        if unknown := sorted(set(re.findall(r"\{(\w*)\}", self.line)) - set(START_SLOTS)):
            raise ValueError(f"unknown slots {', '.join(unknown)}; accepted: {', '.join(START_SLOTS)}")
        return self


class Engine(Spec):
    """Software that runs models."""

    kind: ClassVar[str] = "engines"

    ease: Annotated[int, Field(ge=1)] | None = None
    """How easily somebody who never ran a model gets it to answer, 1 the easiest; our own judgement."""
    backends: tuple[Backend, ...] = ()
    """Devices that it runs on."""
    install: tuple[InstallWay, ...] = ()
    start: tuple[StartLine, ...] = ()
    """The best first; taken is the first whose slots are known."""
    starts_with: Slug | None = None
    """The type of weights that its line loads where none is named; unset: the common 4-bit type, or the model's own."""
    first_start: Text | None = None
    """A line that starts the model of the engine's own introduction, for who has chosen none."""
    after_start: Text | None = None
    """Where the model answers then: a sentence."""
    context_line: Text | None = None
    """Sets the context length, where the line that starts does not."""
    several_devices: Text | None = None
    """What the line needs beside, for several equal cards."""
    elsewhere: Text | None = None
    """How it runs on a system that it is not made for: a sentence."""
    platforms: Texts | None = None
    formats: Texts | None = None
    cpu_offload: Flag | None = None
    multi_user: Flag | None = None
    latest_version: Text | None = None
    features: Texts | None = None


class Provider(Spec):
    """A cloud provider that rents GPUs, a shop, or a company that builds systems."""

    kind: ClassVar[str] = "providers"

    offers: Literal["cloud", "systems", "shop", "parts", "alerts"]
    lead_time_weeks: Span | None = None
    features: Texts | None = None


class Part(Record):
    """One line of a build's bill of parts; ``refs`` lists the specs that may fill it (``accelerators/rtx-5090``)."""

    component: str
    selection: str
    refs: tuple[str, ...] = ()
    count: Annotated[int, Field(ge=1)] = 1
    price_usd: float | tuple[float, float]
    """For the whole line, not each."""
    note: str = ""


class Build(Spec):
    """A build tier or a documented build: its parts with prices, and what it is for."""

    kind: ClassVar[str] = "builds"

    parts: tuple[Part, ...] = ()
    price_as_of: AsOf | None = None
    headline_price_usd: Span | None = None
    stated_total_usd: Span | None = None
    """What the document prints as the total; the parts' sum is computed."""
    sustained_power_w: Span | None = None
    circuit: Text | None = None
    concurrent_users: Span | None = None
    annual_power_cost_usd: Number | None = None
    suits: Texts | None = None
    choose_if: Texts | None = None
    location: Text | None = None


class Measurement(Spec):
    """A speed that a source gives for a model on a device: measured, expected or derived, as ``basis`` says."""

    kind: ClassVar[str] = "measurements"

    device: str
    """A slug of accelerators, machines or builds, written ``accelerators/rtx-5090``."""
    device_count: Annotated[int, Field(ge=1)] = 1
    model: Slug | None = None
    quantization: Slug | None = None
    engine: Slug | None = None
    basis: Literal["measured", "expected", "ceiling", "relative"]
    decode_tokens_per_s: Span | None = None
    prefill_tokens_per_s: Span | None = None
    aggregate_tokens_per_s: Span | None = None
    users: Span | None = None
    depth_tokens: Count | None = None
    offloaded: bool = False


kinds: dict[str, type[Spec]] = {
    cls.kind: cls
    for cls in (
        Accelerator,
        Machine,
        Cpu,
        Motherboard,
        MemoryKit,
        StorageDrive,
        PowerSupply,
        Cooler,
        Case,
        Interconnect,
        LanguageModel,
        Quantization,
        Engine,
        Provider,
        Build,
        Measurement,
    )
}
