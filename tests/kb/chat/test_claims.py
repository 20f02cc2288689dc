"""Claims held against what sources disagree on, what nobody knows, and what is not ours."""

import pytest

from kb.errors import UnknownName
from kb.search.live import Index
from kb.text import markdown
from kb.text.statements import Statement
from kb.tools import TOOLS
from kb.tools.asks import Asked
from tests.kb.chat.asking import answered


@pytest.mark.parametrize(
    ("question", "dispute"),
    [
        ("One page says 7B FP16 needs 8 GB and the other says 14 GB. who is right?", "7b-fp16-8-gb-or-14-gb"),
        ("I read that llama 70B in NVFP4 fits on a 5090 (35 GB). true?", "nvfp4-70b-35-or-40-gb"),
        ("3090 Ti nvlink support: yes or no?", "3090-ti-nvlink"),
        ("How big is the KV cache of Llama 3.1 70B at 128k context?", "kv-cache-70b-128k"),
    ],
)
def test_a_dispute_about_it_is_told(index: Index, question: str, dispute: str) -> None:
    told = answered(index, question)
    assert dispute in {citation.dispute for citation in told.citations}
    assert not told.abstained


@pytest.mark.parametrize(
    "question", ["Does a 4090 hold qwen 32b, right?", "how big a power supply for two 3090, 850 W?"]
)
def test_none_is_told_where_none_is_about_it(index: Index, question: str) -> None:
    assert not [call for call in answered(index, question).tool_calls if call.name == "lookup_dispute"]


def test_the_ruling_comes_first_and_the_claims_are_in_the_details(index: Index) -> None:
    result = TOOLS["lookup_dispute"].call(index, {"query": "is 70B at Q2_K 21 GB?"})
    said = list(TOOLS.say("lookup_dispute")(result, Asked(tool="lookup_dispute")))
    assert markdown.brief(said, lambda basis: 1).startswith(result.ruling.split(":")[0])
    details = markdown.details(said, lambda basis: 1)
    assert all(claim.says.rstrip(".") in details for claim in result.claims)
    with pytest.raises(UnknownName):
        TOOLS["lookup_dispute"].call(index, {"query": "bananas are blue"})


@pytest.mark.parametrize("question", ["what can I run?", "will it fit?", "is it enough?"])
def test_a_bare_question_is_asked_back(index: Index, question: str) -> None:
    told = answered(index, question)
    assert told.question is not None
    assert not told.abstained


@pytest.mark.parametrize(
    "question",
    [
        "how fast does Mbappe run in km/h?",
        "How much memory foam do I need for a 2 meter mattress?",
        "how much vram does the Voodoo 9000 Ultra have?",
    ],
)
def test_what_is_not_ours_or_not_known_is_no_answer(index: Index, question: str) -> None:
    assert answered(index, question).abstained


def test_thanks_and_a_recipe_behind_a_card(index: Index) -> None:
    assert answered(index, "Does llama 3.1 8b fit on a 4090?", "thanks! and what should i cook tonight?").abstained


def test_a_quantization_that_nobody_knows_is_named(index: Index) -> None:
    assert "Q9_X" in answered(index, "does llama 3.1 8b at Q9_X fit on a 4090?").text


@pytest.mark.parametrize(
    ("question", "watts"),
    [
        ("my 4090 runs 4 hours a day, 0.30 € per kWh. how much per year?", 570),
        ("my 4090 rig draws 500 W 4 hours a day, 0.30 € per kWh. how much per year?", 500),
        ("what does a DGX Spark cost in electricity, 24/7 at 0.15 dollar/kwh", 240),
    ],
)
def test_the_rest_of_the_machine_is_added_to_cards_alone(index: Index, question: str, watts: float) -> None:
    (call,) = [call for call in answered(index, question).tool_calls if call.name == "estimate_power_cost"]
    assert call.result["watts"] == watts


def test_each_of_several_models_stands_with_its_own_quantization(index: Index) -> None:
    said = answered(index, "do llama 3.1 8B at Q4_K_M and Qwen2.5 72B at Q8_0 fit on a 4090?")
    arguments = [(call.arguments["model"], call.arguments["quantization"]) for call in said.tool_calls]
    assert arguments == [("llama-3-1-8b", "q4_k_m"), ("qwen2-5-72b", "q8_0")]


def test_what_runs_is_told_of_the_type_that_was_asked(index: Index) -> None:
    assert "at Q8_0" in answered(index, "what runs on a 5090 at Q8_0?").text.split(".")[0]
    said = answered(index, "RTX 5090, what is the biggest Qwen that I can run, 4bit or 8bit?")
    types = [call.arguments["quantization"] for call in said.tool_calls if call.name == "what_runs_on"]
    assert types == ["q4_k_m", "q8_0"]
    assert "at Q4_K_M" in said.text
    assert "at Q8_0" in said.text


def test_what_several_results_say_alike_is_said_once(index: Index) -> None:
    said = answered(index, "compare llama 3.1 8B at Q8_0 and qwen3 14B at Q4_K_M")
    assert len(said.tool_calls) == 2
    (lead,) = [one for one in said.statements if one.kind == "answer" and isinstance(one, Statement)]
    assert len(lead.basis) == 2


def test_models_that_are_taken_together_keep_their_quantizations(index: Index) -> None:
    said = answered(index, "which is better on a 4090, llama 3.1 8B at Q8_0 or qwen3 14B at Q4_K_M?")
    assert [call.name for call in said.tool_calls if call.name != "search_passages"]
