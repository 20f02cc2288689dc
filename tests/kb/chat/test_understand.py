"""Questions as people type them: names, quantities, intents, and what follows from earlier messages."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.chat.quantities import in_digits, read_quantities
from kb.chat.understand import understand
from kb.search.live import Index


@pytest.mark.parametrize(
    ("text", "intents", "models", "devices"),
    [
        ("can I run a 70B on my 4090, and how fast?", ("fit", "speed"), ["llama-3-1-70b"], [("rtx-4090", 1)]),
        ("will llama3.1:70b q4 fit on 2x 3090?", ("fit",), ["llama-3-1-70b"], [("rtx-3090", 2)]),
        (
            "whats the max context of llama 8b q4 on a 3060 12gb",
            ("max_context",),
            ["llama-3-1-8b"],
            [("rtx-3060-12gb", 1)],
        ),
        (
            "which quant of gemma 3 27b should i use on a 4090",
            ("best_quantization",),
            ["gemma-3-27b"],
            [("rtx-4090", 1)],
        ),
        ("what can I run on a dgx spark?", ("what_runs",), [], [("dgx-spark", 1)]),
        ("3090 vs 4090 for llms", ("compare",), [], [("rtx-3090", 1), ("rtx-4090", 1)]),
        ("how much vram does the 4090 have", ("spec",), [], [("rtx-4090", 1)]),
        ("how much vram for llama 3.1 70b at fp16?", ("memory",), ["llama-3-1-70b"], []),
        ("what power supply do I need for two 5090s?", ("power_supply",), [], [("rtx-5090", 2)]),
        ("explain RAPIDS", ("define",), [], []),
        ("can i finetune llama 8b with qlora on a 3060 12gb?", ("training",), ["llama-3-1-8b"], [("rtx-3060-12gb", 1)]),
    ],
)
def test_reads_names_and_intents(
    index: Index, text: str, intents: tuple[str, ...], models: list[str], devices: list[tuple[str, int]]
) -> None:
    question = understand([text], index.names)
    assert question.intents == intents
    assert [thing.match.slug for thing in question.models] == models
    assert [(thing.match.slug, thing.count) for thing in question.devices] == devices


def test_a_quantization_behind_a_model_is_not_swallowed_by_it(index: Index) -> None:
    question = understand(["mac studio m2 ultra 192gb llama 405b q2 possible?"], index.names)
    assert [thing.match.slug for thing in question.quantizations] == ["q2_k"]


def test_an_ambiguous_name_keeps_its_candidates(index: Index) -> None:
    question = understand(["what can I run on a 3060?"], index.names)
    assert {match.slug for match in question.devices[0].candidates} == {"rtx-3060-12gb", "rtx-3060-8gb"}


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("llama 70b at 32k context on a 4090", "context", 32768),
        ("llama 8b with 100,000 tokens of context on a 3090", "context", 100_000),
        ("can two 5090 serve llama 70b to 6 users", "users", 6),
        ("70b q4 on a 4090 with 96 GB RAM", "system_memory_gb", 96.0),
        ("what does a 4090 cost at 0.30 EUR per kWh", "price_per_kwh", 0.30),
        ("running a 4090 8 hours a day, electricity?", "hours_per_day", 8.0),
        ("best gpu under $2,000 for a 32B", "budget", 2000.0),
        ("i have 16gb vram what llm is best", "vram_gib", 16.0),
        ("llama 8b on a 3060 12gb with q8 kv cache", "kv_cache_type", "q8_0"),
    ],
)
def test_reads_quantities(index: Index, text: str, key: str, value: object) -> None:
    assert getattr(understand([text], index.names), key) == value


def test_a_follow_up_takes_over_what_it_leaves_open(index: Index) -> None:
    question = understand(["can I run a 70B on my 4090, and how fast?", "and on two of them?"], index.names)
    assert question.intents == ("fit", "speed")
    assert [(thing.match.slug, thing.count) for thing in question.devices] == [("rtx-4090", 2)]
    assert [thing.match.slug for thing in question.models] == ["llama-3-1-70b"]


@pytest.mark.parametrize(
    ("follow_up", "key", "expected"),
    [
        ("what about q8?", "quantizations", ["q8_0"]),
        ("and with a 5090?", "devices", ["rtx-5090"]),
        ("what about qwen 72b instead?", "models", ["qwen2-5-72b"]),
    ],
)
def test_a_follow_up_replaces_what_it_names(index: Index, follow_up: str, key: str, expected: list[str]) -> None:
    question = understand(["will llama 70b q4 fit on 2x 3090?", follow_up], index.names)
    assert [thing.match.slug for thing in getattr(question, key)] == expected
    assert question.models
    assert question.devices
    assert "fit" in question.intents


def test_a_new_subject_takes_nothing_over(index: Index) -> None:
    question = understand(
        ["will llama 70b q4 fit on 2x 3090?", "What is the definition of NVLink exactly, please?"], index.names
    )
    assert question.intents == ("define",)
    assert not question.devices


def test_claims_are_noticed(index: Index) -> None:
    claimed = understand(["since the 4090 has 48 GB, can I run llama 70b q4 on it?"], index.names)
    assert [(claim.key, claim.value) for claim in claimed.claims] == [("memory_gib", 48.0)]


@pytest.mark.parametrize("name", ["RTX 6090", "M4 Ultra", "llama 9 500b"])
def test_names_that_look_real_and_are_unknown_are_kept(index: Index, name: str) -> None:
    assert any(
        name.casefold() in unknown.casefold() for unknown in understand([f"can I run {name}?"], index.names).unknown
    )


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_understood_as_something(index: Index, text: str) -> None:
    question = understand([text], index.names)
    assert question.intents


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("what do a million tokens cost at $5.13 per hour and 50 tokens per second?", "token_cost"),
        ("price of one million tokens at 2 dollars an hour and 100 tok/s", "token_cost"),
        ("how fast is NVLink for moving a 128 GB model?", "transfer"),
        ("when does a $1500 card pay off against renting at $2.52 per hour?", "rent_or_buy"),
    ],
)
def test_money_and_links(index: Index, text: str, intent: str) -> None:
    assert understand([text], index.names).intents[0] == intent


def test_an_amount_of_money_is_no_card(index: Index) -> None:
    assert understand(["what can I build for $7600?"], index.names).devices == ()
    assert understand(["what is the rx 7600 good for?"], index.names).devices != ()


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("would qwen3 14b choke my 3060 12gb", "fit"),
        ("am I going to fall asleep while a 4060 ti 16gb types out answers of gemma 3 27b", "speed"),
        ("how strong must the power unit be that feeds two 4090", "power_supply"),
        ("how many pages of contract can llama 3.1 8b swallow at once on a 3060 12gb", "max_context"),
        ("what does my 3090 add to the bill each year", "power_cost"),
        ("which squeezed version of qwen3 32b goes onto a 16 gb card", "best_quantization"),
        ("seconds to shift 40 gb through 10 GbE", "transfer"),
    ],
)
def test_other_words_of_the_same_sense(index: Index, text: str, intent: str) -> None:
    assert understand([text], index.names, index.intents).intents[0] == intent


def test_words_that_ask_for_something_go_before_a_guess(index: Index) -> None:
    text = "A 4090 costs me 1600 dollars, renting one is 0.50 per hour. When does buying pay off? it draws 450 W"
    assert understand([text], index.names, index.intents).intents == ("rent_or_buy",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("two thousand dollars for a machine", {"budget": 2000.0, "currency": "USD"}),
        ("my budget is 2 grand", {"budget": 2000.0, "currency": "USD"}),
        ("32 thousand tokens of context", {"context": 32000}),
        ("it is $1.6 the hour, or $3,000 to buy", {"rent_per_hour": 1.6, "budget": 3000.0}),
        ("hourly 2.42 dollars at 302/s", {"rent_per_hour": 2.42, "tokens_per_s": 302.0}),
        ("400 watts around the clock at 32 cents", {"watts": 400.0, "hours_per_day": 24.0, "price_per_kwh": 0.32}),
        ("32 cents an hour", {"price_per_kwh": None}),
        ("qlora with bs 4, seq 8192", {"batch_size": 4, "context": 8192}),
        ("8 samples of 4096 tokens per step", {"batch_size": 8, "context": 4096}),
        ("40 tokens per second", {"tokens_per_s": 40.0, "context": None}),
    ],
)
def test_quantities_in_other_words(text: str, expected: dict[str, float | str | None]) -> None:
    read = vars(read_quantities(text))
    assert {key: read[key] for key in expected} == expected


def test_a_text_of_number_words_is_left_as_it_is() -> None:
    assert in_digits("two hundred " * 600) == "two hundred " * 600
    assert in_digits("two hundred watts") == "200 watts"
