"""The turn of the vectors towards this field."""

import numpy as np

from kb.search.sense import learn_turn, turned

TEXTS = np.eye(6, dtype=np.float32)[:4]
MIXED = np.array([[0.6, 0.0, 0.0, 0.0, 0.8, 0.0], [0.0, 0.6, 0.0, 0.0, 0.8, 0.0]], np.float32)
QUESTIONS = np.vstack([MIXED, MIXED])
ROWS = (1, 2, 1, 2)


def test_passages_come_nearer_to_what_they_answer_and_farther_from_the_rest() -> None:
    turn = learn_turn(TEXTS, QUESTIONS, ROWS)
    before, after = MIXED @ TEXTS.T, turned(MIXED, turn) @ turned(TEXTS, turn).T
    own, other = np.diag(after[:, :2]), np.diag(after[:, 1::-1])
    assert np.all(own - other > np.diag(before[:, :2]) - np.diag(before[:, 1::-1]))


def test_the_same_questions_teach_the_same() -> None:
    assert np.array_equal(learn_turn(TEXTS, QUESTIONS, ROWS), learn_turn(TEXTS, QUESTIONS, ROWS))


def test_too_little_teaches_nothing() -> None:
    assert np.array_equal(learn_turn(TEXTS, QUESTIONS[:2], (1, 2)), np.eye(6))
