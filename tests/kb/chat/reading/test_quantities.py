"""Figures with their roles, as people write them."""

import pytest

from tests.kb.chat.reading.conftest import Reading


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("two 3090 capped at 290 W", {"power_limit_w": 290, "psu_w": None, "watts": None}),
        ("3090 with a 250W power limit", {"power_limit_w": 250, "watts": None}),
        ("650 W supply, enough for a 4090?", {"psu_w": 650, "watts": None}),
        ("my PSU is 750W", {"psu_w": 750}),
        ("I have a 850W gold", {"psu_w": 850}),
        ("server draws 300 watts", {"watts": 300, "psu_w": None}),
        ("0.35 euro a kWh, 3 hours a day", {"price_per_kwh": 0.35, "kwh_currency": "EUR", "hours_per_day": 3}),
        ("30 cents per kWh around the clock", {"price_per_kwh": 0.3, "hours_per_day": 24}),
        ("electricity is $0.12, on 8h per day", {"price_per_kwh": 0.12, "hours_per_day": 8, "budget": None}),
        ("what can I get for $1,500?", {"budget": 1500, "currency": "USD"}),
        ("budget 2k euro", {"budget": 2000, "currency": "EUR"}),
        ("my budget is 800, which card?", {"budget": 800, "currency": None}),
        ("-ngl 30 -c 32768", {"gpu_layers": 30, "context": 32768}),
        (
            "llama-server -c 16k -ctk q8_0 -ctv q8_0 -ub 4096 -t 8",
            {"context": 16384, "kv_cache_type": "q8_0", "users": None},
        ),
        (
            "vllm --max-model-len 40000 --max-num-seqs 16 --kv-cache-dtype fp8",
            {"context": 40000, "users": None, "kv_cache_type": "q8_0"},  # a bound, and nobody's number of users
        ),
        ("ollama inside is 0.5.4-ipexllm-20250325, does gemma3 fit?", {"context": None}),
        ("8x 32GB DDR4 in my server", {"system_memory_gb": 256}),
        (
            "lora with rank 64 on all linear layers, 8-bit adam",
            {"rank": 64, "targets": "all_linear", "optimizer": "adamw_8bit"},
        ),
        ("power is 30 cents a kWh in the UK", {"price_per_kwh": 0.3, "kwh_currency": "GBP"}),
        ("under £900", {"budget": 900, "currency": "GBP"}),
        ("llama-server -c 16k -ctk q8_0 -ctv q4_0", {"kv_cache_type": "q8_0/q4_0"}),
        ("--cache-type-k q8_0 is all I set", {"kv_cache_type": "q8_0/f16"}),
        ("vllm serve --gpu-memory-utilization 0.85 --max-model-len 8k", {"memory_share": 0.85, "context": 8192}),
        ("KV cache -1.05GiB (gpu_memory_utilization 0.70). is my card too small?", {"memory_share": 0.7}),
        ("gpt-oss 120b on a 3090 with 64GB, does it fit?", {"system_memory_gb": 64, "vram_gib": None}),
        ("70b on 2x 3090 + 128GB", {"system_memory_gb": 128}),
        ("a 70b on a 4090 with 24GB", {"system_memory_gb": None}),
        ("128k, K cache q8_0 V cache q4_0", {"kv_cache_type": "q8_0/q4_0"}),
        ("Qwen3-VL 32B, 8 images of 3840x2160", {"images": 8, "image_size": "3840x2160"}),
        ("8 photos at once with gemma 3 12b", {"images": 8, "users": None}),
        ("gemma 3 12b with 3 images on 12 GB", {"images": 3}),
        ("renting costs $0.79 per hour", {"rent_per_hour": 0.79, "budget": None}),
        ("$2 an hour against buying for $1600", {"rent_per_hour": 2, "price": 1600}),
        ("8 users at once", {"users": 8}),
        ("a team of 25 people", {"users": 25}),
        ("4 concurrent requests", {"users": 4}),
        ("32k context", {"context": 32768}),
        ("ctx 8192", {"context": 8192}),
        ("100k tokens of context", {"context": 100_000}),
        ("num_ctx=16384", {"context": 16384}),
        ("1M context window", {"context": 1_000_000}),
        ("can I have 40960? the context I mean", {"context": 40960}),
        ("a 2000 token prompt", {"prompt_tokens": 2000, "context": None}),
        ("64 GB RAM", {"system_memory_gb": 64}),
        ("32 gigs of ddr4", {"system_memory_gb": 32, "memory_type": "DDR4"}),
        ("4090 + 128GB", {"system_memory_gb": 128}),
        ("RTX 3060, 32 GB of system memory", {"system_memory_gb": 32, "vram_gib": None}),
        ("128GB DDR5-5600 dual channel", {"system_memory_gb": 128, "memory_type": "DDR5-5600", "memory_channels": 2}),
        ("EPYC with 12 channels of ddr5-4800", {"memory_channels": 12, "memory_type": "DDR5-4800"}),
        ("576gb ram 12ch", {"system_memory_gb": 576, "memory_channels": 12}),
        ("12GB vram", {"vram_gib": 12, "system_memory_gb": None}),
        ("3 GB already in use by the desktop", {"memory_in_use_gb": 3}),
        ("windows takes 2 GB of it", {"memory_in_use_gb": 2}),
        ("I offload 20 layers to the gpu", {"gpu_layers": 20}),
        ("n_gpu_layers 33", {"gpu_layers": 33}),
        ("a 42 GB file over 10 gbe", {"size_gb": 42}),
        ("copy 400 GB over wifi", {"size_gb": 400}),
        ("drive reads 3500 MB/s", {"read_mb_per_s": 3500}),
        ("I only get 6 tok/s", {"tokens_per_s": 6, "speed_is": "measured"}),
        ("4 tokens per second, is that a bug?", {"tokens_per_s": 4, "speed_is": "measured"}),
        ("he says 40 t/s", {"tokens_per_s": 40, "speed_is": "claimed"}),
        ("a blog claims 120 tokens/s", {"tokens_per_s": 120, "speed_is": "claimed"}),
        ("I want at least 20 t/s", {"tokens_per_s": 20, "speed_is": "wanted"}),
        ("with q8 kv cache", {"kv_cache_type": "q8_0"}),
        ("kv cache in q4_0", {"kv_cache_type": "q4_0"}),
        ("batch size 4, lora", {"batch_size": 4}),
        ("a file of 24 GiB", {"size_gb": 24}),
        ("32 Go de RAM", {"system_memory_gb": 32}),
        ("llama 70b needs 43 GB, right?", {"vram_gib": None, "system_memory_gb": None}),
        ("I have 200K photos", {"context": None}),
        ("is 128 gb of ram worth it over 64?", {"system_memory_gb": 64, "considered_system_memory_gb": 128}),
        ("2x32 GB at 6000 MT/s", {"memory_type": "DDR5-6000"}),
        ("f16 keys and q8_0 values cache, K f16, V q8_0", {"kv_cache_type": "f16/q8_0"}),
        ("q8_0 K and q5_1 V", {"kv_cache_type": "q8_0/q5_1"}),
        ("tensor parallel 2, 12 concurrent users", {"users": 12}),
        ("a lora with 30k examples", {"context": None}),
        ("EPYC 9554 with 512GB", {"system_memory_gb": 512, "vram_gib": None}),
        ("1 TB ssd", {"system_memory_gb": None, "vram_gib": None, "size_gb": None}),
    ],
)
def test_roles(reading: Reading, text: str, expected: dict[str, object]) -> None:
    situation = reading(text)
    assert {key: getattr(situation, key) for key in expected} == expected


def test_a_name_is_no_figure(reading: Reading) -> None:
    situation = reading("2x 3090 with Llama 3.1 8B at Q4_K_M")
    stated = {key: getattr(situation, key) for key in ("context", "users", "watts", "budget", "size_gb", "vram_gib")}
    assert set(stated.values()) == {None}


def test_a_processor_reads_as_fast_as_its_memory(reading: Reading) -> None:
    (said,) = reading("cpu only, 8 channels of ddr4-3200").devices
    (assumed,) = reading("cpu only, ddr4").devices
    assert said.figures.memory_bandwidth_gb_per_s == 204.8
    assert said.figures.bandwidth_assumed is False
    assert assumed.figures.bandwidth_assumed is True
