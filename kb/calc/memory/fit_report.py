"""What a fit says in words: the arithmetic, what it assumes, what to mind."""

from collections.abc import Sequence

from kb.calc.device import Device
from kb.calc.memory.architecture import Architecture, CompressedAttention, LatentAttention
from kb.calc.memory.overhead import DEFAULT_SYSTEM_MEMORY_BYTES, SYSTEM_RESERVE_BYTES, Room, shares_system_memory
from kb.calc.memory.tensor_types import cache_types
from kb.calc.memory.weights import Weights
from kb.calc.results import Breakdown, Overflow, Verdict
from kb.calc.workload import Workload
from kb.catalogue.units import GB, GIB

_CUDA_LEAVES = frozenset({"q4_1", "q5_0", "q5_1"})
"""Types of a cache for which llama.cpp is not built for CUDA by default, and which it converts to 16 bits then
(llama.cpp, ggml/CMakeLists.txt, docs/build.md)."""
_CUDA_BUILDS = _CUDA_LEAVES | {"f16", "bf16", "q8_0", "q4_0"}
UNKNOWN_STATE = "the constant state of the linear-attention layers is not known and not counted"


def formula(
    breakdown: Breakdown,
    required: float,
    available: float,
    devices: Sequence[Device],
    rooms: Sequence[Room],
    load: Workload,
) -> str:
    tokens = f"{load.context:,} tokens" + (f" × {load.concurrency} requests" if load.concurrency > 1 else "")
    usable = sum(room.usable_bytes for room in rooms)
    count = f" on {len(devices)} devices" if len(devices) > 1 else ""
    seeing = f"{breakdown.projector_gb:.2f} GB for seeing + " if breakdown.projector_gb else ""
    return (
        f"{breakdown.weights_gb:.2f} GB weights + {breakdown.kv_cache_gb:.2f} GB KV cache ({tokens}, "
        f"{load.kv_cache_type}) + {breakdown.compute_buffer_gb:.2f} GB compute buffer + {seeing}"
        f"{breakdown.runtime_overhead_gb:.2f} GB runtime = {required:.2f} GB against {available:.2f} GB "
        f"({usable / GIB:.4g} GiB{count})"
    )


def assumptions(
    architecture: Architecture,
    weights: Weights,
    devices: Sequence[Device],
    rooms: Sequence[Room],
    load: Workload,
    assumed_system_memory: bool,
) -> tuple[str, ...]:
    lines = [f"weights: {weights.how}"]
    if not load.is_gguf:
        lines.append(
            "buffers are what llama.cpp would take; vLLM and ExLlamaV2 reserve the rest of the memory for cache"
        )
    elif not shares_system_memory(devices):
        lines.append(
            f"the input embedding ({weights.embedding_bytes / GB:.2f} GB) stays in system memory, as llama.cpp does"
        )
    lines += dict.fromkeys(line for room in rooms for line in room.assumptions)
    if assumed_system_memory:
        lines.append(
            f"system memory: {DEFAULT_SYSTEM_MEMORY_BYTES // GIB} GiB (not given), "
            f"{SYSTEM_RESERVE_BYTES // GIB} GiB of it for the system"
        )
    if 0 in architecture.linear_states:
        lines.append(UNKNOWN_STATE)
    return (*lines, *architecture.assumed)


def warnings(
    architecture: Architecture,
    devices: Sequence[Device],
    load: Workload,
    verdict: Verdict,
    overflow: Overflow | None,
    host_bytes: int,
    longest: int,
) -> tuple[str, ...]:
    lines: list[str] = []
    limit = architecture.max_position_embeddings
    if limit and load.context > limit:
        lines.append(f"context {load.context:,} is over the model's limit of {limit:,} tokens")
    if load.seen_tokens > load.context:
        lines.append(
            f"the images take {load.seen_tokens:,} tokens, more than the context of {load.context:,} has room for"
        )
    keys, values = cache_types(load.kv_cache_type)
    if not load.flash_attention and values not in ("f32", "f16", "bf16"):
        lines.append(f"llama.cpp refuses a {values} V cache without FlashAttention; turn it on")
    of_one = any(isinstance(mixer, LatentAttention | CompressedAttention) for mixer in architecture.mixers)
    if keys != values and of_one:
        lines.append("llama.cpp refuses unlike types of K and V for this model, whose cache is one for both")
    elif devices[0].backend == "cuda" and {keys, values} <= _CUDA_BUILDS and (keys != values or keys in _CUDA_LEAVES):
        lines.append(
            f"K in {keys} and V in {values} are slow in llama.cpp's usual CUDA builds, which have kernels for "
            f"f16, bf16, q8_0 and q4_0 of both alike; `-DGGML_CUDA_FA_QUANTS={keys}-{values}` builds it for these"
        )
    if overflow and not overflow.is_system and len(devices) > 1:
        lines.append(
            f"the devices' memory is enough in sum, but layers are not divided between devices: {overflow.memory} "
            f"would have to hold {overflow.required_gb:.2f} GB and has {overflow.available_gb:.2f} GB"
        )
    if load.is_placed and shares_system_memory(devices):
        lines.append("this memory is shared with the system: which layers the processor works on changes no sum")
    if verdict == "does_not_fit" and shares_system_memory(devices):
        lines.append("this memory is shared with the system: there is nowhere to offload to")
    elif verdict == "does_not_fit" and not load.is_gguf:
        lines.append("only GGUF weights can stay partly in system memory")
    elif verdict == "does_not_fit" and overflow and overflow.is_system:
        lines.append(
            f"the devices hold their part; the placement that is asked for puts {overflow.required_gb:.2f} GB in "
            f"system memory, which has {overflow.available_gb:.2f} GB for it"
        )
    elif verdict == "does_not_fit" and load.is_placed:
        lines.append("the placement that is asked for does not fit; another may")
    elif verdict == "does_not_fit":
        lines.append(f"nor do devices and {host_bytes / GIB:.4g} GiB of system memory hold it together")
    if verdict != "fits" and longest > load.seen_tokens and not load.is_placed:
        lines.append(f"with a context of {longest:,} tokens or less everything fits on the devices")
    return tuple(lines)
