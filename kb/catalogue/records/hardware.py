"""Devices and parts: accelerators, machines, processors, boards, memory, drives, supplies, links.

A field that holds a ``Figure`` is named by the field's standard term with its unit; dense and sparse throughput are
two fields.
"""

from typing import ClassVar, Literal

from kb.catalogue.records.base import Backend, Count, Flag, Number, Options, Slug, Span, Spec, Text, Texts


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
    usually_meant: bool = False
    """Of several with one name, the one that most people have."""
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
    power_range_w: Span | None = None
    """Where the maker of the laptop sets the limit."""
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

    form: Literal["desktop", "laptop", "server", "board", "build"]
    """``build`` is one that somebody put together, and nobody sells."""
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
    rdma: Flag | None = None
    """Whether computers that it joins write into each other's memory without their systems."""
