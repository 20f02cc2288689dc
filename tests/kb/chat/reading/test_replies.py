"""The first sentence of what a turn of a conversation is answered with."""

import pytest

from kb.chat.answering.answer import answer
from kb.chat.reading.message import read_message
from kb.chat.reading.reader import read
from kb.chat.reading.roles import RoleReader
from kb.search.live import Index
from tests.kb.chat.asking import answered
from tests.kb.chat.reading.test_going_on import ByHeart

REPLIES = {
    "an upgrade of what is there": (
        [
            ("my machine has a 3070 and 32 gb ram", "what_runs_on"),
            ("what would I gain with a 5070 Ti?", "compare_devices"),
        ],
        "With the GeForce RTX 5070 Ti, ",
    ),
    "the supply of the card considered last": (
        [
            ("my pc: 3070, 32 gb ram, ryzen 3300x", "what_runs_on"),
            ("what would I gain with a 5070 Ti?", "choose_upgrade"),
            ("or a used 3090?", "choose_upgrade"),
            ("will my 650W power supply be enough for that?", "size_power_supply"),
        ],
        "650 W are tight: GeForce RTX 3090 and the rest draw",
    ),
    "a slower card is held against the faster": (
        [("i bought a 5060 ti 16gb and it is slower than my friends 3090, why", "explain_speed")],
        "For text generation the GeForce RTX 3090 is about",
    ),
    "both cards as one machine": (
        [("i have a 5060 ti 16gb, is it slower than a 3090?", "compare_devices"), ("both together?", "out_of_scope")],
        "The GeForce RTX 5060 Ti 16GB + GeForce RTX 3090 run models up to",
    ),
    "the start of the model that the machine is for": (
        [("what can my 3090 do for coding?", "what_runs_on"), ("ok and how do I start it?", "start_model")],
        "The easiest way to start Qwen",
    ),
    "a model given by its size is bought for": (
        [("what hardware for a 70B?", "recommend_hardware")],
        "For a 70B model",
    ),
    "images are told of, not text models": (
        [("what can my 3090 run?", "what_runs_on"), ("can it make images too?", "estimate_power_cost")],
        "**Making pictures needs another program",
    ),
    "a fragment beside the point is not understood": (
        [("what can my 3090 run?", "what_runs_on"), ("quiz me", "")],
        "I am not sure what you mean by that.",
    ),
    "what comes is not known": (
        [("what to buy for 3000 dollars", "recommend_hardware"), ("and in two years?", "")],
        "I do not know what comes later",
    ),
    "thanks are not a question": (
        [("what can my 3090 run?", "what_runs_on"), ("thanks!", "small_talk")],
        "You are welcome.",
    ),
    "of several machines the one that serves most": (
        [("how many users do llama 3.3 70b serve on an m2 max 96gb or on two m3 ultra 512gb?", "users_served")],
        "The most are served on",
    ),
    "why it is slow is told in words where no speed is": (
        [("why does my 4090 get slower with long chats, qwen3 32b q4", "explain_speed")],
        "It slows as the chat grows: Qwen3 32B at Q4_K_M on the GeForce RTX 4090 writes about",
    ),
    "a reason of all that is slow is none of what fits": (
        [("why is qwen3 32b so slow on my 4090", "explain_speed")],
        "About 41 tokens/s is what the memory allows",
    ),
    "memory kept free is counted": (
        [("keep 3 GB of my 4070 free for the desktop: which context fits with qwen3 14b q4_k_m", "max_context")],
        "Up to 1,792 tokens of context fit",
    ),
    "a speed that cannot be is no speed that fits": (
        [("I get 150 t/s for mistral nemo 12b q8_0 on a 3090. realistic?", "check_fit")],
        "150 tokens/s cannot be",
    ),
    "the split that runs is judged, not the one that is asked about": (
        [("llama 3.3 70b q4_k_m on 2x 4090 with -sm layer: 15 t/s, slow? is -sm row better?", "explain_speed")],
        "15 tokens/s is what the memory allows",
    ),
    "a file is downloaded, and not split": (
        [("how long does gemma 3 27b take to download at 100 mbit/s", "estimate_transfer_time")],
        "About 22.1 minutes for the 16.5 GB of Gemma 3 27B",
    ),
    "the drive that is named": (
        [("how long to load llama 3.1 8b from an hdd", "estimate_load_time")],
        "About 24.6 s to load 4.92 GB from hard disk",
    ),
    "which machine reads a prompt first": (
        [("strix halo or dgx spark for a 50k prompt with gpt-oss 120b", "compare_devices")],
        "Until the first word of an answer to a prompt of 50,000 tokens: ",
    ),
    "a card beside a server's RAM": (
        [
            ("deepseek v3 q4_k_m on an EPYC 9554 with 768GB, how fast?", "estimate_speed"),
            ("what would a 4090 add to it?", "choose_upgrade"),
        ],
        "With the GeForce RTX 4090, DeepSeek V3",
    ),
    "a card in the place of another is not put beside it": (
        [("should I take a 4090 instead of my 3090?", "choose_upgrade")],
        "I would keep the GeForce RTX 3090",
    ),
    "no memory is added to a Mac": (
        [("can I add ram to my mac mini m4 16gb", "choose_upgrade")],
        "No memory can be added to the Apple Mac mini (M4, 2024)",
    ),
    "whether figures are measured": (
        [("are your own numbers measured?", "about_answers")],
        "Calculated, not measured by me",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("turns", "first"), REPLIES.values(), ids=REPLIES.keys())
def test_replies(index: Index, turns: list[tuple[str, str]], first: str) -> None:
    asks = ByHeart(
        {
            read_message(text, index.names, RoleReader(index.roles)).plain: {ask: 0.8} if ask else {}
            for text, ask in turns
        }
    )
    reply = answer(index, read([text for text, _ in turns], index.names, asks, RoleReader(index.roles)))
    assert reply.text.removeprefix("- ").startswith(first)
    assert not reply.problems


def test_a_claim_is_ruled_on_without_a_question_back(index: Index) -> None:
    text = "a youtuber said you need 2 GB per billion parameters at 4 bit"
    asks = ByHeart({read_message(text, index.names, RoleReader(index.roles)).plain: {"estimate_memory": 0.9}})
    reply = answer(index, read([text], index.names, asks, RoleReader(index.roles)))
    assert reply.question is None
    assert "2 GB per billion is the cost of FP16" in reply.text


def test_an_unknown_processor_is_a_remark(index: Index) -> None:
    text = "what can I run: 3070, 32 gb ram, ryzen 3300x"
    asks = ByHeart({read_message(text, index.names, RoleReader(index.roles)).plain: {"what_runs_on": 0.9}})
    reply = answer(index, read([text], index.names, asks, RoleReader(index.roles)))
    assert reply.text.startswith("The GeForce RTX 3070 runs")
    assert "I have no data on the processor “ryzen 3300x”" in reply.text


def test_what_is_not_worked_out_is_named(index: Index) -> None:
    text = "does qwen3 32b q4 fit on a 3090, 4080, 4070 ti super, 5070, 5080, p40, 4090 or a4000?"
    asks = ByHeart({read_message(text, index.names, RoleReader(index.roles)).plain: {"check_fit": 0.9}})
    reply = answer(index, read([text], index.names, asks, RoleReader(index.roles)))
    assert len(reply.tool_calls) == 6
    assert "Not worked out here: GeForce RTX 4090 or NVIDIA RTX A4000." in reply.text


def test_the_speeds_of_several_quantizations_are_told(index: Index) -> None:
    text = "how fast is qwen3 32b at q4, q6 and q8 on a 5090?"
    plain = read_message(text, index.names, RoleReader(index.roles)).plain
    asks = ByHeart({plain: {"estimate_speed": 0.9, "check_fit": 0.3}})
    reply = answer(index, read([text], index.names, asks, RoleReader(index.roles)))
    assert [call.name for call in reply.tool_calls] == ["estimate_speed"] * 3


def test_a_name_of_several_is_told_so_behind_what_holds_for_all(index: Index) -> None:
    reply = answered(index, "is the npu in my ryzen 7840 any use for llms?")
    assert reply.text.startswith("**NPU of Ryzen chips")
    assert "“ryzen 7840” may be several: AMD Ryzen 7 7840U or AMD Ryzen 7 7840HS." in reply.text
    assert "I have no data" not in reply.text


def test_the_name_of_an_unknown_thing_goes_before_what_is_calculated(index: Index) -> None:
    reply = answered(index, "can an RX 7900 run Qwen3 8B?")
    assert reply.text.startswith("“RX 7900” may be several: ")
    assert "Radeon RX 7900 XTX" in reply.text or "or others" in reply.text


def test_a_story_is_told_the_note_behind_what_was_calculated(index: Index) -> None:
    story = (
        "7x 24GB on a threadripper with 256 GB of ram, llama 3 70B in vllm won't start with tp 7, the same on three "
        "cards with tp 3. do I have to buy an eighth card?"
    )
    calculated, _, note = answered(index, story).text.partition("\n\n**")
    assert calculated.startswith("Not as tensor parallel over 7 cards")
    assert "tensor" in note


def test_what_ran_out_of_memory_is_not_told_that_it_fits(index: Index) -> None:
    reply = answered(index, "qwen3 14b q4_k_m on my 4070 12gb keeps crashing with cuda out of memory in llama.cpp")
    assert reply.text.startswith("By its weights Qwen3 14B at Q4_K_M fits on the GeForce RTX 4070, so something else")
    assert "more than 19,456 tokens does not fit" in reply.text
    assert "tokens/s" not in reply.text
    assert answered(index, "will I get out of memory with qwen3 14b on a 4070?").text.startswith(
        "Qwen3 14B at Q4_K_M fits"
    )


def test_without_a_stated_context_the_longest_that_fits_has_a_speed(index: Index) -> None:
    reply = answered(index, "how fast is llama2 7b on a jetson orin nano?")
    assert reply.text.startswith("About ")
    assert "no more than 2,048 tokens of context, as more does not fit" in reply.text
    (call,) = [one for one in reply.tool_calls if one.name == "estimate_speed"]
    assert call.result["shortened"]
    slow = answered(index, "llama2 7b on my jetson orin nano runs at 3.4 tok/s in ollama, why so slow?")
    assert "no more than 2,048 tokens of context, as more does not fit" in slow.text
    named = answered(index, "how fast is llama2 7b on a jetson orin nano with 4096 context?")
    assert not next(one for one in named.tool_calls if one.name == "estimate_speed").result["shortened"]


def test_a_processor_alone_is_compared_with_a_card(index: Index) -> None:
    reply = answered(index, "i5 13600k without gpu or a weak cpu + rtx 3060 12gb? same price, for llama.cpp")
    assert reply.text.startswith("For text generation the GeForce RTX 3060 12GB is about")


def test_what_is_considered_alone_is_no_upgrade(index: Index) -> None:
    reply = answered(index, "I have a ryzen 5600X with 32GB ram and consider a 3060, which models could I run then?")
    assert [call.name for call in reply.tool_calls][:1] == ["what_runs_on"]


def test_ones_own_speed_is_judged_and_not_the_claim_it_is_short_of(index: Index) -> None:
    story = "llama 3.3 70b q4_k_m on two 3090: the readme says 20 tok/s, I get 15 tok/s. what am I doing wrong?"
    reply = answered(index, story)
    measured = [
        call.arguments.get("measured_tokens_per_s") for call in reply.tool_calls if call.name == "explain_speed"
    ]
    assert measured == [15]


def test_that_few_experts_are_read_makes_a_model_no_smaller(index: Index) -> None:
    reply = answered(index, "qwen3 30b-a3b has 3b active so 4gb vram is enough right?")
    assert "All of its weights have to be held: the 10.8 % that a token passes through" in reply.text
    assert "All of its weights" not in answered(index, "does qwen3 30b-a3b fit on a 3090?").text
