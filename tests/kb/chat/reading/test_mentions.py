"""Names: every part of one is accounted for, or all of it is unknown."""

import re

import pytest

from kb.catalogue import Catalogue
from kb.settings import KNOWLEDGE
from kb.text.wording import article
from kb.tools.shared.given import DeviceFigures
from kb.tools.shared.resolve import resolve_model
from tests.kb.chat.reading.conftest import Reading
from tests.kb.chat.reading.seen import devices, labels, models


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("is a 3090 good enough?", ["GeForce RTX 3090"]),
        ("2x3090 or one 5090", ["2x GeForce RTX 3090", "GeForce RTX 5090"]),
        ("dual 3090 rig", ["2x GeForce RTX 3090"]),
        ("a pair of used 3090s", ["2x GeForce RTX 3090"]),
        ("four L40S in a server", ["4x NVIDIA L40S"]),
        ("8 * 3090 on one board", ["8x GeForce RTX 3090"]),
        ("3090 + 3060 in the same box", ["GeForce RTX 3090", "GeForce RTX 3060 12GB"]),
        ("one 3090 + one 3090 + 3060ti", ["2x GeForce RTX 3090", "GeForce RTX 3060 Ti"]),
        ("I've got 3x P40, draw at idle?", ["3x NVIDIA Tesla P40"]),
        ("3090/4090, which", ["GeForce RTX 3090", "GeForce RTX 4090"]),
        ("MacBook Air M2 16GB for a small model", ["Apple MacBook Air (M2, 2022) 16 GB"]),
        ("my 8GB MacBook Air M1", ["Apple MacBook Air (M1, 2020) 8 GB"]),
        ("M2 air with 24 gigs", ["Apple M2 (10-core GPU) 24 GB"]),
        ("mac mini m4 pro 48", ["Apple Mac mini (M4 Pro, 2024) 48 GB"]),
        ("an M3 Max MacBook, 64GB", ["Apple M3 Max (40-core GPU) 64 GB"]),
        ("a 4090 laptop", ["GeForce RTX 4090 Laptop GPU"]),
        ("raspberry pi 5, is that a joke", ["Raspberry Pi 5"]),
        ("it cost me $3090 all in", []),
        ("with a 3090 it waits 30-60 seconds", ["GeForce RTX 3090"]),
        ("7900 XTX reads prompts at ~4000-4400", ["AMD Radeon RX 7900 XTX"]),
        ("3090 and 64GB DDR5, 1TB m.2 drive", ["GeForce RTX 3090"]),
        ("3070 8gb, context at the max 262144", ["GeForce RTX 3070"]),
        ("2x RTX 3090 (48Gb total) or one 4090", ["2x GeForce RTX 3090", "GeForce RTX 4090"]),
        ("M1 Ultra 64GB. Is drafting broken on M1?", ["Apple M1 Ultra (64-core GPU) 64 GB"]),
        ("M1 Max or M1?", ["Apple M1 Max (32-core GPU)", "Apple M1 (8-core GPU)"]),
        ("the A770 from Intel, 16gb", ["Intel Arc A770 16GB"]),
        ("5060 Ti 16GB against 5060 Ti 8GB", ["GeForce RTX 5060 Ti 16GB", "GeForce RTX 5060 Ti 8GB"]),
    ],
)
def test_devices(reading: Reading, text: str, expected: list[str]) -> None:
    situation = reading(text)
    assert devices(situation) == expected
    assert situation.unknown == ()


@pytest.mark.parametrize(
    ("text", "expected", "memory", "backend"),
    [
        ("what runs on an 8 GB card?", "an 8 GB graphics card", 8, "cuda"),
        ("a 24GB GPU, which model", "a 24 GB graphics card", 24, "cuda"),
        ("i have a graphics card with 12 gigs", "a 12 GB graphics card", 12, "cuda"),
        ("7x 24GB, llama 3 70b", "a 24 GB graphics card", 24, "cuda"),
        ("16 GB amd card for coding", "a 16 GB graphics card", 16, "rocm"),
        ("12 GB VRAM, what fits", "a 12 GB graphics card", 12, "cuda"),
        ("is 24 gb enough for a 30b", "a 24 GB graphics card", 24, "cuda"),
        ("Mac with 64 GB, what can it do", "a Mac with 64 GB", 64, "metal"),
        ("a laptop with 16 GB", "a laptop with 16 GB of RAM", 16, "cpu"),
        ("a 32gb mini pc", "a mini pc with 32 GB of RAM", 32, "cpu"),
        ("no gpu, 64GB of DDR4", "a computer without a graphics card and 64 GB of RAM", 64, "cpu"),
        ("is my old office pc of any use", "an old office pc", None, "cpu"),
        ("cpu only, can I still use it", "a computer without a graphics card", None, "cpu"),
    ],
)
def test_devices_that_are_described(
    reading: Reading, text: str, expected: str, memory: float | None, backend: str
) -> None:
    (device,) = reading(text).devices
    assert device.figures is not None
    assert (device.label, device.figures.memory_gib, device.figures.backend) == (
        expected, memory, backend
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("llama 3.1 8b instruct", ["Llama 3.1 8B"]),
        ("llama3.3:70b in ollama", ["Llama 3.3 70B"]),
        ("gemma4:26b", ["Gemma 4 26B A4B"]),
        ("https://huggingface.co/Qwen/Qwen3-32B-GGUF", ["Qwen3 32B"]),
        ("hf.co/bartowski/Llama-3.3-70B-Instruct-GGUF:Q4_K_M", ["Llama 3.3 70B"]),
        ("GLM-4.5-Air and gpt-oss-120b", ["GLM 4.5 Air 106B", "gpt-oss 120B"]),
        ("can it hold a 70b", ["a 70B model"]),
        ("7-8B is all I need", ["a 7B model", "an 8B model"]),
        ("27B dense at 4.5 bits", ["a 27B model"]),
        ("Qwen3 32B, and no other 32B", ["Qwen3 32B"]),
        ("gemma4 26b has 4B active", ["Gemma 4 26B A4B"]),
        ("Wan 2.1 14B for video", []),
        ("Whisper large on a 3060", []),
    ],
)
def test_models(reading: Reading, text: str, expected: list[str]) -> None:
    situation = reading(text)
    assert models(situation) == expected
    assert situation.unknown == ()


def test_a_size_has_the_shape_of_a_model_of_it(reading: Reading) -> None:
    (typical,) = reading("a 70b").models
    (between,) = reading("a 128b").models
    assert (typical.label, typical.argument) == ("a 70B model", "70b")
    assert (between.label, between.argument) == ("a 128B model", "128b")
    described = resolve_model(Catalogue.load(KNOWLEDGE), between.argument).architecture
    assert described.params_total == 128e9


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a 45B MoE with 3B active at q4", ["a 45B A3B model"]),
        ("120B total, 8B active parameters", ["a 120B A8B model"]),
        ("60B A4B on a 4090", ["a 60B A4B model"]),
        ("a 70b. my 8b is active too", ["a 70B model", "an 8B model"]),
    ],
)
def test_a_mixture_is_given_by_both_its_sizes(reading: Reading, text: str, expected: list[str]) -> None:
    assert models(reading(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("llama 3.1 8b q4_k_m", ["Q4_K_M"]),
        ("Qwen3-32B-Q5_K_M.gguf", ["Q5_K_M"]),
        ("14b in fp8 or int4", ["FP8", "INT4"]),
        ("34b at 4.65 bpw", ["4.65 bits per weight"]),
        ("27B dense at 4.5 bits", ["4.5 bits per weight"]),
        ("llama 3.1 8b at q8 with q4 kv cache", ["Q8_0"]),
        ("do I get a 70b in three bits onto it", ["Q3_K_M"]),
        ("qwen3 14b quantized to eight bits", ["Q8_0"]),
        ("a 70b, full precision bf16, for all of us", ["BF16"]),
        ("gemma 3 12b 8-bit (q8_0) or 4 bit", ["Q8_0", "Q4_K_M"]),
        ("a card with a 128-bit bus, one bit of advice", []),
    ],
)
def test_quantizations(reading: Reading, text: str, expected: list[str]) -> None:
    assert labels(reading(text).quantizations) == expected


REAL_AND_INVENTED = """
Qwen3 VL 33B; Qwen3 Embedding 9B; Gemma 4 E6B; Gemma 3n E8B; DeepSeek V6 Flash; DeepSeek V6 Pro; Kimi K4.6; Kimi K4
Kimi Linear 70B; GLM 6.1; GLM 6.2; MiniMax M5; Mistral Small 6 119B; Devstral 4 123B; Ministral 5 8B
Granite 6.0 H Small; LFM4 8B A1B
 LFM4.5 1.2B; Ornith 3.5 35B; Ornith 11B; Hy5 780B; Step 5.7 Flash; Ling 5.0 Flash 127B; EXAONE 6.5 33B
Falcon H3 34B; Mellum2 4B; Command A Plus 218B; ERNIE 6.5 21B; GigaChat 3.5; Qwen2.5 Coder 4B; Llama 5 70B; Qwen3.9 27B
Mistral Medium 5.5 128B; Llama 5 8B; Llama 3.1 8B VL; GLM 4.5 VL; Qwen3 32B VL; Command Z; Mixtral 9x7B
Magistral Medium; Qwen 4.2 31B; DeepSeek V5 Flash; llama-3.1-8b-2407; Zephyros 12B; Orca 4 13B; Aurora 2.1
Gemma 6 40B; Phi-7 Mini 5B
"""
UNKNOWN = [name.strip() for line in REAL_AND_INVENTED.strip().splitlines() for name in line.split(";")]
ASKED = ("can a 3090 run {name} at Q4?", "how fast is {name} on a 5090?", "{name} vs Llama 3.1 8B")


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("name", UNKNOWN)
def test_a_model_that_nobody_knows_is_no_other(reading: Reading, name: str, asked: str) -> None:
    situation = reading(asked.format(name=name))
    assert situation.unknown == (name,)
    others = [
        model
        for model in models(situation)
        if model not in ("Llama 3.1 8B", f"{article(_size(name))} {_size(name)} model")
    ]
    assert others == []
    assert set(devices(situation)) <= {"GeForce RTX 3090", "GeForce RTX 5090"}


def _size(name: str) -> str:
    """With the active part, where it has one: ``80B A3B``."""
    found = re.search(r"(?<![\w.])[\d.]+[bB](?:[ -][aA][\d.]+[bB])?(?![\w.])", name)
    return found[0].upper().replace("-", " ") if found else ""


def test_an_unknown_model_stands_by_its_size_too(reading: Reading) -> None:
    situation = reading("can a 3090 run Qwen3.9 27B at Q4?")
    assert [(model.name, model.argument) for model in situation.models] == [("27B", "27b")]
    assert reading("how fast is GigaChat 3.5 on a 5090?").models == ()


@pytest.mark.parametrize(
    "name",
    [
        "RTX 4090 Ti", "RTX 5090 Ti", "4090 ti", "RTX 4090 Super", "RX 7600 XTX", "RTX A6000 Ada", "RX 7900",
        "M4 Ultra", "Mac Studio M4 Ultra", "RTX 2090", "H150", "RTX 6090", "Raspberry Pi 4",
        "Ryzen 7 5900X3D", "i9-13900KS",
        "Titan Z", "GT 710", "Arc Pro B90", "A12G", "RTX PRO 7000", "Quadro K4200", "Xeon E5-2680",
    ],
)  # fmt: skip
def test_a_device_that_nobody_knows_is_no_other(reading: Reading, name: str) -> None:
    situation = reading(f"can the {name} run Llama 3.1 8B?")
    assert situation.unknown == (name,)
    assert situation.devices == ()


def test_memory_that_a_card_is_not_sold_with_is_a_card_of_that_memory(reading: Reading) -> None:
    situation = reading("2080 Ti 20GB for llama 3.1 8b?")
    assert situation.unknown == ("2080 Ti 20GB",)
    assert devices(situation) == ["a 20 GB graphics card"]


@pytest.mark.parametrize(
    "text",
    [
        "how do I install it on windows 11 with python 3.11?",
        "run it at home 24/7",
        "what does the flash attention flag do?",
        "is 4090 super expensive right now? no idea",
        "I need 8 hours, 2 users, 16k context",
        "give me step 2 of the guide",
        "which 7b is best",
        "hello, thank you!",
    ],
)
def test_ordinary_words_are_no_names(reading: Reading, text: str) -> None:
    assert [name for name in reading(text).unknown if "super" not in name] == []


def test_a_processor_that_nobody_knows_is_named_as_left_out_beside_a_card(reading: Reading) -> None:
    situation = reading("i7 2600k and a 3060, llama 3.1 8b?")
    assert devices(situation) == ["GeForce RTX 3060 12GB"]
    assert (situation.unknown, situation.unknown_processor) == ((), "i7 2600k")


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("tinyllama 1.1b full finetune on 3 nodes", "TinyLlama 1.1B"),
        ("deepseek r1 671b tiny quant from ssd", "DeepSeek R1 671B"),
        ("llama 3.1 8b base or instruct", "Llama 3.1 8B"),
    ],
)
def test_a_word_of_the_sentence_behind_a_size_is_no_part_of_the_name(reading: Reading, text: str, model: str) -> None:
    situation = reading(text)
    assert (models(situation), situation.unknown) == ([model], ())


def test_a_revision_is_a_part_of_a_processors_name(reading: Reading) -> None:
    assert reading("xeon E5-2650 v9 for llama").unknown == ("xeon E5-2650 v9",)
    assert devices(reading("xeon e5-2650 v4 for llama")) == ["Intel Xeon E5-2650v4"]


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("does MLX run on an Intel MacBook Pro?", ("Intel MacBook Pro",)),
        ("ollama on my 2019 macbook pro", ("2019 macbook pro",)),
        ("macbook air 2020 m1 8gb, what runs", ()),
        ("llama 9 8b on my intel macbook pro", ("llama 9 8b", "intel macbook pro")),
        ("will gemma 31b fit on a 3090", ("gemma 31b",)),
    ],
)
def test_another_thing_is_not_taken_for_it(reading: Reading, text: str, unknown: tuple[str, ...]) -> None:
    assert reading(text).unknown == unknown


def test_a_board_has_one_memory(reading: Reading) -> None:
    (board,) = reading("can a Raspberry Pi 5 with 8GB run an AI chat?").devices
    assert board.candidates[0].memory_gib == 8


@pytest.mark.parametrize(("text", "rate"), [("2016", 38.4), ("2012", 25.6), ("2024", 89.6)])
def test_ram_is_of_the_age_of_the_computer(reading: Reading, text: str, rate: float) -> None:
    (computer,) = reading(f"a thinkpad from {text} with 8gb ram and no graphics card").devices
    assert isinstance(computer.figures, DeviceFigures)
    assert computer.figures.memory_bandwidth_gb_per_s == rate
