"""What the tools of fit and speed say: the first sentence answers, and nothing reads like a program."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from kb.catalogue import Catalogue
from kb.text import markdown
from kb.text.statements import Basis, Said
from kb.tools import TOOLS
from kb.tools.asks import Asked
from tests.kb.tools.said import brief as in_brief
from tests.kb.tools.said import first_sentence

MOST_WORDS = 135
BAD = re.compile(
    r"\bNone\b(?! of| fits)|\ba a\b|\bthe an?\b|\ban an?\b|(?<![\w.,])1 (?:cards|users|tokens)\b(?!/)"
    r"|[({]\)|\(\'|[{}]|\.\.|  "
)

Case = tuple[str, Mapping[str, Any], str]

CARD_8GB = {"name": "an 8 GB card", "memory_gib": 8}

CASES: Sequence[Case] = (
    ("check_fit", {"model": "llama 3.1 8b", "device": "RTX 4090"},
     "Yes: Llama 3.1 8B at Q4_K_M fits on the GeForce RTX 4090 and leaves 19 GB."),
    ("check_fit", {"model": "70b", "device": "RTX 4090"},
     "Only with help from system memory (RAM): a 70B model at Q4_K_M does not fit"),
    ("check_fit", {"model": "qwen3 32b", "device": "6x T4", "tensor_parallel": True},
     "Not as tensor parallel over 6 cards: Qwen3 32B has 64 attention heads, which 6 does not divide; use 4 of them, "
     "or all 6 as tensor parallel 2 times pipeline parallel 3."),
    ("check_fit", {"model": "llama 3.3 70b", "quantization": "fp8", "device": "3x RTX 5090", "tensor_parallel": True},
     "Not as tensor parallel over 3 cards: Llama 3.3 70B has 64 attention heads, which 3 does not divide; all 3 as"),
    ("check_fit", {"model": "qwen3 32b", "device": "4x T4", "tensor_parallel": True}, "Yes: Qwen3 32B"),
    ("check_fit", {"model": "qwen3 32b", "device": "6x T4"}, "Yes: Qwen3 32B"),
    ("check_fit", {"model": "llama 3 70b", "quantization": "f16", "device": "7x RTX 3090 + RTX 3080 12GB",
                   "tensor_parallel": True},
     "Not in tensor parallel: all cards get equal shares, here 18.6 GB, and the smallest has 12.9 GB."),
    ("check_fit", {"model": "deepseek r1", "device": "RTX 3060 12GB"},
     "No: DeepSeek R1 671B at Q4_K_M does not fit on the GeForce RTX 3060 12GB."),
    ("check_fit", {"model": "llama 3.1 8b", "quantization": "q6_k", "device": "RTX 4060"},
     "Yes, but only just: Llama 3.1 8B at Q6_K fits"),
    ("check_fit", {"model": "8b", "device": CARD_8GB},
     "Yes: an 8B model at Q4_K_M fits on an 8 GB card"),
    ("check_fit", {"model": "llama 2 13b", "device": "RTX 4090", "context": 32768},
     "A context of 32,768 tokens is more than Llama 2 13B was made for: 4,096 tokens."),
    ("estimate_speed", {"model": "llama 3.1 8b", "device": "RTX 4090"},
     "About 120 tokens/s is what Llama 3.1 8B at Q4_K_M reaches on the GeForce RTX 4090."),
    ("estimate_speed", {"model": "70b", "device": "RTX 4090"}, "About 2.1 tokens/s is what a 70B model"),
    ("estimate_speed", {"model": "deepseek r1", "device": "RTX 3060 12GB"},
     "No speed to give without the size of the RAM: DeepSeek R1 671B"),
    ("estimate_speed", {"model": "8b", "device": "RTX 4090", "concurrency": 8},
     "About 56 tokens/s for each of the users"),
    ("estimate_speed", {"model": "llama 3.1 8b", "device": "Ryzen 9 9950X"}, "About 8.7 tokens/s is what"),
    ("estimate_memory", {"model": "70b"},
     "A 70B model needs about 45.4 GB of memory"),
    ("estimate_memory", {"model": "gpt-oss 20b"}, "gpt-oss 20B needs about"),
    ("estimate_memory", {"model": "deepseek r1", "quantization": "f16"}, "DeepSeek R1 671B needs about 1,3"),
    ("max_context", {"model": "llama 3.1 8b", "device": "RTX 3060 12GB"}, "Up to 54,784 tokens of context fit"),
    ("max_context", {"model": "llama 3.1 8b", "device": "RTX 4090"},
     "Up to 131,072 tokens: all that Llama 3.1 8B can read"),
    ("max_context", {"model": "70b", "device": "RTX 3090"}, "No context at all: a 70B model"),
    ("best_quantization", {"model": "qwen2.5 32b", "device": "RTX 4090"}, "Take Q4_K_M: the best type at which"),
    ("best_quantization", {"model": "llama 3.1 8b", "device": "RTX 4090"}, "Take Q8_0:"),
    ("best_quantization", {"model": "llama 3.1 8b", "device": "RTX 4060"}, "Take Q5_K_M:"),
    ("best_quantization", {"model": "70b", "device": "RTX 4090"}, "At most IQ2_XS: no larger type"),
    ("best_quantization", {"model": "70b", "device": "RTX 4090", "system_memory_gb": 64},
     "Take Q4_K_M, with a part of a 70B model in RAM; whole on the GeForce RTX 4090 goes at most IQ2_XS"),
    ("best_quantization", {"model": "deepseek r1", "device": "RTX 4090", "device_count": 8, "system_memory_gb": 256},
     "Take Q4_K_M, with a part of DeepSeek R1 671B in RAM; whole on 8× GeForce RTX 4090 goes at most IQ1_S"),
    ("best_quantization", {"model": "deepseek r1", "device": "RTX 4090"}, "None fits: DeepSeek R1 671B is too large"),
    ("kv_cache_size", {"model": "llama 3.1 8b"}, "A context of 8,192 tokens takes 1.07 GB with Llama 3.1 8B"),
    ("kv_cache_size", {"model": "llama 3.1 8b", "concurrency": 4}, "4 conversations of 8,192 tokens take 4.29 GB"),
    ("kv_cache_size", {"model": "llama 2 13b", "context": 8192}, "A context of 8,192 tokens is more than Llama 2 13B"),
    ("explain_speed", {"model": "70b", "device": "dgx spark", "measured_tokens_per_s": 4},
     "4 tokens/s is what the memory allows: 273 GB/s ÷ 42.1 GB = 6.5 tokens/s at most"),
    ("explain_speed", {"model": "llama 3.1 8b", "quantization": "f16", "device": "m3 max", "measured_tokens_per_s": 40},
     "40 tokens/s cannot be, not for one conversation: 400 GB/s ÷ 15.1 GB = 26 tokens/s at most"),
    ("explain_speed", {"model": "llama 3.1 8b", "device": "RTX 4090", "measured_tokens_per_s": 10},
     "10 tokens/s is far below the 84 to 163 tokens/s that are usual"),
    ("explain_speed", {"model": "llama 3.1 8b", "device": "RTX 4090", "measured_tokens_per_s": 50},
     "50 tokens/s is normal for Llama 3.1 8B on the GeForce RTX 4090 if the weights are F16, where"),
    ("explain_speed",
     {"model": "llama 3.1 8b", "quantization": "q4_k_m", "device": "RTX 4090", "measured_tokens_per_s": 50},
     "50 tokens/s is far below the 84 to 163 tokens/s that are usual"),
    ("explain_speed", {"model": "qwen3 32b", "device": "RTX 3090", "measured_tokens_per_s": 9},
     "9 tokens/s lies between the 2.1 to 4.6 tokens/s that are usual for Qwen3 32B on the GeForce RTX 3090 at Q8_0"),
    ("explain_speed",
     {"model": "llama 3.1 8b", "quantization": "q4_k_m", "measured_tokens_per_s": 2,
      "device": {"name": "an old PC", "backend": "cpu", "memory_gib": 16, "memory_bandwidth_gb_per_s": 89.6,
                 "bandwidth_assumed": True}},
     "2 tokens/s depends on the RAM, which you did not name"),
    ("explain_speed", {"model": "llama 3.1 8b", "device": "RTX 4090"}, "About 141 tokens/s is what the memory allows"),
    ("explain_speed", {"model": "70b", "device": "RTX 4090", "measured_tokens_per_s": 2},
     "2 tokens/s is normal with a part in RAM"),
    ("explain_speed",
     {"model": "deepseek r1", "device": "RTX 4090", "system_memory_gb": 64, "measured_tokens_per_s": 1},
     "By what I know of the machine, DeepSeek R1 671B at Q4_K_M"),
    ("estimate_training_memory", {"model": "70b", "method": "qlora", "device": "RTX 3090", "device_count": 4},
     "Only divided over the cards (FSDP, ZeRO stage 3)"),
    ("estimate_training_memory", {"model": "70b", "method": "qlora", "device": "RTX 3090", "device_count": 2},
     "Only with FSDP or ZeRO stage 3 and the loss in pieces"),
    ("estimate_training_memory", {"model": "13b", "method": "lora", "device": "RTX 4090"},
     "No, GeForce RTX 4090 is too small: fine-tuning a 13B model with LoRA in 16 bits"),
    ("estimate_training_memory", {"model": "13b", "method": "lora_8bit", "device": "RTX 4090"},
     "Yes, GeForce RTX 4090 is enough: fine-tuning a 13B model with LoRA in 8 bits"),
    ("explain_speed", {"model": "deepseek r1", "device": "RTX 4090", "measured_tokens_per_s": 3},
     "3 tokens/s is normal with a part in RAM"),
    ("explain_speed", {"model": "deepseek r1", "device": "RTX 4090", "measured_tokens_per_s": 16},
     "16 tokens/s is set by the RAM: each token takes"),
    ("kv_cache_size", {"model": "llama 3.1 8b", "context": 131072, "claimed_gb": 1},
     "17.2 GB, not 1 GB, is what a context of 131,072 tokens takes with Llama 3.1 8B"),
    ("kv_cache_size", {"model": "llama 3.1 8b", "context": 131072, "claimed_gb": 0.53}, "17.2 GB, not 0.53 GB, is"),
    ("kv_cache_size", {"model": "llama 3.1 8b", "context": 131072, "claimed_gb": 16}, "That is right: a context of"),
    ("estimate_memory", {"model": "llama 3.1 8b", "measured_gb": 22},
     "Not the weights: Llama 3.1 8B at Q4_K_M has 4.92 GB of them; about 16.6 GB of 22 GB is context."),
    ("estimate_memory", {"model": "llama 3.1 8b", "measured_gb": 7}, "Llama 3.1 8B needs about 6.44 GB of memory"),
    ("users_served", {"model": "llama 3.1 8b", "device": "RTX 4090"}, "Up to 18 users at once: Llama 3.1 8B"),
    ("users_served", {"model": "llama 3.1 8b", "device": "RTX 4090", "users": 10}, "Yes: Llama 3.1 8B"),
    ("users_served", {"model": "llama 3.1 8b", "device": "RTX 4090", "users": 20}, "No: Llama 3.1 8B"),
    ("users_served", {"model": "70b", "device": "RTX 3090"}, "Not even one: a 70B model"),
    ("users_served", {"model": "70b", "device": "dgx spark"}, "Not even one at 8 tokens/s"),
    ("users_served", {"model": "gpt-oss 20b", "device": {"name": "a 24 GB card", "memory_gib": 24}}, "Up to 60 users"),
    ("compare_models", {"models": ["qwen3 32b", "qwen3 30b-a3b"], "device": "RTX 4090"},
     "All fit on the GeForce RTX 4090: Qwen3 30B A3B for speed, Qwen3 32B for its parameters"),
    ("compare_models", {"models": ["llama 3.1 70b", "gemma 3 27b"], "device": "RTX 4090"},
     "Take Gemma 3 27B on the GeForce RTX 4090: Llama 3.1 70B does not fit whole there."),
    ("compare_models", {"models": ["llama 3.1 70b", "gemma 3 27b"]}, "Gemma 3 27B is the smaller one to run"),
    ("compare_models", {"models": ["8b", "14b"], "device": CARD_8GB},
     "Take an 8B model on an 8 GB card: a 14B model does"),
)  # fmt: skip

TOGETHER: Sequence[tuple[str, Sequence[Mapping[str, Any]], Mapping[str, Any], str]] = (
    ("check_fit", [{"device": "RTX 3090"}, {"device": "RTX 4060"}], {"model": "27b"},
     "Yes on the GeForce RTX 3090, but not whole on the GeForce RTX 4060: that is for a 27B model"),
    ("check_fit", [{"quantization": "q8_0"}, {"quantization": "q4"}], {"model": "27b", "device": "RTX 3090"},
     "Yes at Q4_K_M, but not whole at Q8_0"),
    ("check_fit", [{"model": "70b"}, {"model": "405b"}], {"device": "RTX 3090"},
     "Only with help from system memory (RAM), for a"),
    ("estimate_speed", [{"device": "RTX 3090"}, {"device": "RTX 4090"}], {"model": "llama 3.1 8b"},
     "About 120 tokens/s on the GeForce RTX 4090 and about"),
    ("estimate_memory", [{"model": "llama 3.1 8b"}, {"model": "llama 3.1 70b"}], {},
     "Llama 3.1 70B needs the most, about 45.4 GB"),
    ("max_context", [{"device": "RTX 3090"}, {"device": "RTX 4060"}], {"model": "llama 3.1 8b"},
     "The longest context, 131,072 tokens, fits on the GeForce RTX 3090."),
    ("best_quantization", [{"device": "RTX 3090"}, {"device": "RTX 4060"}], {"model": "llama 3.1 8b"},
     "Take Q8_0 for the"),
    ("best_quantization", [{"model": "qwen3 235b"}, {"model": "llama 3.1 8b"}],
     {"device": "RTX 4090", "system_memory_gb": 128}, "Take Q4_K_M, partly in RAM, for Qwen3 235B A22B; Q8_0 for"),
    ("kv_cache_size", [{"model": "llama 3.1 8b"}, {"model": "deepseek r1"}], {},
     "With DeepSeek R1 671B the context takes"),
    ("explain_speed", [{"model": "llama 3.3 70b"}, {"model": "gpt-oss 120b"}], {"device": "dgx spark"},
     "For each token gpt-oss 120B reads 5.1 billion of its 117 billion parameters (mixture of experts), a dense model "
     "all: about 49 tokens/s for gpt-oss 120B"),
    ("estimate_training_memory", [{"model": "8b"}, {"model": "70b"}], {"device": "RTX 3090"},
     "With QLoRA on GeForce RTX 3090, an 8B model can be fine-tuned, but not a 70B model."),
    ("users_served", [{"device": "RTX 3090"}, {"device": "RTX 4060"}], {"model": "llama 3.1 8b"},
     "The most are served on the"),
)  # fmt: skip


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load()


def brief(said: Sequence[Said]) -> str:
    def mark(basis: Basis) -> int:
        return 1

    text = markdown.brief(said, mark)
    assert not BAD.search(text), text
    assert not BAD.search(markdown.details(said, mark))
    assert len(text.split()) <= MOST_WORDS, text
    return re.sub(r" \[1\]", "", text)


@pytest.mark.parametrize(("tool", "arguments", "first"), CASES, ids=lambda value: str(value)[:60])
def test_the_first_sentence_answers(catalogue: Catalogue, tool: str, arguments: Mapping[str, Any], first: str) -> None:
    result = TOOLS[tool].call(catalogue, arguments)
    said = list(TOOLS.say(tool)(result, Asked(tool=tool)))
    assert brief(said).startswith(first), brief(said)


@pytest.mark.parametrize(("tool", "each", "shared", "first"), TOGETHER, ids=lambda value: str(value)[:40])
def test_several_results_end_in_one_sentence_and_a_table(
    catalogue: Catalogue, tool: str, each: Sequence[Mapping[str, Any]], shared: Mapping[str, Any], first: str
) -> None:
    results = [TOOLS[tool].call(catalogue, {**shared, **one}) for one in each]
    together = TOOLS.side_by_side(tool)
    assert together is not None
    text = brief(list(together(results, Asked(tool=tool))))
    assert text.startswith(first), text
    assert text.count("\n| ") == len(results) + 2, "a head, a line under it, a row each"


@pytest.mark.parametrize("tool", sorted({case[0] for case in CASES}))
def test_every_slot_is_an_argument(tool: str) -> None:
    asks = TOOLS.asks(tool)
    assert asks is not None
    fields = TOOLS[tool].input_model.model_fields
    assert set(asks.slots) <= set(fields)
    required = {name for name, field in fields.items() if field.is_required()}
    assert required <= {name for name, slot in asks.slots.items() if slot.required}
    assert all(slot.otherwise or slot.ask_back for slot in asks.slots.values() if slot.required)
    assert 2 <= len(asks.follow_ups) <= 3


def test_beside_another_answer_a_speed_is_one_short_sentence(catalogue: Catalogue) -> None:
    def said(model: str) -> str:
        result = TOOLS["estimate_speed"].call(catalogue, {"model": model, "device": "RTX 3060 12GB"})
        return brief(list(TOOLS.say("estimate_speed")(result, Asked(tool="estimate_speed", beside=True))))

    assert said("llama 3.1 8b").startswith("It writes about 44 tokens/s.")
    assert said("deepseek r1") == ""


def test_a_stated_context_stands_in_the_answer(catalogue: Catalogue) -> None:
    result = TOOLS["check_fit"].call(
        catalogue, {"model": "llama 3.1 8b", "device": "RTX 4090", "context": 16384, "concurrency": 4}
    )
    text = brief(list(TOOLS.say("check_fit")(result, Asked(tool="check_fit", stated=frozenset({"context"})))))
    assert "Llama 3.1 8B at Q4_K_M with 16,384 tokens of context for each of 4 users fits" in text


@pytest.mark.parametrize(("model", "tables"), [("qwen3.8 flash next", True), ("llama 3.1 8b", False)])
def test_tables_that_stay_in_ram_are_told_where_they_are_much(catalogue: Catalogue, model: str, tables: bool) -> None:
    result = TOOLS["estimate_memory"].call(catalogue, {"model": model})
    text = brief(list(TOOLS.say("estimate_memory")(result, Asked(tool="estimate_memory"))))
    assert ("stay in RAM and are not counted" in text) == tables
    assert ("GB of it and the cache" in text) == (not tables)


def test_more_memory_than_is_worked_out_is_context_that_a_program_keeps(catalogue: Catalogue) -> None:
    whole = TOOLS["estimate_memory"].call(
        catalogue, {"model": "qwen3 14b", "quantization": "q4_k_m", "measured_gb": 34}
    )
    assert whole.surplus is not None
    assert whole.surplus.windows == pytest.approx(3.7, abs=0.2)  # its window of 40,960 tokens for four conversations
    latent = TOOLS["estimate_memory"].call(catalogue, {"model": "deepseek r1", "measured_gb": 446})
    assert latent.surplus.context_expanded == pytest.approx(8192, rel=0.02)
    told = in_brief(catalogue, "estimate_memory", {"model": "qwen3 14b", "measured_gb": 34}, engine="ollama")
    assert "OLLAMA_NUM_PARALLEL=1" in told


def test_the_cache_of_one_layer_is_called_so(catalogue: Catalogue) -> None:
    claimed = {"model": "mistral 7b", "context": 262144, "claimed_gb": 1}
    assert TOOLS["kv_cache_size"].call(catalogue, claimed).claimed.of == "one_layer"
    assert "32 layers of 1.07 GB" in in_brief(catalogue, "kv_cache_size", claimed)


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("biggest llama i can run?",
         "Llama 3.1 8B at Q4_K_M is the largest of them that fits whole on the GeForce RTX 4090; Llama 3.3 70B runs "
         "only with a part of it in RAM"),
        ("is it enough for the smallest llama?", "Yes: the smallest, Llama 3.1 8B at Q4_K_M, needs 6.75 GB of 25.8 GB"),
    ],
)  # fmt: skip
def test_of_several_models_the_one_that_is_asked_for_is_named(catalogue: Catalogue, question: str, first: str) -> None:
    results = [
        TOOLS["check_fit"].call(catalogue, {"model": model, "device": "RTX 4090"})
        for model in ("llama 3.3 70b", "llama 3.1 8b")
    ]
    together = TOOLS.side_by_side("check_fit")
    assert together is not None
    assert brief(list(together(results, Asked(tool="check_fit", text=question)))).startswith(first)


def test_what_else_fits_is_told_where_it_is_asked_for(catalogue: Catalogue) -> None:
    asked = {"model": "70b", "device": "m3 ultra 60-core 96GB", "beyond": True}
    beyond = TOOLS["check_fit"].call(catalogue, asked).beyond
    assert beyond.largest_required_gb < beyond.too_large_required_gb
    assert f"{beyond.largest} still fits" in in_brief(catalogue, "check_fit", asked)
    assert TOOLS["check_fit"].call(catalogue, asked | {"beyond": False}).beyond is None


def test_what_a_context_takes_that_does_not_fit(catalogue: Catalogue) -> None:
    asked = {"model": "qwen3.6 27b", "device": "RTX 5060 Ti 16GB", "wanted": 200_000}
    found = TOOLS["max_context"].call(catalogue, asked)
    assert found.wanted_fits is False
    assert found.way.required_gb <= found.available_gb
    told = in_brief(catalogue, "max_context", asked)
    assert told.startswith("200,000 tokens fit on the GeForce RTX 5060 Ti 16GB with Qwen3.6 27B at")
    asked = {"model": "qwen3.6 27b", "device": "RTX 4090", "wanted": 8192}
    assert "The 8,192 tokens that you name fit." in in_brief(catalogue, "max_context", asked)
    asked = {"model": "qwen3.6 27b", "device": CARD_8GB, "wanted": 262_144}
    assert "262,144 tokens fit at none of the common types" in in_brief(catalogue, "max_context", asked)


@pytest.mark.parametrize(
    ("question", "arguments", "first"),
    [
        (
            "how many gpu layers for it",
            {"model": "llama 3.1 70b", "device": "rtx 4090"},
            r"Of 80 layers \d+ go .*-ngl \d+",
        ),
        (
            "what do i put for --n-cpu-moe",
            {"model": "gpt-oss 120b", "device": "rtx 4090", "system_memory_gb": 64},
            r"Of 36 layers \d+ leave their experts in RAM: `--n-cpu-moe \d+`",
        ),
        ("-ngl for it?", {"model": "qwen3 8b", "device": "rtx 4090"}, r"All layers of Qwen3 8B go on the "),
    ],
)
def test_who_asks_how_many_layers_hears_the_number_first(
    catalogue: Catalogue, question: str, arguments: dict[str, Any], first: str
) -> None:
    assert re.match(first, first_sentence(in_brief(catalogue, "check_fit", arguments, text=question)))
    assert "layers" not in in_brief(catalogue, "check_fit", arguments, text="does it fit")
