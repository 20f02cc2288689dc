"""The rubric of explanations: every point finds what it should, and no more."""

import pytest

from eval.rubric import Point, read_rubric

RUBRIC = read_rubric()
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
