"""Variations of questions: made by rule, always the same, and with the right expectation."""

from typing import Any

import pytest

from eval.perturb import KINDS, Outcome, Variation, kind_scores, outcome, vary
from eval.rewriting import in_other_units, in_other_words, misspelt, politely, without_care
from eval.samples import Sample, read_samples
from eval.scorers import unscored
from kb.search.live import Index


def sample(text: str, *tags: str, **expect: Any) -> Sample:
    return Sample.model_validate(
        {"id": "s", "messages": [text], "expect": {"abstains": False} | expect, "tags": tags, "note": "by hand"}
    )


def varied(index: Index, one: Sample, kind: str) -> Variation | None:
    return next((variation for variation in vary(index, (one,)) if variation.kind == kind), None)


def test_every_kind_is_made_many_times_and_always_the_same(index: Index) -> None:
    samples = read_samples()
    variations = vary(index, samples)
    made = {kind: sum(variation.kind == kind for variation in variations) for kind in KINDS}
    assert min(made.values()) >= 20, made
    assert len({variation.sample.id for variation in variations}) == len(variations)
    assert vary(index, samples) == variations
    bases = {one.id: one for one in samples}
    assert [v.sample.id for v in variations if v.sample.messages == bases[v.base].messages] == []


def test_rewriting_keeps_what_is_expected(index: Index) -> None:
    samples = {one.id: one for one in read_samples()}
    for variation in vary(index, tuple(samples.values())):
        if variation.kind not in ("false-premise", "two-devices"):
            assert variation.sample.expect == samples[variation.base].expect
        assert variation.sample.messages[:-1] == samples[variation.base].messages[:-1]


def test_names_are_not_misspelt(index: Index) -> None:
    text = "will mistral nemo really run on a radeon vii with offloading"
    for seed in range(50):
        changed = misspelt(text, [(5, 17), (32, 42)], seed)
        assert changed is not None
        assert changed != text
        assert sorted(changed) == sorted(text)
        assert "mistral nemo" in changed
        assert "radeon vii" in changed
    assert misspelt("70B on 4090?", [], 0) is None


@pytest.mark.parametrize(
    ("rewrite", "text", "changed"),
    [
        (in_other_words, "Does gemma 3 27b q4_k_m fit on a 4090?", "On a 4090, is gemma 3 27b q4_k_m going to work?"),
        (in_other_words, "how much vram for llama 2 7b", "what amount of memory for llama 2 7b"),
        (in_other_words, "tell me", None),
        (
            politely,
            "4090 vs 5090?",
            "Hi there, I hope this is not a silly question: 4090 vs 5090? Thanks a lot in advance!",
        ),
        (politely, "???", None),
        (without_care, "What's 7.5 GB/s, in Gbit?", "whats 7.5 gb/s in gbit"),
        (without_care, "1,600 W. Enough?", "1,600 w enough"),
        (without_care, "...", None),
        (in_other_units, "it draws 2000 W", "it draws 2 kW"),
        (in_other_units, "reads at 3500 MB/s", "reads at 3.5 GB/s"),
        (in_other_units, "with 64 GB of RAM", "with 64 GiB of RAM"),
        (in_other_units, "for a 70B model", "for a 70 billion parameter model"),
        (in_other_units, "and at 16k tokens", "and at 16 thousand tokens"),
        (in_other_units, "Qwen2.5-7B", None),
    ],
)
def test_the_rules(rewrite: Any, text: str, changed: str | None) -> None:
    assert rewrite(text) == changed


def test_a_false_premise_must_be_corrected(index: Index) -> None:
    one = sample("does qwen2.5 32b q4_k_m fit on a 4090?", "fit", verdict="fits")
    variation = varied(index, one, "false-premise")
    assert variation is not None
    assert "12 GB" in variation.sample.messages[0] or "48 GB" in variation.sample.messages[0]
    assert variation.sample.expect.verdict == "fits"
    real, corrected = variation.sample.expect.contains[-2:]
    assert "24 GB" in real
    assert any(phrase.startswith("not ") for phrase in corrected)


def test_a_second_device_must_be_answered_too(index: Index) -> None:
    one = sample("does qwen2.5 32b q4_k_m fit on a 4090?", "fit", verdict="fits")
    variation = varied(index, one, "two-devices")
    assert variation is not None
    assert variation.sample.expect.about == ("GeForce RTX 4090", "GeForce RTX 3090")
    assert variation.sample.expect.verdict == "fits"


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("does qwen2.5 32b fit on a 4090 with 24 GB?", "fit"),
        ("4090 or 3090 for qwen2.5 32b?", "fit"),
        ("does qwen2.5 32b q4_k_m fit on a 4090?", "multi-gpu"),
    ],
)
def test_no_premise_is_falsified_where_it_would_not_be_clear(index: Index, text: str, tag: str) -> None:
    assert varied(index, sample(text, tag), "false-premise") is None


def test_robustness_counts_what_was_right_before(index: Index) -> None:
    one = sample("what is VRAM?")
    first = outcome(Variation("typo", "a", one), unscored(one, "no"))
    outcomes = [
        first,
        *(Outcome(kind="typo", base=b, messages=("?",), value=v, explanation="") for b, v in (("b", 1.0), ("c", 1.0))),
    ]
    typo = next(found for found in kind_scores(outcomes, frozenset({"a", "b"})) if found.kind == "typo")
    assert (typo.right, typo.asked, typo.kept, typo.base_right) == (2, 3, 1, 2)
