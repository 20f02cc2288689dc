"""Statements to Markdown: what stands where, and how figures are written."""

import pytest

from kb.text import markdown
from kb.text.statements import Basis, Quantity, Statement, Table, state

CALL, TERM = Basis("call", "0"), Basis("term", "vram")
SAID = (
    state("detail", "It is {a} + {b}.", CALL, a=Quantity(40.1, "GB"), b=Quantity(2.42, "GB")),
    state("next", "Take two."),
    state("assumption", "8,192 tokens of context."),
    state("assumption", "8,192 tokens of context."),
    state("reason", "It needs {need}.", CALL, need=Quantity(42.523, "GB")),
    state("answer", "Yes: {model} fits.", CALL, TERM, CALL, model="a {7B} model"),
    state("command", "`run`"),
    state("dispute", "One says so."),
    state("dispute", "Another says no."),
    state("ask", "Which card is it?"),
    state("correction", "It has {memory}.", memory=Quantity(24, "GB")),
)
NUMBERS = {CALL: 1, TERM: 2}


def test_a_brief_answer_begins_with_what_is_put_right_and_ends_with_what_is_asked_back() -> None:
    assert markdown.brief(SAID, NUMBERS.__getitem__).split("\n\n") == [
        "It has 24 GB.",
        "Yes: a {7B} model fits. [1][2] It needs 42.5 GB. [1]",
        "Take two.",
        "Assumed: 8,192 tokens of context.",
        "Sources disagree: One says so.",
        "Which card is it?",
    ]


def test_details_have_what_the_brief_answer_leaves_out() -> None:
    assert markdown.details(SAID, NUMBERS.__getitem__).split("\n\n") == [
        "- It is 40.1 GB + 2.42 GB. [1]",
        "`run`",
        "Sources disagree:\n- Another says no.",
    ]


def test_the_fourth_reason_is_a_detail() -> None:
    reasons = [state("reason", f"Reason {number}.") for number in "abcd"]
    brief, more = markdown.brief(reasons, NUMBERS.__getitem__), markdown.details(reasons, NUMBERS.__getitem__)
    assert (brief, more) == ("Reason a. Reason b. Reason c.", "- Reason d.")


@pytest.mark.parametrize(
    ("quantity", "text"),
    [
        (Quantity((8.14, 10.26), "tokens/s"), "8.14 to 10.3 tokens/s"),
        (Quantity((1999.0, 1999.0), "USD"), "$1,999"),
        (Quantity((0.5, 4), "EUR"), "€0.50 to €4"),
        (Quantity(0.0412, "SEK"), "0.041 SEK"),
        (Quantity(131072, "tokens", step=1), "131,072 tokens"),
        (Quantity(0.0), "0"),
    ],
)
def test_figures_are_as_fine_as_they_are_known(quantity: Quantity, text: str) -> None:
    assert markdown.shown(quantity) == text


def test_a_cell_ends_no_row() -> None:
    made = Table("answer", ("card", "memory"), (("A|B", Quantity(24, "GB")),), (TERM,))
    assert markdown.table(made, NUMBERS.__getitem__) == "| card | memory |\n| --- | --- |\n| A/B | 24 GB |\n\n[2]"


def test_a_sentence_has_a_value_for_each_slot() -> None:
    with pytest.raises(ValueError, match="no value for need"):
        Statement("answer", "It needs {need}.", {"needs": "1 GB"})
