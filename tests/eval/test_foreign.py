"""The chat does for a question of another language what it does for its translation."""

from eval.foreign import is_same, questions
from kb.search.live import Index

LEAST = 0.85


def test_foreign_questions_are_answered_as_their_translations_are(index: Index) -> None:
    same = {(code, one.text): is_same(index, one) for code, each in questions().items() for one in each}
    assert sum(same.values()) >= LEAST * len(same), [asked for asked, right in same.items() if not right]
