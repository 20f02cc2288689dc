"""The proof: our figures for weights, KV cache and compute buffer against what llama.cpp itself reports.

Whole models with all their layers are laid out by llama.cpp with allocation simulated (``no_alloc``); a few
small ones are allocated for real, to show that it reports the same.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import llama_cpp
import pytest

from kb.calc.memory.compute_buffer import compute_buffer_bytes
from kb.calc.memory.kv_cache import kv_cache_layer_bytes
from kb.calc.memory.tensor_types import cache_types
from kb.calc.workload import Workload
from kb.catalogue.units import MIB
from kb.tools.model_file import read_gguf

MODELS = (
    "Llama 3.1 8B", "Llama 3.1 70B", "Llama 2 7B", "Llama 3.2 1B", "Qwen2.5 14B", "Qwen3 32B", "Gemma 2 9B",
    "Gemma 3 4B", "Gemma 3 27B", "Mixtral 8x7B", "Qwen3 30B-A3B", "gpt-oss-20b", "DeepSeek-R1",
    "Qwen3-Next 80B-A3B", "Qwen3.5 35B-A3B",
)  # fmt: skip
GGML_TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "iq4_nl": 20, "bf16": 30}


class LoadedModel:
    def __init__(self, path: Path, log: Any, *, simulated: bool) -> None:
        log.text = ""
        params = llama_cpp.llama_model_default_params()
        params.use_extra_bufts = False
        params.n_gpu_layers = 0
        params.no_alloc = simulated
        if simulated:
            params.load_mode = 0
        self._log = log
        self._model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        assert self._model, log.text[-2000:]

    def open_context(
        self,
        context: int,
        flash_attention: bool,
        cache: str,
        ubatch: int,
        slots: int,
        swa_full: bool,
        unified: bool = False,
    ) -> None:
        """Make a context and free it: what it took stands in the log. Unified slots share ``context``."""
        self._log.text = ""
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = context if unified else context * slots
        params.n_batch = max(2048, ubatch)
        params.n_ubatch = ubatch
        params.n_seq_max = slots
        params.flash_attn_type = int(flash_attention)
        params.type_k, params.type_v = (GGML_TYPES[kind] for kind in cache_types(cache))
        params.swa_full = swa_full
        params.kv_unified = unified
        handle = llama_cpp.llama_init_from_model(self._model, params)
        assert handle, self._log.text[-2000:]
        llama_cpp.llama_free(handle)

    def close(self) -> None:
        llama_cpp.llama_model_free(self._model)


def workloads(windowed: bool, unlike: bool) -> Iterator[tuple[int, bool, str, int, int, bool, bool]]:
    """Context, FlashAttention, cache type, micro-batch, slots, full-size cache on windowed layers, one cache.
    Of a latent, which is K and V in one, llama.cpp refuses ``unlike`` types."""
    for context, slots, ubatch in product((4096, 32768), (2, 4), (512, 2048)):
        yield context, True, "f16", ubatch, slots, False, True
    for context, flash_attention in product((512, 2048, 8192, 32768, 131072), (True, False)):
        yield context, flash_attention, "f16", 512, 1, False, False
        yield context, flash_attention, "f16", 128, 1, False, False
        yield context, flash_attention, "f16", 512, 4, False, False
        if context > 512:
            yield context, flash_attention, "f16", 2048, 1, False, False
        if windowed:
            yield context, flash_attention, "f16", 512, 1, True, False
    for cache in ("f32", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"):
        yield 8192, True, cache, 512, 1, False, False
    for cache in ("q8_0/q4_0", "f16/q8_0", "q8_0/f16") if unlike else ():
        yield 8192, True, cache, 512, 1, False, False


@pytest.mark.parametrize("name", MODELS)
def test_cache_is_exact_and_compute_buffer_within_two_percent(name, real_shapes, write_gguf, tmp_path, log) -> None:
    path = write_gguf(tmp_path / "model.gguf", real_shapes[name])
    architecture = read_gguf(path).architecture
    model = LoadedModel(path, log, simulated=True)
    misses = []
    for load in workloads(bool(real_shapes[name].window), unlike=not real_shapes[name].latent):
        context, flash_attention, cache, ubatch, slots, swa_full, unified = load
        model.open_context(*load)
        apart, sharing = (1, slots) if unified else (slots, 1)
        held = Workload(context, cache, flash_attention, apart, ubatch, swa_full=swa_full, sharing=sharing)
        kv_cache = sum(kv_cache_layer_bytes(architecture, held)) / MIB
        compute = compute_buffer_bytes(architecture, held, with_embedding=True) / MIB
        printed = log.mib("compute buffer size")
        # The log is rounded to 0.01 MiB, for each of at most two caches.
        if abs(kv_cache - log.cache_mib()) > 0.011 or abs(compute - printed) > max(0.02 * printed, 1.0):
            misses.append((load, kv_cache, log.cache_mib(), compute, printed))
    model.close()
    assert not misses


@pytest.mark.parametrize("name", ["Llama 3.2 1B", "Gemma 3 4B", "Qwen3 30B-A3B", "gpt-oss-20b"])
def test_what_is_really_allocated_is_the_same(name, real_shapes, write_gguf, tmp_path, log) -> None:
    shape = replace(real_shapes[name], layers=6, vocab=32000)
    shape = replace(shape, experts=min(8, shape.experts), experts_used=min(4, shape.experts_used))
    file = read_gguf(write_gguf(tmp_path / "model.gguf", shape))
    model = LoadedModel(tmp_path / "model.gguf", log, simulated=False)
    padding = 32 * 6 * 30 / MIB
    assert log.mib("model buffer size") == pytest.approx(file.weights.total_bytes / MIB, abs=0.01 + padding)
    for context, flash_attention, cache in ((2048, True, "f16"), (4096, False, "f16"), (4096, True, "q8_0")):
        model.open_context(context, flash_attention, cache, 512, 1, False)
        load = Workload(context, cache, flash_attention)
        expected = sum(kv_cache_layer_bytes(file.architecture, load))
        assert log.mib("KV buffer size") == pytest.approx(expected / MIB, abs=0.011)
        compute = compute_buffer_bytes(file.architecture, load, with_embedding=True)
        assert log.mib("compute buffer size") == pytest.approx(compute / MIB, rel=0.02)
    model.close()


def test_eight_billion_parameters_by_the_published_figures(real_shapes, write_gguf, tmp_path) -> None:
    """The shapes are the real ones: their parameters add up to what the checkpoints hold."""
    published = {"Llama 3.1 8B": 8030261248, "Llama 3.1 70B": 70553706496, "Qwen3 30B-A3B": 30532122624,
                 "Mixtral 8x7B": 46702792704, "Gemma 2 9B": 9241705984}  # fmt: skip
    for name, params in published.items():
        path = write_gguf(tmp_path / f"{name}.gguf", real_shapes[name])
        assert read_gguf(path).architecture.params_total == params
