"""What was recommended before, where a later turn means it."""

import pytest

from kb.chat.answering.answer import Answer, answer
from kb.chat.reading.message import read_message
from kb.chat.reading.reader import read
from kb.chat.reading.roles import RoleReader
from kb.search.live import Index
from tests.kb.chat.reading.test_going_on import ByHeart

CARD = ("what can my 3090 run?", "what_runs_on")
BUYS = ("which gpu should i buy for 500 dollars to run 24b models?", "recommend_hardware")


def told(index: Index, *turns: tuple[str, str]) -> Answer:
    roles = RoleReader(index.roles)
    asks = ByHeart({read_message(text, index.names, roles).plain: {ask: 0.9} for text, ask in turns})
    return answer(index, read([text for text, _ in turns], index.names, asks, roles))


def recommended(index: Index, *turns: tuple[str, str]) -> list[str]:
    result = told(index, *turns).tool_calls[-1].result
    return [one["slug"] for one in result.get("suggested", result.get("choices", ()))]


@pytest.mark.parametrize(
    ("words", "place"),
    [("how do I install it?", 0), ("how do I start the second one?", 1), ("and how do I get the third one?", 2)],
)
def test_the_model_that_was_recommended_is_started(index: Index, words: str, place: int) -> None:
    call = told(index, CARD, (words, "start_model")).tool_calls[0]
    assert call.arguments["model"] == recommended(index, CARD)[place]


def test_it_is_remembered_over_turns(index: Index) -> None:
    turns = (CARD, ("how do I install it?", "start_model"), ("how fast will it be?", "estimate_speed"))
    assert told(index, *turns).tool_calls[0].arguments["model"] == recommended(index, CARD)[0]


def test_the_card_that_was_recommended_gets_a_supply(index: Index) -> None:
    call = told(index, BUYS, ("what power supply does it need?", "size_power_supply")).tool_calls[0]
    assert recommended(index, BUYS)[0] in str(call.arguments)


def test_a_second_is_no_second_place(index: Index) -> None:
    call = told(index, CARD, ("how many tokens a second is it?", "estimate_speed")).tool_calls[0]
    assert call.arguments["model"] == recommended(index, CARD)[0]


def test_what_is_named_goes_before_what_was_recommended(index: Index) -> None:
    call = told(index, CARD, ("how do I install gemma 3 12b?", "start_model")).tool_calls[0]
    assert call.arguments["model"] == "gemma-3-12b"


def test_another_choice_is_made_anew(index: Index) -> None:
    turns = (
        ("what can my 3060 run?", "what_runs_on"),
        ("which card should I buy for 700 dollars?", "recommend_hardware"),
    )
    assert "models" not in told(index, *turns).tool_calls[0].arguments


def test_of_an_unknown_model_nothing_is_remembered(index: Index) -> None:
    asked = told(index, CARD, ("how do I install Qwen9 33B?", "start_model"))
    assert "Qwen9 33B" in asked.text
    assert all(call.arguments.get("model") != recommended(index, CARD)[0] for call in asked.tool_calls)


def test_it_keeps_its_memory_and_its_number(index: Index) -> None:
    two = ("which gpu should i buy for 1600 dollars to run 70b models?", "recommend_hardware")
    choice = told(index, two).tool_calls[-1].result["choices"][0]
    assert choice["count"] > 1
    call = told(index, two, ("what power supply does it need?", "size_power_supply")).tool_calls[0]
    assert f"{choice['count']}x {choice['slug']}" in str(call.arguments)
    office = ("which computer should I buy for 4000 dollars?", "recommend_hardware")
    choice = told(index, office).tool_calls[-1].result["choices"][0]
    call = told(index, office, ("how many users can it serve?", "users_served")).tool_calls[0]
    assert str(call.arguments["device"]).casefold() == choice["device"].casefold()


def test_two_computers_with_one_card_each_are_worked_out_one_by_one(index: Index) -> None:
    apart = ("I have two PCs, one with a 3090 and one with a 4090, can they run llama 3.1 8b?", "check_fit")
    reply = told(index, apart)
    assert not reply.problems
    assert len(reply.tool_calls) >= 2
