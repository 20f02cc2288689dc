"""Fine-tuning, asked by people whose memory ran out, who measured it, or who have several cards or several methods."""

import pytest

from kb.chat.reading.situation import Situation
from kb.search.live import Index
from tests.kb.chat.asking import answered, understood

TOLD = [
    (
        "lora of a 13b in 8 bit on a 3090, is that enough?",
        "Yes, GeForce RTX 3090 is enough: fine-tuning a 13B model with LoRA in 8 bits",
    ),
    (
        "lora on a 13b, my card is a 4090, ok?",
        "No, GeForce RTX 4090 is too small: fine-tuning a 13B model with LoRA in 16 bits",
    ),
    (
        "qlora of a 13b on a 24 GB card goes OOM. what helps?",
        "Weights, gradients and optimizer are only 7.6",
    ),
    (
        "lora on gemma 3 12b with the base in 8 bit, 28k tokens, one A100 80GB: out of memory. what eats it?",
        "It runs out because fine-tuning Gemma 3 12B with LoRA in 8 bits takes about 130 GB",
    ),
    (
        "8 V100 32GB, llama 2 7b full finetune with deepspeed zero-2, batch 1, OOM at the optimizer step",
        "Weights, gradients and optimizer are only 25.3 GB of the 34.4 GB on each card, with ZeRO stage 2",
    ),
    (
        "qlora of llama 3.3 70b on 4x 3090 runs out of memory, do the cards not add up?",
        "In ordinary training each card holds a whole copy",
    ),
    (
        "70b qlora, fsdp on 4x 3090: out of memory while loading the model",
        "Once loaded it fits, with about 19.2 GB",
    ),
    (
        "mistral 7b lora, peak memory 31 GB on my 5090. is that a bug?",
        "Of 31 GB, 14.7 GB are weights, gradients and optimizer",
    ),
    (
        "full fine tuning of an 8b: where do the 16 bytes come from",
        "16 bytes for each parameter: 2 for the weight",
    ),
    (
        "longest sequence for qlora of llama 3.1 8b on a 4090?",
        "Up to about 7,968 tokens at once",
    ),
]


@pytest.mark.parametrize(("question", "begins"), TOLD)
def test_the_first_sentence_takes_what_is_told_as_true(index: Index, question: str, begins: str) -> None:
    assert begins in answered(index, question).text.split("\n\n")[0]


def test_several_methods_are_a_line_each(index: Index) -> None:
    text = answered(index, "lora / qlora of llama 3.1 8b, is 24 GB enough?").text
    assert "| LoRA in 16 bits | 20.8 GB | yes |" in text
    assert "| QLoRA | 10.4 GB | yes |" in text


def test_several_models_are_one_table(index: Index) -> None:
    text = answered(index, "how much memory to finetune an 8b and how much a 14b").text
    assert text.count("| model |") == 1
    assert "An 8B model" in text
    assert "A 14B model" in text


READ = [
    ("4 nodes: 4x A6000 + 2 + 2 + 2, full finetune of a 13b", {"count": 10, "training_method": "full"}),
    ("2 servers each with 4x A100, lora 70b", {"count": 8}),
    ("8x H100 across 2 nodes, lora 70b", {"count": 8}),
    ("4x H100 per node, 2 nodes, lora 70b", {"count": 8}),
    ("lora 13b in 8bit on a 4090", {"training_method": "lora_8bit"}),
    ("lora 13b with 8-bit adam on a 4090", {"training_method": "lora"}),
    ("fine-tune a 70b in 4 bit on a 4090", {"training_method": "qlora"}),
    ("run a 70b in 4 bit on a 4090", {"training_method": None}),
    ("lora / qlora of a 7b on a 4090", {"training_method": None}),
    ("qlora instead of lora for a 7b on a 4090", {"training_method": "qlora"}),
    ("zero stage 3 for a 7b on 2x 4090", {"sharding": "zero3"}),
    ("fsdp for a 7b on 2x 4090", {"sharding": "zero3"}),
    ("zero2 or fsdp for a 7b on 2x 4090", {"sharding": None}),
    ("training a 7b on a 4090 ooms", {"out_of_memory": True}),
    ("would training a 7b on a 4090 oom?", {"out_of_memory": False}),
    ("lora of a 7b on a 4090, peak vram 21.5 GB", {"measured_gb": 21.5}),
    ("inference of a 7b on a 4090 takes 19 GB, can i train it", {"measured_gb": None}),
    ("lora of a 7b on a 4090, windows uses 2GB of it", {"measured_gb": None}),
]  # fmt: skip


@pytest.mark.parametrize(("question", "expected"), READ)
def test_what_is_told_of_a_run_is_read(index: Index, question: str, expected: dict[str, object]) -> None:
    situation = understood(index, question)
    assert {name: _of(situation, name) for name in expected} == expected


def _of(situation: Situation, name: str) -> object:
    return situation.devices[0].count if name == "count" else getattr(situation, name)


def test_what_ran_out_stays_known(index: Index) -> None:
    told = understood(index, "my qlora of a 13b goes OOM on a 24 GB card", "it is at batch 1 and rank 8")
    assert told.out_of_memory


def test_a_name_ends_before_the_way_it_is_trained(index: Index) -> None:
    situation = understood(index, "llama 3.1 8b full finetune memory")
    assert [named.label for named in situation.models] == ["Llama 3.1 8B"]
    assert not situation.unknown


def test_training_a_model_for_pictures_is_no_running_of_it(index: Index) -> None:
    assert not [
        call
        for call in answered(index, "sdxl lora training, 12 gb vram enough?").tool_calls
        if call.name == "media_memory"
    ]
