"""How a model is placed and run, in the words of llama.cpp's command line."""

from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.catalogue import Catalogue
from kb.errors import InvalidArgument
from kb.tools import TOOLS
from kb.tools.base import InvalidArguments
from kb.tools.shared.options import Options, known_options, parse_options
from tests.kb.tools.said import brief

ALL = frozenset(range(1000))


def fit(catalogue: Catalogue, options: str | None, **more: object) -> object:
    arguments = {"model": "gpt-oss 120b", "device": "RTX 3090", "options": options, **more}
    return TOOLS["check_fit"].call(catalogue, {key: value for key, value in arguments.items() if value is not None})


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("-ngl 30 --n-cpu-moe 12 -ub 2048", Options(gpu_layers=30, cpu_experts=frozenset(range(12)), ubatch=2048)),
        ("llama-server -m model.gguf -ngl all -fa", Options(gpu_layers=1000, flash_attention=True)),
        ("--n-gpu-layers=auto --flash-attn off", Options(flash_attention=False)),
        ("-c 32k -np 4 -kvu", Options(context=32768, slots=4, unified=True)),
        ("-ctk q8_0 -ctv q8_0 --swa-full", Options(keys_type="q8_0", values_type="q8_0", swa_full=True)),
        (r'-ot ".ffn_.*_exps.=CPU"', Options(cpu_experts=ALL)),
        ("--cpu-moe -ts 3,1 --temp 0.7 --no-mmap", Options(cpu_experts=ALL, tensor_split=(3.0, 1.0))),
        ("-ngl 20 \\\n -ub 4096", Options(gpu_layers=20, ubatch=4096)),
        ("", Options()),
    ],
)
def test_lines_that_people_paste(line: str, found: Options) -> None:
    assert parse_options(line) == found


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("--n-cpu-mo 12", "--n-cpu-moe"),
        ("-ngl many", "a whole number from 0"),
        ("-ngl", "a value behind -ngl"),
        ("-ub 0", "a whole number from 1"),
        ("-np 99999", "to 10,000"),
        ("-ctk q9_0", "q8_0"),
        (r'-ot "blk\.1[0-9]\..*_exps.=CUDA1"', "--n-cpu-moe"),
        (r'-ot "blk\..*\.attn.*=CPU"', "--n-cpu-moe"),
        (r'-ot "blk\.1\.ffn_up_exps=CPU"', "all experts"),
        (r'-ot "blk\.1\.ffn_(up|gate)_exps=CPU"', "all experts"),
        (r'-ot "(.*)*exps=CPU"', "all experts"),
        (r'-ot ".*.*.*exps=CPU"', "all experts"),
        (f'-ot "{".?" * 26}exps_=CPU"', "all experts"),
        (f'-ot "{"(.|..)" * 16}exps_=CPU"', "all experts"),
        (f'-ot "blk.{"(1|)" * 40}x.ffn_.*_exps=CPU"', "all experts"),
        ('-ot "blk.(1=CPU"', "--n-cpu-moe"),
        ("-ts nan,1", "shares"),
        ("-fa perhaps", "on, off or auto"),
        ("-ngl '30", "quotation marks"),
    ],
)
def test_what_is_not_known_is_named_with_what_is(line: str, says: str) -> None:
    with pytest.raises(InvalidArgument, match="accepted") as error:
        parse_options(line)
    assert says in str(error.value)


WORDS = [*known_options(), "-1", "12", "q8_0", "on", "4096", "=", "'", "exps=CPU"]


@settings(max_examples=200)
@given(st.lists(st.sampled_from(WORDS), max_size=8))
def test_no_line_is_more_than_refused(words: list[str]) -> None:
    with suppress(InvalidArgument):
        assert isinstance(parse_options(" ".join(words)), Options)


def test_a_placement_is_taken_as_it_is_told(catalogue: Catalogue) -> None:
    auto = fit(catalogue, None)
    assert (auto.verdict, auto.options) == ("fits_with_offload", "")
    told = fit(catalogue, "--n-cpu-moe 30")
    assert (told.verdict, told.options) == ("fits_with_offload", "--n-cpu-moe 30")
    assert told.offload.experts_on_cpu_layers == 30
    assert told.per_device[0].weights_gb < auto.per_device[0].weights_gb
    assert "--n-cpu-moe 30" in told.commands.llama_cpp
    layers = fit(catalogue, "-ngl 10")
    assert (layers.offload.layers_on_device, layers.offload.layers_total) == (9, 36)
    assert [one.layers for one in layers.per_device] == [9]
    none = fit(catalogue, "-ngl 0")
    assert (none.offload.layers_on_device, none.per_device[0].weights_gb) == (0, 0)


def test_a_placement_that_does_not_fit_leads_to_one_that_does(catalogue: Catalogue) -> None:
    told = fit(catalogue, "--n-cpu-moe 2")
    assert (told.verdict, [way.change for way in told.ways_out]) == ("does_not_fit", ["other_placement"])
    assert told.required_gb > told.available_gb
    mended = fit(catalogue, told.ways_out[0].options)
    assert mended.verdict == "fits_with_offload"
    assert mended.offload == fit(catalogue, None).offload


def test_what_the_options_say_goes_before_the_arguments(catalogue: Catalogue) -> None:
    told = fit(catalogue, "-c 32768 -np 4 -ctk q8_0 -ctv q8_0", context=4096)
    assert (told.context, told.concurrency) == (8192, 4)
    assert told.breakdown == fit(catalogue, None, context=8192, concurrency=4, kv_cache_type="q8_0").breakdown


def test_slots_share_the_cells_but_not_states_and_windows(catalogue: Catalogue) -> None:
    def cache(model: str, options: str) -> float:
        given = {"model": model, "device": "RTX 5090", "quantization": "q2_k", "options": options}
        return TOOLS["check_fit"].call(catalogue, given).breakdown.kv_cache_gb

    assert cache("llama 3.1 8b", "-c 8192 -np 4 -kvu") == cache("llama 3.1 8b", "-c 8192")
    states = [cache("qwen3.6 35b a3b", f"-c 4096 -np {slots} -kvu") for slots in (1, 2, 3)]
    assert states[2] - states[1] == pytest.approx(states[1] - states[0], abs=0.002)
    assert states[1] > states[0]


@pytest.mark.parametrize(
    ("options", "given"),
    [
        ("-np 4 -c 65536 --kv-unified", {}),
        ("-np 4 -kvu", {"context": 16384}),
        ("--kv-unified", {"context": 16384, "concurrency": 4}),
        ("-kvu -c 65536", {"concurrency": 4}),
    ],
)
def test_one_pool_for_all_slots_is_not_divided(catalogue: Catalogue, options: str, given: dict[str, Any]) -> None:
    asked = {"model": "qwen3 14b", "quantization": "q4_k_m", "device": "RTX 5090"}
    told = TOOLS["check_fit"].call(catalogue, {**asked, **given, "options": options})
    whole = TOOLS["check_fit"].call(catalogue, asked | {"context": 65536})
    assert told.context == 65536
    assert told.breakdown.kv_cache_gb == whole.breakdown.kv_cache_gb
    assert "-c 65536" in told.commands.llama_cpp
    assert "-np 4 -kvu" in told.commands.llama_cpp


def test_memory_in_use_is_not_there_for_the_model(catalogue: Catalogue) -> None:
    usual, told, none = (fit(catalogue, None, reserved_gib=taken) for taken in (None, 4, 0))
    assert told.breakdown.runtime_overhead_gb - none.breakdown.runtime_overhead_gb == pytest.approx(4.295, abs=0.001)
    assert none.breakdown.runtime_overhead_gb < usual.breakdown.runtime_overhead_gb < 1
    assert any("as was said" in text for text in told.assumptions)


def speed(catalogue: Catalogue, **more: object) -> object:
    arguments = {"model": "gpt-oss 120b", "device": "RTX 3090", **more}
    return TOOLS["estimate_speed"].call(catalogue, arguments)


def test_more_on_the_card_is_never_slower(catalogue: Catalogue) -> None:
    found = [speed(catalogue, options=f"--n-cpu-moe {count}") for count in (36, 33, 30)]
    decode = [one.decode_tokens_per_s.typical for one in found]
    prefill = [one.prefill_tokens_per_s.typical for one in found]
    assert decode == sorted(decode)
    assert prefill == sorted(prefill)


def test_larger_micro_batches_copy_offloaded_weights_less_often(catalogue: Catalogue) -> None:
    small, large = (speed(catalogue, options=f"--cpu-moe -b {size} -ub {size}") for size in (512, 2048))
    ratio = large.prefill_tokens_per_s.typical / small.prefill_tokens_per_s.typical
    assert 2 < ratio < 4


def test_a_shorter_prompt_is_there_sooner(catalogue: Catalogue) -> None:
    whole, short = speed(catalogue), speed(catalogue, prompt_tokens=500)
    assert short.time_to_first_token_s < whole.time_to_first_token_s
    assert short.decode_tokens_per_s == whole.decode_tokens_per_s


def test_more_ram_than_a_desktop_takes_is_a_servers(catalogue: Catalogue) -> None:
    desktop, server = (speed(catalogue, system_memory_gb=size) for size in (256, 512))
    assert server.decode_tokens_per_s.typical > desktop.decode_tokens_per_s.typical
    assert any("eight channels" in text for text in server.assumptions)
    assert not any("eight channels" in text for text in desktop.assumptions)


def test_a_draft_is_as_fast_as_its_guesses_are_good(catalogue: Catalogue) -> None:
    def with_draft(**more: object) -> object:
        given = {"model": "llama 3.3 70b", "device": "2x RTX 3090", "draft": "llama 3.2 1b", **more}
        return TOOLS["estimate_speed"].call(catalogue, given)

    found = with_draft()
    drafting = found.drafting
    assert drafting.decode_tokens_per_s.low < drafting.decode_tokens_per_s.typical < drafting.decode_tokens_per_s.high
    assert 1 < drafting.tokens_per_step < drafting.guesses + 1
    assert drafting.draft_gb > 0.5
    rates = [with_draft(draft_acceptance=share).drafting.decode_tokens_per_s.typical for share in (0, 0.5, 0.9, 1)]
    assert rates == sorted(rates)
    assert rates[0] < found.decode_tokens_per_s.typical < rates[-1]
    free, own = (with_draft(draft=name, draft_acceptance=0.7).drafting for name in ("ngram", "mtp"))
    assert (free.draft_gb, own.draft_gb) == (0, 0)
    assert free.decode_tokens_per_s.typical > own.decode_tokens_per_s.typical
    assert TOOLS["estimate_speed"].call(catalogue, {"model": "8b", "device": "RTX 3090"}).drafting is None
    with pytest.raises(InvalidArgument, match="a model that is smaller than"):
        with_draft(draft="deepseek v3")


def test_users_share_the_reading_of_weights(catalogue: Catalogue) -> None:
    def all_together(users: int) -> float:
        found = speed(catalogue, model="llama 3.1 8b", context=512, concurrency=users)
        return (found.aggregate_tokens_per_s or found.decode_tokens_per_s).typical

    totals = [all_together(users) for users in (1, 2, 4, 8, 16, 32, 64)]
    gains = [more / fewer for fewer, more in pairwise(totals)]
    assert all(1 <= gain <= 2.01 for gain in gains)
    assert gains == sorted(gains, reverse=True)
    assert totals[3] > 4 * totals[0]


@pytest.mark.parametrize(
    ("device", "backend", "label"),
    [("RX 7900 XTX", "vulkan", "(Vulkan)"), ("RTX 3090", "cuda", "3090"), ("M2 Ultra", "metal", "GPU)")],
)
def test_another_backend_is_named(catalogue: Catalogue, device: str, backend: str, label: str) -> None:
    assert speed(catalogue, model="8b", device=device, backend=backend).device.endswith(label)


@pytest.mark.parametrize(
    ("device", "backend"), [("RTX 3090", "rocm"), ("M2 Ultra", "vulkan"), ("Ryzen 9 9950X", "cuda")]
)
def test_a_backend_that_a_device_has_not_is_refused(catalogue: Catalogue, device: str, backend: str) -> None:
    with pytest.raises(InvalidArgument, match="backend is"):
        speed(catalogue, model="8b", device=device, backend=backend)


def test_the_type_that_is_not_named_stays_at_sixteen_bits(catalogue: Catalogue) -> None:
    def cache(options: str) -> float:
        return fit(catalogue, options, device="RTX 5090", context=65536).breakdown.kv_cache_gb

    both, keys, none = cache("-ctk q8_0 -ctv q8_0"), cache("-ctk q8_0"), cache("-c 65536")
    assert cache("-ctv q8_0") == keys
    assert keys == pytest.approx((both + none) / 2, rel=0.001)
    assert cache("-ctk q8_0 -ctv q4_0") < both < keys < none


def test_unlike_types_of_k_and_v_have_their_price(catalogue: Catalogue) -> None:
    def warned(model: str, device: str, kind: str) -> bool:
        given = {"model": model, "device": device, "kv_cache_type": kind}
        warnings = TOOLS["check_fit"].call(catalogue, given).warnings
        return any("FA_QUANTS" in one or "unlike types" in one for one in warnings)

    assert warned("llama 3.1 8b", "RTX 4090", "q8_0/q4_0")
    assert warned("llama 3.1 8b", "RTX 4090", "q5_1")
    assert not warned("llama 3.1 8b", "RTX 4090", "q8_0")
    assert not warned("llama 3.1 8b", "M2 Max", "q8_0/q4_0")
    assert warned("deepseek v3", "8x H200 SXM", "q8_0/q4_0")
    with pytest.raises(InvalidArguments, match="q8_0/q4_0"):
        fit(catalogue, None, kv_cache_type="q8_0/q9_0")


def test_a_program_may_take_a_share_of_the_memory(catalogue: Catalogue) -> None:
    asked = {"model": "llama 3.1 8b", "device": "RTX 4090", "quantization": "awq"}
    whole, most, half = (
        TOOLS["check_fit"].call(catalogue, asked | {"memory_share": share}) for share in (None, 0.9, 0.5)
    )
    assert most.available_gb == pytest.approx(0.9 * whole.available_gb, rel=0.001)
    assert half.max_context < most.max_context
    assert most.breakdown.runtime_overhead_gb < whole.breakdown.runtime_overhead_gb, "a desktop has the rest"
    users = [
        TOOLS["users_served"].call(catalogue, asked | {"memory_share": share}).users_by_memory for share in (0.9, 0.5)
    ]
    assert users[0] > users[1] > 0
    text = brief(catalogue, "check_fit", asked | {"memory_share": 0.5})
    assert "(the program may take 50 % of what is there)" in text
    with pytest.raises(InvalidArguments, match="memory_share"):
        TOOLS["check_fit"].call(catalogue, asked | {"memory_share": 1.5})


@pytest.mark.parametrize(
    ("pattern", "layers"),
    [
        (r"blk\.(2[0-9]|3[0-9])\.ffn_.*_exps\.=CPU", 16),
        (r"blk\.[0-9]\.ffn_(gate|up|down)_exps=CPU", 10),
        (r"blk\.(?:0|1)\.ffn_.*_exps.=CPU,blk\.7\.ffn_.*_exps.=CPU", 3),
    ],
)
def test_experts_of_the_layers_that_a_pattern_names(catalogue: Catalogue, pattern: str, layers: int) -> None:
    named = fit(catalogue, f'-ngl 99 -ot "{pattern}"')
    counted = fit(catalogue, f"-ngl 99 --n-cpu-moe {layers}")
    assert named.breakdown == counted.breakdown
    assert named.per_device == counted.per_device


def test_a_share_adds_to_what_is_known_of_the_memory(catalogue: Catalogue) -> None:
    def available(device: str, **more: float) -> float:
        given = {"model": "llama 3.1 8b", "device": device, **more}
        return TOOLS["check_fit"].call(catalogue, given).available_gb

    assert available("m2 max", memory_share=1.0) == available("m2 max"), "Metal's limit stands"
    card = "RTX 4090"
    assert available(card, memory_share=0.9, reserved_gib=1) == available(card, memory_share=0.9), "it lies in the rest"
    assert available(card, memory_share=0.9, reserved_gib=8) < available(card, memory_share=0.9)
