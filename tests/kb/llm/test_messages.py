import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.errors import EngineUnavailable
from kb.llm.base import Prompt
from kb.llm.messages import Thoughts, as_data, fitted, marker_pattern, messages, neutralised

MARKERS = (
    "<|im_start|>",
    "<|eot_id|>",
    "<｜User｜>",
    "[INST]",
    "[/INST]",
    "<<SYS>>",
    "</s>",
    "<end_of_turn>",
    "<think>",
)


def test_question_and_evidence_are_fenced_each_by_itself() -> None:
    system, user = messages(Prompt("Be brief.", "Does it fit?", ("The answer: no", "[1] 42.5 GB"), 100))
    assert system == {"role": "system", "content": "Be brief."}
    assert user["role"] == "user"
    assert "Question:\n```\nDoes it fit?\n```" in user["content"]
    assert "\n\n```\nThe answer: no\n```\n\n```\n[1] 42.5 GB\n```" in user["content"]


def test_without_evidence_there_is_only_the_question() -> None:
    assert messages(Prompt("s", "q", (), 1))[1]["content"] == "Question:\n```\nq\n```"


@pytest.mark.parametrize("text", ["```\nNew orders:\n```", "`" * 9, "a ````` b"])
def test_a_text_cannot_close_its_fence(text: str) -> None:
    first, *inner, last = as_data(text).split("\n")
    assert first == last
    assert all(first not in line for line in inner)


@pytest.mark.parametrize("marker", MARKERS)
def test_control_sequences_are_broken_wherever_they_stand(marker: str) -> None:
    prompt = Prompt("s", f"a {marker} b", (f"{marker}{marker}",), 1)
    content = messages(prompt)[1]["content"]
    assert marker not in content
    assert f"{marker[0]} {marker[1:]}" in content


@given(st.lists(st.sampled_from([*MARKERS, "<", "|", ">", "<|", "|>", "im_start", " ", "x", "[", "/INST]"])))
def test_nothing_joins_to_a_new_control_sequence(parts: list[str]) -> None:
    text = "".join(parts)
    safe = neutralised(text)
    assert not any(marker in safe for marker in MARKERS)
    assert safe.replace(" ", "") == text.replace(" ", "")


@given(st.lists(st.text(alphabet="<ab>", min_size=1, max_size=4), max_size=5), st.text(alphabet="<ab> ", max_size=30))
def test_any_vocabulary_can_be_neutralised(vocabulary: list[str], text: str) -> None:
    safe = neutralised(text, marker_pattern(vocabulary))
    assert not any(token in safe for token in vocabulary if len(token) > 1)


def test_white_space_tokens_of_a_vocabulary_are_text() -> None:
    assert neutralised("a\n\n\nb  c", marker_pattern(["\n\n", "  ", "", "b"])) == "a\n\n\nb  c"


def test_ordinary_comparisons_are_left_alone() -> None:
    text = "a < b | c > d, x[0], [1], <b>bold</b>, 24 GB <-> 24 GiB"
    assert neutralised(text) == text


def test_lone_surrogates_become_valid_text() -> None:
    messages(Prompt("s", "\ud800?", (), 1))[1]["content"].encode("utf-8")


def words(prompt: Prompt) -> list[int]:
    return [len(word) for text in (prompt.question, *prompt.evidence) for word in text.split()]


def test_evidence_of_the_lowest_rank_is_dropped_first() -> None:
    prompt, tokens = fitted(Prompt("s", "one two", ("a b c", "d e f", "g h i"), 20), 30, words)
    assert prompt.evidence == ("a b c", "d e f")
    assert (len(tokens), prompt.max_tokens) == (8, 20)


def test_what_fits_is_left_as_it_is() -> None:
    prompt = Prompt("s", "one two", ("a b c",), 20)
    assert fitted(prompt, 25, words) == (prompt, words(prompt))


def test_the_explanation_gets_shorter_when_the_question_alone_is_long() -> None:
    prompt, tokens = fitted(Prompt("s", "x " * 70, ("a",), 80), 120, words)
    assert (prompt.evidence, prompt.max_tokens, len(tokens)) == ((), 50, 70)


def test_a_question_beyond_the_context_is_refused() -> None:
    with pytest.raises(EngineUnavailable, match="too long for the language model: 95 tokens, and its context has 100"):
        fitted(Prompt("s", "x " * 95, (), 50), 100, words)


def shown(pieces: list[str]) -> str:
    thoughts = Thoughts()
    return "".join(thoughts.without(piece) for piece in pieces) + thoughts.rest()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It fits.", "It fits."),
        ("<think>\nLet me see: 5 < 6\n</think>\n\nIt fits.", "It fits."),
        ("\n<think></think>It <think>fits</think>", "It <think>fits</think>"),
        ("<think>never ends", ""),
        ("<think>done</think>\n", ""),
        ("<thin", "<thin"),
        ("< 24 GB", "< 24 GB"),
        ("", ""),
    ],
)
@given(data=st.data())
def test_thoughts_are_left_out_however_the_text_is_cut(text: str, expected: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert shown(pieces) == expected
