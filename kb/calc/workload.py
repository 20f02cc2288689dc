"""How a model is run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Workload:
    """Tokens per request, requests at once, cache type, format of the weights.

    Only GGUF runs partly on the CPU and keeps its input embedding in system memory.
    """

    context: int = 8192
    kv_cache_type: str = "f16"
    flash_attention: bool = True
    concurrency: int = 1
    ubatch: int = 512
    quantization_format: str = "gguf"
    swa_full: bool = False
    """llama.cpp's ``--swa-full``: layers with a window keep the whole context too."""
    reserved_bytes: int | None = None
    """Of the first device's memory, what other programs take; None where nobody says."""
    memory_share: float | None = None
    """Of each device's memory, what the program may take; None where it takes what there is."""
    projector_bytes: int = 0
    """What sees, on the first device."""
    seen_tokens: int = 0
    """What the images take of the context: a shorter one is of no use."""
    sharing: int = 1
    """Conversations that share the cells of one context (``--kv-unified``); each has windows and a state of its own."""
    gpu_layers: int | None = None
    """``-ngl``, the output counted as one; None where the placement is worked out."""
    cpu_expert_layers: int | None = None
    """``--n-cpu-moe``."""
    tensor_split: tuple[float, ...] = ()

    @property
    def is_placed(self) -> bool:
        """Whether somebody says what goes where."""
        return self.gpu_layers is not None or self.cpu_expert_layers is not None or bool(self.tensor_split)

    @property
    def is_gguf(self) -> bool:
        return self.quantization_format == "gguf"
