"""How a model is run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Workload:
    """How the model is run: tokens per request, requests at once, cache type, format of the weights.

    Only GGUF runs partly on the CPU and keeps its input embedding in system memory.
    """

    context: int = 8192
    kv_cache_type: str = "f16"
    flash_attention: bool = True
    concurrency: int = 1
    ubatch: int = 512
    quantization_format: str = "gguf"

    @property
    def is_gguf(self) -> bool:
        return self.quantization_format == "gguf"
