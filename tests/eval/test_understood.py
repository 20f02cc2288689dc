"""What is stated by questions, marked by readers, against what is read of them."""

import json
import re

from eval.asked import questions
from eval.understood import MARKED, understood
from kb.chat.reading.role_lessons import unmarked
from kb.search.live import Index


def test_the_marks_stand_in_the_questions_that_are_judged() -> None:
    marked = {line["id"]: line for line in map(json.loads, MARKED.read_text("utf-8").splitlines())}
    asked = questions()
    assert set(marked) == {question.id for question in asked}
    for question in asked:
        plain = [unmarked(re.sub(r"<([^<>|]+)\|\w+>", r"\1", turn))[0] for turn in marked[question.id]["turns"]]
        assert plain == list(question.turns)


def test_what_is_read_and_what_is_missed_is_counted(index: Index) -> None:
    line = {
        "turns": ["does <llama 3.1 8b|model> run on a <3090|device> with [64 GB|ram] of ram, my <frobnicator|device>"],
        "asks": ["check_fit", "small_talk"],
    }
    told = understood(index, [json.dumps(line)])
    assert (told.names.right, told.names.read, told.names.meant) == (2, 2, 3)
    assert (told.figures.right, told.figures.read, told.figures.meant) == (1, 1, 1)
    assert (told.first.right, told.first.read, told.first.meant) == (1, 1, 1)
    assert told.asks.meant == 2
