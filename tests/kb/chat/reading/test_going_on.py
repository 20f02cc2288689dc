"""What each turn of a conversation asks, and of which devices: facts, corrections, alternatives, reasons."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from kb.catalogue.names import Names
from kb.chat.reading.message import read_message
from kb.chat.reading.reader import read
from kb.chat.reading.roles import RoleReader
from kb.chat.reading.situation import Situation
from tests.kb.chat.reading.seen import devices, labels, models

CONVERSATIONS: dict[str, list[tuple[str, Mapping[str, float], dict[str, Any]]]] = {
    "facts go on with the question before": [
        ("I have a gaming PC with a 3070, what can I do with it?", {"what_runs_on": 0.6}, {"ask": "what_runs_on"}),
        (
            "32 gb ram, ryzen 3300x",
            {"lookup_term": 0.8},
            {
                "ask": "what_runs_on", "devices": ["GeForce RTX 3070"], "system_memory_gb": 32, "unknown": [],
                "unknown_processor": "ryzen 3300x",
            },
        ),
        (
            "what would I gain with a 5070 Ti?",
            {"choose_upgrade": 0.6},
            {"devices": ["GeForce RTX 3070", "GeForce RTX 5070 Ti"], "standing": ["has", "considers"]},
        ),
        (
            "or a used 3090?",
            {"lookup_spec": 0.9},
            {
                "ask": "choose_upgrade", "alternatives": True,
                "devices": ["GeForce RTX 3070", "GeForce RTX 5070 Ti", "GeForce RTX 3090"],
                "standing": ["has", "considers", "considers"],
            },
        ),
        (
            "will my 650W power supply be enough for that?",
            {"size_power_supply": 0.9},
            {"ask": "size_power_supply", "psu_w": 650, "unknown_processor": "ryzen 3300x"},
        ),
        ("which one for coding?", {"best_quantization": 0.7}, {"ask": "choose_upgrade", "use": "coding"}),
    ],
    "a changed setting asks the same again": [
        ("will qwen3 32b fit my 3080?", {"check_fit": 0.9}, {"ask": "check_fit"}),
        (
            "no wait i meant the 12gb one",
            {"best_quantization": 0.6},
            {"ask": "check_fit", "devices": ["GeForce RTX 3080 12GB"]},
        ),
        ("with 16k context", {"max_context": 0.8}, {"ask": "check_fit", "context": 16384}),
        (
            "q4 kv cache?",
            {"kv_cache_size": 0.6, "lookup_term": 0.3},
            {"ask": "check_fit", "kv_cache_type": "q4_0", "carried_has": "context"},
        ),
        (
            "and two of them?",
            {"kv_cache_size": 0.9},
            {"ask": "check_fit", "devices": ["2x GeForce RTX 3080 12GB"], "carried_has": "kv_cache_type"},
        ),
    ],
    "a figure that the question before does not take asks for itself": [
        ("what can my 3090 run?", {"what_runs_on": 0.9}, {}),
        ("ok and the psu is 750w", {"size_power_supply": 0.9}, {"ask": "size_power_supply", "psu_w": 750}),
        ("64gb ram", {"lookup_term": 0.9}, {"ask": "what_runs_on", "system_memory_gb": 64}),
    ],
    "a speed that somebody claims is a question of its own": [
        ("how much memory does a 70b need", {"estimate_memory": 0.9}, {}),
        ("and that m3 ultra does 40 t/s on 70b", {"explain_speed": 0.9}, {"ask": "explain_speed", "tokens_per_s": 40}),
    ],
    "what answers a question back keeps the figure that was asked about": [
        ("my gpu only gets 12 t/s with a 32b, normal?", {"explain_speed": 0.9}, {}),
        (
            "its a 7900 xtx",
            {"lookup_spec": 0.9},
            {"ask": "explain_speed", "tokens_per_s": 12, "standing": ["has"], "carried_has": "tokens_per_s"},
        ),
        ("or should i get a 5090", {"follow_up": 0.9}, {"standing": ["has", "considers"]}),
    ],
    "a friend's card is not one's own": [
        (
            "i bought a 5060 ti and it is slower than my friends 3090, why",
            {"explain_speed": 0.9},
            {"standing": ["has", "mentioned"]},
        ),
        ("both together?", {"out_of_scope": 0.7}, {"ask": "", "together": True, "named_now": True, "counts": [1, 1]}),
    ],
    "which of those that were asked about": [
        ("how fast is gpt-oss 120b on a dgx spark", {"estimate_speed": 0.9}, {}),
        ("and on a strix halo box?", {"lookup_spec": 0.9}, {"ask": "estimate_speed"}),
        (
            "which would you take",
            {"best_quantization": 0.8},
            {"ask": "compare_devices", "counts": [1, 1], "carried_has": "NVIDIA DGX Spark"},
        ),
        ("the first one then. psu?", {"size_power_supply": 0.8}, {"devices": ["NVIDIA DGX Spark"]}),
    ],
    "reasons and figures of the answer before": [
        ("3090 or 4080 for llms", {"compare_devices": 0.9}, {"ask": "compare_devices", "alternatives": True}),
        ("why", {"search_passages": 0.9}, {"ask": "compare_devices", "why": True}),
        ("what about power", {"search_passages": 0.9}, {"ask": "lookup_spec", "alternatives": True}),
    ],
    "a use that is beside the point goes on": [
        ("what can my 3090 run?", {"what_runs_on": 0.9}, {}),
        ("could it also summarize them", {"out_of_scope": 0.7}, {"ask": "what_runs_on", "use": "documents"}),
        ("should i buy nvidia stock", {"out_of_scope": 0.98}, {"ask": "out_of_scope", "named_now": False}),
    ],
    "a machine with unified memory takes the memory that was said": [
        ("is my laptop with 16GB ok?", {"check_fit": 0.9}, {}),
        (
            "it's a macbook air m2",
            {"lookup_spec": 0.9},
            {"ask": "check_fit", "devices": ["Apple MacBook Air (M2, 2022) 16 GB"]},
        ),
    ],
    "a size of RAM without its unit": [
        ("I have a laptop with 16 GB and no graphics card", {"what_runs_on": 0.9}, {"system_memory_gb": 16}),
        ("how fast is gemma 3 4b?", {"estimate_speed": 0.9}, {"ask": "estimate_speed"}),
        (
            "what if I put 32 in instead", {"choose_upgrade": 0.4},
            {
                "ask": "what_runs_on", "system_memory_gb": 32,
                "devices": ["a computer without a graphics card and 32 GB of RAM"],
            },
        ),
    ],
    "day and night is no count": [
        ("strix halo or two 3090s?", {"compare_devices": 0.9}, {"alternatives": True}),
        (
            "and power? it would be on 24/7", {"estimate_power_cost": 0.9},
            {"hours_per_day": 24, "devices": ["AMD Ryzen AI Max+ 395 (Radeon 8060S)", "2x GeForce RTX 3090"]},
        ),
        ("fine. decide for me", {"small_talk": 0.6}, {"ask": "compare_devices"}),
    ],
    "of two computers the one that is said": [
        ("desktop with an RX 6700 XT or laptop with a 3070 mobile?", {"compare_devices": 0.9}, {"alternatives": True}),
        ("how do I set it up on the laptop?", {"start_model": 0.9}, {"devices": ["GeForce RTX 3070 Laptop GPU"]}),
    ],
    "one more of it is thought of": [
        ("I have a 4070 and 32 GB RAM", {"what_runs_on": 0.9}, {"devices": ["GeForce RTX 4070"]}),
        (
            "and if I add a second one of the same card", {"choose_upgrade": 0.9},
            {"devices": ["GeForce RTX 4070", "2x GeForce RTX 4070"], "standing": ["has", "considers"]},
        ),
    ],
    "more of a story that no calculator was asked of": [
        ("my server says out of memory although it is free", {"search_passages": 0.9}, {"ask": "search_passages"}),
        ("its a 16gb machine though", {"check_fit": 0.2}, {"ask": "search_passages"}),
    ],
    "another way of training": [
        ("we fine-tune a 7b with lora, is a 3090 enough?", {"estimate_training_memory": 0.9}, {}),
        ("and full?", {"plan_build": 0.3}, {"ask": "estimate_training_memory", "training_method": "full"}),
    ],
    "a term alone is asked for": [
        ("how big is the kv cache of llama 3.1 8b at 32k", {"kv_cache_size": 0.9}, {}),
        ("gqa?", {"lookup_term": 0.8}, {"ask": "lookup_term", "models": ["Llama 3.1 8B"]}),
        ("so what does q8 kv do", {"lookup_term": 0.9}, {"ask": "kv_cache_size", "kv_cache_type": "q8_0"}),
    ],
}  # fmt: skip


@dataclass(frozen=True)
class ByHeart:
    """Knows by its text, names and all, how likely each ask of a message is."""

    known: Mapping[str, Mapping[str, float]]

    def probabilities(self, text: str, present: Collection[str] = ()) -> dict[str, float]:
        return dict(self.known[text])


@pytest.mark.parametrize("turns", CONVERSATIONS.values(), ids=CONVERSATIONS.keys())
def test_conversations(
    names: Names, roles: RoleReader, turns: list[tuple[str, Mapping[str, float], dict[str, Any]]]
) -> None:
    asks = ByHeart({read_message(text, names, roles).plain: odds for text, odds, _ in turns})
    said: list[str] = []
    for text, _, expected in turns:
        said.append(text)
        situation = read(said, names, asks, roles)
        assert {key: _of(situation, key, expected[key]) for key in expected} == expected, text


def _of(situation: Situation, key: str, expected: Any) -> Any:
    match key:
        case "ask":
            return next(iter(situation.asks), "")
        case "devices":
            return devices(situation)
        case "models":
            return models(situation)
        case "terms":
            return labels(situation.terms)
        case "standing":
            return [named.standing for named in situation.devices]
        case "counts":
            return [named.count for named in situation.devices]
        case "carried_has":
            return expected if expected in situation.carried else situation.carried
    value = getattr(situation, key)
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("32 gb ram, ryzen 3300x", True),
        ("or a used 3090?", True),
        ("then which", True),
        ("noise matters too", True),
        ("and in two years?", False),
        ("my board says x4 for the second slot", False),
        ("what is q4_k_m?", False),
        ("how much vram has the 3090", False),
        ("does it fit", False),
    ],
)
def test_a_fragment_asks_nothing_of_its_own(names: Names, roles: RoleReader, text: str, fragment: bool) -> None:
    assert read_message(text, names, roles).fragment is fragment


def test_what_is_told_of_others_is_hearsay(names: Names, roles: RoleReader) -> None:
    assert read(["a youtuber said you need 2 GB per billion parameters at 4 bit"], names, roles=roles).hearsay
    assert not read(["my friend said a 3090 is enough, is it?"], names, roles=roles).hearsay


def test_a_firm_counts_its_users(names: Names, roles: RoleReader) -> None:
    assert read(["we are a law firm of 12, what hardware for a 70B for everybody?"], names, roles=roles).users == 12
