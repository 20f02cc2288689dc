"""What llama.cpp reaches on this processor with weights of each type, measured on model files made for it.

Two shapes tell apart what a weight costs and what a layer costs: few wide layers, and many narrow ones.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from kb.calc.device import Kernel
from kb.llm.bench import timed
from kb.llm.hollow import Hollow
from kb.settings import Settings

TYPES = ("q4_0", "q4_1", "q8_0", "q4_k", "q6_k", "f16")
WIDE, NARROW = (2048, 4), (512, 32)
"""Width and layers: larger than most caches, and short to measure."""
PROMPT_TOKENS, GENERATED_TOKENS = 64, 16
ROUNDS = 2
"""The best counts: others use the machine too."""


def measured_kernels(settings: Settings) -> Iterator[Kernel]:
    """With the threads that the chat would use. Raises :class:`kb.errors.EngineUnavailable`, and ``OSError`` where the
    data folder takes no file of 0.5 GB for so long."""
    for type_name in TYPES:
        yield kernel_of(type_name, _run(Hollow(type_name, *WIDE), settings), _run(Hollow(type_name, *NARROW), settings))


def _run(hollow: Hollow, settings: Settings) -> tuple[float, float]:
    """Seconds to write a token, and to read one."""
    with tempfile.TemporaryDirectory(dir=settings.data_dir) as folder:
        path = Path(folder) / "hollow.gguf"
        hollow.write(path)
        runs = [timed(path, settings.llm_threads, 0, PROMPT_TOKENS, GENERATED_TOKENS) for _ in range(ROUNDS)]
    return min(run.generation_s for run in runs) / GENERATED_TOKENS, min(run.prompt_s for run in runs) / PROMPT_TOKENS


def kernel_of(type_name: str, wide: tuple[float, float], narrow: tuple[float, float]) -> Kernel:
    """From seconds per token, written and read, of both shapes.

    Writing takes ``bytes / rate + layers x layer_s``; reading ``2 x weights / flops x (1 + half width / width)``.
    """
    few, many = Hollow(type_name, *WIDE), Hollow(type_name, *NARROW)
    spread = few.bytes * many.layers - many.bytes * few.layers
    layer_s = max(0.0, (narrow[0] * few.bytes - wide[0] * many.bytes) / spread)
    rate = few.bytes / max(wide[0] - few.layers * layer_s, wide[0] / 2)
    on_wide, on_narrow = 2 * few.weights / wide[1], 2 * many.weights / narrow[1]
    bend = on_narrow / many.width - on_wide / few.width
    half_width = max(0.0, on_wide - on_narrow) / bend if bend > 0 else float(few.width)
    return Kernel(
        type_name=type_name,
        writing_gb_per_s=round(rate / 1e9, 2),
        layer_us=round(layer_s * 1e6, 1),
        reading_gflops=round(on_wide * (1 + half_width / few.width) / 1e9, 1),
        half_width=round(half_width),
    )
