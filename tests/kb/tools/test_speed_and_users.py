"""What check_fit, explain_speed, users_served and compare_models conclude from the figures."""

from typing import Any

import pytest

from kb.catalogue import Catalogue
from kb.errors import InvalidArgument, MissingArgument, UnknownName
from kb.tools import TOOLS
from kb.tools.check_fit.tool import FitAnswer
from kb.tools.explain_speed.tool import AT_THE_START, ExplainAnswer
from kb.tools.size_power_supply.tool import PowerSupplyAnswer
from kb.tools.users_served.tool import UsersAnswer
from tests.kb.tools.said import brief

SPARK_70B = {"model": "llama 3.1 70b", "quantization": "q4_k_m", "device": "dgx spark"}
CARD_8B = {"model": "llama 3.1 8b", "quantization": "q4_k_m", "device": "RTX 4090"}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load()


def fit(catalogue: Catalogue, **arguments: Any) -> FitAnswer:
    answer = TOOLS["check_fit"].call(catalogue, arguments)
    assert isinstance(answer, FitAnswer)
    return answer


def explain(catalogue: Catalogue, **arguments: Any) -> ExplainAnswer:
    answer = TOOLS["explain_speed"].call(catalogue, arguments)
    assert isinstance(answer, ExplainAnswer)
    return answer


def users(catalogue: Catalogue, **arguments: Any) -> UsersAnswer:
    answer = TOOLS["users_served"].call(catalogue, arguments)
    assert isinstance(answer, UsersAnswer)
    return answer


@pytest.mark.parametrize(
    "asked",
    [
        {"model": "70b", "device": "RTX 4090"},
        {"model": "llama 3.1 405b", "device": "RTX 3090", "device_count": 2},
        {"model": "gpt-oss 120b", "device": "RTX 4090"},
        {"model": "llama 3.1 8b", "device": "RTX 4060", "context": 65536},
        {"model": "deepseek r1", "device": "m4 max"},
    ],
)
def test_every_way_out_is_one(catalogue: Catalogue, asked: dict[str, Any]) -> None:
    answer = fit(catalogue, **asked)
    assert answer.verdict != "fits"
    assert answer.ways_out
    for way in answer.ways_out:
        changed = asked | {"quantization": way.quantization, "context": way.context, "kv_cache_type": way.kv_cache_type}
        if way.change == "more_devices":
            changed |= {"device": way.device.replace("× ", "x "), "device_count": 1}
        if way.change == "smaller_model":
            changed |= {"model": way.size}
        again = fit(catalogue, **changed)
        assert again.verdict == "fits", way
        assert again.required_gb == pytest.approx(way.required_gb, abs=0.002)
    more = next((way for way in answer.ways_out if way.change == "more_devices"), None)
    if more:
        count = int(more.device.split("×")[0])
        fewer = asked | {"device": more.device.split("× ")[1], "device_count": count - 1}
        assert fit(catalogue, **fewer).verdict != "fits"


def test_what_fits_needs_no_way_out(catalogue: Catalogue) -> None:
    answer = fit(catalogue, **CARD_8B)
    assert (answer.verdict, answer.ways_out, answer.system_memory_gb) == ("fits", (), None)
    assert (answer.sold_as_gb, answer.memory_kind) == (24, "own")
    assert fit(catalogue, **SPARK_70B).memory_kind == "shared"


def test_no_more_context_is_taken_than_the_model_reads(catalogue: Catalogue) -> None:
    base = {"model": "llama 2 13b", "device": "RTX 4090"}
    assert (fit(catalogue, **base).context, fit(catalogue, **base).within_model_limit) == (4096, True)
    assert (fit(catalogue, **base, context=8192).context, fit(catalogue, **base, context=8192).within_model_limit) == (
        8192,
        False,
    )


def test_a_size_between_two_is_scaled_by_its_parameters(catalogue: Catalogue) -> None:
    base = {"device": "RTX 4090", "quantization": "q4_k_m"}
    smaller, asked, larger = (fit(catalogue, model=size, **base) for size in ("34b", "48b", "70b"))
    assert asked.model == "a 48B model"
    assert asked.breakdown.weights_gb == pytest.approx(48 * 4.85 / 8, rel=0.06)
    assert smaller.breakdown.weights_gb < asked.breakdown.weights_gb < larger.breakdown.weights_gb
    assert any("48B is a size, not a model" in note for note in asked.assumptions)
    with pytest.raises(UnknownName):
        fit(catalogue, model="5000b", **base)


def test_a_quantization_that_nobody_named_is_said(catalogue: Catalogue) -> None:
    assert any("Q4_K_M was taken" in note for note in fit(catalogue, model="8b", device="RTX 4090").assumptions)
    published = fit(catalogue, model="gpt-oss 20b", device="RTX 4090")
    assert published.quantization == "MXFP4"
    assert any("MXFP4 was taken, which the model is published in" in note for note in published.assumptions)
    assert not any("was taken" in note for note in fit(catalogue, **CARD_8B).assumptions)


@pytest.mark.parametrize(
    ("measured", "standing"),
    [(3.0, "below"), (4.0, "as_expected"), (5.9, "fast"), (9.0, "above_ceiling"), (1.0, "far_below")],
)
def test_where_a_speed_stands(catalogue: Catalogue, measured: float, standing: str) -> None:
    answer = explain(catalogue, **SPARK_70B, measured_tokens_per_s=measured)
    assert answer.standing == standing
    assert (answer.likely is not None) == (standing == "far_below")
    assert bool(answer.checks) == (standing in ("below", "far_below"))
    assert (answer.times_above_ceiling is not None) == (standing == "above_ceiling")


def test_the_ceiling_is_what_the_memories_add_up_to(catalogue: Catalogue) -> None:
    for asked in (SPARK_70B, {"model": "70b", "device": "RTX 4090"}, {"model": "70b", "device": "2x RTX 3090"}):
        answer = explain(catalogue, **asked)
        seconds = sum(read.gb_per_token / read.gb_per_s for read in answer.reads)
        assert 1 / seconds == pytest.approx(answer.ceiling_tokens_per_s, rel=0.02)
        assert answer.standing is None
    assert explain(catalogue, model="70b", device="RTX 4090").cause == "offload"
    assert explain(catalogue, model="70b", device="RTX 4090").ceiling_is_assumed
    known = explain(catalogue, model="70b", device="RTX 4090", system_bandwidth_gb_per_s=204.8)
    assert not known.ceiling_is_assumed
    assert (
        known.decode_tokens_per_s.typical
        > 2 * explain(catalogue, model="70b", device="RTX 4090").decode_tokens_per_s.typical
    )


def test_two_cards_at_once_are_faster_than_one_after_another(catalogue: Catalogue) -> None:
    base = {"model": "70b", "quantization": "q4_k_m", "device": "2x RTX 3090"}
    answer = explain(catalogue, **base, measured_tokens_per_s=30)
    assert answer.standing == "needs_all_cards_at_once"
    assert answer.ceiling_all_at_once_tokens_per_s == pytest.approx(2 * answer.ceiling_tokens_per_s, rel=0.01)
    assert explain(catalogue, **base, measured_tokens_per_s=60).standing == "above_ceiling"


def test_what_is_likely_wrong(catalogue: Catalogue) -> None:
    def likely(measured: float, **changed: Any) -> str | None:
        return explain(catalogue, **CARD_8B | changed, measured_tokens_per_s=measured).likely

    assert likely(8) == "runs_on_processor"
    assert likely(30) == "partly_on_processor"
    assert likely(0.5) == "memory_swapped"
    assert likely(1, device="m2 max") == "wrong_build"
    assert likely(2, device="Ryzen 9 9950X", system_memory_gb=64) == "one_memory_channel"
    assert likely(8, quantization="q6_k", device="RTX 4060") == "shared_memory"


def test_a_claim_that_another_file_would_allow(catalogue: Catalogue) -> None:
    answer = explain(catalogue, model="llama 3.1 8b", quantization="f16", device="m3 max", measured_tokens_per_s=40)
    assert (answer.standing, answer.possible_at) == ("above_ceiling", "Q8_0")
    assert explain(catalogue, **CARD_8B, measured_tokens_per_s=5000).possible_at is None


def test_a_better_run_shows_what_the_machine_can_do(catalogue: Catalogue) -> None:
    answer = explain(catalogue, **CARD_8B, measured_tokens_per_s=0.5, better_tokens_per_s=90, better_engine="lm studio")
    assert (answer.standing, answer.better_standing, answer.less_percent) == ("far_below", "as_expected", 99)
    assert (answer.likely, answer.better_engine) == ("runs_on_processor", "LM Studio")
    assert "memory_taken" in answer.checks
    both = explain(catalogue, **CARD_8B, device_count=2, measured_tokens_per_s=20, better_tokens_per_s=90)
    assert both.likely == "split"
    counted = explain(catalogue, **CARD_8B, measured_tokens_per_s=90, better_tokens_per_s=5000)
    assert counted.better_tokens_per_s is None, "what cannot be of one conversation is no measure"


def test_a_wait_is_held_against_the_rate_of_prompts(catalogue: Catalogue) -> None:
    answer = explain(catalogue, **CARD_8B, prompt_tokens=10_000, waited_s=50)
    assert (answer.measured_prefill_tokens_per_s, answer.prefill_standing) == (200, "below")
    alone = explain(catalogue, **CARD_8B, waited_s=50)
    assert alone.measured_prefill_tokens_per_s is None
    assert alone.tokens_read_while_waiting == pytest.approx(50 * alone.prefill_tokens_per_s.typical, rel=0.01)


def test_a_draft_lifts_the_ceiling(catalogue: Catalogue) -> None:
    answer = explain(catalogue, **SPARK_70B, measured_tokens_per_s=12, drafted=True)
    assert answer.standing == "needs_drafts"
    assert answer.tokens_per_step == pytest.approx(12 / answer.decode_tokens_per_s.typical, abs=0.05)
    assert explain(catalogue, **SPARK_70B, measured_tokens_per_s=12).standing == "above_ceiling"


def test_a_program_loads_its_own_weights_where_they_fit(catalogue: Catalogue) -> None:
    asked = {"model": "llama 3.1 8b", "engine": "vllm"}
    assert explain(catalogue, **asked, device="RTX 3090").quantization == "BF16"
    assert explain(catalogue, **asked, device="RTX 3060 12GB").quantization == "Q4_K_M"
    assert explain(catalogue, **asked, device="RTX 3090", quantization="q8_0").quantization == "Q8_0"


def test_users_fit_and_get_their_speed(catalogue: Catalogue) -> None:
    answer = users(catalogue, **CARD_8B)
    assert fit(catalogue, **CARD_8B, concurrency=answer.users_by_memory).verdict == "fits"
    assert fit(catalogue, **CARD_8B, concurrency=answer.users_by_memory + 1).verdict != "fits"
    demanding = users(catalogue, **CARD_8B, min_tokens_per_s=60)
    assert demanding.limited_by == "speed"
    assert demanding.users is not None
    assert 1 <= demanding.users < answer.users_by_memory
    assert demanding.decode_tokens_per_s_each is not None
    assert demanding.decode_tokens_per_s_each.typical >= 60
    for there in (1, demanding.users, demanding.users + 1):
        asked = users(catalogue, **CARD_8B, min_tokens_per_s=60, users=there)
        assert asked.enough == (there <= demanding.users)
    longer = users(catalogue, **CARD_8B, context=32768)
    assert longer.users_by_memory < answer.users_by_memory
    assert "vLLM" in answer.engines


def test_models_are_compared_by_what_each_token_reads(catalogue: Catalogue) -> None:
    call = TOOLS["compare_models"].call
    pair = ["qwen3 32b", "qwen3 30b-a3b"]
    bare, placed = call(catalogue, {"models": pair}), call(catalogue, {"models": pair, "device": "RTX 4090"})
    assert bare.fastest == placed.fastest == "Qwen3 30B A3B"
    assert (bare.device, bare.recommended, placed.recommended) == (None, None, "Qwen3 32B")
    assert all(row.verdict is None and row.decode_tokens_per_s is None for row in bare.models)
    (dense, mixture) = placed.models
    assert (dense.is_mixture, mixture.is_mixture) == (False, True)
    assert dense.read_per_token_gb > 5 * mixture.read_per_token_gb
    with pytest.raises(InvalidArgument, match="models that differ"):
        call(catalogue, {"models": ["llama 3.1 8b", "llama 3.1 8b"]})


def test_what_is_missing_comes_with_the_question_for_it(catalogue: Catalogue) -> None:
    with pytest.raises(MissingArgument) as of_memory:
        fit(catalogue, model="8b", device="Ryzen 9 9950X")
    assert of_memory.value.question.startswith("How much memory (RAM) is there with the AMD Ryzen 9 9950X?")
    with pytest.raises(MissingArgument) as of_speed:
        explain(catalogue, model="8b", device={"name": "an 8 GB card", "memory_gib": 8})
    assert of_speed.value.question.startswith("Which device is it exactly?")


def test_without_a_context_the_ceiling_is_that_of_an_empty_one(catalogue: Catalogue) -> None:
    alone, empty = explain(catalogue, **CARD_8B), explain(catalogue, **CARD_8B, context=AT_THE_START)
    assert alone.ceiling_tokens_per_s == pytest.approx(empty.ceiling_tokens_per_s, rel=0.01)
    assert alone.ceiling_tokens_per_s > explain(catalogue, **CARD_8B, context=8192).ceiling_tokens_per_s


def test_an_older_card_with_less_bandwidth_is_no_faster(catalogue: Catalogue) -> None:
    def decode(card: str) -> float:
        asked = {"model": "llama 3.1 8b", "quantization": "q4_k_m", "device": card}
        return explain(catalogue, **asked).decode_tokens_per_s.typical

    assert decode("Tesla M40 24GB") < decode("Tesla P40")


SUPPLY = {"device": "RTX 5060 Ti 16GB", "psu_w": 450}


def test_a_supply_is_judged_by_what_it_leaves_for_a_processor_nobody_named(catalogue: Catalogue) -> None:
    def sized(**arguments: Any) -> PowerSupplyAnswer:
        answer = TOOLS["size_power_supply"].call(catalogue, SUPPLY | arguments)
        assert isinstance(answer, PowerSupplyAnswer)
        return answer

    answer, named = sized(), sized(cpu="Ryzen 5 5600X")
    assert answer.left_for_cpu_w is not None
    assert (answer.left_for_cpu_w >= named.cpu_w) == (named.verdict == "enough")
    assert named.left_for_cpu_w is None
    assert answer.sustained_w - answer.cpu_w + answer.left_for_cpu_w == pytest.approx(0.8 * 450)
    assert sized(psu_w=250).left_for_cpu_w is None, "which leaves less than any processor of a desktop takes"
    first = brief(catalogue, "size_power_supply", SUPPLY)
    assert first.startswith("450 W are enough for the GeForce RTX 5060 Ti")
