"""A model measured on this machine, beside what our calculators say of it."""

import os
import subprocess
import sys
from pathlib import Path

from pydantic import ValidationError

from kb.calc.results import Range
from kb.catalogue import Catalogue
from kb.catalogue.records import Record
from kb.errors import EngineUnavailable
from kb.llm.advice import file_here
from kb.llm.threads import patient
from kb.settings import Settings
from kb.tools.estimate_speed.tool import SpeedAnswer
from kb.tools.model_file import file_speed
from kb.tools.shared.here import Here

PROCESS = "kb.llm.measure"
PROMPT_TOKENS, GENERATED_TOKENS = 512, 128
"""As llama-bench measures."""


class Measured(Record):
    """What the measuring process prints."""

    load_s: float
    prompt_s: float
    generation_s: float


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


def bench(catalogue: Catalogue, path: Path, here: Here, settings: Settings) -> Bench:
    """With the threads and GPU layers that the chat would use.

    Raises ``UnreadableModel`` for what is no model, :class:`EngineUnavailable` where llama.cpp cannot run it.
    """
    predicted = predict(catalogue, path, here)
    measured = measure(path, settings)
    return Bench(
        model=predicted.model,
        quantization=predicted.quantization,
        device=predicted.device,
        load_s=round(measured.load_s, 3),
        prompt_tokens=PROMPT_TOKENS,
        generated_tokens=GENERATED_TOKENS,
        prompt=_beside(PROMPT_TOKENS / measured.prompt_s, predicted.prefill_tokens_per_s),
        generation=_beside(GENERATED_TOKENS / measured.generation_s, predicted.decode_tokens_per_s),
    )


def predict(catalogue: Catalogue, path: Path, here: Here) -> SpeedAnswer:
    """Raises ``UnreadableModel``."""
    asked = file_here(here, PROMPT_TOKENS + GENERATED_TOKENS).model_copy(update={"prompt_tokens": PROMPT_TOKENS})
    return file_speed(catalogue, path, asked)


def seconds(predicted: SpeedAnswer) -> float:
    """About how long the bench takes; endless where the model does not fit."""
    prefill, decode = predicted.prefill_tokens_per_s.typical, predicted.decode_tokens_per_s.typical
    return 2 * PROMPT_TOKENS / prefill + GENERATED_TOKENS / decode if prefill and decode else float("inf")


def _beside(measured: float, predicted: Range) -> Speed:
    ratio = round(measured / predicted.typical, 2) if predicted.typical else None
    return Speed(measured_tokens_per_s=round(measured, 1), predicted_tokens_per_s=predicted, ratio=ratio)


def measure(path: Path, settings: Settings) -> Measured:
    """Raises :class:`EngineUnavailable`."""
    return timed(path, settings.llm_threads, settings.llm_gpu_layers, PROMPT_TOKENS, GENERATED_TOKENS)


def timed(path: Path, threads: int, gpu_layers: int, prompt_tokens: int, generated_tokens: int) -> Measured:
    """In a process of its own. Raises :class:`EngineUnavailable`."""
    # -P: a module that happens to lie in the working directory is not imported
    numbers = (threads, gpu_layers, prompt_tokens, generated_tokens)
    command = [sys.executable, "-P", "-m", PROCESS, str(path), *map(str, numbers)]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=patient(os.environ)
    )
    if done.returncode < 0:
        raise EngineUnavailable(
            f"llama.cpp ended by signal {-done.returncode} on {path.name}; memory that ran out is the common cause."
        )
    try:
        return Measured.model_validate_json(done.stdout)
    except ValidationError:
        reason = (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
        raise EngineUnavailable(f"llama.cpp cannot run {path.name}: {reason}") from None
