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

    @property
    def is_gguf(self) -> bool:
        return self.quantization_format == "gguf"
