"""The command lines that place a model as calculated."""

import re
from collections.abc import Sequence

from kb.calc.device import Device
from kb.calc.memory.architecture import Architecture
from kb.calc.memory.placement import Placement
from kb.calc.memory.tensor_types import cache_types
from kb.calc.results import Commands
from kb.calc.workload import Workload


def commands_for(
    architecture: Architecture,
    placement: Placement | None,
    devices: Sequence[Device],
    load: Workload,
    model_label: str,
    quantization_label: str,
) -> Commands | None:
    """For llama.cpp and Ollama where the weights are GGUF, for vLLM where it runs them; None without a placement."""
    if placement is None:
        return None
    stem = _stem(model_label, quantization_label)
    return Commands(
        llama_cpp=_llama_cpp(architecture, placement, devices, load, stem) if load.is_gguf else None,
        ollama=_ollama(architecture, placement, load, stem) if load.is_gguf else None,
        vllm=_vllm(placement, devices, load, model_label, quantization_label),
    )


ALL_LAYERS = 99
"""More than any model has: llama.cpp counts the output and the layers of prediction heads too."""


def _stem(model_label: str, quantization_label: str) -> str:
    joined = "-".join(part for part in (model_label, quantization_label) if part)
    return re.sub(r"[^A-Za-z0-9._-]+", "-", joined).strip("-")


def _llama_cpp(
    architecture: Architecture, placement: Placement, devices: Sequence[Device], load: Workload, stem: str
) -> str:
    on_device = architecture.num_hidden_layers - placement.layers_on_cpu
    gpu_layers = on_device + 1 if placement.layers_on_cpu else ALL_LAYERS
    if all(device.backend == "cpu" for device in devices):
        gpu_layers = 0
    words = [f"llama-server -m {stem}.gguf", f"-c {load.context * load.concurrency}", f"-ngl {gpu_layers}"]
    if load.projector_bytes:
        words.insert(1, f"--mmproj mmproj-{_stem(architecture.name, 'F16')}.gguf")
    if placement.expert_layers_on_cpu:
        words.append(f"--n-cpu-moe {placement.expert_layers_on_cpu}")
    if placement.custom_split and len(devices) > 1:
        words.append("--tensor-split " + ",".join(str(share.blocks) for share in placement.shares))
    words.append("-fa on" if load.flash_attention else "-fa off")
    if load.kv_cache_type != "f16":
        words.append("-ctk {} -ctv {}".format(*cache_types(load.kv_cache_type)))
    if load.concurrency * load.sharing > 1:
        words.append(f"-np {load.concurrency * load.sharing}")
    if load.sharing > 1:
        words.append("-kvu")
    if load.ubatch != Workload.ubatch:
        words.append(f"-b {max(load.ubatch, 2048)} -ub {load.ubatch}")
    if load.swa_full:
        words.append("--swa-full")
    return " ".join(words)


def _ollama(architecture: Architecture, placement: Placement, load: Workload, stem: str) -> str | None:
    """Ollama cannot keep experts apart, and knows three cache types."""
    if placement.expert_layers_on_cpu or load.kv_cache_type not in ("f16", "q8_0", "q4_0"):
        return None
    layers = architecture.num_hidden_layers - placement.layers_on_cpu + 1
    settings = [f"OLLAMA_FLASH_ATTENTION={int(load.flash_attention)}"]
    if load.kv_cache_type != "f16":
        settings.append(f"OLLAMA_KV_CACHE_TYPE={load.kv_cache_type}")
    if load.concurrency > 1:
        settings.append(f"OLLAMA_NUM_PARALLEL={load.concurrency}")
    modelfile = f"FROM ./{stem}.gguf\\nPARAMETER num_ctx {load.context}\\nPARAMETER num_gpu {layers}\\n"
    name = stem.lower()
    return (
        f"{' '.join(settings)} ollama serve & "
        f"printf '{modelfile}' > Modelfile && ollama create {name} -f Modelfile && ollama run {name}"
    )


def _vllm(
    placement: Placement,
    devices: Sequence[Device],
    load: Workload,
    model_label: str,
    quantization_label: str,
) -> str | None:
    """Equal CUDA or ROCm cards, everything on them, weights in a format that vLLM runs fast."""
    runnable = all(device.backend in ("cuda", "rocm") for device in devices) and len(set(devices)) == 1
    unquantized = quantization_label.upper() in ("F16", "BF16", "FP16")
    offloads = placement.layers_on_cpu or placement.expert_layers_on_cpu
    if not runnable or offloads or (load.is_gguf and not unquantized):
        return None
    words = [f"vllm serve {_stem(model_label, '')}", f"--max-model-len {load.context}"]
    if len(devices) > 1:
        words.append(f"--tensor-parallel-size {len(devices)}")
    if load.concurrency > 1:
        words.append(f"--max-num-seqs {load.concurrency}")
    return " ".join(words)
