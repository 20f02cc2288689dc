"""What stays known from turn to turn, what is corrected, compared and dropped."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pytest

from kb.catalogue.names import Names
from kb.chat.reading.reader import read
from kb.chat.reading.roles import RoleReader
from kb.chat.reading.situation import Situation
from tests.kb.chat.reading.seen import devices, labels, models

CONVERSATIONS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "an upgrade is compared with what is there": [
        (
            "I have 32GB RAM, a Ryzen 5 3600 and a 3070",
            {"devices": ["AMD Ryzen 5 3600", "GeForce RTX 3070"], "system_memory_gb": 32},
        ),
        (
            "what can I run for coding?",
            {"devices": ["AMD Ryzen 5 3600", "GeForce RTX 3070"], "system_memory_gb": 32, "use": "coding"},
        ),
        (
            "what would I gain with a 5070 Ti?",
            {
                "devices": ["AMD Ryzen 5 3600", "GeForce RTX 3070", "GeForce RTX 5070 Ti"],
                "standing": ["has", "has", "considers"],
            },
        ),
        ("or a used 3090?", {"system_memory_gb": 32}),
    ],
    "corrections replace": [
        ("can my 3060 run qwen3 14b at q4_k_m?", {"devices": ["GeForce RTX 3060 12GB"], "models": ["Qwen3 14B"]}),
        ("no wait, I meant the 8gb one", {"devices": ["GeForce RTX 3060 8GB"], "models": ["Qwen3 14B"]}),
        ("sorry, Q5", {"devices": ["GeForce RTX 3060 8GB"], "models": ["Qwen3 14B"], "quantizations": ["Q5_K_M"]}),
        ("actually make it a 4070", {"devices": ["GeForce RTX 4070"], "models": ["Qwen3 14B"]}),
    ],
    "counts go on": [
        ("does llama 3.3 70b fit on a 3090?", {"devices": ["GeForce RTX 3090"]}),
        ("and with two?", {"devices": ["2x GeForce RTX 3090"], "models": ["Llama 3.3 70B"]}),
        ("with 16k context", {"devices": ["2x GeForce RTX 3090"], "context": 16384}),
        ("q4 kv cache?", {"kv_cache_type": "q4_0", "context": 16384, "models": ["Llama 3.3 70B"]}),
        ("add another one", {"devices": ["3x GeForce RTX 3090"]}),
    ],
    "one more of the same": [
        ("I have a 3090", {"devices": ["GeForce RTX 3090"], "standing": ["has"]}),
        (
            "does another 3090 help with a 70b?",
            {"devices": ["GeForce RTX 3090", "2x GeForce RTX 3090"], "standing": ["has", "considers"]},
        ),
    ],
    "electricity does not stick": [
        (
            "my 3090 at 0.35 euro per kWh, 3 hours a day, what is that a year?",
            {"price_per_kwh": 0.35, "hours_per_day": 3},
        ),
        ("can it make images too?", {"devices": ["GeForce RTX 3090"], "use": "images", "figure_keys": []}),
        ("which one for coding?", {"devices": ["GeForce RTX 3090"], "use": "coding", "price_per_kwh": 0.35}),
    ],
    "a new subject drops the old one": [
        ("how fast is llama 3.1 8b on a 4090 with 4 users?", {"users": 4, "models": ["Llama 3.1 8B"]}),
        ("what is NVLink?", {"models": [], "devices": [], "users": None, "terms": ["NVLink"]}),
        ("does the A6000 have it?", {"devices": ["NVIDIA RTX A6000"]}),
    ],
    "what is owned is known after another question": [
        ("my machine has a 4070 and 64 GB RAM", {"devices": ["GeForce RTX 4070"], "system_memory_gb": 64}),
        ("how many watts does a 5090 draw?", {"devices": ["GeForce RTX 5090"]}),
        ("what is quantization?", {"devices": []}),
        ("can I run qwen3 32b?", {"devices": ["GeForce RTX 4070"], "system_memory_gb": 64, "models": ["Qwen3 32B"]}),
    ],
    "an unknown model stays unknown": [
        ("can a 3090 run Qwen3.9 27B?", {"unknown": ["Qwen3.9 27B"], "models": ["a 27B model"]}),
        ("and at Q5?", {"unknown": ["Qwen3.9 27B"], "models": ["a 27B model"], "quantizations": ["Q5_K_M"]}),
        ("and llama 3.1 8b?", {"unknown": [], "models": ["Llama 3.1 8B"], "devices": ["GeForce RTX 3090"]}),
    ],
    "two cards become one machine": [
        ("I have a 3060 12GB", {"devices": ["GeForce RTX 3060 12GB"], "together": False}),
        ("what if I add a 3090?", {"devices": ["GeForce RTX 3060 12GB", "GeForce RTX 3090"], "together": True}),
        ("does a 70b fit then?", {"devices": ["GeForce RTX 3060 12GB", "GeForce RTX 3090"], "together": True}),
    ],
    "a claim that is told of a machine": [
        ("M2 Ultra 192GB here, llama 3.3 70b q4", {"devices": ["Apple M2 Ultra (76-core GPU)"]}),
        ("I only get 6 tok/s", {"tokens_per_s": 6, "speed_is": "measured", "models": ["Llama 3.3 70B"]}),
        (
            "my friend says 12 t/s",
            {"tokens_per_s": 12, "speed_is": "claimed", "devices": ["Apple M2 Ultra (76-core GPU)"]},
        ),
    ],
    "a card that is taken out is gone": [
        ("a 4090 and a 3080 10gb, does qwen3 32b fit?", {"devices": ["GeForce RTX 4090", "GeForce RTX 3080 10GB"]}),
        ("and without the 3080?", {"devices": ["GeForce RTX 4090"], "models": ["Qwen3 32B"]}),
    ],
    "so many of those": [
        ("is an RTX 6000 Ada enough for llama 3.3 70b at q8?", {"devices": ["NVIDIA RTX 6000 Ada Generation"]}),
        (
            "three of those, and mistral large at q4, would that fit with 32k?",
            {"devices": ["3x NVIDIA RTX 6000 Ada Generation"]},
        ),
        ("if i add a fourth one", {"devices": ["4x NVIDIA RTX 6000 Ada Generation"]}),
    ],
    "a machine's memory is not a card's": [
        ("what runs on my macbook air m3 8gb", {"devices": ["Apple MacBook Air (M3, 2024) 8 GB"]}),
        ("and with 24gb?", {"devices": ["Apple MacBook Air (M3, 2024) 24 GB"]}),
    ],
    "a measured speed stays with its run": [
        ("my 4090 does 35 t/s with qwen3 32b q4_k_m", {"tokens_per_s": 35}),
        ("and at q6?", {"tokens_per_s": None, "quantizations": ["Q6_K"]}),
    ],
    "a speed is still asked about in a message that names nothing": [
        ("my 4070 writes 40 t/s with qwen3 8b q8_0", {"tokens_per_s": 40}),
        ("is that normal then", {"tokens_per_s": 40, "speed_is": "measured", "quantizations": ["Q8_0"]}),
        ("and how fast is llama 3.1 8b there?", {"tokens_per_s": None}),
    ],
    "how everything is run is told before any model": [
        ("I load everything at Q6_K with 16k context", {"models": []}),
        ("does gemma 3 27b fit on a 3090?", {"quantizations": ["Q6_K"], "context": 16384}),
        ("what is NVLink?", {"quantizations": [], "context": None}),
        ("could phi-4 at q8_0 go on a 4060 ti 16gb?", {"quantizations": ["Q8_0"], "context": 16384}),
    ],
    "a question is no habit": [
        ("is 128k context a lot? and is q8_0 better?", {}),
        ("does gemma 3 27b fit on a 3090?", {"quantizations": [], "context": None}),
    ],
    "the same quantization of the next model": [
        ("llama 3.1 8b at fp16 on a 4060 ti 16gb, ok?", {"quantizations": ["F16"]}),
        ("and mistral nemo 12b?", {"models": ["Mistral Nemo 12B"], "quantizations": ["F16"]}),
    ],
    "the machine is still there for another model": [
        ("4070 Ti, 64GB DDR5: how fast is qwen3 14b?", {"devices": ["GeForce RTX 4070 Ti"]}),
        ("Could gpt-oss 120b work?", {"devices": ["GeForce RTX 4070 Ti"], "system_memory_gb": 64}),
    ],
    "money and machine": [
        ("I want to buy something for $2,000", {"budget": 2000, "currency": "USD"}),
        ("for llama 3.3 70b", {"budget": 2000, "models": ["Llama 3.3 70B"]}),
        ("is a 5090 instead too much?", {"devices": ["GeForce RTX 5090"], "models": ["Llama 3.3 70B"]}),
    ],
    "the RAM of one computer is not another's": [
        ("a 4070 with 64gb ram", {"devices": ["GeForce RTX 4070"], "system_memory_gb": 64}),
        ("and on the mac mini m4 24gb?", {"devices": ["Apple Mac mini (M4, 2024) 24 GB"]}),
        ("gemma 3 12b there?", {"devices": ["Apple Mac mini (M4, 2024) 24 GB"]}),
    ],
    "a laptop of the maker is no larger chip": [
        ("my tower has 32 gb of ram", {"system_memory_gb": 32}),
        ("how about a macbook air m3 16gb", {"devices": ["Apple MacBook Air (M3, 2024) 16 GB"]}),
        ("or with 24?", {"devices": ["Apple MacBook Air (M3, 2024) 24 GB"]}),
    ],
    "computers are pointed at by what they are": [
        ("I own a macbook air m3 16gb", {"devices": ["Apple MacBook Air (M3, 2024) 16 GB"]}),
        ("and a desktop with a 3070", {"devices": ["GeForce RTX 3070"]}),
        ("what runs on the mac?", {"devices": ["Apple MacBook Air (M3, 2024) 16 GB"]}),
        ("and on my pc?", {"devices": ["GeForce RTX 3070"]}),
    ],
    "one of several": [
        ("does llama 3.3 70b fit on four 4090s?", {"devices": ["4x GeForce RTX 4090"]}),
        ("and on just one?", {"devices": ["GeForce RTX 4090"]}),
    ],
    "what ran out of memory did so there": [
        ("gemma 3 27b gives me cuda out of memory on a 4080", {"out_of_memory": True}),
        ("what about an A6000?", {"out_of_memory": False}),
    ],
    "a second card tells of the first": [
        ("is a second 4070 worth it or rather a 5090?",
         {"devices": ["GeForce RTX 4070", "2x GeForce RTX 4070", "GeForce RTX 5090"],
          "standing": ["has", "considers", "considers"]}),
    ],
    "a phone has one memory": [
        ("I have a server with 256 GB RAM", {"system_memory_gb": 256}),
        ("does gemma 3 4b run on my phone with 12 GB?", {"devices": ["a phone with 12 GB"]}),
    ],
    "what it stands for is what was defined": [
        ("what is speculative decoding?", {}),
        ("do I need a second gpu for it?", {"terms": ["speculative decoding"]}),
    ],
}  # fmt: skip


@pytest.mark.parametrize("turns", CONVERSATIONS.values(), ids=CONVERSATIONS.keys())
def test_conversations(names: Names, roles: RoleReader, turns: list[tuple[str, dict[str, Any]]]) -> None:
    said: list[str] = []
    for text, expected in turns:
        said.append(text)
        situation = read(said, names, roles=roles)
        assert {key: _of(situation, key) for key in expected} == expected, text


def _of(situation: Situation, key: str) -> Any:
    if key == "devices":
        return devices(situation)
    if key == "models":
        return models(situation)
    if key == "quantizations":
        return labels(situation.quantizations)
    if key == "terms":
        return [named.name for named in situation.terms]
    if key == "standing":
        return [named.standing for named in situation.devices]
    value = getattr(situation, key)
    return list(value) if isinstance(value, tuple) else value


def test_what_was_carried_is_named(names: Names, roles: RoleReader) -> None:
    situation = read(["can a 3090 run qwen3 32b?", "with 32k context"], names, roles=roles)
    assert set(situation.carried) == {"GeForce RTX 3090", "Qwen3 32B"}
    assert read(["hi", "can a 3090 run qwen3 32b?"], names, roles=roles).carried == ()


@dataclass
class Asks:
    """Knows the texts by heart, and keeps what it was asked."""

    known: dict[str, dict[str, float]]
    asked: list[str]

    def probabilities(self, text: str, present: Collection[str] = ()) -> dict[str, float]:
        self.asked.append(text)
        return self.known.get(text, {"lookup_term": 0.9})


def test_a_fragment_asks_what_the_turn_before_asked(names: Names, roles: RoleReader) -> None:
    asks = Asks(
        {
            "will model fit on a graphics card?": {"check_fit": 0.8, "estimate_speed": 0.1, "follow_up": 0.1},
        },
        [],
    )
    situation = read(["will Qwen3 32B fit on a 3090?", "and with two?"], names, asks, roles)
    assert situation.earlier_ask == "check_fit"
    assert next(iter(situation.asks)) == "check_fit"
    assert asks.asked == ["will model fit on a graphics card?"]


def test_a_message_that_goes_on_is_not_asked_as_itself(names: Names, roles: RoleReader) -> None:
    asks = Asks(
        {
            "will model fit on a graphics card?": {"check_fit": 0.8},
            "and squeezed down to Q4?": {"follow_up": 0.7, "compare_devices": 0.2, "check_fit": 0.1},
        },
        [],
    )
    situation = read(["will Qwen3 32B fit on a 3090?", "and squeezed down to q3?"], names, asks, roles)
    assert next(iter(situation.asks)) == "check_fit"
    assert "follow_up" not in situation.asks


def test_names_that_nobody_knows_are_taken_out_too(names: Names, roles: RoleReader) -> None:
    asks = Asks({}, [])
    read(["how fast is Qwen3.9 27B on an RTX 6090 with EPYC 9654?"], names, asks, roles)
    assert asks.asked == ["how fast is model on an graphics card with processor?"]


def test_a_new_question_asks_for_itself(names: Names, roles: RoleReader) -> None:
    asks = Asks({"what is a PSU?": {"lookup_term": 0.9, "follow_up": 0.05}}, [])
    situation = read(["can a 3090 run qwen3 32b?", "what is a PSU?"], names, asks, roles)
    assert list(situation.asks) == ["lookup_term"]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("can I run a 70b on a 3090?", "en"),
        ("RTX 5090 Llama 3.1 8B Q4_K_M", "en"),
        ("reicht eine 4090 und wie viel RAM brauche ich?", "de"),
        ("est-ce que la 4090 est assez pour un modèle de 70b?", "fr"),
        ("¿puedo ejecutar un modelo de 8b con una tarjeta de 12 GB?", "es"),
        ("kan jag köra en 8b på min dator och hur mycket minne behövs det?", "sv"),
        ("3060 12G 能跑 7B 吗", "zh"),
        ("какую карту купить для 70b?", "ru"),
    ],
)
def test_languages(names: Names, roles: RoleReader, text: str, language: str) -> None:
    assert read([text], names, roles=roles).language == language


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("my 3090, should I get a 5090?", ["has", "considers"]),
        ("is a 4070 worth it", ["mentioned"]),
        ("we own four H100", ["has"]),
        ("I have 12 GB of VRAM", ["has"]),
        ("thinking about an M4 Max", ["considers"]),
    ],
)
def test_standing(names: Names, roles: RoleReader, text: str, expected: list[str]) -> None:
    assert [device.standing for device in read([text], names, roles=roles).devices] == expected


@pytest.mark.parametrize(
    ("text", "together"),
    [
        ("3090 + 3060, one box", True),
        ("can I combine a 3090 and a 4090?", True),
        ("3090 or 4090?", False),
        ("3090 vs 4090 for a 70b", False),
        ("a 5090", False),
    ],
)
def test_together(names: Names, roles: RoleReader, text: str, together: bool) -> None:
    assert read([text], names, roles=roles).together is together


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("the 4090 has 32GB, no?", "memory_gib", 32),
        ("a 3090 with 1.5 TB/s", "memory_bandwidth_gb_per_s", 1500),
        ("does the RTX 6000 Ada do NVLink", "nvlink", 1),
        ("5090 with 30,000 cores", "cuda_cores", 30_000),
        ("the 4090 draws 600 W", "tdp_w", 600),
    ],
)
def test_claims(names: Names, roles: RoleReader, text: str, key: str, value: float) -> None:
    assert [(claim.key, claim.value) for claim in read([text], names, roles=roles).claims] == [(key, value)]


def test_no_more_is_read_than_a_conversation_may_hold(names: Names, roles: RoleReader) -> None:
    situation = read(["can a 3090 run qwen3 32b? " + "x " * 20_000, "y" * 15_990, "and with two?"], names, roles=roles)
    assert situation.models == ()
    assert len(read(["4090 " * 4000], names, roles=roles).text) <= 8000


def test_an_engine_and_a_use(names: Names, roles: RoleReader) -> None:
    situation = read(["how do I start qwen3 14b in ollama for coding?"], names, roles=roles)
    assert (situation.engine, situation.use) == ("ollama", "coding")
