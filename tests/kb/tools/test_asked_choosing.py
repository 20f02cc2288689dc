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
