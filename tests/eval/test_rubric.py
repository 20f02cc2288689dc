"""The rubric of explanations: every point finds what it should, and no more."""

from pathlib import Path

import pytest
import yaml

from eval.rubric import Point, read_rubric
from eval.samples import EvaluationDataInvalid, read_samples

RUBRIC = read_rubric()
ANSWERS = yaml.safe_load((Path(__file__).parent / "explained.yaml").read_text("utf-8"))
POINTS = [(name, point) for name, each in RUBRIC.items() for point in each.points]


@pytest.mark.parametrize(("name", "point"), POINTS, ids=[f"{name}:{point.id}" for name, point in POINTS])
def test_a_point_finds_its_examples_and_not_the_others(name: str, point: Point) -> None:
    assert [text for text in point.makes if not point.made_by(text)] == []
    assert [text for text in point.misses if point.made_by(text)] == []


@pytest.mark.parametrize("name", RUBRIC)
def test_the_examples_together_cover_their_class_and_nothing_covers_none(name: str) -> None:
    each = RUBRIC[name]
    assert each.coverage(" ".join(point.makes[0] for point in each.points)) == 1
    assert each.coverage("") == 0
    assert len({point.id for point in each.points}) == len(each.points)


FLUFF = (
    "Thank you for this interesting question. Hardware for artificial intelligence is a wide field, and many people "
    "ask about it. There are several aspects that play a role here. Technology moves on quickly. I hope this helped."
)


@pytest.mark.parametrize("name", RUBRIC)
def test_talk_without_content_earns_next_to_nothing(name: str) -> None:
    assert RUBRIC[name].coverage(FLUFF) <= 0.34


@pytest.mark.parametrize(
    "answer", ANSWERS["expert"], ids=[f"{one['class']}: {one['text'][:30]}" for one in ANSWERS["expert"]]
)
def test_who_explains_in_other_words_is_understood(answer: dict[str, str]) -> None:
    assert RUBRIC[answer["class"]].coverage(answer["text"]) >= 0.75


@pytest.mark.parametrize("answer", ANSWERS["bare"], ids=[one["class"] for one in ANSWERS["bare"]])
def test_a_verdict_without_reasons_earns_nothing(answer: dict[str, str]) -> None:
    assert RUBRIC[answer["class"]].coverage(answer["text"]) == 0


def test_every_class_that_a_question_names_exists_and_every_class_is_asked_about() -> None:
    assert {sample.why for sample in read_samples()} - {None} == set(RUBRIC)


def test_a_sentence_that_denies_the_point_does_not_make_it() -> None:
    speed = RUBRIC["speed"]
    assert "bandwidth-decides" in speed.missing("The bandwidth does not matter here, and sets nothing.")


def test_a_row_of_figures_explains_nothing() -> None:
    point = next(point for point in RUBRIC["fit-yes"].points if point.id == "what-takes-the-memory")
    assert point.made_by("The weights take 4.9 GB and the cache takes 1.1 GB more.")
    assert not point.made_by("4.9 GB weights + 1.1 GB cache = 6.0 GB")


@pytest.mark.parametrize("pattern", ["<nonsense> & memory", "(unclosed & memory"])
def test_a_pattern_that_cannot_be_read_is_named(pattern: str) -> None:
    point = RUBRIC["speed"].points[0].model_copy(update={"any": (pattern,)})
    broken = Point.model_validate(point.model_dump())
    with pytest.raises(EvaluationDataInvalid, match="cannot be read"):
        broken.made_by("anything with memory")


def test_a_wrong_entry_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(yaml.safe_dump([{"id": "speed", "asks": "why?", "points": []}]), "utf-8")
    with pytest.raises(EvaluationDataInvalid, match=r"x\.yaml, entry 1, points"):
        read_rubric(tmp_path)


CANNED = {
    "Every token has to read the whole model, so the memory bandwidth sets the pace.": {
        "speed", "prefill", "compare", "spec-bandwidth",
    },
    "System memory is many times slower than the card's, so offloaded layers hold everything up.": {
        "fit-offload", "fit-no", "speed", "false-premise",
    },
    "A smaller quantization needs less memory at a small loss of quality.": {
        "memory", "best-quantization", "compare-quantization", "definition", "what-runs", "fit-offload", "fit-no",
    },
    "Please check current prices before you buy, because they change quickly.": {"recommend", "price", "build"},
}  # fmt: skip
"""Sentences that a model might write under anything, and the classes where they say something."""


@pytest.mark.parametrize("sentence", CANNED, ids=[sentence[:30] for sentence in CANNED])
def test_a_canned_sentence_earns_little_where_it_does_not_belong(sentence: str) -> None:
    elsewhere = [each.coverage(sentence) for name, each in RUBRIC.items() if name not in CANNED[sentence]]
    assert sum(elsewhere) / len(elsewhere) <= 0.15
    assert all(each.coverage(sentence) <= 0.67 for each in RUBRIC.values())
