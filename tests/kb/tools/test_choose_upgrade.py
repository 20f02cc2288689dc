"""What an upgrade brings: speed before and after, what newly runs, price and supply, and which is best."""

from typing import Any

import pytest

from kb.catalogue import Catalogue
from kb.errors import InvalidArgument, UnknownName
from kb.tools import TOOLS, InvalidArguments
from kb.tools.choose_upgrade.tool import UpgradeAnswer
from tests.kb.tools.said import brief, first_sentence

COMPUTER = {"name": "a computer with 32 GB of RAM", "memory_gib": 32, "backend": "cpu", "memory_bandwidth_gb_per_s": 60}


def answer(catalogue: Catalogue, **arguments: Any) -> UpgradeAnswer:
    result = TOOLS["choose_upgrade"].call(catalogue, arguments)
    assert isinstance(result, UpgradeAnswer)
    return result


@pytest.mark.parametrize(
    ("arguments", "starts", "has"),
    [
        ({"device": "RTX 3070", "considered": ["RTX 5070 Ti"], "system_memory_gb": 32},
         "With the GeForce RTX 5070 Ti, Qwen3.6 35B A3B goes from about", "times as fast"),
        ({"device": "RTX 3090", "considered": ["2x RTX 3090"], "model": "llama 3.3 70b"},
         "With a second GeForce RTX 3090, Llama 3.3 70B runs at about", "power supply of 1,200 W"),
        ({"device": "RTX 3090", "system_memory_gb": 32}, "A second GeForce RTX 3090 brings larger models, not speed",
         "64 GB of RAM"),
        ({"device": "RTX 4090", "considered": ["RTX 5070 Ti"]}, "I would keep the GeForce RTX 4090", "24 GB"),
        ({"device": "RTX 3070", "considered": ["RX 7900 XTX"], "model": "deepseek r1"},
         "I would not buy the AMD Radeon RX 7900 XTX for that: DeepSeek R1 671B does not fit", "8 GB"),
        ({"device": "macbook air m2 16gb"}, "With the Apple Mac", "It costs about"),
        ({"device": COMPUTER, "system_memory_gb": 32}, "With the ", "times as fast"),
        ({"device": {"name": "an 8 GB graphics card", "memory_gib": 8}}, "The GeForce", "Tell me how much RAM"),
    ],
)  # fmt: skip
def test_first_sentence(catalogue: Catalogue, arguments: dict[str, Any], starts: str, has: str) -> None:
    text = brief(catalogue, "choose_upgrade", arguments)
    assert first_sentence(text).startswith(starts)
    assert has in text


def test_speeds_are_those_of_the_speed_tool(catalogue: Catalogue) -> None:
    result = answer(catalogue, device="RTX 3060 12GB", considered=["RTX 3090"], model="llama 3.1 8b")
    asked = {"model": "llama 3.1 8b", "quantization": "q4_k_m"}
    before = TOOLS["estimate_speed"].call(catalogue, {**asked, "device": "RTX 3060 12GB"})
    after = TOOLS["estimate_speed"].call(catalogue, {**asked, "device": "RTX 3090"})
    assert result.decode_tokens_per_s == before.decode_tokens_per_s
    assert result.options[0].decode_tokens_per_s == after.decode_tokens_per_s
    assert result.options[0].times_as_fast == pytest.approx(
        after.decode_tokens_per_s.typical / before.decode_tokens_per_s.typical, abs=0.01
    )


def test_another_card_instead_and_beside(catalogue: Catalogue) -> None:
    """Two makers' cards do not join; only what is bought is billed."""
    joined = answer(catalogue, device="RTX 3070", considered=["RTX 5070 Ti"])
    assert [(one.kind, one.memory_gib) for one in joined.options] == [("other_device", 16), ("beside", 24)]
    assert joined.options[0].price == joined.options[1].price
    apart = answer(catalogue, device="RTX 3070", considered=["RX 7900 XTX"])
    assert [one.kind for one in apart.options] == ["other_device"]


def test_a_second_card_costs_one_card(catalogue: Catalogue) -> None:
    (option,) = answer(catalogue, device="RTX 3090", considered=["RTX 3090"]).options
    (three,) = answer(catalogue, device="2x RTX 3090", considered=["RTX 3090"]).options
    assert (option.after, three.after) == ("2× GeForce RTX 3090", "3× GeForce RTX 3090")
    assert option.price == three.price
    assert option.price is not None
    assert (option.memory_gained_gib, three.memory_gained_gib) == (24, 24)


def test_what_newly_runs_did_not_run_before(catalogue: Catalogue) -> None:
    result = answer(catalogue, device="RTX 4060", considered=["RTX 3090"], system_memory_gb=16)
    assert result.options[0].newly_runs
    for name in result.options[0].newly_runs:
        asked = {"device": "RTX 4060", "system_memory_gb": 16, "models": [name], "quantization": "q4_k_m"}
        before = TOOLS["what_runs_on"].call(catalogue, asked)
        assert not before.suggested, name


def test_a_laptop_takes_no_second_card(catalogue: Catalogue) -> None:
    laptop, desktop = (answer(catalogue, device=name) for name in ("RTX 4090 Laptop GPU", "RTX 4090"))
    assert "second_card" in [option.kind for option in desktop.options]
    assert "second_card" not in [option.kind for option in laptop.options]


def test_bad_input(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownName):
        answer(catalogue, device="RTX 3070", considered=["no such card"])
    with pytest.raises(InvalidArguments):
        answer(catalogue, device="RTX 3070", considered=["RTX 3090"] * 5)
    with pytest.raises(InvalidArgument, match="system_memory_gb"):
        answer(catalogue, device="Ryzen 9 9950X")


@pytest.mark.parametrize("more", [{"device_count": 1024}, {"system_memory_gb": 900_000}])
def test_what_is_there_at_its_most_is_not_doubled(catalogue: Catalogue, more: dict[str, int]) -> None:
    assert TOOLS["choose_upgrade"].call(catalogue, {"device": "rtx 3090", **more})


def test_unequal_cards_in_one_machine_are_held_against_the_stronger_alone(catalogue: Catalogue) -> None:
    found = answer(catalogue, device="RTX 3090 + GTX 1080")
    assert (found.device, [option.kind for option in found.options]) == ("GeForce RTX 3090", ["beside"])
    told = first_sentence(brief(catalogue, "choose_upgrade", {"device": "RTX 3090 + GTX 1080"}))
    assert told.startswith("Use both only for what needs 32 GB: on the GeForce RTX 3090 alone")
    slower = first_sentence(brief(catalogue, "choose_upgrade", {"device": "RTX 3080 10GB + RTX 3060 12GB"}))
    assert "brings larger models, and slows those that fit without it" in slower


def test_a_second_module_of_ram_doubles_what_is_read(catalogue: Catalogue) -> None:
    laptop = {"name": "a laptop", "memory_gib": 32, "backend": "cpu", "memory_bandwidth_gb_per_s": 44.8}
    arguments = {"device": laptop, "model": "qwen2.5 7b", "considered_memory_channels": 2}
    (option,) = answer(catalogue, **arguments).options
    assert option.times_as_fast == pytest.approx(2, abs=0.1)
    told = brief(catalogue, "choose_upgrade", arguments)
    assert told.startswith("With RAM in 2 channels, Qwen2.5 7B goes from about")
    assert "89.6 GB/s instead of 44.8 GB/s" in told


def test_a_model_that_is_slow_everywhere_measures_nothing(catalogue: Catalogue) -> None:
    arguments = {"device": "RTX 4070", "system_memory_gb": 32, "considered": ["RTX 3090"], "model": "llama 3.1 70b"}
    found = TOOLS["choose_upgrade"].call(catalogue, arguments)
    assert found.too_slow_everywhere == "Llama 3.1 70B"
    assert found.model != "Llama 3.1 70B"
    assert found.best is not None


def test_a_card_goes_into_a_computer_and_takes_no_ram_away(catalogue: Catalogue) -> None:
    computer = {"name": "a computer", "memory_gib": 256, "memory_bandwidth_gb_per_s": 51.2, "backend": "cpu"}
    arguments = {"device": computer, "system_memory_gb": 256, "considered": ["Tesla P40"]}
    assert TOOLS["choose_upgrade"].call(catalogue, arguments).options[0].memory_gained_gib == 24
