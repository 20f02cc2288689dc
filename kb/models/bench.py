"""A model measured on this machine, beside what our calculators say of it."""

import subprocess
import sys
from pathlib import Path

from pydantic import ValidationError

from kb.calc.results import Range
from kb.errors import EngineUnavailable
from kb.gguf_file import read_gguf
from kb.index.live import Index
from kb.records import Record
from kb.settings import Settings
from kb.tools.here import Here
from kb.tools.memory import FitArguments
from kb.tools.model_file import file_speed

PROCESS = "kb.chat.engines.measure"


class Measured(Record):
    """What the measuring process prints."""

    load_s: float
    prompt_tokens: int
    prompt_s: float
    generated_tokens: int
    generation_s: float

    @property
    def prompt_tokens_per_s(self) -> float:
        return self.prompt_tokens / self.prompt_s

    @property
    def generation_tokens_per_s(self) -> float:
        return self.generated_tokens / self.generation_s


class Speed(Record):
    """``ratio`` is measured to the typical prediction."""

    measured_tokens_per_s: float
    predicted_tokens_per_s: Range
    ratio: float | None


class Bench(Record):
    model: str
    quantization: str
    device: str
    load_s: float
    prompt_tokens: int
    generated_tokens: int
    prompt: Speed
    generation: Speed


def bench(index: Index, path: Path, here: Here, settings: Settings) -> Bench:
    """With the threads and GPU layers that the chat would use.

    Raises ``UnreadableModel`` for what is no model, :class:`EngineUnavailable` where llama.cpp cannot run it.
    """
    read_gguf(path)
    measured = _measure(path, settings)
    asked = FitArguments(
        model="a file",
        quantization="q4_k_m",
        device=here.device,
        device_count=here.device_count,
        context=measured.prompt_tokens + measured.generated_tokens,
        system_memory_gb=here.system_memory_gb,
    )
    predicted = file_speed(index, path, asked)
    return Bench(
        model=predicted.model,
        quantization=predicted.quantization,
        device=predicted.device,
        load_s=round(measured.load_s, 3),
        prompt_tokens=measured.prompt_tokens,
        generated_tokens=measured.generated_tokens,
        prompt=_beside(measured.prompt_tokens_per_s, predicted.prefill_tokens_per_s),
        generation=_beside(measured.generation_tokens_per_s, predicted.decode_tokens_per_s),
    )


def _beside(measured: float, predicted: Range) -> Speed:
    ratio = round(measured / predicted.typical, 2) if predicted.typical else None
    return Speed(measured_tokens_per_s=round(measured, 1), predicted_tokens_per_s=predicted, ratio=ratio)


def _measure(path: Path, settings: Settings) -> Measured:
    # -P: a module that happens to lie in the working directory is not imported
    command = [sys.executable, "-P", "-m", PROCESS, str(path), str(settings.llm_threads), str(settings.llm_gpu_layers)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode < 0:
        raise EngineUnavailable(
            f"llama.cpp ended by signal {-done.returncode} on {path.name}; memory that ran out is the common cause."
        )
    try:
        return Measured.model_validate_json(done.stdout)
    except ValidationError:
        reason = (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
        raise EngineUnavailable(f"llama.cpp cannot run {path.name}: {reason}") from None
