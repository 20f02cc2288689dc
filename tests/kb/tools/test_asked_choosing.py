"""From what people type to the call: what is owned, what is considered, what is compared, and what is asked back."""

from dataclasses import replace
from typing import Any

import pytest

from kb.catalogue import Catalogue
from kb.chat.answering.plan import plan
from kb.chat.reading.reader import read
from kb.chat.reading.roles import RoleReader
from kb.tools import TOOLS


def planned(catalogue: Catalogue, roles: RoleReader, ask: str, *messages: str) -> Any:
    return plan(TOOLS, replace(read(list(messages), catalogue.names, roles=roles), asks={ask: 1.0}))


@pytest.mark.parametrize(
    ("ask", "messages", "arguments"),
    [
        ("choose_upgrade", ["I have a 3070 and 32 GB RAM", "what would I gain with a 5070 Ti?"],
         {"device": "rtx-3070", "considered": ["rtx-5070-ti"], "system_memory_gb": 32}),
        ("what_runs_on", ["what can I run on my 8gb card with 32gb ram for coding?"],
         {"use": "coding", "system_memory_gb": 32}),
        ("compare_devices", ["3090 vs 4070 ti super for qwen3 8b"],
         {"devices": ["rtx-3090", "rtx-4070-ti-super"], "model": "qwen3-8b"}),
        ("recommend_hardware", ["I have a 3090. What should I buy to run llama 3.3 70b for 1000 dollars?"],
         {"owned": ["rtx-3090"], "budget": 1000, "currency": "USD", "models": ["llama-3-3-70b"]}),
        ("recommend_hardware", ["cheapest 24gb card"], {"min_memory_gib": 24}),
    ],
)  # fmt: skip
def test_slots(
    catalogue: Catalogue, roles: RoleReader, ask: str, messages: list[str], arguments: dict[str, Any]
) -> None:
    (step,) = planned(catalogue, roles, ask, *messages).steps
    assert {key: step.arguments[key] for key in arguments} == arguments
    TOOLS[ask].call(catalogue, step.arguments)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        ("what_runs_on", "what models can i run?"),
        ("compare_devices", "is the 3090 better?"),
        ("recommend_hardware", "what should I buy?"),
        ("choose_upgrade", "what should I upgrade first?"),
    ],
)
def test_what_is_missing_is_asked_for(catalogue: Catalogue, roles: RoleReader, ask: str, message: str) -> None:
    result = planned(catalogue, roles, ask, message)
    assert ask not in [step.tool for step in result.steps]
    assert result.missing.question.endswith("?")


@pytest.mark.parametrize(
    ("message", "tool"),
    [
        ("have 8x 4090 and 256gb ram. what is the biggest deepseek r1 that goes", "best_quantization"),
        ("which deepseek v3 gguf fits 512gb ram + 4090", "best_quantization"),
        ("i run llama 3.1 8b on a 3060 12gb, what else can i run", "what_runs_on"),
        ("which models are better than llama 3.1 8b on a 3060 12gb?", "what_runs_on"),
        ("what runs on a 3060 12gb, 8b?", "what_runs_on"),
    ],
)
def test_of_a_named_model_its_quantization_is_asked(
    catalogue: Catalogue, roles: RoleReader, message: str, tool: str
) -> None:
    assert planned(catalogue, roles, "what_runs_on", message).asks[0] == tool


@pytest.mark.parametrize(
    ("ask", "messages", "tool", "arguments"),
    [
        ("check_fit", ["qwen3 30b a3b in 32gb ram, no?"], "check_fit", {"system_memory_gb": 32}),
        ("best_quantization", ["i have 64 gb ram", "which quant of llama 3.3 70b?"], "best_quantization",
         {"system_memory_gb": 64}),
        ("estimate_speed", ["deepseek r1 on epyc with 7 sticks of 64gb ddr4-2400, how fast"], "estimate_speed",
         {"system_memory_gb": 448, "system_bandwidth_gb_per_s": 134.4}),
        ("estimate_speed", ["dual xeon, 6ch ddr4-2933 each, 384gb ram: glm 4.6 speed?"], "estimate_speed",
         {"system_bandwidth_gb_per_s": 281.6}),
        ("estimate_speed", ["EPYC 9354 12ch 384gb ddr5 and a 3090, glm 4.6 how fast"], "estimate_speed",
         {"device": "rtx-3090", "system_bandwidth_gb_per_s": 460.8}),
        ("check_fit", ["only 18GB left on my 3090 after the desktop, does gemma 3 27b q4 fit?"], "check_fit",
         {"reserved_gib": 6}),
        ("max_context", ["L4 says 24gb but I get 22.5 usable. what context can I reach with gemma 3 12b?"],
         "max_context", {"reserved_gib": 1.5}),
        ("kv_cache_size", ["llama 3.1 8b kv for 128k is 1 GB, right?"], "kv_cache_size", {"claimed_gb": 1}),
        ("kv_cache_size", ["why does qwen2.5 7b use 14gb of vram when the file is 4.7"], "estimate_memory",
         {"measured_gb": 14}),
        ("choose_upgrade", ["one 16GB stick in my laptop, qwen2.5 7b is slow. would a second stick speed it up?"],
         "choose_upgrade", {"considered_memory_channels": 2, "system_memory_gb": 16}),
        ("compare_devices", ["4090 plus my old 1070 8gb, does it slow the 4090 down?"], "choose_upgrade",
         {"device": "rtx-4090 + gtx-1070"}),
        ("check_fit", ["is 16gb vram enough for 13b and above?"], "check_fit", {"beyond": True}),
        ("check_fit", ["does 8b fit a 3060 12gb with 16k and more context?"], "check_fit", {"beyond": None}),
        ("check_fit", ["qwen 32b on 6x T4, tp 6 errors. fix?"], "check_fit", {"tensor_parallel": True}),
        ("check_fit", ["qwen 32b on 6x T4 with -sm row, ok?"], "check_fit", {"tensor_parallel": None}),
        ("check_fit", ["7x 3090 plus one 3080 12gb, llama3 70b fp16. is the 3080 the problem?"], "check_fit",
         {"device": "7x rtx-3090 + rtx-3080-12gb"}),
        ("max_context", ["qwen3 14b on a 3060 12gb: unquantised kv leaves only 8k, does 40k fp8 fit?"], "max_context",
         {"kv_cache_type": "q8_0"}),
    ],
)  # fmt: skip
def test_memory_that_is_told_of_goes_into_the_call(
    catalogue: Catalogue, roles: RoleReader, ask: str, messages: list[str], tool: str, arguments: dict[str, Any]
) -> None:
    step = planned(catalogue, roles, ask, *messages).steps[0]
    assert step.tool == tool
    assert {key: step.arguments.get(key) for key in arguments} == arguments
    TOOLS[tool].call(catalogue, step.arguments)


def test_what_is_free_beside_a_loaded_model_is_not_all_that_it_can_use(catalogue: Catalogue, roles: RoleReader) -> None:
    message = "only 14 GB free on the 3090 after loading gemma 3 12b, is that right?"
    assert "reserved_gib" not in planned(catalogue, roles, "check_fit", message).steps[0].arguments


def test_ram_of_a_machine_whose_card_is_known_makes_no_other_machine(catalogue: Catalogue, roles: RoleReader) -> None:
    steps = planned(catalogue, roles, "check_fit", "rtx 3090 and 64 gb ram, qwen3 8b?", "and llama 3.3 70b?").steps
    assert steps[0].arguments["device"] == "rtx-3090"
