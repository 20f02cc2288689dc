"""The two tools that other programs rely on: the keys of their contract, and what the figures must obey."""

from typing import Any

import pytest

from kb.errors import InvalidArgument
from kb.search.live import Index
from kb.tools import TOOLS
from kb.tools.check_fit.tool import FitAnswer
from kb.tools.estimate_speed.tool import SpeedAnswer

CASES: tuple[dict[str, Any], ...] = (
    {"model": "llama 3.1 8b", "quantization": "q4_k_m", "device": "RTX 4090"},
    {"model": "llama 3.1 70b", "quantization": "q4_k_m", "device": "RTX 4090"},
    {"model": "llama 3.1 70b", "quantization": "q4_k_m", "device": "RTX 3090", "device_count": 2},
    {"model": "llama 3.1 70b", "quantization": "f16", "device": "8x RTX 3090", "context": 32768},
    {"model": "qwen3 30b-a3b", "quantization": "q4_k_m", "device": "RTX 4070"},
    {"model": "gpt-oss 120b", "quantization": "mxfp4", "device": "dgx spark", "context": 131072},
    {"model": "deepseek r1", "quantization": "q4_k_m", "device": "m3 ultra", "kv_cache_type": "q8_0"},
    {"model": "gemma 3 27b", "quantization": "q4", "device": "rx 7900 xtx", "flash_attention": False},
    {"model": "llama 3.1 8b", "quantization": "q8_0", "device": "Ryzen 9 9950X", "system_memory_gb": 64},
    {"model": "llama 3.1 405b", "quantization": "q4_k_m", "device": "RTX 3060 12GB", "system_memory_gb": 32},
    {"model": "mistral 7b", "quantization": "4.25bpw", "device": "RTX 5090", "concurrency": 8},
)  # fmt: skip

FIT_KEYS = {
    "verdict", "required_gb", "available_gb", "headroom_gb", "breakdown", "max_context", "offload", "formula",
    "assumptions", "citations",
}  # fmt: skip
SPEED_KEYS = {
    "decode_tokens_per_s", "ceiling_tokens_per_s", "prefill_tokens_per_s", "time_to_first_token_s", "bottleneck",
    "formula", "assumptions", "citations",
}  # fmt: skip


def fit(index: Index, **arguments: Any) -> FitAnswer:
    answer: FitAnswer = TOOLS["check_fit"].call(index, arguments)
    return answer


def speed(index: Index, **arguments: Any) -> SpeedAnswer:
    answer: SpeedAnswer = TOOLS["estimate_speed"].call(index, arguments)
    return answer


def _id(case: dict[str, Any]) -> str:
    return " ".join(str(value) for value in case.values())


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_fit(index: Index, case: dict[str, Any]) -> None:
    answer = fit(index, **case)
    sent = answer.model_dump(mode="json")
    assert set(sent) >= FIT_KEYS
    parts = ("weights_gb", "kv_cache_gb", "compute_buffer_gb", "runtime_overhead_gb", "projector_gb")
    assert tuple(sent["breakdown"]) == parts
    assert sum(sent["breakdown"].values()) == pytest.approx(answer.required_gb, abs=0.005)
    assert answer.headroom_gb == pytest.approx(answer.available_gb - answer.required_gb, abs=0.005)
    assert (answer.verdict == "fits") == (answer.headroom_gb >= 0)
    assert (answer.offload is not None) == (answer.verdict == "fits_with_offload")
    assert answer.formula
    assert answer.assumptions
    assert {citation.source for citation in answer.citations} <= set(index.known.sources)
    assert answer.citations
    if answer.verdict != "does_not_fit":
        for load in answer.per_device:
            assert sum(getattr(load, part) for part in parts) <= load.available_gb
    if answer.verdict == "fits" and answer.per_device:
        for part in parts:
            total = sum(getattr(load, part) for load in answer.per_device)
            assert total == pytest.approx(getattr(answer.breakdown, part), abs=0.002 * len(answer.per_device)), part


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_speed(index: Index, case: dict[str, Any]) -> None:
    answer = speed(index, **case)
    sent = answer.model_dump(mode="json")
    assert set(sent) >= SPEED_KEYS
    decode = answer.decode_tokens_per_s
    assert set(sent["decode_tokens_per_s"]) == {"low", "typical", "high"} == set(sent["prefill_tokens_per_s"])
    assert decode.low <= decode.typical <= decode.high
    if answer.verdict == "does_not_fit":
        assert decode.high == answer.ceiling_tokens_per_s == 0
    else:
        assert decode.low > 0
        assert decode.high <= answer.ceiling_tokens_per_s * 1.001
        assert answer.time_to_first_token_s > 0
    assert answer.verdict == fit(index, **case).verdict
    assert answer.formula
    assert answer.bottleneck


def test_verdicts_of_the_newcomers_question(index: Index) -> None:
    ask = {"model": "70b", "quantization": "q4"}
    on_one = fit(index, **ask, device="4090")
    assert on_one.verdict == "fits_with_offload"
    assert on_one.offload is not None
    assert 0 < on_one.offload.layers_on_device < on_one.offload.layers_total == 80
    assert fit(index, **ask, device="rtx 3090", device_count=2).verdict == "fits"
    assert fit(index, **ask, device="2x rtx 3090").verdict == "fits"
    assert fit(index, **ask, device="m2 ultra").verdict == "fits"
    assert fit(index, model="llama 3.1 405b", quantization="f16", device="4090", system_memory_gb=32).verdict == (
        "does_not_fit"
    )


def test_names_are_told_as_they_were_understood(index: Index) -> None:
    answer = fit(index, model="70b", quantization="4-bit", device="4090")
    assert (answer.model, answer.quantization) == ("a 70B model", "Q4_K_M")
    assert answer.device == "GeForce RTX 4090"
    assert any("70B is a size, not a model" in line for line in answer.assumptions)
    guessed = fit(index, model="lama 3.1 70b", quantization="q4", device="4090")
    assert any("'lama 3.1 70b' was read as Llama 3.1 70B" in line for line in guessed.assumptions)


def test_more_context_needs_more_and_leaves_less(index: Index) -> None:
    base = {"model": "llama 3.1 8b", "quantization": "q4_k_m", "device": "RTX 4090"}
    answers = [fit(index, **base, context=context) for context in (2048, 8192, 32768, 131072)]
    assert [a.required_gb for a in answers] == sorted(a.required_gb for a in answers)
    assert answers[0].breakdown.weights_gb == answers[-1].breakdown.weights_gb
    assert len({answer.max_context for answer in answers}) == 1
    slower = [speed(index, **base, context=context).decode_tokens_per_s.typical for context in (2048, 32768)]
    assert slower[1] < slower[0]


def test_max_context_is_the_longest_that_fits(index: Index) -> None:
    base = {"model": "llama 3.1 70b", "quantization": "q4_k_m", "device": "2x RTX 3090"}
    longest = fit(index, **base).max_context
    assert 8192 < longest < 131072
    assert fit(index, **base, context=longest).verdict == "fits"
    assert fit(index, **base, context=longest + 2048).verdict != "fits"
    told = TOOLS["max_context"].call(index, base)
    assert told.max_context == longest
    assert told.limited_by == "memory"


def test_smaller_cache_types_need_less(index: Index) -> None:
    base = {"model": "llama 3.1 70b", "quantization": "q4_k_m", "device": "2x RTX 3090", "context": 16384}
    caches = [fit(index, **base, kv_cache_type=kind).breakdown.kv_cache_gb for kind in ("f16", "q8_0", "q4_0")]
    assert caches[0] == pytest.approx(2 * 80 * 8 * 128 * 2 * 16384 / 1e9, rel=0.01)
    assert caches[1] == pytest.approx(caches[0] * 34 / 64, rel=0.01)
    assert caches[2] == pytest.approx(caches[0] * 18 / 64, rel=0.01)


LLAMA_70B = {
    "name": "my 70B", "params_total": 70_553_706_496, "num_hidden_layers": 80, "hidden_size": 8192,
    "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 128256,
    "intermediate_size": 28672, "max_position_embeddings": 131072,
}  # fmt: skip
RTX_4090 = {"memory_gib": 24, "memory_bandwidth_gb_per_s": 1008, "fp16_dense_tflops": 165, "backend": "cuda"}


def test_model_object_is_as_good_as_its_name(index: Index) -> None:
    base = {"quantization": "q4_k_m", "device": "2x RTX 3090"}
    given, named = fit(index, model=LLAMA_70B, **base), fit(index, model="llama 3.1 70b", **base)
    assert given.model == "my 70B"
    assert given.required_gb == pytest.approx(named.required_gb, rel=0.02)
    assert given.breakdown.kv_cache_gb == named.breakdown.kv_cache_gb


def test_device_object_is_as_good_as_its_name(index: Index) -> None:
    base = {"model": "llama 3.1 8b", "quantization": "q4_k_m"}
    given, named = fit(index, device=RTX_4090, **base), fit(index, device="RTX 4090", **base)
    assert given.available_gb == named.available_gb
    assert given.required_gb == pytest.approx(named.required_gb, rel=0.06)
    fast, faster = (
        speed(index, device={**RTX_4090, "memory_bandwidth_gb_per_s": rate}, **base).decode_tokens_per_s.typical
        for rate in (500, 1000)
    )
    assert faster > 1.3 * fast


def test_both_objects_and_the_experts(index: Index) -> None:
    moe = {
        "num_hidden_layers": 48, "hidden_size": 2048, "num_attention_heads": 32, "num_key_value_heads": 4,
        "head_dim": 128, "num_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": 768,
        "vocab_size": 151936,
    }  # fmt: skip
    answer = fit(index, model=moe, quantization="q4_k_m", device=RTX_4090)
    assert any("params_total was estimated" in line for line in answer.assumptions)
    named = fit(index, model="qwen3 30b-a3b", quantization="q4_k_m", device="RTX 4090")
    assert answer.breakdown.weights_gb == pytest.approx(named.breakdown.weights_gb, rel=0.08)
    dense = speed(index, model={**LLAMA_70B, "num_hidden_layers": 32}, quantization="q4_k_m", device=RTX_4090)
    assert speed(index, model=moe, quantization="q4_k_m", device=RTX_4090).ceiling_tokens_per_s > 3 * (
        dense.ceiling_tokens_per_s
    )


def test_formats_that_a_device_cannot_run_are_told(index: Index) -> None:
    answer = fit(index, model="llama 3.1 8b", quantization="nvfp4", device="RTX 4090")
    assert any("no native NVFP4" in warning for warning in answer.warnings)
    exl2 = fit(index, model="llama 3.1 8b", quantization="4.25bpw", device="m2 ultra")
    assert any("needs an NVIDIA GPU" in warning for warning in exl2.warnings)


CPU_8B = {"model": "llama 3.1 8b", "quantization": "q4_k_m", "device": "Ryzen 9 9950X"}


@pytest.mark.parametrize("tool", ["check_fit", "max_context", "best_quantization", "what_runs_on"])
def test_memory_of_an_unknown_machine_is_asked_for(index: Index, tool: str) -> None:
    asked = {key: value for key, value in CPU_8B.items() if key in TOOLS[tool].input_model.model_fields}
    with pytest.raises(InvalidArgument, match="system_memory_gb is missing"):
        TOOLS[tool].call(index, asked)
    assert TOOLS[tool].call(index, asked | {"system_memory_gb": 32}).assumptions


def test_a_speed_needs_no_memory_size_and_says_what_it_takes(index: Index) -> None:
    answer = speed(index, **CPU_8B)
    assert answer.decode_tokens_per_s.typical > 1
    assert any("its size was not given" in line for line in answer.assumptions)
    assert answer.ceiling_conditions == ()
    assert not any("not given" in line for line in speed(index, **CPU_8B, system_memory_gb=64).assumptions)
    given = {"name": "a CPU", "backend": "cpu", "memory_bandwidth_gb_per_s": 40}
    assert speed(index, **CPU_8B | {"device": given}).decode_tokens_per_s.typical > 1
    with pytest.raises(InvalidArgument, match=r"device\.memory_gib is missing"):
        fit(index, **CPU_8B | {"device": given})


@pytest.mark.parametrize(("several", "count"), [("2x EPYC 9654", 1), ("dual Xeon Platinum 8480+", 1), ("EPYC 7763", 2)])
def test_of_several_sockets_one_is_counted_and_that_is_said(index: Index, several: str, count: int) -> None:
    one = several.removeprefix("2x ").removeprefix("dual ")
    asked = {"model": "qwen3 30b a3b", "quantization": "q8_0", "system_memory_gb": 512}
    told = speed(index, **asked, device=several, device_count=count)
    alone = speed(index, **asked, device=one)
    assert told.ceiling_tokens_per_s == alone.ceiling_tokens_per_s
    assert told.decode_tokens_per_s == alone.decode_tokens_per_s
    assert any("of 2 processors one is counted" in line for line in told.assumptions)
    assert not any("one is counted" in line for line in alone.assumptions)


def test_stated_system_memory_is_gib(index: Index) -> None:
    """64 GB of RAM are 64 GiB, of which a sixteenth stays with the system."""
    assert fit(index, **CPU_8B, system_memory_gb=64).available_gb == pytest.approx(60 * 2**30 / 1e9, abs=0.001)
    # 66.2 GB of layers and experts beside the card: within 64 GiB less 4, not within 64 GB less 4 GiB.
    asked = {"model": "llama 3.1 70b", "quantization": "q4_k_m", "device": "RTX 4090"}
    offload = fit(index, **asked, system_memory_gb=64).offload
    assert offload is not None
    least = offload.system_memory_gb * 1e9 / 2**30 + 4
    assert fit(index, **asked, system_memory_gb=least + 0.01).verdict == "fits_with_offload"
    assert fit(index, **asked, system_memory_gb=least - 0.01).verdict == "does_not_fit"


def test_a_bound_holds_only_for_what_is_known(index: Index) -> None:
    assert speed(index, model="8b", quantization="q4", device="RTX 4090").ceiling_conditions == ()
    (split,) = speed(index, model="70b", quantization="q4", device="2x RTX 3090").ceiling_conditions
    assert "one after another" in split
    assert "ceiling of a split by layers" in speed(index, model="70b", quantization="q4", device="2x RTX 3090").formula
    (assumed,) = speed(index, model="70b", quantization="q4", device="RTX 4090").ceiling_conditions
    assert "system memory reads 80 GB/s, which is assumed" in assumed
    guess = {"memory_gib": 16, "memory_bandwidth_gb_per_s": 89.6, "backend": "cpu", "bandwidth_assumed": True}
    assert "89.6 GB/s, which is assumed" in speed(index, **CPU_8B | {"device": guess}).ceiling_conditions[0]


def test_a_card_of_two_gpus_is_split_over(index: Index) -> None:
    base = {"model": "llama 3.1 8b", "quantization": "q4_k_m"}
    double, pair, one = (speed(index, **base, device=device) for device in ("MI250X", "2x MI210", "MI210"))
    assert double.ceiling_tokens_per_s == pair.ceiling_tokens_per_s == one.ceiling_tokens_per_s
    assert double.decode_tokens_per_s.typical == pytest.approx(pair.decode_tokens_per_s.typical, rel=0.05)
    answer = fit(index, **base, device="MI250X")
    assert len(answer.per_device) == 2
    assert answer.available_gb == pytest.approx(128 * 2**30 / 1e9, abs=0.01)
    assert any("2 GPUs on one AMD Instinct MI250X, each with 64 GB at 1,638 GB/s" in a for a in answer.assumptions)
    assert len(fit(index, **base, device="MI250", device_count=4).per_device) == 8


def test_a_computer_on_one_board_runs_on_its_processor(index: Index) -> None:
    base = {"model": "llama 3.2 3b", "quantization": "q4_k_m"}
    answer = fit(index, **base, device="raspberry pi 5 8gb")
    assert answer.verdict == "fits"
    assert answer.available_gb < 8 * 2**30 / 1e9
    assert fit(index, **base, device="raspberry pi 5 2gb").verdict == "does_not_fit"
    assert speed(index, **base, device="raspberry pi 5").ceiling_tokens_per_s < 17.1 / 2
